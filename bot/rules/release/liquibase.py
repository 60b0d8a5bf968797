"""Liquibase changelogs: every change set can be rolled back by itself, or says how."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree import ElementTree

import yaml

from bot.rules.release.way_back import Reversibility, WayBack

# The change types that Liquibase rolls back by itself, from the column "Auto rollback" of
# https://docs.liquibase.com/change-types/home.html
_AUTOMATIC = frozenset(
    {
        "addColumn",
        "addDefaultValue",
        "addForeignKeyConstraint",
        "addLookupTable",
        "addNotNullConstraint",
        "addPrimaryKey",
        "addUniqueConstraint",
        "createIndex",
        "createSequence",
        "createSynonym",
        "createTable",
        "createView",
        "dropNotNullConstraint",
        "enableTrigger",
        "disableTrigger",
        "renameColumn",
        "renameSequence",
        "renameTable",
        "renameTrigger",
        "renameView",
        "setTableRemarks",
        "setColumnRemarks",
        "tagDatabase",
    }
)
_NOT_A_CHANGE = frozenset({"comment", "preConditions", "validCheckSum", "rollback", "property", "modifySql"})


def liquibase_document(path: str, text: str) -> WayBack | None:
    """An XML, YAML or JSON changelog; None: it is none, or only includes others."""
    if "databaseChangeLog" not in text:
        return None
    try:
        sets = list(_from_xml(text) if PurePosixPath(path).suffix == ".xml" else _from_yaml(text))
    except (ElementTree.ParseError, yaml.YAMLError, ValueError, RecursionError) as error:
        return WayBack(Reversibility.UNTOLD, f"it does not parse: {str(error).splitlines()[0]}")
    return _judged(sets)


def liquibase_sql(text: str) -> WayBack | None:
    """A formatted SQL changelog: each change set has a rollback comment that says something."""
    sets = []
    for piece in re.split(r"^--[ \t]{0,20}changeset[ \t]+", text, flags=re.M | re.I)[1:]:
        name = piece.split(None, 1)[0] if piece.strip() else "?"
        rollbacks = re.findall(r"^--[ \t]{0,20}rollback[ \t]+(\S[^\n]*)$", piece, re.M | re.I)
        said = any(line.strip().casefold() not in ("empty", "not required") for line in rollbacks)
        sets.append((name, said, "its SQL"))
    return _judged(sets)


ChangeSet = tuple[str, bool, str]
"""Its id, whether it can be rolled back, and what of it cannot."""


def _judged(sets: list[ChangeSet]) -> WayBack | None:
    if not sets:
        return None
    one_way = [f"change set {name}: {what} has no rollback" for name, reversible, what in sets if not reversible]
    if one_way:
        return WayBack(Reversibility.NO, "; ".join(one_way))
    return WayBack(Reversibility.YES, "every change set can be rolled back")


def _from_xml(text: str) -> Iterator[ChangeSet]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares entities, which are not read")
    root = ElementTree.fromstring(text)  # noqa: S314 - no entities can be declared: refused above
    for node in root.iter():
        if _local(node.tag) == "changeSet":
            rollback = next((child for child in node if _local(child.tag) == "rollback"), None)
            said = rollback is not None and (
                len(rollback) > 0 or bool((rollback.text or "").strip()) or bool(rollback.attrib)
            )
            changes = [_local(child.tag) for child in node if isinstance(child.tag, str)]
            yield _change_set(node.get("id", "?"), said, changes)


def _local(tag: object) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _from_yaml(text: str) -> Iterator[ChangeSet]:
    if _deepest(text) > _MOST_NESTED:
        raise ValueError("it is nested too deeply")
    document = yaml.safe_load(text)
    entries = document.get("databaseChangeLog") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("databaseChangeLog is not a list")
    for entry in entries:
        change_set = entry.get("changeSet") if isinstance(entry, dict) else None
        if isinstance(change_set, dict):
            changes = change_set.get("changes")
            names = [name for change in changes or [] if isinstance(change, dict) for name in change]
            yield _change_set(
                str(change_set.get("id", "?")), bool(str(change_set.get("rollback") or "").strip()), names
            )


_MOST_NESTED = 100
"""PyYAML takes seconds to run into Python's recursion limit."""


def _deepest(text: str) -> int:
    """How deeply brackets are nested at most, those in strings counted too."""
    depth = deepest = 0
    for match in re.finditer(r"[\[\]{}]", text):
        depth += 1 if match[0] in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _change_set(name: str, has_rollback: bool, changes: list[str]) -> ChangeSet:
    one_way = [change for change in changes if change not in _AUTOMATIC and change not in _NOT_A_CHANGE]
    return name, has_rollback or not one_way, ", ".join(dict.fromkeys(one_way))
