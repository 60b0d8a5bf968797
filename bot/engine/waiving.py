"""Waivers in a run: which apply, which have lapsed, and which nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntFlag

from bot.engine.documents import Documents
from bot.engine.evaluation import Judgement
from bot.model.findings import Evidence, Finding, Location, Severity
from bot.model.results import AppliedWaiver, Enforcement, Outcome, Result, Unknowing
from bot.model.subjects import PullRequest, Release, Subject
from bot.policy.compiling import RESERVED
from bot.policy.configuration import CompiledPolicy
from bot.policy.expressions import Expression, Undecided
from bot.policy.waivers import Held, Standing, Waiver, standing

COVERED = frozenset({Outcome.FAIL, Outcome.UNKNOWN, Outcome.ERROR})
"""What a waiver can lie over: a pass needs none."""


class Met(IntFlag):
    """What one waiver met: it can be kept, and added up over the batches of a scan."""

    COVERED = 1
    """A subject that it is for and that its entry judged."""
    NEEDED = 2
    """One where it applies, would apply had it not lapsed, or may apply."""
    FLEETING = 4
    """A pull request or a release, which come and go: others may need it."""
    TOLD = 8
    """It names one subject and was said there not to be needed."""
    LAPSED_ON_ROOT = 16
    """It would apply to the organisation itself, had it not lapsed."""


@dataclass
class _Use:
    """What one waiver met in the run."""

    covered: list[Subject] = field(default_factory=list)
    """Subjects that it is for and that its entry judged."""
    applied: bool = False
    missed: list[Subject] = field(default_factory=list)
    """Subjects where it would have applied, had it not lapsed."""
    in_doubt: bool = False
    """Its condition could not be decided somewhere."""
    beyond: bool = False
    """It is for more than what was judged, so that somebody else may need it."""


class Waiving:
    """The waivers of one policy, in one run."""

    def __init__(self, policy: CompiledPolicy, now: datetime, *, whole: bool = False) -> None:
        """``whole``: the subjects of the run are all that there are, pull requests and releases aside."""
        self.policy, self._now, self._whole = policy, now, whole
        self._uses = {waiver: _Use() for waiver in policy.waivers}
        self._by_key: dict[str, list[Waiver]] = {}
        for waiver in policy.waivers:
            self._by_key.setdefault(waiver.entry, []).append(waiver)

    def concerns(self, key: str) -> bool:
        """Whether some waiver is about an entry."""
        return key in self._by_key

    def conditions(self, key: str) -> Iterator[Expression]:
        """The conditions of an entry's waivers, for the facts that they need."""
        return (waiver.condition for waiver in self._by_key[key] if waiver.condition is not None)

    def over(self, key: str, subject: Subject, judgement: Judgement, documents: Documents) -> Judgement:
        """The judgement with the waiver that covers it, if one does. The outcome stays what it was."""
        for waiver in self._by_key[key]:
            if not waiver.covers(subject):
                continue
            use = self._uses[waiver]
            use.covered.append(subject)
            use.beyond = use.beyond or not self._all_of(waiver, subject)
            if judgement.outcome not in COVERED:
                continue
            meant = self._meant(waiver, subject, documents)
            if isinstance(meant, Undecided):
                use.in_doubt = True
                reason = f"whether the waiver {_place(waiver)} applies: {meant.reason}"
                judgement = replace(
                    judgement, unknown=(*judgement.unknown, Unknowing(meant.kind, reason, meant.missing))
                )
            elif meant and not standing(waiver, self._now, self.policy.limits).applies:
                use.missed.append(subject)
            elif meant:
                use.applied = True
                judgement = judgement if judgement.waiver is not None else replace(judgement, waiver=_applied(waiver))
        return judgement

    def _all_of(self, waiver: Waiver, subject: Subject) -> bool:
        """Whether nothing that the waiver is for was left out: it names the subject itself, or everything was judged."""
        return _names(waiver, subject) or (self._whole and not isinstance(subject, PullRequest | Release))

    def _meant(self, waiver: Waiver, subject: Subject, documents: Documents) -> bool | Undecided:
        if waiver.condition is None:
            return True
        return waiver.condition.evaluate(documents.of(subject, waiver.condition))

    def met(self, root: Subject) -> Mapping[int, Met]:
        """What the waivers met in a batch of a scan of ``root``, by their positions in the policy."""
        return {at: self._met(self._uses[w], root) for at, w in enumerate(self.policy.waivers) if self._uses[w].covered}

    def _met(self, use: _Use, root: Subject) -> Met:
        met = Met.COVERED
        if use.applied or use.missed or use.in_doubt:
            met |= Met.NEEDED
        elif not use.beyond and use.covered[0] != root:
            met |= Met.TOLD
        if any(isinstance(subject, PullRequest | Release) for subject in use.covered):
            met |= Met.FLEETING
        if root in use.missed:
            met |= Met.LAPSED_ON_ROOT
        return met

    def results(self, besides: Subject | None = None) -> Iterator[Result]:
        """What is wrong with the waivers themselves, as results on the subjects that they are for.

        Of ``besides``, the root of a scan in batches, all is said at the end at once: by ``over_all``.
        """
        found: dict[str, tuple[Subject, list[Finding]]] = {}
        for waiver, use in self._uses.items():
            held = standing(waiver, self._now, self.policy.limits)
            for subject in use.missed:
                _note(found, subject, _lapsed(waiver, held))
            if use.covered and not (use.applied or use.missed or use.in_doubt or use.beyond):
                _note(found, use.covered[0], _unneeded(waiver))
        for subject, findings in found.values():
            if subject != besides:
                yield _result(self.policy, subject, findings)

    def idle(self, root: Subject) -> Result | None:
        """The waivers that covered nothing of a scan that saw all of ``root``, as one result on it.

        Pull requests and releases come and go: of a waiver for those nothing is said.
        """
        findings = [f for f in (_idle(self.policy, w, root) for w, use in self._uses.items() if not use.covered) if f]
        return _result(self.policy, root, findings) if findings else None

    def notices(self) -> Iterator[str]:
        """Waivers that apply and will soon end."""
        for waiver, use in self._uses.items():
            held = standing(waiver, self._now, self.policy.limits)
            if use.applied and held.standing is Standing.EXPIRING:
                yield f"The waiver of {waiver.entry} ({_place(waiver)}) ends soon: {held.sentence}"


def over_all(
    policy: CompiledPolicy, met: Mapping[int, Met], root: Subject, now: datetime, *, whole: bool
) -> Result | None:
    """What is wrong with a policy's waivers after all batches of a scan of ``root``, but for what was said in them.

    ``whole``: everything below it was judged, so that a waiver which nothing there needs is needed by nobody.
    """
    findings: list[Finding] = []
    for at, waiver in enumerate(policy.waivers):
        flags = met.get(at, Met(0))
        if Met.LAPSED_ON_ROOT in flags:
            findings.append(_lapsed(waiver, standing(waiver, now, policy.limits)))
        if not whole and not _names(waiver, root):
            continue
        if Met.COVERED not in flags:
            idle = _idle(policy, waiver, root)
            findings += [idle] if idle is not None else []
        elif not flags & (Met.NEEDED | Met.FLEETING | Met.TOLD) and _all_below(waiver, root):
            findings.append(_unneeded(waiver))
    return _result(policy, root, findings) if findings else None


def _result(policy: CompiledPolicy, subject: Subject, findings: Sequence[Finding]) -> Result:
    return Result(
        key=f"{policy.name}/{RESERVED}",
        policy=policy.name,
        rule=RESERVED,
        subject=subject,
        outcome=Outcome.FAIL,
        enforcement=Enforcement.WARN,
        severity=Severity.MEDIUM,
        findings=tuple(findings),
        title="Every waiver is in force, and needed",
    )


def _lapsed(waiver: Waiver, held: Held) -> Finding:
    fix = (
        f"Mend what {waiver.entry} finds, or have {waiver.approver} approve a new date in {waiver.source}; "
        f"{waiver.owner} owns it."
    )
    return _finding(waiver, f"The waiver of {waiver.entry} does not apply: {held.sentence}", fix)


def _unneeded(waiver: Waiver) -> Finding:
    message = f"The waiver of {waiver.entry} is not needed: nothing that it is for fails ({waiver.reason})"
    return _finding(waiver, message, f"Take it out of {waiver.source}.")


def _idle(policy: CompiledPolicy, waiver: Waiver, root: Subject) -> Finding | None:
    """That it covers nothing of a root; None: it is for what comes and goes, or not for the root alone."""
    kinds = policy.members()[waiver.entry].kinds
    if not kinds.isdisjoint({PullRequest, Release}) or not any(_below(glob, root) for glob in waiver.subjects):
        return None
    message = f"The waiver of {waiver.entry} covers nothing here: nothing that it judges is called "
    fix = f"Correct its subject, or take it out of {waiver.source}."
    return _finding(waiver, message + ", ".join(waiver.subjects), fix)


def _note(found: dict[str, tuple[Subject, list[Finding]]], subject: Subject, finding: Finding) -> None:
    found.setdefault(subject.id, (subject, []))[1].append(finding)


def _finding(waiver: Waiver, message: str, fix: str) -> Finding:
    return Finding(
        message,
        fix,
        evidence=(Evidence("waiver", f"{waiver.reason} (owner {waiver.owner}, approver {waiver.approver})"),),
        location=Location(waiver.source, waiver.line),
        discriminator=f"{waiver.entry} {' '.join(waiver.subjects)}",
    )


def _applied(waiver: Waiver) -> AppliedWaiver:
    return AppliedWaiver(
        reason=waiver.reason,
        owner=waiver.owner,
        approver=waiver.approver,
        expires=waiver.expires,
        ticket=waiver.ticket or "",
        compensating_control=waiver.compensating_control or "",
        source=_place(waiver),
    )


def _place(waiver: Waiver) -> str:
    return f"{waiver.source}:{waiver.line}"


def _names(waiver: Waiver, subject: Subject) -> bool:
    """Whether it is for this subject, by its name or id, and for nothing else."""
    return {glob.casefold() for glob in waiver.subjects} <= {subject.name.casefold(), subject.id.casefold()}


def _all_below(waiver: Waiver, root: Subject) -> bool:
    """Whether it is for a root and what that holds alone."""
    return _names(waiver, root) or all(_below(glob, root) for glob in waiver.subjects if not glob.startswith("!"))


def _below(glob: str, root: Subject) -> bool:
    """Whether a glob can only mean what a root holds: it begins with the root's own name."""
    return glob.casefold().startswith(f"{root.name.casefold()}/")
