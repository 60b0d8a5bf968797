"""What a gate says of one line of a file that the pull request changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave an annotation is, in the words that GitHub has for it."""

    FAILURE = "failure"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A finding at its place. Its texts are bounded, and hold nothing that a reader of plain text takes for a command."""

    path: str
    """From the root of the repository, as the change writes it."""
    line: int | None
    """None: the file as a whole."""
    level: Level
    entry: str
    """The key of the policy's entry: ``payments/code-alerts``."""
    title: str
    message: str
    """Plain text: what is wrong, then what to do."""
    markdown: str
    """The same for a place that renders Markdown."""
    key: str
    """The same for the same finding in the same file, whatever line it has moved to."""
