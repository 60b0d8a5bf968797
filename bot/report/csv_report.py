"""A run as CSV, for spreadsheets: a row for each finding, and one for each entry that has none.

What could not be read and no entry tells of has a row too: its entry is empty, and its outcome unknown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from bot.model.findings import Finding
from bot.model.ordering import results_in_order
from bot.model.results import Gap, Outcome, Result, Run
from bot.report.overview import unfolded_gaps
from bot.report.sanitize import log_line

COLUMNS = (
    "run", "now", "platform", "kind", "subject", "url", "policy", "entry", "rule", "severity", "enforcement", "outcome",
    "awaiting", "waived_until", "baseline", "unknown", "reason", "finding", "fix", "file", "line", "fingerprint",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet computes a cell that begins so: https://owasp.org/www-community/attacks/CSV_Injection"""


def render(run: Run) -> str:
    """The table with its header. Lines end as RFC 4180 has it."""
    return "".join(pieces(run))


def pieces(run: Run) -> Iterator[str]:
    """Row by row."""
    yield _line(COLUMNS)
    for result in results_in_order(run.results):
        yield from map(_line, _rows(run, result))
    for gap in unfolded_gaps(run):
        yield _line(_unread(run, gap))


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_harmless(cell) for cell in cells])
    return text.getvalue()


def _rows(run: Run, result: Result) -> Iterator[tuple[str, ...]]:
    if not result.findings:
        yield (*_about(run, result, result.baseline), log_line(result.reason), "", "", "", "", "")
    for at, finding in enumerate(result.findings):
        fingerprint = result.fingerprints[at] if result.fingerprints else ""
        yield (*_about(run, result, fingerprint in result.known), log_line(result.reason), *_told(finding), fingerprint)


def _about(run: Run, result: Result, known: bool) -> tuple[str, ...]:
    subject = result.subject
    return (
        run.id, run.now.isoformat(), subject.platform.value, subject.kind, log_line(subject.name), log_line(subject.url),
        result.policy, result.key, result.rule, result.severity.value, result.enforcement.value, result.outcome.value,
        _yes(result.awaiting), result.waiver.expires.isoformat() if result.waiver else "", _yes(known),
        "; ".join(f"{each.kind.value}: {log_line(each.reason)}" for each in result.unknown),
    )  # fmt: skip


def _unread(run: Run, gap: Gap) -> tuple[str, ...]:
    told = {
        "run": run.id,
        "now": run.now.isoformat(),
        "subject": log_line(gap.name),
        "outcome": Outcome.UNKNOWN.value,
        "unknown": f"{gap.kind.value}: {log_line(gap.reason)}",
        "reason": f"{log_line(gap.fact)} was not read",
    }
    return tuple(told.get(column, "") for column in COLUMNS)


def _told(finding: Finding) -> tuple[str, ...]:
    place = finding.location
    line = str(place.line) if place is not None and place.line is not None else ""
    return log_line(finding.message), log_line(finding.fix), log_line(place.path) if place is not None else "", line


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
