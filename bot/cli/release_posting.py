"""What a gate says about releases: a check on the release's commit, and the answer for a deployment that waits for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bot.cli.failures import from_platform, harmless, redacted
from bot.cli.posting import about, remember_posting, untold
from bot.engine.ports import DeploymentAnswer, PlatformError, ReleasePublication
from bot.model.results import Verdict
from bot.model.subjects import Release

if TYPE_CHECKING:
    from bot.cli.ci import CiEvent
    from bot.cli.ci_event import DeploymentReview
    from bot.cli.judgement import Judging
    from bot.cli.session import Session
    from bot.engine.targets import Target
    from bot.model.results import Gate, Run


def chosen_by(opened: Session, event: CiEvent) -> tuple[Target, ...]:
    """The targets of an event. What a waiting deployment would deploy is asked of the platform, not taken from a payload."""
    if event.review is None:
        return event.targets
    review = event.review
    try:
        return (opened.deployment_reviewer().waiting(review.repository, review.run_id, review.environment),)
    except PlatformError as error:
        raise from_platform(error) from None


@contextmanager
def telling(opened: Session, event: CiEvent | None, *, dry_run: bool) -> Iterator[None]:
    """Where a deployment waits and nothing can be judged, say why beside it: it goes on waiting."""
    try:
        yield
    except click.ClickException as failure:
        if event is not None and event.review is not None and not dry_run and not isinstance(failure, _NoAnswer):
            from bot.report.deployment import not_judged

            comment = redacted(not_judged(harmless(failure.message), event.run_url))
            for line in _answered(opened, event.review, None, comment):
                click.echo(f"almguard: {line}", err=True)
        raise


class _NoAnswer(click.ClickException):
    """The platform took no answer: there is nothing more to say to it."""

    exit_code = 2


def post_releases(
    opened: Session, judging: Judging, run: Run, judged: Sequence[tuple[Target, Gate]], event: CiEvent | None
) -> Iterator[str]:
    """Post the verdict on each release; yields what was done. A deployment that waits is answered instead."""
    for target, gate in judged:
        if not isinstance(gate.target, Release):
            continue
        one = about(judging, run, [gate], gate)
        if event is not None and event.review is not None:
            from bot.report.deployment import comment

            try:
                yield from _answered(opened, event.review, gate.verdict, redacted(comment(one, event.run_url)))
                remember_posting(gate.target.name)
            except _NoAnswer as failure:
                untold(judging, gate.target, failure)
            continue
        from bot.report import markdown

        settings = judging.configurations[gate.policy_digest].gate
        place = gate.target.environment or "release"
        publication = ReleasePublication(
            subject=gate.target,
            context=f"{settings.context(gate.target.repository.default_branch or '')}/{place}",
            verdict=gate.verdict,
            title=redacted(markdown.title(one)),
            summary=redacted(markdown.check_summary(one)),
            details_url=event.run_url if event is not None else None,
        )
        published = opened.release_publisher(target).publish_release(publication)
        # The verdict is the exit code; the check on the commit only tells of it, and so the script is told of none.
        judging.notices.extend(published.refused)
        yield from published.actions


def _answered(opened: Session, review: DeploymentReview, verdict: Verdict | None, comment: str) -> Iterator[str]:
    answer = DeploymentAnswer(review.repository, review.run_id, review.environment, verdict, comment)
    try:
        yield from opened.deployment_reviewer().answer(answer).actions
    except PlatformError as error:
        raise _NoAnswer(redacted(str(error))) from None
