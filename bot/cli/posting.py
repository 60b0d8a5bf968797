"""What a gate says on the platform: one check and one comment for each pull request that was judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from bot.cli.failures import from_platform, redacted
from bot.cli.governing import notice
from bot.engine.ports import PlatformError, Publication
from bot.engine.posted import Posted
from bot.engine.reach import reach
from bot.engine.verdict import to_post
from bot.model.results import Verdict
from bot.model.subjects import Branch, Organization, Platform, PullRequest, Release, Repository

if TYPE_CHECKING:
    from bot.cli.ci import CiEvent
    from bot.cli.judgement import Judging
    from bot.cli.session import Session
    from bot.engine.targets import Target
    from bot.model.results import Gate, Run


def post_verdicts(
    opened: Session,
    judging: Judging,
    run: Run,
    judged: Sequence[tuple[Target, Gate]],
    event: CiEvent | None,
    *,
    moved_only: bool = False,
    last: bool = False,
) -> Iterator[str]:
    """Post every verdict, unless there is nobody to tell or the token may only read; yields what was done.

    Where several pull requests share a commit and the name of the check (a branch with two targets, a merge group), each
    is posted the worst of their verdicts: whichever the platform takes as the newest says the same.

    One that cannot be told is noted in ``judging.failures``, and ends none of the others: the report holds the verdict all the
    same. ``moved_only`` leaves alone where what stands says the same for the same reasons. ``last`` says that this run judges
    none of them again: the verdict is posted whatever stands (``bot.engine.racing``).
    """
    from bot.report.grouping import counted

    if event is not None and not event.can_write:
        judging.notices.append(
            "The token of a pull request from a fork may only read: nothing was posted; this report is the verdict."
        )
        return
    group_sha = event.head_sha if event is not None and event.event == "merge_group" else None
    checks = list(_checks(judging, run, judged, group_sha))
    standing = _standing(opened, checks) if moved_only else {}
    for check in checks:
        if check.rests_on.says_as(standing.get(check.subject.id)):
            remember_posting(check.subject.name)
            continue
        try:
            about = f"{check.subject.name}: " if len(checks) > 1 else ""
            for action in _post(opened, judging, run, check, event, alone=moved_only, last=last):
                yield f"{about}{action}"
        except click.ClickException as failure:
            untold(judging, check.subject, failure)
    if moved_only:
        stand = sum(check.rests_on.says_as(standing.get(check.subject.id)) for check in checks)
        moved, judged_ones = len(checks) - stand, counted(len(checks), "open pull request")
        judging.notices.append(f"{judged_ones} judged again: {moved} moved, {stand} did not.")


@dataclass(frozen=True, slots=True)
class _Check:
    """What is to stand on one pull request."""

    target: Target
    subject: PullRequest
    """At the commit that the check is posted on: in a merge queue the group's."""
    context: str
    gate: Gate
    decisive: Gate
    gates: tuple[Gate, ...]
    """Of every pull request that shares the commit and the name."""
    rests_on: Posted
    in_queue: bool


def _checks(
    judging: Judging, run: Run, judged: Sequence[tuple[Target, Gate]], group_sha: str | None
) -> Iterator[_Check]:
    from bot.cli.judgement import worst

    shared: dict[tuple[str, str, str], list[Gate]] = {}
    found: list[tuple[Target, Gate, PullRequest, tuple[str, str, str]]] = []
    for target, gate in judged:
        if isinstance(gate.target, PullRequest):
            subject = replace(gate.target, head_sha=group_sha) if group_sha else gate.target
            key = (*place_of_check(subject), _context(judging, gate))
            shared.setdefault(key, []).append(gate)
            found.append((target, gate, subject, key))
    for target, gate, subject, key in found:
        gates = shared[key]
        decisive = worst(gates) or gate
        rests_on = to_post(decisive, gates, run.results, run.started_at)
        yield _Check(target, subject, key[2], gate, decisive, tuple(gates), rests_on, group_sha is not None)


def place_of_check(subject: PullRequest) -> tuple[str, str]:
    """What a check stands on: on GitHub the commit, whichever pull requests it heads; on Azure DevOps one pull request."""
    alone = subject.platform is Platform.AZURE_DEVOPS
    return (subject.id if alone else subject.repository.id), subject.head_sha


def _standing(opened: Session, checks: Sequence[_Check]) -> dict[str, Posted]:
    """What stands already, asked for together wherever one publisher posts."""
    found: dict[str, Posted] = {}
    places: dict[tuple[Platform, str | None], list[_Check]] = {}
    for check in checks:
        organization = check.target.organization if check.target.platform is Platform.AZURE_DEVOPS else None
        places.setdefault((check.target.platform, organization), []).append(check)
    for together in places.values():
        publisher = opened.publisher(together[0].target)
        found.update(publisher.standing([(check.subject, check.context) for check in together]))
    return found


def _context(judging: Judging, gate: Gate) -> str:
    """The name of the check on a pull request."""
    branch = gate.target.base.branch if isinstance(gate.target, PullRequest) else ""
    return judging.configurations[gate.policy_digest].gate.context(branch)


def _post(
    opened: Session, judging: Judging, run: Run, check: _Check, event: CiEvent | None, *, alone: bool, last: bool
) -> tuple[str, ...]:
    """Post to one pull request: the check tells the decisive verdict, the comment its own. Where another run knows better it is
    noted to be judged again, or left ``alone``.
    """
    from bot.cli.annotating import annotations_of
    from bot.engine.review_requests import review_request
    from bot.policy.configuration import Annotations, Comment
    from bot.report import markdown

    mine, all_of_them = (
        about(judging, run, [check.gate], check.gate),
        about(judging, run, check.gates, check.decisive),
    )
    settings = judging.configurations[check.gate.policy_digest].gate
    silent = settings.comment is Comment.NEVER or check.in_queue
    # A draft is judged quietly: nobody is told anew. A change of the rules is told whatever the verdict.
    told = check.gate.verdict is not Verdict.PASSED or bool(judging.altered(check.subject))
    publication = Publication(
        subject=check.subject,
        context=check.context,
        verdict=check.decisive.verdict,
        title=redacted(markdown.title(all_of_them)),
        summary=redacted(markdown.check_summary(all_of_them)),
        comment=None if silent else redacted(markdown.comment(mine)),
        create_comment=not check.subject.draft and (settings.comment is Comment.ALWAYS or told),
        details_url=event.run_url if event is not None else None,
        rests_on=check.rests_on,
        yields=not last,
        look_again=not (alone or last or check.in_queue),
        # A merge group's commit has lines of its own, which nobody reads.
        annotations=() if check.in_queue else annotations_of(judging, run, check.gate),
        line_threads=settings.annotations is Annotations.THREADS,
        ask=None if check.in_queue else review_request(check.gate, run.results, settings.request_reviews),
    )
    try:
        published = opened.publisher(check.target).publish(publication)
    except PlatformError as error:
        raise from_platform(error) from None
    judging.notices.extend(published.refused)
    if published.moved and not alone:
        judging.moved[check.subject.name] = published.moved
    if published.annotated:
        judging.annotated.add(check.gate.target.id)
    remember_posting(check.subject.name)
    return published.actions or tuple(f"nothing was posted: {reason}" for reason in published.moved if alone)


def about(judging: Judging, run: Run, gates: Sequence[Gate], decisive: Gate) -> Run:
    """The part of a run that is about these pull requests, under the decisive one's verdict: what was found out about others
    is not for the readers of these.
    """
    subjects = tuple(gate.target for gate in gates)
    ids = {subject.id for subject in subjects}
    near = {
        holder.id
        for subject in subjects
        for kind in (type(subject), Branch, Repository, Organization)
        if (holder := reach(subject, kind)) is not None
    }
    configurations = {gate.policy_digest: judging.configurations[gate.policy_digest] for gate in gates}
    policies = {source.sha256: source for one in configurations.values() for source in one.sources}
    notices = [
        notice(altered, subject.base.branch)
        for subject in subjects
        if isinstance(subject, PullRequest) and (altered := judging.altered(subject))
    ]
    return replace(
        run,
        gate=decisive,
        subjects=subjects,
        policies=tuple(policies.values()),
        results=tuple(result for result in run.results if result.subject.id in ids),
        gaps=tuple(gap for gap in run.gaps if gap.subject in near),
        notices=(*notices, *(run.notices if len(judging.configurations) == len(configurations) else ())),
    )


def untold(judging: Judging, subject: PullRequest | Release, failure: click.ClickException) -> None:
    """Note that a verdict could not be posted: whoever reads the report learns that it stands nowhere else."""
    judging.failures.append((subject.name, failure))
    judging.notices.append(f"The verdict on {subject.name} could not be posted: it stands in this report alone.")


def remember_posting(name: str) -> None:
    """Tell who asked for it (the action's script) that a verdict stands: without one, its step must not succeed."""
    import os

    if path := os.environ.get("ALMGUARD_POSTED_FILE"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{name}\n")


def forget_postings() -> None:
    """Not all could be judged, or told: whoever asked for it must see that, though other verdicts stand. A file that is empty
    says so; one that is not there only says that there was nobody to tell.
    """
    import os

    if path := os.environ.get("ALMGUARD_POSTED_FILE"):
        with open(path, "w", encoding="utf-8"):
            pass
