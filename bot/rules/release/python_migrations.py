"""Alembic and Django migrations: parsed, never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from bot.rules.release.way_back import Reversibility, WayBack

# Django's own operations that it can turn round by themselves, from
# https://docs.djangoproject.com/en/stable/ref/migration-operations/ and contrib.postgres.operations.
_REVERSIBLE = frozenset(
    {
        "AddConstraint",
        "AddConstraintNotValid",
        "AddField",
        "AddIndex",
        "AddIndexConcurrently",
        "AlterConstraint",
        "AlterField",
        "AlterIndexTogether",
        "AlterModelManagers",
        "AlterModelOptions",
        "AlterModelTable",
        "AlterModelTableComment",
        "AlterOrderWithRespectTo",
        "AlterUniqueTogether",
        "BloomExtension",
        "BtreeGinExtension",
        "BtreeGistExtension",
        "CITextExtension",
        "CreateCollation",
        "CreateExtension",
        "CreateModel",
        "CryptoExtension",
        "DeleteModel",
        "HStoreExtension",
        "RemoveCollation",
        "RemoveConstraint",
        "RemoveField",
        "RemoveIndex",
        "RemoveIndexConcurrently",
        "RenameField",
        "RenameIndex",
        "RenameModel",
        "TrigramExtension",
        "UnaccentExtension",
        "ValidateConstraint",
    }
)
_REVERSE = {"RunPython": "reverse_code", "RunSQL": "reverse_sql"}


def python_migration(text: str) -> WayBack | None:
    """Whether it can be undone; None: the module is no migration."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return WayBack(Reversibility.UNTOLD, f"it does not parse as Python: {error}")
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    if "upgrade" in functions:
        return _alembic(functions)
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            return _django(node)
    names = {node.name for node in module.body if isinstance(node, ast.AsyncFunctionDef)}
    names |= {
        target.id
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if shape := names & {"upgrade", "Migration"}:
        return WayBack(Reversibility.UNTOLD, f"{min(shape)} is written in a way that is not read here")
    return None


def _alembic(functions: dict[str, ast.FunctionDef]) -> WayBack:
    if not _does_something(functions["upgrade"].body):
        return WayBack(Reversibility.YES, "upgrade does nothing")
    downgrade = functions.get("downgrade")
    if downgrade is None:
        return WayBack(Reversibility.NO, "it has no downgrade")
    if not _does_something(downgrade.body):
        return WayBack(Reversibility.NO, "its downgrade is empty")
    if any(isinstance(node, ast.Raise) for node in downgrade.body):
        return WayBack(Reversibility.NO, "its downgrade raises")
    return WayBack(Reversibility.YES, "has a downgrade")


def _does_something(body: Iterable[ast.stmt]) -> bool:
    return any(
        not isinstance(node, ast.Pass)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.Return) and (node.value is None or isinstance(node.value, ast.Constant)))
        for node in body
    )


def _django(migration: ast.ClassDef) -> WayBack:
    if any(isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "operations" for node in migration.body):
        return WayBack(Reversibility.UNTOLD, "the operations are computed")
    operations = _class_value(migration, "operations")
    if operations is None:
        return WayBack(Reversibility.YES, "it has no operations")
    problems = list(_one_way(operations))
    refused = [reason for reversible, reason in problems if reversible is Reversibility.NO]
    if refused:
        return WayBack(Reversibility.NO, "; ".join(dict.fromkeys(refused)))
    if problems:
        return WayBack(Reversibility.UNTOLD, "; ".join(dict.fromkeys(reason for _, reason in problems)))
    return WayBack(Reversibility.YES, "every operation can be turned round")


def _class_value(migration: ast.ClassDef, name: str) -> ast.expr | None:
    for node in migration.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return None


def _one_way(operations: ast.expr) -> Iterator[tuple[Reversibility, str]]:
    """The operations that cannot be turned round, or of which that cannot be told."""
    if not isinstance(operations, ast.List | ast.Tuple):
        yield Reversibility.UNTOLD, f"line {operations.lineno}: the operations are computed"
        return
    for operation in operations.elts:
        name = _called(operation)
        if name is None or not isinstance(operation, ast.Call):
            yield Reversibility.UNTOLD, f"line {operation.lineno}: the operation is computed"
        elif name in _REVERSE:
            if not _given(operation, _REVERSE[name]):
                yield Reversibility.NO, f"line {operation.lineno}: {name} has no {_REVERSE[name]}"
        elif name == "SeparateDatabaseAndState":
            nested = _argument(operation, "database_operations", 0)
            if nested is not None:
                yield from _one_way(nested)
        elif name not in _REVERSIBLE:
            yield Reversibility.UNTOLD, f"line {operation.lineno}: {name} is not an operation of Django's own"


def _called(node: ast.expr) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None


def _given(operation: ast.Call, name: str) -> bool:
    value = _argument(operation, name, 1)
    return value is not None and not (isinstance(value, ast.Constant) and value.value is None)


def _argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    keyword = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    if keyword is not None:
        return keyword
    return call.args[position] if len(call.args) > position else None
