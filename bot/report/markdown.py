"""The reports in Markdown: the comment on a pull request, the check's summary, and a whole run.

The templates escape by themselves: whatever a template prints goes through ``sanitize.markdown``, unless one of the filters
below has made it harmless in another way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import chain, islice

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from bot.model.results import Member, Outcome, Result, Run, Verdict
from bot.policy.packaged import data_file
from bot.report import sanitize
from bot.report.grouping import KEPT, Groups, Worst, counted, waived
from bot.report.overview import (
    changes_line,
    coverage_lines,
    description,
    head_of,
    headline,
    overview,
    sentence,
    title,
    unfolded_gaps,
)

__all__ = ["COMMENT_LIMIT", "check_summary", "comment", "description", "environment", "report", "title"]

COMMENT_LIMIT = 60_000
"""GitHub takes 65,536 characters in a comment and 65,535 in a check's summary; the publisher adds some of its own."""
REPORT_LIMIT = 900_000
"""Bytes; what a job summary on GitHub takes is 1 MiB."""

SIGNS: Mapping[Verdict, str] = {
    Verdict.PASSED: "✅",
    Verdict.WAITING: "⏳",
    Verdict.BLOCKED: "❌",
    Verdict.INCONCLUSIVE: "❔",
    Verdict.EMPTY: "⚪",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is told. When a text would become too long, it is written again with less."""

    results: int
    """Entries in each group."""
    findings: int
    """Findings of each entry."""
    evidence: int
    """Pieces of evidence of each finding."""
    text: int
    """Characters of each value."""


DETAILS = (
    Detail(results=200, findings=25, evidence=12, text=800),
    Detail(results=60, findings=10, evidence=8, text=400),
    Detail(results=25, findings=4, evidence=3, text=200),
    Detail(results=8, findings=1, evidence=1, text=60),
)


def comment(run: Run) -> str:
    """The sticky comment for a gate's pull request, without the marker that its publisher finds it by."""
    return _render("comment.md.j2", run, COMMENT_LIMIT, DETAILS)


def check_summary(run: Run) -> str:
    """The summary of the check on the judged commit."""
    return _render("check-summary.md.j2", run, COMMENT_LIMIT, DETAILS)


def report(run: Run, limit: int = REPORT_LIMIT) -> str:
    """Any run, in full: for a job's summary or a file. At most so many bytes, and so many that the shortest text fits."""
    full = Detail(results=KEPT, findings=200, evidence=50, text=1_000)
    return _render("report.md.j2", run, limit, (full, *DETAILS), measure=_bytes)


def _bytes(text: str) -> int:
    return len(text.encode(errors="replace"))


def _render(
    template: str, run: Run, limit: int, details: tuple[Detail, ...], measure: Callable[[str], int] = len
) -> str:
    text = ""
    seen, gaps = overview(run), unfolded_gaps(run)
    tally = {outcome: seen.amount(outcome) for outcome in Outcome}
    coverage, changes = list(coverage_lines(run)), changes_line(run)
    for detail in details:
        if detail is not details[-1] and _at_least(seen.groups, detail) > limit:
            continue
        text = (
            environment()
            .get_template(template)
            .render(
                run=run,
                gate=run.gate,
                groups=seen.groups,
                gaps=gaps,
                tally=tally,
                coverage=coverage,
                changes=changes,
                outcomes=Outcome,
                headline=headline(run),
                sentence=sentence(run),
                sign="" if run.gate is None else SIGNS[run.gate.verdict],
                head="" if run.gate is None else head_of(run.gate.target),
                detail=detail,
                shortened=detail is not details[0],
                seconds=f"{max((run.finished_at - run.started_at).total_seconds(), 0):.1f}",
            )
        )
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip() + "\n"
        if measure(text) <= limit:
            return text
    raise AssertionError(f"{template}: {len(text)} characters with the least detail; the limit is {limit}")


def _at_least(groups: Groups, detail: Detail) -> int:
    """Characters that a text of that detail cannot have less of: one that is too long is not worth writing."""
    amount = 0
    fails = (groups.blocking, groups.awaiting, groups.warnings, groups.recorded)
    for result in chain.from_iterable(islice(group, detail.results) for group in fails):
        for finding in result.findings[: detail.findings]:
            amount += len("- ") + len("  - : ") * min(len(finding.evidence), detail.evidence)
    return amount


class _Names:
    """Filters for lists of results."""

    @staticmethod
    def entry(result: Result | Member) -> str:
        """The entry's name without its policy."""
        return result.key.partition("/")[2] or result.key


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """Where the templates run: sandboxed, and with everything escaped that is not made harmless explicitly."""
    made = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_source),
        # ``finalize`` escapes for Markdown and returns Markup, which autoescape then leaves as it is; a value that
        # escaped finalize, such as the parts of a concatenation, is at least escaped for HTML.
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        code=_code,
        short=_short,
        entry=_Names.entry,
        moment=_moment,
        text=_text,
        linked=_linked,
        counted=counted,
        waived=waived,
        sign=_sign,
        total=_total,
    )
    return made


def _source(name: str) -> tuple[str, str, None]:
    path = data_file("templates", name)
    return path.read_text(encoding="utf-8"), str(path), None


def _harmless(value: object) -> Markup:
    if isinstance(value, Markup):
        return value
    return Markup(sanitize.markdown("" if value is None else str(value)))  # noqa: S704 - that is what makes it harmless


def _text(value: object, limit: int) -> Markup:
    return Markup(sanitize.markdown(str(value), limit))  # noqa: S704


def _code(value: object, limit: int = 200) -> Markup:
    return Markup(sanitize.code(str(value), limit))  # noqa: S704


def _short(value: object) -> Markup:
    """A commit or a digest, as far as people read it."""
    bare = str(value).removeprefix("sha256:")
    return Markup(sanitize.code(bare[:12], 12))  # noqa: S704


def _sign(member: Member) -> str:
    """The sign of a group's member."""
    if member.waiver is not None:
        return "🟦"
    if member.awaiting:
        return "⏳"
    return {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.NOT_APPLICABLE: "▫️"}.get(member.outcome, "❔")


def _total(results: Worst) -> int:
    """How many there are, of which the gravest were kept."""
    return results.total


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _linked(value: object, url: str, limit: int = 200) -> Markup:
    """A link, where the address is one that a browser may be sent to; else the text alone."""
    label = sanitize.markdown(str(value), limit)
    safe = sanitize.address(url) if url else None
    return Markup(f"[{label}]({safe})" if safe and label else label)  # noqa: S704
