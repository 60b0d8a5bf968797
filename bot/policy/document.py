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

    __slots__ = ("_known", "_values", "facts", "now", "subject", "untold")

    def __init__(
        self, subject: Subject, facts: Mapping[str, Fact], now: datetime, untold: Mapping[str, str] | None = None
    ) -> None:
        self.subject = subject
        self.facts = facts
        self.now = now
        self.untold = untold or {}
        """Fields of the subject that are not known, each with why."""
        self._known = vocabulary(type(subject))
        self._values: dict[str, object] = {"now": now}

    @property
    def no_files(self) -> bool:
        """The change is known, and empty."""
        files = self.facts.get(ChangedFiles.name)
        return isinstance(files, ChangedFiles) and not files.files

    def bindings(self, names: Iterable[str]) -> dict[str, object]:
        """Those of the names that have a value."""
        values, found = self._values, {}
        for name in names:
            if name in values:
                value = values[name]
            else:
                value = values[name] = self._value(name)
            if value is not None:
                found[name] = value
        return found

    def _value(self, name: str) -> object:
        asked = name.startswith(HAS)
        known = self._known[name.removeprefix(HAS) if asked else name]
        if known.fact is not None and known.fact.name not in self.facts:
            return None  # What was not read is neither set nor unset.
        if self.why_untold(known):
            return None
        value = self._raw(known)
        if asked:
            return value is not None
        # A name of its own may have the type of time; inside lists times are text.
        return value if isinstance(value, datetime) else plain(value)

    def why_untold(self, name: Name) -> str:
        """Why the field of the subject that the name stands for is not known; empty: it is."""
        return self.untold.get(name.path[0], "") if name.fact is None and name.path else ""

    def _raw(self, name: Name) -> object:
        value: object = self.subject if name.fact is None else self.facts[name.fact.name]
        for attribute in name.path:
            if value is None:
                return None
            value = getattr(value, attribute)
        return value


def document(
    subject: Subject, facts: Mapping[str, Fact], now: datetime, untold: Mapping[str, str] | None = None
) -> Document:
    """What expressions see of a subject. ``facts``: those that were loaded, by their names; others are left out. ``untold``:
    fields of the subject that are not known, with why.
    """
    return Document(subject, facts, now, untold)
