"""An organisation of many repositories grown from a seed, as varied as real ones are."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.sandbox.scenario import (
    AlertPart,
    OrganizationPart,
    PersonPart,
    PipelinePart,
    ProjectPart,
    ProtectionPart,
    RepositoryPart,
    RequiredCheckPart,
    Scenario,
    SecurityPart,
    TeamPart,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

GROWN = "grown"
"""The organisation's name."""

IN_A_PROJECT = 20
"""How many repositories an Azure DevOps project has."""

KINDS = ("api", "web", "job", "lib", "infra", "docs")
LANGUAGES = ("Python", "TypeScript", "Go", "Java", "C#", None)
TIERS = ("critical", "standard", "low")
PEOPLE = 40
TEAMS = 8

HEAD = """\
name: {name}
on:
  pull_request:
  push: {{branches: [main]}}
permissions: {{contents: read}}
jobs:
  {job}:
    runs-on: ubuntu-24.04
    steps:
"""
CHECKOUT = "      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8\n"
LOOSE_CHECKOUT = "      - uses: actions/checkout@v5\n"

GITHUB_STEPS: Mapping[str, str] = {
    "codeql": "      - uses: github/codeql-action/init@v4\n      - uses: github/codeql-action/analyze@v4\n",
    "semgrep": "      - run: semgrep ci\n",
    "ruff": "      - run: uvx ruff check .\n",
    "eslint": "      - run: npx eslint .\n",
    "tests": "      - run: make test\n",
}

AZURE_STEPS: Mapping[str, str] = {
    "codeql": "  - task: AdvancedSecurity-Codeql-Init@1\n  - task: AdvancedSecurity-Codeql-Analyze@1\n",
    "semgrep": "  - script: semgrep ci\n",
    "ruff": "  - script: uvx ruff check .\n",
    "eslint": "  - script: npx eslint .\n",
    "tests": "  - script: make test\n",
}


def grow(scenario: Scenario, repositories: int, seed: int | None = None) -> Scenario:
    """The scenario with one more organisation of that many repositories; the same seed grows the same ones."""
    dice = random.Random(scenario.seed if seed is None else seed)  # noqa: S311 - variety, not secrecy
    people = [f"dev-{index}" for index in range(PEOPLE)]
    teams = {f"squad-{index}": dice.sample(people, 5) for index in range(TEAMS)}
    projects = [ProjectPart(name=f"area-{index:03d}") for index in range(-(-repositories // IN_A_PROJECT))]
    grown = OrganizationPart(name=GROWN, owners=people[:2], projects=projects)
    return scenario.model_copy(
        update={
            "people": {**scenario.people, **{login: PersonPart() for login in people}},
            "teams": {
                **scenario.teams,
                **{name: TeamPart(organization=GROWN, members=members) for name, members in teams.items()},
            },
            "organizations": [*scenario.organizations, grown],
            "repositories": [
                *scenario.repositories,
                *(_repository(dice, index, people, list(teams)) for index in range(repositories)),
            ],
        }
    )


def _repository(dice: random.Random, index: int, people: list[str], teams: list[str]) -> RepositoryPart:
    kind = KINDS[index % len(KINDS)]
    name = f"{kind}-{index:05d}"
    analyzer = dice.choice(list(GITHUB_STEPS))
    return RepositoryPart(
        name=name,
        organization=GROWN,
        project=f"area-{index // IN_A_PROJECT:03d}",
        visibility=dice.choices(("private", "internal", "public"), (7, 2, 1))[0],
        archived=dice.random() < 0.05,
        language=dice.choice(LANGUAGES),
        topics=[kind],
        properties={"tier": dice.choice(TIERS)},
        pushed_at=-timedelta(days=dice.randrange(400), minutes=index),
        permissions={f"team:{dice.choice(teams)}": "write", dice.choice(people): "admin"},
        security=SecurityPart(
            secret_scanning=(scanning := dice.choice((True, True, False, None))),
            push_protection=False if scanning else None,
            code_scanning=dice.choice((True, False, None)),
        ),
        files=_files(dice, name, analyzer),
        protection=_protection(dice),
        pipelines=[
            PipelinePart(name=analyzer, path=f".github/workflows/{analyzer}.yml", azure_path="azure-pipelines.yml")
        ],
        alerts=_alerts(dice),
    )


def _files(dice: random.Random, name: str, analyzer: str) -> dict[str, str]:
    """The files that rules read. A third of the repositories share theirs to the byte, as copies of a template do."""
    title = name if dice.random() < 0.66 else "template"
    checkout = CHECKOUT if dice.random() < 0.6 else LOOSE_CHECKOUT
    workflow = HEAD.format(name=analyzer, job=analyzer) + checkout + GITHUB_STEPS[analyzer]
    files = {
        "README.md": f"# {title}\n",
        f".github/workflows/{analyzer}.yml": f"# {title}\n{workflow}",
        "azure-pipelines.yml": f"# {title}\ntrigger: [main]\npool: {{vmImage: ubuntu-24.04}}\nsteps:\n{AZURE_STEPS[analyzer]}",
    }
    if dice.random() < 0.5:
        files["CODEOWNERS"] = f"* @{GROWN}/squad-{dice.randrange(TEAMS)}\n"
    if dice.random() < 0.3:
        files[".github/workflows/release.yml"] = HEAD.format(name="release", job="release") + checkout
    return files


def _protection(dice: random.Random) -> list[ProtectionPart]:
    """None, a weak one, or a good one; classic or a ruleset."""
    chance = dice.random()
    if chance < 0.3:
        return []
    via = dice.choice(("classic", "ruleset"))
    if chance < 0.5:
        return [ProtectionPart(via=via, approvals=0 if chance < 0.4 else 1, allow_force_push=True)]
    return [
        ProtectionPart(
            via=via,
            approvals=dice.choice((1, 2)),
            dismiss_stale=True,
            conversations=dice.random() < 0.5,
            allow_force_push=False,
            allow_deletion=False,
            enforce_admins=dice.random() < 0.5,
            checks=[RequiredCheckPart(name="tests", app="github-actions")],
        )
    ]


def _alerts(dice: random.Random) -> list[AlertPart]:
    if dice.random() < 0.9:
        return []
    created = -timedelta(days=dice.randrange(1, 200))
    return [
        AlertPart(
            kind=dice.choice(("secret", "code", "dependency")),
            number=1,
            severity=dice.choice(("low", "medium", "high", "critical")),
            created_at=created,
        )
    ]
