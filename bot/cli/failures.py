"""Errors in words: what a person is told when a command cannot go on."""

from __future__ import annotations

import click

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind

LONGEST_LINE = 2_000


class Refusal(click.ClickException):
    """A command cannot do what was asked: wrong usage or configuration. Exit code 2."""

    exit_code = 2


class Unread(click.ClickException):
    """The platform could not be read, so there is no verdict. Exit code 3."""

    exit_code = 3


def from_platform(error: PlatformError) -> click.ClickException:
    """A platform's refusal: usage where the request was wrong, unread where the answer could not be had."""
    text = redacted(str(error))
    return Refusal(text) if error.kind is None else Unread(text)


def redacted(text: str) -> str:
    """A text without anything that is, or looks like, a credential."""
    from bot.platforms.redaction import redact

    return redact(text)


def harmless(text: str) -> str:
    """A message without credentials, whose lines no CI system's log reader takes for commands: it may quote anything."""
    from bot.report.sanitize import log_line

    lines = redacted(text).split("\n")
    return "\n".join(line[: len(line) - len(line.lstrip(" "))] + log_line(line, LONGEST_LINE) for line in lines)


def explained(error: Exception) -> str:
    """What to say about an error that no command answers for itself: a broken package of rules, or one that nobody foresaw."""
    from bot.rules.registry import PackageError

    if isinstance(error, PackageError):
        return redacted(str(error))
    words = redacted(f"{type(error).__name__}: {error}".strip())
    if isinstance(error, PlatformError) and error.kind is not UnknownKind.TRANSIENT:
        return words
    return f"{words}\nThis is an error in almguard itself. ALMGUARD_DEBUG=1 shows where; please report it with that."
