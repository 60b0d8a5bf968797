"""``almguard scan``: every repository of organisations and projects."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.options import MAX_WAIT, cached, common, notifying
from bot.cli.storing import STORE

if TYPE_CHECKING:
    from bot.cli.notifying import Notifying
    from bot.engine.sharding import Shard


class ShardType(click.ParamType["Shard"]):
    """One of several parts: ``3/16``."""

    name = "K/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """Parse it, or say what it should look like."""
        from bot.engine.sharding import Shard, shard

        if isinstance(value, Shard):
            return value
        try:
            return shard(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SinceType(click.ParamType[datetime | timedelta]):
    """An instant, or how long before now: ``7d``, ``12h``."""

    name = "instant|duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime | timedelta:
        """Parse it, or say what it should look like."""
        if isinstance(value, datetime | timedelta):
            return value
        if (match := re.fullmatch(r"([0-9]{1,4})([mhdw])", str(value))) is not None:
            unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[match[2]]
            return timedelta(**{unit: int(match[1])})
        try:
            parsed = datetime.fromisoformat(str(value))
        except ValueError:
            words = "is neither a length of time such as 7d or 12h nor an instant such as 2026-11-02T09:00:00Z"
            self.fail(f"{str(value)[:50]!r} {words}", param, ctx)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@click.command("scan")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "--include",
    "included",
    type=click.Choice(["pull-requests"]),
    multiple=True,
    help="Judge these too; left out otherwise because each costs requests.",
)
@click.option(
    "--repository-policies",
    is_flag=True,
    help="Judge each repository by its own configuration too, over the given one; costs a request each.",
)
@click.option(
    "--shard",
    type=ShardType(),
    help="Judge one of N parts, as in 3/16; 'almguard report merge' puts them together.",
)
@click.option(
    "--since",
    type=SinceType(),
    help="Judge only repositories that were pushed to since: 7d, 12h, or an instant. Settings may have changed in others.",
)
@click.option(
    "--only-changed",
    is_flag=True,
    help="Judge only repositories that were pushed to since the newest complete run of this kind in the store.",
)
@STORE
@click.option("--no-store", is_flag=True, help="Keep nothing: an interrupted scan begins anew.")
@click.option("--fresh", is_flag=True, help="Begin anew, though an interrupted scan could be resumed.")
@click.option("--batch", type=click.IntRange(min=1), hidden=True, help="How many repositories are judged together.")
@MAX_WAIT
@notifying
@cached
@common
def command(
    targets: tuple[str, ...],
    included: tuple[str, ...],
    repository_policies: bool,
    shard: Shard | None,
    since: datetime | timedelta | None,
    only_changed: bool,
    store_address: str | None,
    no_store: bool,
    fresh: bool,
    batch: int | None,
    max_wait: timedelta,
    notify: Notifying | None,
    cache: Path | None,
    config: Path | None,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    exit_zero: bool,
    now: datetime | None,
    verbose: bool,
) -> int:
    """Judge every repository of organisations and projects: ``almguard scan github:acme ado:acme/Payments``.

    What is judged is kept as it goes: a scan that was interrupted goes on when the same command is run again. A scan that
    could not see everything says so, and exits 3.
    """
    from bot.cli.judgement import Judging, code_of, given_configuration, target
    from bot.cli.output import emit
    from bot.cli.progress import progress
    from bot.cli.scanning import scan
    from bot.cli.session import session
    from bot.cli.storing import KEPT, store
    from bot.cli.wishes import Wish, normal
    from bot.engine.runs import StoreError
    from bot.engine.verdict import decide
    from bot.model.results import Spent

    if since is not None and only_changed:
        raise click.UsageError("--since and --only-changed each say what to leave out: give one of them.")
    if only_changed and no_store:
        raise click.UsageError("--only-changed compares with an earlier run in the store: give it without --no-store.")
    wish = Wish(
        targets=list({normal(each): each for each in map(target, targets)}.values()),
        pull_requests="pull-requests" in included,
        repository_policies=repository_policies,
        shard=shard,
        since=since,
        only_changed=only_changed,
        now=now,
        fresh=fresh,
        batch=batch,
    )
    with (
        session(now, cache=cache, max_wait=max_wait, spread=True) as opened,
        store(store_address, keep=not no_store) as kept,
    ):
        judging = Judging(opened, "scan", given_configuration(config, opened.fetcher()))
        try:
            with progress() as bar:
                done, run = scan(opened, kept, judging, wish, bar)
                before = opened.spent()
                notified = None
                if notify is not None:
                    from bot.cli.notifying import notify as bring_up_to_date

                    run, notified = bring_up_to_date(run, done.configuration, opened, notify, bar)
        except KeyboardInterrupt:
            if not no_store:
                click.echo("almguard: what was judged is kept; the same command goes on from there.", err=True)
            raise
        # What was sent since it was kept.
        later = {name: spent - before.get(name, Spent()) for name, spent in opened.spent().items()}
        run = replace(
            run, spent={**run.spent, **{name: run.spent.get(name, Spent()) + each for name, each in later.items()}}
        )
        on_unknown = done.on_unknown()
        run = replace(run, lenient=frozenset(kind for kind, how in on_unknown.items() if how == "warn"))
        emit(run, format_, outputs, verbose=verbose)
        if not no_store:
            there = " with the same --store" if store_address else ""
            click.echo(
                f"almguard: kept as run {run.id[:8]}: 'almguard report show {run.id[:8]} --output report.html'{there} makes a "
                "page of it.",
                err=True,
            )
        verdict = decide(run.results, on_unknown)
        if not store_address and not no_store:
            # Nobody looks after the user's own file.
            try:
                kept.retain(runs=KEPT)
            except StoreError as error:
                click.echo(f"almguard: old runs are not forgotten: {error}", err=True)
        if notified is not None and notified.interrupted:
            raise KeyboardInterrupt
        failed = notified is not None and notified.failed
        return code_of(verdict, incomplete=not run.complete or failed, exit_zero=exit_zero)
