"""Which checks on a pull request's head belong to the analyzers that its base configures, and how each stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.model.analyzers import Analyzer
from bot.model.facts.change import Check, CheckState
from bot.model.facts.pipelines import PipelineDefinition
from bot.rules.build_test.sightings import Sighting
from bot.rules.build_test.tools import CI_APPS

PULL_REQUEST_EVENTS = ("pull_request", "pull_request_target")
"""A merge queue judges commits of its own: its checks are not on a pull request's head."""

_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_STATES = (
    CheckState.SUCCESS,
    CheckState.NEUTRAL,
    CheckState.SKIPPED,
    CheckState.PENDING,
    CheckState.CANCELLED,
    CheckState.FAILURE,
)
"""From best to worst."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One check that the base makes a pull request report, and the analyzers in it."""

    name: str
    pipeline: PipelineDefinition | None
    app: str
    """The app, where no pipeline of the repository reports it."""
    analyzers: tuple[Analyzer, ...]
    filters: tuple[tuple[str, ...], ...] = ()
    """It is reported only where the change passes one of these path filters; empty: always."""

    @property
    def tools(self) -> str:
        """For people: ``Ruff and mypy``."""
        names = list(dict.fromkeys(analyzer.name for analyzer in self.analyzers))
        return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else self.name

    @property
    def covers(self) -> tuple[str, ...] | None:
        """The files that its analyzers judge; None: every file."""
        if not self.analyzers or any(not analyzer.covers for analyzer in self.analyzers):
            return None
        return tuple(dict.fromkeys(glob for analyzer in self.analyzers for glob in analyzer.covers))

    def matches(self, check: Check, others: Iterable[Expected] = ()) -> bool:
        """Whether a check on the head is this one; not if it bears the very name of another."""
        if self.pipeline is None:
            return check.name == self.name and (check.app or "") == self.app
        if not _from(check, self.pipeline):
            return False
        if self.pipeline.format == "azure" or check.name == self.name:
            return True
        if any(other is not self and other.pipeline is self.pipeline and check.name == other.name for other in others):
            return False
        return _named(check.name, self.name)


def expected(sightings: Iterable[Sighting]) -> tuple[Expected, ...]:
    """The checks of the analyzers that gate pull requests; those of one check together."""
    found: dict[tuple[str, str, str], Expected] = {}
    for sighting in sightings:
        if not sighting.gates or (sighting.pipeline and not set(sighting.events) & set(PULL_REQUEST_EVENTS)):
            continue
        pipeline = sighting.pipeline
        # On Azure DevOps a build validation is reported as a whole
        is_azure = pipeline is not None and pipeline.format == "azure"
        name = pipeline.name if pipeline and is_azure else sighting.check_name
        key = (pipeline.path if pipeline else "", name, sighting.app)
        known = found.get(key)
        analyzers = (*known.analyzers, sighting.analyzer) if known else (sighting.analyzer,)
        found[key] = Expected(name, pipeline, sighting.app, tuple(dict.fromkeys(analyzers)), sighting.filters)
    return tuple(found.values())


def newest(checks: Iterable[Check]) -> Iterator[Check]:
    """Of the runs of one check (name, app, event) the newest; one whose time is not known is never left out."""
    groups: dict[tuple[str, str | None, str | None, str | None], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.name, check.app, check.event, check.workflow_path or check.workflow), []).append(check)
    for group in groups.values():
        latest = max((check.at for check in group if check.at is not None), default=None)
        standing = [check for check in group if check.at is None or check.at == latest]
        yield max(
            standing, key=lambda check: (_STATES.index(check.state), check.at or datetime.min.replace(tzinfo=UTC))
        )


def _from(check: Check, pipeline: PipelineDefinition) -> bool:
    """Whether a check was reported by that pipeline, as far as the platform tells. A commit status proves nothing: anyone
    who may write can post one under any name.
    """
    if check.workflow_path is not None:
        return check.workflow_path.lstrip("/") == pipeline.path.lstrip("/")
    if check.workflow is not None:
        return check.workflow == pipeline.name
    if pipeline.format == "azure":
        return check.name == pipeline.name
    return check.app in CI_APPS


def _named(check: str, job: str) -> bool:
    """Whether a check bears a job's name: as it is, with a matrix (``lint (3.12)``), or with the job of a workflow that it
    calls (``scan / trivy``). What stands for an expression may be anything.
    """
    pieces = _EXPRESSION.split(job[:500])
    if len(pieces) > 1:
        return _in_order(check, pieces)
    return check.startswith((f"{job} (", f"{job} / "))


def _in_order(text: str, pieces: list[str]) -> bool:
    if not text.startswith(pieces[0]):
        return False
    position = len(pieces[0])
    for piece in pieces[1:-1]:
        position = text.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    return len(text) - len(pieces[-1]) >= position and text.endswith(pieces[-1])
