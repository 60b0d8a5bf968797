"""Messages: texts with ``{{ expressions }}`` in them, which become one line about one subject."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.model.facts import Fact, FactRequest
from bot.model.subjects import Subject
from bot.policy.checking import Wanted
from bot.policy.document import Document, Undecided
from bot.policy.program import Compiled, ExpressionError, compile_for
from bot.policy.syntax_tree import Mistake

VALUE_LIMIT = 300
"""How many characters of one value are shown."""
MESSAGE_LIMIT = 1_000
"""How many characters a message has at most."""
TEXT_LIMIT = 4_000
"""How many characters it may be written with."""


@dataclass(frozen=True, slots=True)
class Message:
    """A compiled message."""

    text: str
    _parts: tuple[str | Compiled, ...] = field(compare=False)

    @property
    def names(self) -> frozenset[str]:
        """What stands before the first dot of every name that it uses."""
        return frozenset(name for part in self._expressions() for name in part.names)

    def facts(self) -> frozenset[type[Fact]]:
        """The facts that it names."""
        return frozenset(fact for part in self._expressions() for fact in part.facts())

    def requests(self) -> frozenset[FactRequest]:
        """The same, as they are asked for."""
        return frozenset(request for part in self._expressions() for request in part.requests())

    def render(self, document: Document) -> str:
        """One line, of bounded length. What is not known says so in its place."""
        words = (part if isinstance(part, str) else _shown(part.value(document)) for part in self._parts)
        return _bounded(_line("".join(words)), MESSAGE_LIMIT)

    def _expressions(self) -> Iterator[Compiled]:
        return (part for part in self._parts if isinstance(part, Compiled))


def compile_message(text: str, subjects: Iterable[type[Subject]]) -> Message:
    """Compile a message for each of these types of subject. Raises ``ExpressionError``, with places in the whole text."""
    if len(text) > TEXT_LIMIT:
        raise ExpressionError([Mistake(1, 1, f"a message of {len(text):,} characters; it has {TEXT_LIMIT:,} at most")])
    kinds = tuple(subjects)
    parts: list[str | Compiled] = []
    mistakes: list[Mistake] = []
    at = 0
    while (opening := text.find("{{", at)) >= 0:
        parts.append(text[at:opening])
        closing = _closing(text, opening + 2)
        if closing is None:
            mistakes.append(_at(text, opening, "'{{' begins an expression, and no '}}' ends it"))
            at = len(text)
            break
        expression, at = text[opening + 2 : closing], closing + 2
        if not expression.strip():
            mistakes.append(_at(text, opening, "there is no expression between '{{' and '}}'"))
            continue
        start = opening + 2 + len(expression) - len(expression.lstrip())
        try:
            parts.append(compile_for(expression.strip(), kinds, Wanted.WORDS))
        except ExpressionError as error:
            mistakes += (_moved(mistake, _at(text, start, "")) for mistake in error.mistakes)
    parts.append(text[at:])
    if mistakes:
        raise ExpressionError(mistakes)
    return Message(text, tuple(part for part in parts if part))


TOKEN = re.compile(
    r"""[rR][bB]?(?:'''.*?'''|\""".*?\"""|'[^'\n]*'|"[^"\n]*")|[bB][rR](?:'[^'\n]*'|"[^"\n]*")"""
    r"""|'''(?:\\.|[^\\])*?'''|\"""(?:\\.|[^\\])*?\"""|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|[{}]""",
    re.DOTALL,
)
"""Texts, in which braces mean nothing, and braces."""


def _closing(text: str, start: int) -> int | None:
    """Where the ``}}`` is that ends the expression: braces of mappings, and those in texts, are passed over."""
    depth = 0
    for token in TOKEN.finditer(text, start):
        match token[0]:
            case "{":
                depth += 1
            case "}" if depth:
                depth -= 1
            case "}" if text.startswith("}}", token.start()):
                return token.start()
    return None


def _at(text: str, offset: int, message: str) -> Mistake:
    before = text[:offset]
    return Mistake(before.count("\n") + 1, len(before) - before.rfind("\n"), message)


def _moved(mistake: Mistake, start: Mistake) -> Mistake:
    """A mistake in an expression that begins at a place in the text."""
    column = mistake.column + start.column - 1 if mistake.line == 1 else mistake.column
    return replace(mistake, line=mistake.line + start.line - 1, column=column)


def _shown(value: object) -> str:
    """A value in words."""
    match value:
        case Undecided():
            return f"(not known: {_bounded(_line(value.reason[: VALUE_LIMIT * 4]), VALUE_LIMIT)})"
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        case float():
            return f"{value:.15g}"
        case str() | int():
            return _bounded(_line(str(value)[: VALUE_LIMIT * 4]), VALUE_LIMIT)
        case _:
            return "(not known: it is no text, no number and no time)"


def _line(text: str) -> str:
    """One line: spaces and control characters of every sort become one space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _bounded(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
