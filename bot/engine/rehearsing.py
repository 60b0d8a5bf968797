"""Judges merged pull requests as they stood when they were merged: everything is loaded at once, and judged one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.engine.judging import judge
from bot.engine.past import Past
from bot.engine.ports import FactSource, Known, Progress
from bot.engine.verdict import OnUnknown, decide
from bot.model.facts import Answer, FactRequest, UnknownKind
from bot.model.rehearsal import Judged, Merged, Trial
from bot.model.results import Gap
from bot.model.subjects import Platform, Subject
from bot.policy.configuration import Configuration
from bot.policy.schedule import Schedule

AT_ONCE = 50
"""Pull requests whose facts are loaded together, and wait in memory."""


class Stage(StrEnum):
    """Which step of a dated enforcement a rehearsal goes by."""

    FINAL = "final"
    """The last one, whenever it begins: what the policy comes to."""
    TODAY = "today"
    """The one of the run's day."""


def at_stage(configuration: Configuration, stage: Stage, now: datetime) -> Configuration:
    """The configuration with every entry enforced as at that stage, whatever the day."""

    def fixed(schedule: Schedule) -> Schedule:
        return Schedule.always(schedule.steps[-1].enforcement if stage is Stage.FINAL else schedule.at(now))

    policies = tuple(
        replace(policy, entries=tuple(replace(entry, schedule=fixed(entry.schedule)) for entry in policy.entries))
        for policy in configuration.policies
    )
    return replace(configuration, policies=policies)


class Once:
    """A source that asks another for each fact once, so that a second policy costs only what the first did not need."""

    def __init__(self, source: FactSource) -> None:
        self.platform: Platform = source.platform
        self._source = source
        self._answers: dict[tuple[FactRequest, str], Answer] = {}

    def dependencies(self, request: FactRequest) -> tuple[FactRequest, ...]:
        """As the other source has them."""
        return self._source.dependencies(request)

    def load(
        self, needs: Mapping[FactRequest, Sequence[Subject]], known: Known
    ) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        """What was answered before, and then the rest."""
        fresh: dict[FactRequest, list[Subject]] = {}
        for request, subjects in needs.items():
            for subject in subjects:
                answer = self._answers.get((request, subject.id))
                if answer is not None:
                    yield request, subject, answer
                else:
                    fresh.setdefault(request, []).append(subject)
        if fresh:
            for request, subject, answer in self._source.load(fresh, known):
                self._answers[request, subject.id] = answer
                yield request, subject, answer

    def forget(self, subjects: Sequence[Subject]) -> None:
        """Drop what is only about these."""
        gone = {subject.id for subject in subjects}
        self._answers = {key: answer for key, answer in self._answers.items() if key[1] not in gone}


@dataclass(frozen=True, slots=True)
class Rule:
    """How merged pull requests are judged: a configuration, and what its rules are given besides facts."""

    configuration: Configuration
    values: Mapping[type, object]


def rehearse(
    rule: Rule, merged: Sequence[Merged], source: FactSource, progress: Progress
) -> tuple[dict[str, Judged], tuple[Gap, ...]]:
    """Judge each as of its merge; by the subjects' ids, and with what could not be read at all.

    ``source`` reads the present; the answers are cut to the moment of each merge.
    """
    configuration = rule.configuration
    subjects = [one.subject for one in merged]
    own_checks = configuration.gate.posted(subjects)
    present = judge(configuration, subjects, source, rule.values, progress, own_checks)
    found: dict[str, Judged] = {}
    for one in merged:
        proven, assumed = (
            _trial(rule, one, present.known, source.platform, own_checks, assume_today=each) for each in (False, True)
        )
        found[one.subject.id] = Judged(proven, assumed)
    return found, present.gaps


def _trial(
    rule: Rule, one: Merged, present: Known, platform: Platform, own_checks: frozenset[str], *, assume_today: bool
) -> Trial:
    past = Past(one, present, platform, assume_today=assume_today)
    judged = judge(
        rule.configuration,
        [one.subject],
        past,
        {**rule.values, datetime: one.at},
        own_checks=own_checks,
        untold={one.subject.id: one.unknown(assume_today=assume_today)},
    )
    own = tuple(result for result in judged.results if result.subject.id == one.subject.id)
    return Trial(decide(own, _on_unknown(rule.configuration)), own)


def _on_unknown(configuration: Configuration) -> OnUnknown:
    """As the policy says, but for what the past does not tell: that is never passed over."""
    told: dict[UnknownKind, str] = {kind: configuration.gate.unknown(kind).value for kind in UnknownKind}
    return {**told, UnknownKind.UNREADABLE: "block"}
