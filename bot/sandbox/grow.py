"""An organisation of many repositories grown from a seed, as varied as real ones are.

A repository follows from the seed and its place alone, so any one is made without the others, when somebody first looks
at it. What lists go by (``Face``) is drawn first, from the same dice.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.sandbox.grown_files import AZURE_STEPS, Kind, files, pipelines
from bot.sandbox.scenario import (
    AlertPart,
    DeploymentPart,
    EnvironmentPart,
    OrganizationPart,
    ProjectPart,
    ProtectionPart,
    PullRequestPart,
    ReleasePart,
    RepositoryPart,
    RequiredCheckPart,
    ReviewPart,
    SecurityPart,
    TeamPart,
)
from bot.sandbox.world import Face

if TYPE_CHECKING:
    from bot.sandbox.world import World

GROWN = "grown"
"""The organisation's name."""

IN_A_PROJECT = 20
"""How many repositories an Azure DevOps project has."""

KINDS = ("api", "web", "job", "lib", "infra", "docs")
LANGUAGES = ("Python", "TypeScript", "Go", "Java", "C#", None)
TIERS = ("critical", "standard", "low")
PEOPLE = tuple(f"dev-{index}" for index in range(40))
TEAMS = tuple(f"squad-{index}" for index in range(8))

PROTECTION = (
    ProtectionPart(
        name="infra",
        repositories=["infra-*"],
        approvals=2,
        dismiss_stale=True,
        allow_force_push=False,
        allow_deletion=False,
    ),
    ProtectionPart(name="tried-out", repositories=["*"], enforcement="evaluate", conversations=True),
)
"""The organisation's own: rulesets on GitHub; policies of every project on Azure DevOps."""


@dataclass(frozen=True)
class Growth:
    """What the grown repositories follow from."""

    seed: int

    def name(self, index: int) -> str:
        """Of the repository in this place."""
        return f"{KINDS[index % len(KINDS)]}-{index:05d}"

    def project(self, index: int) -> str:
        """The Azure DevOps project that it is in."""
        return f"area-{index // IN_A_PROJECT:03d}"

    def face(self, index: int) -> Face:
        """What lists show of it."""
        return self._face(index, self._dice(index))

    def part(self, index: int) -> RepositoryPart:
        """All of it."""
        dice = self._dice(index)
        face = self._face(index, dice)
        kind = dice.choices(tuple(Kind), (45, 22, 9, 5, 5, 4, 10))[0]
        tool = dice.choice(tuple(AZURE_STEPS))
        protection = _protection(dice, tool if kind is not Kind.NONE else None)
        gates = any(check.pipeline for each in protection for check in each.checks)
        released = dice.random() < 0.08 and not face.empty and kind not in (Kind.BROKEN, Kind.NONE)
        return RepositoryPart(
            name=face.name,
            organization=GROWN,
            project=self.project(index),
            visibility=face.visibility,
            archived=face.archived,
            empty=face.empty,
            fork=face.fork,
            pushed_at=face.pushed_at,
            renamed_from=[f"old-{face.name}"] if dice.random() < 0.03 else [],
            language=dice.choice(LANGUAGES),
            topics=[face.name.partition("-")[0]],
            properties={"tier": dice.choice(TIERS)} if dice.random() < 0.9 else {},
            permissions=dict(face.permissions),
            security=_security(dice),
            files=files(dice, face.name, kind, tool, GROWN, TEAMS, gates=gates),
            protection=protection,
            pipelines=pipelines(kind, tool),
            alerts=_alerts(dice) if face.alerts else [],
            pull_requests=[] if face.empty else _pull_requests(dice, index),
            **(_releases(dice) if released else {}),
        )

    def _dice(self, index: int) -> random.Random:
        return random.Random(f"{self.seed}/{index}")  # noqa: S311 - variety, not secrecy

    def _face(self, index: int, dice: random.Random) -> Face:
        chance = dice.random()
        return Face(
            name=self.name(index),
            visibility="private" if chance < 0.7 else "internal" if chance < 0.9 else "public",
            archived=dice.random() < 0.05,
            empty=dice.random() < 0.02,
            fork=dice.random() < 0.03,
            pushed_at=-timedelta(days=int(dice.random() * 400), minutes=index),
            alerts=dice.random() < 0.1,
            permissions={
                f"team:{TEAMS[int(dice.random() * len(TEAMS))]}": "write",
                PEOPLE[int(dice.random() * len(PEOPLE))]: "admin",
            },
        )


def grow(world: World, repositories: int, seed: int | None = None) -> Growth:
    """Add an organisation of that many repositories; the same seed (by default the scenario's) grows the same ones."""
    growth = Growth(world.scenario.seed if seed is None else seed)
    dice = random.Random(growth.seed)  # noqa: S311
    projects = [ProjectPart(name=growth.project(index)) for index in range(0, repositories, IN_A_PROJECT)]
    world.meet(PEOPLE)
    world.found(
        OrganizationPart(
            name=GROWN, owners=list(PEOPLE[:2]), members=list(PEOPLE), projects=projects, protection=list(PROTECTION)
        )
    )
    for name in TEAMS:
        world.gather(name, TeamPart(organization=GROWN, members=dice.sample(PEOPLE, 5)))
    for index in range(repositories):
        world.plant(growth.face(index), GROWN, growth.project(index), partial(growth.part, index))
    return growth


def _security(dice: random.Random) -> SecurityPart:
    scanning = dice.choice((True, True, False, None))
    return SecurityPart(
        secret_scanning=scanning,
        push_protection=dice.random() < 0.6 if scanning else None,
        code_scanning=dice.choice((True, False, None)),
    )


def _protection(dice: random.Random, pipeline: str | None) -> list[ProtectionPart]:
    """None, a weak one, or a good one, which asks for the pipeline's check; classic or a ruleset."""
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
            checks=[RequiredCheckPart(name=pipeline or "tests", app="github-actions", pipeline=pipeline)],
        )
    ]


def _alerts(dice: random.Random) -> list[AlertPart]:
    return [
        AlertPart(
            kind=dice.choice(("secret", "code", "dependency")),
            number=1,
            severity=dice.choice(("low", "medium", "high", "critical")),
            created_at=-timedelta(days=dice.randrange(1, 200)),
        )
    ]


def _pull_requests(dice: random.Random, index: int) -> list[PullRequestPart]:
    """In a tenth of the repositories: one that was merged, and one that is open.

    Azure DevOps counts them over all of an organisation's repositories, so none shares its number with another's.
    """
    if dice.random() < 0.9:
        return []
    author, other = dice.sample(PEOPLE, 2)
    merged = PullRequestPart(
        number=2 * index + 1,
        title="Round to cents",
        author=author,
        state="merged",
        created_at=-timedelta(days=30),
        closed_at=-timedelta(days=29),
        merged_by=other,
        reviews=[ReviewPart(by=other, at=-timedelta(days=29, hours=2))],
    )
    return [merged, PullRequestPart(number=2 * index + 2, title="Limit the amount", author=other)]


def _releases(dice: random.Random) -> dict[str, object]:
    """Two releases, deployed to an environment with or without approvers."""
    author = dice.choice(PEOPLE)
    approvers = [f"team:{dice.choice(TEAMS)}"] if dice.random() < 0.5 else []
    versions = [(f"v1.{minor}.0", -timedelta(days=20 - 10 * minor)) for minor in (0, 1)]
    return {
        "releases": [
            ReleasePart(version=version, commit="main", created_at=at, author=author) for version, at in versions
        ],
        "environments": [EnvironmentPart(name="production", approvers=approvers)],
        "deployments": [
            DeploymentPart(environment="production", release=version, at=at + timedelta(hours=1), by=author)
            for version, at in versions
        ],
    }
