"""What a gate says on the platform: one check and one comment for each pull request that was judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.cli.failures import from_platform, redacted

if TYPE_CHECKING:
    from bot.cli.ci import CiEvent
    from bot.cli.judgement import Judging
    from bot.cli.session import Session
    from bot.engine.targets import Target
    from bot.model.results import Gate, Run


def post_verdicts(
    opened: Session, judging: Judging, run: Run, judged: Sequence[tuple[Target, Gate]], event: CiEvent | None
) -> Iterator[str]:
    """Post every verdict, unless there is nobody to tell or the token may only read; yields what was done.

    Where several pull requests share a commit and the name of the check (a branch with two targets, a merge group), each
    is posted the worst of their verdicts: whichever the platform takes as the newest says the same.
    """
    from bot.cli.judgement import worst
    from bot.model.subjects import PullRequest

    if not all(isinstance(gate.target, PullRequest) for _, gate in judged):
        judging.notices.append("A release has no check to post to: the exit code and this report are the verdict.")
    if event is not None and not event.can_write:
        judging.notices.append(
            "The token of a pull request from a fork may only read: nothing was posted; this report is the verdict."
        )
        return
    group_sha = event.head_sha if event is not None and event.event == "merge_group" else None
    shared: dict[tuple[str, str], list[Gate]] = {}
    for _, gate in judged:
        if isinstance(gate.target, PullRequest):
            shared.setdefault((group_sha or gate.target.head_sha, _context(judging, gate)), []).append(gate)
    for one, gate in judged:
        if isinstance(gate.target, PullRequest):
            gates = shared[group_sha or gate.target.head_sha, _context(judging, gate)]
            decisive = worst(gates) or gate
            yield from _post(opened, judging, run, one, gate, decisive, gates, group_sha, event)


def _context(judging: Judging, gate: Gate) -> str:
    """The name of the check on a pull request."""
    from bot.model.subjects import PullRequest

    branch = gate.target.base.branch if isinstance(gate.target, PullRequest) else ""
    return judging.configurations[gate.policy_digest].gate.context(branch)


def _post(
    opened: Session,
    judging: Judging,
    run: Run,
    target: Target,
    gate: Gate,
    decisive: Gate,
    gates: Sequence[Gate],
    group_sha: str | None,
    event: CiEvent | None,
) -> tuple[str, ...]:
    """Post to one pull request: the check tells the decisive verdict, the comment its own."""
    from bot.engine.ports import PlatformError, Publication
    from bot.engine.verdict import to_post
    from bot.model.results import Verdict
    from bot.model.subjects import PullRequest
    from bot.policy.configuration import Comment
    from bot.report import markdown

    subject = gate.target
    if not isinstance(subject, PullRequest):
        return ()
    mine, all_of_them = _about(run, [gate], gate), _about(run, gates, decisive)
    settings = judging.configurations[gate.policy_digest].gate
    publication = Publication(
        subject=replace(subject, head_sha=group_sha) if group_sha else subject,
        context=_context(judging, gate),
        verdict=decisive.verdict,
        title=redacted(markdown.title(all_of_them)),
        summary=redacted(markdown.check_summary(all_of_them)),
        comment=None if settings.comment is Comment.NEVER or group_sha else redacted(markdown.comment(mine)),
        create_comment=settings.comment is Comment.ALWAYS or gate.verdict is not Verdict.PASSED,
        details_url=event.run_url if event is not None else None,
        rests_on=to_post(decisive, gates, run.results, run.now),
    )
    try:
        published = opened.publisher(target).publish(publication)
    except PlatformError as error:
        raise from_platform(error) from None
    judging.notices.extend(published.refused)
    _remember_posting(subject.name)
    return published.actions


def _about(run: Run, gates: Sequence[Gate], decisive: Gate) -> Run:
    """The part of a run that is about these pull requests, under the decisive one's verdict."""
    subjects = tuple(gate.target for gate in gates)
    ids = {subject.id for subject in subjects}
    return replace(run, gate=decisive, subjects=subjects, results=tuple(r for r in run.results if r.subject.id in ids))


def _remember_posting(name: str) -> None:
    """Tell who asked for it (the action's script) that a verdict was posted: without one, its step must not succeed."""
    import os

    if path := os.environ.get("ALMGUARD_POSTED_FILE"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{name}\n")
