"""What the engine makes of a rule's statements, and of facts that are not there."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import pytest

from bot.engine.evaluation import evaluate
from bot.engine.ports import Known
from bot.model.facts import Answer, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import TeamMembers, TeamSpec
from bot.model.facts.protection import BranchRules, SecretScanning
from bot.model.findings import Evidence, Finding, NotApplicable, Severity, Statement, Unknown
from bot.model.results import Outcome
from bot.model.subjects import Organization, Platform, Repository
from bot.rules import Rule, RuleParams, needs
from bot.rules.declaration import NoParams, RuleError, _variant

NOW = datetime(2026, 11, 2, tzinfo=UTC)
ACME = Organization("github/organization/1", "acme", Platform.GITHUB, "")
REPOSITORY = Repository("github/repository/1", "acme/pay", Platform.GITHUB, "", ACME, "pay", default_branch="main")
EMPTY = Repository("github/repository/2", "acme/new", Platform.GITHUB, "", ACME, "new")
ON = Loaded(SecretScanning(enabled=True, push_protection=None), "https://example.com", NOW)


class Teams(RuleParams):
    teams: frozenset[str] = frozenset()


def rule_of(function: object, params: type[RuleParams] = NoParams) -> Rule:
    variant = _variant(function, params)  # type: ignore[arg-type]
    return Rule("r", Severity.LOW, params, (), "", "", {}, "a.b", variants={variant.subject: variant})


def judge(
    function: object, answers: dict[type, Answer], params: RuleParams | None = None, subject: Repository = REPOSITORY
):
    known = Known()
    for kind, answer in answers.items():
        holder = subject.default if kind is BranchRules else subject
        if holder is not None:
            known.answers[kind, holder.id] = answer
    chosen = params or NoParams()
    return evaluate(rule_of(function, type(chosen)), chosen, subject, known, {datetime: NOW})


def needs_scanning(repository: Repository, scanning: SecretScanning) -> Iterator[Statement]:
    if not scanning.enabled:
        yield Finding("off", "turn it on", (Evidence("scanning", "off"),))


def test_no_statement_is_a_pass_and_a_finding_a_fail() -> None:
    assert judge(needs_scanning, {SecretScanning: ON}).outcome is Outcome.PASS
    off = Loaded(SecretScanning(enabled=False, push_protection=None), "", NOW)
    judged = judge(needs_scanning, {SecretScanning: off})
    assert judged.outcome is Outcome.FAIL
    assert judged.findings[0].evidence[0].read_at == NOW


def test_an_unavailable_fact_is_unknown_and_an_unsupported_one_not_applicable() -> None:
    unknown = judge(needs_scanning, {SecretScanning: Unavailable(UnknownKind.SCOPE, "needs administration: read")})
    assert unknown.outcome is Outcome.UNKNOWN
    assert unknown.unknown[0].reason == "needs administration: read"
    assert unknown.unknown[0].fact == "secret_scanning"
    nowhere = judge(needs_scanning, {SecretScanning: NotSupported("a checkout has none")})
    assert (nowhere.outcome, nowhere.reason) == (Outcome.NOT_APPLICABLE, "a checkout has none")


def copes(repository: Repository, rules: BranchRules | Unavailable | NotSupported) -> Iterator[Statement]:
    if isinstance(rules, Unavailable):
        yield Unknown(rules.kind, rules.reason)
        yield Finding("wrong all the same", "mend it")


def test_what_is_visible_can_prove_a_fail() -> None:
    judged = judge(copes, {BranchRules: Unavailable(UnknownKind.SCOPE, "hidden")})
    assert judged.outcome is Outcome.FAIL
    assert [u.reason for u in judged.unknown] == ["hidden"]
    assert judge(copes, {BranchRules: NotSupported("none")}).outcome is Outcome.PASS


def test_an_empty_repository_has_no_branch_to_judge() -> None:
    judged = judge(copes, {}, subject=EMPTY)
    assert judged.outcome is Outcome.NOT_APPLICABLE
    assert "empty" in judged.reason


def test_a_fact_that_these_parameters_do_not_need_is_none() -> None:
    seen: list[object] = []

    def by_team(
        repository: Repository,
        members: Annotated[TeamMembers | None, needs(lambda params: TeamSpec(params.teams) if params.teams else None)],
        params: Teams,
    ) -> Iterator[Statement]:
        seen.append(members)
        yield Evidence("teams", str(len(params.teams)))

    assert judge(by_team, {}, Teams()).outcome is Outcome.PASS
    assert seen == [None]


def test_a_rule_that_breaks_is_an_error_and_not_a_crash() -> None:
    def broken(repository: Repository) -> Iterator[Statement]:
        raise ValueError("no such luck")
        yield NotApplicable("never")

    judged = judge(broken, {})
    assert judged.outcome is Outcome.ERROR
    assert "ValueError: no such luck" in judged.reason


def test_findings_outweigh_unknowns_and_unknowns_outweigh_not_applicable() -> None:
    def torn(repository: Repository) -> Iterator[Statement]:
        yield NotApplicable("nothing here")
        yield Unknown(UnknownKind.LIMIT, "later")

    assert judge(torn, {}).outcome is Outcome.UNKNOWN


def test_a_rule_without_a_subject_is_refused() -> None:
    def homeless(scanning: SecretScanning) -> Iterator[Statement]:
        yield NotApplicable("")

    with pytest.raises(RuleError, match="subject"):
        rule_of(homeless)
