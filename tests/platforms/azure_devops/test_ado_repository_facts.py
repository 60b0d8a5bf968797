from __future__ import annotations

import pytest

from bot.model.facts import FactRequest, Loaded, NotSupported, UnknownKind
from bot.model.facts.change import CodeOwners, TeamMembers, TeamSpec
from bot.model.facts.pipelines import DetectedTools, FileContents, PathSpec, Pipelines
from bot.model.facts.protection import BranchRules, BypassActors, ClassicProtection, SecretScanning
from bot.model.facts.repository import Properties
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    PullRequest,
    Release,
    Repository,
)
from bot.platforms.azure_devops import endpoints
from tests.platforms.azure_devops.ado_reader import Reader, requested

KINDS = frozenset({Organization, Repository, Branch, Pipeline, Environment, Release, PullRequest})


@pytest.fixture
def payments(reader: Reader) -> Repository:
    return reader.subject("ado:acme/Payments/payments")


@pytest.fixture
def billing(reader: Reader) -> Repository:
    return reader.subject("ado:acme/Payments/billing")


def test_blocking_policies_are_protections(reader: Reader, payments):
    rules = reader.value(BranchRules, payments.default)
    assert rules.force_push_needs_permission
    assert all(one.pull_request_required for one in rules.protections)
    by_source = {one.source: one for one in rules.protections}
    reviewers = by_source["policy Minimum number of reviewers"]
    assert (reviewers.approvals, reviewers.dismiss_stale, reviewers.last_push_approval) == (2, True, True)
    assert reviewers.author_may_approve is False
    assert by_source["policy Work item linking"].work_items
    assert by_source["policy Comment requirements"].conversations
    checks = {one.name: one for rule in rules.protections for one in rule.checks}
    assert checks["ci"].pipeline_id == 1
    assert set(checks) == {"ci", "scan/sonar"}


def test_prefixes_apply_and_what_does_not_block_is_only_named(reader: Reader, billing):
    rules = reader.value(BranchRules, billing.default)
    assert rules.protections == ()
    assert [name for name in rules.not_in_force if "Minimum number" in name]
    release = reader.value(BranchRules, billing.branch("Release/1"))
    assert [(one.approvals, one.author_may_approve) for one in release.protections] == [(3, True)], "without case"
    assert reader.value(BranchRules, billing.branch("other")).protections == ()


def test_policies_of_the_whole_project_and_of_the_default_branch_apply(reader: Reader, payments, billing):
    policies = reader.provider.reads.policies(payments.organization.id.rpartition("/")[2])
    everywhere = {
        "id": 99,
        "isEnabled": True,
        "isBlocking": True,
        "type": {"id": "C6A1889D-b943-4856-b76f-9e46bb6b0df2"},
        "settings": {"scope": [{"repositoryId": None, "refName": None, "matchKind": "DefaultBranch"}]},
    }
    policies.append(everywhere)
    assert any(one.conversations for one in reader.value(BranchRules, billing.default).protections)
    assert not any(one.conversations for one in reader.value(BranchRules, billing.branch("other")).protections)


def test_there_is_no_classic_protection(reader: Reader, payments):
    assert isinstance(reader.ask(ClassicProtection, payments.default), NotSupported)


def test_who_can_go_round_the_policies(reader: Reader, payments):
    actors = {one.name: one for one in reader.value(BypassActors, payments.default).actors}
    assert "Bypass policies when pushing" in actors["dee@example.com"].source
    assert not actors["dee@example.com"].can_force_push
    assert actors["group [Payments]\\Project Administrators"].can_force_push
    assert "ben@example.com" not in actors


def test_required_reviewers_are_code_owners(reader: Reader, payments):
    owners = reader.value(CodeOwners, payments.default)
    assert not owners.last_match_wins
    assert owners.entries == ()
    policies = reader.provider.reads.policies(payments.organization.id.rpartition("/")[2])
    (ben, _) = reader.value(TeamMembers, payments, TeamSpec(frozenset({"payments-team"}))).members["payments-team"]
    policies.append(
        {
            "isEnabled": True,
            "isBlocking": True,
            "type": {"id": "fd2167ab-b0be-447a-8ec8-39368250530e"},
            "settings": {
                "requiredReviewerIds": [ben.id.rpartition("/")[2]],
                "filenamePatterns": ["/db/*", "!/db/readme.md"],
                "scope": [{"repositoryId": None, "refName": "refs/heads/main", "matchKind": "Exact"}],
            },
        }
    )
    (entry,) = reader.value(CodeOwners, payments.default).entries
    assert entry.owners == ("ben@example.com",)
    assert entry.patterns == ("/db/**", "!/db/readme.md")


def test_groups_that_policies_require_are_looked_up_when_owners_matter(reader: Reader, payments):
    team = identity(reader, "payments-team")
    reader.provider.reads.policies(payments.organization.id.rpartition("/")[2]).append(
        {
            "isEnabled": True,
            "isBlocking": True,
            "type": {"id": "fd2167ab-b0be-447a-8ec8-39368250530e"},
            "settings": {
                "requiredReviewerIds": [team],
                "scope": [{"repositoryId": None, "refName": "refs/heads/main", "matchKind": "Exact"}],
            },
        }
    )
    (entry,) = reader.value(CodeOwners, payments.default).entries
    assert entry.owners == ("acme/payments-team",)
    assert reader.value(TeamMembers, payments, TeamSpec()).members == {}
    (members,) = reader.value(TeamMembers, payments, TeamSpec(owners=True)).members.items()
    assert members[0] == "acme/payments-team"
    assert {one.login for one in members[1]} == {"ben@example.com", "cid@example.com"}


def identity(reader: Reader, name: str) -> str:
    query = {"searchFilter": "General", "filterValue": name, "queryMembership": "none"}
    return str(reader.provider.client.listing(endpoints.IDENTITIES, {}, query)[0]["id"])


def test_pipelines_with_templates_and_their_triggers(reader: Reader, payments):
    (pipeline,) = reader.value(Pipelines, payments.default).definitions
    assert (pipeline.name, pipeline.path, pipeline.definition_id) == ("ci", "azure-pipelines.yml", 1)
    assert [step.run for job in pipeline.jobs for step in job.steps] == ["ruff check", "mypy ."]
    validation = next(one for one in pipeline.triggers if one.event == "pull_request")
    assert (validation.branches, validation.blocking) == (("main",), True)
    assert pipeline.enabled
    assert pipeline.error == ""


def test_a_disabled_pipeline_and_one_whose_file_is_gone(reader_for, sandbox):
    repository = sandbox.world.repository("acme", "payments")
    repository.part.pipelines[0].enabled = False
    repository.part.pipelines[0].azure_path = "gone.yml"
    reader = reader_for()
    branch = reader.subject("ado:acme/Payments/payments").default
    (pipeline,) = reader.value(Pipelines, branch).definitions
    assert pipeline.enabled is False
    assert "gone.yml does not exist" in pipeline.error


def test_files_and_pipelines_share_their_reading(reader: Reader, payments, sandbox):
    branch = payments.default
    wanted = PathSpec(frozenset({"Makefile", "src/app.py", "docs/a.md"}))
    files, pipelines = reader.ask_all({FactRequest(FileContents, wanted): [branch], FactRequest(Pipelines): [branch]})
    assert files.value.texts == {"src/app.py": "print(1)\n", "docs/a.md": "a\n"}
    assert pipelines.value.definitions[0].jobs
    posts = [one.rpartition("/")[2] for one in requested(sandbox) if one.startswith("POST")]
    assert posts == ["itemsBatch", "blobs"]


def test_status_policies_are_detected_tools(reader: Reader, payments):
    assert reader.value(DetectedTools, payments.default).checks == (("scan/sonar", ""),)


def test_secret_scanning(reader: Reader, payments, billing):
    scanning = reader.value(SecretScanning, payments)
    assert (scanning.enabled, scanning.push_protection) == (True, True)
    assert isinstance(reader.ask(SecretScanning, billing), NotSupported)


def test_project_properties(reader: Reader, payments):
    assert reader.value(Properties, payments).values["tier"] == "critical"


def test_discovery_of_a_project(reader: Reader):
    project = reader.subject("ado:acme/Payments")
    found = list(reader.provider.discover(project, KINDS))
    names = {(one.kind, one.name) for one in found}
    assert names >= {
        ("organization", "acme/Payments"),
        ("repository", "acme/Payments/payments"),
        ("repository", "acme/Payments/ledger"),
        ("branch", "acme/Payments/billing@release/1"),
        ("pipeline", "acme/Payments/ci"),
        ("environment", "acme/Payments/production"),
        ("release", "acme/Payments/payments@v1.1.0 in production"),
        ("release", "acme/Payments/billing@R-2 in shop"),
        ("pull_request", "acme/Payments/payments!12"),
    }
    assert len({one.id for one in found}) == len(found)
    archived = next(one for one in found if one.name == "acme/Payments/ledger")
    assert archived.archived
    pull_request = next(one for one in found if isinstance(one, PullRequest))
    assert pull_request == reader.subject()


def test_discovery_of_an_organisation_and_of_a_repository(reader: Reader, payments):
    root = reader.subject("ado:acme")
    found = list(reader.provider.discover(root, frozenset({Organization, Repository})))
    assert [one.name for one in found] == [
        "acme",
        "acme/Payments",
        "acme/Payments/payments",
        "acme/Payments/ledger",
        "acme/Payments/billing",
    ]
    under = list(reader.provider.discover(payments, frozenset({Repository, Branch, Release})))
    assert {one.name for one in under} >= {"acme/Payments/payments", "acme/Payments/payments@main"}
    assert not [one for one in under if "billing" in one.name]


def test_what_cannot_be_listed_is_a_gap_and_the_rest_goes_on(reader_for):
    reader = reader_for("no-environments")
    found = list(reader.provider.discover(reader.subject("ado:acme/Payments"), KINDS))
    gaps = [one for one in found if not hasattr(one, "platform")]
    assert {gap.fact for gap in gaps} == {"environments", "releases"}
    assert all(gap.kind is UnknownKind.SCOPE and "vso.environment_manage" in gap.reason for gap in gaps)
    assert [one for one in found if isinstance(one, Pipeline)]


def test_a_long_list_is_read_to_its_end(reader: Reader):
    project = reader.subject("ado:acme/Payments")
    route = {"project": project.id.rpartition("/")[2]}
    whole = reader.provider.client.listing(endpoints.POLICIES, route)
    paged = reader.provider.client.listing(endpoints.POLICIES, route, {"$top": 2})
    assert len(whole) > 4
    assert [one["id"] for one in paged] == [one["id"] for one in whole]
    first = reader.provider.client.listing(endpoints.POLICIES, route, {"$top": 2}, pages=1)
    assert len(first) == 2
    skipped = reader.provider.client.skipping(
        endpoints.PROJECT_PULL_REQUESTS, route, {"searchCriteria.status": "all"}, size=1
    )
    assert [one["pullRequestId"] for one in skipped] == [12]


def test_loaded_answers_say_where_and_when(reader: Reader, payments):
    answer = reader.ask(BranchRules, payments.default)
    assert isinstance(answer, Loaded)
    assert answer.read_at == reader.provider.reads.now
    assert "_settings/repositories" in answer.url
