"""Facts about a repository's listing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from bot.model.facts import Fact
from bot.model.subjects import Repository


@dataclass(frozen=True)
class Properties(Fact):
    """Custom property values: GitHub custom properties, Azure DevOps project properties. A list value is joined by commas."""

    subject: ClassVar = Repository
    name: ClassVar = "properties"

    values: Mapping[str, str]
