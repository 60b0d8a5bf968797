"""A progress bar on stderr, and only on a terminal."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bot.engine.ports import Progress, Silence

if TYPE_CHECKING:
    from rich.progress import TaskID


class Bar(AbstractContextManager["Bar"]):
    """Shows each phase of long work as a bar of its own; leaves nothing behind."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def total(self, phase: str, amount: int | None) -> None:
        """A phase begins."""
        if phase in self._tasks:
            self._bars.update(self._tasks[phase], total=amount, completed=0)
        else:
            self._tasks[phase] = self._bars.add_task(phase, total=amount)

    def advance(self, phase: str, amount: int = 1) -> None:
        """Some of it is done."""
        if phase in self._tasks:
            self._bars.advance(self._tasks[phase], amount)


class _Quiet(Silence, AbstractContextManager["_Quiet"]):
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def progress() -> AbstractContextManager[Progress]:
    """A bar where somebody can see it, else silence."""
    return Bar() if sys.stderr.isatty() else _Quiet()
