"""Judges a case of a policy test, and compares what was got with what was expected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.engine.entries import EntryEvaluator
from bot.engine.judging import judge
from bot.engine.ports import Known
from bot.engine.reach import reach
from bot.engine.verdict import decide
from bot.model.analyzers import AnalyzerCatalogue
from bot.model.facts import Answer, Fact, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.results import Member, Outcome, Result, Verdict
from bot.model.subjects import Subject
from bot.policy.casefile import Case, CaseFile
from bot.policy.casemodel import Ending
from bot.policy.compiling import RESERVED
from bot.policy.configuration import CompiledPolicy, Configuration
from bot.policy.expectation import Expectation
from bot.policy.factfile import Facts, Given


@dataclass(frozen=True, slots=True)
class Seen:
    """What was made of a case."""

    results: tuple[Result, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected."""

    what: str
    """``verdict``, or an entry's key."""
    expected: str
    got: str
    said: tuple[str, ...] = ()
    """What the entry said: findings, reasons."""


class CaseOutcome(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """It could not be judged: a fact is needed that it does not give, a scenario has no such target."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case, and how it ended."""

    case: Case
    outcome: CaseOutcome
    differences: tuple[Difference, ...] = ()
    error: str = ""
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file of cases, and how they ended."""

    file: CaseFile
    cases: tuple[CaseResult, ...]

    def count(self, outcome: CaseOutcome) -> int:
        """How many cases ended so."""
        return sum(each.outcome is outcome for each in self.cases)


class GivenFacts:
    """A source of the facts that a case gives. What is asked for and not given is remembered."""

    def __init__(self, subject: Subject, facts: Facts, now: datetime) -> None:
        self.platform = subject.platform
        self._answers: dict[tuple[type[Fact], str], Answer] = {}
        self.missing: dict[str, None] = {}
        for fact, told in facts.items():
            holder = reach(subject, fact.subject)
            if holder is not None:  # An empty repository has no branch that a fact could be about.
                self._answers[fact, holder.id] = Loaded(told, "", now) if isinstance(told, Fact) else told

    def dependencies(self, request: FactRequest) -> tuple[FactRequest, ...]:
        """None: what is given is given whole."""
        del request
        return ()

    def load(
        self, needs: Mapping[FactRequest, Sequence[Subject]], known: Known
    ) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        """What was given."""
        del known
        for request, subjects in needs.items():
            for subject in subjects:
                answer = self._answers.get((request.type, subject.id))
                if answer is None:
                    self.missing[request.type.name] = None
                    answer = Unavailable(UnknownKind.UNREADABLE, f"the case gives no fact {request.type.name!r}")
                yield request, subject, answer


def run_given(case: Case, configuration: Configuration, catalogue: AnalyzerCatalogue) -> CaseResult:
    """Judge a case whose facts are given, and compare."""
    given, now = case.about, case.now
    assert isinstance(given, Given)
    assert now is not None
    source = GivenFacts(given.subject, given.facts, now)
    values: dict[type, object] = {datetime: now, AnalyzerCatalogue: catalogue}
    concerned = narrowed(configuration, case.expected)
    judged = judge(concerned, [given.subject], source, values, own_checks=configuration.gate.posted([given.subject]))
    if source.missing:
        return CaseResult(
            case, CaseOutcome.ERROR, error=_lacking(source.missing, concerned, type(given.subject), values)
        )
    return compared(case, Seen(judged.results, decide(judged.results, configuration.gate.on_unknown)))


def narrowed(configuration: Configuration, expected: Expectation) -> Configuration:
    """The configuration with the entries alone that something is expected of; with all where a verdict is.

    A case about one entry need not give what others would have to know.
    """
    if expected.verdict is not None:
        return configuration
    keys = expected.keys

    def kept(policy: CompiledPolicy) -> CompiledPolicy:
        if f"{policy.name}/{RESERVED}" in keys:
            return policy  # What is said of waivers rests on every entry that has one.
        entries = (entry for entry in policy.entries if any(member.key in keys for member in entry.walk()))
        return replace(policy, entries=tuple(entries))

    return replace(configuration, policies=tuple(kept(policy) for policy in configuration.policies))


def compared(case: Case, seen: Seen) -> CaseResult:
    """What was got, held against what was expected."""
    differences = tuple(_differences(case.expected, seen))
    outcome = CaseOutcome.FAILED if differences else CaseOutcome.PASSED
    return CaseResult(case, outcome, differences, results=seen.results)


def _lacking(
    facts: Iterable[str], configuration: Configuration, kind: type[Subject], values: Mapping[type, object]
) -> str:
    """Which facts the case has to give, and which entries ask for them."""
    asking: dict[str, list[str]] = {}
    for policy in configuration.policies:
        for entry in policy.entries:
            if kind in entry.kinds:
                for request in EntryEvaluator(entry, kind, values, None).requests:
                    asking.setdefault(request.type.name, []).append(entry.key)
    said = [f"{fact!r}" + (f" ({', '.join(asking[fact])})" if fact in asking else "") for fact in facts]
    return (
        f"the case gives no {', '.join(said)}: write what is known under 'facts', or {{unavailable: why}} or "
        "{not_supported: why}"
    )


def _differences(expected: Expectation, seen: Seen) -> Iterator[Difference]:
    if expected.verdict is not None and seen.verdict is not expected.verdict:
        yield Difference("verdict", expected.verdict, seen.verdict, tuple(_open(seen.results)))
    told = by_key(seen.results)
    for key, ending in expected.entries.items():
        ended = list(dict.fromkeys(each.outcome.value for each in told[key])) or [Ending.NOT_SELECTED.value]
        if ended != [ending.value]:
            yield Difference(key, ending, " and ".join(ended), _said(told[key]))
    for key, texts in expected.findings.items():
        messages = [finding.message for each in told[key] for finding in each.findings]
        for text in texts:
            if not any(text in message for message in messages):
                yield Difference(key, f"a finding with {text!r}", _without(messages, "finding"), _said(told[key]))
    for key, texts in expected.unknown.items():
        reasons = [unknown for each in told[key] for unknown in each.unknown]
        for text in texts:
            if not any(text == unknown.kind.value or text in unknown.reason for unknown in reasons):
                yield Difference(key, f"unknown: {text!r}", _without(reasons, "reason"), _said(told[key]))
    for key in expected.waived:
        if not told[key] or any(each.waiver is None for each in told[key]):
            yield Difference(key, "waived", "not waived", _said(told[key]))


def by_key(results: Iterable[Result | Member]) -> Mapping[str, list[Result | Member]]:
    """Entries and members of groups as they ended, by their keys; several where several subjects were judged."""
    found: dict[str, list[Result | Member]] = defaultdict(list)
    waiting = list(results)
    while waiting:
        each = waiting.pop(0)
        found[each.key].append(each)
        waiting += each.members
    return found


def _open(results: Iterable[Result]) -> Iterator[str]:
    """One line about each entry that did not pass."""
    for result in results:
        if result.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE):
            yield f"{result.key}: {result.outcome} ({result.enforcement}): {'; '.join(_said([result]))}"


def _said(ended: Iterable[Result | Member]) -> tuple[str, ...]:
    """Everything that entries say of how they ended."""
    lines: list[str] = []
    for each in ended:
        lines += [finding.message for finding in each.findings]
        lines += [f"{unknown.kind}: {unknown.reason}" for unknown in each.unknown]
        lines += [each.reason] if each.reason else []
        lines += [f"waived until {each.waiver.expires}: {each.waiver.reason}"] if each.waiver is not None else []
    return tuple(dict.fromkeys(lines))


def _without(found: Sequence[object], what: str) -> str:
    return f"no {what}" if not found else f"{len(found)} {what}{'' if len(found) == 1 else 's'} without it"
