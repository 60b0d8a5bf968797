"""A scan on a terminal: repositories against rules, the worst first, and what goes wrong most often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bot.model.results import Combination, Enforcement, Outcome, Result
from bot.model.subjects import Subject
from bot.report.grouping import counted, gravity, groups_of, owner

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
    Outcome.UNKNOWN: Cell(5, "?", "magenta"),
    Outcome.ERROR: Cell(6, "E", "bold magenta"),
}
_FAILS = {
    Enforcement.AUDIT: Cell(4, "o", "cyan"),
    Enforcement.WARN: Cell(7, "!", "yellow"),
    Enforcement.BLOCK: Cell(8, "X", "bold red"),
}
_EXCUSED = Cell(3, "w", "dim")
_BY_RANK = {each.rank: each for each in (_NOTHING, _EXCUSED, *_OUTCOMES.values(), *_FAILS.values())}
FAILING = ("blocking", "awaiting", "warnings", "recorded")
"""The groups of fails, the gravest first."""
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


class Survey:
    """Repositories against rules, filled as results are gone through."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.titles: dict[str, str] = {}
        self.common: dict[str, Common] = {}
        """What fails most often, by key."""
        self._columns: dict[str, int] = {}

    def add(self, result: Result) -> None:
        """One more."""
        home, name = owner(result.subject), column(result)
        number = self._columns.setdefault(name, len(self._columns))
        if not self.titles.get(name):
            self.titles[name] = result.title
        row = self.rows.get(home.id)
        if row is None:
            row = self.rows[home.id] = Row(home.id, home.name, type(home), bytearray())
        row.put(number, cell(result).rank)
        fails = set(FAILING).intersection(groups_of(result))
        if fails:
            common = self.common.setdefault(result.key, Common(result.key))
            common.add(result, home.id, FAILING.index(fails.pop()))

    def rules(self) -> list[str]:
        """The columns, the worst first."""
        tallies: dict[str, Counter[int]] = {name: Counter() for name in self._columns}
        names = list(self._columns)
        for row in self.rows.values():
            for number, rank in enumerate(row.ranks):
                tallies[names[number]][rank] += 1
        return sorted(names, key=lambda name: (_gravity(tallies[name]), name))

    def worst(self) -> list[Row]:
        """The rows that are shown, the worst first."""
        return nsmallest(ROWS_SHOWN, self.rows.values(), lambda row: (_gravity(Counter(row.ranks)), row.name, row.id))

    def cell(self, row: Row, rule: str) -> Cell:
        """What stands at a place of the table."""
        return _BY_RANK[row.rank(self._columns[rule])]


@dataclass(slots=True)
class Row:
    """How a repository stands, rule by rule."""

    id: str
    name: str
    kind: type[Subject]
    ranks: bytearray
    """The worst by the number of its column; 0 where there is nothing."""

    def put(self, number: int, rank: int) -> None:
        """Note how a rule ended, unless it ended worse elsewhere in the repository."""
        if number >= len(self.ranks):
            self.ranks.extend(bytes(number + 1 - len(self.ranks)))
        self.ranks[number] = max(self.ranks[number], rank)

    def rank(self, number: int) -> int:
        """How a rule ended."""
        return self.ranks[number] if number < len(self.ranks) else 0


class Common:
    """An entry that fails: on how many repositories, and the gravest example."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.example: Result | None = None
        self._rank: tuple[object, ...] | None = None
        self.failed = 0
        self._homes: set[str] = set()

    def add(self, result: Result, home: str, group: int) -> None:
        """One more."""
        self.failed += 1
        self._homes.add(home)
        rank = (group, *gravity(result))
        if self._rank is None or rank < self._rank:
            self._rank, self.example = rank, result

    @property
    def homes(self) -> int:
        """How many repositories it fails on."""
        return len(self._homes)


def matrix(survey: Survey, say: Say, bullet: str) -> Iterable[RenderableType]:
    """The table, its legend, and the most frequent findings."""
    rules = survey.rules()
    yield Text()
    yield _table(survey, rules, say)
    yield Text(LEGEND, style="dim", overflow="fold")
    hidden = []
    if len(survey.rows) > ROWS_SHOWN:
        hidden.append(counted(len(survey.rows) - ROWS_SHOWN, "better repository", "better repositories"))
    if len(rules) > RULES_SHOWN:
        hidden.append(counted(len(rules) - RULES_SHOWN, "better rule"))
    if hidden:
        yield say(f"Not shown: {' and '.join(hidden)}; --format json has everything.", "dim")
    for number, rule in enumerate(rules[:RULES_SHOWN], 1):
        title = say(survey.titles[rule], "dim", 160)
        yield Text.assemble((f"{number:>3} ", "bold"), say(rule, "bold"), "  ", title)
    yield from _common(survey, say, bullet)


def _gravity(tally: Counter[int]) -> tuple[int, ...]:
    """Sorts the worst first: by how many of the worst cells a row or a column has, then of the next worse."""
    return tuple(-tally[rank] for rank in range(8, 3, -1))


def _table(survey: Survey, rules: Sequence[str], say: Say) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), expand=False)
    table.add_column("repository", overflow="fold", min_width=12)
    for number in range(1, min(len(rules), RULES_SHOWN) + 1):
        table.add_column(str(number), justify="center", no_wrap=True)
    for row in survey.worst():
        signs = [survey.cell(row, rule) for rule in rules[:RULES_SHOWN]]
        table.add_row(say(row.name, "", 80), *(Text(found.sign, style=found.style) for found in signs))
    return table


def _common(survey: Survey, say: Say, bullet: str) -> Iterable[RenderableType]:
    """Which entries fail most often, with one example and its way out."""
    if not survey.common:
        return
    yield Text()
    yield Text("Fails most often", style="bold")
    amounts = Counter({key: common.failed for key, common in survey.common.items()})
    for key in sorted(amounts, key=lambda key: (-amounts[key], key))[:COMMON_SHOWN]:
        example = survey.common[key].example
        assert example is not None
        amount = counted(survey.common[key].homes, "repository", "repositories")
        yield Text.assemble((f"{bullet} ", "dim"), say(key, "bold"), f" {amount} ", (str(example.severity), "dim"))
        if example.findings:
            finding = example.findings[0]
            yield Text.assemble("    ", say(f"{example.subject.name}: {finding.message}", "", 240))
            if finding.fix:
                yield Text.assemble("    ", say(finding.fix, "green", 240))
    if len(amounts) > COMMON_SHOWN:
        yield say(f"and {counted(len(amounts) - COMMON_SHOWN, 'other entry', 'other entries')}", "dim")
