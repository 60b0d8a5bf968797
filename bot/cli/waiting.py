"""A gate that waits: for running checks (``--wait``), or with a person who watches (``--watch``).

The loop is one: judge, look again and again after a pause that grows, judge once more. A gate that waits looks only at the
pull request and its checks, and only while nothing but checks is missing; one that is watched judges anew each time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from bot.cli.ci_event import own_run
from bot.cli.failures import Unread, harmless
from bot.engine.judging import without_own
from bot.engine.ports import Known, PlatformError
from bot.model.facts import FactRequest, Loaded, NotSupported, Unavailable
from bot.model.facts.change import Check, Checks, CheckState
from bot.model.results import Enforcement, Gate, Outcome, Result, Verdict
from bot.model.subjects import PullRequest, PullRequestState

if TYPE_CHECKING:
    from bot.cli.judgement import Judging
    from bot.engine.targets import Target

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 60.0
GROWTH = 1.5
JITTER = 0.2
"""How much longer or shorter a pause may be: gates that start together do not ask together."""
NAMED = 5
"""So many checks are named at most."""

Judged = Sequence["tuple[Target, Gate]"]


@dataclass(frozen=True, slots=True)
class Waited:
    """How waiting ended."""

    judging: Judging
    judged: Judged
    """The newest judgement."""
    over: str = ""
    """Why there is nobody left to tell: each pull request was closed, or has a newer head. Empty: there is."""


@dataclass
class Clock:
    """What passes while one waits."""

    read: Callable[[], float] = field(default_factory=lambda: time.monotonic)
    sleep: Callable[[float], None] = field(default_factory=lambda: time.sleep)
    chance: Callable[[], float] = field(default_factory=lambda: random.random)
    """Between 0 and 1."""

    def pauses(self, most: timedelta | None) -> Iterator[timedelta | None]:
        """Sleep, each time longer, as long as some of ``most`` is left; yields what is left after each. None: no limit."""
        end = None if most is None else self.read() + most.total_seconds()
        pause = FIRST_PAUSE
        while end is None or end > self.read():
            length = pause * (1 + JITTER * (2 * self.chance() - 1))
            self.sleep(length if end is None else min(length, max(0.0, end - self.read())))
            yield None if end is None else timedelta(seconds=max(0.0, end - self.read()))
            pause = min(pause * GROWTH, LONGEST_PAUSE)


def awaited(judging: Judging, gate: Gate) -> tuple[str, ...]:
    """The checks that a verdict waits for, where it waits for nothing else; empty: it does not, or for people too."""
    if gate.verdict is not Verdict.WAITING:
        return ()
    findings = [finding for result in _blocking(judging, gate) for finding in result.new_findings]
    if not all(finding.awaiting and finding.checks for finding in findings):
        return ()
    return tuple(dict.fromkeys(name for finding in findings for name in finding.checks))


def wait_for_checks(
    judging: Judging,
    judged: Judged,
    again: Callable[[Judged], tuple[Judging, Judged]],
    most: timedelta | None,
    clock: Clock,
) -> Waited:
    """Wait, at most so long (None: as each configuration says), while nothing but checks is missing, and judge again."""
    limit = _limit(judging, judged) if most is None else most
    pauses = clock.pauses(limit)
    left: timedelta | None = limit
    while left and (waits := [(one, gate, names) for one, gate in judged if (names := awaited(judging, gate))]):
        said = ""
        stood = {
            gate.target.id: before for _, gate, _ in waits if (before := _judged_checks(judging, gate)) is not None
        }
        while left:
            now = "; ".join(f"{gate.target.name}: {_named(names)}" for _, gate, names in waits)
            if now != said:
                _say(f"waiting up to {_length(left)} for checks of {now}")
                said = now
            left = next(pauses, None)
            still = []
            for one, gate, names in waits:
                look = _look(judging, one, gate)
                if isinstance(look, str):
                    _say(look)
                    # Others are to be told still: in a merge queue the first of a group is merged while the rest wait.
                    judged = [other for other in judged if other[1] is not gate]
                    if not judged:
                        return Waited(judging, judged, look)
                    continue
                if look is not None:
                    names = _running(names, look, stood.setdefault(gate.target.id, look))
                if names:
                    still.append((one, gate, names))
            waits = still
            if not waits:
                break
        judging, judged = again(judged)
    return Waited(judging, judged)


def watch(judging: Judging, judged: Judged, again: Callable[[Judged], tuple[Judging, Judged]], clock: Clock) -> Waited:
    """Judge again and again, and say what changed, until nothing waits or the pull request is closed."""
    before = _standing(judging, judged)
    for line in before:
        _say(line)
    pauses = clock.pauses(None)
    while any(gate.verdict is Verdict.WAITING for _, gate in judged):
        if over := next((words for _, gate in judged if (words := _closed(gate))), ""):
            _say(over)
            return Waited(judging, judged, over)
        next(pauses)
        try:
            judging, judged = again(judged)
        except Unread as failure:  # it may be read the next time
            _say(failure.message)
            continue
        after = _standing(judging, judged)
        for sign, lines, others in (("-", before, after), ("+", after, before)):
            for line in lines:
                if line not in others:
                    _say(f"{sign} {line}")
        before = after
    return Waited(judging, judged)


def _look(judging: Judging, target: Target, gate: Gate) -> tuple[Check, ...] | str | None:
    """Read the pull request and its checks, and nothing else: the checks that others reported; None where they cannot be read
    now; or why waiting is over.
    """
    provider, before = judging.provider_of(gate.target), gate.target
    assert isinstance(before, PullRequest)
    try:
        subject = provider.resolve(target)
    except PlatformError as wrong:
        _say(f"{target} cannot be read at the moment: {wrong}")
        return None
    assert isinstance(subject, PullRequest)
    if closed := _over(subject):
        return closed
    if subject.head_sha != before.head_sha:
        return f"{before.name} has a newer head, {subject.head_sha[:12]}: waiting for the old one is over."
    for _, _, answer in provider.load({FactRequest(Checks): [subject]}, Known()):
        if isinstance(answer, Loaded) and isinstance(answer.value, Checks):
            settings = judging.configurations[gate.policy_digest].gate
            return without_own(answer.value, settings.posted([subject]), own_run(judging.session.environ)).checks
        assert isinstance(answer, Unavailable | NotSupported)
        _say(f"the checks of {before.name} cannot be read at the moment: {answer.reason}")
    return None


def _judged_checks(judging: Judging, gate: Gate) -> tuple[Check, ...] | None:
    """The checks that were judged, where a rule asked for them."""
    found = judging.judged.known.value(Checks, gate.target)
    return None if found is None else found.checks


def _running(names: Sequence[str], now: Sequence[Check], before: Sequence[Check]) -> tuple[str, ...]:
    """What is awaited still. Where anything at all is awaited (``*``), it is until something has moved."""
    moved = frozenset(now) != frozenset(before)
    return tuple(name for name in names if (not moved if name == "*" else _is_awaited(name, now)))


def _is_awaited(name: str, checks: Sequence[Check]) -> bool:
    """Whether none by that name has reported, or one has not ended."""
    found = [check for check in checks if check.name == name or fnmatchcase(check.name, name)]
    return not found or any(check.state is CheckState.PENDING for check in found)


def _limit(judging: Judging, judged: Judged) -> timedelta:
    return max((judging.configurations[gate.policy_digest].gate.wait for _, gate in judged), default=timedelta(0))


def _blocking(judging: Judging, gate: Gate) -> Iterator[Result]:
    """The results that keep a pull request from passing."""
    for result in judging.results:
        is_held = result.enforcement is Enforcement.BLOCK and result.outcome is Outcome.FAIL and not result.excused
        if result.subject.id == gate.target.id and is_held:
            yield result


def _standing(judging: Judging, judged: Judged) -> list[str]:
    """What stands in the way, a line each."""
    lines = []
    for _, gate in judged:
        at = f" at {gate.target.head_sha[:12]}" if isinstance(gate.target, PullRequest) else ""
        lines.append(f"{gate.target.name}{at} is {gate.verdict.value}")
        lines += [
            f"  {result.key}: {each.message}" for result in _blocking(judging, gate) for each in result.new_findings
        ]
    return lines


def _closed(gate: Gate) -> str:
    return _over(gate.target) if isinstance(gate.target, PullRequest) else ""


def _over(subject: PullRequest) -> str:
    if subject.state is PullRequestState.OPEN:
        return ""
    return f"{subject.name} was {subject.state.value}: there is nothing left to wait for."


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join("any" if name == "*" else name for name in names[:NAMED]) + more


def _length(time: timedelta) -> str:
    """``9 min 50 s``."""
    hours, rest = divmod(round(time.total_seconds()), 3600)
    minutes, seconds = divmod(rest, 60)
    pieces = [f"{amount} {unit}" for amount, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if amount]
    return " ".join(pieces) or "0 s"


def _say(line: str) -> None:
    click.echo(f"almguard: {harmless(line)}", err=True)
