"""Facts about a repository as such: what is set on it, what lies in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from bot.model.facts import Fact
from bot.model.subjects import Branch, Repository


@dataclass(frozen=True)
class Properties(Fact):
    """Custom property values: GitHub custom properties, Azure DevOps project properties. A list value is joined by commas."""

    subject: ClassVar = Repository
    name: ClassVar = "properties"

    values: Mapping[str, str]


@dataclass(frozen=True)
class RepositoryPaths(Fact):
    """The path of every file on a branch, folders and submodules left out. Of what is there, not of what is in it."""

    subject: ClassVar = Branch
    name: ClassVar = "paths"

    paths: tuple[str, ...]
