"""Where configurations lie on this machine, and the files beside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bot.cli.failures import Refusal

CONFIG_PATHS = (".github/almguard.yml", "almguard.yml")
"""Where a gate looks for a configuration, from the root of a repository; the first that is there is it."""
TEST_FOLDERS = (".github/almguard-tests", "policies/tests")
"""Where policy tests are looked for when nothing is named."""


def found_here() -> Path:
    """The configuration file that a gate would find in this folder."""
    for name in CONFIG_PATHS:
        if Path(name).is_file():
            return Path(name)
    raise Refusal(f"There is no {' and no '.join(CONFIG_PATHS)} here. Name a file, or let 'almguard init' write one.")


def root_of(path: Path) -> Path:
    """The folder that the paths in a configuration or policy start from.

    That is the one with the checkout's own configuration (``.github/almguard.yml``, ``almguard.yml``), the nearest where there
    are several; the file's own folder outside of a checkout, or where there is no such configuration.
    """
    folder = path.absolute().parent
    own = folder.parent if folder.name == ".github" else folder
    checkout = next((above for above in (own, *own.parents) if (above / ".git").exists()), None)
    for above in (own, *own.parents) if checkout is not None else ():
        if any((above / name).is_file() for name in CONFIG_PATHS):
            return above
        if above == checkout:
            break
    return own


def text_of(path: Path) -> str:
    """A file's text, its line ends as they are."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Refusal(f"{path}: it cannot be read: {reason}") from None


class Folder:
    """The other files of a configuration that lies on this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def read(self, path: str) -> tuple[str, str] | None:
        """A file's text and its name; nothing outside the folder."""
        found = (self._root / path).resolve()
        if not found.is_relative_to(self._root) or not found.is_file():
            return None
        try:
            return found.read_text(encoding="utf-8"), path
        except (OSError, UnicodeDecodeError) as error:
            raise Refusal(f"{path}: it cannot be read: {error}") from None

    def list(self) -> Sequence[str]:
        """The YAML files of the folder."""
        return sorted(
            str(found.relative_to(self._root))
            for ending in ("*.yml", "*.yaml")
            for found in self._root.rglob(ending)
            if ".git" not in found.relative_to(self._root).parts and found.is_file()
        )


class FilesBeside:
    """The files beside a configuration, with names that lead to them from where the configuration's own name does."""

    def __init__(self, path: Path) -> None:
        self._root = root_of(path)
        self._folder = Folder(self._root)
        self._name = os.path.normpath if path.is_absolute() else os.path.relpath

    def read(self, path: str) -> tuple[str, str] | None:
        """A file's text and its name. Raises ``FetchError`` where it is there and cannot be read."""
        from bot.policy.references import FetchError

        try:
            found = self._folder.read(path)
        except Refusal as refusal:
            raise FetchError(refusal.message) from None
        return None if found is None else (found[0], self._name(self._root / path))

    def list(self) -> Sequence[str]:
        """The YAML files of the folder."""
        return self._folder.list()
