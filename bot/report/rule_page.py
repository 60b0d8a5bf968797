"""The documentation page of a rule, from its docstring, its parameters and the facts that it asks for.

Rules are installed code, not a platform's text: what their authors wrote is Markdown already, and is not escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup
from pydantic import BaseModel

from bot.model.readings import PlatformReadings
from bot.report.markdown import environment
from bot.report.readings import TITLES, demand, permissions, requests
from bot.rules import Rule, RuleParams, Tighter, Variant

TIGHTER: Mapping[Tighter, str] = {
    Tighter.MORE: "only raise it",
    Tighter.LESS: "only lower it",
    Tighter.SUBSET: "only take out of it",
    Tighter.SUPERSET: "only add to it",
    Tighter.TRUE: "only turn it on",
    Tighter.FALSE: "only turn it off",
    Tighter.NEVER: "not change it",
}
"""What a policy that inherits a parameter may do without being allowed to override."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table of parameters. Nested ones have dotted names."""

    name: Markup
    type: Markup
    default: Markup
    tighter: Markup
    text: Markup


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact that the rule asks for."""

    name: Markup
    text: Markup
    dispensable: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """One type of subject that the rule judges, with the facts it needs there."""

    subject: str
    facts: tuple[FactRow, ...]


def page(rule: Rule, readings: PlatformReadings) -> str:
    """The page of one rule, in Markdown. ``readings``: what its facts take on each platform."""
    what = rule.what.split("\n", 1)[1] if "\n" in rule.what else ""
    text = (
        environment()
        .get_template("rule.md.j2")
        .render(
            rule=rule,
            title=_written(rule.title),
            what=_written(what.strip()),
            why=_written(rule.sections["Why"]),
            evidence=_written(rule.sections["Evidence"]),
            fix=_written(rule.sections["How to fix"]),
            example=_example(rule.sections["Example"]),
            parameters=tuple(_parameters(rule.params)),
            judged=tuple(_judged(variant) for variant in _variants(rule)),
            platforms=[TITLES[platform] for platform in readings],
            permissions=[
                (row.name, [Markup(cell) for cell in row.cells])  # noqa: S704 - our own words
                for row in permissions(rule, readings)
            ],
            requests=[
                (of.title, [(sent.fact, [Markup(line) for line in sent.requests]) for sent in of.facts])  # noqa: S704
                for of in requests(rule, readings)
            ],
        )
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def index(rules: Iterable[Rule], readings: PlatformReadings) -> str:
    """The page that lists all rules, by family, with the permissions that each asks for."""
    ordered = sorted(rules, key=lambda rule: (rule.family, rule.id))
    families = [
        (family, [(rule, _written(rule.title), _subjects(rule)) for rule in members])
        for family, members in groupby(ordered, key=lambda rule: rule.family)
    ]
    text = (
        environment()
        .get_template("rule-index.md.j2")
        .render(
            families=families,
            amount=len(ordered),
            platforms=[TITLES[platform] for platform in readings],
            demands=[
                (rule, [Markup(demand(rule, of).words()) for of in readings.values()])  # noqa: S704 - our own words
                for rule in sorted(ordered, key=lambda rule: rule.id)
            ],
        )
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _variants(rule: Rule) -> Sequence[Variant]:
    return [rule.variants[subject] for subject in sorted(rule.variants, key=lambda subject: subject.kind)]


def _subjects(rule: Rule) -> str:
    return ", ".join(variant.subject.kind.replace("_", " ") for variant in _variants(rule))


def _judged(variant: Variant) -> Judged:
    facts = [
        FactRow(
            name=_written(need.fact.name),
            text=_written(" ".join((need.fact.__doc__ or "").strip().split("\n\n", 1)[0].split())),
            dispensable=need.dispensable,
        )
        for need in variant.needs
    ]
    return Judged(variant.subject.kind.replace("_", " "), tuple(sorted(facts, key=lambda fact: fact.name)))


def _written(text: str) -> Markup:
    """What a rule's author wrote: reStructuredText's code, as docstrings have it, becomes Markdown's."""
    return Markup(re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL))  # noqa: S704 - installed code, not input


def _cell(text: str) -> Markup:
    """The same in a table, where a pipe ends a cell and a line ends a row."""
    return _written(re.sub(r"\s+", " ", text.strip()).replace("|", r"\|"))


def _example(text: str) -> Markup:
    """YAML, in a block of its own; an author may have fenced it already."""
    return _written(text) if "```" in text else Markup(f"```yaml\n{text.rstrip()}\n```")  # noqa: S704


def _parameters(params: type[BaseModel], prefix: str = "", inherited: Tighter = Tighter.NEVER) -> Iterator[Parameter]:
    schema = params.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    for name, field in params.model_fields.items():
        shown = f"{prefix}{field.alias or name}"
        tighter = next((extra for extra in field.metadata if isinstance(extra, Tighter)), inherited)
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, RuleParams):
            yield from _parameters(nested, f"{shown}.", tighter)
            continue
        described = schema["properties"][field.alias or name]
        yield Parameter(
            name=_cell(f"`{shown}`"),
            type=_cell(_type(described, definitions)),
            default=_cell(
                "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
            ),
            tighter=_cell(TIGHTER[tighter]),
            text=_cell(field.description or ""),
        )


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A JSON Schema in words."""
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(_type(option, definitions) for option in options)
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    match schema.get("type"):
        case "array":
            inner = _type(schema.get("items", {}), definitions)
            return f"list of {inner}" if inner else "list"
        case "integer" | "number" as kind:
            return f"{kind}{_limits(schema)}"
        case "boolean":
            return "true or false"
        case "string":
            return {"date": "date", "date-time": "date and time", "duration": "duration"}.get(
                schema.get("format", ""), "text"
            )
        case "object":
            values = schema.get("additionalProperties")
            return f"map to {_type(values, definitions)}" if isinstance(values, dict) else "map"
        case other:
            return str(other or "anything")


def _limits(schema: Mapping[str, Any]) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    said = [f"{word} {schema[key]}" for key, word in words.items() if key in schema]
    return f", {' and '.join(said)}" if said else ""


def _default(value: object) -> str:
    """The default as it would be written in YAML's flow style; sets are sorted, since their order is nobody's."""
    if value is None:
        return "not set"
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, str) and value:
        return f"`{value}`"
    return f"`{json.dumps(value, default=str, ensure_ascii=False)}`"
