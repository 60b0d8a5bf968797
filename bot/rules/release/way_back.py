"""What is told of a migration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reversibility(StrEnum):
    """Whether something can be undone."""

    YES = "yes"
    NO = "no"
    UNTOLD = "untold"
    """It could not be understood."""


@dataclass(frozen=True, slots=True)
class WayBack:
    """Whether a migration has a way back, and what says so."""

    reversible: Reversibility
    reason: str
