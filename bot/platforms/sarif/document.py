"""A SARIF file as JSON: every part is asked for by its place, and a mistake names it. A file is data, and may be anything.

Source: SARIF 2.1.0, https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.engine.ports import PlatformError

MOST_BYTES = 50_000_000
MOST_RESULTS = 25_000
"""Of one file; GitHub takes as many in a run."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the file, and where it is."""

    file: str
    pointer: str
    """A JSON pointer: ``/runs/0/results/3``."""
    value: Any

    def wrong(self, what: str) -> PlatformError:
        """A mistake here."""
        return PlatformError(f"{self.file}: {self.pointer or 'the file'}: {what}")

    def get(self, name: str) -> Part | None:
        """What an object has under a name; None: nothing."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"an object is wanted here, not {_kind(self.value)}")
        found = self.value.get(name)
        return None if found is None else Part(self.file, f"{self.pointer}/{_escaped(name)}", found)

    def at(self, *names: str) -> Part | None:
        """What is at the end of several names."""
        here: Part | None = self
        for name in names:
            here = None if here is None else here.get(name)
        return here

    def text(self, *names: str) -> str:
        """A text; empty where there is none."""
        found = self.at(*names)
        if found is None:
            return ""
        if not isinstance(found.value, str):
            raise found.wrong(f"a text is wanted here, not {_kind(found.value)}")
        return found.value.encode(
            "utf-8", "replace"
        ).decode()  # JSON can escape halves of characters, which nobody prints

    def whole(self, *names: str) -> int | None:
        """A whole number."""
        found = self.at(*names)
        if found is None:
            return None
        if not isinstance(found.value, int) or isinstance(found.value, bool):
            raise found.wrong(f"a whole number is wanted here, not {_kind(found.value)}")
        return found.value

    def items(self, *names: str) -> Iterator[Part]:
        """The items of a list; none where there is no list."""
        found = self.at(*names)
        if found is None:
            return
        if not isinstance(found.value, list):
            raise found.wrong(f"a list is wanted here, not {_kind(found.value)}")
        for index, item in enumerate(found.value):
            yield Part(found.file, f"{found.pointer}/{index}", item)

    def item(self, name: str, index: int) -> Part | None:
        """One item of a list; None: it has none there."""
        found = self.get(name)
        if found is None or not isinstance(found.value, list) or not 0 <= index < len(found.value):
            return None
        return Part(found.file, f"{found.pointer}/{index}", found.value[index])

    def choice(self, name: str, among: tuple[str, ...]) -> str:
        """One of some words; empty where there is none."""
        word = self.text(name)
        if word and word not in among:
            found = self.get(name)
            assert found is not None
            raise found.wrong(f"{word[:50]!r} is none of {', '.join(among)}")
        return word


def read(path: Path) -> Part:
    """The file. Raises ``PlatformError`` where it is no SARIF 2.1.0."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)  # what is no plain file tells no size, and may have no end
        if len(raw) > MOST_BYTES:
            raise PlatformError(f"{path}: it is too large: at most {MOST_BYTES:,} bytes are read. Split it.")
        text = raw.decode("utf-8-sig")
    except OSError as wrong:
        raise PlatformError(f"{path}: it cannot be read: {wrong.strerror or wrong}") from None
    except UnicodeDecodeError as wrong:
        raise PlatformError(f"{path}: it is not UTF-8: {wrong.reason} at byte {wrong.start}") from None
    try:
        value = json.loads(text)
    except RecursionError:
        raise PlatformError(f"{path}: it is nested too deeply") from None
    except ValueError as wrong:
        raise PlatformError(f"{path}: it is not JSON: {wrong}") from None
    root = Part(str(path), "", value)
    version = root.text("version")
    if version != "2.1.0":
        said = f"version {version[:20]!r}" if version else "no version"
        raise root.wrong(f"SARIF 2.1.0 is wanted, and it has {said}")
    if root.get("runs") is None:
        raise root.wrong("it has no 'runs'")
    return root


def _kind(value: object) -> str:
    kinds = ((bool, "true or false"), (str, "a text"), (int, "a number"), (float, "a number"), (list, "a list"))
    return next((word for kind, word in kinds if isinstance(value, kind)), "an object" if value else "nothing")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
