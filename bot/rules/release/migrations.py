"""Whether a schema migration has a way back, told from its file alone; nothing of it is run.

Read are Alembic and Django (Python), Flyway, golang-migrate, goose, dbmate and other SQL scripts, Liquibase (XML, YAML, JSON,
SQL), Rails, and Entity Framework. A comment ``almguard: expand-only`` in the file says that the old version works with
the new schema, so that nothing has to be taken back.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Set
from pathlib import PurePosixPath

from bot.rules.release.liquibase import liquibase_document, liquibase_sql
from bot.rules.release.python_migrations import python_migration
from bot.rules.release.way_back import Reversibility, WayBack

MIGRATION_GLOBS = (
    "**/alembic/versions/*.py",
    "**/migrations/versions/*.py",
    "**/migrations/*.py",
    "**/V*__*.sql",
    "**/U*__*.sql",
    "**/*.up.sql",
    "**/*.down.sql",
    "**/migrations/*.sql",
    "**/db/changelog/**",
    "**/*changelog*.xml",
    "**/*changelog*.yaml",
    "**/*changelog*.yml",
    "**/*changelog*.sql",
    "**/db/migrate/*.rb",
    "**/Migrations/*.cs",
)
"""Where migrations usually lie, their undo scripts included."""

_EXPAND_ONLY = re.compile(r"(?:#|--|//|/\*|<!--)[ \t]{0,20}almguard:[ \t]{0,20}expand-only\b")


def way_back(path: str, text: str, siblings: Set[str]) -> WayBack | None:
    """Whether the migration in a file can be undone; None: the file is no migration of its own.

    ``siblings`` are the paths of the tree, among them the undo scripts.
    """
    found = _read(path, text, siblings)
    if found is not None and found.reversible is not Reversibility.YES and _EXPAND_ONLY.search(_comments(path, text)):
        return WayBack(Reversibility.YES, "marked expand-only")
    return found


def _comments(path: str, text: str) -> str:
    """Where a marker may stand: of Python only the comments, for a string may hold SQL with comments of its own."""
    if PurePosixPath(path).suffix != ".py":
        return text
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return ""
    return "\n".join(token.string for token in tokens if token.type == tokenize.COMMENT)


def _read(path: str, text: str, siblings: Set[str]) -> WayBack | None:
    match PurePosixPath(path).suffix:
        case ".py":
            return python_migration(text)
        case ".sql":
            return _sql(path, text, siblings)
        case ".rb":
            return _rails(text)
        case ".cs":
            return _entity_framework(text)
        case ".xml" | ".yaml" | ".yml" | ".json":
            return liquibase_document(path, text)
        case _:
            return None


_FLYWAY = re.compile(r"(?P<kind>[VU])(?P<version>[0-9][0-9._]*)__[^/]*\.sql$")
_BASELINE_OR_REPEATABLE = re.compile(r"(?:R|B[0-9._]+)__[^/]*\.sql$")
_IN_FILE_DOWN = re.compile(r"^--[ \t]*(?:\+goose[ \t]+Down|migrate:down)\b(?P<body>.*)", re.M | re.S | re.I)


def _sql(path: str, text: str, siblings: Set[str]) -> WayBack | None:
    file = PurePosixPath(path)
    if text.lstrip().casefold().startswith("--liquibase formatted sql"):
        return liquibase_sql(text)
    if file.name.endswith(".down.sql") or _BASELINE_OR_REPEATABLE.match(file.name):
        return None
    if flyway := _FLYWAY.match(file.name):
        if flyway["kind"] == "U":
            return None
        undo = f"{file.parent / ('U' + flyway['version'])}__"
        found = next((sibling for sibling in sorted(siblings) if sibling.startswith(undo)), None)
        if found:
            return WayBack(Reversibility.YES, f"undone by {PurePosixPath(found).name}")
        return WayBack(Reversibility.NO, f"there is no U{flyway['version']}__….sql beside it")
    down = str(file.parent / (file.name.removesuffix(".sql").removesuffix(".up") + ".down.sql"))
    if down in siblings:
        return WayBack(Reversibility.YES, f"undone by {PurePosixPath(down).name}")
    if (in_file := _IN_FILE_DOWN.search(text)) and _statements(in_file["body"]):
        return WayBack(Reversibility.YES, "has a section that undoes it")
    return WayBack(Reversibility.NO, f"there is no {PurePosixPath(down).name} beside it")


def _statements(sql: str) -> bool:
    """Whether anything but comments stands there."""
    return any(line.strip() and not line.lstrip().startswith("--") for line in sql.splitlines())


_RUBY_METHOD = re.compile(r"^(?P<indent>[ \t]*)def[ \t]+(?:self\.)?(?P<name>up|down|change)\b(?P<rest>[^\n]*)$", re.M)
# What ActiveRecord cannot turn round inside `change`, unless `reversible` or `up_only` says how.
# https://guides.rubyonrails.org/active_record_migrations.html#using-the-change-method
_RUBY_ONE_WAY = re.compile(
    r"(?:^|[{;])[ \t]*(?:(?:execute\b|change_column\b|remove_columns\b(?![^\n]*\btype:))"
    r"|remove_column[ \t(]{1,20}:\w+,[ \t]*:\w+[ \t)]*$"
    r"|drop_table\b(?![^\n]*\bdo\b))",
    re.M,
)


def _rails(text: str) -> WayBack | None:
    code = re.sub(r"^[ \t]*#[^\n]*$", "", text, flags=re.M)
    methods = {name: _ruby_body(code, match) for name, match in _first_of_each(_RUBY_METHOD, code).items()}
    if "change" in methods:
        body = methods["change"]
        one_way = None if re.search(r"\b(?:reversible|up_only)\b", body) else _RUBY_ONE_WAY.search(body)
        if one_way is None:
            return WayBack(Reversibility.YES, "change can be turned round")
        return WayBack(Reversibility.NO, f"{one_way[0].split()[0]} in change cannot be turned round")
    if "up" not in methods:
        return None
    down = methods.get("down", "").strip()
    if not down:
        return WayBack(Reversibility.NO, "it has no down, or an empty one")
    if "IrreversibleMigration" in down:
        return WayBack(Reversibility.NO, "down raises IrreversibleMigration")
    return WayBack(Reversibility.YES, "has a down")


def _first_of_each(pattern: re.Pattern[str], code: str) -> dict[str, re.Match[str]]:
    found: dict[str, re.Match[str]] = {}
    for match in pattern.finditer(code):
        found.setdefault(match["name"], match)
    return found


def _ruby_body(code: str, method: re.Match[str]) -> str:
    """The lines up to the ``end`` with the indent of the ``def``."""
    if one_line := re.fullmatch(r"[^;\n]*;(?P<body>[^\n]*?);?[ \t]*\bend\b[^\n]*", method["rest"]):
        return one_line["body"]
    rest = code[method.end() :]
    end = re.search(rf"^{method['indent']}end\b", rest, re.M)
    return rest[: end.start()] if end else rest


_CSHARP_METHOD = re.compile(r"\bvoid[ \t]+(?P<name>Up|Down)[ \t]*\([^)]{0,200}\)\s{0,200}\{")


def _entity_framework(text: str) -> WayBack | None:
    code = re.sub(r"//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*\*/", "", text)
    found = _first_of_each(_CSHARP_METHOD, code)
    methods = {name: _csharp_body(code, match.end()).strip() for name, match in found.items()}
    if "Up" not in methods:
        return None
    if not methods["Up"]:
        return WayBack(Reversibility.YES, "does nothing")
    down = methods.get("Down", "")
    if not down:
        return WayBack(Reversibility.NO, "its Down is missing or empty")
    if down.startswith("throw "):
        return WayBack(Reversibility.NO, "its Down throws")
    return WayBack(Reversibility.YES, "has a Down")


def _csharp_body(code: str, start: int) -> str:
    depth = 1
    for match in re.finditer(r"[{}]", code[start:]):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return code[start : start + match.start()]
    return code[start:]
