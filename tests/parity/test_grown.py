"""A grown organisation is the same on both platforms: what differs is what the platforms themselves force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from bot.sandbox.grow import grow
from bot.sandbox.scenario import RepositoryPart, Scenario
from bot.sandbox.server import Sandbox
from bot.sandbox.world import World as Inside
from tests.cli.conftest import World, demo_scenario

REPOSITORIES = 60
SEED = 4
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: p}
rules:
  - {rule: branch-protection, enforce: audit}
  - {name: strong, rule: branch-protection, enforce: audit,
     with: {approvals: 2, dismiss_stale: true, conversations: true, checks_required: true}}
  - {rule: static-analysis-configured, enforce: audit}
  - {name: sast, rule: static-analysis-configured, enforce: audit, with: {kinds: [sast]}}
  - {name: lint, rule: static-analysis-configured, enforce: audit, with: {kinds: [lint]}}
  - {rule: secret-scanning, enforce: audit}
  - {name: scanned, rule: secret-scanning, enforce: audit, with: {push_protection: false}}
  - {rule: approvals, enforce: audit}
  - {rule: requirement-link, enforce: audit}
  - {rule: static-analysis-passed, enforce: audit}
"""
CONFIG = "apiVersion: almguard/v1\nkind: Config\npolicies: [p.yml]\n"

Outcomes = dict[tuple[str, str], str]
"""By the subject's name, without an Azure DevOps project's, and the entry's."""


@dataclass(frozen=True)
class Difference:
    """One that the platforms force."""

    why: str
    entries: frozenset[str]
    github: str
    azure_devops: str
    where: Callable[[RepositoryPart], bool]

    def explains(self, entry: str, github: str, azure_devops: str, part: RepositoryPart) -> bool:
        return entry in self.entries and (github, azure_devops) == (self.github, self.azure_devops) and self.where(part)


def disabled(part: RepositoryPart) -> bool:
    return any(not pipeline.enabled for pipeline in part.pipelines)


def force_push_against_the_organisation(part: RepositoryPart) -> bool:
    return part.name.startswith("infra-") and any(each.allow_force_push for each in part.protection)


FORCED = (
    Difference(
        "On GitHub the strictest of repository's and organisation's rules counts; on Azure DevOps a force push is a "
        "permission, and no policy of the project takes back what a branch gives.",
        frozenset({"branch-protection"}),
        "pass",
        "fail",
        force_push_against_the_organisation,
    ),
    Difference(
        "GitHub tells of one repository at a time which of its workflows are disabled, so that a scan of many does not "
        "ask; Azure DevOps lists it with the project's pipelines.",
        frozenset({"static-analysis-configured", "sast", "lint", "secret-scanning", "scanned"}),
        "pass",
        "fail",
        disabled,
    ),
    Difference(
        "So on GitHub the check of a disabled workflow is awaited; on Azure DevOps nothing gates.",
        frozenset({"static-analysis-passed"}),
        "fail",
        "not_applicable",
        disabled,
    ),
)


@dataclass(frozen=True)
class Scanned:
    """Both scans, and what they are of."""

    parts: dict[str, RepositoryPart]
    outcomes: dict[str, Outcomes]
    skipped: dict[str, set[tuple[str, str]]]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    inside = Inside(Scenario.model_validate(demo_scenario()))
    growth = grow(inside, REPOSITORIES, seed=SEED)
    found = Scanned({part.name: part for part in map(growth.part, range(REPOSITORIES))}, {}, {})
    with Sandbox(inside) as sandbox:
        world = World(sandbox, tmp_path_factory.mktemp("grown"))
        world.write("p.yml", POLICY)
        config = world.write("c.yml", CONFIG)
        for target in ("github:grown", "ado:grown"):
            ended = world.call("scan", target, "--config", config, "--format", "json", "--no-store", "--no-cache",
                               "--include", "pull-requests", "--now", "2026-11-02T09:00:00Z")  # fmt: skip
            assert ended.code == 0, ended.err
            report = ended.json()
            platform = target.partition(":")[0]
            names = {one["id"]: plain(one["name"]) for one in report["subjects"]}
            found.outcomes[platform] = {
                (names[one["subject"]], one["key"].partition("/")[2]): one["outcome"] for one in report["results"]
            }
            found.skipped[platform] = {(plain(one["name"]), one["reason"]) for one in report["run"]["skipped"]}
            assert report["run"]["complete"]
        yield found


def plain(name: str) -> str:
    """A name as both platforms would have it: no owner, no project, a number after a number sign."""
    return name.rpartition("/")[2].replace("!", "#")


def explanation(scanned: Scanned, subject: str, entry: str) -> Difference | None:
    github, azure_devops = (scanned.outcomes[platform][subject, entry] for platform in ("github", "ado"))
    part = scanned.parts[subject.partition("#")[0]]
    return next((one for one in FORCED if one.explains(entry, github, azure_devops, part)), None)


def test_the_same_is_there_and_differs_only_as_the_platforms_force_it(scanned: Scanned) -> None:
    assert set(scanned.outcomes["github"]) == set(scanned.outcomes["ado"])
    assert scanned.skipped["github"] == scanned.skipped["ado"]
    assert scanned.skipped["ado"]
    assert [name for name, _ in scanned.outcomes["github"] if "#" in name]
    github, azure_devops = scanned.outcomes["github"], scanned.outcomes["ado"]
    differing = [key for key in sorted(github) if github[key] != azure_devops[key]]
    unexplained = {key: (github[key], azure_devops[key]) for key in differing if explanation(scanned, *key) is None}
    assert not unexplained
    seen = {explanation(scanned, *key) for key in differing}
    assert not [one.why for one in FORCED if one not in seen], "explained, and not there any more"


def test_states_are_mixed(scanned: Scanned) -> None:
    for outcomes in scanned.outcomes.values():
        counted = Counter((entry, outcome) for (subject, entry), outcome in outcomes.items() if "#" not in subject)
        for entry in {entry for entry, _ in counted}:
            assert counted[entry, "pass"], (entry, counted)
            assert counted[entry, "fail"], (entry, counted)
        assert counted["static-analysis-configured", "unknown"], "a pipeline that does not parse"
