"""Adds a waiver to the text of its file. Every other byte stays: comments, order, quotes, line ends, indentation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from bot.policy.loader import is_plain_text, parse_yaml
from bot.policy.problems import PolicyError, Problem

Fields = Mapping[str, str | list[str]]
"""What a waiver says, by its keys, in the order in which they are to be written."""

BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line for YAML, and so for the places that its parser tells."""
PLAIN = re.compile(r"[A-Za-z]([\w .,/()'@+-]*[\w.)])?|\d{4}-\d{2}-\d{2}", re.ASCII)
UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def with_waiver(text: str, file: str, fields: Fields) -> str:
    """The text with one waiver more, at the end of its list. Raises ``PolicyError`` where it cannot be put there."""
    problems = parse_yaml(text, file).problems
    if problems:
        raise PolicyError(problems)
    try:
        there = _list_of_waivers(text)
    except yaml.YAMLError:
        there = None
    changed = there.with_item(text, fields) if there is not None else ""
    if not changed or not _says_one_more(text, changed, file, fields):
        line = there.line + 1 if there is not None else 1
        message = "a waiver can be added to a list of which each item is on lines of its own, and this is none"
        raise PolicyError([Problem(file, line, 1, "waivers", f"{message}; rewrite it, or add it by hand")])
    return changed


def _says_one_more(before: str, after: str, file: str, fields: Fields) -> bool:
    """Whether the new text says what the old one said, and the waiver, and nothing else: whatever the layout."""
    try:
        # Where the last line has no end, a text in lines that it belongs to has none either: that is no other text.
        there, made = parse_yaml(before if _ends(before) else f"{before}\n", file), parse_yaml(after, file)
    except PolicyError:
        return False
    old, new = there.root.plain(), made.root.plain()
    listed = old.get("waivers") or [] if isinstance(old, dict) else None
    if not isinstance(old, dict) or not isinstance(listed, list):
        return False
    return not made.problems and new == old | {"waivers": [*listed, dict(fields)]}


def _ends(text: str) -> bool:
    """Whether the last line has an end."""
    return bool(text) and BREAK.fullmatch(text[-1]) is not None


@dataclass(frozen=True)
class _List:
    """How a file writes its list. Lines and columns count from 0."""

    line: int
    """Where it begins."""
    last: int
    """The last line of its last item."""
    dash: int
    """The column of the items' dashes."""
    key: int
    """The column of the items' keys."""
    items: tuple[int, ...] = ()
    """The lines on which its items begin."""
    empty: tuple[int, int] | None = None
    """Where ``[]`` begins and ends, in a list that is written so."""

    def with_item(self, text: str, fields: Fields) -> str:
        """The text with an item below the last one, and below the comments that are indented as that is."""
        if self.empty is not None:
            text = text[: self.empty[0]] + text[self.empty[1] :]
        ends = [found.end() for found in BREAK.finditer(text)]
        lines = [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
        last = self._last(lines)
        found = BREAK.search(text)
        newline = found[0] if found else "\n"
        item = newline.join([*([""] if self._apart(lines) else []), *self._lines(fields)])
        if _ends(lines[last]):
            item += newline
        else:
            item = newline + item
        return "".join([*lines[: last + 1], item, *lines[last + 1 :]])

    def _last(self, lines: list[str]) -> int:
        last = self.last
        for number in range(last + 1, len(lines)):
            content = lines[number].lstrip(" ")
            if content.startswith("#") and len(lines[number]) - len(content) > self.dash:
                last = number
            elif content.strip():
                break
        return last

    def _apart(self, lines: list[str]) -> bool:
        """Whether the file has an empty line between its items; comments above an item belong to it."""
        if len(self.items) < 2:
            return False
        above = self.items[-1] - 1
        while lines[above].lstrip(" ").startswith("#"):
            above -= 1
        return not lines[above].strip()

    def _lines(self, fields: Fields) -> Iterator[str]:
        start = " " * self.dash + "-" + " " * (self.key - self.dash - 1)
        for key, value in fields.items():
            yield f"{start}{key}: {_written(value)}"
            start = " " * self.key


def _written(value: str | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_quoted, value))}]"
    if PLAIN.fullmatch(value) and is_plain_text(value):
        return value
    # A condition has quotes of its own.
    return f"'{value}'" if value.isprintable() and "'" not in value and '"' in value else _quoted(value)


def _quoted(value: str) -> str:
    """JSON's quotes are YAML's; what YAML does not print stands as an escape."""
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _list_of_waivers(text: str) -> _List | None:
    """The list of the key ``waivers``; None where it is written in a way that cannot be added to.

    The parser in Python is used, because the places that it tells count characters.
    """
    events = iter(list(yaml.parse(text, Loader=yaml.SafeLoader)))
    root = next((event for event in events if isinstance(event, yaml.NodeEvent)), None)
    if not isinstance(root, yaml.MappingStartEvent) or root.flow_style:
        return None
    while isinstance(key := next(events), yaml.NodeEvent):
        if isinstance(key, yaml.CollectionStartEvent):
            return None
        value = list(_whole(next(events), events))
        if isinstance(key, yaml.ScalarEvent) and key.value == "waivers":
            return _found(text, key, value)
    return None


def _whole(event: yaml.Event, events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    """The events of one value, of which the first is given."""
    depth = 0
    while True:
        yield event
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if not depth:
            return
        event = next(events)


def _found(text: str, key: yaml.ScalarEvent, value: list[yaml.Event]) -> _List | None:
    line, column = _start(key).line, _start(key).column
    match value:
        case [yaml.ScalarEvent(value="", style=None)]:
            return _List(line, line, column + 2, column + 4)
        case [yaml.SequenceStartEvent(flow_style=True) as start, *_, yaml.SequenceEndEvent() as end]:
            brackets = (_start(start).index, _end(end).index)
            if text[slice(*brackets)].replace(" ", "") == "[]":
                return _List(line, _end(end).line, column + 2, column + 4, empty=brackets)
        case [yaml.SequenceStartEvent() as start, *inside, yaml.SequenceEndEvent()]:
            items = [_start(event) for event in _items(inside)]
            last = max(_last_line(event, text) for event in inside)
            dash = _start(start).column
            return _List(line, last, dash, max(items[-1].column, dash + 2), tuple(mark.line for mark in items))
    return None


def _items(inside: list[yaml.Event]) -> Iterator[yaml.Event]:
    """The first event of each item."""
    events = iter(inside)
    for event in events:
        yield event
        for _ in _whole(event, events):
            pass


def _last_line(event: yaml.Event, text: str) -> int:
    """The last line of what an event stands for. A list or a mapping in lines ends where the next thing begins: that says
    nothing, and what is in it does.
    """
    end = _end(event)
    match event:
        case yaml.ScalarEvent(style="|" | ">") if end.index < len(text) or _ends(text):
            return end.line - 1  # A block reaches to the line on which something else begins.
        case yaml.ScalarEvent() | yaml.AliasEvent():
            return end.line
        case yaml.CollectionEndEvent() if end.index > _start(event).index:
            return end.line
    return _start(event).line if isinstance(event, yaml.CollectionStartEvent) else 0


def _start(event: yaml.Event) -> yaml.error.Mark:
    assert isinstance(event.start_mark, yaml.error.Mark)
    return event.start_mark


def _end(event: yaml.Event) -> yaml.error.Mark:
    assert isinstance(event.end_mark, yaml.error.Mark)
    return event.end_mark
