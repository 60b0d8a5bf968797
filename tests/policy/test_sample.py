"""The sample of each type of subject: whole, the same each time, and of the types that the classes have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import pytest

from bot.model.facts import fact_types
from bot.model.subjects import Subject
from bot.policy import sample as module
from bot.policy.expressions import Undecided, compile_expression
from bot.policy.sample import NOW, sample
from bot.policy.vocabulary import ROOTS, Kind, vocabulary

EMPTY = ("branch.url", "previous_release.artifacts_unreadable", "rollback_procedures.unreadable")
KINDS = pytest.mark.parametrize("subject", ROOTS, ids=lambda subject: subject.kind)


@KINDS
def test_every_name_has_a_value_of_its_type(subject: type[Subject]) -> None:
    known = vocabulary(subject)
    values = sample(subject).bindings(known)
    assert known.keys() - values.keys() <= {"work_item.closed_at"}
    words = {Kind.TEXT: str, Kind.INTEGER: int, Kind.NUMBER: float, Kind.BOOLEAN: bool, Kind.TIME: datetime}
    kinds = words | {Kind.LIST: list, Kind.MAPPING: dict}
    for name, value in values.items():
        assert isinstance(value, kinds[known[name].shape.kind]), name
        assert value not in ("", [], {}) or name in EMPTY, f"{name} shows nothing"


@KINDS
def test_every_name_is_decided_on_it(subject: type[Subject]) -> None:
    one = sample(subject)
    for name, known in vocabulary(subject).items():
        if not known.by_name and name != "work_item.closed_at":
            answer = compile_expression(
                f"{name} == {name} && has({name})" if "." in name else f"{name} == {name}", [subject]
            )
            assert not isinstance(answer.evaluate(one), Undecided), name


@KINDS
def test_it_is_the_same_each_time(subject: type[Subject]) -> None:
    module._document.cache_clear()  # type: ignore[attr-defined]
    one = sample(subject)
    module._document.cache_clear()  # type: ignore[attr-defined]
    other = sample(subject)
    assert one is not other
    assert one.bindings(vocabulary(subject)) == other.bindings(vocabulary(subject))
    assert one.now == NOW


def values(of: object) -> Iterator[tuple[str, Any]]:
    """Every field in it, however deep."""
    if dataclasses.is_dataclass(of) and not isinstance(of, type):
        for field in dataclasses.fields(of):
            yield f"{type(of).__name__}.{field.name}", getattr(of, field.name)
            yield from values(getattr(of, field.name))
    elif isinstance(of, (tuple, frozenset)):
        for item in of:
            yield from values(item)
    elif isinstance(of, Mapping):
        for item in of.values():
            yield from values(item)


def test_what_is_taken_for_a_commit_is_one() -> None:
    """A text that nobody chose words for is a commit's hash: so are these fields, and no others."""
    found = {
        place
        for subject in ROOTS
        for one in [sample(subject)]
        for place, value in [each for thing in (one.subject, *one.facts.values()) for each in values(thing)]
        if value == module.SHA and not isinstance(value, StrEnum)
    }
    assert found == {
        "Commit.sha",
        "Deployment.commit",
        "PullRequest.head_sha",
        "Push.before",
        "Push.head",
        "Release.commit",
        "ReleaseRecord.released_commit",
        "ReleaseRecord.tag_commit",
        "Review.commit",
    }


def test_all_facts_are_in_some_sample() -> None:
    assert {name for subject in ROOTS for name in sample(subject).facts} == set(fact_types())
