"""Which changed paths belong to whom, and which of them none of their owners has approved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.model import globs
from bot.model.facts.change import ChangedFiles, CodeOwners
from bot.model.findings import Reviewer


@dataclass(frozen=True, slots=True)
class Owned:
    """Changed paths that the same people and teams own: one of them must approve."""

    owners: tuple[str, ...]
    """Without the ``@``."""
    paths: tuple[str, ...]


def owned_paths(code_owners: CodeOwners, files: ChangedFiles) -> tuple[Owned, ...]:
    """Every changed path that anybody owns, the old path of a rename included.

    Of CODEOWNERS the last matching line decides, which may take ownership away. On Azure DevOps each matching policy has its
    own reviewers, one of whom must approve, so that a path may be there several times.
    """
    found: dict[tuple[str, ...], dict[str, None]] = {}
    for path in (path for file in files.files for path in file.paths):
        matching = [entry for entry in code_owners.entries if globs.matches(path, entry.patterns)]
        for entry in matching[-1:] if code_owners.last_match_wins else matching:
            if entry.owners:
                owners = tuple(owner.lstrip("@") for owner in entry.owners)
                found.setdefault(owners, {})[path] = None
    return tuple(Owned(owners, tuple(paths)) for owners, paths in found.items())


def owners_of(owned: Sequence[Owned]) -> Iterator[Reviewer]:
    """The owners of any of these, each once."""
    for owner in dict.fromkeys(owner for one in owned for owner in one.owners):
        yield Reviewer(owner, is_team="/" in owner)


def named(owned: Sequence[Owned]) -> str:
    """Up to five of the paths, and how many more there are."""
    paths = list(dict.fromkeys(path for one in owned for path in one.paths))
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return ", ".join(paths[:5]) + more
