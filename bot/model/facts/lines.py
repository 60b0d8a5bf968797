"""Facts about the lines that a pull request changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from bot.model.facts import Fact
from bot.model.facts.pipelines import PathSpec
from bot.model.subjects import PullRequest


@dataclass(frozen=True, slots=True)
class LineRange:
    """Lines that follow one another, both ends among them, from 1."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ChangedPart:
    """What of a file the change has written."""

    ranges: tuple[LineRange, ...] = ()
    """As the head has them, in order; none where lines were only taken away."""
    whole: bool = False
    """All of it, or nobody tells which lines: a binary file, a change too large to be shown."""

    def touches(self, first: int, last: int) -> bool:
        """Whether any of these lines is among them."""
        return self.whole or any(each.first <= last and first <= each.last for each in self.ranges)


def endings(path: str) -> Iterator[str]:
    """A path as it is called from the repository's root, and from each folder above it."""
    parts = path.split("/")
    return ("/".join(parts[at:]) for at in range(len(parts)))


@dataclass(frozen=True)
class ChangedLines(Fact):
    """The lines that a pull request adds or changes, of the files that are asked for. Spec: ``PathSpec``.

    Files that are called so from a folder of the repository are there as well: ``lib/src/a.py`` for ``src/a.py``.
    """

    subject: ClassVar = PullRequest
    name: ClassVar = "changed_lines"
    spec: ClassVar = PathSpec
    chosen: ClassVar = ("parts",)

    parts: Mapping[str, ChangedPart]
    """By path from the repository's root. One that was asked for and is not here is not changed, or is gone."""
