"""The check of a pull request while it is judged: it has begun, and it is never left so.

What stands on a commit may be about another head or another base branch. So where an event says that either is new, the check
is put back first, and judged then. Where judging fails, whatever the event, the check says that and why: what it was may be
a pass that this judgement would have taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from bot.cli.failures import Refusal, harmless
from bot.engine.ports import PlatformError, Publication
from bot.model.results import Verdict
from bot.model.subjects import PullRequest

if TYPE_CHECKING:
    from bot.cli.ci_event import CiEvent
    from bot.cli.session import Session
    from bot.engine.targets import Target
    from bot.model.subjects import Subject
    from bot.policy.configuration import Configuration


@dataclass
class Beginning:
    """Says on the platform that judging has begun, and that it failed."""

    opened: Session
    event: CiEvent | None
    dry_run: bool
    begun: set[str] = field(default_factory=set)
    """The ids of pull requests whose check has begun."""

    def begin(self, target: Target, subject: Subject, configuration: Configuration) -> None:
        """Put the check back, where the event says that what stands is about something else."""
        if not isinstance(subject, PullRequest) or not self._speaks() or subject.id in self.begun:
            return
        assert self.event is not None
        context = configuration.gate.context(subject.base.branch)
        try:
            done = self.opened.publisher(target).begin(subject, context, self.event.run_url)
        except PlatformError as error:  # posting the verdict will say so, too
            click.echo(f"almguard: {harmless(f'the check could not be begun: {error}')}", err=True)
            return
        self.begun.add(subject.id)
        for action in done.actions:
            click.echo(f"almguard: {action}", err=True)

    def failed(
        self, target: Target, subject: Subject, configuration: Configuration | None, failure: click.ClickException
    ) -> None:
        """Say at the check that the pull request could not be judged, and why, where an event asked for it.

        Who names a target may be a person, whose token's lacks are not for everybody to see.
        """
        if self.event is not None:
            self.not_judged(target, subject, configuration, failure)

    def unjudged(self, subjects: Sequence[tuple[Target, PullRequest]], failure: click.ClickException) -> None:
        """Say it of pull requests into one branch, whose configuration could not be had: of each where there is one that does
        not load, else of those where a pass stands. Elsewhere nobody may have asked for a check.
        """
        from bot.policy.configuration import GateSettings

        if self.dry_run or not subjects:
            return
        named = [(subject, GateSettings().context(subject.base.branch)) for _, subject in subjects]
        standing = {} if isinstance(failure, Refusal) else self.opened.publisher(subjects[0][0]).standing(named)
        for target, subject in subjects:
            stands = standing.get(subject.id)
            if isinstance(failure, Refusal) or (stands is not None and stands.verdict is Verdict.PASSED):
                self.not_judged(target, subject, None, failure)

    def not_judged(
        self, target: Target, subject: Subject, configuration: Configuration | None, failure: click.ClickException
    ) -> None:
        """Say it, whatever was asked for: what stands may be outdated."""
        from bot.policy.configuration import GateSettings
        from bot.report.sanitize import markdown

        if (
            not isinstance(subject, PullRequest)
            or self.dry_run
            or (self.event is not None and not self.event.can_write)
        ):
            return
        settings = GateSettings() if configuration is None else configuration.gate
        words = "\n\n".join(markdown(line) for line in harmless(failure.message).split("\n") if line.strip())
        publication = Publication(
            subject=subject,
            context=settings.context(subject.base.branch),
            verdict=Verdict.INCONCLUSIVE,
            title="Not judged",
            summary=f"The pull request could not be judged.\n\n{words}",
            comment=None,
            details_url=None if self.event is None else self.event.run_url,
        )
        try:
            done = self.opened.publisher(target).publish(publication)
        except (PlatformError, click.ClickException):
            return  # the failure itself is what is told
        for action in done.actions:
            click.echo(f"almguard: {action}", err=True)

    def _speaks(self) -> bool:
        return self.event is not None and self.event.fresh and self.event.can_write and not self.dry_run
