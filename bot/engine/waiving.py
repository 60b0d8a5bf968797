"""Waivers in a run: which apply, which have lapsed, and which nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.engine.documents import Documents
from bot.engine.evaluation import Judgement
from bot.model.findings import Evidence, Finding, Location, Severity
from bot.model.results import AppliedWaiver, Enforcement, Outcome, Result, Unknowing
from bot.model.subjects import PullRequest, Release, Subject
from bot.policy.compiling import RESERVED
from bot.policy.configuration import CompiledPolicy
from bot.policy.expressions import Expression, Undecided
from bot.policy.waivers import Standing, Waiver, standing

COVERED = frozenset({Outcome.FAIL, Outcome.UNKNOWN, Outcome.ERROR})
"""What a waiver can lie over: a pass needs none."""


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
        self._policy, self._now, self._whole = policy, now, whole
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
            elif meant and not standing(waiver, self._now, self._policy.limits).applies:
                use.missed.append(subject)
            elif meant:
                use.applied = True
                judgement = judgement if judgement.waiver is not None else replace(judgement, waiver=_applied(waiver))
        return judgement

    def _all_of(self, waiver: Waiver, subject: Subject) -> bool:
        """Whether nothing that the waiver is for was left out: it names the subject itself, or everything was judged."""
        named = {glob.casefold() for glob in waiver.subjects} <= {subject.name.casefold(), subject.id.casefold()}
        return named or (self._whole and not isinstance(subject, PullRequest | Release))

    def _meant(self, waiver: Waiver, subject: Subject, documents: Documents) -> bool | Undecided:
        if waiver.condition is None:
            return True
        return waiver.condition.evaluate(documents.of(subject, waiver.condition))

    def results(self) -> Iterator[Result]:
        """What is wrong with the waivers themselves, as results on the subjects that they are for."""
        found: dict[str, tuple[Subject, list[Finding]]] = {}
        for waiver, use in self._uses.items():
            held = standing(waiver, self._now, self._policy.limits)
            for subject in use.missed:
                message = f"The waiver of {waiver.entry} does not apply: {held.sentence}"
                fix = (
                    f"Mend what {waiver.entry} finds, or have {waiver.approver} approve a new date in {waiver.source}; "
                    f"{waiver.owner} owns it."
                )
                _note(found, subject, _finding(waiver, message, fix))
            if use.covered and not (use.applied or use.missed or use.in_doubt or use.beyond):
                message = f"The waiver of {waiver.entry} is not needed: nothing that it is for fails ({waiver.reason})"
                _note(found, use.covered[0], _finding(waiver, message, f"Take it out of {waiver.source}."))
        for subject, findings in found.values():
            yield self._result(subject, findings)

    def idle(self, root: Subject) -> Result | None:
        """The waivers that covered nothing of a scan that saw all of ``root``, as one result on it.

        Pull requests and releases come and go: of a waiver for those nothing is said.
        """
        members = self._policy.members()
        findings = [
            _finding(
                waiver,
                f"The waiver of {waiver.entry} covers nothing here: nothing that it judges is called "
                f"{', '.join(waiver.subjects)}",
                f"Correct its subject, or take it out of {waiver.source}.",
            )
            for waiver, use in self._uses.items()
            if not use.covered
            and members[waiver.entry].kinds.isdisjoint({PullRequest, Release})
            and any(_below(glob, root) for glob in waiver.subjects)
        ]
        return self._result(root, findings) if findings else None

    def notices(self) -> Iterator[str]:
        """Waivers that apply and will soon end."""
        for waiver, use in self._uses.items():
            held = standing(waiver, self._now, self._policy.limits)
            if use.applied and held.standing is Standing.EXPIRING:
                yield f"The waiver of {waiver.entry} ({_place(waiver)}) ends soon: {held.sentence}"

    def _result(self, subject: Subject, findings: Sequence[Finding]) -> Result:
        return Result(
            key=f"{self._policy.name}/{RESERVED}",
            policy=self._policy.name,
            rule=RESERVED,
            subject=subject,
            outcome=Outcome.FAIL,
            enforcement=Enforcement.WARN,
            severity=Severity.MEDIUM,
            findings=tuple(findings),
            title="Every waiver is in force, and needed",
        )


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


def _below(glob: str, root: Subject) -> bool:
    """Whether a glob can only mean what a root holds: it begins with the root's own name."""
    return glob.casefold().startswith(f"{root.name.casefold()}/")
