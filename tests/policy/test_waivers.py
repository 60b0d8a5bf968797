"""Waivers: what a file of them says, what they cover, and how they stand at a moment."""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.subjects import Branch, Organization, PullRequest, Release, Repository, Subject
from bot.policy.identities import DeclaredPerson, Identities
from bot.policy.loader import parse_yaml
from bot.policy.models import WaiverLimits
from bot.policy.waivers import Standing, Waiver, bind, duplicates, read_waivers, standing
from tests.policy.examples import ADO_REPOSITORY, NOW, ORGANIZATION, PROJECT, REPOSITORY, pull_request, release

HEAD = "apiVersion: almguard/v1\nkind: Waivers\nwaivers:\n"
KINDS: dict[str, frozenset[type[Subject]]] = {
    "payments/approvals": frozenset({PullRequest}),
    "payments/branch-protection": frozenset({Branch}),
    "payments/rollback-ready": frozenset({Release}),
}
GOOD = """\
  - entry: payments/approvals
    subject: acme/payments-api
    reason: The second reviewer is on leave.
    owner: ana
    approver: bo
    expires: 2026-04-30
"""


def problems(text: str, identities: Identities | None = None) -> list[str]:
    tree = parse_yaml(HEAD + text, "waivers.yml")
    written, found = read_waivers(tree)
    _, unbound = bind(written, KINDS, identities)
    return [str(problem) for problem in (*tree.problems, *found, *unbound)]


def waivers(text: str) -> tuple[Waiver, ...]:
    written, found = read_waivers(parse_yaml(HEAD + text, "waivers.yml"))
    bound, unbound = bind(written, KINDS)
    assert not found
    assert not unbound
    return bound


def waiver(**changes: object) -> Waiver:
    return replace(waivers(GOOD)[0], **changes)  # type: ignore[arg-type]


def test_everything_that_a_waiver_says_is_kept():
    (found,) = waivers(
        """\
  - entry: payments/approvals
    subject: ["acme/*", "!acme/ledger"]
    when: pr.author.login == "ana"
    reason: Nobody else knows it.
    compensating_control: Reviewed after the fact, each Monday.
    owner: ana
    approver: bo@acme.test
    ticket: PAY-12
    expires: 2027-01-31
"""
    )
    assert found.condition is not None
    assert found.condition.text == 'pr.author.login == "ana"'
    assert replace(found, condition=None) == Waiver(
        entry="payments/approvals",
        subjects=("acme/*", "!acme/ledger"),
        condition=None,
        reason="Nobody else knows it.",
        compensating_control="Reviewed after the fact, each Monday.",
        owner="ana",
        approver="bo@acme.test",
        ticket="PAY-12",
        expires=date(2027, 1, 31),
        source="waivers.yml",
        line=4,
    )
    assert hash(found)


def test_every_mistake_is_told_at_its_place():
    told = problems(
        """\
  - entry: approvals
    subject: []
    when:
    reason: "  "
    owner: ana
    approver: "@Ana"
    ticket: 12
    expires: 31.1.2027
    until: 2027-01-31
  - entry: payments/approvals
    subject: "!acme/payments"
    owner: ana
    approver: bo
    expires: 2027-02-30
"""
    )
    assert set(told) == {
        "waivers.yml:4:12: waivers[0].entry: the key of an entry is wanted here, policy/name, such as baseline/approvals",
        "waivers.yml:5:14: waivers[0].subject: it is empty",
        "waivers.yml:6:10: waivers[0].when: the condition is empty; write one, or take the key out",
        "waivers.yml:7:13: waivers[0].reason: it is empty",
        "waivers.yml:9:15: waivers[0].approver: the approver is another person than the owner, and both are @Ana",
        "waivers.yml:10:13: waivers[0].ticket: text is wanted here, and this is the number 12; "
        'for the text write "12" in quotes',
        "waivers.yml:11:14: waivers[0].expires: a day is wanted here, such as 2027-01-31",
        "waivers.yml:12:5: waivers[0].until: unknown key 'until'",
        "waivers.yml:13:5: waivers[1]: the key 'reason' is missing",
        "waivers.yml:14:14: waivers[1].subject: these are exclusions alone, and would waive it for everything else; "
        "say for what it is meant",
        "waivers.yml:17:14: waivers[1].expires: 2027-02-30 is no day of the calendar",
    }


@pytest.mark.parametrize("expires", ["2027-01-31T00:00:00", '"2027-01-31 00:00"', "1801353600", "20270131", "tomorrow"])
def test_a_day_is_a_day(expires: str):
    (told,) = problems(GOOD.replace("2026-04-30", expires))
    assert "expires: a day is wanted here, such as 2027-01-31" in told


def test_an_entry_that_no_policy_has():
    (told,) = problems(GOOD.replace("payments/approvals", "payments/aprovals"))
    assert told == (
        "waivers.yml:4:12: waivers[0].entry: no policy has the entry 'payments/aprovals', did you mean 'payments/approvals'"
    )
    (told,) = problems(GOOD.replace("payments/approvals", "ledger/x"))
    assert "the reports show each entry's key, policy/name" in told


def test_a_condition_is_compiled_for_what_its_entry_judges():
    (told,) = problems(GOOD + '    when: pr.autor.login == "ana"\n')
    assert told.startswith("waivers.yml:10:11: waivers[0].when: ")
    assert "author" in told
    (told,) = problems(GOOD.replace("payments/approvals", "payments/rollback-ready") + "    when: pr.draft\n")
    assert told.startswith("waivers.yml:10:11: waivers[0].when: ")


def test_two_waivers_of_the_same_are_one_too_many():
    (told,) = problems(GOOD + GOOD.replace("acme/payments-api", '["ACME/payments-api"]'))
    assert told == (
        "waivers.yml:10:12: waivers[1].entry: payments/approvals is waived for the same subjects on line 4 already; keep one"
    )
    assert not problems(GOOD + GOOD.replace("acme/payments-api", "acme/ledger"))
    assert not problems(GOOD + GOOD + "    when: pr.draft\n")


def test_two_files_may_not_repeat_one_another_either():
    here, there = (read_waivers(parse_yaml(HEAD + GOOD, name))[0] for name in ("a.yml", "b.yml"))
    (told,) = duplicates([*here, *there])
    assert told.file == "b.yml"
    assert "on a.yml:4 already" in told.message


def test_an_owner_does_not_approve_under_another_name():
    people = Identities(
        (DeclaredPerson(name="Ana", github="ana", emails=("ana@acme.test",)), DeclaredPerson(name="Bo", github="bo"))
    )
    assert not problems(GOOD, people)
    (told,) = problems(GOOD.replace("approver: bo", "approver: Ana@acme.test"), people)
    assert told == (
        "waivers.yml:8:15: waivers[0].approver: Ana@acme.test and the owner ana are one person; another one has to approve"
    )


@pytest.mark.parametrize("text", ["", "[]", "waivers: {}", "apiVersion: almguard/v1\nkind: Waivers\nwaivers: none"])
def test_what_is_no_file_of_waivers_has_none(text: str):
    written, found = read_waivers(parse_yaml(text or "{}", "waivers.yml"))
    assert not written
    assert found


@pytest.mark.parametrize(
    ("globs", "subject", "covered"),
    [
        ("acme/payments-api", REPOSITORY, True),
        ("ACME/Payments-API", REPOSITORY, True),
        ("acme/payments-api", pull_request(), True),
        ("acme/payments-api", release(), True),
        ("acme/payments-api", REPOSITORY.branch("main"), True),
        ("acme/payments-api@main", REPOSITORY.branch("main"), True),
        ("acme/payments-api@main", REPOSITORY.branch("dev"), False),
        ("acme/payments-api@main", REPOSITORY, False),
        ("acme/payments-api#12", pull_request(), True),
        ("acme/payments-api#12", replace(pull_request(), id="x", name="acme/payments-api#13"), False),
        ("acme/payments-api#1", pull_request(), False),
        ("github.test/repository/1", pull_request(), True),
        ("github.test/pull_request/12", pull_request(), True),
        ("github.test/repository/2", pull_request(), False),
        ("acme/*", REPOSITORY, True),
        ("acme/*", ADO_REPOSITORY, False),
        ("acme/**", ADO_REPOSITORY, True),
        ("acme", ORGANIZATION, True),
        ("acme", REPOSITORY, False),
        ("payments-api", REPOSITORY, False),
        (("acme/*", "!acme/payments-api#12"), pull_request(), False),
        (("acme/*", "!acme/payments-api"), pull_request(), False),
        (("acme/payments-api#12", "!github.test/repository/1"), pull_request(), False),
        (("acme/ledger", "acme/payments-*"), REPOSITORY, True),
    ],
)
def test_what_a_waiver_covers(globs: str | tuple[str, ...], subject: Subject, covered: bool):
    subjects = (globs,) if isinstance(globs, str) else globs
    assert waiver(subjects=subjects).covers(subject) is covered


PARTS = st.text("ab*?", min_size=1, max_size=4).filter(lambda part: "**" not in part)
GLOBS = st.builds(
    lambda out, parts: ("!" if out else "") + "/".join(parts), st.booleans(), st.lists(PARTS, min_size=1, max_size=2)
)
NAMES = st.lists(st.text("abAB", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join)


def meant(glob: str, name: str) -> bool:
    """A glob, part by part: another reading of the same, by the standard library."""
    parts, names = glob.casefold().split("/"), name.casefold().split("/")
    return len(parts) == len(names) and all(map(fnmatch.fnmatchcase, names, parts))


@given(st.lists(GLOBS, min_size=1, max_size=4), NAMES, NAMES, st.booleans())
def test_a_waiver_covers_nothing_outside_its_globs(globs: list[str], name: str, repository: str, own: bool):
    home = Repository("h/repository/9", repository, REPOSITORY.platform, "", ORGANIZATION, "r")
    subject = home.branch("x") if own else Organization("h/organization/9", name, REPOSITORY.platform, "")
    subject = replace(subject, name=name)
    names = [name, subject.id] + ([repository, home.id] if own else [])
    included = any(meant(glob, each) for glob in globs if not glob.startswith("!") for each in names)
    excluded = any(meant(glob[1:], each) for glob in globs if glob.startswith("!") for each in names)
    assert waiver(subjects=tuple(globs)).covers(subject) is (included and not excluded)


@pytest.mark.parametrize(
    ("now", "limits", "expected", "sentence"),
    [
        ("2026-03-14", {}, Standing.ACTIVE, "it applies until 2026-04-30, 47 days from now"),
        ("2026-04-16", {}, Standing.EXPIRING, "it ends in 14 days, on 2026-04-30"),
        ("2026-04-15", {}, Standing.ACTIVE, "it applies until 2026-04-30, 15 days from now"),
        ("2026-04-29", {}, Standing.EXPIRING, "it ends in 1 day, on 2026-04-30"),
        ("2026-04-30", {}, Standing.EXPIRING, "it ends today, 2026-04-30"),
        ("2026-04-30", {"notice_days": 0}, Standing.EXPIRING, "it ends today, 2026-04-30"),
        ("2026-04-29", {"notice_days": 0}, Standing.ACTIVE, "it applies until 2026-04-30, 1 day from now"),
        ("2026-05-01", {}, Standing.EXPIRED, "it ended on 2026-04-30, 1 day ago"),
        ("2030-05-01", {"max_days": 1}, Standing.EXPIRED, "it ended on 2026-04-30, 1,462 days ago"),
        (
            "2026-03-30",
            {"max_days": 30},
            Standing.TOO_LONG,
            "it would last until 2026-04-30, and the policy allows 30 days, until 2026-04-29",
        ),
        ("2026-03-31", {"max_days": 30}, Standing.ACTIVE, "it applies until 2026-04-30, 30 days from now"),
        ("2026-03-31", {"allowed": False}, Standing.NOT_ALLOWED, "the policy allows no waivers of its entries"),
    ],
)
def test_how_a_waiver_stands(now: str, limits: dict[str, object], expected: Standing, sentence: str):
    moment = datetime.fromisoformat(f"{now}T12:00:00+00:00")
    held = standing(waiver(), moment, WaiverLimits.model_validate(limits))
    assert (held.standing, held.sentence) == (expected, sentence)
    assert held.applies is (expected in (Standing.ACTIVE, Standing.EXPIRING))


def test_a_day_ends_at_midnight_utc():
    last = datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC)
    limits = WaiverLimits()
    assert standing(waiver(), last, limits).applies
    assert not standing(waiver(), last + timedelta(seconds=1), limits).applies
    # Already May in Tokyo; in UTC it is not.
    assert standing(waiver(), datetime(2026, 5, 1, 8, tzinfo=timezone(timedelta(hours=9))), limits).applies


@given(st.dates(), st.integers(-4000, 4000), st.none() | st.integers(1, 400), st.integers(0, 365))
def test_a_waiver_never_applies_after_its_last_day(expires: date, days: int, longest: int | None, notice: int):
    now = NOW + timedelta(days=days)
    held = standing(waiver(expires=expires), now, WaiverLimits(max_days=longest, notice_days=notice))
    left = (expires - now.date()).days
    assert held.applies is (left >= 0 and (longest is None or left <= longest))
    assert held.days_left == left


def test_the_project_of_azure_devops_is_not_its_repositories():
    assert waiver(subjects=("acme/Payments",)).covers(PROJECT)
    assert not waiver(subjects=("acme/Payments",)).covers(ADO_REPOSITORY)
