"""A run as JUnit XML, which CI systems show as tests: a suite for each subject, a test case for each entry.

Only what blocks fails: an entry that fails under ``block`` is a failure, one that could not be decided there an error. What
warns or only records is told in the output of a case that passes; what does not apply, or is waived or in the baseline, is
skipped, with the reason. What could not be read and no entry tells of, such as a project without its repositories, is an
error in a suite of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from xml.etree import ElementTree as ET

from bot.model.ordering import results_in_order
from bot.model.results import Enforcement, Gap, Outcome, Result, Run
from bot.report.junit import clean
from bot.report.overview import unfolded_gaps
from bot.report.sanitize import log_line


def render(run: Run) -> str:
    """The XML, with its declaration."""
    return "".join(pieces(run))


def pieces(run: Run) -> Iterator[str]:
    """Suite by suite; the totals that stand before them are counted first."""
    gaps = unfolded_gaps(run)
    totals = Counter({"tests": len(gaps), "errors": len(gaps)})
    for result in results_in_order(run.results):
        totals.update(("tests", *_counts_as(result)))
    root = ET.Element("testsuites", {"name": f"almguard {run.command}", **_attributes(totals)})
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    if not totals["tests"]:
        yield ET.tostring(root, encoding="unicode") + "\n"
        return
    yield ET.tostring(root, encoding="unicode").removesuffix(" />") + ">\n"
    for _, of_one in groupby(results_in_order(run.results), key=lambda result: result.subject.id):
        results = list(of_one)
        counts = Counter(name for result in results for name in ("tests", *_counts_as(result)))
        suite = ET.Element("testsuite", {"name": clean(log_line(results[0].subject.name)), **_attributes(counts)})
        for result in results:
            _case(suite, result)
        yield _indented(suite)
    if gaps:
        counts = Counter({"tests": len(gaps), "errors": len(gaps)})
        suite = ET.Element("testsuite", {"name": "not read", **_attributes(counts)})
        for gap in gaps:
            _unread(suite, gap)
        yield _indented(suite)
    yield "</testsuites>\n"


def _indented(suite: ET.Element) -> str:
    ET.indent(suite, level=1)
    return f"  {ET.tostring(suite, encoding='unicode')}\n"


def _attributes(counts: Counter[str]) -> dict[str, str]:
    """The totals that readers expect as attributes."""
    return {name: str(counts[name]) for name in ("tests", "failures", "errors", "skipped")}


def _ends_as(result: Result) -> str:
    """The element that says how a case ended; empty where nothing needs to be said."""
    blocks = result.enforcement is Enforcement.BLOCK
    undecided = result.outcome in (Outcome.UNKNOWN, Outcome.ERROR) or result.half_known
    if result.outcome is Outcome.NOT_APPLICABLE or (result.excused and not undecided):
        return "skipped"
    if result.outcome is Outcome.FAIL and blocks and not undecided:
        return "failure"
    if undecided and blocks:
        return "error"
    return "" if result.outcome is Outcome.PASS else "system-out"


_TOTALS = {"skipped": ("skipped",), "failure": ("failures",), "error": ("errors",)}


def _counts_as(result: Result) -> tuple[str, ...]:
    return _TOTALS.get(_ends_as(result), ())


def _case(suite: ET.Element, result: Result) -> None:
    name = {"name": clean(log_line(result.key)), "classname": clean(log_line(result.subject.name))}
    case = ET.SubElement(suite, "testcase", name)
    told = "\n".join(_told(result))
    match _ends_as(result):
        case "skipped":
            why = result.reason if not result.excused else _excuse(result)
            ET.SubElement(case, "skipped", {"message": clean(log_line(why))})
        case "failure":
            said = log_line(result.findings[0].message) if result.findings else log_line(result.reason)
            kind = "awaiting" if result.awaiting else "fail"
            ET.SubElement(case, "failure", {"message": clean(said), "type": kind}).text = clean(told)
        case "error":
            why = "; ".join(each.reason for each in result.unknown) or result.reason
            ended = Outcome.ERROR if result.outcome is Outcome.ERROR else Outcome.UNKNOWN
            ET.SubElement(case, "error", {"message": clean(log_line(why)), "type": ended.value}).text = clean(told)
        case "system-out":
            said = f"{result.outcome.value} ({result.enforcement.value})\n{told}"
            ET.SubElement(case, "system-out").text = clean(said)


def _unread(suite: ET.Element, gap: Gap) -> None:
    name, where = clean(log_line(gap.fact)), clean(log_line(gap.name))
    case = ET.SubElement(suite, "testcase", {"name": name, "classname": where})
    why = clean(log_line(gap.reason))
    ET.SubElement(case, "error", {"message": why, "type": Outcome.UNKNOWN.value}).text = f"{gap.kind.value}: {why}"


def _told(result: Result) -> Iterator[str]:
    for finding in result.findings:
        place = f"{log_line(finding.location.path)}:{finding.location.line or 1}: " if finding.location else ""
        yield f"{place}{log_line(finding.message)}"
        if finding.fix:
            yield f"  What to do: {log_line(finding.fix)}"
    for unknown in result.unknown:
        yield f"{unknown.kind.value}: {log_line(unknown.reason)}"
    if result.reason:
        yield log_line(result.reason)


def _excuse(result: Result) -> str:
    if result.waiver is None:
        return "every finding was there before, by the baseline"
    return f"waived until {result.waiver.expires}: {result.waiver.reason}"
