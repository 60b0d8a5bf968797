"""One entry on one subject: its conditions, then its rule, its group of rules, or its own assertion. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from bot.engine.combining import combine
from bot.engine.documents import Documents, requests
from bot.engine.evaluation import Evaluator, Judgement
from bot.engine.ports import Known
from bot.model.facts import FactRequest
from bot.model.findings import Evidence, Finding, Location
from bot.model.results import Combination, Condition, Member, Outcome, Unknowing
from bot.model.subjects import Subject
from bot.policy.configuration import Assertion, CompiledMember, Group, RuleCheck
from bot.policy.expressions import Undecided

if TYPE_CHECKING:
    from bot.engine.waiving import Waiving


class EntryEvaluator:
    """An entry, or a member of a group, made ready to judge many subjects of one type."""

    def __init__(
        self, entry: CompiledMember, kind: type[Subject], values: Mapping[type, object], waiving: Waiving | None
    ) -> None:
        self.entry = entry
        self.kind = kind
        self._waiving = waiving if waiving is not None and waiving.concerns(entry.key) else None
        self._rule: Evaluator | None = None
        self._members: tuple[EntryEvaluator, ...] = ()
        needed: list[FactRequest] = list(requests(kind, *entry.conditions))
        match entry.check:
            case RuleCheck(rule=rule, params=params):
                self._rule = Evaluator(rule, rule.variants[kind], params, values)
                needed += self._rule.requests
            case Assertion(expression=expression, messages=messages):
                needed += requests(kind, expression, *messages)
            case Group(members=members):
                self._members = tuple(EntryEvaluator(member, kind, values, waiving) for member in members)
                needed += [request for member in self._members for request in member.requests]
            case unreachable:
                assert_never(unreachable)
        if self._waiving is not None:
            needed += requests(kind, *self._waiving.conditions(entry.key))
        self.requests: tuple[FactRequest, ...] = tuple(dict.fromkeys(needed))

    def __call__(self, subject: Subject, known: Known, documents: Documents) -> Judgement:
        """Judge one subject by what is known. A waiver lies over the outcome and does not change it."""
        judgement = self._conditional(subject, known, documents) if self.entry.conditions else None
        if judgement is None:
            judgement = self._check(subject, known, documents)
        return judgement if self._waiving is None else self._waiving.over(self.entry.key, subject, judgement, documents)

    def _conditional(self, subject: Subject, known: Known, documents: Documents) -> Judgement:
        """``when`` false or ``unless`` true: not applicable. A condition that is not known leaves only a pass standing.

        A rule that finds nothing to judge is no pass: whether the entry applies at all is still not known.
        """
        doubts: list[Unknowing] = []
        values: list[Condition] = []
        for expression, wanted, word in ((self.entry.when, True, "when"), (self.entry.unless, False, "unless")):
            if expression is None:
                continue
            document = documents.of(subject, expression)
            answer = expression.evaluate(document)
            if isinstance(answer, Undecided):
                found = list(documents.doubts(expression, answer, subject, word))
                doubts += found
                values.append(Condition(word, expression.text, None, "; ".join(doubt.reason for doubt in found)))
                continue
            values.append(Condition(word, expression.text, answer))
            if answer is not wanted:
                state = f"{expression.text} {'does not hold' if wanted else 'holds'}"
                if expression.lacks_files(document):
                    state = f"the diff is empty, so a condition on files is not met: {expression.text}"
                return Judgement(Outcome.NOT_APPLICABLE, reason=f"{word}: {state}", conditions=tuple(values))
        judgement = self._check(subject, known, documents)
        if doubts and judgement.outcome is not Outcome.PASS:
            judgement = replace(
                judgement, outcome=Outcome.UNKNOWN, findings=(), reason="", unknown=(*doubts, *judgement.unknown)
            )
        return replace(judgement, conditions=(*values, *judgement.conditions))

    def _check(self, subject: Subject, known: Known, documents: Documents) -> Judgement:
        if self._rule is not None:
            return self._rule(subject, known)
        match self.entry.check:
            case Assertion() as assertion:
                return _assert(assertion, subject, documents)
            case Group(how=how):
                return _combined(how, [member._member(subject, known, documents) for member in self._members])
            case _:
                raise AssertionError("a rule's evaluator was made with the entry")

    def _member(self, subject: Subject, known: Known, documents: Documents) -> Member:
        judged = self(subject, known, documents)
        return Member(
            key=self.entry.key,
            rule=self.entry.rule_id,
            outcome=judged.outcome,
            findings=judged.findings,
            unknown=judged.unknown,
            reason=judged.reason,
            evidence=judged.evidence,
            title=self.entry.title,
            conditions=judged.conditions,
            members=judged.members,
            waiver=judged.waiver,
        )


def _combined(how: Combination, members: Sequence[Member]) -> Judgement:
    """A group's judgement. What its members say is told as far as it made the outcome; the members keep it all."""
    counted = [Outcome.PASS if member.waiver is not None else member.outcome for member in members]
    outcome = combine(how, counted)
    decisive = [member for member, each in zip(members, counted, strict=True) if each is outcome]
    open_ones = [member for member, each in zip(members, counted, strict=True) if each is not Outcome.PASS]
    unknown = tuple(unknown for member in open_ones for unknown in member.unknown)
    return Judgement(
        outcome,
        findings=tuple(f for member in decisive for f in member.findings) if outcome is Outcome.FAIL else (),
        unknown=() if outcome is Outcome.PASS else unknown,
        reason="; ".join(dict.fromkeys(member.reason for member in decisive if member.reason)),
        evidence=tuple(e for member in decisive for e in member.evidence),
        members=tuple(members),
    )


def _assert(assertion: Assertion, subject: Subject, documents: Documents) -> Judgement:
    """A rule of one's own: what does not hold is a finding, what is not decided is unknown."""
    expression = assertion.expression
    document = documents.of(subject, expression, *assertion.messages)
    text = " ".join(expression.text.split())
    if expression.lacks_files(document):
        reason = f"the diff is empty, so a condition on files has nothing to judge: {text}"
        return Judgement(Outcome.NOT_APPLICABLE, reason=reason)
    answer = expression.evaluate(document)
    if isinstance(answer, Undecided):
        missing = documents.unsupported(expression, subject)
        if missing and not documents.unread(expression, subject):
            return Judgement(Outcome.NOT_APPLICABLE, reason=missing)
        doubts = tuple(documents.doubts(expression, answer, subject, "assert"))
        condition = Condition("assert", text, None, "; ".join(doubt.reason for doubt in doubts))
        return Judgement(Outcome.UNKNOWN, unknown=doubts, conditions=(condition,))
    condition = Condition("assert", text, answer)
    if answer:
        return Judgement(Outcome.PASS, conditions=(condition,))
    finding = Finding(
        message=assertion.message.render(document),
        fix=assertion.fix.render(document) if assertion.fix is not None else f"Change it so that this holds: {text}",
        evidence=(Evidence("does not hold", text),),
        location=Location(assertion.location.render(document)) if assertion.location is not None else None,
        discriminator="assert",  # There is one on a subject, however its message reads.
    )
    return Judgement(Outcome.FAIL, (finding,), conditions=(condition,))
