"""What a gate is to judge: what it was told on the command line, or what the event of a CI job is about."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from bot.cli.failures import Refusal, from_platform
from bot.engine.ports import PlatformError, Progress
from bot.engine.targets import Search, Target
from bot.model.results import Gate
from bot.model.subjects import PullRequest, PullRequestState, Release

if TYPE_CHECKING:
    from bot.cli.beginning import Beginning
    from bot.cli.ci_event import CiEvent
    from bot.cli.judgement import Judging


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be judged, and how it is told."""

    targets: tuple[Target, ...] = ()
    """Named, one by one."""
    search: Search | None = None
    """How more are found."""
    every: tuple[Target, ...] = ()
    """Where every open pull request is judged again."""
    event: CiEvent | None = None
    moved_only: bool = False
    """Whether what stands on the platform is left alone where it says the same."""


class NothingToJudge(Exception):  # noqa: N818 - an answer, not an error
    """The event is understood, and leaves nothing to decide; the text says why."""


def what_is_wanted(
    targets: Sequence[str], environment: str | None, *, all_open: bool, event_file: str | None = None
) -> Wanted:
    """From the command line, else from the event, or from its payload in a file.

    Raises ``NothingToJudge``, and ``Refusal`` for what cannot be judged.
    """
    from bot.cli.ci import CiError, home_of, read_event, read_waiting_deployment
    from bot.cli.judgement import target

    given = tuple(target(text, environment) for text in targets)
    try:
        if all_open:
            return Wanted(every=given or (home_of(os.environ),), moved_only=True)
        if given:
            _for_the_environment(given, environment)
            return Wanted(given)
        if event_file is not None:
            event = read_waiting_deployment(os.environ, event_file)
        else:
            event = read_event(os.environ, environment)
    except CiError as error:
        if error.nothing_to_judge:
            raise NothingToJudge(str(error)) from None
        raise Refusal(str(error)) from None
    search = event.search
    if search is not None and search.whole:
        return Wanted(search=search, every=(search.home,), event=event, moved_only=event.moved_only)
    return Wanted(event.targets, search, event=event, moved_only=event.moved_only)


def _for_the_environment(given: Sequence[Target], environment: str | None) -> None:
    """What deploys to an environment must not take a pull request's verdict for its release's."""
    if environment and not any(one.release is not None for one in given):
        raise Refusal(
            f"--environment is for a release, and {given[0]} is none: name the one that is deployed, as in "
            "github:OWNER/REPO@v1.2.3, or leave --environment out."
        )


def judge_wanted(
    judging: Judging, wanted: Wanted, progress: Progress, beginning: Beginning | None = None
) -> list[tuple[Target, Gate]]:
    """Judge it. Raises ``NothingToJudge`` where nothing is found."""
    from bot.cli.all_open import judge_open
    from bot.cli.release_posting import chosen_by

    if wanted.every:
        base = wanted.search.base if wanted.search is not None else None
        judged = judge_open(judging, wanted.every, progress, base=base, beginning=beginning)
        if not judged and not judging.failures and not judging.incomplete:
            into = f" into {base}" if base is not None else ""
            raise NothingToJudge(f"There is no open pull request{into}.")
        return judged
    named = wanted.targets if wanted.event is None else chosen_by(judging.session, wanted.event)
    targets = [*_found(judging, wanted.search), *named]
    judged = judge_all(judging, targets, progress, open_only=wanted.event is not None, beginning=beginning)
    if not judged:
        raise NothingToJudge("No open pull request has anything to do with this event: there is nothing to judge.")
    return judged


def _found(judging: Judging, search: Search | None) -> Sequence[Target]:
    if search is None:
        return ()
    try:
        return judging.session.provider(search.home).find(search)
    except PlatformError as error:
        raise from_platform(error) from None


def judge_all(
    judging: Judging,
    targets: Sequence[Target],
    progress: Progress,
    *,
    open_only: bool = False,
    beginning: Beginning | None = None,
) -> list[tuple[Target, Gate]]:
    """Judge each target, and every other open pull request that has the same head: one check stands for all of them.

    ``open_only`` passes over pull requests that are not: what an event names may be closed by now. ``beginning`` says on the
    platform that a judgement has begun, or that it failed.
    """
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
        if open_only and isinstance(subject, PullRequest) and subject.state is not PullRequestState.OPEN:
            click.echo(f"almguard: {subject.name} is closed: there is nothing left to gate.", err=True)
            continue
        if isinstance(subject, Release):
            subject = replace(subject, deploying=True)
        configuration = None
        try:
            configuration = judging.configuration_for(provider, subject)
            if beginning is not None:
                beginning.begin(one, subject, configuration)
            judging.judge(configuration, provider, [subject], progress)
        except click.ClickException as failure:
            if beginning is not None:
                beginning.failed(one, subject, configuration, failure)
            raise
        judged.append((one, judging.gates[-1]))
        if isinstance(subject, PullRequest):
            try:
                waiting.extend(provider.same_head(subject))
            except PlatformError as error:
                raise from_platform(error) from None
    return judged
