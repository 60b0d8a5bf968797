"""The JSON Schemas of the files that people write, for editors: every rule's parameters with their documentation.

Draft 7, because that is what the YAML language servers of editors read.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from bot.policy import models
from bot.policy.case_schema import subject_and_facts
from bot.policy.casemodel import TestsFile
from bot.policy.inheriting import FORMS
from bot.policy.waivers import WaiversFile
from bot.rules import registry
from bot.rules.declaration import Rule

DRAFT = "http://json-schema.org/draft-07/schema#"
Schema = dict[str, Any]


FILES: dict[str, tuple[str, type[BaseModel]]] = {
    "waivers": ("Almguard waivers", WaiversFile),
    "tests": ("Almguard policy tests", TestsFile),
}
"""Kinds of file that one model describes."""


def schema(kind: str) -> Schema:
    """The schema of a kind of file; ``policy`` covers a ``Policy`` and a ``Config``."""
    if kind in FILES:
        title, model = FILES[kind]
        inner = _definitions(model, title, "")
        if model is TestsFile:
            _with_facts(inner[title], inner)
        return {"$schema": DRAFT, "title": title, **inner.pop(title), "definitions": dict(sorted(inner.items()))}
    if kind != "policy":
        raise ValueError(f"there is no schema {kind!r} here, only 'policy' and {', '.join(map(repr, FILES))}")
    definitions: dict[str, Schema] = {}
    for model in (models.Policy, models.Config):
        definitions |= _definitions(model, model.__name__, "")
    for rule in registry.rules().values():
        definitions |= _definitions(rule.params, f"{rule.id}.parameters", f"{rule.id}.")
    for name in ("Entry", "Member"):
        definitions[name] = _entry(definitions[name])
    policy = definitions["Policy"]
    definitions["Policy"] = {**policy, "required": [key for key in policy["required"] if key != "rules"], **_complete()}
    return {
        "$schema": DRAFT,
        "title": "Almguard policy or configuration",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"kind": {"enum": ["Policy", "Config"]}},
        "if": {"properties": {"kind": {"const": "Config"}}},
        "then": _reference("Config"),
        "else": _reference("Policy"),
        "definitions": dict(sorted(definitions.items())),
    }


def _definitions(model: type[BaseModel], name: str, prefix: str) -> dict[str, Schema]:
    """The schema of a model under a name, and those of the models inside it under theirs."""
    whole = model.model_json_schema(ref_template=f"#/definitions/{prefix}{{model}}")
    inner = whole.pop("$defs", {})
    return {f"{prefix}{key}": _tidy(value) for key, value in inner.items()} | {name: _tidy(whole)}


def _with_facts(file: Schema, definitions: dict[str, Schema]) -> None:
    """Put in what a case may say of subjects and facts: the models leave that to those who build them."""
    subject, facts, found = subject_and_facts()
    definitions |= {name: _tidy(each) for name, each in found.items()}
    definitions |= {"Facts": _tidy(facts), "Subject": _tidy(subject)}
    for holder, name in ((file, "Facts"), (definitions["CaseEntry"], "Facts"), (definitions["CaseEntry"], "Subject")):
        key = name.lower()
        holder["properties"][key] = {
            "description": holder["properties"][key]["description"],
            "allOf": [_reference(name)],
        }


def _entry(entry: Schema) -> Schema:
    """An entry's parameters are those of its rule."""
    properties = dict(entry["properties"])
    properties["rule"] = {
        "description": properties["rule"]["description"],
        "oneOf": [
            {"const": name, "description": rule.title} for rule in registry.rules().values() for name in _ids(rule)
        ],
    }
    for key, value in properties.items():
        properties[key] = _given(value)
    cases = [
        {
            "if": {"properties": {"rule": {"enum": list(_ids(rule))}}, "required": ["rule"]},
            "then": {"properties": {"with": _reference(f"{rule.id}.parameters")}},
        }
        for rule in registry.rules().values()
    ]
    return {**entry, "properties": properties, "allOf": cases}


def _given(schema: Schema) -> Schema:
    """A key that is there has a value: the null of an absent one is nobody's to write."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if not options or len(options) == len(schema["anyOf"]):
        return schema
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**rest, **(options[0] if len(options) == 1 and "$ref" not in options[0] else {"anyOf": options})}


def _complete() -> Schema:
    """What an entry needs where there is no parent that it could have it from."""
    member = {"anyOf": [{"required": [form]} for form in FORMS]}
    whole = {"required": ["enforce"], **member}
    return {
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": ["rules"], "properties": {"rules": {"items": whole}}},
    }


def _ids(rule: Rule) -> tuple[str, ...]:
    return (rule.id, *rule.aliases)


def _reference(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _tidy(node: Any) -> Any:
    """Stable and for people: no titles made of field names, sets in order, Markdown's code marks."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidied: Schema = {}
    for key, value in node.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "description" and isinstance(value, str):
            tidied[key] = value.replace("``", "`")
        elif key == "default" and node.get("uniqueItems") and isinstance(value, list):
            tidied[key] = sorted(value, key=str)
        elif key in ("default", "const", "enum"):
            tidied[key] = value
        else:
            tidied[key] = _tidy(value)
    return tidied
