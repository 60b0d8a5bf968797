"""One rule on one subject: from loaded facts to an outcome. Pure, and on the hot path of a scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bot.engine.ports import Known
from bot.engine.reach import reach
from bot.model.facts import Fact, FactRequest, Loaded, NotSupported
from bot.model.findings import Evidence, Finding, NotApplicable, Unknown
from bot.model.results import AppliedWaiver, Condition, Member, Outcome, Unknowing
from bot.model.subjects import Branch, Subject
from bot.rules import Rule, RuleParams, Variant


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a rule, or an entry, ended on a subject."""

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    unknown: tuple[Unknowing, ...] = ()
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    conditions: tuple[Condition, ...] = ()
    members: tuple[Member, ...] = ()
    """Of a group."""
    waiver: AppliedWaiver | None = None


PASSED = Judgement(Outcome.PASS)


@dataclass(frozen=True, slots=True)
class _FactArgument:
    argument: str
    fact: type[Fact]
    dispensable: bool
    needed: bool


class Evaluator:
    """A rule with its parameters, made ready to judge many subjects of one type."""

    def __init__(self, rule: Rule, variant: Variant, params: RuleParams, values: Mapping[type, object]) -> None:
        self.rule = rule
        self.variant = variant
        self.requests: tuple[FactRequest, ...] = tuple(
            request for need in variant.needs if (request := need.request(params)) is not None
        )
        self._fixed: dict[str, object] = {name: values[kind] for name, kind in variant.values.items()}
        if variant.params_argument is not None:
            self._fixed[variant.params_argument] = params
        self._facts = tuple(
            _FactArgument(need.argument, need.fact, need.dispensable, need.request(params) is not None)
            for need in variant.needs
        )
        self._subjects = tuple(variant.subjects.items())

    def __call__(self, subject: Subject, known: Known) -> Judgement:
        """Judge one subject by what is known."""
        arguments = dict(self._fixed)
        for name, kind in self._subjects:
            reached = reach(subject, kind)
            if reached is None:
                return _nowhere(subject, kind)
            arguments[name] = reached
        unknown: list[Unknowing] = []
        read_at: datetime | None = None
        for need in self._facts:
            if not need.needed:
                arguments[need.argument] = None
                continue
            holder = reach(subject, need.fact.subject)
            if holder is None:
                return _nowhere(subject, need.fact.subject)
            answer = known.answers[need.fact, holder.id]
            if isinstance(answer, Loaded):
                arguments[need.argument] = answer.value
                if read_at is None or answer.read_at < read_at:
                    read_at = answer.read_at
            elif need.dispensable:
                arguments[need.argument] = answer
            elif isinstance(answer, NotSupported):
                return Judgement(Outcome.NOT_APPLICABLE, reason=answer.reason)
            else:
                unknown.append(Unknowing(answer.kind, answer.reason, need.fact.name))
        if unknown:
            return Judgement(Outcome.UNKNOWN, unknown=tuple(unknown))
        try:
            return _sort(self.variant.function(**arguments), read_at)
        except Exception as error:
            return Judgement(Outcome.ERROR, reason=f"the rule {self.rule.id} broke: {type(error).__name__}: {error}")


def evaluate(
    rule: Rule, params: RuleParams, subject: Subject, known: Known, values: Mapping[type, object]
) -> Judgement:
    """Judge one subject by one rule. ``values`` holds the run's ``now`` (by ``datetime``) and the analyzer catalogue."""
    variant = rule.variants[type(subject)]
    return Evaluator(rule, variant, params, values)(subject, known)


def _nowhere(subject: Subject, kind: type[Subject]) -> Judgement:
    if kind is Branch:
        return Judgement(Outcome.NOT_APPLICABLE, reason=f"{subject.name} has no branch yet: the repository is empty")
    return Judgement(Outcome.NOT_APPLICABLE, reason=f"{subject.name} belongs to no {kind.kind}")


def _sort(statements: Iterable[object], read_at: datetime | None) -> Judgement:
    findings: list[Finding] = []
    unknown: list[Unknowing] = []
    evidence: list[Evidence] = []
    not_applicable = ""
    for statement in statements:
        if isinstance(statement, Finding):
            findings.append(_dated(statement, read_at))
        elif isinstance(statement, Evidence):
            evidence.append(statement if statement.read_at else replace(statement, read_at=read_at))
        elif isinstance(statement, Unknown):
            unknown.append(Unknowing(statement.kind, statement.reason, statement.fact))
        elif isinstance(statement, NotApplicable):
            not_applicable = not_applicable or statement.reason
        else:
            raise TypeError(f"it said {type(statement).__name__}, which is no statement")
    if findings:
        return Judgement(Outcome.FAIL, tuple(findings), tuple(unknown), evidence=tuple(evidence))
    if unknown:
        return Judgement(Outcome.UNKNOWN, unknown=tuple(unknown), evidence=tuple(evidence))
    if not_applicable:
        return Judgement(Outcome.NOT_APPLICABLE, reason=not_applicable, evidence=tuple(evidence))
    return Judgement(Outcome.PASS, evidence=tuple(evidence)) if evidence else PASSED


def _dated(finding: Finding, read_at: datetime | None) -> Finding:
    if all(piece.read_at for piece in finding.evidence):
        return finding
    return replace(
        finding,
        evidence=tuple(piece if piece.read_at else replace(piece, read_at=read_at) for piece in finding.evidence),
    )
