"""The order of what a run holds, which may be more than memory does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeVar

from bot.model.results import Gap, Result, Skip
from bot.model.subjects import Subject

T = TypeVar("T")


def results_in_order(results: Collection[Result]) -> Iterable[Result]:
    """By subject id and key."""
    return _in_order(results, lambda result: (result.subject.id, result.key))


def subjects_in_order(subjects: Collection[Subject]) -> Iterable[Subject]:
    """By id."""
    return _in_order(subjects, lambda subject: subject.id)


def gaps_in_order(gaps: Collection[Gap]) -> Iterable[Gap]:
    """By the subject, then by what was not read."""
    return sorted(gaps, key=lambda gap: (gap.subject, gap.name, gap.fact, gap.kind, gap.reason))


def skips_in_order(skipped: Collection[Skip]) -> Iterable[Skip]:
    """By id."""
    return sorted(skipped, key=lambda skip: (skip.subject, skip.name, skip.reason))


def _in_order(items: Collection[T], key: Callable[[T], Any]) -> Iterable[T]:
    """What is in memory is sorted there; anything else comes in order, and is held to it."""
    return sorted(items, key=key) if isinstance(items, tuple | list) else _held_to(items, key)


def _held_to(items: Iterable[T], key: Callable[[T], Any]) -> Iterator[T]:
    last: Any = None
    for item in items:
        now = key(item)
        if last is not None and now < last:
            raise ValueError(f"a kept run is out of order: {now!r} comes after {last!r}")
        last = now
        yield item
