"""The way of the data, in one line: select, need, load, evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.engine.evaluation import Evaluator, Judgement
from bot.engine.loading import Needs, load
from bot.engine.ports import Known, Progress, Provider, Silence
from bot.engine.reach import can_reach, reach
from bot.model.facts import Answer, Fact, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.change import Checks
from bot.model.facts.repository import Properties
from bot.model.results import Enforcement, Gap, Outcome, Result, Unknowing
from bot.model.subjects import Branch, Organization, Repository, Subject
from bot.policy.configuration import CompiledEntry, CompiledPolicy, Configuration
from bot.policy.expressions import Document, Expression, Undecided
from bot.policy.matching import matches, needs_properties


@dataclass(frozen=True, slots=True)
class Judged:
    """Everything that was said about some subjects."""

    subjects: tuple[Subject, ...]
    results: tuple[Result, ...]
    gaps: tuple[Gap, ...]
    known: Known


@dataclass(frozen=True, slots=True)
class _Selected:
    """One entry, and the subjects of one type that it judges."""

    entry: CompiledEntry
    policy: CompiledPolicy
    evaluator: Evaluator
    subjects: list[Subject]
    undecided: dict[str, Undecided]
    """By subject id: why it is not known whether the policy selects it."""


def kinds_judged(configuration: Configuration, *, blocking: bool = False) -> frozenset[type[Subject]]:
    """The types of subject that at least one active (or blocking) entry has a rule for."""
    idle = set(Enforcement) - {Enforcement.BLOCK} if blocking else {Enforcement.DISABLED}
    return frozenset(
        kind
        for policy in configuration.policies
        for entry in policy.entries
        if entry.enforcement not in idle
        for kind in entry.rule.variants
    )


def judge(
    configuration: Configuration,
    subjects: Sequence[Subject],
    provider: Provider,
    values: Mapping[type, object],
    progress: Progress | None = None,
    own_checks: frozenset[str] = frozenset(),
) -> Judged:
    """Judge subjects of one platform by a configuration.

    ``own_checks`` are the names under which verdicts are posted: what this program said before is no evidence, and would
    make the second judgement of one head differ from the first.

    ``values`` are the run's own: ``now`` by ``datetime``, and the ``AnalyzerCatalogue``. Never raises for what a platform
    does: that is an unknown outcome and a gap.
    """
    progress = progress or Silence()
    known = Known()
    gaps = list(_load_properties(configuration, subjects, provider, known))
    selected = list(_select(configuration, subjects, known, values))
    needs = Needs()
    for choice in selected:
        for request in (*choice.evaluator.requests, *_condition_facts(choice)):
            needs.add(request, choice.subjects)
    gaps.extend(load(needs, provider, known, progress))
    _forget(own_checks, known)
    results = tuple(_evaluate(selected, known, values, progress))
    gaps.extend(_within(results, gaps))
    return Judged(tuple(subjects), results, tuple(gaps), known)


def _within(results: Sequence[Result], gaps: Sequence[Gap]) -> Iterator[Gap]:
    """What could not be read inside of facts that could: one linked item of several, the artifacts of one run."""
    said: dict[str, list[str]] = {}
    for gap in gaps:
        said.setdefault(gap.subject, []).append(gap.reason)
    for result in results:
        if result.outcome is not Outcome.UNKNOWN:
            continue
        subject = result.subject
        places = [place for kind in (Branch, Repository, Organization) if (place := reach(subject, kind))]
        reasons = [reason for place in (subject, *places) for reason in said.get(place.id, ())]
        for unknown in result.unknown:
            if unknown.kind is UnknownKind.UNREADABLE or any(reason in unknown.reason for reason in reasons):
                continue
            said.setdefault(subject.id, []).append(unknown.reason)
            yield Gap(subject.id, subject.name, unknown.fact or result.rule, unknown.kind, unknown.reason)


def _load_properties(
    configuration: Configuration, subjects: Sequence[Subject], provider: Provider, known: Known
) -> tuple[Gap, ...]:
    """Properties decide what is selected, so they are read before anything else; only where a policy asks."""
    if not any(needs_properties(policy.match) for policy in configuration.policies):
        return ()
    needs = Needs()
    needs.add(FactRequest(Properties), subjects)
    return load(needs, provider, known)


def _select(
    configuration: Configuration, subjects: Sequence[Subject], known: Known, values: Mapping[type, object]
) -> Iterator[_Selected]:
    for policy in configuration.policies:
        chosen: dict[type[Subject], list[Subject]] = {}
        undecided: dict[str, Undecided] = {}
        for subject in subjects:
            answer = matches(policy.match, subject, _properties(subject, known))
            if isinstance(answer, Undecided):
                undecided[subject.id] = answer
            elif not answer:
                continue
            chosen.setdefault(type(subject), []).append(subject)
        for entry in policy.entries:
            if entry.enforcement is Enforcement.DISABLED:
                continue
            for kind, variant in entry.rule.variants.items():
                if kind in chosen:
                    evaluator = Evaluator(entry.rule, variant, entry.params, values)
                    yield _Selected(entry, policy, evaluator, chosen[kind], undecided)


def _forget(own_checks: frozenset[str], known: Known) -> None:
    for key, answer in known.answers.items():
        if isinstance(answer, Loaded) and isinstance(answer.value, Checks):
            others = tuple(check for check in answer.value.checks if check.name not in own_checks)
            known.answers[key] = replace(answer, value=Checks(others))


def _properties(subject: Subject, known: Known) -> Answer | None:
    repository = reach(subject, Repository)
    return None if repository is None else known.answer(Properties, repository)


def _condition_facts(choice: _Selected) -> Iterator[FactRequest]:
    kind = choice.evaluator.variant.subject
    for expression in choice.entry.conditions:
        for request in expression.requests():
            if can_reach(kind, request.type.subject):
                yield request


def _evaluate(
    selected: Sequence[_Selected], known: Known, values: Mapping[type, object], progress: Progress
) -> Iterator[Result]:
    documents = _Documents(known, values)
    progress.total("rules", sum(len(choice.subjects) for choice in selected))
    for choice in selected:
        entry = choice.entry
        conditions = entry.conditions
        for subject in choice.subjects:
            if subject.id in choice.undecided:
                judgement = _undecided(choice.undecided[subject.id])
            elif conditions:
                judgement = _conditional(choice, subject, known, documents)
            else:
                judgement = choice.evaluator(subject, known)
            yield Result(
                key=entry.key,
                policy=choice.policy.name,
                rule=entry.rule.id,
                subject=subject,
                outcome=judgement.outcome,
                enforcement=entry.enforcement,
                severity=entry.severity,
                findings=judgement.findings,
                unknown=judgement.unknown,
                reason=judgement.reason,
                evidence=judgement.evidence,
                title=entry.rule.title,
            )
        progress.advance("rules", len(choice.subjects))


def _conditional(choice: _Selected, subject: Subject, known: Known, documents: _Documents) -> Judgement:
    """``when`` false or ``unless`` true: not applicable. A condition that is not known leaves only a pass standing.

    A rule that finds nothing to judge is no pass: whether the entry applies at all is still not known.
    """
    entry = choice.entry
    doubts: list[Unknowing] = []
    for expression, wanted, word in ((entry.when, True, "when"), (entry.unless, False, "unless")):
        if expression is None:
            continue
        document = documents.of(subject, expression)
        answer = expression.evaluate(document)
        if isinstance(answer, Undecided):
            doubts.extend(_doubts(expression, answer, subject, known, word))
        elif answer is not wanted:
            state = f"{expression.text} {'does not hold' if wanted else 'holds'}"
            if expression.lacks_files(document):
                state = f"the diff is empty, so a condition on files is not met: {expression.text}"
            return Judgement(Outcome.NOT_APPLICABLE, reason=f"{word}: {state}")
    judgement = choice.evaluator(subject, known)
    if not doubts or judgement.outcome is Outcome.PASS:
        return judgement
    return Judgement(Outcome.UNKNOWN, unknown=(*doubts, *judgement.unknown), evidence=judgement.evidence)


def _doubts(
    expression: Expression, answer: Undecided, subject: Subject, known: Known, word: str
) -> Iterator[Unknowing]:
    """Why a condition is not known: what could not be read, or the expression's own error."""
    unread = [
        Unknowing(missing.kind, f"{word}: {expression.text} rests on {fact.name}: {missing.reason}", fact.name)
        for fact in expression.facts()
        if (holder := reach(subject, fact.subject)) is not None
        and isinstance(missing := known.answer(fact, holder), Unavailable)
    ]
    yield from unread or [Unknowing(answer.kind, f"{word}: {expression.text}: {answer.reason}")]


def _undecided(match: Undecided) -> Judgement:
    return Judgement(
        Outcome.UNKNOWN, unknown=(Unknowing(match.kind, f"whether the policy selects it: {match.reason}"),)
    )


class _Documents:
    """The documents that expressions see: one for each subject and set of facts, made once."""

    def __init__(self, known: Known, values: Mapping[type, object]) -> None:
        self._known = known
        self._values = values
        self._made: dict[tuple[str, frozenset[type[Fact]]], Document] = {}

    def of(self, subject: Subject, expression: Expression) -> Document:
        """The document with the facts that this expression names, as far as they are known."""
        from datetime import datetime

        from bot.policy.expressions import document

        wanted = expression.facts()
        if (subject.id, wanted) not in self._made:
            facts = {
                fact.name: answer.value
                for fact in wanted
                if (holder := reach(subject, fact.subject)) is not None
                and isinstance(answer := self._known.answer(fact, holder), Loaded)
            }
            now = self._values[datetime]
            assert isinstance(now, datetime)
            self._made[subject.id, wanted] = document(subject, facts, now)
        return self._made[subject.id, wanted]
