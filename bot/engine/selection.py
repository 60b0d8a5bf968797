"""Which policies and entries apply to a subject, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.engine.judging import selectors
from bot.engine.ports import Known
from bot.model.results import Enforcement, Outcome, Result
from bot.model.subjects import Subject
from bot.policy.compiling import PLURALS
from bot.policy.configuration import CompiledEntry, CompiledPolicy, Configuration
from bot.policy.expressions import Undecided
from bot.policy.matching import matches
from bot.policy.models import Match


@dataclass(frozen=True, slots=True)
class Held:
    """A key of a ``match``, or an entry: whether it holds here, and why not."""

    name: str
    holds: bool | None
    """None: not known."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """One policy and one subject."""

    policy: CompiledPolicy
    subject: Subject
    selected: bool | None
    keys: tuple[Held, ...]
    """The keys that its ``match`` gives."""
    entries: tuple[Held, ...]


def selection(
    configuration: Configuration, subject: Subject, known: Known, results: Sequence[Result], now: datetime
) -> Iterator[Selection]:
    """How each policy of a configuration takes a subject that was judged by it."""
    ended = {result.key: result for result in results if result.subject.id == subject.id}
    for policy in configuration.policies:
        keys = tuple(_keys(policy, subject, known))
        states = {key.holds for key in keys}
        selected = False if False in states else None if None in states else True
        entries = tuple(_entry(entry, subject, selected, ended.get(entry.key), now) for entry in policy.entries)
        yield Selection(policy, subject, selected, keys, entries)


def _keys(policy: CompiledPolicy, subject: Subject, known: Known) -> Iterator[Held]:
    answers = selectors(subject, known)
    for name, field in Match.model_fields.items():
        value = getattr(policy.match, name)
        alone = Match(archived="any").model_copy(update={name: value})
        if value == field.get_default() and name != "archived":
            continue
        answer = matches(alone, subject, answers, policy.inventory)
        if name == "archived" and answer is True and value == field.get_default():
            continue
        if isinstance(answer, Undecided):
            yield Held(f"{name}: {_shown(value)}", None, answer.reason)
        else:
            yield Held(f"{name}: {_shown(value)}", answer)


def _entry(entry: CompiledEntry, subject: Subject, selected: bool | None, result: Result | None, now: datetime) -> Held:
    if type(subject) not in entry.kinds:
        judged = " and ".join(sorted(PLURALS[kind.kind] for kind in entry.kinds))
        return Held(entry.name, False, f"it judges {judged}, and this is none: {subject.kind.replace('_', ' ')}")
    if entry.schedule.at(now) is Enforcement.DISABLED:
        step = entry.schedule.next(now)
        until = f" until {step.since}" if step is not None else ""
        return Held(entry.name, False, f"it is disabled{until}")
    if selected is not True or result is None:
        return Held(entry.name, selected, "the policy does not select it" if selected is False else "")
    if result.outcome is Outcome.NOT_APPLICABLE:
        return Held(entry.name, False, result.reason)
    doubtful = [condition for condition in result.conditions if condition.value is None and condition.word != "assert"]
    if doubtful:
        return Held(entry.name, None, "; ".join(condition.reason for condition in doubtful))
    return Held(entry.name, True, f"{result.enforcement.value}: {result.outcome.value}")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_shown(item)}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()
