"""The example in each rule's documentation loads as it stands. (What the guides show is for tests/test_docs.py.)"""

from __future__ import annotations

import textwrap

import pytest

from bot.policy.load import load_configuration
from bot.rules.registry import rules

HEAD = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: example}\nrules:\n"


@pytest.mark.parametrize("rule", rules())
def test_the_example_of_each_rule_loads(rule: str) -> None:
    example = textwrap.indent(rules()[rule].sections["Example"], "  ")
    loaded = load_configuration(HEAD + example, rule)
    assert {entry.rule_id for entry in loaded.policies[0].entries} == {rule}
