"""``almguard init``: what it finds out, what it writes, and that everything it writes works."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.cli.main import run
from bot.cli.schema import schema_of
from bot.policy.load import shipped_packs
from tests.cli.conftest import ROOT, World, demo_scenario

NOW = ("--now", "2026-06-02T12:00:00Z")
GITHUB = "https://github.com/acme/payments.git"
AZURE = "git@ssh.dev.azure.com:v3/acme/Payments/ledger"
COMMON = ["policies/payments.yml", "policies/tests/payments.yml", "waivers.yml"]
FILES = {
    "github": [".github/almguard.yml", ".github/workflows/almguard.yml", *COMMON],
    "azure-devops": [
        ".azuredevops/almguard-again.yml",
        ".azuredevops/almguard-gate.yml",
        ".azuredevops/almguard.yml",
        "almguard.yml",
        *COMMON,
    ],
}
WORKFLOW = """name: "CI: build"
on: pull_request
jobs:
  lint:
    runs-on: ubuntu-24.04
    steps:
      - run: uvx ruff check
      - run: uvx mypy . || true
"""


def git(folder: Path, *arguments: str) -> None:
    settings = ["-c", "user.name=ana", "-c", "user.email=ana@acme.example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder called payments, in which the command line is."""
    folder = tmp_path / "payments"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return folder


def checkout(folder: Path, remote: str = "", files: Mapping[str, str] | None = None, branch: str = "main") -> None:
    git(folder, "init", "-q", "-b", branch)
    if remote:
        git(folder, "remote", "add", "origin", remote)
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    if files:
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "Begin")


def written(folder: Path) -> list[str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return sorted(str(path) for path in files if path.parts[0] != ".git")


@pytest.mark.parametrize("pack", shipped_packs())
@pytest.mark.parametrize("platform", FILES)
def test_what_it_writes_validates_and_follows_its_schema(
    platform: str, pack: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout(here)
    assert run(["init", "--platform", platform, "--pack", pack, *NOW]) == 0
    assert written(here) == sorted(FILES[platform])
    said = capsys.readouterr().out
    assert all(f"wrote {name}" in said for name in FILES[platform])
    steps = ["1.", "2.", "3.", "4."][: 3 if platform == "github" else 4]
    assert [line[:2] for line in said.splitlines()[-len(steps) :]] == steps
    assert run(["validate", *NOW]) == 0
    assert capsys.readouterr().err == ""
    assert run(["test"]) == 0
    assert "2 cases" in capsys.readouterr().out
    config = FILES[platform][0 if platform == "github" else 3]
    kinds = {config: "policy", "policies/payments.yml": "policy", "waivers.yml": "waivers"}
    for name, kind in {**kinds, "policies/tests/payments.yml": "tests"}.items():
        text = (here / name).read_text(encoding="utf-8")
        assert text.startswith("# yaml-language-server: $schema=https://")
        assert f"/docs/schema/{kind}.schema.json\n" in text.splitlines(keepends=True)[0]
        jsonschema.Draft7Validator(schema_of(kind)).validate(_document(text))
        assert max(map(len, text.splitlines())) <= 128
    assert f"extends: [pack:{pack}]" in (here / "policies/payments.yml").read_text(encoding="utf-8")


def _document(text: str) -> Any:
    """Dates are text to almguard, as they are in JSON."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def test_what_blocks_in_the_pack_warns_for_a_month(here: Path) -> None:
    checkout(here, GITHUB)
    assert run(["init", *NOW]) == 0
    policy = yaml.safe_load((here / "policies/payments.yml").read_text(encoding="utf-8"))
    assert {entry["name"] for entry in policy["rules"]} == {"requirement-link", "static-analysis-passed", "approvals"}
    for entry in policy["rules"]:
        first, second = entry["enforce"]
        assert (list(first), str(second["block"])) == (["warn"], "2026-07-02")


def test_the_guide_shows_what_it_does(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guide = (ROOT / "docs/first-policy.md").read_text(encoding="utf-8")
    shown = [block.partition("\n") for block in re.findall(r"```console\n\$ (.*?)```", guide, re.DOTALL)]
    workflow = WORKFLOW.replace("      - run: uvx mypy . || true\n", "")
    checkout(here, GITHUB, {".github/workflows/ci.yml": workflow})
    for command, _, output in shown[:2]:
        assert run(command.split()[1:]) == 0
        assert capsys.readouterr().out == output
    (policy,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    text = (here / "policies/payments.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(text) == yaml.safe_load(policy)


def test_a_pack_that_cannot_be_loosened_is_taken_as_it_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkout(here, GITHUB)
    assert run(["init", "--pack", "pack:regulated", *NOW]) == 0
    text = (here / "policies/payments.yml").read_text(encoding="utf-8")
    assert "\nrules: []\n" in text
    assert "pack:regulated lets nobody loosen it" in text
    assert run(["init", "--pack", "regulatd"]) == 2
    assert "did you mean 'regulated'" in capsys.readouterr().err


HOST = re.compile(r"(?:@|//)([a-z.]+)(?=[:/])")
REMOTES = {
    GITHUB: ("github:acme/payments", "GitHub", "payments"),
    "git@github.com:acme/Pay.Ments_2.git": ("github:acme/Pay.Ments_2", "GitHub", "pay-ments-2"),
    "https://user:secret-word@github.acme.example/acme/ledger.git": ("ledger", "GitHub", "ledger"),
    "ssh://git@acme.ghe.com/acme/ledger": ("ledger", "GitHub", "ledger"),
    AZURE: ("ado:acme/Payments/ledger", "Azure DevOps", "ledger"),
    "https://acme@dev.azure.com/acme/Pay%20Ments/_git/Big%20Ledger": (
        "ado:acme/Pay Ments/Big Ledger",
        "Azure DevOps",
        "big-ledger",
    ),
    "https://acme.visualstudio.com/Payments/_git/ledger": ("ado:acme/Payments/ledger", "Azure DevOps", "ledger"),
    "https://tfs.acme.example/tfs/Main/Payments/_git/ledger": ("ledger", "Azure DevOps", "ledger"),
}


@pytest.mark.parametrize("remote", REMOTES)
def test_the_remote_tells_the_platform_and_the_repository(
    remote: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, platform, name = REMOTES[remote]
    checkout(here, remote, {"README.md": "Hello\n"}, branch="trunk")
    assert run(["init", *NOW]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{target}: {platform} (told by the remote on ")
    assert "the default branch trunk" in said
    assert said.partition(" (told by the remote on ")[2].split(")")[0] == HOST.findall(remote)[-1]
    assert "secret-word" not in said + "".join((here / file).read_text(encoding="utf-8") for file in written(here))
    assert (here / f"policies/{name}.yml").is_file()
    assert run(["validate", *NOW]) == 0


def test_another_remote_than_origin_will_do_where_it_is_the_only_one(here: Path) -> None:
    checkout(here)
    git(here, "remote", "add", "upstream", AZURE)
    assert run(["init", *NOW]) == 0
    assert (here / "policies/ledger.yml").is_file()


@pytest.mark.parametrize(
    ("signs", "platform"),
    [
        ([".github/dependabot.yml"], "github"),
        (["azure-pipelines.yml"], "azure-devops"),
        ([".azuredevops/pull_request_template.md"], "azure-devops"),
        ([], None),
        ([".github/dependabot.yml", "azure-pipelines.yml"], None),
    ],
)
def test_without_a_remote_files_tell_the_platform_or_it_is_asked_for(
    signs: list[str], platform: str | None, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout(here, "", dict.fromkeys(signs, "{}\n"))
    code = run(["init", *NOW])
    said = capsys.readouterr()
    if platform is None:
        assert code == 2
        assert "--platform github or --platform azure-devops" in said.err
        assert written(here) == sorted(signs)
        assert run(["init", "--platform", "github", *NOW]) == 0
    else:
        assert code == 0
        assert set(FILES[platform]) <= set(written(here))


def test_a_folder_that_is_no_checkout_is_one_to_be(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", *NOW]) == 2
    assert "--platform" in capsys.readouterr().err
    assert run(["init", "--platform", "azure-devops", *NOW]) == 0
    assert "the default branch main" in capsys.readouterr().out


def test_a_folder_inside_a_checkout_is_not_where_a_gate_looks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkout(here, GITHUB, {"src/a.py": ""})
    assert run(["init", "src", *NOW]) == 2
    assert f"almguard init {here}" in capsys.readouterr().err
    assert written(here) == ["src/a.py"]


def test_analysis_and_owners_that_are_there_are_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkout(here, GITHUB, {".github/workflows/ci.yml": WORKFLOW, "docs/CODEOWNERS": "* @ana\n"})
    assert run(["init", *NOW]) == 0
    said = capsys.readouterr().out
    assert "docs/CODEOWNERS" in said.splitlines()[0]
    assert "analysis that gates: Ruff." in said.splitlines()[0]
    policy = here / "policies/payments.yml"
    text = policy.read_text(encoding="utf-8")
    assert '#   Ruff (.github/workflows/ci.yml:7, runs "ruff check")\n' in text
    assert '#   mypy (.github/workflows/ci.yml:8, runs "mypy ."): ' in text
    workflow = yaml.safe_load((here / ".github/workflows/almguard.yml").read_text(encoding="utf-8"))
    assert workflow[True]["workflow_run"]["workflows"] == ["CI: build"]
    # What is said about owners is what it says.
    (suggested,) = (line for line in text.splitlines() if "code_owners" in line)
    entry = "  - name: approvals\n"
    assert entry in text
    policy.write_text(text.replace(entry, entry + suggested.removeprefix("# ") + "\n"))
    assert run(["validate", *NOW]) == 0


def test_a_file_of_any_name_stays_inside_its_comment(here: Path) -> None:
    checkout(here, GITHUB, {".github/workflows/a\nrules: 3\n.yml": WORKFLOW})
    assert run(["init", *NOW]) == 0
    assert run(["validate", *NOW]) == 0
    assert "a\\nrules: 3" in (here / "policies/payments.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("platform", FILES)
def test_one_file_that_is_there_keeps_all_from_being_written(
    platform: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout(here)
    (here / "waivers.yml").write_text("mine", encoding="utf-8")
    (here / "policies/tests").mkdir(parents=True)
    (here / "policies/tests/payments.yml").write_text("mine", encoding="utf-8")
    arguments = ["init", "--platform", platform, *NOW]
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert "Nothing was written" in said
    assert "waivers.yml: it exists; --force overwrites it" in said
    assert "policies/tests/payments.yml: it exists" in said
    assert written(here) == ["policies/tests/payments.yml", "waivers.yml"]
    assert run([*arguments, "--force"]) == 0
    assert "kind: Waivers" in (here / "waivers.yml").read_text(encoding="utf-8")
    before = {name: (here / name).read_bytes() for name in written(here)}
    assert run(arguments) == 2
    assert run([*arguments, "--force"]) == 0
    assert {name: (here / name).read_bytes() for name in written(here)} == before


@pytest.mark.parametrize(("platform", "other"), [("github", "almguard.yml"), ("azure-devops", ".github/almguard.yml")])
def test_a_configuration_at_the_other_place_would_hide_it(
    platform: str, other: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout(here, "", {other: "mine\n"})
    assert run(["init", "--platform", platform, "--force", *NOW]) == 2
    assert f"{other}: it is a configuration already" in capsys.readouterr().err
    assert written(here) == [other]


def test_nothing_is_written_through_a_link_that_leads_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkout(here, GITHUB)
    outside = here.parent / "outside"
    outside.mkdir()
    (here / "policies").symlink_to(outside, target_is_directory=True)
    (here / "waivers.yml").symlink_to(outside / "waivers.yml")
    assert run(["init", "--force", *NOW]) == 2
    said = capsys.readouterr().err
    assert "policies/payments.yml: a symbolic link leads out of ." in said
    assert "waivers.yml: a symbolic link leads out of ." in said
    assert not list(outside.iterdir())
    assert not (here / ".github").exists()


def test_what_stands_in_the_way_is_said_and_nothing_is_half_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout(here, GITHUB)
    (here / "policies").write_text("a file", encoding="utf-8")
    (here / "waivers.yml").mkdir()
    assert run(["init", "--force", *NOW]) == 2
    said = capsys.readouterr().err
    assert "policies/payments.yml: policies is a file, and no folder" in said
    assert "waivers.yml: a folder has this name" in said
    assert written(here) == ["policies"]


def test_a_disk_that_refuses_leaves_nothing_behind(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import tempfile

    made = tempfile.mkstemp

    def full(*arguments: Any, **named: Any) -> tuple[int, str]:
        if "waivers" in str(named.get("prefix")):
            raise OSError(28, "No space left on device")
        return made(*arguments, **named)

    checkout(here, GITHUB)
    monkeypatch.setattr(tempfile, "mkstemp", full)
    assert run(["init", *NOW]) == 2
    assert "waivers.yml: it cannot be written: No space left on device" in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == [".git"]


def test_a_dry_run_prints_and_writes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkout(here, GITHUB)
    assert run(["init", "--dry-run", *NOW]) == 0
    said = capsys.readouterr().out
    assert [line[4:] for line in said.splitlines() if line.startswith("==> ")] == [
        ".github/almguard.yml",
        "policies/payments.yml",
        "waivers.yml",
        "policies/tests/payments.yml",
        ".github/workflows/almguard.yml",
    ]
    assert written(here) == []


def test_the_azure_pipeline_runs_the_steps_beside_it(here: Path) -> None:
    checkout(here, AZURE)
    assert run(["init", *NOW]) == 0
    pipeline = yaml.safe_load((here / ".azuredevops/almguard.yml").read_text(encoding="utf-8"))
    (used,) = [step for step in pipeline["steps"] if "template" in step]
    steps = yaml.safe_load((here / ".azuredevops" / used["template"]).read_text(encoding="utf-8"))
    declared = {parameter["name"]: parameter for parameter in steps["parameters"]}
    assert set(used["parameters"]) <= set(declared)
    assert {name for name, parameter in declared.items() if "default" not in parameter} <= set(used["parameters"])


@pytest.mark.parametrize("platform", FILES)
def test_audit_and_gate_go_by_it(platform: str, tmp_path: Path, world: Callable[[dict[str, Any]], World]) -> None:
    folder = tmp_path / "payments"
    folder.mkdir()
    checkout(folder, "", {"README.md": "Hello\n"})
    scenario = demo_scenario()
    repository = next(each for each in scenario["repositories"] if each["name"] == "payments")
    served = world(scenario)
    assert served.call("init", "--platform", platform, *NOW, cwd=folder).code == 0
    audited = served.call("audit", ".", "--format", "json", *NOW, cwd=folder)
    assert audited.code in (0, 3), audited.err
    assert [policy["name"] for policy in audited.json()["policies"]] == ["payments"]
    files = {name: (folder / name).read_text(encoding="utf-8") for name in written(folder)}
    repository.setdefault("files", {}).update(files)
    again = world(scenario)
    target = "github:acme/payments#12" if platform == "github" else "ado:acme/Payments/payments!12"
    gated = again.call("gate", target, "--dry-run", "--format", "json")
    assert gated.code in (0, 1, 3, 5), gated.err
    assert [policy["name"] for policy in gated.json()["policies"]] == ["payments"]
    assert {result["key"].partition("/")[0] for result in gated.json()["results"]} == {"payments"}
