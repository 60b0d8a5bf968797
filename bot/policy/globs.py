"""Globs of names: ``*`` stays within one part of a name, ``**`` crosses ``/``, ``!`` takes out again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_TOKENS = re.compile(r"\*\*/?|\*|\?|\[[!^]?[^]/]+\]|.", re.DOTALL)


def any_glob(name: str, globs: Iterable[str], *, ignore_case: bool = False) -> bool:
    """Whether some glob matches the name and none that begins with ``!`` does. Only exclusions: all but these."""
    included, excluded = compiled(tuple(globs), ignore_case)
    return (not included or any(p.fullmatch(name) for p in included)) and not any(p.fullmatch(name) for p in excluded)


@lru_cache(maxsize=4096)
def compiled(
    globs: tuple[str, ...], ignore_case: bool
) -> tuple[tuple[re.Pattern[str], ...], tuple[re.Pattern[str], ...]]:
    """The patterns that include, and those that exclude. Raises ``ValueError`` on what is not a glob."""
    flags = re.IGNORECASE if ignore_case else 0
    included = tuple(re.compile(_expression(g), flags) for g in globs if not g.startswith("!"))
    excluded = tuple(re.compile(_expression(g[1:]), flags) for g in globs if g.startswith("!"))
    return included, excluded


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
        re.compile(_expression(body))
    except re.error as error:
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
