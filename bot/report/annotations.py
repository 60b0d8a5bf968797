"""Annotations: the findings of a gate that have a place in a file which the pull request changes.

What lies in another file stays in the summary alone: nobody looks for it beside a change that does not touch it. So does what
a waiver or the baseline excuses.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from bot.model.annotations import Annotation, Level
from bot.model.findings import Finding, Severity
from bot.model.results import Enforcement, Outcome, Result
from bot.model.subjects import PullRequest
from bot.report import sanitize

TEXT = 1_000
"""Characters of what is wrong, and of what to do."""
_GRAVEST_FIRST = tuple(Level)


def located(subject: PullRequest, results: Iterable[Result]) -> bool:
    """Whether any finding on the pull request has a place: if not, nobody needs to know which files it changes."""
    return any(True for _ in _findings(subject, results))


def annotate(subject: PullRequest, results: Iterable[Result], changed: Collection[str]) -> tuple[Annotation, ...]:
    """The annotations of a pull request in the files that it changes, the gravest first, each once."""
    found: dict[tuple[str, str, int | None, str], Annotation] = {}
    times: Counter[str] = Counter()
    for result, finding, path, line in _findings(subject, results):
        same = (result.key, path, line, finding.message)
        if path not in changed or same in found:
            continue
        of = "\0".join((result.key, path, finding.discriminator or finding.message))
        digest = hashlib.sha256(of.encode(errors="surrogatepass")).hexdigest()[:16]
        times[digest] += 1
        found[same] = _annotation(result, finding, path, line, f"{digest}-{times[digest]}")
    return tuple(
        sorted(found.values(), key=lambda one: (_GRAVEST_FIRST.index(one.level), one.path, one.line or 0, one.key))
    )


def _findings(subject: PullRequest, results: Iterable[Result]) -> Iterator[tuple[Result, Finding, str, int | None]]:
    """The findings that count, with the paths and the lines that they name."""
    for result in results:
        if result.subject.id != subject.id or result.outcome is not Outcome.FAIL or result.waiver is not None:
            continue
        for finding in result.new_findings:
            if (place := finding.location) is not None and (path := place.path.removeprefix("./").lstrip("/")):
                yield result, finding, path, place.line if place.line is not None and place.line > 0 else None


def _annotation(result: Result, finding: Finding, path: str, line: int | None, key: str) -> Annotation:
    fix = f"What to do: {sanitize.log_line(finding.fix, TEXT)}" if finding.fix else ""
    said = f"**{sanitize.markdown(result.key, 120)}** · {result.severity}\n\n{sanitize.markdown(finding.message, TEXT)}"
    if finding.fix:
        said += f"\n\n**What to do:** {sanitize.markdown(finding.fix, TEXT)}"
    return Annotation(
        path=path,
        line=line,
        level=_level(result, finding),
        entry=result.key,
        title=f"{sanitize.log_line(result.key, 120)} ({result.severity})",
        message="\n".join(filter(None, (sanitize.log_line(finding.message, TEXT), fix))),
        markdown=said,
        key=key,
    )


def _level(result: Result, finding: Finding) -> Level:
    """What blocks is a failure, unless it is only waited for; what warns a warning; the rest is told."""
    if result.enforcement is Enforcement.BLOCK:
        return Level.WARNING if finding.awaiting else Level.FAILURE
    if result.enforcement is Enforcement.WARN and result.severity is not Severity.LOW:
        return Level.WARNING
    return Level.NOTICE
