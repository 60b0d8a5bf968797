"""``almguard gate --all-open``: every open pull request is judged again, and those that moved are told about it.

Much of what a verdict rests on changes without an event that starts a job: a thread resolved, a vote, a work item moved. What
a run finds is compared with what stands on the platform, which keeps what it rests on (``bot.engine.posted``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from bot.cli.failures import Refusal, Unread, from_platform
from bot.cli.posting import place_of_check
from bot.engine.ports import PlatformError, Progress, Provider
from bot.engine.targets import Target
from bot.model.results import Gap, Gate
from bot.model.subjects import Organization, Platform, PullRequest, Repository, Subject

if TYPE_CHECKING:
    from bot.cli.beginning import Beginning
    from bot.cli.judgement import Judging
    from bot.policy.configuration import Configuration

AT_ONCE = 200
"""Pull requests that are judged together: so many facts wait in memory."""


def judge_open(
    judging: Judging,
    targets: Sequence[Target],
    progress: Progress,
    *,
    base: str | None = None,
    beginning: Beginning | None = None,
) -> list[tuple[Target, Gate]]:
    """Judge every open pull request under these targets, or every one into a branch.

    Those of one configuration are judged together, so that their facts are loaded in bulk. One that cannot be judged is noted
    in ``judging.failures``, and ends none of the others; ``beginning`` says so at its check.
    """
    judged: list[tuple[Target, Gate]] = []
    done: set[str] = set()
    for target in targets:
        try:
            provider, root = judging.resolve(target)
            _must_hold_pull_requests(target, root)
        except click.ClickException as failure:
            if len(targets) == 1:
                raise
            judging.failures.append((str(target), failure))
            continue
        failed: list[PullRequest] = []
        listed, whole = _open(judging, provider, root, progress, base, failed)
        found = [one for one in listed if one.id not in done]
        done |= {one.id for one in found}
        uninvited = isinstance(root, Repository)
        one_by_one = list(
            judge_together(judging, provider, found, progress, uninvited=uninvited, failed=failed, beginning=beginning)
        )
        tellable = _tellable(judging, one_by_one, failed)
        judged += tellable if whole else _told_alone(judging, provider, tellable)
    return judged


def _told_alone(
    judging: Judging, provider: Provider, judged: Iterable[tuple[Target, Gate]]
) -> Iterator[tuple[Target, Gate]]:
    """Where not all were listed: those that share their check with none that was not judged."""
    told = list(judged)
    names = {gate.target.name for _, gate in told}
    for target, gate in told:
        assert isinstance(gate.target, PullRequest)
        try:
            others = [one for one in provider.same_head(gate.target) if _name(one) not in names]
        except PlatformError as error:
            judging.failures.append((gate.target.name, from_platform(error)))
            continue
        if not others:
            yield target, gate
        else:
            said = f"its check is that of {_name(others[0])} too, which was not listed: nothing is posted of this one."
            judging.failures.append((gate.target.name, Unread(said)))


def _name(target: Target) -> str:
    """How the pull request is called that a target names."""
    return str(target).partition(":")[2]


def _tellable(
    judging: Judging, judged: Sequence[tuple[Target, Gate]], failed: Sequence[PullRequest]
) -> Iterator[tuple[Target, Gate]]:
    """Those whose check says nothing of one that could not be judged: pull requests of one commit may share a check."""
    others = {place_of_check(one): one for one in failed}
    for target, gate in judged:
        assert isinstance(gate.target, PullRequest)
        other = others.get(place_of_check(gate.target))
        if other is None:
            yield target, gate
        else:
            said = f"its check is that of {other.name} too, which could not be judged: nothing is posted of this one."
            judging.failures.append((gate.target.name, Unread(said)))


def judge_together(
    judging: Judging,
    provider: Provider,
    subjects: Sequence[PullRequest],
    progress: Progress,
    *,
    uninvited: bool,
    failed: list[PullRequest],
    beginning: Beginning | None = None,
) -> Iterator[tuple[Target, Gate]]:
    """Judge pull requests of one provider, grouped by their configuration; those that cannot be are added to ``failed``.

    ``uninvited`` says to judge by the baseline those that no configuration is meant for. A repository that was named alone is
    told what it lacks; in the others of an organisation nobody asked for a check.
    """
    groups: dict[str, tuple[Configuration, list[PullRequest]]] = {}
    by_base: dict[str, list[PullRequest]] = {}
    for subject in subjects:
        by_base.setdefault(subject.base.id, []).append(subject)
    for into in by_base.values():
        try:
            configuration = judging.configured(provider, into[0])
            if configuration is None and uninvited:
                configuration = judging.configuration_for(provider, into[0])
        except click.ClickException as failure:
            judging.failures.append((f"{into[0].base.name}, {len(into)} open", failure))
            failed.extend(into)
            if beginning is not None:
                beginning.unjudged([(target_of(one), one) for one in into], failure)
            continue
        if configuration is None:
            continue
        if into[0].id in judging.unread:
            judging.unread |= {one.id for one in into}
        groups.setdefault(configuration.digest, (configuration, []))[1].extend(into)
    for configuration, members in groups.values():
        for start in range(0, len(members), AT_ONCE):
            before = len(judging.gates)
            judging.judge(configuration, provider, members[start : start + AT_ONCE], progress)
            yield from ((target_of(gate.target), gate) for gate in judging.gates[before:])


def _must_hold_pull_requests(target: Target, root: Subject) -> None:
    if not isinstance(root, Organization | Repository):
        raise Refusal(
            f"{target} is a {root.kind.replace('_', ' ')}: --all-open takes a repository, an organisation or a project. "
            f"To judge one pull request: almguard gate {target}"
        )


def _open(
    judging: Judging,
    provider: Provider,
    root: Subject,
    progress: Progress,
    base: str | None,
    failed: list[PullRequest],
) -> tuple[list[PullRequest], bool]:
    """The open ones into a branch (and those that share a check with one), or into any; stacked ones where they are followed
    to; and whether all were listed. Where that cannot be told they are added to ``failed``.
    """
    whole = True
    progress.total("pull requests", None)
    found: list[PullRequest] = []
    wanted: set[tuple[str, str]] = set()
    try:
        for item in provider.discover(root, frozenset({PullRequest})):
            if isinstance(item, Gap):
                judging.gaps.append(item)
                judging.incomplete = True
                whole = False
            elif isinstance(item, PullRequest):
                progress.advance("pull requests")
                try:
                    landed = judging.landed(provider, item)
                except click.ClickException as failure:
                    judging.failures.append((item.name, failure))
                    failed.append(item)
                    continue
                found.append(landed)
                if base in (None, item.base.branch, landed.base.branch):
                    wanted.add(place_of_check(landed))
    except PlatformError as error:
        judging.failures.append((root.name, from_platform(error)))
        whole = False
    return [one for one in found if place_of_check(one) in wanted], whole


def target_of(subject: Subject) -> Target:
    """The target that names a pull request."""
    if not isinstance(subject, PullRequest):
        raise TypeError(f"{subject.name} is no pull request")
    home = subject.repository
    if subject.platform is Platform.GITHUB:
        owner, _, name = home.name.partition("/")
        return Target(f"github:{subject.name}", subject.platform, owner, repository=name, pull_request=subject.number)
    organization = home.organization.name.partition("/")[0]
    return Target(
        f"ado:{subject.name}",
        subject.platform,
        organization,
        home.organization.project,
        home.short_name,
        pull_request=subject.number,
    )
