"""``almguard waivers``, whole: what is listed, what is added, and what no longer holds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.cli.conftest import Ended, World

CONFIG = "apiVersion: almguard/v1\nkind: Config\npolicies: [p.yml]\nwaivers: [waivers.yml]\n"
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: p}
waivers: {max_days: 200, notice_days: 10}
rules:
  - {name: fails, enforce: block, subject: repository, message: It is wrong., assert: 'false'}
  - {name: holds, enforce: block, subject: repository, message: m, assert: 'true'}
  - {rule: approvals, enforce: block}
"""
WAIVERS = """\
# Ours, and reviewed.
apiVersion: almguard/v1
kind: Waivers
waivers:
  - entry: p/fails                # until the vendor mends it
    subject: ["acme/ledger", "acme/pay*"]
    reason: >
      The vendor
      mends it.
    owner: ana
    approver: bo
    expires: 2026-12-31
    # asked for in May

# The end.
"""
NOW = "2026-11-02T09:00:00Z"
ADD = {
    "entry": "p/approvals",
    "subject": "acme/ledger",
    "reason": "Cy is on leave.",
    "owner": "ana",
    "approver": "bo",
    "expires": "2026-11-30",
}


def options(**changed: str) -> list[str]:
    return [word for key, value in (ADD | changed).items() for word in (f"--{key.replace('_', '-')}", value)]


@pytest.fixture
def place(demo: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The demo's world, in a folder with a configuration."""
    for name, text in (("almguard.yml", CONFIG), ("p.yml", POLICY), ("waivers.yml", WAIVERS)):
        demo.write(name, text)
    monkeypatch.chdir(demo.folder)
    demo.environ["ALMGUARD_NOW"] = NOW
    return demo


def written(place: World, name: str = "waivers.yml") -> str:
    return (place.folder / name).read_bytes().decode()


def added(place: World, *more: str, **changed: str) -> Ended:
    return place.call("waivers", "add", *options(**changed), *more)


def test_every_waiver_is_listed_with_how_it_stands(place: World) -> None:
    place.write(
        "waivers.yml",
        WAIVERS + WAIVERS.partition("waivers:\n")[2].replace("p/fails", "p/holds").replace("-12-", "-10-"),
    )
    ended = place.call("waivers", "list")
    assert (ended.code, ended.err) == (0, "")
    head, first, second, _, last = ended.out.splitlines()
    assert head.split() == ["entry", "subject", "owner", "approver", "expires", "days", "left", "standing"]
    assert first.split() == ["p/holds", "acme/ledger", "acme/pay*", "ana", "bo", "2026-10-31", "–", "expired"]
    assert second.split() == ["p/fails", "acme/ledger", "acme/pay*", "ana", "bo", "2026-12-31", "59", "active"]
    assert last == "2 waivers, of which 1 no longer apply."
    expired, active = place.call("waivers", "list", "--format", "json").json()
    assert [expired[key] for key in ("applies", "standing", "days_left", "line")] == [False, "expired", -2, 16]
    assert active == {
        "entry": "p/fails",
        "subjects": ["acme/ledger", "acme/pay*"],
        "when": None,
        "reason": "The vendor mends it.\n",
        "compensating_control": None,
        "owner": "ana",
        "approver": "bo",
        "ticket": None,
        "expires": "2026-12-31",
        "days_left": 59,
        "standing": "active",
        "applies": True,
        "source": "waivers.yml",
        "line": 5,
    }


def test_a_waiver_is_added_without_touching_what_is_there(place: World) -> None:
    ended = added(
        place, "--when", 'pr.author.login == "ana"', "--ticket", "PAY-12", "--compensating-control", "Pairing: daily"
    )
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "waivers.yml:14: p/approvals: it applies until 2026-11-30, 28 days from now.\n"
    assert written(place) == WAIVERS.replace(
        "    # asked for in May\n",
        """\
    # asked for in May
  - entry: p/approvals
    subject: acme/ledger
    when: 'pr.author.login == "ana"'
    reason: Cy is on leave.
    compensating_control: "Pairing: daily"
    owner: ana
    approver: bo
    ticket: PAY-12
    expires: 2026-11-30
""",
    )
    assert place.call("waivers", "check").code == 0


def test_a_file_that_is_not_there_is_made(place: World) -> None:
    (place.folder / "waivers.yml").unlink()
    assert place.call("waivers", "list").code == 2
    assert added(place).code == 0
    made = written(place)
    assert re.match(r"# yaml-language-server: \$schema=https://\S+/waivers\.schema\.json\n", made)
    assert "\napiVersion: almguard/v1\nkind: Waivers\nwaivers:\n  - entry: p/approvals\n" in made
    assert place.call("waivers", "list").code == 0
    (waiver,) = place.call("waivers", "list", "--format", "json").json()
    assert waiver["expires"] == "2026-11-30"


def test_windows_line_ends_and_a_missing_last_one_stay(place: World) -> None:
    (place.folder / "waivers.yml").write_bytes(WAIVERS.replace("\n", "\r\n").rstrip().encode())
    assert added(place).code == 0
    assert "\r\n" in written(place)
    assert "\n" not in written(place).rstrip("\n").replace("\r\n", "")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"entry": "p/aprovals"},
            "waivers.yml:14:12: waivers[1].entry: no policy has the entry 'p/aprovals', did you mean",
        ),
        ({"entry": "p/fails", "subject": "acme/x", "when": "repo.archived"}, "waivers.yml:16:11: waivers[1].when: "),
        ({"expires": "2026-10-31"}, "it would not apply, so nothing was written: it ended on 2026-10-31"),
        ({"expires": "2027-10-31"}, "the policy allows 200 days, until 2027-05-21"),
        ({"expires": "soon"}, "--expires: a day is wanted here, such as 2027-01-31"),
        ({"approver": "@ANA"}, "--approver: the approver is another person than the owner, and both are @ANA"),
        ({"reason": " "}, "--reason: it is empty"),
        ({"subject": "!acme/x"}, "--subject: these are exclusions alone"),
        ({"subject": "acme/[x"}, "--subject: 'acme/[x' is no pattern"),
        ({"reason": "\udc80"}, "Invalid JSON"),
    ],
)
def test_what_would_not_hold_is_refused_and_nothing_is_written(
    place: World, changed: dict[str, str], told: str
) -> None:
    ended = added(place, **changed)
    assert ended.code == 2
    assert told in ended.err
    assert written(place) == WAIVERS
    assert {path.name for path in place.folder.iterdir()} == {"almguard.yml", "p.yml", "waivers.yml"}


def test_what_is_missing_is_named_at_once(place: World) -> None:
    ended = place.call("waivers", "add", "--owner", "ana", "--reason", "x")
    assert ended.code == 2
    assert "Missing --entry, --subject, --approver, --expires." in ended.err


def test_a_waiver_for_the_same_again_is_refused(place: World) -> None:
    assert added(place).code == 0
    before = written(place)
    ended = added(place, reason="Another.")
    assert ended.code == 2
    assert "p/approvals is waived for the same subjects on line 14 already" in ended.err
    assert written(place) == before


def test_a_configuration_that_is_broken_already_is_said_to_be(place: World) -> None:
    place.write("p.yml", POLICY.replace("block", "blok"))
    ended = added(place)
    assert ended.code == 2
    assert "the configuration does not load as it is, so nothing was written:\np.yml:7:" in ended.err
    assert written(place) == WAIVERS


@pytest.mark.parametrize(
    "text", ["waivers: {", "kind: Waivers\n", "apiVersion: almguard/v1\nkind: Waivers\nwaivers: [{a: b}]\n"]
)
def test_a_file_that_cannot_be_added_to_stays(place: World, text: str) -> None:
    place.write("waivers.yml", text)
    ended = added(place)
    assert ended.code == 2
    assert "nothing was written:\nwaivers.yml:" in ended.err
    assert written(place) == text


def test_of_several_files_one_has_to_be_chosen(place: World) -> None:
    place.write("almguard.yml", CONFIG.replace("[waivers.yml]", "[waivers.yml, 'waivers/*.yml']"))
    place.write("waivers/web.yml", "apiVersion: almguard/v1\nkind: Waivers\nwaivers: []\n")
    ended = added(place)
    assert ended.code == 2
    assert "choose one with --file: waivers.yml, waivers/web.yml" in ended.err
    ended = added(place, "--file", "waivers/web.yml")
    assert (ended.code, ended.err) == (0, "")
    assert "waivers: \n  - entry: p/approvals\n" in written(place, "waivers/web.yml")
    ended = added(place, "--file", "waivers/new.yml", subject="acme/new")
    assert (ended.code, ended.err) == (0, "")
    assert len(place.call("waivers", "list", "--format", "json").json()) == 3


def test_two_files_do_not_waive_the_same(place: World) -> None:
    place.write("almguard.yml", CONFIG.replace("[waivers.yml]", "[waivers.yml, more.yml]"))
    place.write("more.yml", "apiVersion: almguard/v1\nkind: Waivers\nwaivers: []\n")
    assert added(place, "--file", "more.yml").code == 0
    ended = added(place, "--file", "waivers.yml")
    assert ended.code == 2
    assert "more.yml:4:12: waivers[0].entry: p/approvals is waived for the same subjects on waivers.yml:14" in ended.err
    assert written(place) == WAIVERS


def test_a_file_that_nobody_names_has_no_effect_and_that_is_said(place: World) -> None:
    place.write("almguard.yml", CONFIG.replace("waivers: [waivers.yml]\n", ""))
    (place.folder / "waivers.yml").unlink()
    ended = added(place)
    assert ended.code == 0
    assert (
        "almguard.yml does not name waivers.yml yet, so the waiver has no effect: list it there under 'waivers:'."
        in ended.err
    )
    assert added(place, entry="p/nothing").code == 2
    place.write("almguard.yml", CONFIG)
    assert place.call("waivers", "check").code == 0


def test_paths_start_where_those_of_the_configuration_do(place: World, tmp_path: Path) -> None:
    place.write(".github/almguard.yml", CONFIG)
    ended = added(place)
    assert ended.code == 0
    assert "p/approvals" in written(place)
    elsewhere = place.write("elsewhere/almguard.yml", CONFIG.replace("p.yml", "q.yml"))
    place.write("elsewhere/q.yml", POLICY)
    ended = added(place, "--config", elsewhere)
    assert ended.code == 0
    assert "p/approvals" in written(place, "elsewhere/waivers.yml")


def test_an_owner_under_another_name_does_not_approve(place: World) -> None:
    place.write("almguard.yml", CONFIG + "identities: who.yml\n")
    who = "apiVersion: almguard/v1\nkind: Identities\npeople: [{name: Ana, github: ana, emails: [ana@acme.example]}]\n"
    place.write("who.yml", who)
    ended = added(place, approver="ana@acme.example")
    assert ended.code == 2
    assert "ana@acme.example and the owner ana are one person; another one has to approve" in ended.err


def test_a_check_tells_what_has_ended_and_what_soon_will(place: World) -> None:
    ended = place.call("waivers", "check")
    assert (ended.code, ended.out, ended.err) == (0, "1 waiver: all hold.\n", "")
    ended = place.call("waivers", "check", "--now", "2026-12-30T00:00:00Z")
    assert ended.code == 0
    assert ended.out.startswith("waivers.yml:5: p/fails: it ends in 1 day, on 2026-12-31 (it still applies)\n")
    ended = place.call("waivers", "check", "--now", "2027-01-01T00:00:00Z")
    assert (ended.code, ended.out) == (1, "waivers.yml:5: p/fails: it ended on 2026-12-31, 1 day ago\n")
    place.write("p.yml", POLICY.replace("max_days: 200", "max_days: 30"))
    ended = place.call("waivers", "check")
    assert (ended.code, ended.out) == (
        1,
        "waivers.yml:5: p/fails: it would last until 2026-12-31, and the policy allows 30 days, until 2026-12-02\n",
    )
    place.write("p.yml", POLICY.replace("max_days: 200", "allowed: false"))
    ended = place.call("waivers", "check")
    assert (ended.code, ended.out) == (1, "waivers.yml:5: p/fails: the policy allows no waivers of its entries\n")


def test_a_check_of_files_that_do_not_load_tells_every_mistake(place: World) -> None:
    place.write("waivers.yml", WAIVERS.replace("p/fails", "fails").replace("approver: bo", "approver: ana"))
    ended = place.call("waivers", "check")
    assert ended.code == 2
    assert "waivers.yml:5:12: waivers[0].entry: " in ended.err
    assert "waivers.yml:11:15: waivers[0].approver: " in ended.err


def test_a_check_sends_no_request(place: World) -> None:
    place.call("waivers", "check")
    place.call("waivers", "list")
    assert not place.ledger()


NAMES = {"github": "acme/ledger", "azure-devops": "acme/Payments/ledger"}
OWNERS = {"github": "github:acme", "azure-devops": "ado:acme/Payments"}


def one(entry: str, subject: str, expires: str = "2026-12-31") -> str:
    return f"  - {{entry: {entry}, subject: '{subject}', reason: The vendor., owner: ana, approver: bo, expires: {expires}}}\n"


@pytest.mark.parametrize("platform", NAMES)
def test_a_check_of_a_target_tells_what_nothing_there_needs(place: World, platform: str) -> None:
    name, owner = NAMES[platform], OWNERS[platform]
    head = "apiVersion: almguard/v1\nkind: Waivers\nwaivers:\n"
    place.write(
        "waivers.yml",
        head
        + one("p/fails", name)
        + one("p/holds", name)
        + one("p/holds", name.replace("ledger", "no-such"))
        + one("p/fails", f"{name.rpartition('/')[0]}/p*", "2026-10-31")
        + one("p/approvals", name),
    )
    ended = place.call("waivers", "check", owner)
    assert ended.code == 1, ended.err
    told = [line.split(": ", 1) for line in ended.out.splitlines()]
    assert [place for place, _ in told] == ["waivers.yml:5", "waivers.yml:6", "waivers.yml:7"]
    assert f"p/holds is not needed: nothing that it is for fails (The vendor.) ({name})" in told[0][1]
    assert "p/holds covers nothing here: nothing that it judges is called" in told[1][1]
    assert (
        f"p/fails does not apply: it ended on 2026-10-31, 2 days ago ({name.replace('ledger', 'payments')})"
        in told[2][1]
    )
    repository = f"{owner.partition(':')[0]}:{name}"
    place.write("waivers.yml", head + one("p/fails", name))
    ended = place.call("waivers", "check", repository, "--config", "almguard.yml")
    assert (ended.code, ended.out) == (0, "1 waiver: all hold.\n")


def test_what_one_target_does_not_need_another_may(place: World) -> None:
    place.write("p.yml", POLICY.replace("'false'", "repository.platform != 'github'"))
    place.write("waivers.yml", "apiVersion: almguard/v1\nkind: Waivers\nwaivers:\n" + one("p/fails", "acme/**"))
    assert place.call("waivers", "check", "ado:acme").code == 1
    ended = place.call("waivers", "check", "ado:acme", "github:acme")
    assert ended.code == 0, ended.out


def test_what_could_not_be_read_leaves_it_open(place: World) -> None:
    place.write("waivers.yml", "apiVersion: almguard/v1\nkind: Waivers\nwaivers:\n" + one("p/holds", "acme/no-such"))
    place.fault(match="graphql", kind="html", skip=1, times=1000)
    ended = place.call("waivers", "check", "github:acme")
    assert (ended.code, ended.out) == (3, ""), ended.err
    assert "not read, so whether a waiver is needed there is not known: acme: " in ended.err


def test_the_schema_is_for_the_files_that_are_made(place: World) -> None:
    import yaml

    assert added(place).code == 0
    schema = place.call("schema", "waivers").json()
    document = json.loads(json.dumps(yaml.safe_load(written(place)), default=str))
    Draft7Validator(schema).validate(document)
