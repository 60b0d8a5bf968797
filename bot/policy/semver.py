"""Semantic versions and their precedence: https://semver.org/spec/v2.0.0.html."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import TypeAlias

_NUMBER = "(0|[1-9][0-9]*)"
_WORDS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_WORDS}))?(?:\+{_WORDS})?")

_Number: TypeAlias = tuple[int, str]
"""A number of any length, as its digits order it: how many there are, then what they are."""


@total_ordering
class Version:
    """One version. Two are equal where neither precedes the other, so build metadata makes no difference."""

    __slots__ = ("_key",)

    def __init__(self, core: tuple[str, ...], prerelease: str) -> None:
        words = tuple(_word(word) for word in prerelease.split(".")) if prerelease else ()
        # A pre-release precedes its release, and of two the one with more words comes later.
        self._key = (tuple(map(_number, core)), not words, words)

    @staticmethod
    def parse(text: str) -> Version | None:
        """The version that a text is, a leading ``v`` allowed; None: it is none."""
        found = _VERSION.fullmatch(text)
        if found is None:
            return None
        *core, prerelease = found.groups(default="")
        if any(word.isdigit() and word != "0" and word.startswith("0") for word in prerelease.split(".")):
            return None
        return Version(tuple(core), prerelease)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _number(digits: str) -> _Number:
    return len(digits), digits


def _word(word: str) -> tuple[bool, _Number, str]:
    """Numbers come before words; numbers are ordered by value, words by their ASCII characters."""
    return (False, _number(word), "") if word.isdigit() else (True, (0, ""), word)
