"""Checks a YAML tree against a pydantic model; what pydantic finds is told in plain words, at its place in the file."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence, Tree
from bot.policy.problems import PolicyError, Problem, did_you_mean

EMPTY = "it is empty"
M = TypeVar("M", bound=BaseModel)
Location = tuple[int | str, ...]
KEY = "[key]"
"""What pydantic ends a location with where a key is wrong, not its value."""


def validate(model: type[M], tree: Tree) -> M:
    """The file as a model. Raises ``PolicyError`` with everything that is wrong with it, as YAML and as this model."""
    found, problems = check(model, tree, tree.root)
    if tree.problems or found is None:
        raise PolicyError([*tree.problems, *problems])
    return found


def check(model: type[M], tree: Tree, node: Node, path: str = "") -> tuple[M | None, list[Problem]]:
    """A part of a file as a model, or else what is wrong with it."""
    try:
        # As JSON, because strictness then allows what YAML cannot write otherwise: dates, enums and tuples.
        return model.model_validate_json(json.dumps(node.plain()), strict=True), []
    except ValidationError as error:
        return None, list(_problems(model, tree, node, path, error.errors(include_url=False)))


def _problems(
    model: type[BaseModel], tree: Tree, node: Node, path: str, errors: list[ErrorDetails]
) -> Iterator[Problem]:
    together: dict[tuple[Mark, str, str], list[str]] = {}
    found = [(error, *_find(node, error["loc"])) for error in errors]
    deepest = {location for _, _, location in found}
    for error, steps, location in found:
        nearer = any(len(other) > len(location) and other[: len(location)] == location for other in deepest)
        if nearer and (error["type"] in WANTED or error["type"] in CHOICES):
            continue  # Another member of a union has got further.
        about_key = error["type"] == "extra_forbidden" or error["loc"][-1:] == (KEY,)
        holder = steps[-2] if about_key and len(steps) > 1 else steps[-1]
        mark = holder.entries[str(location[-1])][0] if about_key and isinstance(holder, Mapping) else steps[-1].mark
        known = _model_at(model, location[:-1] if about_key else location)
        about = Scalar(mark, key := str(location[-1]), key) if error["loc"][-1:] == (KEY,) else steps[-1]
        message = _message(error, about, known)
        if message:
            # Members of a union stand under one place, and so do the keys that a mapping lacks: those are several mistakes.
            apart = message if error["type"] == "missing" else ""
            together.setdefault((mark, _path(path, location), apart), []).append(message)
    for (mark, where, _), messages in together.items():
        better = [message for message in messages if not message.startswith(("a list is", "a mapping is"))]
        if EMPTY in messages:
            better = [EMPTY]  # It is of a right type: the union's other members have nothing to say.
        yield tree.problem(mark, where, "; or ".join(dict.fromkeys(better or messages)))


def _find(node: Node, loc: Location) -> tuple[list[Node], Location]:
    """The nodes on the way to pydantic's location, without the parts of it that name no node (members of unions)."""
    steps: list[Node] = [node]
    location: list[int | str] = []
    for part in loc:
        here = steps[-1]
        if isinstance(here, Mapping) and str(part) in here.entries:
            steps.append(here.entries[str(part)][1])
            location.append(part)
        elif isinstance(here, Sequence) and isinstance(part, int) and part < len(here.items):
            steps.append(here.items[part])
            location.append(part)
    return steps, tuple(location)


def _path(path: str, location: Location) -> str:
    for part in location:
        # A key is anything that somebody has written; a message is one line.
        word = part if isinstance(part, int) or part.isprintable() else repr(part)
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{word}" if path else str(word)
    return path


def _message(error: ErrorDetails, node: Node, model: type[BaseModel] | None) -> str:
    context: AnyMapping[str, Any] = error.get("ctx", {})
    misplaced: AnyMapping[str, str] = getattr(model, "misplaced", {})
    match error["type"]:
        case "extra_forbidden":
            key = str(error["loc"][-1])
            if key in misplaced:
                return misplaced[key]
            return f"unknown key {key!r}{did_you_mean(key, known_keys(model) if model else ())}"
        case "missing":
            return f"the key {error['loc'][-1]!r} is missing"
        case kind if kind in CHOICES:
            return choice(node, re.findall(r"'([^']*)'", context.get("expected", "")))
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            return f"{_said(node)} does not have the form {context['pattern']}"
        case "too_short":
            return _too_short(node, int(context["min_length"]))
        case "too_long":
            return f"at most {context['max_length']} is wanted here, and there are {context['actual_length']}"
        case "string_too_short":
            return EMPTY
        case kind if kind in WANTED:
            return mistyped(kind, node)
        case _:
            message = error["msg"]
            return f"{message.replace('Input', 'it', 1)}, and this is {_described(node)}"


CHOICES = ("enum", "literal_error")
WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def mistyped(kind: str, node: Node) -> str:
    """What is said where a value of another type is wanted; ``kind`` is pydantic's word for that: ``string_type``."""
    return f"{WANTED[kind]} is wanted here, and this is {_described(node)}{_advice(kind, node)}"


def choice(node: Node, choices: list[str]) -> str:
    """What is said where one of several words is wanted."""
    word = node.text if isinstance(node, Scalar) else ""
    if word.lower() in ("off", "no", "false") and "disabled" in choices:
        word = "disabled"  # What people mean who switch a rule off.
    if word.lower() == "pr" and "pull_request" in choices:
        word = "pull_request"  # What expressions call it.
    listed = f"one of {', '.join(choices)}" if len(choices) > 1 else repr(choices[0])
    return f"{listed} is wanted here, and this is {_described(node)}{did_you_mean(word, choices)}"


def _too_short(node: Node, least: int) -> str:
    """Pydantic counts the members that are right; those that are wrong have been told already."""
    length = len(node.items) if isinstance(node, Sequence) else len(node.entries) if isinstance(node, Mapping) else 0
    if length == 0:
        return EMPTY
    return f"at least {least} are wanted here, and there are {length}" if length < least else ""


def _said(node: Node) -> str:
    return repr(node.text) if isinstance(node, Scalar) else _described(node)


def _described(node: Node) -> str:
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool() as value):
            return "true" if value else "false"
        case Scalar(value=int() | float()):
            return f"the number {node.value}"
        case Scalar():
            return repr(node.text if len(node.text) <= 60 else f"{node.text[:60]}…")


def _advice(kind: str, node: Node) -> str:
    if kind == "string_type" and isinstance(node, Scalar) and node.value is not None:
        return f'; for the text write "{node.text}" in quotes'
    if kind == "bool_type" and isinstance(node, Scalar) and node.text.lower() in TRUTHS:
        return f"; write {TRUTHS[node.text.lower()]}"
    if kind in ("int_type", "float_type", "bool_type") and isinstance(node, Scalar) and node.style:
        return "; write it without quotes"
    if kind.endswith(("list_type", "tuple_type", "set_type")) and isinstance(node, Scalar) and node.value is not None:
        return f"; write [{node.text}]"
    return ""


TRUTHS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}


def known_keys(model: type[BaseModel]) -> list[str]:
    """The keys of a mapping, as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel] | None, location: Location) -> type[BaseModel] | None:
    """The model that describes the mapping at a location; None where that is no model."""
    for part in location:
        if model is None:
            return None
        if isinstance(part, int):
            continue
        hints = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        model = next(_models(hints[part]), None) if part in hints else model
    return model


def _models(hint: Any) -> Iterator[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    elif get_origin(hint) in (Annotated, Union, types.UnionType, tuple, list, dict):
        for inner in get_args(hint):
            yield from _models(inner)
