"""The runs that ``almguard report`` is asked about: files, and what the store has."""

from __future__ import annotations

import os
from pathlib import Path

from bot.cli.failures import Refusal
from bot.engine.runs import Store
from bot.model.results import Run

LATEST, PREVIOUS = "latest", "previous"
MOST_BYTES = 2_000_000_000
"""A larger file is no report that anybody wants to read whole."""


def from_file(path: Path) -> Run:
    """The run of a JSON report. Raises ``Refusal``."""
    from bot.report.reading import ReportError, read_report

    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refusal(f"{path}: it is larger than {MOST_BYTES:,} bytes")
        return read_report(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise Refusal(f"{path}: it is no JSON: it is not written in UTF-8") from None
    except OSError as error:
        raise Refusal(f"{path}: it cannot be read: {error.strerror or error}") from None
    except ReportError as error:
        raise Refusal(f"{path}: {error}") from None


def is_file(name: str) -> bool:
    """Whether somebody means a file by it, and not a run of the store."""
    return name not in (LATEST, PREVIOUS) and (name.endswith(".json") or os.sep in name or Path(name).is_file())


def from_store(store: Store, name: str) -> Run:
    """The run of an id, or of the beginning of one; ``latest`` and ``previous``. Raises ``Refusal`` and ``StoreError``."""
    if name not in (LATEST, PREVIOUS):
        return store.run(name)
    newest = store.runs(limit=1)
    if not newest:
        raise Refusal("the store has no finished run: 'almguard scan' keeps one")
    latest = store.run(newest[0].id)
    if name == LATEST:
        return latest
    if not latest.history:
        raise Refusal(
            f"the newest run, {latest.id[:8]}, is the first of its targets and options (--since, --shard and "
            "the like make a series of their own): there is no previous one. 'almguard report list' names others."
        )
    return store.run(latest.history[-1].id)
