"""The report on policy tests: on a terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rich.console import Console
from rich.text import Text

from bot.engine.cases import CaseOutcome, CaseResult, Difference, FileResult
from bot.engine.coverage import EntrySeen
from bot.report.sanitize import log_line

SCHEMA = "almguard.tests/v1"
NARROWEST = 20
"""Characters of a line that are used even where the terminal has no room for them."""

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"

_STYLES = {CaseOutcome.PASSED: "green", CaseOutcome.FAILED: "red", CaseOutcome.ERROR: "magenta"}


def render(files: Sequence[FileResult], console: Console, seen: Sequence[EntrySeen] | None = None) -> None:
    """Show how the cases ended: a line for each file, those that failed as a difference, and the sum."""
    for line, indent in _lines(files, seen):
        for piece in line.wrap(console, max(console.width - indent, NARROWEST)) or [line]:
            piece.rstrip()
            console.print(
                Text(" " * indent).append_text(piece), highlight=False, markup=False, emoji=False, soft_wrap=True
            )


def document(files: Sequence[FileResult], seen: Sequence[EntrySeen] | None = None) -> str:
    """The same as JSON, ``almguard.tests/v1``."""
    whole: dict[str, Json] = {
        "schema": SCHEMA,
        "summary": {"total": _total(files), **{str(outcome): _amount(files, outcome) for outcome in CaseOutcome}},
        "files": [_file(each) for each in files],
    }
    if seen is not None:
        whole["coverage"] = [_entry(entry) for entry in seen]
    return json.dumps(whole, indent=2, ensure_ascii=False)


def told(case: CaseResult) -> Iterator[str]:
    """A case that did not pass, line by line: what was expected, what was got, and what the entry said."""
    if case.error:
        yield case.error
    for difference in case.differences:
        yield difference.what
        yield f"- {difference.expected}"
        yield f"+ {difference.got}"
        yield from (f"  {said}" for said in difference.said)


def summary(files: Sequence[FileResult]) -> str:
    """One line: how many cases there are, and how they ended."""
    amounts = [f"{amount} {_WORDS[outcome]}" for outcome in CaseOutcome if (amount := _amount(files, outcome))]
    return f"{_counted(_total(files), 'case')} in {_counted(len(files), 'file')}: {', '.join(amounts) or 'none'}."


_WORDS = {CaseOutcome.PASSED: "passed", CaseOutcome.FAILED: "failed", CaseOutcome.ERROR: "could not be judged"}


def _lines(files: Sequence[FileResult], seen: Sequence[EntrySeen] | None) -> Iterator[tuple[Text, int]]:
    for each in files:
        amounts = {outcome: each.count(outcome) for outcome in CaseOutcome}
        line = Text(f"{log_line(each.file.source)}: {_counted(len(each.cases), 'case')}", "bold")
        for outcome, amount in amounts.items():
            if amount:
                line.append(f", {amount} {_WORDS[outcome]}", f"not bold {_STYLES[outcome]}")
        yield line, 0
        for case in each.cases:
            if case.outcome is not CaseOutcome.PASSED:
                yield from _case(each, case)
    if seen is not None:
        yield from _coverage(seen)
    yield Text(""), 0
    worst = CaseOutcome.FAILED if any(each.count(CaseOutcome.PASSED) < len(each.cases) for each in files) else None
    yield Text(summary(files), f"bold {_STYLES[worst or CaseOutcome.PASSED]}"), 0


def _case(file: FileResult, case: CaseResult) -> Iterator[tuple[Text, int]]:
    yield Text(""), 0
    line = Text(case.outcome.upper(), f"bold {_STYLES[case.outcome]}")
    line.append(f"  {log_line(case.case.name)}", "bold")
    line.append(f"  ({log_line(file.file.source)}:{case.case.line})", "not bold dim")
    yield line, 2
    if case.error:
        yield Text(log_line(case.error)), 4
    for difference in case.differences:
        yield from _difference(difference)


def _difference(difference: Difference) -> Iterator[tuple[Text, int]]:
    yield Text(log_line(difference.what)), 4
    yield Text(f"- {log_line(difference.expected)}", "green"), 6
    yield Text(f"+ {log_line(difference.got)}", "red"), 6
    for said in difference.said:
        yield Text(log_line(said), "dim"), 8


def _coverage(seen: Sequence[EntrySeen]) -> Iterator[tuple[Text, int]]:
    yield Text(""), 0
    yield Text("Coverage", "bold"), 0
    several = len({entry.policy for entry in seen}) > 1
    width = max((len(entry.key) for entry in seen), default=0)
    for entry in seen:
        line = Text(log_line(entry.key).ljust(width))
        line.append("  failed" if entry.failed else "  -     ", "green" if entry.failed else "red")
        line.append("  passed" if entry.passed else "  -", "green" if entry.passed else "red")
        if several:
            line.append(" " * (5 if not entry.passed else 0) + f"  {log_line(entry.policy)}", "dim")
        yield line, 2
        for condition in entry.conditions:
            for never in condition.never:
                yield Text(log_line(never), "red"), 4
    yield Text(coverage_summary(seen)), 0


def coverage_summary(seen: Sequence[EntrySeen]) -> str:
    """One line: how many entries were seen to fail and to pass, how many conditions to hold and not to hold."""
    both = sum(entry.failed and entry.passed for entry in seen)
    said = f"{both} of {_counted(len(seen), 'entry', 'entries')} failed in one case and passed in another"
    conditions = [condition for entry in seen for condition in entry.conditions]
    if conditions:
        met = sum(not condition.never for condition in conditions)
        said += f"; {met} of {_counted(len(conditions), 'condition')} held in one and did not in another"
    return said + "."


def _file(each: FileResult) -> Json:
    return {
        "file": each.file.source,
        "policy": each.file.policy,
        "cases": [_case_document(case) for case in each.cases],
    }


def _case_document(case: CaseResult) -> Json:
    return {
        "name": case.case.name,
        "line": case.case.line,
        "outcome": case.outcome.value,
        "error": case.error,
        "differences": [
            {"what": one.what, "expected": one.expected, "got": one.got, "said": list(one.said)}
            for one in case.differences
        ],
    }


def _entry(entry: EntrySeen) -> Json:
    return {
        "policy": entry.policy,
        "key": entry.key,
        "failed": entry.failed,
        "passed": entry.passed,
        "conditions": [
            {"word": one.word, "text": one.text, "held": one.held, "not_held": one.not_held} for one in entry.conditions
        ],
        "never": list(entry.never),
    }


def _total(files: Sequence[FileResult]) -> int:
    return sum(len(each.cases) for each in files)


def _amount(files: Sequence[FileResult], outcome: CaseOutcome) -> int:
    return sum(each.count(outcome) for each in files)


def _counted(amount: int, one: str, many: str = "") -> str:
    return f"{amount} {one if amount == 1 else many or one + 's'}"
