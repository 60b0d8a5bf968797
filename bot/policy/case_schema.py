"""The JSON Schema of subjects and facts as policy tests write them, made from the dataclasses themselves."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from bot.model.facts import NotSupported, Unavailable, fact_types
from bot.model.facts.change import ChangedFile, Commit
from bot.model.people import Person, Signature
from bot.model.subjects import Branch, PullRequest, Repository, Subject, WorkItem
from bot.policy.building import MOMENT
from bot.policy.factfile import NOT_SUPPORTED, UNAVAILABLE
from bot.policy.forms import REQUIRED, Form, Kind, fields_of
from bot.policy.subjectfile import SUBJECTS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
SCALARS: Mapping[Kind, Schema] = {
    Kind.TEXT: TEXT,
    Kind.WHOLE: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.TRUTH: {"type": "boolean"},
    Kind.MOMENT: {"type": "string", "format": "date-time", "pattern": MOMENT},
}
SHORT: Mapping[type, str] = {
    Person: "A bare login is enough.",
    Signature: "A bare login is enough.",
    ChangedFile: "A bare path is a file that was modified.",
}
"""Records that a bare text may stand for."""

LEFT_OUT: Mapping[type, tuple[str, ...]] = {Person: ("id",), Commit: ("committer",)}
"""Keys that follow from others where they are left out."""


def subject_and_facts() -> tuple[Schema, Schema, dict[str, Schema]]:
    """The schemas of the keys ``subject`` and ``facts`` of a case, and the definitions that they refer to."""
    making = _Making()
    kinds = [
        {
            "if": {"properties": {"kind": {"const": word}}, **({} if kind is PullRequest else {"required": ["kind"]})},
            "then": making.subject(kind),
        }
        for word, kind in SUBJECTS.items()
    ]
    subject = {"type": "object", "properties": {"kind": {"enum": list(SUBJECTS)}}, "allOf": kinds}
    facts = {
        "type": "object",
        "properties": {name: making.fact(fact) for name, fact in fact_types().items()},
        "additionalProperties": False,
    }
    return subject, facts, making.definitions


class _Making:
    """Schemas, with the definitions that were needed so far."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def of(self, form: Form) -> Schema:
        """The schema of a form."""
        schema = self._of(form)
        return {"anyOf": [schema, {"type": "null"}]} if form.optional else schema

    def _of(self, form: Form) -> Schema:
        match form.kind:
            case Kind.CHOICE:
                return {"enum": [member.value for member in form.type]}
            case Kind.LIST | Kind.SET:
                return {"type": "array", "items": self.of(form.inner[0])}
            case Kind.ROW:
                length = len(form.inner)
                return {
                    "type": "array",
                    "items": list(map(self.of, form.inner)),
                    "minItems": length,
                    "maxItems": length,
                }
            case Kind.MAPPING:
                return {"type": "object", "additionalProperties": self.of(form.inner[0])}
            case Kind.RECORD if form.type is WorkItem:
                return self.subject(WorkItem)
            case Kind.RECORD:
                return self.reference(form.type.__name__, lambda: self.record(form.type))
            case scalar:
                return SCALARS[scalar]

    def reference(self, name: str, make: Callable[[], Schema]) -> Schema:
        """A reference to a definition, made where it is not there yet."""
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = make()
        return {"$ref": f"#/definitions/{name}"}

    def record(self, type_: type) -> Schema:
        """A dataclass by its keys, or what may stand for it."""
        schema = self.keys(type_, LEFT_OUT.get(type_, ()))
        schema["description"] = _sentence(type_)
        if type_ in SHORT:
            return {"anyOf": [{**TEXT, "description": SHORT[type_]}, schema]}
        return schema

    def keys(self, type_: type, left_out: tuple[str, ...]) -> Schema:
        """The keys of a dataclass; those that cannot be left out are required."""
        fields, documented = fields_of(type_), _documented(type_)
        properties = {}
        for name, field in fields.items():
            described = {"description": documented[name]} if name in documented else {}
            properties[name] = {**described, **self._beside(self.of(field.form), described)}
        required = [name for name, field in fields.items() if field.absent is REQUIRED and name not in left_out]
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**schema, "required": required} if required else schema

    @staticmethod
    def _beside(schema: Schema, described: Schema) -> Schema:
        """In draft 7 nothing beside a reference counts."""
        return {"allOf": [schema]} if described and "$ref" in schema else schema

    def fact(self, fact: type) -> Schema:
        """A fact by its keys, by the list that is its first key, or as what could not be read."""
        fields = fields_of(fact)
        first = next(iter(fields.values())).form
        listed = [self.of(first)] if first.kind is Kind.LIST else []
        unread = [
            _only(
                UNAVAILABLE, {"anyOf": [TEXT, self.reference(Unavailable.__name__, lambda: self.record(Unavailable))]}
            ),
            _only(NOT_SUPPORTED, {**TEXT, "description": _sentence(NotSupported)}),
        ]
        whole = self.of(Form(Kind.RECORD, type=fact))
        nothing = [] if self.definitions[fact.__name__].get("required") else [{"type": "null"}]
        return {"description": _sentence(fact), "anyOf": [whole, *listed, *unread, *nothing]}

    def subject(self, kind: type[Subject]) -> Schema:
        """A subject: every key may be left out."""
        return self.reference(f"subject.{kind.kind}", lambda: self._subject(kind))

    def _subject(self, kind: type[Subject]) -> Schema:
        properties: Schema = {} if kind is Branch else self._own(kind)
        properties["kind"] = {"const": kind.kind}
        if kind is WorkItem:
            properties["number"] = {"type": ["string", "integer"]}
        if kind is Branch:
            properties |= {"branch": TEXT, "platform": self.of(fields_of(Repository)["platform"].form)}
        if kind is PullRequest:
            properties["base"] = {**TEXT, "description": "The branch that it goes into."}
        if "organization" in fields_of(kind):
            properties["organization"] = self._nested("organization")
        elif kind in (Branch, PullRequest) or "repository" in fields_of(kind):
            name = {**TEXT, "description": "Its full name is enough."}
            properties["repository"] = {"anyOf": [name, self._nested("repository")]}
        return {
            "type": "object",
            "description": _sentence(kind),
            "properties": properties,
            "additionalProperties": False,
        }

    def _own(self, kind: type[Subject]) -> Schema:
        held = [name for name, field in fields_of(kind).items() if _is_subject(field.form)]
        properties: Schema = self.keys(kind, ())["properties"]
        return {name: schema for name, schema in properties.items() if name not in held}

    def _nested(self, word: str) -> Schema:
        """A subject that another belongs to: without its kind."""

        def make() -> Schema:
            self.subject(SUBJECTS[word])
            whole = self.definitions[f"subject.{word}"]
            return {**whole, "properties": {k: v for k, v in whole["properties"].items() if k != "kind"}}

        return self.reference(f"of.{word}", make)


def _is_subject(form: Form) -> bool:
    return form.kind is Kind.RECORD and issubclass(form.type, Subject)


def _only(key: str, schema: Schema) -> Schema:
    return {"type": "object", "properties": {key: schema}, "required": [key], "additionalProperties": False}


def _sentence(type_: type) -> str:
    """A docstring's first paragraph on one line."""
    text = inspect.getdoc(type_) or ""
    return " ".join(text.split("\n\n")[0].split())


@cache
def _documented(type_: type) -> Mapping[str, str]:
    """The docstrings under the fields of a dataclass and of those that it inherits from."""
    found: dict[str, str] = {}
    for base in reversed(type_.__mro__[:-1]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for pair in zip(body.body, body.body[1:], strict=False):
            match pair:
                case (ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text)))):
                    found[name] = " ".join(inspect.cleandoc(text).split())
    return found
