"""Groups and rules of one's own, from a policy's text to results, judged on a platform in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.engine.judging import judge
from bot.engine.verdict import decide
from bot.model.facts import Fact, NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import Change, ChangedFile, ChangedFiles, Commits, LinkedWorkItems, Pushes, Reviews
from bot.model.facts.repository import Properties
from bot.model.results import Member, Outcome, Result, Verdict
from bot.model.subjects import PullRequest, Release, Repository, Subject
from bot.policy.load import load_configuration
from tests.engine.memory_provider import MemoryProvider
from tests.policy.examples import NOW, REPOSITORY, pull_request, release

PULL = pull_request()
DOCS = ChangedFiles((ChangedFile("docs/a.md", Change.MODIFIED),))
CODE = ChangedFiles((ChangedFile("src/a.py", Change.MODIFIED),))
HIDDEN = Unavailable(UnknownKind.SCOPE, "the token may not read it")

YES = "{subject: pull_request, message: m, assert: 'true', name: NAME}"
NO = "{subject: pull_request, message: 'NAME fails', assert: 'false', name: NAME}"
DOUBT = "{subject: pull_request, message: m, assert: 'files.exists(f, f.path == \"x\")', name: NAME}"
ABSENT = "{subject: pull_request, message: m, assert: 'true', when: 'false', name: NAME}"
MEMBERS = {"pass": YES, "fail": NO, "unknown": DOUBT, "not_applicable": ABSENT}


def judged(
    rules: str,
    subject: Subject = PULL,
    answers: dict[type[Fact], Any] | None = None,
    now: datetime = NOW,
    head: str = "",
) -> list[Result]:
    text = f"apiVersion: almguard/v1\nkind: Policy\nmetadata: {{name: p}}\n{head}rules:\n{rules}"
    holders = {PullRequest: PULL.id, Repository: REPOSITORY.id, Release: subject.id}
    given = {(kind, holders.get(kind.subject, REPOSITORY.branch("main").id)): a for kind, a in (answers or {}).items()}
    provider = MemoryProvider(given)  # type: ignore[arg-type]
    return list(judge(load_configuration(text, "p.yml"), [subject], provider, {datetime: now}).results)


def one(rules: str, **given: Any) -> Result:
    (result,) = judged(rules, **given)
    return result


def group(how: str, *members: str) -> str:
    listed = "".join(f"      - {MEMBERS[each].replace('NAME', f'm{at}')}\n" for at, each in enumerate(members))
    return f"  - name: g\n    enforce: block\n    {how}:\n{listed}"


@pytest.mark.parametrize(
    ("how", "members", "outcome", "verdict"),
    [
        ("any_of", "fail pass", "pass", Verdict.PASSED),
        ("any_of", "fail unknown", "unknown", Verdict.INCONCLUSIVE),
        ("any_of", "unknown pass", "pass", Verdict.PASSED),
        ("any_of", "fail not_applicable", "fail", Verdict.BLOCKED),
        ("any_of", "not_applicable not_applicable", "not_applicable", Verdict.PASSED),
        ("all_of", "fail pass unknown", "fail", Verdict.BLOCKED),
        ("all_of", "pass unknown", "unknown", Verdict.INCONCLUSIVE),
        ("all_of", "pass not_applicable", "pass", Verdict.PASSED),
    ],
)
def test_a_group_ends_as_its_members_say_and_carries_them(
    how: str, members: str, outcome: str, verdict: Verdict
) -> None:
    names = members.split()
    result = one(group(how, *names), answers={ChangedFiles: HIDDEN})
    assert result.outcome is Outcome(outcome)
    assert decide([result], {}) is verdict
    assert (result.key, result.rule) == ("p/g", how)
    assert [(member.key, member.outcome) for member in result.members] == [
        (f"p/m{at}", Outcome(each)) for at, each in enumerate(names)
    ]


def test_a_failing_group_says_what_each_failing_member_says_and_no_more() -> None:
    result = one(group("any_of", "fail", "fail", "not_applicable"))
    assert [finding.message for finding in result.findings] == ["m0 fails", "m1 fails"]
    assert len(set(result.fingerprints)) == 2, "two members' findings are two findings"
    assert one(group("any_of", "fail", "pass")).findings == ()


def test_groups_nest_and_conditions_stand_on_them() -> None:
    rules = (
        "  - name: outer\n    enforce: block\n    when: pr.draft == false\n    all_of:\n"
        "      - {name: inner, unless: 'files.any_match(\"docs/**\")', any_of: ["
        + NO.replace("NAME", "a")
        + ", "
        + NO.replace("NAME", "b")
        + "]}\n      - "
        + YES.replace("NAME", "c")
        + "\n"
    )
    failing = one(rules, answers={ChangedFiles: CODE})
    assert failing.outcome is Outcome.FAIL
    inner = failing.members[0]
    assert isinstance(inner, Member)
    assert (inner.key, inner.rule, inner.outcome) == ("p/inner", "any_of", Outcome.FAIL)
    assert [(c.word, c.value) for c in inner.conditions] == [("unless", False)]
    assert [(c.word, c.value) for c in failing.conditions] == [("when", True)]
    assert [member.key for member in inner.members] == ["p/a", "p/b"]
    excepted = one(rules, answers={ChangedFiles: DOCS})
    assert excepted.outcome is Outcome.PASS
    assert excepted.members[0].outcome is Outcome.NOT_APPLICABLE
    doubtful = one(rules, answers={ChangedFiles: HIDDEN})
    assert doubtful.outcome is Outcome.UNKNOWN
    assert "the token may not read it" in doubtful.unknown[0].reason
    assert one(rules, subject=pull_request(draft=True), answers={ChangedFiles: CODE}).outcome is Outcome.NOT_APPLICABLE


def test_a_group_waits_where_one_way_to_pass_needs_only_people_or_time() -> None:
    answers = {
        Reviews: Reviews(()),
        Commits: Commits(()),
        Pushes: Pushes(()),
        LinkedWorkItems: LinkedWorkItems(()),
    }
    rule = "{rule: approvals, with: {minimum: 1, keep_on: [], count_last_pusher: true}}"
    link = "{rule: requirement-link}"
    either = one(f"  - {{name: g, enforce: block, any_of: [{rule}, {link}]}}\n", answers=answers)
    assert either.outcome is Outcome.FAIL, either
    assert either.awaiting
    assert decide([either], {}) is Verdict.WAITING
    both = one(f"  - {{name: g, enforce: block, all_of: [{rule}, {link}]}}\n", answers=answers)
    assert not both.awaiting
    assert decide([both], {}) is Verdict.BLOCKED


def test_what_a_group_and_its_conditions_name_is_read_once() -> None:
    provider = MemoryProvider({(ChangedFiles, PULL.id): DOCS})
    text = (
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\nrules:\n"
        "  - name: g\n    enforce: block\n    when: files.any_match('docs/**')\n    any_of:\n"
        f"      - {DOUBT.replace('NAME', 'a')}\n      - {NO.replace('NAME', 'b')}\n"
    )
    judge(load_configuration(text, "p.yml"), [PULL], provider, {datetime: NOW})
    assert provider.rounds == [{ChangedFiles: [PULL.id]}]


OWN = (
    "  - name: no-weekend\n    enforce: block\n    subject: release\n    severity: high\n"
    "    assert: '!(release.created_at.getDayOfWeek(\"Europe/Berlin\") in [0, 6])'\n"
    "    message: '{{ release.version }} was cut on a weekend.'\n    fix: Cut it again on {{ 1 + 1 }} days.\n"
    "    location: '{{ release.version }}.md'\n"
)


def test_a_rule_of_ones_own_finds_with_its_own_words() -> None:
    result = one(OWN, subject=release(created_at=datetime(2026, 11, 7, 12, tzinfo=UTC)))
    assert result.outcome is Outcome.FAIL
    (finding,) = result.findings
    assert (finding.message, finding.fix) == ("v1 was cut on a weekend.", "Cut it again on 2 days.")
    assert finding.location is not None
    assert finding.location.path == "v1.md"
    assert (result.rule, result.severity.value) == ("assert", "high")
    assert one(OWN, subject=release(created_at=datetime(2026, 11, 6, 12, tzinfo=UTC))).outcome is Outcome.PASS


def test_a_rule_of_ones_own_that_cannot_be_decided_shows_its_expression() -> None:
    rule = "  - " + DOUBT.replace("NAME", "x").replace("{", "{enforce: block, ", 1) + "\n"
    result = one(rule, answers={ChangedFiles: HIDDEN})
    assert result.outcome is Outcome.UNKNOWN
    assert result.unknown[0].kind is UnknownKind.SCOPE
    assert 'files.exists(f, f.path == "x")' in result.unknown[0].reason
    assert result.unknown[0].fact == "files"
    unset = one(
        "  - {name: x, enforce: block, subject: release, message: m, assert: 'release.environment == \"prod\"'}\n",
        subject=release(environment=None),
    )
    assert unset.outcome is Outcome.UNKNOWN
    assert "release.environment" in unset.unknown[0].reason


def test_what_the_platform_does_not_have_is_not_applicable() -> None:
    rule = "  - {name: x, enforce: block, subject: repository, message: m, assert: 'size(properties) == 1'}\n"
    result = one(rule, subject=REPOSITORY, answers={Properties: NotSupported("no such thing here")})
    assert (result.outcome, result.reason) == (Outcome.NOT_APPLICABLE, "no such thing here")


def test_what_could_not_be_read_is_unknown_also_beside_what_the_platform_does_not_have() -> None:
    text = "size(properties) == 1 && size(files) == 1"
    rule = f"  - {{name: x, enforce: block, subject: pull_request, message: m, assert: '{text}'}}\n"
    missing = {Properties: NotSupported("no such thing here")}
    result = one(rule, answers={**missing, ChangedFiles: HIDDEN})
    assert (result.outcome, [unknown.fact for unknown in result.unknown]) == (Outcome.UNKNOWN, ["files"])
    assert one(rule, answers={**missing, ChangedFiles: DOCS}).outcome is Outcome.NOT_APPLICABLE


def test_an_assertion_on_files_judges_nothing_of_an_empty_diff() -> None:
    rule = "  - " + DOUBT.replace("NAME", "x").replace("{", "{enforce: block, ", 1) + "\n"
    result = one(rule, answers={ChangedFiles: ChangedFiles(())})
    assert result.outcome is Outcome.NOT_APPLICABLE
    assert "the diff is empty" in result.reason


def test_enforcement_follows_the_day() -> None:
    rule = "  - " + NO.replace("NAME", "x").replace(
        "{", "{enforce: [{disabled}, {warn: 2026-03-14}, {block: 2026-04-01}], ", 1
    )
    assert judged(rule + "\n", now=datetime(2026, 3, 13, 23, tzinfo=UTC)) == []
    assert one(rule + "\n", now=datetime(2026, 3, 14, tzinfo=UTC)).enforcement.value == "warn"
    assert one(rule + "\n", now=datetime(2026, 4, 1, tzinfo=UTC)).enforcement.value == "block"
