"""How fast requests may follow one another, and how long may be waited in all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Limiter:
    """A bucket of turns that fills at a steady rate, shared by all threads."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._turns = float(burst)
        self._clock = clock
        self._filled_at = clock()
        self._lock = threading.Lock()

    def turn(self, sleep: Callable[[float], None]) -> None:
        """Take a turn; wait for it outside the lock, so that the order of arrival is kept and nobody blocks the counting."""
        with self._lock:
            now = self._clock()
            self._turns = min(self._burst, self._turns + (now - self._filled_at) * self._rate)
            self._filled_at = now
            self._turns -= 1
            wait = -self._turns / self._rate if self._turns < 0 else 0.0
        if wait > 0:
            sleep(wait)


_NEW = 0.2
"""The part of a wait that must be more than others wait already, for it to be told of."""


class WaitBudget:
    """The seconds that a run may spend waiting. Threads that wait at the same time spend them once."""

    def __init__(
        self,
        max_wait: float,
        on_wait: Callable[[str, float], None],
        sleep: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_wait = max_wait
        self._on_wait = on_wait
        self._sleep = sleep
        self._clock = clock
        self._spent = 0.0
        self._spent_until = 0.0
        self._lock = threading.Lock()

    @property
    def spent(self) -> float:
        """Seconds waited so far."""
        return self._spent

    def charge(self, seconds: float) -> None:
        """Seconds that have just been waited for an answer that did not come."""
        with self._lock:
            now = self._clock()
            self._spent += max(0.0, now - max(now - seconds, self._spent_until))
            self._spent_until = max(self._spent_until, now)

    @property
    def left(self) -> float:
        """Seconds that may still be waited."""
        return max(0.0, self.max_wait - self._spent)

    def spend(self, seconds: float, why: str, *, quiet: bool = False) -> bool:
        """Wait, after saying why (unless it was said before); or say at once that it would be too long."""
        with self._lock:
            now = self._clock()
            extra = max(0.0, now + seconds - max(now, self._spent_until))
            if self._spent + extra > self.max_wait:
                return False
            quiet = quiet or extra < seconds * _NEW  # others wait already, and have said so
            self._spent += extra
            self._spent_until = max(self._spent_until, now + seconds)
        if not quiet:
            self._on_wait(why, seconds)
        self._sleep(seconds)
        return True
