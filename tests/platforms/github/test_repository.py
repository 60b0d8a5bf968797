"""What the provider reads of repositories and branches, and how cheaply of many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.engine.loading import Needs, load
from bot.engine.ports import Known, PlatformError
from bot.engine.targets import parse
from bot.model.facts import FactRequest, Loaded, UnknownKind
from bot.model.facts.change import CodeOwners, TeamMembers, TeamSpec
from bot.model.facts.pipelines import DetectedTools, FileContents, PathSpec, Pipelines
from bot.model.facts.protection import BranchRules, BypassActors, ClassicProtection, SecretScanning
from bot.model.facts.repository import Properties
from bot.model.results import Gap
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    PullRequest,
    Release,
    Repository,
    Subject,
    Visibility,
    WorkItem,
)

from .conftest import NOTHING, House, value

IT = "github:acme/payments"
SCANNED = [
    FactRequest(BranchRules),
    FactRequest(ClassicProtection),
    FactRequest(BypassActors),
    FactRequest(SecretScanning),
    FactRequest(Pipelines),
    FactRequest(DetectedTools),
    FactRequest(FileContents, PathSpec(frozenset({"Makefile", "package.json", "pyproject.toml"}))),
]


def names(found: Iterator[Subject | Gap]) -> list[str]:
    return [f"{type(one).__name__} {one.name}" for one in found]


def test_resolve_repository(house: House) -> None:
    found = house.provider().resolve(parse(IT))
    assert isinstance(found, Repository)
    assert (found.name, found.default_branch, found.visibility) == ("acme/payments", "main", Visibility.PRIVATE)
    assert (found.language, found.topics, found.archived) == ("Python", ("pci",), False)


def test_resolve_others(house: House) -> None:
    provider = house.provider()
    assert isinstance(provider.resolve(parse("github:acme")), Organization)
    issue = provider.resolve(parse("github:acme/payments#7"))
    assert isinstance(issue, WorkItem)
    assert (issue.title, issue.type, issue.is_closed) == ("Refunds", "Bug", False)


@pytest.mark.parametrize(
    "target", ["github:nobody", "github:acme/none", "github:acme/payments#4711", "github:acme/payments@v9"]
)
def test_what_is_not_there_is_usage(house: House, target: str) -> None:
    with pytest.raises(PlatformError, match=r"^There is no") as raised:
        house.provider().resolve(parse(target))
    assert raised.value.kind is None


def test_discover_organization(house: House) -> None:
    provider = house.provider()
    root = provider.resolve(parse("github:acme"))
    found = names(provider.discover(root, frozenset({Organization, Repository, Branch, Environment, Pipeline})))
    assert found == [
        "Organization acme",
        "Repository acme/old",
        "Branch acme/old@main",
        "Repository acme/open",
        "Branch acme/open@main",
        "Repository acme/payments",
        "Branch acme/payments@main",
        "Environment acme/payments production",
        "Pipeline acme/payments .github/workflows/broken.yml",
        "Pipeline acme/payments .github/workflows/ci.yml",
        "Pipeline acme/payments .github/workflows/deploy.yml",
        "Repository acme/void",
    ]
    archived = [one.archived for one in provider.discover(root, frozenset({Repository})) if isinstance(one, Repository)]
    assert archived == [True, False, False, False]


def test_discover_repository(house: House) -> None:
    provider = house.provider()
    root = provider.resolve(parse(IT))
    found = list(provider.discover(root, frozenset({PullRequest, Release})))
    assert names(iter(found)) == [
        "PullRequest acme/payments#13",
        "PullRequest acme/payments#12",
        "Release acme/payments@v1.1.0 in production",
    ] or {*names(iter(found))} == {
        "PullRequest acme/payments#13",
        "PullRequest acme/payments#12",
        "Release acme/payments@v1.1.0 in production",
    }


def test_a_token_without_contents_still_knows_the_default_branch(house: House) -> None:
    provider = house.provider(NOTHING)
    root = provider.resolve(parse("github:acme"))
    found = {one.name: one for one in provider.discover(root, frozenset({Repository})) if isinstance(one, Repository)}
    assert found["acme/payments"].default_branch == "main"
    assert found["acme/void"].default_branch is None


def test_discovering_many_takes_a_page_for_a_hundred(build) -> None:
    house = build({"repositories": [{"name": f"r{number:03}"} for number in range(230)]})
    provider = house.provider("sandbox-token")
    root = provider.resolve(parse("github:acme"))
    found = [one for one in provider.discover(root, frozenset({Repository})) if isinstance(one, Repository)]
    assert len({one.id for one in found}) == 230
    assert provider.requests() == 4


def test_a_page_that_is_too_large_is_halved(build) -> None:
    house = build({"repositories": [{"name": f"r{number:03}"} for number in range(120)]})
    provider = house.provider("sandbox-token")
    root = provider.resolve(parse("github:acme"))
    house.fault(match="graphql", kind="status", status=502, times=1)
    assert len(list(provider.discover(root, frozenset({Repository})))) == 120
    assert provider.requests() == 5


def test_what_cannot_be_listed_is_a_gap(house: House) -> None:
    provider = house.provider(transport={"attempts": 2})
    root = provider.resolve(parse("github:acme"))
    house.fault(match="graphql", kind="status", status=500, times=None)
    found = list(provider.discover(root, frozenset({Repository})))
    assert [(type(one), one.kind) for one in found] == [(Gap, UnknownKind.TRANSIENT)]  # type: ignore[union-attr]


def test_protections(house: House) -> None:
    provider = house.provider()
    (classic,) = value(provider, IT, ClassicProtection).protections
    assert (classic.approvals, classic.binds_admins, classic.forbids_force_push) == (1, False, True)
    assert [(one.name, one.app) for one in classic.checks] == [("lint", "github-actions")]
    rules = value(provider, IT, BranchRules)
    (strict,) = rules.protections
    assert strict.source == "ruleset “strict”"
    assert (strict.approvals, strict.dismiss_stale, strict.forbids_force_push, strict.forbids_deletion) == (
        2,
        True,
        True,
        None,
    )
    assert [(one.name, one.app) for one in strict.checks] == [("lint", "github-actions"), ("any", None)]
    assert rules.not_in_force == ("ruleset “later” (evaluate)",)
    actors = value(provider, IT, BypassActors).actors
    assert {(one.name, one.kind) for one in actors} == {
        ("repository administrators", "role"), ("team payments-team", "team"),
    }  # fmt: skip


def test_another_branch_has_its_own_rules(house: House) -> None:
    provider = house.provider()
    home = provider.resolve(parse(IT))
    assert isinstance(home, Repository)
    branch = home.branch("release/1")
    assert [one.linear_history for one in value(provider, branch, BranchRules).protections] == [True]
    assert value(provider, branch, ClassicProtection).protections == ()
    assert value(provider, branch, BypassActors).actors == ()


def test_secret_scanning_and_properties(house: House) -> None:
    provider = house.provider()
    found = value(provider, IT, SecretScanning)
    assert (found.enabled, found.push_protection) == (True, False)
    assert value(provider, IT, Properties).values == {"tier": "critical"}


def test_pipelines(house: House) -> None:
    found = {one.path: one for one in value(house.provider(), IT, Pipelines).definitions}
    assert set(found) == {f".github/workflows/{name}.yml" for name in ("ci", "deploy", "broken")}
    assert found[".github/workflows/broken.yml"].error
    assert found[".github/workflows/ci.yml"].enabled is True
    assert [step.run for step in found[".github/workflows/ci.yml"].jobs[0].steps] == [None, "ruff check"]


def test_a_disabled_workflow_is_disabled(build) -> None:
    files = {".github/workflows/ci.yml": "name: CI\non: push\njobs: {a: {steps: []}}\n"}
    house = build(
        {
            "repositories": [
                {"name": "app", "files": files, "pipelines": [
                    {"name": "CI", "path": ".github/workflows/ci.yml", "enabled": False}]}
            ]
        }
    )  # fmt: skip
    provider = house.provider("sandbox-token")
    assert [one.enabled for one in value(provider, "github:acme/app", Pipelines).definitions] == [False]


def test_files_owners_and_teams(house: House) -> None:
    provider = house.provider()
    texts = value(provider, IT, FactRequest(FileContents, PathSpec(frozenset({"README.md", "none", "src"})))).texts
    assert texts == {"README.md": "# Payments\n"}
    owners = value(provider, IT, CodeOwners)
    assert owners.path == ".github/CODEOWNERS"
    assert [(one.patterns, one.owners, one.line) for one in owners.entries] == [
        (("*",), ("acme/payments-team",), 2),
        (("docs/*", "!docs/*/**"), ("dan",), 3),
        (("/nobody/",), (), 4),
    ]
    teams = value(provider, IT, FactRequest(TeamMembers, TeamSpec(frozenset({"acme/payments-team", "empty", "none"}))))
    assert {name: [one.login for one in members] for name, members in teams.members.items()} == {
        "acme/payments-team": ["ben", "cara"], "empty": [],
    }  # fmt: skip
    assert teams.missing == {"none"}


def test_teams_that_codeowners_names_are_looked_up_when_owners_matter(house: House) -> None:
    teams = value(house.provider(), IT, FactRequest(TeamMembers, TeamSpec(frozenset({"empty"}), owners=True)))
    assert {name: [one.login for one in members] for name, members in teams.members.items()} == {
        "acme/payments-team": ["ben", "cara"],
        "empty": [],
    }


def test_an_empty_repository_has_nothing_to_ask(house: House) -> None:
    provider = house.provider()
    subject = provider.resolve(parse("github:acme/void"))
    needs, known = Needs(), Known()
    needs.add(FactRequest(BranchRules), [subject])
    load(needs, provider, known)
    assert known.answers == {}


def test_a_scan_takes_less_than_half_a_request_for_a_repository(build) -> None:
    rule = {"via": "classic", "approvals": 1}
    ruleset = {"via": "ruleset", "approvals": 1, "allow_force_push": False}
    repositories = [
        {
            "name": f"r{number:03}",
            "protection": [rule, ruleset] if number % 2 else [],
            "security": {"secret_scanning": True},
            "files": {"pyproject.toml": "x", ".github/workflows/ci.yml": "on: push\njobs: {a: {steps: []}}"},
        }
        for number in range(130)
    ]
    house = build({"repositories": repositories})
    provider = house.provider("sandbox-token")
    root = provider.resolve(parse("github:acme"))
    subjects = [one for one in provider.discover(root, frozenset({Repository})) if isinstance(one, Subject)]
    needs, known = Needs(), Known()
    for request in SCANNED:
        needs.add(request, subjects)
    assert load(needs, provider, known) == ()
    assert len(known.answers) == 130 * len(SCANNED)
    assert all(isinstance(answer, Loaded) for answer in known.answers.values())
    assert provider.requests() <= 0.5 * 130, house.lines()
    assert provider.requests() <= 16, house.lines()
    pipelines = [answer.value for (kind, _), answer in known.answers.items() if kind is Pipelines]  # type: ignore[union-attr]
    assert all(len(one.definitions) == 1 and not one.definitions[0].error for one in pipelines)  # type: ignore[attr-defined]
    texts = [answer.value for (kind, _), answer in known.answers.items() if kind is FileContents]  # type: ignore[union-attr]
    assert all(one.texts == {"pyproject.toml": "x"} for one in texts)  # type: ignore[attr-defined]
    assert len(provider.memory.blobs) == 2

    again = house.provider("sandbox-token", blobs=provider.memory.blobs)
    before = len(house.ledger())
    needs, known = Needs(), Known()
    needs.add(SCANNED[4], subjects)
    needs.add(SCANNED[6], subjects)
    load(needs, again, known)
    asked = [str(entry["operation"]) for entry in house.ledger()[before:]]
    assert len(asked) == 4
    assert not any(" text " in query for query in asked)
