"""Mistakes in configuration files, each with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    path: str
    """Where in the document: ``rules[0].with.minimum``; empty for the document itself."""
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        return where + (f"{self.path}: {self.message}" if self.path else self.message)


class PolicyError(Exception):
    """A configuration that does not load, with every mistake in it."""

    def __init__(self, problems: Iterable[Problem], *, unread: bool = False) -> None:
        """``unread``: nothing is known to be wrong; files of other repositories could not be read."""
        self.unread = unread
        found = set(problems)
        # What YAML has to say of a value matters no more where something more exact is said of it.
        told = {(problem.file, problem.line, problem.column) for problem in found if problem.path}
        exact = sorted(each for each in found if each.path or (each.file, each.line, each.column) not in told)
        # What is wrong with a parent is found again in each policy that it is merged into, under another path.
        once = {(each.file, each.line, each.column, each.message): each for each in reversed(exact)}
        self.problems = tuple(sorted(once.values()))
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``, did you mean 'approvals'``; empty where nothing comes near."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]!r}" if close else ""
