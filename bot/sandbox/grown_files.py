"""The files of grown repositories: workflows and pipelines of several kinds, and who owns the code."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from bot.sandbox.scenario import PipelinePart

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence


class Kind(Enum):
    """How a repository's pipelines are."""

    GOOD = "good"
    UNPINNED = "unpinned"
    """Actions by a tag, which may move."""
    WIDE = "wide"
    """A token that may write everything."""
    BROKEN = "broken"
    """No YAML."""
    DISABLED = "disabled"
    LARGE = "large"
    """Many workflows among many files."""
    NONE = "none"
    """No pipeline at all."""


HEAD = """\
name: {name}
on:
{before}  push: {{branches: [main]}}
permissions: {permissions}
jobs:
  {name}:
    runs-on: ubuntu-24.04
    steps:
"""
CHECKOUT = "      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8\n"
LOOSE_CHECKOUT = "      - uses: actions/checkout@v5\n"
BROKEN = "name: [broken\non:\n\tpush\n"
LARGE_FILES = 300
LARGE_WORKFLOWS = 12

GITHUB_STEPS: Mapping[str, str] = {
    "codeql": "      - uses: github/codeql-action/init@v4\n      - uses: github/codeql-action/analyze@v4\n",
    "semgrep": "      - run: semgrep ci\n",
    "ruff": "      - run: uvx ruff check .\n",
    "eslint": "      - run: npx eslint .\n",
    "tests": "      - run: make test\n",
    "quality": "      - run: uvx ruff check .\n      - run: semgrep ci\n      - run: gitleaks detect\n",
}

AZURE_STEPS: Mapping[str, str] = {
    "codeql": "  - task: AdvancedSecurity-Codeql-Init@1\n  - task: AdvancedSecurity-Codeql-Analyze@1\n",
    "semgrep": "  - script: semgrep ci\n",
    "ruff": "  - script: uvx ruff check .\n",
    "eslint": "  - script: npx eslint .\n",
    "tests": "  - script: make test\n",
    "quality": "  - script: uvx ruff check .\n  - script: semgrep ci\n  - script: gitleaks detect\n",
}


def workflow_path(name: str) -> str:
    """Where a workflow is."""
    return f".github/workflows/{name}.yml"


def workflow(name: str, tool: str, kind: Kind, *, gates: bool = True) -> str:
    """A workflow that runs a tool: before a change is in where it gates, else only after."""
    permissions = "write-all" if kind is Kind.WIDE else "{contents: read}"
    checkout = LOOSE_CHECKOUT if kind is Kind.UNPINNED else CHECKOUT
    before = "  pull_request:\n" if gates else ""
    return HEAD.format(name=name, permissions=permissions, before=before) + checkout + GITHUB_STEPS[tool]


def files(
    dice: random.Random, name: str, kind: Kind, tool: str, organization: str, teams: Sequence[str], *, gates: bool
) -> dict[str, str]:
    """The files that rules read. A third of the repositories share theirs to the byte, as copies of a template do.

    Where no build validation runs the pipeline before a change is in (Azure DevOps), the workflow does not either.
    """
    title = f"# {name if dice.random() < 0.66 else 'template'}\n"
    found = {"README.md": title}
    owned = dice.random()
    if owned < 0.5:
        owner = dice.choice(teams) if owned < 0.45 else "squad-that-left"
        found["CODEOWNERS"] = f"* @{organization}/{owner}\n"
    if kind is Kind.NONE:
        return found
    broken = kind is Kind.BROKEN
    azure = f"trigger: [main]\npool: {{vmImage: ubuntu-24.04}}\nsteps:\n{AZURE_STEPS[tool]}"
    found[workflow_path(tool)] = title + (BROKEN if broken else workflow(tool, tool, kind, gates=gates))
    found["azure-pipelines.yml"] = title + (BROKEN if broken else azure)
    if dice.random() < 0.3:
        found[workflow_path("release")] = workflow("release", "tests", kind)
    if kind is Kind.LARGE:
        found |= {f"src/part_{index // 50}/module_{index}.py": f"PLACE = {index}\n" for index in range(LARGE_FILES)}
        for index in range(LARGE_WORKFLOWS):
            found[workflow_path(f"nightly-{index}")] = workflow(f"nightly-{index}", "tests", kind)
    return found


def pipelines(kind: Kind, tool: str) -> list[PipelinePart]:
    """The pipelines that a repository names."""
    if kind is Kind.NONE:
        return []
    enabled = kind is not Kind.DISABLED
    return [PipelinePart(name=tool, path=workflow_path(tool), azure_path="azure-pipelines.yml", enabled=enabled)]
