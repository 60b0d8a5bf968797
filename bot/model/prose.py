"""What the writer of a Markdown text says: the text without code, HTML comments, quotes and link definitions.

The blocks are told as CommonMark tells them, line by line; what is inline is looked for in what they leave. A text is
hostile and may be long: every step is linear in its length (no pattern can be retried over more than a bounded number
of characters).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

CODE_INDENT = 4
_LONGEST_TITLE = 1_000

# What begins a new block of Markdown at the start of a line, and so ends an unclosed code span before it.
_BLOCK = re.compile(r"^[ \t]*(?:`{3}|~{3}|>|[-*+][ \t]|[0-9]{1,9}[.)][ \t]|#{1,6}[ \t]|$)", re.M)
_STARTS_BLOCK = re.compile(r"`{3}|~{3}|>|(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]|$)|#{1,6}(?:[ \t]|$)|<!--", re.M)
_MARKER = re.compile(r"(?:[-*+]|[0-9]{1,9}[.)])(?=[ \t]|$)", re.M)
_FENCE = re.compile(r"`{3,}(?=[^`\n]*$)|~{3,}", re.M)
_HEADING = re.compile(r"#{1,6}(?:[ \t]|$)", re.M)
_BREAK = r"[ \t]*(?:\n[ \t]*)?"
_INNER = r"\n(?![ \t]*\n)"
# ``[label]: destination "title"``, shown nowhere: a habit for comments (``[//]: # (…)``).
_DEFINITION = re.compile(
    rf"\[(?:\\.|[^\[\]\\\n]){{1,999}}\]:{_BREAK}(?:<[^<>\n]*>|[^\s<]\S*)"
    rf"(?:(?=\s){_BREAK}(?:\"(?:\\.|{_INNER}|[^\"\\\n]){{0,{_LONGEST_TITLE}}}\""
    rf"|'(?:\\.|{_INNER}|[^'\\\n]){{0,{_LONGEST_TITLE}}}'|\((?:\\.|{_INNER}|[^()\\\n]){{0,{_LONGEST_TITLE}}}\)))?[ \t]*$",
    re.M,
)
_INLINE = re.compile(
    r"\\[!-/:-@\[-`{-~]|(?P<ticks>`+)|(?P<comment><!--)|<(?P<tag>pre|code|blockquote)(?=[\s>])[^<>\n]{0,200}>", re.I
)
_CLOSING_TAG = re.compile(r"</(pre|code|blockquote)[ \t]{0,20}>", re.I)


def said_by_the_writer(text: str) -> str:
    """A Markdown text without its code, HTML comments, quotes and link definitions, each character of which becomes NUL."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    pieces: list[str] = []
    position = 0
    for start, end in _Reader(text).passed_over():
        pieces += text[position:start], re.sub(r"[^\n]", "\0", text[start:end])
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


@dataclass
class _Reader:
    """Goes once through a text. Blocks come before what is inline, as in CommonMark."""

    text: str
    lists: list[int] = field(default_factory=list)
    """In which columns the contents of the open list items begin, the innermost last."""
    in_paragraph: bool = False
    """Whether the line before was a paragraph's: it may go on with any indentation."""
    in_quote: bool = False
    """Whether the line before was a quoted paragraph's, which goes on without a ``>``."""
    quoted_fence: str = ""

    def __post_init__(self) -> None:
        self._blocks = [match.start() for match in _BLOCK.finditer(self.text)]
        self._ticks: dict[int, list[int]] = {}
        for match in re.finditer("`+", self.text):
            self._ticks.setdefault(len(match[0]), []).append(match.start())
        self._closing: dict[str, list[tuple[int, int]]] = {}
        for match in _CLOSING_TAG.finditer(self.text):
            self._closing.setdefault(match[1].lower(), []).append(match.span())

    def passed_over(self) -> Iterator[tuple[int, int]]:
        """The stretches that the writer does not say, in order."""
        position = 0
        while position < len(self.text):
            line_end = self._line_end(position)
            if position == 0 or self.text[position - 1] == "\n":
                hidden = self._block(position, line_end)
                if hidden is not None:
                    if hidden[0] < hidden[1]:
                        yield hidden
                    position = max(hidden[1], line_end)
                    continue
            inline = _INLINE.search(self.text, position, line_end)
            if inline is None:
                position = line_end
                continue
            closed = self._closed(inline)
            if closed is not None:
                yield inline.start(), closed
            position = inline.end() if closed is None else closed

    def _block(self, position: int, line_end: int) -> tuple[int, int] | None:
        """What a line hides as a block: an empty stretch for a blank line, None where it is to be searched."""
        at, column = self._past_blanks(position, 0)
        if at >= line_end or self.text[at] == "\n":
            self.in_paragraph = self.in_quote = False
            self.quoted_fence = ""
            return position, position
        starts_block = _STARTS_BLOCK.match(self.text, at) is not None
        if self.in_quote and not starts_block:
            return at, line_end
        if self.text[at] != ">":
            self.in_quote, self.quoted_fence = False, ""
        if starts_block or not self.in_paragraph:
            while self.lists and column < self.lists[-1]:
                self.lists.pop()
        while True:
            inside = self.lists[-1] if self.lists else 0
            if not self.in_paragraph and column >= inside + CODE_INDENT:
                return at, line_end
            marker = _MARKER.match(self.text, at)
            if marker is None:
                return self._content(at, column, line_end)
            column += len(marker[0])
            at, after = self._past_blanks(marker.end(), column)
            # Far behind its marker an item begins with indented code.
            self.lists.append(column + 1 if after - column > CODE_INDENT or at >= line_end - 1 else after)
            self.in_paragraph, column = False, after
            if at >= line_end or self.text[at] == "\n":
                return position, position

    def _content(self, at: int, column: int, line_end: int) -> tuple[int, int] | None:
        """What begins behind a line's indentation and its list markers."""
        if self.text[at] == ">":
            self._quote(at, line_end)
            self.in_paragraph = False
            return at, line_end
        if fence := _FENCE.match(self.text, at):
            self.in_paragraph = False
            return at, self._fence_end(line_end, fence[0], column)
        if not self.in_paragraph and (definition := _DEFINITION.match(self.text, at)):
            return definition.span()
        self.in_paragraph = not (_HEADING.match(self.text, at) or self.text.startswith("<!--", at))
        return None

    def _quote(self, at: int, line_end: int) -> None:
        """Whether the next line, without a ``>``, would still belong to the quoted paragraph."""
        said = self.text[at:line_end].lstrip("> \t").rstrip("\n")
        fence = _FENCE.match(said)
        if self.quoted_fence:
            if said.startswith(self.quoted_fence) and not said.strip().strip(self.quoted_fence[0]):
                self.quoted_fence = ""
            self.in_quote = False
        elif fence:
            self.quoted_fence, self.in_quote = fence[0], False
        else:
            self.in_quote = bool(said.strip()) and _HEADING.match(said) is None

    def _past_blanks(self, at: int, column: int) -> tuple[int, int]:
        """Behind blanks, and the column there: a tab goes on to the next multiple of four."""
        while at < len(self.text) and (character := self.text[at]) in " \t":
            column += 1 if character == " " else CODE_INDENT - column % CODE_INDENT
            at += 1
        return at, column

    def _line_end(self, position: int) -> int:
        """Just behind the newline that ends the line."""
        newline = self.text.find("\n", position)
        return len(self.text) if newline < 0 else newline + 1

    def _fence_end(self, position: int, fence: str, column: int) -> int:
        """Behind the closing fence: the same character, at least as often, alone on its line and not indented like code.

        One that is never closed runs to the end.
        """
        while position < len(self.text):
            line_end = self._line_end(position)
            at, indent = self._past_blanks(position, 0)
            line = self.text[at:line_end].strip()
            if indent < column + CODE_INDENT and line.startswith(fence) and not line.strip(fence[0]):
                return line_end
            position = line_end
        return len(self.text)

    def _closed(self, opening: re.Match[str]) -> int | None:
        """Behind what an inline piece hides; None: it hides nothing."""
        if opening["comment"]:  # <!--> is a whole one
            end = self.text.find("-->", opening.start() + 2)
            return len(self.text) if end < 0 else end + len("-->")
        if opening["ticks"]:
            return self._span_end(opening)
        if opening["tag"]:
            closing = self._closing.get(opening["tag"].lower(), [])
            index = bisect_left(closing, (opening.end(), 0))
            return closing[index][1] if index < len(closing) else None
        return None  # an escaped sign

    def _span_end(self, opening: re.Match[str]) -> int | None:
        """Behind the next run of as many backticks in the same block; None: these backticks are just backticks."""
        following = bisect_left(self._blocks, opening.end())
        limit = self._blocks[following] if following < len(self._blocks) else len(self.text)
        length = len(opening["ticks"])
        starts = self._ticks.get(length, [])
        index = bisect_left(starts, opening.end())
        return starts[index] + length if index < len(starts) and starts[index] < limit else None
