"""The inventory: a CSV file of what the platforms do not know of repositories; its columns stand beside custom properties."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.model.subjects import Repository
from bot.policy.globs import any_glob, mistake
from bot.policy.problems import PolicyError, Problem

REPOSITORY = "repository"
MAX_SIZE = 20_000_000
WILDCARDS = "*?["


@dataclass(frozen=True)
class Inventory:
    """Rows of values for repositories."""

    columns: tuple[str, ...]
    """The names of its columns, ``repository`` aside."""
    rows: tuple[tuple[str, Mapping[str, str]], ...]
    """A glob of repository names and its values, in the order of the file."""
    _names: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _globs: tuple[tuple[int, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Most rows are names without a wildcard; among thousands of them a repository's own is found at once.
        names: dict[str, int] = {}
        globs: list[tuple[int, str]] = []
        for index, (glob, _) in enumerate(self.rows):
            if any(character in glob for character in WILDCARDS):
                globs.append((index, glob))
            else:
                names.setdefault(glob.casefold(), index)
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_globs", tuple(globs))

    def values(self, repository: Repository) -> Mapping[str, str]:
        """The values of the first row that is for a repository; none where no row is. A glob without ``/`` looks at the
        last part of the name alone. An empty cell is no value.
        """
        none = len(self.rows)
        first = min(self._names.get(name.casefold(), none) for name in (repository.name, repository.short_name))
        for index, glob in self._globs:
            if index > first:
                break
            name = repository.name if "/" in glob else repository.short_name
            if any_glob(name, (glob,), ignore_case=True):
                return self.rows[index][1]
        return self.rows[first][1] if first < none else {}


def read_inventory(text: str, source: str) -> Inventory:
    """The inventory that a CSV file is. Raises ``PolicyError`` with everything that is wrong with it."""
    if len(text) > MAX_SIZE:
        message = f"the file has {len(text):,} characters; at most {MAX_SIZE:,} are read"
        raise PolicyError([Problem(source, 1, 1, "", message)])
    problems: list[Problem] = []
    lines = list(_lines(text, source, problems))
    if not lines:
        if not problems:
            problems = [
                Problem(source, 1, 1, "", f"the file is empty; its first line names the columns: {REPOSITORY},tier")
            ]
        raise PolicyError(problems)
    number, header = lines[0]
    problems += [Problem(source, number, 1, "", message) for message in _wrong_header(header)]
    if problems and REPOSITORY not in header:
        raise PolicyError(problems)
    rows = []
    for number, cells in lines[1:]:
        wrong = _wrong_row(header, cells)
        problems += [Problem(source, number, 1, *each) for each in wrong]
        if not wrong:
            values = dict(zip(header, cells, strict=True))
            rows.append((values.pop(REPOSITORY), {name: value for name, value in values.items() if value}))
    if problems:
        raise PolicyError(problems)
    return Inventory(tuple(name for name in header if name != REPOSITORY), tuple(rows))


def _lines(text: str, source: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line that it begins on."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    number = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        problems.append(Problem(source, number, 1, "", f"not valid CSV: {error}"))


def _wrong_header(header: Sequence[str]) -> Iterator[str]:
    if REPOSITORY not in header:
        separator = "; columns are separated by commas" if len(header) == 1 and ";" in header[0] else ""
        yield f"the first line names no column {REPOSITORY!r}, only {', '.join(map(repr, header))}{separator}"
    seen: set[str] = set()
    for name in header:
        if not name:
            yield "a column has no name"
        elif name.casefold() in seen:
            yield f"the column {name!r} is here twice"
        seen.add(name.casefold())


def _wrong_row(header: Sequence[str], cells: Sequence[str]) -> list[tuple[str, str]]:
    """What is wrong with a row: in which column, and what."""
    if len(cells) != len(header):
        return [("", f"{len(header)} values are wanted here, one for each column, and there are {len(cells)}")]
    glob = cells[header.index(REPOSITORY)]
    if glob.startswith("!"):
        return [(REPOSITORY, f"{glob!r}: a row says which repositories it is for, not which it is not for")]
    wrong = mistake(glob)
    return [(REPOSITORY, f"{glob!r} is no pattern: {wrong}")] if wrong else []
