"""The loader never crashes, whatever it is given, and never accepts what its own JSON Schema refuses."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from bot.policy.baseline import read_baseline
from bot.policy.identities import read_identities
from bot.policy.inventory import read_inventory
from bot.policy.load import load_configuration
from bot.policy.loader import parse_yaml
from bot.policy.problems import PolicyError
from bot.policy.schema import schema
from bot.policy.waivers import read_waivers

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "payments"
VALID: Any = parse_yaml(
    (EXAMPLE / "policies" / "payments.yml").read_text(encoding="utf-8"), "payments.yml"
).root.plain()
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 400)
    | st.sampled_from(["", "block", "approvals", "2027-01-15", "true", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["rule", "audit", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@cache
def validator() -> Draft7Validator:
    return Draft7Validator(schema("policy"))


def accepted(document: Any) -> bool:
    try:
        load_configuration(json.dumps(document), "x.yml")
    except PolicyError:
        return False
    return True


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every key and index of a document, with what holds it."""
    found: list[tuple[Any, Any]] = []
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        found += [(node, key), *places(value)]
    return found


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nothing_loads_that_the_schema_refuses(data: st.DataObject) -> None:
    document = json.loads(json.dumps(VALID))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(document)))
        match data.draw(st.sampled_from(["set", "drop", "add"])):
            case "set":
                holder[key] = data.draw(VALUES)
            case "drop":
                del holder[key]
            case _:
                target = holder if isinstance(holder, dict) else document
                target[data.draw(st.sampled_from(["enforce", "when", "any_of", "with", "match", "override", "x"]))] = (
                    data.draw(VALUES)
                )
    if accepted(document):
        errors = [error.message for error in validator().iter_errors(document)]
        assert not errors, (errors, document)


def test_the_document_that_is_changed_loads_as_it_stands() -> None:
    assert accepted(VALID)
    assert validator().is_valid(VALID)


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text(max_size=120).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_a_reader_do_anything_but_refuse(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for read in (
        lambda: load_configuration(text, "f.yml"),
        lambda: read_waivers(parse_yaml(text, "w.yml")),
        lambda: read_identities(text, "i.yml"),
        lambda: read_inventory(text, "s.csv"),
        lambda: read_baseline(text, "b.json"),
    ):
        with suppress(PolicyError):
            read()
