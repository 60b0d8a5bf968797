"""Globs of names: ``*`` stays within one part of a name, ``**`` crosses ``/``, ``!`` takes out again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol

import re2

_TOKENS = re.compile(r"\*\*/?|\*|\?|\[[!^]?[^]/]+\]|.", re.DOTALL)


class Pattern(Protocol):
    """A compiled glob."""

    def fullmatch(self, string: str, /) -> object:
        """Something where it matches the whole name; None where it does not."""
        ...


def any_glob(name: str, globs: Iterable[str], *, ignore_case: bool = False) -> bool:
    """Whether some glob matches the name and none that begins with ``!`` does. Only exclusions: all but these."""
    included, excluded = compiled(tuple(globs), ignore_case)
    return (not included or any(p.fullmatch(name) for p in included)) and not any(p.fullmatch(name) for p in excluded)


@lru_cache(maxsize=4096)
def compiled(globs: tuple[str, ...], ignore_case: bool) -> tuple[tuple[Pattern, ...], tuple[Pattern, ...]]:
    """The patterns that include, and those that exclude. Raises ``ValueError`` on what is not a glob."""
    included = tuple(_pattern(g, ignore_case) for g in globs if not g.startswith("!"))
    excluded = tuple(_pattern(g[1:], ignore_case) for g in globs if g.startswith("!"))
    return included, excluded


def _pattern(glob: str, ignore_case: bool) -> Pattern:
    """With one ``*`` Python's own expressions take linear time, and are quick; with more of them only RE2 does.

    It does not warn of what may come to mean something in a set of characters, either.
    """
    if glob.count("*") - glob.count("**") <= 1 and "[" not in glob:
        return re.compile(_expression(glob), re.IGNORECASE if ignore_case else 0)
    return _Linear(glob, ignore_case)


class _Linear:
    """A glob that RE2 matches."""

    def __init__(self, glob: str, ignore_case: bool) -> None:
        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = not ignore_case
        try:
            self._compiled = re2.compile(_whole(_expression(glob)), options)
        except re2.error as error:
            raise ValueError(str(error)) from None

    def fullmatch(self, string: str, /) -> object:
        """Something where it matches the whole name; None where it does not."""
        return self._compiled.fullmatch(_whole(string))


def _whole(text: str) -> str:
    """Lone surrogates are no text to RE2."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def mistake(glob: str) -> str | None:
    """What is wrong with a glob; None: nothing."""
    body = glob.removeprefix("!")
    if not body:
        return "an empty pattern matches nothing"
    if body != body.strip():
        return "a pattern does not begin or end with a space"
    if "[" in body and not re.search(r"\[[!^]?[^]/]+\]", body):
        return "'[' opens a set of characters, and no ']' closes it"
    if "***" in body:
        return "'***' means nothing; '*' stays within one part of the name, '**' crosses '/'"
    try:
        _pattern(body, ignore_case=False)
    except (re.error, ValueError) as error:
        return f"it is not a pattern: {error}"
    return None


def _expression(glob: str) -> str:
    return "".join(_piece(token) for token in _TOKENS.findall(glob))


def _piece(token: str) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
    if len(token) > 1:
        inside = token[1:-1]
        negated = inside[0] in "!^" and len(inside) > 1
        escaped = (inside[1:] if negated else inside).replace("\\", r"\\").replace("[", r"\[")
        return f"[{'^/' if negated else ''}{escaped}]"
    return re.escape(token)
