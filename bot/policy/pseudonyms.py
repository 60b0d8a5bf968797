"""Puts pseudonyms in the place of e-mail addresses, everywhere the same one for the same address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass

from pydantic import BaseModel

from bot.policy.configuration import Configuration
from bot.policy.nodes import Json
from bot.rules.declaration import Rule

ADDRESS = r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}"
"""What looks like an address. It begins where a word does, so that a long text is read once."""

KEYS = ("email", "emails")
"""Keys whose values are addresses, whatever they look like: ``ana@localhost``."""


class Pseudonyms:
    """The pseudonyms of one document. ``kept`` are addresses that stay what they are."""

    def __init__(self, kept: Iterable[str] = ()) -> None:
        self._kept = frozenset(address.casefold() for address in kept)
        self._given: dict[str, str] = {}

    def document(self, document: Json) -> Json:
        """The document without addresses, in texts and in keys."""
        known = sorted(set(_declared(document)), key=len, reverse=True)
        pattern = re.compile("|".join([*map(re.escape, known), ADDRESS]), re.IGNORECASE)
        return changed(document, lambda text: pattern.sub(lambda found: self._of(found[0]), text))

    def _of(self, address: str) -> str:
        key = address.casefold()
        if key in self._kept:
            return address
        return self._given.setdefault(key, f"person-{len(self._given) + 1}@example.invalid")


def changed(document: Json, change: Callable[[str], str]) -> Json:
    """The document with every text in it changed, keys included."""
    if isinstance(document, str):
        return change(document)
    if isinstance(document, list):
        return [changed(item, change) for item in document]
    if isinstance(document, dict):
        return {change(key): changed(value, change) for key, value in document.items()}
    return document


def addresses_in(configuration: Configuration) -> frozenset[str]:
    """The addresses that a configuration names: a rule that looks for one would not find its pseudonym."""
    texts = _texts([configuration.policies, configuration.identities, configuration.connections])
    return frozenset(found for text in texts for found in re.findall(ADDRESS, text))


def _declared(document: Json, key: str = "") -> Iterator[str]:
    if isinstance(document, str) and key in KEYS and "@" in document:
        yield document
    elif isinstance(document, list):
        for item in document:
            yield from _declared(item, key)
    elif isinstance(document, dict):
        for name, value in document.items():
            yield from _declared(value, name)


def _texts(value: object) -> Iterator[str]:
    """Every text in what policies are made of; what a rule's own documentation says is none of it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Rule | type):
        return
    elif isinstance(value, BaseModel):
        yield from _texts(value.model_dump())
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _texts(item)
