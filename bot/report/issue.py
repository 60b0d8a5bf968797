"""The issue, or the work item, that lists what a scan finds in one repository: our part of its text.

It holds nothing that changes from run to run while the findings stay the same (no dates but those of findings, no counts of
requests): the text is written to the platform only where it is another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import groupby

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from bot.engine.tracking import Home, Mood, Told, Tracked
from bot.model.findings import Finding, Severity
from bot.model.results import Enforcement
from bot.model.subjects import Subject
from bot.policy.packaged import data_file
from bot.report import sanitize
from bot.report.grouping import counted
from bot.report.markdown import environment as markdown

LIMIT = 60_000
"""Characters. GitHub takes 65,536 in an issue; people may write around our part."""
TITLE_LIMIT = 200
"""GitHub takes 256 characters, Azure DevOps 255."""

Since = Mapping[str, date]
"""Since when each finding has been listed, by its reference."""

_SINCE = re.compile(r"\(since (\d{4}-\d\d-\d\d), ref ([0-9a-f]{8})\)")
_DOES = {
    Enforcement.AUDIT: "recorded",
    Enforcement.WARN: "warns",
    Enforcement.BLOCK: "blocks",
    Enforcement.DISABLED: "not judged",
}
_ENFORCEMENTS, _SEVERITIES = list(Enforcement), list(Severity)


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is told. A text that would become too long is written again with less."""

    findings: int
    evidence: int
    text: int


_DETAILS = (_Detail(100, 8, 600), _Detail(100, 3, 250), _Detail(50, 2, 200), _Detail(20, 1, 150), _Detail(5, 0, 100))


@dataclass(frozen=True, slots=True)
class _Line:
    """One finding in its group."""

    subject: Subject
    finding: Finding
    reference: str
    place: str


@dataclass(frozen=True, slots=True)
class _Group:
    """The findings of one entry."""

    key: str
    title: str
    severity: str
    does: str
    told: tuple[_Line, ...]


def title(home: Home) -> str:
    """Of a new item. Afterwards it is people's: a repository may be renamed, and they may find a better one."""
    return f"Almguard: findings in {sanitize.plain(home.name, TITLE_LIMIT)}"


def amount(tracked: Tracked) -> str:
    """``3 findings``."""
    return counted(tracked.amount, "finding")


def text(tracked: Tracked, mood: Mood, since: Since, now: datetime, *, rich: bool) -> str:
    """Our part, as HTML or as Markdown. A finding that has not been listed before is listed since today."""
    template = (_html() if rich else markdown()).get_template("issue.html.j2" if rich else "issue.md.j2")
    said = ""
    for detail in _DETAILS:
        shown = sorted(tracked.told, key=_gravity)[: detail.findings] if mood is Mood.FOUND else []
        said = template.render(
            mood=mood.value,
            home=tracked.home,
            amount=tracked.amount,
            groups=_groups(shown),
            left=tracked.amount - len(shown) if mood is Mood.FOUND else 0,
            unknown=list(tracked.unknown) if mood in (Mood.FOUND, Mood.UNSURE) else [],
            since={reference: day.isoformat() for reference, day in since.items()},
            today=now.date().isoformat(),
            detail=detail,
        )
        said = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in said.split("\n"))).strip()
        if len(said) <= LIMIT:
            return said
    raise AssertionError(f"an issue of {len(said)} characters with the least detail; the limit is {LIMIT}")


def since(said: str) -> dict[str, date]:
    """Since when each finding has been listed, by its reference, as an earlier text has it."""
    found: dict[str, date] = {}
    for day, reference in _SINCE.findall(said):
        try:
            found.setdefault(reference, date.fromisoformat(day))
        except ValueError:  # somebody has edited it
            continue
    return found


def _gravity(told: Told) -> tuple[int, int, str, str, str, str]:
    return (
        -_ENFORCEMENTS.index(told.enforcement),
        -_SEVERITIES.index(told.severity),
        told.key,
        told.subject.name,
        told.reference,
        told.finding.message,
    )


def _groups(told: list[Told]) -> list[_Group]:
    found = []
    for _, some in groupby(told, key=lambda one: (one.enforcement, one.severity, one.key)):
        lines = list(some)
        first = lines[0]
        found.append(
            _Group(
                first.key,
                first.title,
                first.severity.value,
                _DOES[first.enforcement],
                tuple(_Line(one.subject, one.finding, one.reference, _place(one.finding)) for one in lines),
            )
        )
    return found


def _place(finding: Finding) -> str:
    where = finding.location
    if where is None:
        return ""
    return where.path if where.line is None else f"{where.path}:{where.line}"


@cache
def _html() -> ImmutableSandboxedEnvironment:
    """Where the template of work items runs: whatever it prints is one line of visible characters, and escaped."""
    made = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(lambda name: data_file("templates", name).read_text(encoding="utf-8")),
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(text=_plain, linked=_linked, counted=counted)
    return made


def _harmless(value: object) -> Markup:
    return value if isinstance(value, Markup) else _plain(value)


def _plain(value: object, limit: int = sanitize.TEXT_LIMIT) -> Markup:
    return escape(sanitize.plain("" if value is None else str(value), limit))


def _linked(value: object, url: str, limit: int = 200) -> Markup:
    """A link, where the address is one that a browser may be sent to; else the text alone."""
    label = _plain(value, limit)
    safe = sanitize.address(url) if url else None
    return Markup('<a href="{}">{}</a>').format(safe, label) if safe and label else label
