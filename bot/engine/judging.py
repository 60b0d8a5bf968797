"""The way of the data, in one line: select, need, load, evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from bot.engine.documents import Documents
from bot.engine.entries import EntryEvaluator
from bot.engine.evaluation import Judgement
from bot.engine.loading import Needs, load
from bot.engine.ports import FactSource, Known, Progress, Silence
from bot.engine.reach import reach
from bot.engine.waiving import Waiving
from bot.model.facts import Answer, Fact, FactRequest, Loaded, UnknownKind
from bot.model.facts.change import Check, Checks, CheckState, Commits, FormerCommits
from bot.model.facts.repository import Properties, RepositoryPaths
from bot.model.results import Enforcement, Gap, Member, Outcome, Result, Unknowing
from bot.model.subjects import Branch, Organization, Platform, Repository, Subject
from bot.policy.baseline import fingerprint
from bot.policy.configuration import CompiledEntry, CompiledPolicy, Configuration
from bot.policy.expressions import Undecided
from bot.policy.matching import matches, needs_paths, needs_properties


@dataclass(frozen=True, slots=True)
class Judged:
    """Everything that was said about some subjects."""

    subjects: tuple[Subject, ...]
    results: tuple[Result, ...]
    gaps: tuple[Gap, ...]
    known: Known
    waiving: tuple[Waiving, ...] = ()
    """The waivers of each policy, and what they met."""


@dataclass(frozen=True, slots=True)
class _Selected:
    """One entry, and the subjects of one type that it judges."""

    entry: CompiledEntry
    policy: CompiledPolicy
    enforcement: Enforcement
    evaluator: EntryEvaluator
    subjects: list[Subject]
    undecided: dict[str, Undecided]
    """By subject id: why it is not known whether the policy selects it."""


def kinds_judged(configuration: Configuration, now: datetime, *, blocking: bool = False) -> frozenset[type[Subject]]:
    """The types of subject that at least one active (or blocking) entry has a rule for."""
    idle = set(Enforcement) - {Enforcement.BLOCK} if blocking else {Enforcement.DISABLED}
    return frozenset(
        kind
        for policy in configuration.policies
        for entry in policy.entries
        if entry.schedule.at(now) not in idle
        for kind in entry.kinds
    )


def judge(
    configuration: Configuration,
    subjects: Sequence[Subject],
    provider: FactSource,
    values: Mapping[type, object],
    progress: Progress | None = None,
    own_checks: frozenset[str] = frozenset(),
    *,
    own_run: str = "",
    whole: bool = False,
    part_of: Subject | None = None,
    besides: Mapping[FactRequest, Sequence[Subject]] | None = None,
    untold: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Judged:
    """Judge subjects of one platform by a configuration.

    ``own_checks`` are the names under which verdicts are posted: what this program said before is no evidence, and would
    make the second judgement of one head differ from the first. ``own_run`` is the end of the address of the CI run that
    judges: its job has not ended while it does, and would wait for itself.

    ``besides`` is what a report tells and no entry asks for: it is loaded along, and where it cannot be had nothing is lost.

    ``whole`` says that the subjects are all that there are, so that a waiver which none of them needs is needed by nobody.

    ``part_of`` is the root of a scan in batches, of which these are one: what its waivers come to is said at the end.

    ``untold`` names, by the subject's id, fields of subjects that are not known, each with why: no expression sees them.

    ``values`` are the run's own: ``now`` by ``datetime``, and the ``AnalyzerCatalogue``. Never raises for what a platform
    does: that is an unknown outcome and a gap.
    """
    progress = progress or Silence()
    known = Known()
    gaps = list(_load_selectors(configuration, subjects, provider, known))
    waiving = {
        policy.name: Waiving(policy, _now(values), whole=whole) for policy in configuration.policies if policy.waivers
    }
    selected = list(_select(configuration, subjects, known, values, waiving))
    needs = Needs()
    for choice in selected:
        for request in choice.evaluator.requests:
            needs.add(request, choice.subjects)
    asked = {request.type.name for choice in selected for request in choice.evaluator.requests}
    for request, about in (besides or {}).items():
        needs.add(request, about)
    unasked = {request.type.name for request in besides or ()} - asked
    gaps.extend(gap for gap in load(needs, provider, known, progress) if gap.fact not in unasked)
    _forget(own_checks, own_run, known)
    _identify(configuration, known, provider.platform)
    results = tuple(_evaluate(selected, Documents(known, values, untold), known, progress))
    gaps.extend(_within(results, gaps))
    results += tuple(result for each in waiving.values() for result in each.results(part_of))
    return Judged(tuple(subjects), results, tuple(gaps), known, tuple(waiving.values()))


def _now(values: Mapping[type, object]) -> datetime:
    now = values[datetime]
    assert isinstance(now, datetime)
    return now


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


def _load_selectors(
    configuration: Configuration, subjects: Sequence[Subject], provider: FactSource, known: Known
) -> tuple[Gap, ...]:
    """What decides who is selected is read before anything else; only where a policy asks for it."""
    needs = Needs()
    for policy in configuration.policies:
        if needs_properties(policy.match, policy.inventory):
            needs.add(FactRequest(Properties), subjects)
        if needs_paths(policy.match):
            needs.add(FactRequest(RepositoryPaths), subjects)
    return load(needs, provider, known)


def _select(
    configuration: Configuration,
    subjects: Sequence[Subject],
    known: Known,
    values: Mapping[type, object],
    waiving: Mapping[str, Waiving],
) -> Iterator[_Selected]:
    for policy in configuration.policies:
        chosen: dict[type[Subject], list[Subject]] = {}
        undecided: dict[str, Undecided] = {}
        for subject in subjects:
            answer = matches(policy.match, subject, selectors(subject, known), policy.inventory)
            if isinstance(answer, Undecided):
                undecided[subject.id] = answer
            elif not answer:
                continue
            chosen.setdefault(type(subject), []).append(subject)
        for entry in policy.entries:
            enforcement = entry.schedule.at(_now(values))
            if enforcement is Enforcement.DISABLED:
                continue
            for kind in sorted(entry.kinds & chosen.keys(), key=lambda kind: kind.kind):
                evaluator = EntryEvaluator(entry, kind, values, waiving.get(policy.name))
                yield _Selected(entry, policy, enforcement, evaluator, chosen[kind], undecided)


def _forget(own_checks: frozenset[str], own_run: str, known: Known) -> None:
    for key, answer in known.answers.items():
        if isinstance(answer, Loaded) and isinstance(answer.value, Checks):
            known.answers[key] = replace(answer, value=without_own(answer.value, own_checks, own_run))


def without_own(checks: Checks, own_checks: frozenset[str], own_run: str) -> Checks:
    """The checks that others reported: not what this program posts, nor the job that it runs in."""
    judging = _job_that_judges(checks, own_run)
    return Checks(tuple(check for check in checks.checks if check.name not in own_checks and check is not judging))


def _job_that_judges(checks: Checks, own_run: str) -> Check | None:
    """The job of the run that has not ended, if it is the only one: which of several it is nobody tells."""
    running = [
        check
        for check in checks.checks
        if own_run and check.state is CheckState.PENDING and f"{own_run}/" in f"{check.url}/"
    ]
    return running[0] if len(running) == 1 else None


def _identify(configuration: Configuration, known: Known, platform: Platform) -> None:
    """Give commits the accounts that the configuration's identities declare for their e-mails."""
    if configuration.identities is None:
        return
    for key, answer in known.answers.items():
        if isinstance(answer, Loaded) and isinstance(answer.value, Commits | FormerCommits):
            value = configuration.identities.resolve(answer.value, platform, key[1].partition("/")[0])
            known.answers[key] = replace(answer, value=value)


def selectors(subject: Subject, known: Known) -> Mapping[type[Fact], Answer]:
    """The answers that decide whether a policy selects a subject, as far as they were asked for."""
    found: dict[type[Fact], Answer] = {}
    for fact in (Properties, RepositoryPaths):
        holder = reach(subject, fact.subject)
        answer = None if holder is None else known.answer(fact, holder)
        if answer is not None:
            found[fact] = answer
    return found


def _evaluate(
    selected: Sequence[_Selected], documents: Documents, known: Known, progress: Progress
) -> Iterator[Result]:
    progress.total("rules", sum(len(choice.subjects) for choice in selected))
    for choice in selected:
        for subject in choice.subjects:
            if subject.id in choice.undecided:
                judgement = _undecided(choice.undecided[subject.id])
            else:
                judgement = choice.evaluator(subject, known, documents)
            yield _result(choice, subject, judgement)
        progress.advance("rules", len(choice.subjects))


def _result(choice: _Selected, subject: Subject, judgement: Judgement) -> Result:
    entry, policy = choice.entry, choice.policy
    keys = finding_keys(entry.key, judgement)
    fingerprints = tuple(fingerprint(key, subject.id, f) for key, f in zip(keys, judgement.findings, strict=True))
    excused = (
        policy.baseline.fingerprints if policy.baseline is not None and policy.limits.allowed else frozenset[str]()
    )
    return Result(
        key=entry.key,
        policy=policy.name,
        rule=entry.rule_id,
        subject=subject,
        outcome=judgement.outcome,
        enforcement=choice.enforcement,
        severity=entry.severity,
        findings=judgement.findings,
        unknown=judgement.unknown,
        reason=judgement.reason,
        evidence=judgement.evidence,
        title=entry.title,
        conditions=judgement.conditions,
        members=judgement.members,
        waiver=judgement.waiver,
        fingerprints=fingerprints,
        known=excused & frozenset(fingerprints),
    )


def finding_keys(key: str, judged: Judgement | Member | Result) -> tuple[str, ...]:
    """The key that each of its findings is of: in a group the member's."""
    if not judged.members:
        return (key,) * len(judged.findings)
    failing = [m for m in judged.members if m.outcome is Outcome.FAIL and m.waiver is None] if judged.findings else []
    return tuple(each for member in failing for each in finding_keys(member.key, member))


def _undecided(match: Undecided) -> Judgement:
    return Judgement(
        Outcome.UNKNOWN, unknown=(Unknowing(match.kind, f"whether the policy selects it: {match.reason}"),)
    )
