"""``--sarif FILE``: results that a gate or an audit goes by in place of the platform's alerts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.failures import Refusal, from_platform
from bot.engine.ports import FactSource, Known, PlatformError
from bot.model.facts.alerts import CodeAlerts, IntroducedAlerts

if TYPE_CHECKING:
    from bot.cli.wanted import Wanted

Around = Callable[[FactSource, datetime], FactSource]
"""Puts something in front of a platform."""

SARIF = click.option(
    "--sarif",
    "sarif",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Go by the results of this SARIF file in place of the platform's alerts; may be given several times.",
)
_ROOTS = ("GITHUB_WORKSPACE", "BUILD_SOURCESDIRECTORY")
"""Where CI systems check a repository out."""
_COMMITS = ("GITHUB_SHA", "BUILD_SOURCEVERSION")
"""The commit that they check out: for a pull request the merge that was tried."""
_OF_THE_CHANGE = ("pull_request", "pull_request_review", "pull_request_review_comment", "PullRequest")
"""The events after which that is so; after others, `pull_request_target` and `check_suite` say, it is the base."""


def as_is(source: FactSource, now: datetime) -> FactSource:
    """Nothing in front of the platform."""
    del now
    return source


def asks_for_alerts(known: Known) -> bool:
    """Whether anything that was judged has asked for what the files tell."""
    return any(kind in (IntroducedAlerts, CodeAlerts) for kind, _ in known.answers)


def given_results(
    paths: Sequence[Path], wanted: Wanted | None = None, environ: Mapping[str, str] = os.environ
) -> Around:
    """The files' results in front of a platform. ``wanted`` says what a CI job was started for."""
    from bot.platforms.sarif.results import read_runs
    from bot.platforms.sarif.source import MadeOf, Reported

    if not paths:
        return as_is
    homes = tuple(filter(None, (environ.get(name) for name in _ROOTS)))
    checkouts = tuple(map(Path, homes))
    made_of = MadeOf(checkouts=checkouts)
    if wanted is not None:
        if wanted.every or wanted.search or len(wanted.targets) > 1:
            raise Refusal("--sarif is about one commit: judge one pull request with it.")
        if wanted.event is not None and wanted.targets and wanted.targets[0].commit:
            told = _COMMITS if wanted.event.event in _OF_THE_CHANGE else ()
            commits = frozenset(filter(None, (environ.get(name) for name in told)))
            made_of = MadeOf(wanted.targets[0].commit, commits, checkouts)
    roots = [*homes, os.getcwd()]
    try:
        runs = read_runs(paths, [root.replace("\\", "/") for root in roots])
    except PlatformError as wrong:
        raise from_platform(wrong) from None
    return lambda source, now: Reported(source, runs, made_of, now)
