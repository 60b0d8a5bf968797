"""Every fact has its names in conditions, is asked for only where it is named, and stays unknown where it was not read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import timedelta

import pytest

from bot.engine.reach import can_reach
from bot.model.facts import Fact, FactRequest, NamingSpec, fact_types
from bot.model.facts.change import CodeOwners, LinkedWorkItems, LinkSpec, OwnedPaths, Reviews, TeamMembers, TeamSpec
from bot.model.facts.pipelines import FileContents, Job, PathSpec, PipelineDefinition, Pipelines, Step, Trigger
from bot.model.facts.protection import BranchRules, Protection, RequiredCheck, SecretScanning
from bot.model.facts.release import (
    Deployment,
    Deployments,
    DeploymentState,
    GlobSpec,
    PreviousRelease,
    ReleaseChanges,
)
from bot.model.subjects import Organization, PullRequest, Release, Repository, Subject
from bot.policy.expressions import ExpressionError, Undecided, compile_expression, document
from bot.policy.functions import FUNCTIONS
from bot.policy.vocabulary import ROOTS, SUBJECTS, vocabulary
from tests.policy.examples import ANA, NOW, REPOSITORY, pull_request, release

LEFT_OUT = {"release_changes.added", "release_changes.siblings"}
"""Only a rule can say of which files it wants the text."""


def evaluate(text: str, subject: Subject, *facts: Fact) -> bool | Undecided:
    known: Mapping[str, Fact] = {fact.name: fact for fact in facts}
    return compile_expression(text, [type(subject)]).evaluate(document(subject, known, NOW))


@pytest.mark.parametrize("fact", fact_types().values(), ids=lambda fact: fact.name)
def test_every_field_of_every_fact_has_a_name(fact: type[Fact]) -> None:
    names = {name.name: name for name in vocabulary(fact.subject).values() if name.fact is fact}
    fields = [fact.value] if fact.value else [field.name for field in dataclasses.fields(fact)]
    told = {name.path[0] for name in names.values()} | {
        each.partition(".")[2] for each in LEFT_OUT if fact.name in each
    }
    assert told == set(fields)
    assert {name.root for name in names.values()} == {fact.name}


@pytest.mark.parametrize("subject", ROOTS, ids=lambda subject: subject.kind)
def test_the_facts_of_a_subject_are_those_that_the_engine_reaches(subject: type[Subject]) -> None:
    found = {name.fact for name in vocabulary(subject).values() if name.fact is not None}
    assert found == {fact for fact in fact_types().values() if can_reach(subject, fact.subject)}
    assert {SUBJECTS[root] for root in ROOTS[subject]} == {kind for kind in ROOTS if can_reach(subject, kind)}


def test_no_fact_is_called_as_something_else() -> None:
    taken = {"now", "has", *SUBJECTS, *FUNCTIONS}
    assert not taken & fact_types().keys()


BRANCH_RULES = BranchRules(
    (Protection("ruleset base", approvals=2, checks=(RequiredCheck("build"),)),), not_in_force=("trial",)
)
PIPELINES = Pipelines(
    (
        PipelineDefinition(
            ".github/workflows/ci.yml",
            "ci",
            triggers=(Trigger("pull_request"),),
            jobs=(Job("build", 5, (Step(6, uses="actions/checkout@v4", inputs={"depth": "0"}),)),),
        ),
    )
)
GONE_BACK = PreviousRelease(Deployment("prod", "c" * 40, DeploymentState.SUCCEEDED, NOW - timedelta(days=3)), False)


@pytest.mark.parametrize(
    ("text", "subject", "fact"),
    [
        ("reviews.size() == 0 && 'bo' in reviews.requested", pull_request(), Reviews((), ("bo",))),
        ("branch_rules.protections.exists(p, has(p.approvals) && p.approvals >= 2)", REPOSITORY, BRANCH_RULES),
        (
            "branch_rules.protections.all(p, !has(p.signatures) && p.checks[0].name == 'build')",
            REPOSITORY,
            BRANCH_RULES,
        ),
        (
            "branch_rules.not_in_force == ['trial'] && !branch_rules.force_push_needs_permission",
            pull_request(),
            BRANCH_RULES,
        ),
        ("secret_scanning.enabled && !has(secret_scanning.push_protection)", REPOSITORY, SecretScanning(True, None)),
        (
            "pipelines.exists(p, p.jobs.exists(j, j.steps.exists(s, s.uses.glob('actions/*') && s.inputs['depth'] == '0')))",
            REPOSITORY,
            PIPELINES,
        ),
        ("pipelines.all(p, p.triggers.exists(t, t.event == 'pull_request'))", release(), PIPELINES),
        ("previous_release.deployment.state == 'succeeded' && !previous_release.is_first", release(), GONE_BACK),
        ("days_since(previous_release.deployment.at) == 3", release(), GONE_BACK),
        ("!has(previous_release.deployment.at) && previous_release.is_first", release(), PreviousRelease(None, True)),
        ("deployments.exists(d, d.environment == 'prod')", release(), Deployments((GONE_BACK.deployment,))),  # type: ignore[arg-type]
        ("code_owners.entries.exists(e, e.owners.size() > 0) && has(code_owners.path)", REPOSITORY, None),
        ("'ana' in teams.members['ops'].map(p, p.login) && 'dev' in teams.missing", REPOSITORY, None),
        ("teams.members.ops.size() == 1 && has(teams.members.ops) && !has(teams.members.dev)", pull_request(), None),
        ("'README.md' in contents && !('LICENSE' in contents)", REPOSITORY, FileContents({"README.md": "# Pay"})),
        ("contents['README.md'].contains('Pay')", release(), FileContents({"README.md": "# Pay"})),
        ("release_changes.commits == 4 && 'AB#1' in release_changes.work_items", release(), None),
    ],
)
def test_facts_by_name(text: str, subject: Subject, fact: Fact | None) -> None:
    given = {
        "code_owners": CodeOwners((OwnedPaths(("*",), ("ana",)),), "CODEOWNERS"),
        "teams": TeamMembers({"ops": (ANA,)}, frozenset({"dev"})),
        "release_changes": ReleaseChanges((), frozenset(), ("AB#1",), 4),
    }
    (name,) = compile_expression(text, [type(subject)]).names - SUBJECTS.keys() - {"now"}
    assert evaluate(text, subject, fact or given[name]) is True
    assert evaluate(text, subject) == Undecided(f"{name} could not be read", missing=name)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("has(secret_scanning.push_protection)", "secret_scanning"),
        ("!has(secret_scanning.push_protection)", "secret_scanning"),
        ("!has(code_owners.path)", "code_owners"),
        ("secret_scanning.enabled", "secret_scanning"),
    ],
)
def test_what_was_not_read_is_neither_set_nor_unset(text: str, fact: str) -> None:
    assert evaluate(text, REPOSITORY) == Undecided(f"{fact} could not be read", missing=fact)


def test_what_is_unset_in_a_fact_that_was_read_says_so() -> None:
    answer = evaluate("secret_scanning.push_protection == true", REPOSITORY, SecretScanning(True, None))
    reason = "secret_scanning.push_protection is not set here; ask has(secret_scanning.push_protection) first"
    assert answer == Undecided(reason)


def test_an_empty_repository_has_no_branch() -> None:
    empty = dataclasses.replace(REPOSITORY, default_branch=None)
    assert evaluate("has(branch.name)", empty) is False
    assert evaluate("has(branch.name) && branch.is_default", REPOSITORY) is True
    assert isinstance(evaluate("branch.name == 'main'", empty), Undecided)


@pytest.mark.parametrize(
    ("text", "requests"),
    [
        (
            "contents['a.md'] == '' || 'b/c.md' in contents",
            {FactRequest(FileContents, PathSpec(frozenset({"a.md", "b/c.md"})))},
        ),
        ("teams.members['ops'].size() > 0", {FactRequest(TeamMembers, TeamSpec(frozenset({"ops"})))}),
        (
            "'a' in teams.missing || teams.members.b.size() > 0",
            {FactRequest(TeamMembers, TeamSpec(frozenset({"a", "b"})))},
        ),
        ("work_items.size() > 0", {FactRequest(LinkedWorkItems, LinkSpec())}),
        ("pr.draft && secret_scanning.enabled", {FactRequest(SecretScanning)}),
        ("has(secret_scanning.push_protection)", {FactRequest(SecretScanning)}),
        ("reviews.requested.size() > 0", {FactRequest(Reviews)}),
        ("['a'].exists(contents, contents == 'a')", set()),
        (
            "'a' in contents && ['b'].exists(contents, contents == 'b')",
            {FactRequest(FileContents, PathSpec(frozenset({"a"})))},
        ),
    ],
)
def test_only_what_is_named_is_asked_for(text: str, requests: set[FactRequest]) -> None:
    compiled = compile_expression(text, [PullRequest])
    assert compiled.requests() == requests
    assert compiled.facts() == {request.type for request in requests}


def test_what_a_release_changed_is_asked_for_without_texts() -> None:
    compiled = compile_expression("release_changes.commits > 0", [Release])
    assert compiled.requests() == {FactRequest(ReleaseChanges, GlobSpec())}


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("contents.size() > 0", 1, "say what of it is meant, as a constant: contents['…'], or '…' in contents"),
        ("['a'].exists(p, p in contents)", 22, "say what of it is meant, as a constant"),
        ("contents[pr.title] == ''", 1, "say what of it is meant, as a constant"),
        ("'' in contents", 7, "'' is no name that contents could be asked for"),
        ("'a\\nb' in contents", 11, "is no name that contents could be asked for"),
        ("teams.members.size() > 0", 1, "say what of it is meant, as a constant: teams.members['…']"),
        ("has(teams.members)", 1, "say what of it is meant, as a constant: teams.members['…']"),
        ("release_changes.added.size() > 0", 1, "there is no 'release_changes' here"),
        ("secret_scaning.enabled", 1, "there is no 'secret_scaning' here, did you mean 'secret_scanning'"),
        (
            "secret_scanning.enabld",
            1,
            "there is no 'secret_scanning.enabld' here, did you mean 'secret_scanning.enabled'",
        ),
        ("secret_scanning == true", 1, "'secret_scanning' alone is no value; it has enabled, push_protection"),
        (
            "branch_rules.protections.exists(p, p.aprovals > 1)",
            37,
            "there is no field 'aprovals' here, did you mean 'approvals'",
        ),
        ("teams.members['a'].exists(p, p.logn == 'x')", 31, "there is no field 'logn' here, did you mean 'login'"),
        (
            "pipelines.exists(p, p.jobs.exists(j, j.steps.exists(s, s.usses == '')))",
            57,
            "no field 'usses' here, did you mean 'uses'",
        ),
    ],
)
def test_mistakes_in_facts(text: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, [PullRequest])
    assert message in caught.value.mistakes[0].message
    assert caught.value.mistakes[0].column == column


def test_what_holds_for_some_subjects_only() -> None:
    compile_expression("secret_scanning.enabled", [PullRequest, Repository, Release])
    with pytest.raises(ExpressionError, match="the rule judges an organization as well"):
        compile_expression("secret_scanning.enabled", [PullRequest, Organization])


def test_specs_that_name_and_those_that_do_not() -> None:
    assert [fact.name for fact in fact_types().values() if fact.spec and issubclass(fact.spec, NamingSpec)] == [
        "changed_lines",
        "contents",
        "teams",
    ]
