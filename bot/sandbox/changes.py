"""A share of an organisation's repositories, chosen from a seed, changes at once, or goes while somebody reads."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from bot.sandbox.chance import draw
from bot.sandbox.grow import GROWN
from bot.sandbox.scenario import CommitPart, Part, ProtectionPart

if TYPE_CHECKING:
    from bot.sandbox.world import Repository, World

Happening = Literal["push", "setting", "moved", "deleted"]


class Change(Part):
    """What changes, of how many."""

    organization: str = GROWN
    share: Annotated[float, Field(gt=0, le=1)] = 0.01
    """At least one repository."""
    seed: int = 1
    kinds: Annotated[tuple[Happening, ...], Field(min_length=1)] = ("push", "setting")
    """In turn: a push that edits a workflow (or the README), a protection given or taken away, another name, or none at all."""


def change(world: World, asked: Change) -> list[dict[str, str]]:
    """Let it happen, to repositories that are neither empty nor archived; what happened to which."""
    with world.lock:
        found = [each for each in world.repositories_of(asked.organization) if not each.face.empty | each.face.archived]
        if not found:
            return []
        dice = random.Random(f"{asked.seed}/{asked.organization}")  # noqa: S311 - variety, not secrecy
        chosen = dice.sample(sorted(found, key=lambda each: each.key), max(1, round(asked.share * len(found))))
        world.revision += 1
        happened = []
        for place, each in enumerate(chosen):
            kind = asked.kinds[place % len(asked.kinds)]
            happened.append({"repository": each.full_name, "kind": kind})
            _happen(world, each, kind, asked.seed)
        return happened


def _happen(world: World, each: Repository, kind: Happening, seed: int) -> None:
    match kind:
        case "push":
            _push(world, each, seed)
        case "setting":
            given = [] if each.part.protection else [ProtectionPart(approvals=1, allow_force_push=False)]
            each.part = each.part.model_copy(update={"protection": given})
            if each.touched:
                each.history.part = each.part
        case "moved":
            world.rename(each, f"{each.name}-moved")
        case "deleted":
            world.remove(each)


def _push(world: World, each: Repository, seed: int) -> None:
    """A commit on the default branch that adds a line to a workflow."""
    each.keep()
    git, tip = each.git, each.tip
    paths = sorted(git.files(tip)) if tip else []
    path = next((path for path in paths if path.startswith(".github/workflows/")), "README.md")
    text = (git.text(tip, path) if tip else None) or ""
    commit = CommitPart(message="Change", files={path: f"{text}# {seed}\n"}, at=world.clock())
    each.history.commit(commit)
    each.part = each.part.model_copy(
        update={"commits": [*each.part.commits, commit], "pushed_at": max(world.clock(), each.pushed_at)}
    )
    each.history.part = each.part


@dataclass
class Fate:
    """What becomes of some repositories when somebody first asks for them by name or id: they were listed, and now this."""

    kind: Literal["moved", "deleted"]
    rate: float
    seed: int
    _met: set[str] = field(default_factory=set)

    def meet(self, world: World, each: Repository) -> None:
        """Somebody asks for a repository."""
        with world.lock:
            if each.key in self._met:
                return
            self._met.add(each.key)
            if draw(self.seed, self.kind, each.key) < self.rate:
                _happen(world, each, self.kind, self.seed)
