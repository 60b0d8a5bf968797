"""Every policy that the documentation shows loads as it stands: in the guides, and in each rule's example."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from bot.policy.load import load_configuration
from bot.rules.registry import rules

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```ya?ml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: example}\nrules:\n"
SHOWN = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.is_file()
    for number, block in enumerate(BLOCK.findall(path.read_text("utf-8")))
    if re.search(r"^kind: (Policy|Config)$", block, re.MULTILINE)
]


@pytest.mark.parametrize("rule", rules())
def test_the_example_of_each_rule_loads(rule: str) -> None:
    example = textwrap.indent(rules()[rule].sections["Example"], "  ")
    loaded = load_configuration(HEAD + example, rule)
    assert {entry.rule_id for entry in loaded.policies[0].entries} == {rule}


@pytest.mark.parametrize("block", SHOWN)
def test_what_the_guides_show_loads(block: str) -> None:
    class Beside:
        """The files that a configuration in a guide names."""

        def read(self, path: str) -> tuple[str, str] | None:
            if path.endswith("analyzers.yml"):
                return "analyzers: []", path
            return HEAD + "  - {rule: approvals, enforce: audit}\n", path

        def list(self) -> tuple[str, ...]:
            return ("policies/example.yml",)

    assert load_configuration(block, "guide", Beside()).policies
