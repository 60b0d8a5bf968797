"""What recognition finds: where an analyzer runs, and whether it gates there."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.analyzers import Analyzer
from bot.model.facts.pipelines import PipelineDefinition


@dataclass(frozen=True, slots=True)
class Sighting:
    """One place where an analyzer runs."""

    analyzer: Analyzer
    path: str
    """The pipeline's file; empty for an app."""
    line: int | None
    how: str
    """``runs "ruff check"`` (by way of ``Makefile: lint``), ``uses github/codeql-action/analyze``."""
    pipeline: PipelineDefinition | None = None
    job: str = ""
    check_name: str = ""
    """The check that the job reports (matrices unexpanded)."""
    events: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """It runs only for changes to these."""
    filters: tuple[tuple[str, ...], ...] = ()
    """The path filters by which a pull request starts it, each enough by itself; empty: every one does."""
    obstacles: tuple[str, ...] = ()
    """Why it does not gate; empty: it does."""
    app: str = ""
    """The app that reports it without a pipeline of the repository."""
    files: tuple[str, ...] = ()
    """The files that say what is run: the pipeline's, a called workflow's, a Makefile; who edits one edits the analysis."""

    @property
    def gates(self) -> bool:
        """Whether its failure fails a check on the way in."""
        return not self.obstacles

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.path else f"the app {self.app or 'of ' + self.analyzer.name}"
        return f"{self.analyzer.name} ({place}, {self.how})"


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was found, and what could not be looked into."""

    sightings: tuple[Sighting, ...]
    unread: tuple[str, ...] = ()
    """Parts of pipelines on the way in that could not be read: something may be in them."""
    broken: tuple[str, ...] = ()
    """Those among them that are there and could not be understood."""
    opaque: tuple[str, ...] = ()
    """Scripts that are called and were not opened."""
