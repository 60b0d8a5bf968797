"""Finds the files that ship beside the code: packs, catalogues and templates."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


class MissingDataError(FileNotFoundError):
    """A file that should have been installed with the program was not."""


@cache
def data_folder(name: str) -> Path:
    """The folder ``policies`` or ``templates``: inside the package in a wheel, at the root in a checkout."""
    installed = _PACKAGE / "_data" / name
    folder = installed if installed.is_dir() else _PACKAGE.parent / name
    if not folder.is_dir():
        raise MissingDataError(
            f"The folder {name!r} that ships with almguard is neither at {installed} nor at {folder}. "
            "Install almguard again: pip install --force-reinstall almguard."
        )
    return folder


def data_file(folder: str, name: str) -> Path:
    """One shipped file: ``data_file("templates", "comment.md.j2")``."""
    path = data_folder(folder) / name
    if not path.is_file():
        raise MissingDataError(
            f"The file {folder}/{name} that ships with almguard is not in {path.parent}. "
            "Install almguard again: pip install --force-reinstall almguard."
        )
    return path


@cache
def shipped_packs() -> tuple[str, ...]:
    """The names of the policies that are shipped."""
    files = sorted(data_folder("policies").glob("*.yml"))
    return tuple(file.stem for file in files if re.search(r"^kind: Policy$", file.read_text("utf-8"), re.MULTILINE))
