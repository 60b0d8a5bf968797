"""The payload of an event, as GitHub writes it into a file: data that nobody vouches for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from bot.cli.ci_event import NAME_TARGET, CiError

T = TypeVar("T")

_SHA = re.compile(r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")


class Payload:
    """The event's JSON, asked for value by value; what is not there, or of another type, is a ``CiError`` with its path."""

    def __init__(self, value: object, path: str = "") -> None:
        self.value = value
        self.path = path

    def at(self, *keys: str) -> Payload | None:
        """The value under these keys; None where it, or anything on the way, is absent or null."""
        value: object = self.value
        for key in keys:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return None if value is None else Payload(value, ".".join(filter(None, (self.path, *keys))))

    def text(self, *keys: str) -> str | None:
        """The text there; None where there is none."""
        found = self.at(*keys)
        return found.value if found is not None and isinstance(found.value, str) else None

    def needed_text(self, *keys: str) -> str:
        """The text there, which every payload of this event has."""
        return self._needed(self.text(*keys), "a text", keys)

    def number(self, *keys: str) -> int:
        """The positive number there."""
        found = self.at(*keys)
        value = found.value if found is not None else None
        good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
        return self._needed(value if good and isinstance(value, int) else None, "a positive number", keys)

    def sha(self, *keys: str) -> str:
        """The commit there."""
        value = self.text(*keys)
        return self._needed(value if value and _SHA.match(value) else None, "a commit's SHA", keys)

    def items(self, *keys: str) -> list[Payload]:
        """The list there; empty where there is none."""
        found = self.at(*keys)
        if found is None or not isinstance(found.value, list):
            return []
        return [Payload(item, f"{found.path}[{index}]") for index, item in enumerate(found.value)]

    def _needed(self, value: T | None, what: str, keys: tuple[str, ...]) -> T:
        if value is None:
            path = ".".join(filter(None, (self.path, *keys)))
            raise CiError(f"The event's payload (GITHUB_EVENT_PATH) has no {path}, or it is not {what}. {NAME_TARGET}")
        return value


def payload_of(environ: Mapping[str, str]) -> Payload:
    """The payload of the event that this job was started for. Raises ``CiError``."""
    path = environ.get("GITHUB_EVENT_PATH", "")
    if not path:
        raise CiError(f"GITHUB_EVENT_PATH is not set, so the event's payload cannot be read. {NAME_TARGET}")
    return payload_at(path)


def payload_at(path: str) -> Payload:
    """The payload in a file. Raises ``CiError``."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CiError(
            f"The event's payload at {path} cannot be read: {error.strerror or error}. {NAME_TARGET}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CiError(f"The event's payload at {path} is not JSON: {error}. {NAME_TARGET}") from error
    if not isinstance(value, dict):
        raise CiError(f"The event's payload at {path} is not a JSON object. {NAME_TARGET}")
    return Payload(value)
