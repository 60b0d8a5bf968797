"""The path filters of policies, as gitignore writes patterns.

A policy's ``*`` spans folders, gitignore's stays within a name: a filter may become several patterns, which together match
what it matches.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

MOST_STARS = 6
"""Between two names of one filter: each doubles the patterns."""


def patterns(filters: Iterable[str]) -> tuple[str, ...]:
    """The filters of one policy: a leading ``/`` is the root, ``!`` excludes, and the last that matches decides.

    Raises ``ValueError`` on one that cannot be told as patterns.
    """
    found: list[str] = []
    for raw in filters:
        excluded, name = raw.strip().startswith("!"), raw.strip().lstrip("!")
        if name:
            found += [f"!{each}" if excluded else each for each in _spanning(name)]
    return tuple(found)


def _spanning(name: str) -> Iterator[str]:
    literal = re.sub(r"([\\\[\]?])", r"\\\1", re.sub(r"\*+", "*", name))
    head, body, tail = "", literal, ""
    if re.match(r"\*.*[/*].", body):  # a name alone, such as `*.py`, gitignore finds in any folder
        head, body = "**/", body.removeprefix("*/")
    if body.endswith("/*"):
        body, tail = body[:-1], "**"
    elif body.endswith("*"):
        body, tail = body[:-1], "*"
    lead = "*" if body.startswith("*") else ""  # which reaches over folders by what stands before it
    first, *others = body.removeprefix("*").split("*")
    if len(others) > MOST_STARS:
        raise ValueError(f"the path filter {name!r} has more than {MOST_STARS} stars between its names")
    for stars in itertools.product(("*", "*/**/*"), repeat=len(others)):
        yield head + lead + first + "".join(star + other for star, other in zip(stars, others, strict=True)) + tail
