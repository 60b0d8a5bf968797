"""Writes plain values as YAML that people can read, and that the strict loader takes for the same values."""

from __future__ import annotations

from typing import Any

import yaml

from bot.policy.loader import is_plain_text
from bot.policy.nodes import Json

WIDTH = 120


def to_yaml(document: Json) -> str:
    """The document as YAML; what holds no other lists or mappings stands on one line."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=None
    )


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML readers disagree about, and shows lines as lines."""

    def ignore_aliases(self, data: Any) -> bool:
        """Values are written out wherever they stand."""
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    lines = text.split("\n")
    if not all(line.isprintable() for line in lines):
        style: str | None = '"'  # with escapes: readers disagree about what else ends a line
    elif len(lines) > 1:
        style = "|"
    else:
        style = None if is_plain_text(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
