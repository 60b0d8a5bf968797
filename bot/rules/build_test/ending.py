"""How a check on the head has ended, in words: what rules about checks say alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from bot.model.facts.change import Check, CheckState
from bot.model.findings import Evidence, Finding

NOT_JUDGED = (CheckState.SKIPPED, CheckState.NEUTRAL)
"""States of a check that ended without judging."""

_STATES = (
    CheckState.SUCCESS,
    CheckState.NEUTRAL,
    CheckState.SKIPPED,
    CheckState.PENDING,
    CheckState.CANCELLED,
    CheckState.FAILURE,
)
"""From best to worst."""


def newest(checks: Iterable[Check]) -> Iterator[Check]:
    """Of the runs of one check (name, app, event) the newest; one whose time is not known is never left out."""
    groups: dict[tuple[str, str | None, str | None, str | None], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.name, check.app, check.event, check.workflow_path or check.workflow), []).append(check)
    for group in groups.values():
        latest = max((time for check in group if (time := _since(check)) is not None), default=None)
        standing = [check for check in group if (time := _since(check)) is None or time == latest]
        yield max(
            standing, key=lambda check: (_STATES.index(check.state), check.at or datetime.min.replace(tzinfo=UTC))
        )


def _since(check: Check) -> datetime | None:
    return check.began or check.at


def is_called(check: Check, name: str) -> bool:
    """Whether a check bears a name of the policy: to the letter, for brackets are often meant, or as a glob."""
    return check.name == name or fnmatchcase(check.name, name)


def seen(check: Check, what: str) -> Evidence:
    """A check as evidence."""
    return Evidence(what, f"{check.name}: {word(check)}", check.url, check.at, check.state is CheckState.SUCCESS)


def running(check: Check, what: str, evidence: Evidence) -> Finding:
    """It has not ended: time cures that. ``what`` is the check as the rule calls it."""
    return Finding(
        f"{what} has not ended.",
        "Wait until it has ended.",
        (evidence,),
        awaiting=True,
        discriminator=check.name,
        checks=(check.name,),
    )


def unsuccessful(check: Check, what: str, evidence: Evidence) -> Finding:
    """It has failed, or was cancelled."""
    fix = f"Open the run{f' at {check.url}' if check.url else ''}, cure what it reports, or run it again."
    return Finding(f"{what} ended with {word(check)}{on(check)}.", fix, (evidence,), discriminator=check.name)


def word(check: Check) -> str:
    """The platform's own word for the state, where it gave one."""
    return check.detail or check.state.value


def on(check: Check) -> str:
    """The event that started it, to be put behind what is said of it."""
    return f" on {check.event}" if check.event else ""
