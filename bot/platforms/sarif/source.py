"""SARIF files in place of a platform's alerts: everything else is asked of the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from os.path import isfile
from pathlib import Path

from bot.engine.ports import FactSource, Known
from bot.model.facts import Answer, FactRequest, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.alerts import Analysis, CodeAlerts, IntroducedAlerts
from bot.model.facts.lines import ChangedLines, ChangedPart
from bot.model.facts.pipelines import PathSpec
from bot.model.subjects import PullRequest, Subject
from bot.platforms.sarif.results import SarifResult, SarifRun

SHORTEST = 7
"""Digits of a commit that tell it."""


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What the files were made of, as far as the job knows that reads them."""

    head: str | None = None
    """The head of the pull request that the job was started for; None: it was started for none."""
    commits: frozenset[str] = field(default=frozenset())
    """Commits that stand for that head: the merge that a CI system has tried, and checked out. None: it checked out
    something else."""
    checkouts: tuple[Path, ...] = ()
    """Where the repository lies."""

    def has(self, path: str) -> bool:
        """Whether the repository is known to have such a file at its root."""
        return any(isfile(checkout / path) for checkout in self.checkouts)


class Reported:
    """A source of facts whose alerts are those of SARIF files."""

    def __init__(self, source: FactSource, runs: Sequence[SarifRun], made_of: MadeOf, now: datetime) -> None:
        self.platform = source.platform
        self._source = source
        self._runs = tuple(runs)
        self._made_of = made_of
        self._now = now

    def dependencies(self, request: FactRequest) -> tuple[FactRequest, ...]:
        """Which lines are changed matters only where a tool has compared with nothing."""
        if request.type is CodeAlerts:
            return ()
        if request.type is not IntroducedAlerts:
            return self._source.dependencies(request)
        paths = {result.alert.path for result in self._uncompared() if result.alert.path}
        return (FactRequest(ChangedLines, PathSpec(frozenset(paths))),) if paths else ()

    def load(
        self, needs: Mapping[FactRequest, Sequence[Subject]], known: Known
    ) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        """The alerts from the files, the rest from the platform."""
        others = {request: who for request, who in needs.items() if request.type not in (IntroducedAlerts, CodeAlerts)}
        for request, subjects in needs.items():
            if request not in others:
                yield from ((request, subject, self._answer(request, subject, known)) for subject in subjects)
        if others:
            yield from self._source.load(others, known)

    def _answer(self, request: FactRequest, subject: Subject, known: Known) -> Answer:
        if request.type is CodeAlerts:
            alerts = CodeAlerts(tuple(result.alert for run in self._runs for result in run.results))
            return Loaded(alerts, subject.url, self._now)
        assert isinstance(subject, PullRequest)
        if other := self._of_another(subject):
            return Unavailable(UnknownKind.UNREADABLE, other, subject.url)
        lines = known.answer(ChangedLines, subject)
        if isinstance(lines, Unavailable):
            reason = f"which results are in changed lines is not known: {lines.reason}"
            return Unavailable(lines.kind, reason, lines.url)
        changed = lines.value if isinstance(lines, Loaded) and isinstance(lines.value, ChangedLines) else None
        placed = (self._placed(one, changed) for run in self._runs for one in run.results)
        found = [one for one in placed if _is_introduced(one, changed, lines)]
        analyses = tuple(Analysis(run.tool, self._is_of(run, subject), error=run.error) for run in self._runs)
        # What accepts it in the code comes with the change: its author's own word.
        alerts_ = tuple(
            replace(one.alert, dismissed_by=subject.author) if one.in_source else one.alert for one in found
        )
        return Loaded(IntroducedAlerts(alerts_, analyses), subject.url, self._now)

    def _placed(self, result: SarifResult, changed: ChangedLines | None) -> SarifResult:
        """The result at the repository's path. A tool that ran in a folder tells paths from there, and says so to nobody."""
        path = result.alert.path
        if path is None or changed is None or path in changed.parts or self._made_of.has(path):
            return result
        meant = [one for one in changed.parts if one.endswith(f"/{path}")]
        touching = [one for one in meant if _touches(changed.parts[one], result)]
        at = next(iter(touching or meant), path)
        return replace(result, alert=replace(result.alert, path=at))

    def _uncompared(self) -> Iterator[SarifResult]:
        return (result for run in self._runs for result in run.results if not result.baseline)

    def _of_another(self, subject: PullRequest) -> str:
        """Why the files are not about the present head; empty: nothing says so."""
        head = self._made_of.head
        if head is not None and head != subject.head_sha:
            return f"the SARIF files are of {head[:12]}, and {subject.name} has a newer head, {subject.head_sha[:12]}"
        for run in self._runs:
            if run.revisions and not any(self._stands_for(sha, subject) for sha in run.revisions):
                return (
                    f"{run.file} says that {run.tool} looked at {run.revisions[0][:12]}, and the head of {subject.name} is "
                    f"{subject.head_sha[:12]}"
                )
        return ""

    def _is_of(self, run: SarifRun, subject: PullRequest) -> bool | None:
        checked_out = bool(self._made_of.commits) and self._made_of.head == subject.head_sha
        return True if run.revisions or checked_out else None

    def _stands_for(self, sha: str, subject: PullRequest) -> bool:
        told = sha.lower()
        commits = {subject.head_sha, *(self._made_of.commits if self._made_of.head == subject.head_sha else ())}
        return len(told) >= SHORTEST and any(commit.lower().startswith(told) for commit in commits)


def _is_introduced(result: SarifResult, changed: ChangedLines | None, lines: Answer | None) -> bool:
    """Whether the change brings it: as the tool has compared, else by the lines. What has no place may well be new."""
    if result.baseline:
        return result.baseline != "unchanged"
    alert = result.alert
    if alert.path is None or changed is None or isinstance(lines, NotSupported):
        return True
    part = changed.parts.get(alert.path)
    return part is not None and _touches(part, result)


def _touches(part: ChangedPart, result: SarifResult) -> bool:
    line = result.alert.line
    return line is None or part.touches(line, result.last_line or line)
