"""Which checks on a pull request's head belong to the analyzers that its base configures, and how each stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.model.analyzers import Analyzer
from bot.model.facts.change import Check
from bot.model.facts.pipelines import PipelineDefinition
from bot.rules.build_test.sightings import Sighting
from bot.rules.build_test.tools import CI_APPS

PULL_REQUEST_EVENTS = ("pull_request", "pull_request_target")
"""A merge queue judges commits of its own: its checks are not on a pull request's head."""

_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)


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
    events: tuple[str, ...] = ()
    """The events of pull requests that start it on the base; empty: whatever event it is."""
    files: tuple[str, ...] = ()
    """The files that say what it runs."""

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
        return self.pipeline.format == "azure" or self._is_called(check, others)

    def may_be(self, check: Check, others: Iterable[Expected] = ()) -> bool:
        """Whether a check bears the right name, and the platform does not tell which pipeline reported it."""
        if self.pipeline is None or check.workflow_path is not None or check.workflow is not None:
            return False
        if self.pipeline.format == "azure":  # a build, unlike a status, has an event
            return check.event is not None and check.name == self.pipeline.name
        return check.app in CI_APPS and self._is_called(check, others)

    def is_started_by(self, check: Check) -> bool:
        """Whether the base lets a pull request start what reported the check; a run by hand or push is another."""
        github = self.pipeline is not None and self.pipeline.format == "github"
        return not github or check.event is None or check.event in self.events

    def _is_called(self, check: Check, others: Iterable[Expected]) -> bool:
        if check.name == self.name:
            return True
        if any(other is not self and other.pipeline is self.pipeline and check.name == other.name for other in others):
            return False
        return _named(check.name, self.name) and not self._of_another_job(check)

    def _of_another_job(self, check: Check) -> bool:
        """A job named by an expression may be called anything, but for what the pipeline's other jobs are called."""
        for job in self.pipeline.jobs if self.pipeline else ():
            name = job.check_name or job.name
            if name == self.name or _EXPRESSION.search(name) or self.name.startswith((f"{name} (", f"{name} / ")):
                continue
            prefixes = (f"{name} (", f"{name} / ") if _EXPRESSION.search(self.name) else ()
            if check.name == name or check.name.startswith(prefixes):
                return True
        return False


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
        earlier = known or Expected(name, pipeline, sighting.app, ())
        found[key] = Expected(
            name,
            pipeline,
            sighting.app,
            tuple(dict.fromkeys((*earlier.analyzers, sighting.analyzer))),
            sighting.filters,
            tuple(event for event in sighting.events if event in PULL_REQUEST_EVENTS),
            tuple(dict.fromkeys((*earlier.files, *sighting.files))),
        )
    return tuple(found.values())


def _from(check: Check, pipeline: PipelineDefinition) -> bool:
    """Whether the platform says that this pipeline reported a check. A name alone proves nothing: anyone who may write can
    post a commit status, or a check by a workflow's token, under any name.
    """
    if check.workflow_path is not None:
        return check.workflow_path.lstrip("/") == pipeline.path.lstrip("/")
    if check.workflow is not None:
        return check.workflow == pipeline.name
    return False


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
