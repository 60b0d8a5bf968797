"""``almguard waivers``: who has waived what and until when, one waiver more, and those that no longer hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.options import AS_OF, CONFIGURATION
from bot.cli.waivers_add import command as add

if TYPE_CHECKING:
    from bot.cli.session import Session
    from bot.model.results import Member, Result
    from bot.policy.configuration import Configuration
    from bot.policy.waivers import Held, Waiver


@click.group("waivers")
def command() -> None:
    """List the waivers, add one, or check whether they still hold."""


command.add_command(add)


@command.command("list")
@CONFIGURATION
@AS_OF
@click.option("--format", "format_", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True)
def list_(config: Path | None, now: datetime | None, format_: str) -> int:
    """List every waiver of a configuration, the one that ends first before the others."""
    from bot.cli.session import session

    with session(now) as opened:
        found = sorted(
            standings(configuration(config, opened), opened.now),
            key=lambda each: (each[0].expires, each[0].entry, each[0].source, each[0].line),
        )
    if format_ == "json":
        _print_json(found)
    else:
        _print_table(found)
    return 0


@command.command("check")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@CONFIGURATION
@AS_OF
def check(targets: tuple[str, ...], config: Path | None, now: datetime | None) -> int:
    """Check that the waivers load and hold: none has ended or lasts longer than its policy allows.

    With targets (``github:acme``, ``ado:acme/Payments/payments``) they are judged, and a waiver that nothing there needs is
    told too. Exit 0: every waiver holds. 1: some do not. 2: a file does not load. 3: not everything could be read.
    """
    from bot.cli.session import session
    from bot.policy.waivers import Standing
    from bot.report.sanitize import plain

    with session(now) as opened:
        chosen = configuration(config, opened)
        found = list(standings(chosen, opened.now))
        needed, unread = _needed(targets, chosen, opened)
    lines = [(w, f"{w.entry}: {held.sentence}") for w, held in found if not held.applies]
    told = {(path, line) for path, line, _ in needed}
    wrong = [(w.source, w.line, said) for w, said in lines if (w.source, w.line) not in told] + needed
    for path, line, said in sorted(wrong):
        click.echo(plain(f"{path}:{line}: {said}"))
    for waiver, held in found:
        if held.standing is Standing.EXPIRING:
            click.echo(plain(f"{waiver.source}:{waiver.line}: {waiver.entry}: {held.sentence} (it still applies)"))
    for reason in unread:
        click.echo(plain(f"not read, so whether a waiver is needed there is not known: {reason}"), err=True)
    if not wrong and not unread:
        click.echo(f"{_count(len(found))}: all hold.")
    return 1 if wrong else 3 if unread else 0


def configuration(config: Path | None, opened: Session) -> Configuration:
    """The configuration that names the waivers. ``Refusal`` with every mistake where it does not load."""
    from bot.cli.failures import Refusal
    from bot.cli.judgement import given_configuration
    from bot.cli.places import found_here

    try:
        found = given_configuration(config or found_here(), opened.fetcher())
    except Refusal as refusal:
        # "… so nothing was judged" is said of runs; here the mistakes alone matter.
        raise Refusal(refusal.message.partition("\n")[2] or refusal.message) from None
    assert found is not None
    return found


def standings(of: Configuration, now: datetime) -> Iterator[tuple[Waiver, Held]]:
    """Every waiver, and how it stands by the limits of its entry's policy."""
    from bot.policy.waivers import standing

    for policy in of.policies:
        for waiver in policy.waivers:
            yield waiver, standing(waiver, now, policy.limits)


def _needed(
    targets: Sequence[str], chosen: Configuration, opened: Session
) -> tuple[list[tuple[str, int, str]], list[str]]:
    """What judging the targets shows of the waivers, each with its file and line; and what could not be read there."""
    from bot.cli.judgement import Judging, target
    from bot.cli.progress import progress
    from bot.model.subjects import Organization
    from bot.policy.compiling import RESERVED

    parsed = [target(text) for text in targets]
    said: dict[tuple[str, int, str], None] = {}
    used: set[str] = set()
    unread: dict[str, None] = {}
    with progress() as bar:
        for one in parsed:
            judging = Judging(opened, "audit", chosen)
            provider, root = judging.resolve(one)
            # Everything below an organisation is all that there is: only there nobody else can need a waiver.
            judging.command = "scan" if isinstance(root, Organization) else "audit"
            judging.judge(judging.using(chosen), provider, judging.below(provider, root, chosen), bar)
            if isinstance(root, Organization):
                judging.note_idle_waivers(root)
            for result in judging.results:
                used |= set(_applied(result))
                for finding in result.findings if result.rule == RESERVED else ():
                    assert finding.location is not None
                    path, line = finding.location.path, finding.location.line or 1
                    said[path, line, f"{finding.message} ({result.subject.name})"] = None
            unread |= dict.fromkeys(f"{gap.name}: {gap.reason}" for gap in judging.gaps)
    # What one target does not need another may.
    return [each for each in said if f"{each[0]}:{each[1]}" not in used], list(unread)


def _applied(judged: Result | Member) -> Iterator[str]:
    """The places of the waivers that cover a result, or something in it."""
    if judged.waiver is not None:
        yield judged.waiver.source
    for member in judged.members:
        yield from _applied(member)


def _print_json(found: Sequence[tuple[Waiver, Held]]) -> None:
    import json

    listed = [
        {
            "entry": waiver.entry,
            "subjects": list(waiver.subjects),
            "when": waiver.condition.text if waiver.condition is not None else None,
            "reason": waiver.reason,
            "compensating_control": waiver.compensating_control,
            "owner": waiver.owner,
            "approver": waiver.approver,
            "ticket": waiver.ticket,
            "expires": waiver.expires.isoformat(),
            "days_left": held.days_left,
            "standing": held.standing.value,
            "applies": held.applies,
            "source": waiver.source,
            "line": waiver.line,
        }
        for waiver, held in found
    ]
    click.echo(json.dumps(listed, indent=2))


def _print_table(found: Sequence[tuple[Waiver, Held]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from bot.report.sanitize import plain

    if not found:
        click.echo("There are no waivers.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("entry", "subject", "owner", "approver", "expires", "days left", "standing"):
        free = heading in ("subject", "owner", "approver")
        table.add_column(
            heading, justify="right" if heading == "days left" else "left", no_wrap=not free, overflow="fold"
        )
    for waiver, held in found:
        subjects = " ".join(waiver.subjects) + (" when …" if waiver.condition is not None else "")
        words = (waiver.entry, subjects, waiver.owner, waiver.approver)
        days = str(held.days_left) if held.days_left >= 0 else "–"
        table.add_row(*map(plain, words), waiver.expires.isoformat(), days, held.standing.words)
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(table)
    lapsed = sum(not held.applies for _, held in found)
    console.print(f"\n{_count(len(found))}" + (f", of which {lapsed} no longer apply." if lapsed else "."))


def _count(waivers: int) -> str:
    return "1 waiver" if waivers == 1 else f"{waivers:,} waivers"
