"""Policies on a terminal: as they hold after inheritance, and which of them a subject falls under."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.engine.selection import Held, Selection
from bot.policy.configuration import Configuration
from bot.policy.effective import effective
from bot.report.sanitize import log_line

WIDTH = 72
"""The column that the origins stand in, where the line is not longer."""


def merged(configuration: Configuration) -> Iterator[str]:
    """Each policy as YAML, every line with its origin as a comment."""
    for policy in configuration.policies:
        order = " < ".join((*policy.parents, policy.source))
        yield log_line(f"# {policy.name}: {order}", 1_000)
        for line in effective(policy):
            text = log_line(line.text, 2_000) if line.text.strip() else ""
            indent = line.text[: len(line.text) - len(line.text.lstrip(" "))]
            shown = indent + text.lstrip(" ")
            yield f"{shown:<{WIDTH}} # {log_line(line.origin, 300)}" if line.origin else shown
        yield ""


def selected(selections: Iterable[Selection]) -> Iterator[str]:
    """Which policies and entries apply, and why the others do not."""
    subject = ""
    for each in selections:
        if each.subject.id != subject:
            subject = each.subject.id
            yield log_line(f"{each.subject.kind.replace('_', ' ')} {each.subject.name}", 300)
        yield f"  {_sign(each.selected)} policy {log_line(each.policy.name, 200)} ({log_line(each.policy.source, 300)})"
        yield from (f"      {_line(key)}" for key in each.keys)
        yield from (f"    {_line(entry)}" for entry in each.entries)


def _line(held: Held) -> str:
    why = f": {log_line(held.why, 600)}" if held.why else ""
    return f"{_sign(held.holds)} {log_line(held.name, 300)}{why}"


def _sign(holds: bool | None) -> str:
    return {True: "+", False: "-", None: "?"}[holds]
