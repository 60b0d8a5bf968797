"""How many requests are under way at once: one more while answers are good, half as many after a refusal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Passage:
    """One request on its way."""

    round: int
    good: bool = False
    bad: bool = False


class Lanes:
    """A gate whose width changes, shared by all threads that ask one platform."""

    def __init__(self, ceiling: int, start: int | None = None) -> None:
        self._ceiling = ceiling
        self._width = float(start or ceiling)
        self._under_way = 0
        self._round = 0
        self._free = threading.Condition()

    @property
    def width(self) -> int:
        """How many may be under way."""
        return int(self._width)

    @contextmanager
    def passage(self) -> Iterator[Passage]:
        """Wait for a lane, and keep it. Say of the passage how it went: what is neither good nor bad changes nothing."""
        with self._free:
            while self._under_way >= int(self._width):
                self._free.wait()
            self._under_way += 1
            passage = Passage(self._round)
        try:
            yield passage
        finally:
            with self._free:
                self._under_way -= 1
                if passage.bad and passage.round == self._round:
                    # Those that were under way together are refused together: that is one refusal.
                    self._round += 1
                    self._width = max(1.0, self._width / 2)
                elif passage.good:
                    self._width = min(float(self._ceiling), self._width + 1 / self._width)
                self._free.notify_all()
