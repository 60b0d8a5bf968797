"""E-mail addresses go, and what they connected stays connected."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from bot.policy.load import load_configuration
from bot.policy.nodes import Json
from bot.policy.pseudonyms import Pseudonyms, addresses_in


def test_one_address_has_one_pseudonym_everywhere() -> None:
    document: Json = {
        "author": {"login": "Ana@acme.example", "emails": ["ana@acme.example"]},
        "message": "Fix\n\nCo-authored-by: Bo <bo.b+x@mail.acme.example>",
        "levels": {"host/login/ana@acme.example": "write"},
        "owners": ["bo.b+x@mail.acme.example", "@acme/team"],
    }
    assert Pseudonyms().document(document) == {
        "author": {"login": "person-1@example.invalid", "emails": ["person-1@example.invalid"]},
        "message": "Fix\n\nCo-authored-by: Bo <person-2@example.invalid>",
        "levels": {"host/login/person-1@example.invalid": "write"},
        "owners": ["person-2@example.invalid", "@acme/team"],
    }


def test_what_is_said_to_be_an_address_is_one() -> None:
    document: Json = {"email": "ana@localhost", "message": "by ana@localhost, at 12@noon"}
    assert Pseudonyms().document(document) == {
        "email": "person-1@example.invalid",
        "message": "by person-1@example.invalid, at 12@noon",
    }


def test_what_is_no_address_stays() -> None:
    for text in (
        "actions/checkout@v4",
        "acme/x@1.2.3",
        "@acme/payments",
        "a@b",
        "x @ y.example",
        "docker://a@sha256:0f",
    ):
        assert Pseudonyms().document(text) == text


def test_addresses_that_the_policy_names_stay() -> None:
    policy = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: p, owner: gov@acme.example}
rules:
  - {rule: approvals, enforce: block, with: {from: {users: [Bo@acme.example]}}, unless: 'pr.author.login == "cy@acme.example"'}
"""
    kept = addresses_in(load_configuration(policy, "p.yml"))
    assert kept == {"gov@acme.example", "Bo@acme.example", "cy@acme.example"}
    told = Pseudonyms(kept).document("bo@acme.example, cy@acme.example, ana@acme.example")
    assert told == "bo@acme.example, cy@acme.example, person-1@example.invalid"


TEXTS = st.text(st.sampled_from('aB1@.-+_ </"é\n'), max_size=30)
DOCUMENTS = st.recursive(
    TEXTS | st.none() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("email"), inner, max_size=3),
    max_leaves=8,
)


@given(DOCUMENTS)
def test_nothing_that_looks_like_an_address_is_left(document: Json) -> None:
    told = json.dumps(Pseudonyms().document(document), ensure_ascii=False).replace("@example.invalid", "")
    assert not re.search(r"[a-zA-Z0-9]@[a-zA-Z0-9]+\.[a-zA-Z]{2}", told)


def test_a_long_text_is_read_once() -> None:
    long = "a" * 300_000 + " " + "b." * 100_000 + "@" + "c." * 100_000
    assert Pseudonyms().document(long) == long
