"""The files that rules come from, and the pull requests that change them.

A pull request is judged by the rules of its base branch, whatever it does to them. Whoever reviews it should know that it would
alter them: nobody reads every YAML file of a large change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from bot.cli.places import CONFIG_PATHS
from bot.model.facts.change import ChangedFiles

SHOWN = 5
_ENDINGS = frozenset({".yml", ".yaml", ".json", ".csv"})


@dataclass
class Governing:
    """The files of a branch that its rules were read from."""

    paths: set[str] = field(default_factory=lambda: set(CONFIG_PATHS))
    """Those that were looked for, whether they are there or not: a new one would count as well."""
    listed: bool = False
    """Whether any was found by a glob: then a new file beside it may match too."""

    def altered(self, files: ChangedFiles) -> tuple[str, ...]:
        """The paths of these files that a change touches, in order."""
        folders = {PurePosixPath(path).parent for path in self.paths - set(CONFIG_PATHS)} if self.listed else set()
        return tuple(
            sorted({one.path for one in files.touched if one.path in self.paths or self._beside(one.path, folders)})
        )

    @staticmethod
    def _beside(path: str, folders: set[PurePosixPath]) -> bool:
        pure = PurePosixPath(path)
        return pure.parent in folders and pure.suffix in _ENDINGS


def notice(altered: tuple[str, ...], base: str) -> str:
    """What is said beside the verdict of a change that would alter the rules."""
    named = ", ".join(altered[:SHOWN]) + (f" and {len(altered) - SHOWN} more" if len(altered) > SHOWN else "")
    return f"This change would alter the rules: {named}. It was judged by those of its base branch, {base}."
