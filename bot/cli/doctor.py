"""``almguard doctor``: what the token can read, what will therefore be unknown, and whether a gate binds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.options import InstantType
from bot.engine.binding import State, Statement

if TYPE_CHECKING:
    from bot.cli.judgement import Judging
    from bot.engine.ports import Provider
    from bot.model.subjects import Branch, PullRequest, Subject

SIGNS = {State.FINE: "✔", State.ADVICE: "!", State.NOTE: "•", State.UNKNOWN: "?", State.UNREADABLE: "✖"}
MOST_PULL_REQUESTS = 100
MOST_BRANCHES = 100


@click.command("doctor")
@click.argument("target", metavar="TARGET")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), envvar="ALMGUARD_CONFIG")
@click.option("--now", type=InstantType(), envvar="ALMGUARD_NOW", hidden=True)
def command(target: str, config: Path | None, now: datetime | None) -> int:
    """Say what the token may read, which rules will therefore be unknown, and whether the gate binds.

    It reads what the rules would read, and posts nothing. Exit 0, also where the gate is advice only; 3 where a rule lacks
    something that it needs, or where it cannot be told whether the gate binds.
    """
    from rich.console import Console

    from bot.cli.judgement import Judging, given_configuration
    from bot.cli.judgement import target as parse_target
    from bot.cli.progress import progress
    from bot.cli.session import session
    from bot.report.sanitize import plain

    parsed = parse_target(target)
    with session(now) as opened, progress() as bar:
        judging = Judging(opened, "audit", given_configuration(config, opened.fetcher()))
        provider, root = judging.resolve(parsed)
        configuration = judging.configuration_for(provider, root)
        subjects = [*judging.below(provider, root, configuration), *_open_pull_request(provider, root)]
        judging.judge(configuration, provider, subjects, bar)
        statements = [
            Statement(State.FINE, f"{root.name} can be read"),
            *_readable(judging, root),
            *_binding(judging, root),
        ]
    console = Console(highlight=False, markup=False)
    for one in statements:
        console.print(f"{SIGNS[one.state]} {plain(one.what)}")
        if one.detail:
            console.print(f"    {plain(one.detail)}")
    return 3 if any(one.state in (State.UNREADABLE, State.UNKNOWN) for one in statements) else 0


def _open_pull_request(provider: Provider, root: Subject) -> Iterator[PullRequest]:
    """One open pull request of a repository: what the gate's rules read is tried on it."""
    from bot.model.subjects import PullRequest, Repository

    if isinstance(root, Repository):
        yield from islice(
            (s for s in provider.discover(root, frozenset({PullRequest})) if isinstance(s, PullRequest)), 1
        )


def _readable(judging: Judging, root: Subject) -> Iterator[Statement]:
    """Each rule: judged, or unknown and why; reasons once. And what was not tried."""
    from bot.model.results import Outcome
    from bot.model.subjects import Organization, PullRequest, Repository

    rules = sorted({result.rule for result in judging.results})
    for rule in rules:
        results = [result for result in judging.results if result.rule == rule]
        reasons = sorted({u.reason for result in results for u in result.unknown if result.outcome is Outcome.UNKNOWN})
        if reasons:
            yield Statement(State.UNREADABLE, f"{rule}: unknown", " · ".join(reasons))
        else:
            yield Statement(State.FINE, f"{rule}: everything it needed was read")
    if not rules:
        yield Statement(State.NOTE, "no rule judges this kind of subject")
    tried = next((one for one in judging.subjects if isinstance(one, PullRequest)), None)
    if isinstance(root, Organization):
        yield Statement(
            State.NOTE,
            "the rules on pull requests, and whether the gate binds, were not tried",
            "Name a repository or a pull request.",
        )
    elif isinstance(root, Repository) and tried is not None:
        yield Statement(
            State.NOTE,
            f"the rules on pull requests were tried on {tried.name} alone",
            "Another one may need more: one that links a work item, say. Name it to try it.",
        )
    elif isinstance(root, Repository) and rules:
        yield Statement(
            State.NOTE, "no pull request is open, so what the rules on pull requests can read was not tried"
        )


def _binding(judging: Judging, root: Subject) -> Iterator[Statement]:
    """Whether the gate binds on each branch that matters: the base of a pull request; of a repository the default branch,
    those that open pull requests go into, and those that are protected.
    """
    import os

    from bot.engine.binding import FACTS, authors, binding, is_protected
    from bot.engine.loading import Needs, load
    from bot.engine.ports import Known
    from bot.model.facts import FactRequest

    provider = judging.provider_of(root)
    mattering, others = _branches(provider, root)
    branches = [*mattering, *others]
    if not branches:
        return
    known, needs = Known(), Needs()
    for fact in FACTS:
        needs.add(FactRequest(fact), branches)
    load(needs, provider, known)
    gate = next(iter(judging.configurations.values())).gate
    shown = [*mattering, *(branch for branch in others if is_protected(branch, known))]
    names = _names(provider, sorted({one for branch in shown for one in authors(branch, known)}))
    for branch in shown:
        context = gate.context(branch.branch)
        yield from binding(branch, context, known, app_id=os.environ.get("ALMGUARD_APP_ID"), names=names)


def _branches(provider: Provider, root: Subject) -> tuple[list[Branch], list[Branch]]:
    """The branches whose protection matters, and those where it does if they have any."""
    from bot.engine.reach import reach
    from bot.model.subjects import Branch, Platform, PullRequest, Repository

    first = reach(root, Branch)
    if not isinstance(first, Branch) or root.platform is Platform.LOCAL:
        return [], []
    mattering = {first.id: first}
    others: dict[str, Branch] = {}
    if isinstance(root, Repository):
        found = islice(provider.discover(root, frozenset({PullRequest})), MOST_PULL_REQUESTS)
        mattering.update({one.base.id: one.base for one in found if isinstance(one, PullRequest)})
        listed = islice(provider.discover(root, frozenset({Branch})), MOST_BRANCHES)
        others = {one.id: one for one in listed if isinstance(one, Branch) and one.id not in mattering}
    return list(mattering.values()), list(others.values())


def _names(provider: Provider, ids: Sequence[str]) -> Mapping[str, str]:
    """What people call those who may post statuses; on GitHub the required check says it itself."""
    from bot.model.subjects import Platform

    if provider.platform is not Platform.AZURE_DEVOPS:
        return {}
    from bot.platforms.azure_devops.provider import AzureDevOpsProvider

    assert isinstance(provider, AzureDevOpsProvider)
    return provider.display_names(ids)
