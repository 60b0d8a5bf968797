"""How fast requests may follow one another, and how long may be waited in all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Limiter:
    """A bucket of turns that fills at a steady rate, shared by all threads."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._turns = float(burst)
        self._filled_at = time.monotonic()
        self._held_until = 0.0
        self._lock = threading.Lock()

    def turn(self, sleep: Callable[[float], None]) -> None:
        """Take a turn; wait for it outside the lock, so that the order of arrival is kept and nobody blocks the counting."""
        with self._lock:
            now = time.monotonic()
            self._turns = min(self._burst, self._turns + (now - self._filled_at) * self._rate)
            self._filled_at = now
            self._turns -= 1
            wait = -self._turns / self._rate if self._turns < 0 else 0.0
        if wait > 0:
            sleep(wait)

    def hold(self, seconds: float) -> None:
        """The server asks for a pause of everybody."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)

    def held(self) -> float:
        """How many seconds of such a pause are left."""
        return max(0.0, self._held_until - time.monotonic())


class WaitBudget:
    """The seconds that a run may spend waiting. Threads that wait at the same time spend them once."""

    def __init__(self, max_wait: float, on_wait: Callable[[str, float], None], sleep: Callable[[float], None]) -> None:
        self.max_wait = max_wait
        self._on_wait = on_wait
        self._sleep = sleep
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
            now = time.monotonic()
            self._spent += max(0.0, now - max(now - seconds, self._spent_until))
            self._spent_until = max(self._spent_until, now)

    def spend(self, seconds: float, why: str) -> bool:
        """Wait, after saying why; or say at once that it would be too long."""
        with self._lock:
            now = time.monotonic()
            extra = max(0.0, now + seconds - max(now, self._spent_until))
            if self._spent + extra > self.max_wait:
                return False
            self._spent += extra
            self._spent_until = max(self._spent_until, now + seconds)
        self._on_wait(why, seconds)
        self._sleep(seconds)
        return True
