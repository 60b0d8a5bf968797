"""From subjects and policies to results: who is selected, what is read for them, and what doubt does to an outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from bot.engine.judging import Judged, judge
from bot.model.facts import Fact, FactRequest, Unavailable, UnknownKind
from bot.model.facts.change import (
    Change,
    ChangedFile,
    ChangedFiles,
    Check,
    Checks,
    CheckState,
    Commit,
    Commits,
    Reviews,
)
from bot.model.facts.protection import SecretScanning
from bot.model.facts.repository import Properties
from bot.model.findings import Finding, NotApplicable, Severity, Statement
from bot.model.people import Signature
from bot.model.results import Enforcement, Outcome, Result
from bot.model.subjects import Platform, PullRequest, Subject
from bot.policy.configuration import CompiledEntry, CompiledPolicy, Configuration, GateSettings, RuleCheck
from bot.policy.expressions import compile_expression
from bot.policy.identities import read_identities
from bot.policy.load import load_configuration
from bot.policy.models import Match
from bot.policy.schedule import Schedule
from bot.rules import Rule
from bot.rules.declaration import NoParams, _variant
from tests.engine.memory_provider import NOW, MemoryProvider
from tests.policy.examples import ADO_REPOSITORY, REPOSITORY, pull_request

PULL = pull_request()
ELSEWHERE = pull_request(ADO_REPOSITORY.branch("main"), id="other/pull_request/1", name="other!1")
HIDDEN = Unavailable(UnknownKind.SCOPE, "the token may not read it")
DOCS = ChangedFiles((ChangedFile("docs/a.md", Change.MODIFIED),))


def passes(pr: PullRequest) -> Iterator[Statement]:
    yield from ()


def fails(pr: PullRequest) -> Iterator[Statement]:
    yield Finding("wrong", "mend it")


def finds_nothing(pr: PullRequest) -> Iterator[Statement]:
    yield NotApplicable("nothing to judge")


def breaks(pr: PullRequest) -> Iterator[Statement]:
    raise ValueError("no luck")
    yield NotApplicable("never")


def reads_reviews(pr: PullRequest, reviews: Reviews) -> Iterator[Statement]:
    yield from ()


def reads_scanning(pr: PullRequest, scanning: SecretScanning) -> Iterator[Statement]:
    yield from ()


def no_checks(pr: PullRequest, checks: Checks) -> Iterator[Statement]:
    for check in checks.checks:
        yield Finding(check.name, "wait")


def entry(
    function: object, enforce: str = "block", when: str | None = None, unless: str | None = None
) -> CompiledEntry:
    variant = _variant(function, NoParams)  # type: ignore[arg-type]
    name = function.__name__  # type: ignore[attr-defined]
    rule = Rule(name, Severity.LOW, NoParams, (), name, "", {}, "a.b", variants={variant.subject: variant})
    conditions = [compile_expression(text, rule.variants) if text else None for text in (when, unless)]
    schedule = Schedule.always(Enforcement(enforce))
    return CompiledEntry(f"p/{name}", RuleCheck(rule, NoParams()), *conditions, 1, "p.yml", schedule, Severity.LOW)


def run(
    *entries: CompiledEntry,
    answers: dict[tuple[type[Fact], str], object] | None = None,
    subjects: tuple[Subject, ...] = (PULL,),
    match: Match | None = None,
    own_checks: frozenset[str] = frozenset(),
) -> tuple[Judged, MemoryProvider]:
    policy = CompiledPolicy("p", "p.yml", match or Match(), entries)
    provider = MemoryProvider(answers or {})  # type: ignore[arg-type]
    configuration = Configuration((policy,), GateSettings(), (), (), (), "")
    return judge(configuration, subjects, provider, {datetime: NOW}, own_checks=own_checks), provider


def one(*entries: CompiledEntry, answers: dict[tuple[type[Fact], str], object] | None = None) -> Result:
    (result,) = run(*entries, answers=answers)[0].results
    return result


def test_an_entry_that_is_disabled_is_neither_judged_nor_read_for() -> None:
    judged, provider = run(entry(fails), entry(reads_reviews, "disabled"))
    assert [result.key for result in judged.results] == ["p/fails"]
    assert provider.rounds == []


def test_only_what_is_needed_is_read_and_only_for_what_is_selected() -> None:
    answers = {(Reviews, PULL.id): Reviews(()), (Reviews, ELSEWHERE.id): Reviews(())}
    judged, provider = run(
        entry(reads_reviews),
        entry(passes),
        answers=answers,  # type: ignore[arg-type]
        subjects=(PULL, ELSEWHERE),
        match=Match(repository=("acme/payments-api",)),
    )
    assert provider.rounds == [{Reviews: [PULL.id]}]
    assert {result.subject.id for result in judged.results} == {PULL.id}


def test_what_a_condition_names_is_read_too() -> None:
    result, provider = run(entry(fails, when="files.any_match('src/**')"), answers={(ChangedFiles, PULL.id): DOCS})
    assert provider.asked == [FactRequest(ChangedFiles)]
    assert result.results[0].outcome is Outcome.NOT_APPLICABLE


def test_a_match_in_doubt_is_unknown_with_its_kind_and_never_unselected() -> None:
    match = Match(properties={"tier": ("critical",)})
    judged, _ = run(entry(fails), entry(passes), answers={(Properties, REPOSITORY.id): HIDDEN}, match=match)
    assert [result.outcome for result in judged.results] == [Outcome.UNKNOWN, Outcome.UNKNOWN]
    assert [unknown.kind for result in judged.results for unknown in result.unknown] == [UnknownKind.SCOPE] * 2
    assert "whether the policy selects it: the token may not read it" in judged.results[0].unknown[0].reason
    assert [gap.fact for gap in judged.gaps] == ["properties"]


@pytest.mark.parametrize(("tier", "outcomes"), [("critical", [Outcome.FAIL]), ("low", [])])
def test_properties_that_were_read_decide(tier: str, outcomes: list[Outcome]) -> None:
    answers = {(Properties, REPOSITORY.id): Properties({"tier": tier})}
    judged, provider = run(entry(fails), answers=answers, match=Match(properties={"tier": ("critical",)}))  # type: ignore[arg-type]
    assert [result.outcome for result in judged.results] == outcomes
    assert provider.rounds == [{Properties: [REPOSITORY.id]}]


def test_an_unanswered_request_is_unknown_and_a_gap() -> None:
    judged, _ = run(entry(reads_scanning))
    assert judged.results[0].outcome is Outcome.UNKNOWN
    assert judged.results[0].unknown[0].kind is UnknownKind.TRANSIENT
    assert [(gap.subject, gap.fact) for gap in judged.gaps] == [(REPOSITORY.id, "secret_scanning")]


@pytest.mark.parametrize(
    ("key", "condition", "outcome"),
    [
        ("when", "pr.number == 12", Outcome.FAIL),
        ("when", "pr.number == 13", Outcome.NOT_APPLICABLE),
        ("unless", "pr.number == 12", Outcome.NOT_APPLICABLE),
        ("unless", "pr.number == 13", Outcome.FAIL),
    ],
)
def test_when_and_unless(key: str, condition: str, outcome: Outcome) -> None:
    result = one(entry(fails, **{key: condition}))  # type: ignore[arg-type]
    assert result.outcome is outcome
    if outcome is Outcome.NOT_APPLICABLE:
        assert result.reason == f"{key}: {condition} {'holds' if key == 'unless' else 'does not hold'}"


@pytest.mark.parametrize("key", ["when", "unless"])
@pytest.mark.parametrize(
    ("function", "outcome"),
    [
        (passes, Outcome.PASS),
        (fails, Outcome.UNKNOWN),
        (finds_nothing, Outcome.UNKNOWN),
        (breaks, Outcome.UNKNOWN),
    ],
)
def test_under_a_condition_in_doubt_only_a_pass_stands(key: str, function: object, outcome: Outcome) -> None:
    conditions = {key: "files.any_match('docs/**')"}
    result = one(entry(function, **conditions), answers={(ChangedFiles, PULL.id): HIDDEN})  # type: ignore[arg-type]
    assert result.outcome is outcome
    if outcome is Outcome.UNKNOWN:
        assert [(unknown.kind, unknown.fact) for unknown in result.unknown] == [(UnknownKind.SCOPE, "files")]
        assert "the token may not read it" in result.unknown[0].reason


def test_a_condition_that_is_decided_settles_it_beside_one_in_doubt() -> None:
    judged = one(
        entry(fails, when="files.any_match('docs/**')", unless="pr.number == 12"),
        answers={(ChangedFiles, PULL.id): HIDDEN},
    )
    assert judged.outcome is Outcome.NOT_APPLICABLE


def test_on_an_empty_diff_the_result_says_so() -> None:
    result = one(
        entry(fails, when="files.all(f, f.path.startsWith('docs/'))"),
        answers={(ChangedFiles, PULL.id): ChangedFiles(())},
    )
    assert result.outcome is Outcome.NOT_APPLICABLE
    assert result.reason.startswith("when: the diff is empty, so a condition on files is not met: files.all(")


def test_what_was_said_under_a_name_of_our_own_is_forgotten() -> None:
    checks = Checks((Check("almguard", CheckState.FAILURE), Check("lint", CheckState.FAILURE)))
    judged, _ = run(entry(no_checks), answers={(Checks, PULL.id): checks}, own_checks=frozenset({"almguard"}))
    assert [finding.message for finding in judged.results[0].findings] == ["lint"]


@pytest.mark.parametrize(
    ("run_url", "own"),
    [
        ("https://github.com/acme/payments/actions/runs/71", "/acme/payments/actions/runs/71"),
        ("https://dev.azure.com/acme/Payments/_build/results?buildId=71", "/_build/results?buildId=71"),
    ],
)
def test_the_job_that_judges_is_forgotten_where_it_can_be_told(run_url: str, own: str) -> None:
    def left(*checks: Check) -> list[str]:
        policy = load_configuration(
            "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\nrules: [{rule: required-checks, enforce: block}]\n",
            "p.yml",
        )
        provider = MemoryProvider({(Checks, PULL.id): Checks(checks)})
        judged = judge(policy, [PULL], provider, {datetime: NOW}, own_run=own)
        return [finding.discriminator for finding in judged.results[0].findings]

    gate = Check("gate", CheckState.PENDING, url=f"{run_url}/job/1" if "github" in run_url else run_url)
    done = Check("build", CheckState.SUCCESS, url=run_url)
    another = Check("other", CheckState.PENDING, url=f"{run_url}0")
    assert left(gate, done) == []
    assert left(gate, done, another) == ["other"]
    assert left(gate, Check("test", CheckState.PENDING, url=f"{run_url}/job/2")) == ["gate", "test"]
    assert left(Check("gate", CheckState.FAILURE, url=run_url), done) == ["gate"]


@pytest.mark.parametrize(("platform", "login"), [(Platform.GITHUB, "ana"), (Platform.AZURE_DEVOPS, "ana@acme.example")])
def test_a_commits_email_has_the_account_that_the_identities_declare(platform: Platform, login: str) -> None:
    people = (
        "apiVersion: almguard/v1\nkind: Identities\n"
        "people: [{name: Ana, github: ana, azure-devops: ana@acme.example, emails: [ana@home.example]}]\n"
    )
    policy = (
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\nrules:\n"
        "  - {name: known, enforce: block, subject: pull_request, message: m,"
        f" assert: 'commits.all(c, has(c.author.person) && c.author.person.login == \"{login}\")'}}\n"
    )
    written = Signature("Ana", "ana@home.example")
    commits = Commits((Commit("c1", "Pay twice", written, written),))

    def outcome(configuration: Configuration) -> Outcome:
        provider = MemoryProvider({(Commits, PULL.id): commits})
        provider.platform = platform
        return judge(configuration, [PULL], provider, {datetime: NOW}).results[0].outcome

    bare = load_configuration(policy, "p.yml")
    assert outcome(bare) is not Outcome.PASS
    assert outcome(replace(bare, identities=read_identities(people, "i.yml"))) is Outcome.PASS
