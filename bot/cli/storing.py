"""Where runs are kept: the store that is named, the user's own, or one that is gone when the command ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bot.cli.failures import Refusal

if TYPE_CHECKING:
    from bot.engine.runs import Store

F = TypeVar("F", bound=Callable[..., Any])

KEPT = 30
"""How many finished runs of each series stay in the user's own file; a store that somebody names is theirs to clear."""

STORE = click.option(
    "--store",
    "store_address",
    metavar="PATH|URL",
    envvar="ALMGUARD_STORE",
    help="Where runs are kept: an SQLite file, or the address of a PostgreSQL database, where they stay until 'almguard report "
    f"forget'. Default: a file of the user's own, where the newest {KEPT} of each series stay.",
)
"""For commands that read or keep runs."""


@contextmanager
def store(address: str | None, *, keep: bool = True) -> Iterator[Store]:
    """The store, opened; not ``keep``: a new one that is deleted at the end. Raises ``Refusal`` where it cannot be used."""
    from bot.engine.runs import StoreError
    from bot.store import opened

    with TemporaryDirectory(prefix="almguard-", ignore_cleanup_errors=True) as folder:
        place = (address or str(usual_place(os.environ))) if keep else str(Path(folder) / "runs.db")
        try:
            found = opened(place)
            try:
                yield found
            finally:
                found.close()
        except StoreError as error:
            raise Refusal(str(error)) from None


def usual_place(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The file of the user's own, in the folder that the system has for state."""
    home = Path.home()
    if platform == "win32":
        folder = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        folder = Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return folder / "almguard" / "almguard.db"
