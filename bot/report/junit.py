"""Policy tests as JUnit XML, which CI systems show: a suite for each file, a test case for each case.

Times are left out: they would differ from run to run, and say nothing of a policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from bot.engine.cases import CaseOutcome, CaseResult, FileResult
from bot.report.policy_tests import told

# What XML 1.0 cannot hold, not even escaped: https://www.w3.org/TR/xml/#charsets
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS = {CaseOutcome.FAILED: "failure", CaseOutcome.ERROR: "error"}


def junit(files: Sequence[FileResult]) -> str:
    """The XML, with its declaration."""
    cases = [case for each in files for case in each.cases]
    root = ET.Element("testsuites", {"name": "almguard", **_counts(cases)})
    for each in files:
        suite = ET.SubElement(root, "testsuite", {"name": clean(each.file.source), **_counts(each.cases)})
        for case in each.cases:
            _case(suite, each, case)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, file: FileResult, case: CaseResult) -> None:
    attributes = {"name": case.case.name, "classname": file.file.source, "file": file.file.source}
    element = ET.SubElement(suite, "testcase", {key: clean(value) for key, value in attributes.items()})
    element.set("line", str(case.case.line))
    if case.outcome is CaseOutcome.PASSED:
        return
    lines = list(told(case))
    verdict = case.error or "; ".join(f"{d.what}: {d.expected} expected, {d.got} got" for d in case.differences)
    failure = ET.SubElement(element, _ELEMENTS[case.outcome], {"message": clean(verdict), "type": case.outcome.value})
    failure.text = clean("\n".join([f"{file.file.source}:{case.case.line}", *lines]))


def _counts(cases: Iterable[CaseResult]) -> dict[str, str]:
    ended = [case.outcome for case in cases]
    return {
        "tests": str(len(ended)),
        "failures": str(ended.count(CaseOutcome.FAILED)),
        "errors": str(ended.count(CaseOutcome.ERROR)),
    }


def clean(text: str) -> str:
    """The text without what XML cannot hold."""
    return _FORBIDDEN.sub("\ufffd", text)
