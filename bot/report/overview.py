"""A run in one pass: how many of what, the gravest of each group, and what is said of all of it in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from bot.engine.comparing import tally
from bot.model.facts import UnknownKind
from bot.model.ordering import results_in_order
from bot.model.results import Change, Changed, Enforcement, Gap, Outcome, Result, Run, Verdict
from bot.model.subjects import PullRequest, Release, Repository, Subject
from bot.report.grouping import Grouping, Groups, counted, owner
from bot.report.sanitize import bounded, plain
from bot.report.survey import Survey

LINE_LIMIT = 140
"""What both platforms show of a check's title or a status's description."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What one pass over a run's results tells."""

    total: int
    outcomes: Counter[tuple[Enforcement, Outcome]]
    counting: Counter[Outcome]
    """Without what a waiver or the baseline excuses."""
    waived: int
    """Results that a waiver covers, or one of their members."""
    baseline: int
    findings: int
    subjects: int
    kinds: frozenset[type[Subject]]
    """Of the subjects that were judged."""
    told: frozenset[tuple[UnknownKind, str]]
    """Why outcomes are unknown."""
    groups: Groups
    table: Survey

    def amount(self, outcome: Outcome) -> int:
        """How many results ended so."""
        return sum(self.outcomes[enforcement, outcome] for enforcement in Enforcement)


_latest: tuple[Run, Overview] | None = None


def overview(run: Run) -> Overview:
    """One pass over the run; the newest is remembered, for a run is rendered in several formats and by many hands."""
    global _latest
    if _latest is None or _latest[0] is not run:
        _latest = (run, _overview(run))
    return _latest[1]


def _overview(run: Run) -> Overview:
    outcomes: Counter[tuple[Enforcement, Outcome]] = Counter()
    counting: Counter[Outcome] = Counter()
    kinds: set[type[Subject]] = set()
    told: set[tuple[UnknownKind, str]] = set()
    total = waived = baseline = findings = subjects = 0
    grouping, table, last = Grouping(), Survey(), ""
    for result in results_in_order(run.results):
        total += 1
        outcomes[result.enforcement, result.outcome] += 1
        if not result.excused and not result.waived_within:
            counting[result.outcome] += 1
        waived += result.waiver is not None or result.waived_within
        baseline += result.baseline
        findings += len(result.findings)
        if result.subject.id != last:
            subjects, last = subjects + 1, result.subject.id
            kinds.add(type(result.subject))
        told.update((unknown.kind, unknown.reason) for unknown in result.unknown)
        grouping.add(result)
        table.add(result)
    return Overview(
        total, outcomes, counting, waived, baseline, findings, subjects, frozenset(kinds), frozenset(told),
        grouping.groups(), table,
    )  # fmt: skip


def is_survey(run: Run) -> bool:
    """Whether a table of many repositories tells more than the findings one by one."""
    return run.gate is None and len(overview(run).table.rows) > 1


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
    seen = overview(run)
    groups = seen.groups
    if groups.blocking or groups.awaiting or groups.warnings or groups.recorded:
        return "Findings"
    if groups.not_applicable.total == seen.total:
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
    groups = overview(run).groups
    if run.gate is None:
        return _survey_sentence(run)
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
    total = overview(run).total
    if total and groups.not_applicable.total == total:
        return f"no rule applied ({counted(total, 'rule was', 'rules were')} looked at)"
    said = f"{counted(len(groups.passing), 'rule passes', 'rules pass')}" if groups.passing else "nothing blocks"
    others = []
    if shown := groups.warnings + groups.recorded:
        others.append(f"{counted(len(shown), 'finding does', 'findings do')} not block")
    if groups.unknown or groups.errors:
        others.append(f"{len(groups.unknown) + len(groups.errors)} could not be decided and {_may(groups)} not block")
    return ", ".join([said, *others])


def _amount(run: Run) -> str:
    """How much was judged: the repositories of a table, or what was named."""
    seen = overview(run)
    amount, kinds, rows = seen.subjects, set(seen.kinds), {row.kind for row in seen.table.rows.values()}
    homes = len(seen.table.rows)
    if not seen.total:
        subjects = {subject.id: subject for subject in run.subjects}
        owners = {row.id: row for row in map(owner, subjects.values())}
        amount, homes = len(subjects), len(owners)
        kinds, rows = {type(s) for s in subjects.values()}, {type(row) for row in owners.values()}
    if len(kinds) == 1 and (kind := next(iter(kinds))) is not Repository:
        return counted(amount, kind.kind.replace("_", " "), f"{kind.kind.replace('_', ' ')}s")
    if all(issubclass(row, Repository) for row in rows):
        return counted(homes, "repository", "repositories")
    return counted(homes, "subject")


def unfolded_gaps(run: Run) -> tuple[Gap, ...]:
    """The gaps that no unknown outcome tells of already."""
    told = overview(run).told
    return tuple(gap for gap in run.gaps if (gap.kind, gap.reason) not in told)


def _may(groups: Groups) -> str:
    return "does" if len(groups.unknown) + len(groups.errors) == 1 else "do"


def _survey_sentence(run: Run) -> str:
    seen = overview(run)
    groups, tally = seen.groups, seen.counting
    parts = [f"{_amount(run)}, {counted(seen.total, 'result')}"]
    words = (
        (Outcome.FAIL, "failing"),
        (Outcome.ERROR, "in error"),
        (Outcome.UNKNOWN, "unknown"),
        (Outcome.PASS, "passing"),
        (Outcome.NOT_APPLICABLE, "not applicable"),
    )
    told = [f"{tally[outcome]} {word}" for outcome, word in words if tally[outcome]]
    told += [
        f"{some.total} {word}" for some, word in ((groups.waived, "waived"), (groups.known, "known before")) if some
    ]
    parts.append(", ".join(told) or "nothing to judge")
    if groups.blocking or groups.awaiting or groups.warnings or groups.recorded:
        blocking = groups.blocking.total + groups.awaiting.total
        parts.append(f"{blocking} would block" if blocking else "nothing blocks")
    if not run.complete:
        parts.append(f"incomplete: {counted(len(run.gaps), 'thing', 'things')} could not be read")
    return "; ".join(parts) + "."


def coverage_lines(run: Run) -> Iterator[str]:
    """How the repositories of each target of a scan are accounted for, a line each; then why some were left out."""
    for one in sorted(run.coverage, key=lambda one: one.target):
        said = f"{one.target}: {counted(one.listed, 'repository', 'repositories')} listed"
        if one.counted is not None:
            agrees = one.counted == one.listed
            said += ", as the platform counts" if agrees else f", though the platform counts {one.counted}"
        parts = ((one.judged, "judged"), (one.skipped, "skipped"), (one.unknown, "unknown"))
        yield f"{said}: {', '.join(f'{amount} {word}' for amount, word in parts if amount or word == 'judged')}"
    if reasons := skipped_for(run):
        yield "skipped: " + ", ".join(f"{amount} {reason}" for reason, amount in reasons)


def skipped_for(run: Run) -> list[tuple[str, int]]:
    """Why repositories were not judged, the most frequent reason first."""
    return sorted(Counter(skip.reason for skip in run.skipped).items(), key=lambda item: (-item[1], item[0]))


def changes_line(run: Run) -> str:
    """``3 broke, 5 fixed since 2026-11-23``; empty where there is no earlier run to compare with."""
    if run.changes is None:
        return ""
    excused = 0

    def counting() -> Iterator[Changed]:
        nonlocal excused
        for changed in run.changes or ():
            after = changed.after
            excused += changed.change is Change.FIXED and after is not None and after.excused
            yield changed

    amounts = tally(counting())
    said = ", ".join(f"{amounts[change]} {change}" for change in Change if amounts[change]) or "nothing has changed"
    if excused:
        said += f" ({excused} of the fixed by a waiver or the baseline)"
    return f"{said} since {run.history[-1].started_at:%Y-%m-%d}" if run.history else f"{said} since the last run"
