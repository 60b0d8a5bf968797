"""Finds every rule: the modules of this package, and what others registered by the entry point ``almguard.rules``."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import bot.rules
from bot.rules.declaration import Rule, declared, withdraw

ENTRY_POINT = "almguard.rules"


class PackageError(Exception):
    """An installed package of rules cannot be used. Its rules are never left out quietly: a policy may count on them."""


@cache
def _modules() -> tuple[str, ...]:
    """The modules of this package, without importing those in the family folders."""
    return tuple(found.name for found in pkgutil.walk_packages(bot.rules.__path__, "bot.rules.") if not found.ispkg)


@cache
def rules() -> Mapping[str, Rule]:
    """All rules by id, sorted. Raises ``PackageError`` where a package of somebody else's rules is broken."""
    for module in _modules():
        importlib.import_module(module)
    for point in entry_points(group=ENTRY_POINT):
        _load(point)
    return dict(sorted(declared().items()))


def find(rule_id: str) -> Rule | None:
    """The rule of that id or former id.

    A module of this package is named as its rule, so one that is asked for by its id is found without importing the others.
    """
    if rule_id in declared():
        return declared()[rule_id]
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


def canonical(name: str) -> str:
    """The id of the rule of that name or former name; a name that no rule has is left as it is."""
    found = find(name)
    return name if found is None else found.id


def suggest(rule_id: str) -> str | None:
    """The rule's id that was probably meant."""
    close = difflib.get_close_matches(rule_id, rules(), n=1)
    return close[0] if close else None


def _load(point: EntryPoint) -> None:
    """Import the module that an entry point names, which declares its rules."""
    before = dict(declared())
    try:
        point.load()
    except (Exception, SystemExit) as error:
        withdraw(declared().keys() - before.keys())
        raise PackageError(_broken(point, f"{type(error).__name__}: {error}")) from error
    within = f"{point.module}."
    if not any(id_ not in before or f"{rule.module}.".startswith(within) for id_, rule in declared().items()):
        raise PackageError(_broken(point, f"the module {point.module} declares no rule; '@rule' does"))


def _broken(point: EntryPoint, reason: str) -> str:
    name = point.dist.name if point.dist is not None else point.name
    version = f" {point.dist.version}" if point.dist is not None else ""
    said = " ".join(reason.split())
    return (
        f"the installed package {name}{version} cannot be used: its entry point {point.name!r} of the group {ENTRY_POINT!r} "
        f"({point.value}) does not load: {said}\nMend the package, or uninstall it: pip uninstall {name}. "
        "No rule of an installed package is left out quietly."
    )
