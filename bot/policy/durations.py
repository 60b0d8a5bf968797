"""Lengths of time as people write them: ``90s``, ``10m``, ``1h30m``."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(r"(?:(?P<hours>[0-9]{1,4})h)?(?:(?P<minutes>[0-9]{1,4})m)?(?:(?P<seconds>[0-9]{1,5})s)?")


def duration(text: str) -> timedelta:
    """The length of time that a text says. Raises ``ValueError``, which tells what it should look like."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"{text[:50]!r} is no length of time: write 90s, 10m or 1h30m")
    return timedelta(**{unit: int(amount) for unit, amount in found.groupdict(default="0").items()})
