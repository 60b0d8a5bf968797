"""Finds and loads files of policy tests on this machine, with everything that they refer to, each once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.failures import Refusal
from bot.cli.places import TEST_FOLDERS, FilesBeside
from bot.model.analyzers import AnalyzerCatalogue
from bot.policy.casefile import CaseFile, Served, load_cases
from bot.policy.configuration import Configuration, SourceFile
from bot.policy.packaged import data_file
from bot.policy.problems import PolicyError
from bot.policy.resolving import PACK

if TYPE_CHECKING:
    from bot.policy.references import Fetcher

OTHERS = frozenset({"Policy", "Config", "Waivers", "Identities", "Scenario"})
"""Kinds of file that may lie beside tests in their folders: not tests, and no mistake."""


def found(paths: Sequence[str]) -> list[Path]:
    """The files that are named, and those of the folders that are; without any, those of ``TEST_FOLDERS``."""
    chosen = [Path(path) for path in paths] or [Path(folder) for folder in TEST_FOLDERS if Path(folder).is_dir()]
    if not chosen:
        raise Refusal(
            f"There is no {' and no '.join(TEST_FOLDERS)} here. Name a file or a folder: almguard test policies/tests"
        )
    files: list[Path] = []
    for path in chosen:
        if path.is_dir():
            inside = _inside(path)
            if not inside:
                raise Refusal(f"{path}: there is no file of tests (kind: Tests) in this folder")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise Refusal(f"{path}: there is no such file and no such folder")
    return list(dict.fromkeys(files))


def tests_here() -> list[Path]:
    """The files of ``TEST_FOLDERS``; none where there are none."""
    return [file for folder in TEST_FOLDERS for file in _inside(Path(folder))]


def _inside(folder: Path) -> list[Path]:
    return sorted(file for ending in ("*.yml", "*.yaml") for file in folder.rglob(ending) if _is_tests(file))


def _is_tests(path: Path) -> bool:
    """Whether a file of a folder is to be loaded: every one that does not say that it is something else."""
    try:
        text = text_of(path)
    except Refusal:
        return True  # What is wrong with it is told when it is loaded.
    kind = re.search(r"^kind:[ ]*[\"']?(\w+)", text, re.MULTILINE)
    return kind is None or kind[1] not in OTHERS


def text_of(path: Path) -> str:
    """The text of a file."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: it cannot be read: {error}") from None


class CaseFiles:
    """Loads files of tests; what several refer to is loaded once."""

    def __init__(self, fetcher: Fetcher | None = None) -> None:
        self._fetcher = fetcher
        self._configurations: dict[str, Configuration | PolicyError] = {}
        self._catalogues: dict[tuple[SourceFile, ...], AnalyzerCatalogue] = {}

    def load(self, path: Path) -> CaseFile:
        """One file. Raises ``PolicyError``."""
        return load_cases(text_of(path), str(path), _Beside(self, path.parent))

    def configuration(self, name: str) -> Configuration:
        """A configuration by its path or as ``pack:NAME``. Raises ``PolicyError``, the first time as ever after."""
        if name not in self._configurations:
            try:
                self._configurations[name] = self._load(name)
            except PolicyError as error:
                self._configurations[name] = error
        kept = self._configurations[name]
        if isinstance(kept, PolicyError):
            raise PolicyError(kept.problems)
        return kept

    def catalogue(self, configuration: Configuration) -> AnalyzerCatalogue:
        """The tools that a configuration knows. Raises ``PolicyError``."""
        from bot.policy.catalogue import load_catalogue

        if configuration.analyzers not in self._catalogues:
            self._catalogues[configuration.analyzers] = load_catalogue(configuration.analyzers)
        return self._catalogues[configuration.analyzers]

    def _load(self, name: str) -> Configuration:
        from bot.policy.load import load_configuration

        if name.startswith(PACK):
            text = data_file("policies", f"{name.removeprefix(PACK)}.yml").read_text(encoding="utf-8")
            return load_configuration(text, name, None, self._fetcher)
        path = Path(name)
        return load_configuration(text_of(path), name, FilesBeside(path), self._fetcher)


class _Beside:
    """The files around one file of tests."""

    def __init__(self, files: CaseFiles, folder: Path) -> None:
        self._files, self._folder = files, folder

    def find(self, path: str) -> str | None:
        """The name of a file: its path, from where the command runs."""
        name = os.path.normpath(self._folder / path)
        return name if Path(name).is_file() else None

    def read(self, name: str) -> str:
        """The text of a file that was found."""
        return text_of(Path(name))

    def configuration(self, name: str) -> Configuration:
        """A configuration that was found."""
        return self._files.configuration(name)


def scenarios(files: Sequence[CaseFile]) -> Iterator[str]:
    """Every scenario that some case is read from, once."""
    named = (case.about.scenario for file in files for case in file.cases if isinstance(case.about, Served))
    return iter(dict.fromkeys(named))
