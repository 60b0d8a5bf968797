"""Finds every rule: the modules of this package, and what others registered by the entry point ``almguard.rules``."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

import bot.rules
from bot.rules.declaration import Rule, declared

ENTRY_POINT = "almguard.rules"


@cache
def _modules() -> tuple[str, ...]:
    """The modules of this package, without importing those in the family folders."""
    return tuple(found.name for found in pkgutil.walk_packages(bot.rules.__path__, "bot.rules.") if not found.ispkg)


@cache
def rules() -> Mapping[str, Rule]:
    """All rules by id, sorted. An entry point names a module, and importing it declares its rules."""
    for module in _modules():
        importlib.import_module(module)
    for point in entry_points(group=ENTRY_POINT):
        point.load()
    return dict(sorted(declared().items()))


def find(rule_id: str) -> Rule | None:
    """The rule of that id or former id.

    A module of this package is named as its rule, so one that is asked for by its id is found without importing the others.
    """
    own = f".{rule_id.replace('-', '_')}"
    for module in _modules():
        if module.endswith(own):
            importlib.import_module(module)
            if rule_id in declared():
                return declared()[rule_id]
    known = rules()
    if rule_id in known:
        return known[rule_id]
    return next((rule for rule in known.values() if rule_id in rule.aliases), None)


def suggest(rule_id: str) -> str | None:
    """The rule's id that was probably meant."""
    close = difflib.get_close_matches(rule_id, rules(), n=1)
    return close[0] if close else None
