"""``almguard gate``: judge a pull request or a release, and post the verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.failures import from_platform
from bot.cli.options import common

if TYPE_CHECKING:
    from bot.cli.ci import CiEvent
    from bot.cli.judgement import Judging
    from bot.cli.session import Session
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
    given = given_configuration(config)
    with session(now) as opened, progress() as bar:
        judging = Judging(opened, "gate", given)
        judged: list[tuple[Target, Gate]] = []
        for one in chosen:
            provider, subject = judging.resolve(one)
            configuration = judging.configuration_for(provider, subject)
            judging.judge(configuration, provider, [subject], bar)
            if judging.gates:
                judged.append((one, judging.gates[-1]))
        run = judging.run()
        if not dry_run:
            for one, gate in judged:
                for action in post_verdict(opened, judging, run, one, gate, event):
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


def post_verdict(
    opened: Session, judging: Judging, run: Run, target: Target, gate: Gate, event: CiEvent | None
) -> tuple[str, ...]:
    """Post one verdict, unless there is nobody to tell or the token may only read; returns what was done."""
    from bot.engine.ports import PlatformError, Publication
    from bot.model.results import Verdict
    from bot.model.subjects import PullRequest
    from bot.policy.configuration import Comment
    from bot.report import markdown

    if not isinstance(gate.target, PullRequest):
        judging.notices.append("A release has no check to post to: the exit code and this report are the verdict.")
        return ()
    if event is not None and not event.can_write:
        judging.notices.append(
            "The token of a pull request from a fork may only read: nothing was posted; this report is the verdict."
        )
        return ()
    subject = gate.target
    own = replace(
        run,
        gate=gate,
        subjects=(subject,),
        results=tuple(result for result in run.results if result.subject.id == subject.id),
    )
    settings = judging.configurations[gate.policy_digest].gate
    in_group = event is not None and event.event == "merge_group"
    publication = Publication(
        subject=replace(subject, head_sha=event.head_sha) if event and event.head_sha and in_group else subject,
        context=settings.context(subject.base.branch),
        verdict=gate.verdict,
        title=markdown.title(own),
        summary=markdown.check_summary(own),
        comment=None if settings.comment is Comment.NEVER or in_group else markdown.comment(own),
        create_comment=settings.comment is Comment.ALWAYS or gate.verdict is not Verdict.PASSED,
        details_url=event.run_url if event is not None else None,
    )
    try:
        published = opened.publisher(target).publish(publication)
    except PlatformError as error:
        raise from_platform(error) from None
    judging.notices.extend(published.refused)
    return published.actions
