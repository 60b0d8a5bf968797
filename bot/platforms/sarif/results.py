"""What a SARIF file says was found: results with severity and place, and whether they were accepted or known before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.engine.ports import PlatformError
from bot.model.facts.alerts import AlertState, CodeAlert
from bot.model.findings import Severity
from bot.platforms.sarif.document import MOST_RESULTS, Part, read
from bot.platforms.sarif.places import path_of

LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW, "none": None}
"""What stands for a severity where a rule has no score for security."""
SCORES = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.0, Severity.LOW))
"""Where each begins, as CVSS has it; a score of 0 is none."""
KINDS = ("pass", "open", "informational", "notApplicable", "review", "fail")
BASELINES = ("new", "unchanged", "updated", "absent")
LONGEST = 1_000
_PLACEHOLDER = re.compile(r"\{(\d{1,3})\}")


@dataclass(frozen=True, slots=True)
class SarifResult:
    """One result that is something wrong."""

    alert: CodeAlert
    baseline: str
    """``new``, ``unchanged`` or ``updated``; empty where the tool has compared with nothing."""
    last_line: int | None = None
    in_source: bool = False
    """Whether it was accepted by something that is written in the code itself."""


@dataclass(frozen=True, slots=True)
class SarifRun:
    """One run of one tool."""

    file: str
    tool: str
    revisions: tuple[str, ...]
    """The commits that it says it looked at."""
    results: tuple[SarifResult, ...]
    error: str = ""
    """Why its results may not be all."""


def read_runs(paths: Sequence[Path], roots: Sequence[str] = ()) -> tuple[SarifRun, ...]:
    """The runs of several files. Raises ``PlatformError``, which names the file and the place in it."""
    found: list[SarifRun] = []
    for path in paths:
        root = read(path)
        amount = 0
        for part in root.items("runs"):
            run = _run(part, roots)
            amount += len(run.results)
            if amount > MOST_RESULTS:
                raise part.wrong(f"the file has more than {MOST_RESULTS:,} results; let the tool report less at once")
            found.append(run)
    return tuple(_distinct(found))


def _run(run: Part, roots: Sequence[str]) -> SarifRun:
    tool = run.text("tool", "driver", "name")
    if not tool:
        raise run.wrong("the tool has no name (tool.driver.name)")
    if run.get("results") is None and run.get("externalPropertyFileReferences") is not None:
        raise run.wrong("its results lie in other files, which are not read: write them into this one")
    rules = _Rules(run)
    results = tuple(one for part in run.items("results") if (one := _result(run, part, tool, rules, roots)) is not None)
    revisions = tuple(sha for each in run.items("versionControlProvenance") if (sha := each.text("revisionId")))
    return SarifRun(run.file, tool, revisions, results, _error(run))


def _error(run: Part) -> str:
    if any(_is_false(each, "executionSuccessful") for each in run.items("invocations")):
        return "it says itself that it did not end well"
    # A tool that has looked and found nothing writes an empty list.
    return "it has no list of results, so the tool has looked at nothing" if run.get("results") is None else ""


class _Rules:
    """The rules of a run, by where results point."""

    def __init__(self, run: Part) -> None:
        self.driver = list(run.items("tool", "driver", "rules"))
        self.extensions = [list(each.items("rules")) for each in run.items("tool", "extensions")]
        self.by_id = {each.text("id"): each for rules in (*self.extensions, self.driver) for each in rules}

    def of(self, result: Part) -> Part | None:
        """The rule of a result; None where it names one that is not described."""
        rules, index = self.driver, result.whole("ruleIndex")
        component = None
        if result.get("rule") is not None:
            inner = result.whole("rule", "index")
            index = inner if inner is not None else index
            component = result.whole("rule", "toolComponent", "index")
            if component is None and result.get("ruleIndex") is None and result.at("rule", "toolComponent") is not None:
                index = None  # it is an index into a component that is named otherwise
        if component is not None and component >= 0:
            if component >= len(self.extensions):
                raise result.wrong(f"there is no tool component {component}")
            rules = self.extensions[component]
        if index is not None and index >= 0:
            if index >= len(rules):
                raise result.wrong(f"there is no rule {index}")
            return rules[index]
        name = result.text("ruleId") or result.text("rule", "id")
        while name not in self.by_id and "/" in name:  # the part of a rule: ``CA1000/1``
            name = name.rpartition("/")[0]
        return self.by_id.get(name)


def _result(run: Part, result: Part, tool: str, rules: _Rules, roots: Sequence[str]) -> SarifResult | None:
    """The result; None where it is nothing wrong, or not there any more."""
    kind, baseline = result.choice("kind", KINDS) or "fail", result.choice("baselineState", BASELINES)
    if kind != "fail" or baseline == "absent":
        return None
    rule = rules.of(result)
    name = result.text("ruleId") or result.text("rule", "id") or (rule.text("id") if rule else "")
    place = next(result.items("locations"), None)
    location = None if place is None else place.at("physicalLocation", "artifactLocation")
    path = None if location is None else path_of(run, location, roots)
    line = None if place is None else place.whole("physicalLocation", "region", "startLine")
    line = line if line is not None and line > 0 else None
    last = None if place is None else place.whole("physicalLocation", "region", "endLine")
    message = _message(result, rule)
    state, dismissal, in_source = _suppressed(result)
    alert = CodeAlert(
        key=_fingerprint(result) or _digest(name, path or "", message),
        tool=tool,
        rule=name,
        message=message,
        severity=_severity(result, rule),
        state=state,
        path=path,
        line=line,
        since=_since(result),
        dismissal=dismissal,
    )
    last = last if last is not None and line is not None and last >= line else line
    return SarifResult(alert, baseline, last, in_source)


def _severity(result: Part, rule: Part | None) -> Severity | None:
    for part in (result, rule):
        score = None if part is None else part.at("properties", "security-severity")
        if score is not None:
            number = _score(score)
            return next((severity for least, severity in SCORES if number >= least), None) if number > 0 else None
    level = result.choice("level", tuple(LEVELS))
    if not level and rule is not None and (default := rule.get("defaultConfiguration")) is not None:
        level = default.choice("level", tuple(LEVELS))
    return LEVELS[level or "warning"]


def _score(part: Part) -> float:
    try:
        number = float(part.value) if not isinstance(part.value, bool) else -1.0
    except (TypeError, ValueError):
        number = -1.0
    if not 0.0 <= number <= 10.0:
        raise part.wrong(f"a score from 0.0 to 10.0 is wanted here, not {str(part.value)[:50]!r}")
    return number


def _suppressed(result: Part) -> tuple[AlertState, str, bool]:
    """Whether the result was accepted as it is, why, and in the code itself. One that is under review, or was rejected, is
    open.
    """
    found = list(result.items("suppressions"))
    kinds = {each.choice("kind", ("inSource", "external")) or "inSource" for each in found}
    states = [each.choice("status", ("accepted", "underReview", "rejected")) or "accepted" for each in found]
    if not found or any(state != "accepted" for state in states):
        return AlertState.OPEN, "", False
    reasons = [" ".join(each.text("justification").split())[:LONGEST] for each in found]
    return AlertState.DISMISSED, "; ".join(dict.fromkeys(filter(None, reasons))), "inSource" in kinds


def _message(result: Part, rule: Part | None) -> str:
    message = result.get("message")
    if message is None:
        return ""
    text = message.text("text")
    name = message.text("id")
    if not text and name and rule is not None:
        text = rule.text("messageStrings", name, "text")
    values = [each.text()[:LONGEST] if isinstance(each.value, str) else "" for each in message.items("arguments")]

    def value(found: re.Match[str]) -> str:
        at = int(found[1])
        return values[at] if at < len(values) else found[0]

    return " ".join(_PLACEHOLDER.sub(value, text[: 2 * LONGEST]).split())[:LONGEST]


def _fingerprint(result: Part) -> str:
    for name in ("fingerprints", "partialFingerprints"):
        told = result.get(name)
        if told is not None and isinstance(told.value, dict) and told.value:
            return _digest(result.text("ruleId"), *(f"{key}={told.value[key]}" for key in sorted(told.value)))
    return ""


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:16]


def _distinct(runs: Sequence[SarifRun]) -> Iterator[SarifRun]:
    """Results that nothing tells apart (the same text twice in a file) are counted."""
    seen: dict[tuple[str, str], int] = {}
    for run in runs:
        results = []
        for result in run.results:
            alert = result.alert
            times = seen[alert.tool, alert.key] = seen.get((alert.tool, alert.key), 0) + 1
            results.append(result if times == 1 else replace(result, alert=replace(alert, key=f"{alert.key}-{times}")))
        yield replace(run, results=tuple(results))


def _since(result: Part) -> datetime | None:
    text = result.text("provenance", "firstDetectionTimeUtc")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _at(result, "provenance", "firstDetectionTimeUtc", f"{text[:50]!r} is no time") from None
    if found.tzinfo is None:
        raise _at(result, "provenance", "firstDetectionTimeUtc", f"{text[:50]!r} has no time zone")
    return found


def _at(part: Part, first: str, second: str, what: str) -> PlatformError:
    found = part.at(first, second)
    assert found is not None
    return found.wrong(what)


def _is_false(part: Part, name: str) -> bool:
    found = part.get(name)
    return found is not None and found.value is False
