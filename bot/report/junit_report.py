"""A run as JUnit XML, which CI systems show as tests: a suite for each subject, a test case for each entry.

Only what blocks fails: an entry that fails under ``block`` is a failure, one that could not be decided there an error. What
warns or only records is told in the output of a case that passes; what does not apply, or is waived or in the baseline, is
skipped, with the reason. What could not be read and no entry tells of, such as a project without its repositories, is an
error in a suite of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from xml.etree import ElementTree as ET

from bot.model.results import Enforcement, Gap, Outcome, Result, Run
from bot.report.junit import clean
from bot.report.overview import unfolded_gaps
from bot.report.sanitize import log_line


def render(run: Run) -> str:
    """The XML, with its declaration."""
    ordered = sorted(run.results, key=lambda result: (result.subject.name, result.subject.id, result.key))
    root = ET.Element("testsuites", {"name": f"almguard {run.command}"})
    for _, of_one in groupby(ordered, key=lambda result: result.subject.id):
        results = list(of_one)
        suite = ET.SubElement(root, "testsuite", {"name": clean(log_line(results[0].subject.name))})
        for result in results:
            _case(suite, result)
        _count(suite)
    if gaps := unfolded_gaps(run):
        suite = ET.SubElement(root, "testsuite", {"name": "not read"})
        for gap in gaps:
            _unread(suite, gap)
        _count(suite)
    _count(root)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, result: Result) -> None:
    name = {"name": clean(log_line(result.key)), "classname": clean(log_line(result.subject.name))}
    case = ET.SubElement(suite, "testcase", name)
    told = "\n".join(_told(result))
    blocks = result.enforcement is Enforcement.BLOCK
    undecided = result.outcome in (Outcome.UNKNOWN, Outcome.ERROR) or result.half_known
    if result.outcome is Outcome.NOT_APPLICABLE or (result.excused and not undecided):
        why = result.reason if not result.excused else _excuse(result)
        ET.SubElement(case, "skipped", {"message": clean(log_line(why))})
    elif result.outcome is Outcome.FAIL and blocks and not undecided:
        said = log_line(result.findings[0].message) if result.findings else log_line(result.reason)
        kind = "awaiting" if result.awaiting else "fail"
        ET.SubElement(case, "failure", {"message": clean(said), "type": kind}).text = clean(told)
    elif undecided and blocks:
        why = "; ".join(each.reason for each in result.unknown) or result.reason
        kind = Outcome.ERROR if result.outcome is Outcome.ERROR else Outcome.UNKNOWN
        ET.SubElement(case, "error", {"message": clean(log_line(why)), "type": kind.value}).text = clean(told)
    elif result.outcome is not Outcome.PASS:
        ET.SubElement(case, "system-out").text = clean(f"{result.outcome.value} ({result.enforcement.value})\n{told}")


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


def _count(element: ET.Element) -> None:
    """The totals that readers expect as attributes."""
    for name, path in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(len(list(element.iter(path)))))
