"""How much is asked for in one query: less where GitHub could not answer it all, and that is remembered for the run."""

from __future__ import annotations

import threading

_PATIENCE = 4
_MOST_PATIENT = 64


class Sizing:
    """A size that is halved where one was too much, and doubled again after smaller ones were answered for a while.

    GitHub refuses a large query now because it is large and now because something else broke. So no failure makes queries small
    for good, and each further attempt at the larger size waits for twice as many answers as the last. Safe between threads.
    """

    def __init__(self, most: int, least: int = 1) -> None:
        self._most = most
        self._least = least
        self._now = most
        self._worked = 0
        self._answered = 0
        self._patience = _PATIENCE
        self._lock = threading.Lock()

    @property
    def now(self) -> int:
        """How much to ask for at most."""
        return self._now

    def doubtful(self, size: int) -> bool:
        """Whether a failure would be one of the size: no nearly so large one was ever answered."""
        return size > self._worked // 2

    def too_much(self, instead: int) -> None:
        """A query was not answered, and one of that size takes its place. Many that were sent together count as one."""
        size = max(self._least, instead)
        with self._lock:
            self._worked = min(self._worked, size)
            self._answered = 0
            if size < self._now:
                self._now = size
                self._patience = min(2 * self._patience, _MOST_PATIENT)

    def answered(self, size: int) -> None:
        """A query of that size was answered."""
        with self._lock:
            self._worked = max(self._worked, size)
            if self._now < self._most and 2 * size > self._now:
                self._answered += 1
                if self._answered >= self._patience:
                    self._now = min(self._most, 2 * self._now)
                    self._answered = 0
