"""What one credential may still ask for, as the platform tells with each answer, and when to wait before it says no.

GitHub counts requests (``core``) and points of GraphQL apart, by the hour, and has secondary limits that it tells of only by
refusing. Azure DevOps counts what requests cost it (TSTU) over five minutes, delays whoever comes near, and refuses late.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.model.subjects import Platform
from bot.platforms.answers import Limited, Told
from bot.platforms.pacing import Limiter

_LOW = {Platform.GITHUB: 0.1, Platform.AZURE_DEVOPS: 0.25}
"""The part of an allowance below which requests are spread over the time until it is whole again."""
_LONGEST_PAUSE = {Platform.AZURE_DEVOPS: 5.0}
"""Seconds between two requests that are spread: a sliding allowance comes back bit by bit."""
_FIRST_PAUSE = 60.0
"""Per GitHub's documentation: without a word on how long, wait at least a minute, and longer each time."""
_LONGEST_SECONDARY = 960.0


@dataclass(slots=True)
class _Allowance:
    limit: int
    remaining: int
    until: float
    """When it begins anew, by the clock."""
    reset: float
    """The same as an instant."""
    cost: int = 1
    slot: float = 0.0
    """When the next of the requests that are spread may be sent."""
    told: bool = False
    """Whether it was said that requests are spread."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait before the next request."""

    seconds: float
    why: str
    must: bool
    """Whether asking without it is in vain."""
    quiet: bool = False
    """Whether it was said before, and is only more of the same."""


class Governor:
    """Of one credential, for all threads."""

    def __init__(self, platform: Platform, limiter: Limiter, clock: Callable[[], float]) -> None:
        self.limiter = limiter
        self._low = _LOW.get(platform, 0.0)
        self._longest = _LONGEST_PAUSE.get(platform, float("inf"))
        self._bites = platform is not Platform.AZURE_DEVOPS
        self._clock = clock
        self._allowances: dict[str, _Allowance] = {}
        self._held_until = 0.0
        self._struck_at = float("-inf")
        self._strikes = 0
        self._lock = threading.Lock()

    def told(self, told: Told) -> None:
        """What an answer says is left."""
        now = self._clock()
        with self._lock:
            known = self._allowances.get(told.resource)
            if known is None or now >= known.until or told.reset > known.reset + 1:
                self._allowances[told.resource] = _Allowance(told.limit, told.remaining, now + told.seconds, told.reset)
            elif told.reset >= known.reset - 1:  # answers overtake one another: the least is the newest
                known.remaining = min(known.remaining, told.remaining) if self._bites else told.remaining

    def cost(self, resource: str, points: int) -> None:
        """What a request took."""
        with self._lock:
            if (known := self._allowances.get(resource)) is not None:
                known.cost = max(1, (known.cost + points + 1) // 2)

    def hold(self, seconds: float) -> None:
        """The server asks for a pause of everybody."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def limited(self, limited: Limited, sent_at: float) -> float:
        """A request was refused for a limit: how long to wait. What was sent before the last refusal is part of that one."""
        with self._lock:
            now = self._clock()
            if sent_at >= self._struck_at:
                self._struck_at = now
                self._strikes += 1
            seconds = limited.seconds
            if limited.secondary and not limited.asked:
                seconds = min(_FIRST_PAUSE * 2 ** (self._strikes - 1), _LONGEST_SECONDARY)
            self._held_until = max(self._held_until, now + seconds)
        return seconds

    def well(self, sent_at: float) -> None:
        """A request was answered: the limit that was met before it was sent, if any, is over."""
        if sent_at >= self._struck_at:
            self._strikes = 0

    def waited(self, until: float) -> None:
        """What was to be waited for until then has been."""
        with self._lock:
            if self._held_until <= until:
                self._held_until = 0.0
            for resource, known in list(self._allowances.items()):
                if known.remaining <= 0 and known.until <= until:
                    del self._allowances[resource]

    def spent(self, resource: str) -> float:
        """Seconds until it can be used again; 0: now."""
        now = self._clock()
        known = self._allowances.get(resource)
        wall = known.until - now if known is not None and known.remaining <= 0 and self._bites else 0.0
        return max(0.0, self._held_until - now, wall)

    def pause(self, resource: str, host: str, allowed: float) -> Pause | None:
        """The wait before a request for this resource, which is then taken off; None: go.

        ``allowed`` is what may still be waited. Requests are spread only where that is enough until the allowance is new:
        else what is left is used at once.
        """
        with self._lock:
            now = self._clock()
            if self._held_until > now:
                return Pause(self._held_until - now, f"{host} asks for fewer requests", must=True)
            known = self._allowances.get(resource)
            if known is None or now >= known.until:
                return None
            left = known.until - now
            at = f"{datetime.fromtimestamp(known.reset, UTC):%H:%M:%S} UTC"
            if known.remaining <= 0 and self._bites:
                return Pause(left, f"{host} gives no more of {known.limit} ({resource}) until {at}", must=True)
            low = known.remaining <= known.limit * self._low and left <= allowed
            remaining, known.remaining = known.remaining, max(0 if self._bites else 1, known.remaining - known.cost)
            if not low:
                return None
            spacing = min(self._longest, left * known.cost / max(1, remaining))
            known.slot = min(max(now, known.slot) + spacing, known.until)
            quiet, known.told = known.told, True
            why = f"{remaining} of {known.limit} ({resource}) are left at {host} until {at}; going slowly"
            return Pause(known.slot - now, why, must=False, quiet=quiet)
