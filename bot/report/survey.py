"""A scan on a terminal: repositories against rules, the worst first, and what goes wrong most often."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bot.model.results import Combination, Enforcement, Outcome, Result, Run
from bot.model.subjects import Subject
from bot.report.grouping import counted, grouped, owner

ROWS_SHOWN = 20
RULES_SHOWN = 12
COMMON_SHOWN = 5

Say = Callable[..., Text]
"""Makes a value from outside harmless for this console: value, style, limit."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How one rule ended on one repository, at worst."""

    rank: int
    """0 is best."""
    sign: str
    style: str


_NOTHING = Cell(0, " ", "")
_OUTCOMES = {
    Outcome.NOT_APPLICABLE: Cell(1, "-", "dim"),
    Outcome.PASS: Cell(2, ".", "green"),
    Outcome.UNKNOWN: Cell(4, "?", "magenta"),
    Outcome.ERROR: Cell(5, "E", "bold magenta"),
}
_FAILS = {
    Enforcement.AUDIT: Cell(3, "o", "cyan"),
    Enforcement.WARN: Cell(6, "!", "yellow"),
    Enforcement.BLOCK: Cell(7, "X", "bold red"),
}
_EXCUSED = Cell(2, "w", "dim")
NO_RULES = (*Combination, "assert")
LEGEND = "X blocks   ! warns   o recorded   ? unknown   E error   w waived or known   . passes   - not applicable"


def cell(result: Result) -> Cell:
    """What stands in the table for a result."""
    if result.enforcement is Enforcement.DISABLED:
        return _NOTHING
    if result.excused or result.waived_within:
        return _EXCUSED
    return _FAILS[result.enforcement] if result.outcome is Outcome.FAIL else _OUTCOMES[result.outcome]


def column(result: Result) -> str:
    """The column of a result: its rule; what is no rule goes by its key."""
    return result.key if result.rule in NO_RULES else result.rule


def matrix(run: Run, say: Say, bullet: str) -> Iterable[RenderableType]:
    """The table, its legend, and the most frequent findings."""
    rows: dict[str, Subject] = {}
    cells: dict[tuple[str, str], Cell] = defaultdict(lambda: _NOTHING)
    for result in run.results:
        row = owner(result.subject)
        rows[row.id] = row
        place = (row.id, column(result))
        cells[place] = max(cells[place], cell(result), key=lambda c: c.rank)
    tallies: dict[str, Counter[int]] = defaultdict(Counter)
    for (row_id, rule), found in cells.items():
        tallies[row_id][found.rank] += 1
        tallies[f"rule {rule}"][found.rank] += 1
    rules = sorted(
        {column(result) for result in run.results}, key=lambda rule: (_gravity(tallies[f"rule {rule}"]), rule)
    )
    ordered = sorted(rows.values(), key=lambda row: (_gravity(tallies[row.id]), row.name, row.id))
    yield Text()
    yield _table(ordered, rules, cells, say)
    yield Text(LEGEND, style="dim", overflow="fold")
    hidden = []
    if len(ordered) > ROWS_SHOWN:
        hidden.append(counted(len(ordered) - ROWS_SHOWN, "better repository", "better repositories"))
    if len(rules) > RULES_SHOWN:
        hidden.append(counted(len(rules) - RULES_SHOWN, "better rule"))
    if hidden:
        yield say(f"Not shown: {' and '.join(hidden)}; --format json has everything.", "dim")
    for number, rule in enumerate(rules[:RULES_SHOWN], 1):
        yield Text.assemble((f"{number:>3} ", "bold"), say(rule, "bold"), "  ", say(_title(run, rule), "dim", 160))
    yield from _common(run, say, bullet)


def _gravity(tally: Counter[int]) -> tuple[int, ...]:
    """Sorts the worst first: by how many of the worst cells a row or a column has, then of the next worse."""
    return tuple(-tally[rank] for rank in range(7, 2, -1))


def _table(
    rows: Sequence[Subject], rules: Sequence[str], cells: dict[tuple[str, str], Cell], say: Say
) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), expand=False)
    table.add_column("repository", overflow="fold", min_width=12)
    for number in range(1, min(len(rules), RULES_SHOWN) + 1):
        table.add_column(str(number), justify="center", no_wrap=True)
    for row in rows[:ROWS_SHOWN]:
        signs = [cells.get((row.id, rule), _NOTHING) for rule in rules[:RULES_SHOWN]]
        table.add_row(say(row.name, "", 80), *(Text(found.sign, style=found.style) for found in signs))
    return table


def _title(run: Run, rule: str) -> str:
    return next((result.title for result in run.results if column(result) == rule and result.title), "")


def _common(run: Run, say: Say, bullet: str) -> Iterable[RenderableType]:
    """Which entries fail most often, with one example and its way out."""
    failing: dict[str, list[Result]] = defaultdict(list)
    for result in grouped(run.results).failing:
        failing[result.key].append(result)
    if not failing:
        return
    yield Text()
    yield Text("Fails most often", style="bold")
    most = sorted(failing.items(), key=lambda item: (-len(item[1]), item[0]))
    for key, results in most[:COMMON_SHOWN]:
        example = results[0]
        amount = counted(len({owner(result.subject).id for result in results}), "repository", "repositories")
        yield Text.assemble((f"{bullet} ", "dim"), say(key, "bold"), f" {amount} ", (str(example.severity), "dim"))
        if example.findings:
            finding = example.findings[0]
            yield Text.assemble("    ", say(f"{example.subject.name}: {finding.message}", "", 240))
            if finding.fix:
                yield Text.assemble("    ", say(finding.fix, "green", 240))
    if len(most) > COMMON_SHOWN:
        yield say(f"and {counted(len(most) - COMMON_SHOWN, 'other entry', 'other entries')}", "dim")
