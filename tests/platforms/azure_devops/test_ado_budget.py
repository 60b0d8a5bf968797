"""How many requests a gate and a scan take, and how many of them wait for one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.engine.ports import Known, Publication
from bot.engine.targets import parse
from bot.model.facts import FactRequest, Loaded
from bot.model.facts.change import (
    ChangedFiles,
    Checks,
    CodeOwners,
    Commits,
    FormerCommits,
    LinkedWorkItems,
    LinkSpec,
    Pushes,
    ReviewerPermissions,
    Reviews,
)
from bot.model.facts.pipelines import DetectedTools, FileContents, PathSpec, Pipelines
from bot.model.facts.protection import BranchRules, BypassActors, SecretScanning
from bot.model.facts.repository import Properties
from bot.model.results import Verdict
from bot.model.subjects import Environment, Organization, Pipeline, Release, Repository
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.azure_devops.publisher import AzureDevOpsPublisher
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox, load_scenario
from bot.sandbox.world import World
from tests.platforms.azure_devops.ado_reader import Reader, requested

GATE = (LinkedWorkItems, Commits, Checks, ChangedFiles, Reviews, Pushes, ReviewerPermissions)


def test_a_gate_takes_twelve_requests_and_posts_twice(reader: Reader, sandbox):
    pull_request = reader.subject()
    assert reader.provider.round_trips() == 1
    assert reader.provider.configuration(pull_request, ["almguard.yml", ".github/almguard.yml"])
    specs: dict[type, Any] = {LinkedWorkItems: LinkSpec()}
    needs = {FactRequest(fact, specs.get(fact)): [pull_request] for fact in GATE}
    tasks = PathSpec(frozenset({"Makefile", "package.json", ".pre-commit-config.yaml", "tox.ini"}))
    needs |= {FactRequest(fact, spec): [pull_request.base] for fact, spec in ((Pipelines, None), (FileContents, tasks))}
    answers = reader.ask_all(needs)
    assert all(isinstance(answer, Loaded) for answer in answers)
    before = reader.provider.requests()
    assert reader.value(FormerCommits, pull_request) == FormerCommits()
    assert reader.provider.requests() == before, "no approval hangs on a rebase"
    assert reader.provider.round_trips() <= 5, "until all that is judged is known"
    assert reader.provider.requests() <= 12, requested(sandbox)
    publisher = AzureDevOpsPublisher(reader.provider)
    publisher.publish(Publication(pull_request, "almguard", Verdict.BLOCKED, "Blocked", "summary", "comment"))
    assert reader.provider.requests() <= 14, requested(sandbox)
    assert reader.provider.requests() == len(requested(sandbox)), "every request is counted"


def test_the_base_branchs_pipelines_cost_two_more_and_one_for_each_template(reader: Reader, sandbox):
    pull_request = reader.subject()
    before = reader.provider.requests()
    reader.ask_all({FactRequest(Checks): [pull_request], FactRequest(Pipelines): [pull_request.base]})
    lines = requested(sandbox)[before:]
    assert not [line for line in lines if "policy/configurations" in line], "the evaluations hold the policies"
    assert len(lines) <= 2 + 2 + 1, lines
    (check, *_) = reader.value(Checks, pull_request).checks
    assert (check.workflow, check.workflow_path) == ("ci", "azure-pipelines.yml")


def _grown(repositories: int) -> Scenario:
    scenario = load_scenario(Path(__file__).with_name("scenario.yaml"))
    pattern = scenario.repositories[0]
    for number in range(repositories - len(scenario.repositories)):
        copy = pattern.model_copy(
            deep=True,
            update={"name": f"service-{number}", "pull_requests": [], "runs": [], "releases": [], "deployments": []},
        )
        scenario.repositories.append(copy)
    return scenario


def test_a_scan_takes_two_requests_for_each_repository_and_a_few_for_the_project():
    with Sandbox(World(_grown(20))) as sandbox:
        provider = AzureDevOpsProvider("all", sandbox.azure_devops + "acme")
        project = provider.resolve(parse("ado:acme/Payments"))
        kinds = frozenset({Organization, Repository, Pipeline, Environment, Release})
        found = list(provider.discover(project, kinds))
        repositories = [one for one in found if isinstance(one, Repository) and not one.archived]
        assert len(repositories) == 19
        branches = [one.default for one in repositories]
        wanted = PathSpec(frozenset({"Makefile", "package.json", ".pre-commit-config.yaml", "tox.ini"}))
        needs = {
            FactRequest(BranchRules): branches,
            FactRequest(BypassActors): branches,
            FactRequest(CodeOwners): branches,
            FactRequest(DetectedTools): branches,
            FactRequest(Pipelines): branches,
            FactRequest(FileContents, wanted): branches,
            FactRequest(Properties): repositories,
            FactRequest(SecretScanning): [one for one in repositories if one.short_name != "billing"],
        }
        answers = list(provider.load(needs, Known()))
        assert all(isinstance(answer, Loaded) for _, _, answer in answers)
        pipelines = [answer.value for request, _, answer in answers if request.type is Pipelines]
        assert sum(bool(one.definitions) for one in pipelines) == 19
        steps = [step.run for one in pipelines for d in one.definitions for job in d.jobs for step in job.steps]
        assert steps.count("mypy .") == 18, "templates are expanded"
        assert provider.requests() <= 13 + 2 * len(repositories), [
            line for line in requested(sandbox) if "itemsBatch" not in line and "blobs" not in line
        ]
        provider.close()
