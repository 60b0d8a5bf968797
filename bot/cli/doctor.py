"""``almguard doctor``: what the token can read, what will therefore be unknown, and whether a gate binds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.options import InstantType

if TYPE_CHECKING:
    from bot.cli.judgement import Judging
    from bot.engine.ports import Provider
    from bot.model.subjects import PullRequest, Subject


@dataclass(frozen=True)
class Line:
    """One thing that was looked at."""

    ok: bool | None
    what: str
    detail: str = ""


@click.command("doctor")
@click.argument("target", metavar="TARGET")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), envvar="ALMGUARD_CONFIG")
@click.option("--now", type=InstantType(), envvar="ALMGUARD_NOW", hidden=True)
def command(target: str, config: Path | None, now: datetime | None) -> int:
    """Say what the token may read, which rules will therefore be unknown, and whether the gate binds.

    It reads what the rules would read, and posts nothing. Exit 3 where something cannot be read.
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
        lines = [Line(True, f"{root.name} can be read"), *_readable(judging), *_binding(judging, root)]
    console = Console(highlight=False, markup=False)
    for line in lines:
        mark = {True: "✔", False: "✖", None: "•"}[line.ok]
        console.print(f"{mark} {plain(line.what)}")
        if line.detail:
            console.print(f"    {plain(line.detail)}")
    return 3 if any(line.ok is False for line in lines) else 0


def _open_pull_request(provider: Provider, root: Subject) -> Iterator[PullRequest]:
    """One open pull request of a repository: what the gate's rules read is tried on it."""
    from bot.model.subjects import PullRequest, Repository

    if isinstance(root, Repository):
        yield from islice(
            (s for s in provider.discover(root, frozenset({PullRequest})) if isinstance(s, PullRequest)), 1
        )


def _readable(judging: Judging) -> Iterator[Line]:
    """Each rule: judged, or unknown and why; reasons once."""
    from bot.model.results import Outcome
    from bot.model.subjects import PullRequest

    rules = sorted({result.rule for result in judging.results})
    for rule in rules:
        results = [result for result in judging.results if result.rule == rule]
        reasons = sorted({u.reason for result in results for u in result.unknown if result.outcome is Outcome.UNKNOWN})
        if reasons:
            yield Line(False, f"{rule}: unknown", " · ".join(reasons))
        else:
            yield Line(True, f"{rule}: everything it needs can be read")
    if not rules:
        yield Line(None, "no rule judges this kind of subject")
    elif not any(isinstance(subject, PullRequest) for subject in judging.subjects):
        yield Line(None, "no pull request is open, so what the rules on pull requests can read was not tried")


def _binding(judging: Judging, root: Subject) -> Iterator[Line]:
    """Whether the gate's check is required, and pinned to an app: otherwise it is advice."""
    from bot.engine.loading import Needs, load
    from bot.engine.ports import Known
    from bot.engine.reach import reach
    from bot.model.facts import FactRequest, Loaded, NotSupported, Unavailable
    from bot.model.facts.protection import BranchRules, ClassicProtection
    from bot.model.subjects import Branch, Platform

    branch = reach(root, Branch)
    if not isinstance(branch, Branch) or root.platform is Platform.LOCAL:
        return
    known = Known()
    needs = Needs()
    for fact in (BranchRules, ClassicProtection):
        needs.add(FactRequest(fact), [root])
    load(needs, judging.provider_of(root), known)
    context = next(iter(judging.configurations.values())).gate.context(branch.branch)
    required = []
    hidden = False
    for fact in (BranchRules, ClassicProtection):
        answer = known.answers[fact, branch.id]
        if isinstance(answer, Unavailable):
            hidden = True
            yield Line(
                None, f"whether the check {context!r} is required on {branch.branch} is not visible", answer.reason
            )
        elif not isinstance(answer, NotSupported) and isinstance(answer, Loaded):
            value = answer.value
            assert isinstance(value, BranchRules | ClassicProtection)
            required += [
                check for p in value.protections for check in p.checks if check.name in (context, f"almguard/{context}")
            ]
    if not required:
        yield Line(
            None,
            f"advice only{', as far as this token sees' if hidden else ''}: "
            f"the check {context!r} is not required on {branch.branch}",
            "Make it a required check (GitHub: ruleset; Azure DevOps: status policy) and pin who may post it.",
        )
    elif not any(check.app for check in required):
        yield Line(
            None,
            f"advice only: {context!r} is required, but anyone who can write may post it",
            "Pin the required check to a GitHub App of its own; on Azure DevOps set the status policy's author.",
        )
    else:
        yield Line(True, f"the check {context!r} is required on {branch.branch}, and pinned to who posts it")
