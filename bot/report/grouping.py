"""What all reports for people agree on: which entries come first, and how things are said in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from bot.model.facts import UnknownKind
from bot.model.findings import Severity
from bot.model.results import AppliedWaiver, Enforcement, Gap, Outcome, Result, Run, Verdict
from bot.model.subjects import Organization, PullRequest, Release, Repository, Subject
from bot.report.sanitize import bounded, plain

LINE_LIMIT = 140
"""What both platforms show of a check's title or a status's description."""

_SEVERITIES = list(Severity)
_ENFORCEMENTS = list(Enforcement)


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """Everything that is unknown for one and the same reason, told once."""

    kind: UnknownKind
    reason: str
    keys: tuple[str, ...]
    """The entries concerned."""
    subjects: tuple[str, ...]
    """The names of the subjects concerned."""
    blocks: bool
    """Whether it leaves an entry undecided that blocks."""


@dataclass(frozen=True, slots=True)
class Groups:
    """A run's results, sorted by what the reader has to do about them; the gravest first in each."""

    blocking: tuple[Result, ...]
    """Fails that block and need a change."""
    awaiting: tuple[Result, ...]
    """Fails that block, and that time or people can cure."""
    warnings: tuple[Result, ...]
    """Fails that are shown and do not block."""
    recorded: tuple[Result, ...]
    """Fails of entries in audit mode."""
    waived: tuple[Result, ...]
    """What a waiver covers, whatever its outcome; and groups that pass with a member that one covers."""
    known: tuple[Result, ...]
    """Fails whose every finding was there before, by the baseline."""
    errors: tuple[Result, ...]
    unknown: tuple[Result, ...]
    """Whose outcome is unknown."""
    passing: tuple[Result, ...]
    not_applicable: tuple[Result, ...]
    unknowns: tuple[UnknownGroup, ...]
    """Why things are unknown, also beside a fail: one for each kind and reason."""

    @property
    def failing(self) -> tuple[Result, ...]:
        """Every fail, the gravest first."""
        return self.blocking + self.awaiting + self.warnings + self.recorded


def grouped(results: Iterable[Result]) -> Groups:
    """Sort results by what has to be done about them."""
    every = sorted((r for r in results if r.enforcement is not Enforcement.DISABLED), key=gravity)
    ordered = [result for result in every if not result.excused]
    fails = [result for result in ordered if result.outcome is Outcome.FAIL]

    def having(outcome: Outcome) -> tuple[Result, ...]:
        return tuple(result for result in ordered if result.outcome is outcome)

    blocks = [result for result in fails if result.enforcement is Enforcement.BLOCK]
    return Groups(
        blocking=tuple(result for result in blocks if not result.awaiting),
        awaiting=tuple(result for result in blocks if result.awaiting),
        warnings=tuple(result for result in fails if result.enforcement is Enforcement.WARN),
        recorded=tuple(result for result in fails if result.enforcement is Enforcement.AUDIT),
        waived=tuple(result for result in every if result.waiver is not None or result.waived_within),
        known=tuple(result for result in every if result.baseline and result.waiver is None),
        errors=having(Outcome.ERROR),
        unknown=having(Outcome.UNKNOWN),
        passing=tuple(result for result in having(Outcome.PASS) if not result.waived_within),
        not_applicable=tuple(result for result in having(Outcome.NOT_APPLICABLE) if not result.waived_within),
        unknowns=_unknowns(result for result in every if not result.excused or result.half_known),
    )


def gravity(result: Result) -> tuple[int, int, str, str, str]:
    """Sorts the gravest first, and always alike."""
    return (
        -_ENFORCEMENTS.index(result.enforcement),
        -_SEVERITIES.index(result.severity),
        result.key,
        result.subject.name,
        result.subject.id,
    )


def _unknowns(results: Iterable[Result]) -> tuple[UnknownGroup, ...]:
    found: dict[tuple[UnknownKind, str], list[Result]] = {}
    for result in results:
        for kind, reason in _reasons(result):
            found.setdefault((kind, plain(reason)), []).append(result)
    kinds = list(UnknownKind)
    return tuple(
        UnknownGroup(
            kind=kind,
            reason=reason,
            keys=tuple(sorted({result.key for result in concerned})),
            subjects=tuple(sorted({result.subject.name for result in concerned})),
            blocks=any(
                r.enforcement is Enforcement.BLOCK and (r.outcome is Outcome.UNKNOWN or r.half_known) for r in concerned
            ),
        )
        for (kind, reason), concerned in sorted(found.items(), key=lambda item: (kinds.index(item[0][0]), item[0][1]))
    )


def _reasons(result: Result) -> Iterable[tuple[UnknownKind, str]]:
    if result.outcome is Outcome.ERROR:
        return
    for unknown in result.unknown:
        yield unknown.kind, unknown.reason
    if result.outcome is Outcome.UNKNOWN and not result.unknown:
        yield UnknownKind.UNREADABLE, result.reason or "no reason was given"


def counted(amount: int, singular: str, plural: str | None = None) -> str:
    """``1 rule``, ``2 rules``."""
    return f"{amount} {singular if amount == 1 else plural or singular + 's'}"


def waived(waiver: AppliedWaiver) -> str:
    """A waiver in one line."""
    reason = waiver.reason.rstrip(". ")
    parts = [f"waived until {waiver.expires}: {reason}", f"owner {waiver.owner}, approved by {waiver.approver}"]
    if waiver.compensating_control:
        parts.append(f"instead: {waiver.compensating_control}")
    if waiver.ticket:
        parts.append(waiver.ticket)
    return "; ".join(parts)


def counts(results: Iterable[Result]) -> Counter[Outcome]:
    """How many results there are of each outcome."""
    return Counter(result.outcome for result in results)


def is_survey(run: Run) -> bool:
    """Whether a table of many repositories tells more than the findings one by one."""
    return run.gate is None and len({owner(result.subject).id for result in run.results}) > 1


def owner(subject: Subject) -> Subject:
    """The row of a survey that a subject belongs to: its repository, or itself."""
    if isinstance(subject, Organization):
        return subject
    repository = getattr(subject, "repository", None)
    return repository if isinstance(repository, Subject) else subject


def head_of(target: PullRequest | Release) -> str:
    """The commit that was judged."""
    return target.head_sha if isinstance(target, PullRequest) else target.commit


def title(run: Run) -> str:
    """One line, at most 140 characters: what the check on the platform says."""
    return bounded(plain(f"{headline(run)}: {sentence(run)}", LINE_LIMIT * 2), LINE_LIMIT)


def description(run: Run) -> str:
    """The same without the verdict's name, for a status whose state says that already; at most 140 characters."""
    return bounded(plain(sentence(run), LINE_LIMIT * 2), LINE_LIMIT)


def headline(run: Run) -> str:
    """The verdict in one word, or what kind of run it was."""
    if run.gate is not None:
        return VERDICT_WORDS[run.gate.verdict]
    groups = grouped(run.results)
    if groups.blocking or groups.awaiting or groups.warnings or groups.recorded:
        return "Findings"
    if not run.results or len(groups.not_applicable) == len(run.results):
        return "Nothing judged"
    return "Clean" if run.complete and not groups.errors and not groups.unknown else "Incomplete"


VERDICT_WORDS = {
    Verdict.PASSED: "Passed",
    Verdict.WAITING: "Waiting",
    Verdict.BLOCKED: "Blocked",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.EMPTY: "Empty",
}


def sentence(run: Run) -> str:
    """One sentence that says how it went."""
    groups = grouped(run.results)
    if run.gate is None:
        return _survey_sentence(run, groups)
    match run.gate.verdict:
        case Verdict.BLOCKED:
            said = f"{_of(groups.blocking, run)} must be fixed"
            if groups.awaiting:
                said += f", and {counted(len(groups.awaiting), 'other waits', 'others wait')} for people or checks"
        case Verdict.WAITING:
            said = (
                f"{_of(groups.awaiting, run)} {'waits' if len(groups.awaiting) == 1 else 'wait'} for people or checks"
            )
        case Verdict.INCONCLUSIVE:
            left = groups.unknown + groups.errors + tuple(r for r in groups.known if r.half_known)
            undecided = [r for r in left if r.enforcement is Enforcement.BLOCK]
            said = f"{_of(undecided, run)} could not be decided"
        case Verdict.EMPTY:
            said = "no policy entry selects this subject, so nothing was judged"
        case Verdict.PASSED:
            said = _passed(run, groups)
        case unreachable:
            assert_never(unreachable)
    note = run.gate.note.removeprefix("no rule applied: ")
    return f"{said}. {note}".rstrip(". ") + "." if note and note != "no rule applied" else f"{said}."


def _of(results: Iterable[Result], run: Run) -> str:
    """``2 of 5 rules (approvals, requirement-link)``."""
    names = [result.key.partition("/")[2] or result.key for result in results]
    applied = [result for result in run.results if result.enforcement is Enforcement.BLOCK]
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names)} of {counted(len(applied), 'blocking rule')} ({shown})" if names else "0 rules"


def _passed(run: Run, groups: Groups) -> str:
    if run.results and len(groups.not_applicable) == len(run.results):
        return f"no rule applied ({counted(len(run.results), 'rule was', 'rules were')} looked at)"
    said = f"{counted(len(groups.passing), 'rule passes', 'rules pass')}" if groups.passing else "nothing blocks"
    others = []
    if shown := groups.warnings + groups.recorded:
        others.append(f"{counted(len(shown), 'finding does', 'findings do')} not block")
    if groups.unknown or groups.errors:
        others.append(f"{len(groups.unknown) + len(groups.errors)} could not be decided and {_may(groups)} not block")
    return ", ".join([said, *others])


def _amount(run: Run) -> str:
    """How much was judged: the repositories of a table, or what was named."""
    subjects = {result.subject.id: result.subject for result in run.results} or {s.id: s for s in run.subjects}
    kinds = {type(subject) for subject in subjects.values()}
    if len(kinds) == 1 and (kind := kinds.pop()) is not Repository:
        return counted(len(subjects), kind.kind.replace("_", " "), f"{kind.kind.replace('_', ' ')}s")
    rows = {row.id: row for row in map(owner, subjects.values())}
    if all(isinstance(row, Repository) for row in rows.values()):
        return counted(len(rows), "repository", "repositories")
    return counted(len(rows), "subject")


def unfolded_gaps(run: Run) -> tuple[Gap, ...]:
    """The gaps that no unknown outcome tells of already."""
    told = {(unknown.kind, unknown.reason) for result in run.results for unknown in result.unknown}
    return tuple(gap for gap in run.gaps if (gap.kind, gap.reason) not in told)


def _may(groups: Groups) -> str:
    return "does" if len(groups.unknown) + len(groups.errors) == 1 else "do"


def _survey_sentence(run: Run, groups: Groups) -> str:
    parts = [f"{_amount(run)}, {counted(len(run.results), 'result')}"]
    tally = counts(result for result in run.results if not result.excused and not result.waived_within)
    words = (
        (Outcome.FAIL, "failing"),
        (Outcome.ERROR, "in error"),
        (Outcome.UNKNOWN, "unknown"),
        (Outcome.PASS, "passing"),
        (Outcome.NOT_APPLICABLE, "not applicable"),
    )
    told = [f"{tally[outcome]} {word}" for outcome, word in words if tally[outcome]]
    told += [
        f"{len(some)} {word}" for some, word in ((groups.waived, "waived"), (groups.known, "known before")) if some
    ]
    parts.append(", ".join(told) or "nothing to judge")
    if groups.failing:
        blocking = len(groups.blocking) + len(groups.awaiting)
        parts.append(f"{blocking} would block" if blocking else "nothing blocks")
    if not run.complete:
        parts.append(f"incomplete: {counted(len(run.gaps), 'thing', 'things')} could not be read")
    return "; ".join(parts) + "."
