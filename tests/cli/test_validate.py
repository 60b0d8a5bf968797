"""``almguard validate``: everything that people write, each file by its kind, every mistake once."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from tests.cli.conftest import ROOT, Ended, World

HEAD = "apiVersion: almguard/v1\n"
POLICY = HEAD + "kind: Policy\nmetadata: {name: own}\nrules:\n  - {rule: approvals, enforce: block}\n"
WAIVER = """
  - entry: own/approvals
    subject: acme/payments
    reason: The team is one person until June.
    owner: ana
    approver: ben
    expires: %s
"""
NOW = ("--now", "2026-06-02T12:00:00Z")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the command line in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return name


def validate(*arguments: str) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.run(["validate", *arguments])
    assert "error in almguard itself" not in err.getvalue(), err.getvalue()
    return Ended(code, out.getvalue(), err.getvalue())


GOOD: dict[str, tuple[str, str]] = {
    "policy.yml": (POLICY, "1 entry in 1 policy (own)"),
    "config.yml": (HEAD + "kind: Config\npolicies: [pack:baseline]\n", "7 entries in 1 policy (baseline)"),
    "waivers.yml": (HEAD + "kind: Waivers\nwaivers:" + WAIVER % "2099-01-31", "1 waiver"),
    "identities.yml": (
        HEAD + "kind: Identities\npeople:\n  - {name: Ana, github: ana, emails: [a@b.example]}\n",
        "1 person",
    ),
    "services.csv": ("repository,tier\nacme/payments,critical\nacme/*,low\n", "an inventory of 2 rows"),
    "almguard-baseline.json": (
        '{"schema": "almguard.baseline/v1", "created_at": "2026-06-01T00:00:00Z", "findings": []}',
        "a baseline of 0 findings",
    ),
    "tools.yml": (
        "analyzers:\n  - {id: own, name: Own, kinds: [lint], url: 'https://own.example', commands: [own-lint]}\n",
        "a catalogue of 1 tool",
    ),
    "tests.yml": (
        HEAD + "kind: Tests\npolicy: pack:baseline\ncases:\n  - {name: one, facts: {work_items: []}, expect: "
        "{entries: {requirement-link: fail}}}\n",
        "1 case",
    ),
    "world.yml": ("kind: Scenario\nrepositories: [{name: payments}]\n", "a scenario of 1 repository"),
}


@pytest.mark.parametrize("name", GOOD)
def test_each_kind_of_file_is_checked_as_that(name: str, here: Path) -> None:
    text, said = GOOD[name]
    write(name, text)
    ended = validate(name)
    assert (ended.code, ended.err) == (0, "")
    assert name in ended.out
    assert said in ended.out


BAD: dict[str, tuple[str, str]] = {
    "policy.yml": (
        POLICY.replace("approvals", "aprovals"),
        "policy.yml:5:12: rules[0].rule: no rule is called 'aprovals'",
    ),
    "waivers.yml": (HEAD + "kind: Waivers\nwaivers:" + WAIVER % "soon", "waivers.yml:9:14: waivers[0].expires: a day"),
    "identities.yml": (
        HEAD + "kind: Identities\npeople: [{nam: Ana}]\n",
        "identities.yml:3:11: people[0].nam: unknown key 'nam'",
    ),
    "services.csv": ("repo,tier\na,b\n", "services.csv:1:1: the first line names no column 'repository'"),
    "almguard-baseline.json": ('{"schema": "x"}', "almguard-baseline.json:1:"),
    "tools.yml": ("analyzers:\n  - {id: own}\n", "tools.yml:2:5: "),
    "controls.yml": ("controls: 3\n", "controls.yml:1:"),
    "tests.yml": (HEAD + "kind: Tests\npolicy: pack:baseline\ncases:\n  - {nam: one}\n", "tests.yml:5:"),
    "world.yml": ("kind: Scenario\nrepositories: [{nam: payments}]\n", "world.yml:2:17: repositories[0].nam: "),
    "else.yml": (HEAD + "kind: Polcy\n", "else.yml:2:7: kind: Policy, Config, "),
    "none.yml": (HEAD, "none.yml:1:1: the key 'kind' is missing"),
    "list.yml": ("- 1\n", "list.yml:1:1: "),
    "version.yml": ("apiVersion: almguard/v9\nkind: Waivers\nwaivers: []\n", "version.yml:1:13: apiVersion: "),
    "binary.yml": ("\x00", "binary.yml:1:"),
    "empty.yml": ("", "empty.yml:1:1: the file is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_has_its_place(name: str, here: Path) -> None:
    text, said = BAD[name]
    write(name, text)
    ended = validate(name)
    assert ended.code == 2
    assert said in ended.err
    assert "all is well" not in ended.out


def test_a_file_that_is_no_text_is_a_mistake_like_others(here: Path) -> None:
    Path("latin.yml").write_bytes(b"kind: Policy # caf\xe9\n")
    write("broken.yml", HEAD + "kind: Polcy\n")
    ended = validate("latin.yml", "broken.yml")
    assert ended.code == 2
    assert ended.err.splitlines() == sorted(ended.err.splitlines())
    assert "latin.yml:1:1: it cannot be read: it is not UTF-8 text" in ended.err
    assert "broken.yml:2:7: kind: " in ended.err
    assert "did you mean 'Policy'" in ended.err


CONFIG = (
    HEAD
    + "kind: Config\npolicies: [policies/*.yml]\nwaivers: [waivers.yml]\nidentities: people.yml\n"
    + "inventory: services.csv\nbaseline: known.json\nanalyzers: [tools.yml]\n"
)


def test_without_a_file_everything_that_is_named_here_is_checked(here: Path) -> None:
    write(".github/almguard.yml", CONFIG)
    for name, text in {
        "policies/own.yml": POLICY.replace("block", "blok"),
        "waivers.yml": HEAD + "kind: Waivers\nwaivers: [{entry: x}]\n",
        "people.yml": HEAD + "kind: Identities\npeople: 3\n",
        "services.csv": "repo\n",
        "known.json": "{}",
        "tools.yml": "analyzers: [{id: Own}]\n",
    }.items():
        write(name, text)
    ended = validate()
    assert ended.code == 2
    found = ended.err.splitlines()
    assert found == sorted(found, key=lambda line: (line.partition(":")[0], *map(int, line.split(":")[1:3])))
    assert len(set(found)) == len(found)
    for name in ("policies/own.yml", "waivers.yml", "people.yml", "services.csv", "known.json", "tools.yml"):
        assert any(line.startswith(f"{name}:") for line in found), name


def test_files_that_are_missing_or_cannot_be_read_are_told_where_they_are_named(here: Path) -> None:
    write(".github/almguard.yml", HEAD + "kind: Config\npolicies: [a.yml, b.yml]\nanalyzers: [c.yml]\n")
    Path("a.yml").write_bytes(b"\xff")
    ended = validate()
    assert ended.code == 2
    assert ".github/almguard.yml:3:12: policies[0]: a.yml: it cannot be read" in ended.err
    assert ".github/almguard.yml:3:19: policies[1]: there is no file 'b.yml'" in ended.err
    assert ".github/almguard.yml:4:13: analyzers[0]: there is no file 'c.yml'" in ended.err


def test_a_mistake_that_two_files_lead_to_is_told_once(here: Path) -> None:
    write(".git/HEAD", "")
    write(".github/almguard.yml", HEAD + "kind: Config\npolicies: [policies/a.yml]\n")
    write(
        "policies/a.yml", POLICY.replace("rules:", "extends: policies/base.yml\nrules:").replace("name: own", "name: a")
    )
    write("policies/base.yml", POLICY.replace("approvals", "aprovals"))
    ended = validate(".github/almguard.yml", "policies/a.yml", "policies/base.yml")
    assert ended.code == 2
    assert ended.err.count("no rule is called 'aprovals'") == 1
    assert ended.err.startswith("policies/base.yml:5:12: ")


def test_the_tests_that_are_here_are_checked_too(here: Path) -> None:
    write(".git/HEAD", "")
    write("almguard.yml", HEAD + "kind: Config\npolicies: [policies/own.yml]\n")
    write("policies/own.yml", POLICY.replace("rules:", "extends: policies/base.yml\nrules:"))
    write("policies/base.yml", POLICY.replace("own", "base"))
    tests = HEAD + "kind: Tests\npolicy: ../own.yml\ncases: [{name: one, expect: {entries: {approvals: pass}}}]\n"
    write("policies/tests/own.yml", tests)
    write("policies/tests/world.yml", "kind: Scenario\n")
    assert validate().err == ""
    assert validate().out.splitlines()[1:] == ["policies/tests/own.yml: 1 case: all is well."]
    write("policies/tests/own.yml", tests.replace("approvals", "aprovals"))
    write("policies/base.yml", POLICY.replace("block", "blok"))
    Path("policies/tests/latin.yml").write_bytes(b"\xe9")
    ended = validate()
    assert ended.code == 2
    assert ended.err.count("policies/base.yml:5:32: ") == 1
    assert "policies/tests/latin.yml:1:1: it cannot be read" in ended.err
    write("policies/base.yml", POLICY.replace("own", "base"))
    assert "policies/tests/own.yml:4:" in validate().err
    Path("policies/own.yml").write_bytes(b"\xe9")
    assert "policies/tests/own.yml:1:1: policies/own.yml: it cannot be read" in validate().err


def test_a_policy_is_read_from_the_root_of_its_checkout(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(".git/HEAD", "")
    write("almguard.yml", HEAD + "kind: Config\npolicies: [policies/a.yml]\n")
    write("policies/a.yml", HEAD + "kind: Policy\nmetadata: {name: a}\nextends: policies/base.yml\nrules: []\n")
    write("policies/base.yml", POLICY)
    assert validate("policies/a.yml").code == 0
    monkeypatch.chdir("policies")
    assert validate("a.yml").code == 0
    assert validate("../almguard.yml").code == 0
    Path("base.yml").write_text(POLICY.replace("block", "blok"), encoding="utf-8")
    assert validate("../almguard.yml").err.startswith("base.yml:5:")
    assert validate(str(here / "almguard.yml")).err.startswith(str(here / "policies/base.yml") + ":5:")


def test_waivers_are_held_against_the_entries_and_the_clock(here: Path) -> None:
    write("almguard.yml", HEAD + "kind: Config\npolicies: [own.yml]\nwaivers: [waivers.yml]\n")
    write("own.yml", POLICY.replace("rules:", "waivers: {max_days: 90}\nrules:"))
    write("waivers.yml", HEAD + "kind: Waivers\nwaivers:" + WAIVER % "2026-06-01")
    ended = validate(*NOW)
    assert ended.code == 0
    assert "1 entry in 1 policy, 1 waiver (own): all is well." in ended.out
    assert ended.err == (
        "warning: waivers.yml:4:1: the waiver of own/approvals: it ended on 2026-06-01, 1 day ago; it covers nothing\n"
    )
    assert validate("waivers.yml", *NOW).err.startswith("warning: waivers.yml:9:14: waivers[0].expires: it ended on ")
    assert validate(*NOW[:1], "2026-03-10T00:00:00Z").err == ""
    assert "ends in 2 days" in validate(*NOW[:1], "2026-05-30T00:00:00Z").err
    assert "allows 90 days" in validate(*NOW[:1], "2026-01-01T00:00:00Z").err
    write("waivers.yml", HEAD + "kind: Waivers\nwaivers:" + WAIVER.replace("own/appr", "own/apr") % "2026-07-01")
    ended = validate(*NOW)
    assert ended.code == 2
    assert "waivers.yml:4:12: waivers[0].entry: no policy has the entry 'own/aprovals', did you mean" in ended.err


def test_json_has_every_mistake_and_warning_in_parts(here: Path) -> None:
    write("almguard.yml", HEAD + "kind: Config\npolicies: [own.yml]\nwaivers: [waivers.yml]\n")
    write("own.yml", POLICY)
    write("waivers.yml", HEAD + "kind: Waivers\nwaivers:" + WAIVER % "2026-06-01")
    write("bad.yml", POLICY.replace("block", "blok"))
    ended = validate("almguard.yml", "bad.yml", "--format", "json", *NOW)
    assert (ended.code, ended.err) == (2, "")
    said: dict[str, Any] = json.loads(ended.out)
    assert said["schema"] == "almguard.validation/v1"
    assert said["valid"] is False
    assert [(each["severity"], each["file"], each["line"], each["column"]) for each in said["problems"]] == [
        ("error", "bad.yml", 5, 32),
        ("warning", "waivers.yml", 4, 1),
    ]
    assert said["problems"][0]["path"] == "rules[0].enforce"
    assert "did you mean 'block'" in said["problems"][0]["message"]
    assert json.loads(validate("almguard.yml", "--format", "json", *NOW).out)["valid"] is True


def test_nothing_is_read_from_elsewhere_unless_asked(here: Path) -> None:
    text = POLICY.replace("rules:", "extends: 'github:acme/governance//base.yml@v3'\nrules:")
    write("own.yml", text)
    ended = validate("own.yml")
    assert ended.code == 2
    assert "own.yml:4:10: extends: 'github:acme/governance//base.yml@v3' is a file of another repository" in ended.err
    assert "--online" in ended.err


REMOTE = {
    "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Platform"}]}],
    "repositories": [{"name": "governance", "files": {"base.yml": POLICY.replace("own", "base")}}],
}


@pytest.mark.parametrize("prefix", ["github:acme", "ado:acme/Platform"])
def test_online_reads_what_is_extended_and_says_what_is_pinned_to_nothing(
    prefix: str, world: Callable[[dict[str, Any]], World]
) -> None:
    served = world(REMOTE)
    name = f"{prefix}/governance//base.yml"
    path = served.write("own.yml", POLICY.replace("rules:", f"extends: '{name}'\nrules:"))
    ended = served.call("validate", path, "--online")
    assert ended.code == 0, ended.err
    assert "own.yml: 1 entry in 1 policy (own): all is well." in ended.out
    assert f"own.yml:4:1: {name} is pinned to no tag or commit" in ended.err
    missing = served.write("own.yml", POLICY.replace("rules:", f"extends: '{name}x'\nrules:"))
    ended = served.call("validate", missing, "--online")
    assert ended.code == 2
    assert "own.yml:4:10: extends: " in ended.err


def test_without_a_configuration_it_says_how_to_get_one(here: Path) -> None:
    ended = validate()
    assert ended.code == 2
    assert "almguard init" in ended.err


def test_offline_no_sdk_is_imported(here: Path) -> None:
    write("own.yml", POLICY)
    code = "import sys; from bot.cli import main; main.run(['validate', 'own.yml']); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=True,
    )
    assert "all is well" in done.stdout
    for name in ("'github'", "'azure'", "'requests'", "'bot.platforms.", "'bot.engine.judging'", "'rich'", "'jinja2'"):
        assert name not in done.stdout, name
