"""The hourly allowance of each token, and the headers that tell of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.identity import Token

HOURLY = {"pat": 5_000, "app": 15_000, "actions": 1_000}
HOURLY_POINTS = {"pat": 5_000, "app": 10_000, "actions": 1_000}


class Meter:
    """The allowance of each token, for one resource."""

    def __init__(self, resource: str, limits: dict[str, int]) -> None:
        self.resource = resource
        self._limits = limits
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()
        self._reset = int(time.time()) + 3600

    def spend(self, token: Token, points: int) -> None:
        """Take points off a token's allowance."""
        with self._lock:
            if time.time() > self._reset:
                self._used.clear()
                self._reset = int(time.time()) + 3600
            self._used[token.secret] = self._used.get(token.secret, 0) + points

    def state(self, token: Token) -> dict[str, int]:
        """Limit, used, remaining, and when it begins anew.

        The sandbox counts but never refuses: a limit that bites is asked for as a fault.
        """
        limit = self._limits[token.kind]
        used = self._used.get(token.secret, 0)
        return {"limit": limit, "used": used, "remaining": max(0, limit - used), "reset": self._reset}

    def headers(self, token: Token) -> dict[str, str]:
        """The same as headers."""
        named = {f"x-ratelimit-{name}": str(value) for name, value in self.state(token).items()}
        return {**named, "x-ratelimit-resource": self.resource}


@dataclass
class Meters:
    """The two resources that the sandbox counts."""

    core: Meter = field(default_factory=lambda: Meter("core", HOURLY))
    graphql: Meter = field(default_factory=lambda: Meter("graphql", HOURLY_POINTS))
