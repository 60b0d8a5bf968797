"""The docstrings of dataclasses and of their fields, for those who write policies.

Python does not keep those under fields, so they are read from the source.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping

from bot.policy.vocabulary import by_type


@by_type
def field_docs(record: type) -> Mapping[str, str]:
    """What is said of each field and property of a dataclass, on one line; what nothing is said of is left out."""
    found: dict[str, str] = {}
    for base in reversed(record.__mro__):
        if dataclasses.is_dataclass(base):
            found |= dict(_in_source(base))
    return found


def class_doc(record: type) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return _told(INSIDE.sub("", (inspect.getdoc(record) or "").partition("\n\n")[0]))


INSIDE = re.compile(r"(?:Spec: ``\w+``|Loaded after [^.]*)\.(?=\s|$)|Loaded after [^,]*, and (?=\w)")
"""What is said of how a fact is read: it matters to nobody who writes a policy."""


def _told(text: str) -> str:
    """On one line; what Python calls None is absent in an expression, and a tuple is a list."""
    words = re.sub(r"\bNone\b", "absent", " ".join(text.split()).replace("``", "`").replace(" tuple", " list"))
    return re.sub(r"(?:^|(?<=[.] ))[a-z](?=[a-z])", lambda found: found[0].upper(), words)


def _in_source(record: type) -> Iterator[tuple[str, str]]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(record))).body
    assert isinstance(body, ast.ClassDef)
    for statement, following in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(statement, ast.FunctionDef) and (told := ast.get_docstring(statement)):
            yield statement.name, _told(told)
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            yield statement.target.id, _told(str(following.value.value))
