"""``almguard gate``: judge a pull request or a release, and post the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.failures import from_platform, redacted
from bot.cli.options import common

if TYPE_CHECKING:
    from bot.cli.ci import CiEvent
    from bot.cli.judgement import Judging
    from bot.cli.session import Session
    from bot.engine.ports import Progress
    from bot.engine.targets import Target
    from bot.model.results import Gate, Run


@click.command("gate")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--environment", help="Judge the release for this environment.")
@click.option("--dry-run", is_flag=True, help="Judge and print, and post nothing.")
@common
def command(
    targets: tuple[str, ...],
    environment: str | None,
    dry_run: bool,
    config: Path | None,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    exit_zero: bool,
    now: datetime | None,
    verbose: bool,
) -> int:
    """Judge a pull request or a release, post the verdict, and exit by it.

    In GitHub Actions and Azure Pipelines it finds the pull request by itself. The configuration comes from the base
    branch, never from the pull request.
    """
    from bot.cli.judgement import Judging, given_configuration, target
    from bot.cli.output import emit, text_of
    from bot.cli.progress import progress
    from bot.cli.session import session

    event = None if targets else _event()
    if isinstance(event, str):
        click.echo(f"almguard: {event}", err=True)
        return 0
    chosen = event.targets if event else tuple(target(text, environment) for text in targets)
    with session(now) as opened, progress() as bar:
        judging = Judging(opened, "gate", given_configuration(config, opened.fetcher()))
        judged = judge_all(judging, chosen, bar)
        run = judging.run()
        if not dry_run:
            for action in post_verdicts(opened, judging, run, judged, event):
                click.echo(f"almguard: {action}", err=True)
            run = replace(judging.run(), id=run.id)
    emit(run, format_, outputs, verbose=verbose)
    if event is not None and event.summary_path is not None:
        with event.summary_path.open("a", encoding="utf-8") as summary:
            summary.write(text_of(run, "markdown") + "\n")
    return judging.exit_code(exit_zero=exit_zero)


def _event() -> CiEvent | str:
    """What this CI job is about; or why there is nothing to judge, which is no failure."""
    import os

    from bot.cli.ci import CiError, read_event
    from bot.cli.failures import Refusal

    try:
        return read_event(os.environ)
    except CiError as error:
        if error.nothing_to_judge:
            return str(error)
        raise Refusal(str(error)) from None


def judge_all(judging: Judging, targets: Sequence[Target], progress: Progress) -> list[tuple[Target, Gate]]:
    """Judge each target, and every other open pull request that has the same head: one check stands for all of them."""
    from bot.cli.failures import Refusal
    from bot.engine.ports import PlatformError
    from bot.model.subjects import PullRequest, Release

    judged: list[tuple[Target, Gate]] = []
    waiting = list(targets)
    seen: set[str] = set()
    while waiting:
        one = waiting.pop(0)
        provider, subject = judging.resolve(one)
        if subject.id in seen:
            continue
        seen.add(subject.id)
        if not isinstance(subject, PullRequest | Release):
            kind = subject.kind.replace("_", " ")
            raise Refusal(
                f"{one} is a {kind}, and a gate judges a pull request or a release: github:OWNER/REPO#12, "
                f"ado:ORG/PROJECT/REPO!12, github:OWNER/REPO@v1.2.3. For anything else: almguard audit {one}"
            )
        judging.judge(judging.configuration_for(provider, subject), provider, [subject], progress)
        judged.append((one, judging.gates[-1]))
        if isinstance(subject, PullRequest):
            try:
                waiting.extend(provider.same_head(subject))
            except PlatformError as error:
                raise from_platform(error) from None
    return judged


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
