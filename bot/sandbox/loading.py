"""Reading a scenario file: everything that is wrong with it at once, each with its line."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from bot.sandbox import scenario as parts
from bot.sandbox.scenario import Part, Scenario
from bot.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

KEYS = sorted(
    {
        key
        for part in vars(parts).values()
        if isinstance(part, type) and issubclass(part, Part)
        for key in part.model_fields
    }
)


class ScenarioError(ValueError):
    """A scenario that cannot be served. Its text lists every problem, one a line, as ``file:line:column: path: what``."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def load_scenario(source: str | Path) -> Scenario:
    """The scenario in a file (a Path, or a text of one line that names a file) or in a text of YAML."""
    if isinstance(source, Path) or "\n" not in source:
        path = Path(source)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as wrong:
            raise ScenarioError([f"{path}: cannot be read: {wrong.strerror}"]) from wrong
        name = str(path)
    else:
        text, name = source, "scenario"
    loader = Loader(text)
    try:
        node = loader.get_single_node()
        problems = [f"{name}:{line}:{column}: {what}" for line, column, what in _repeated_keys(node)]
        data = loader.construct_document(node) if node is not None else {}
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ScenarioError([f"{place}: {wrong.problem or wrong}"]) from wrong
    finally:
        loader.dispose()
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as wrong:
        problems += [_said(name, node, error["loc"], _what(dict(error))) for error in wrong.errors()]
        raise ScenarioError(problems) from wrong
    if not problems:
        problems = [_said(name, node, where, what) for where, what in World(scenario).problems()]
    if problems:
        raise ScenarioError(problems)
    return scenario


def _said(name: str, node: Any, where: Sequence[str | int], what: str) -> str:
    line, column = _place(node, where)
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")
    return f"{name}:{line}:{column}: {path or 'the scenario'}: {what}"


def _what(error: dict[str, Any]) -> str:
    """A pydantic error in words; an unknown key with the keys that look like it."""
    if error["type"] != "extra_forbidden":
        return str(error["msg"]).removeprefix("Value error, ")
    close = difflib.get_close_matches(str(error["loc"][-1]), KEYS, n=2)
    return "there is no such key" + (f"; did you mean {' or '.join(close)}?" if close else "")


def _place(node: Any, where: Sequence[str | int]) -> tuple[int, int]:
    """Where the value at this path begins, or the nearest thing around it."""
    mark = node.start_mark if node is not None else None
    for step in where:
        found = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    found, mark = value, key.start_mark
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
            mark = found.start_mark
        if found is None:  # pydantic's loc also names the members of unions, which are no place in the file
            continue
        node = found
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _repeated_keys(node: Any) -> Iterator[tuple[int, int, str]]:
    """Keys that a mapping has twice: YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    mark = key.start_mark
                    yield mark.line + 1, mark.column + 1, f"{key.value}: is here twice, first on line {seen[key.value]}"
                seen.setdefault(key.value, key.start_mark.line + 1)
            yield from _repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated_keys(value)
