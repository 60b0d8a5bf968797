"""What became of every repository that a scan lists: judged, left out (and why), or unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from bot.model.facts import UnknownKind
from bot.model.results import Coverage, Gap, Skip
from bot.model.subjects import Repository, Subject

ARCHIVED = "archived"
UNPUSHED = "nothing was pushed since"
"""How the reason begins for which a scan of what has changed leaves a repository out."""


class Fate(StrEnum):
    """What became of a home."""

    OPEN = "open"
    """It is to be judged, or being judged."""
    JUDGED = "judged"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    """It was gone, or could not be read at all, when it was to be judged."""


class Accounts:
    """The fate of each home, over all targets: one that two of them list is judged once."""

    def __init__(self, left_out: Callable[[Subject], str]) -> None:
        """``left_out`` says why a home is not to be judged; empty: it is."""
        self._left_out = left_out
        self._fates: dict[str, Fate] = {}
        self._skips: dict[str, Skip] = {}
        self._listed: dict[str, set[str]] = {}
        self._target = ""

    def done(self, target: str, fates: Mapping[str, Fate]) -> None:
        """What an earlier process has done of this run."""
        self._fates.update(fates)
        self._listed.setdefault(target, set()).update(fates)

    def begin(self, target: str) -> None:
        """From now on homes of this target are listed."""
        self._target = target
        self._listed.setdefault(target, set())

    def wanted(self, home: Subject) -> bool:
        """Whether a home that is listed is to be judged, and was not yet."""
        if isinstance(home, Repository):
            self._listed[self._target].add(home.id)
        if home.id not in self._fates:
            self._fates[home.id] = Fate.OPEN
            if reason := self._left_out(home):
                self.skip(home, reason)
        return self._fates[home.id] is Fate.OPEN

    def skip(self, home: Subject, reason: str) -> None:
        """It is not judged."""
        self._fates[home.id] = Fate.SKIPPED
        if isinstance(home, Repository):
            self._skips[home.id] = Skip(home.id, home.name, reason)

    def settle(self, fates: Mapping[str, Fate]) -> None:
        """These are judged, or turned out to be unknown."""
        self._fates.update(fates)

    @property
    def skipped(self) -> tuple[Skip, ...]:
        """The repositories that were not judged, by their names."""
        return tuple(sorted(self._skips.values(), key=lambda skip: (skip.name, skip.subject)))

    def coverage(self, counted: int | None) -> Coverage:
        """How the repositories of the target that was begun last are accounted for."""
        fates = [self._fates[identity] for identity in self._listed[self._target]]
        return Coverage(
            target=self._target,
            listed=len(fates),
            counted=counted,
            judged=fates.count(Fate.JUDGED),
            skipped=fates.count(Fate.SKIPPED),
            unknown=fates.count(Fate.UNKNOWN),
        )


def uncounted(root: Subject, coverage: Coverage) -> Gap | None:
    """That the platform counts other repositories than were listed; None: it does not, or does not say."""
    listed, counted = coverage.listed, coverage.counted
    if counted is None or counted == listed:
        return None
    if listed < counted:
        why = "the token may not see the others, or they came while it was listed"
    else:
        why = "some were removed, or renamed, while it was listed"
    reason = f"the platform counts {counted:,} repositories, and {listed:,} were listed: {why}; scan again"
    return Gap(root.id, root.name, "repositories", UnknownKind.TRUNCATED, reason)
