"""What expressions see of one subject: its fields and the facts about it, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.model.facts import Fact, UnknownKind
from bot.model.facts.change import ChangedFiles
from bot.model.subjects import Subject
from bot.policy.vocabulary import HAS, Name, plain, vocabulary


@dataclass(frozen=True, slots=True)
class Undecided:
    """No value, because something that it depends on is not known."""

    reason: str
    kind: UnknownKind = UnknownKind.UNREADABLE
    missing: str = ""
    """The name of the fact that was not loaded, where that is why: ``files``."""


class Document:
    """One subject and its facts, as expressions see them. Values are converted when they are first asked for, once."""

    __slots__ = ("_values", "facts", "now", "subject")

    def __init__(self, subject: Subject, facts: Mapping[str, Fact], now: datetime) -> None:
        self.subject = subject
        self.facts = facts
        self.now = now
        self._values: dict[str, object] = {"now": now}

    @property
    def no_files(self) -> bool:
        """The change is known, and empty."""
        files = self.facts.get(ChangedFiles.name)
        return isinstance(files, ChangedFiles) and not files.files

    def bindings(self, names: Iterable[str]) -> dict[str, object]:
        """Those of the names that have a value."""
        known = self._values
        for name in names:
            if name not in known:
                known[name] = self._value(name)
        return {name: value for name in names if (value := known[name]) is not None}

    def _value(self, name: str) -> object:
        known = vocabulary(type(self.subject))[name.removeprefix(HAS)]
        if known.fact is not None and known.fact.name not in self.facts:
            return None  # What was not read is neither set nor unset.
        value = self._raw(known)
        if name.startswith(HAS):
            return value is not None
        # A name of its own may have the type of time; inside lists times are text.
        return value if isinstance(value, datetime) else plain(value)

    def _raw(self, name: Name) -> object:
        value: object = self.subject if name.fact is None else self.facts[name.fact.name]
        for attribute in name.path:
            if value is None:
                return None
            value = getattr(value, attribute)
        return value


def document(subject: Subject, facts: Mapping[str, Fact], now: datetime) -> Document:
    """What expressions see of a subject. ``facts``: those that were loaded, by their names; others are left out."""
    return Document(subject, facts, now)
