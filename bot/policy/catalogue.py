"""Loads the analyzer catalogue: the shipped ``policies/analyzers.yml``, and files of the same shape that a user adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pathspec import GitIgnoreSpec
from pydantic import AfterValidator, Field, StringConstraints

from bot.model.analyzers import AnalysisKind, Analyzer, AnalyzerCatalogue
from bot.policy.globs import mistake
from bot.policy.loader import PolicyError, Problem, parse_yaml, validate
from bot.policy.models import Strict
from bot.policy.nodes import Mapping, Tree
from bot.policy.nodes import Sequence as NodeSequence
from bot.policy.packaged import data_file

if TYPE_CHECKING:
    from bot.policy.configuration import SourceFile

SHIPPED = "analyzers.yml"

WAYS = ("actions", "tasks", "commands", "hooks", "checks", "apps")
"""The ways of recognising a tool, of which each tool needs at least one."""


def load_catalogue(extra: Sequence[Path | SourceFile] = ()) -> AnalyzerCatalogue:
    """The shipped tools, then the user's own: files on this machine, or as a configuration has them already read. A tool of
    a later file takes the place of the one with its id.

    Raises ``PolicyError`` with every mistake, each with its file and line.
    """
    found: dict[str, Analyzer] = {}
    problems: list[Problem] = []
    for file in (data_file("policies", SHIPPED), *extra):
        try:
            text, name = (_text(file), str(file)) if isinstance(file, Path) else (file.text, file.source)
            found |= {analyzer.id: analyzer for analyzer in parse_catalogue(text, name).analyzers}
        except PolicyError as error:
            problems.extend(error.problems)
    if problems:
        raise PolicyError(problems)
    return AnalyzerCatalogue(tuple(found.values()))


def parse_catalogue(text: str, file: str) -> AnalyzerCatalogue:
    """The tools that one file declares. Raises ``PolicyError``."""
    tree = parse_yaml(text, file)
    document = validate(AnalyzersFile, tree)
    problems = list(_mistakes(tree, document))
    if problems:
        raise PolicyError(problems)
    return AnalyzerCatalogue(tuple(entry.analyzer() for entry in document.analyzers))


def _name_glob(value: str) -> str:
    problem = mistake(value)
    if problem:
        raise ValueError(problem)
    return value


@cache
def _path_glob(value: str) -> str:
    try:
        GitIgnoreSpec.from_lines([value])
    except ValueError as error:
        raise ValueError(f"it is not a gitignore pattern: {error}") from error
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]
NameGlob = Annotated[Text, AfterValidator(_name_glob)]
PathGlob = Annotated[Text, AfterValidator(_path_glob)]


class AnalyzerEntry(Strict):
    """One tool."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
    """What policies call it: words in lower case joined by `-`."""
    name: Text
    """What people call it."""
    kinds: Annotated[tuple[AnalysisKind, ...], Field(min_length=1)]
    """What it looks at."""
    url: Annotated[str, StringConstraints(pattern=r"^https://")]
    """Its home page."""
    actions: tuple[Text, ...] = ()
    """GitHub Actions and reusable workflows, `owner/repo` or `owner/repo/path`, without the ref."""
    tasks: tuple[Text, ...] = ()
    """Azure Pipelines tasks, without the version."""
    commands: tuple[Text, ...] = ()
    """The program and the words that follow it: `ruff check`."""
    hooks: tuple[Text, ...] = ()
    """Ids of pre-commit hooks."""
    checks: tuple[NameGlob, ...] = ()
    """Globs of the names of checks that an app reports."""
    apps: tuple[Text, ...] = ()
    """Slugs of GitHub Apps."""
    covers: tuple[PathGlob, ...] = ()
    """gitignore-style globs of the files that it judges; absent: every file."""
    gates_with: tuple[Text, ...] = ()
    """Words of a command, or inputs of an action (`exit-code:`), without any of which it finds and yet succeeds."""

    def analyzer(self) -> Analyzer:
        """As the model has it."""
        return Analyzer(**self.model_dump())


class AnalyzersFile(Strict):
    """A file of tools."""

    analyzers: tuple[AnalyzerEntry, ...]
    """The tools."""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"the analyzer file cannot be read: {reason}; correct the path, or take it out of the configuration"
        raise PolicyError([Problem(str(path), 1, 1, "", message)]) from error


def _mistakes(tree: Tree, document: AnalyzersFile) -> Iterator[Problem]:
    """What only the whole file shows: an id that is given twice, a tool that nothing would recognise."""
    seen: set[str] = set()
    listed = tree.root.get("analyzers") if isinstance(tree.root, Mapping) else None
    nodes = listed.items if isinstance(listed, NodeSequence) else []
    for index, (entry, node) in enumerate(zip(document.analyzers, nodes, strict=True)):
        if entry.id in seen:
            yield tree.problem(node.mark, f"analyzers[{index}].id", f"the tool {entry.id!r} is already in this file")
        seen.add(entry.id)
        if not any(getattr(entry, way) for way in WAYS):
            message = f"nothing would recognise this tool; give at least one of {', '.join(WAYS)}"
            yield tree.problem(node.mark, f"analyzers[{index}]", message)
