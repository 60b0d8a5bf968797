"""The analyzer catalogue: which static-analysis tools there are, and how to recognise them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AnalysisKind(StrEnum):
    """What a tool looks at."""

    SAST = "sast"
    LINT = "lint"
    TYPES = "types"
    DEPENDENCIES = "dependencies"
    SECRETS = "secrets"
    IAC = "iac"
    CONTAINER = "container"
    LICENCES = "licences"


@dataclass(frozen=True, slots=True)
class Analyzer:
    """One tool. Every way of recognising it is an exact, case-insensitive name unless it says glob."""

    id: str
    name: str
    kinds: tuple[AnalysisKind, ...]
    url: str
    actions: tuple[str, ...] = ()
    """GitHub Actions, ``owner/repo`` or ``owner/repo/path``, without the ref."""
    tasks: tuple[str, ...] = ()
    """Azure Pipelines tasks, without the version."""
    commands: tuple[str, ...] = ()
    """Command words as they stand in a script: ``ruff check``, ``semgrep``. All words must match in order."""
    hooks: tuple[str, ...] = ()
    """pre-commit hook ids."""
    checks: tuple[str, ...] = ()
    """Globs of check names."""
    apps: tuple[str, ...] = ()
    """GitHub App slugs."""
    covers: tuple[str, ...] = ()
    """gitignore-style globs of the files that it judges; empty: every file."""
    gates_with: tuple[str, ...] = ()
    """Words of a command, or inputs of an action (``exit-code:``), without any of which it finds and yet succeeds."""


@dataclass(frozen=True, slots=True)
class AnalyzerCatalogue:
    """All tools that are known in this run: the shipped ones and the user's own."""

    analyzers: tuple[Analyzer, ...]

    def of_kind(self, kind: AnalysisKind) -> tuple[Analyzer, ...]:
        """The tools of one kind."""
        return tuple(analyzer for analyzer in self.analyzers if kind in analyzer.kinds)
