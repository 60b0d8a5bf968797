"""A pull request as the sandbox keeps it: the scenario's words resolved into commits, instants and posted state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.sandbox.git_objects import Change, Commit, GitRepository
    from bot.sandbox.posted import AdoStatus, AdoThread, Edit, Review, ReviewRequested, ReviewThread
    from bot.sandbox.scenario import Instant, PullRequestPart


@dataclass(frozen=True, slots=True)
class Push:
    """One push to a pull request's branch."""

    by: str
    at: datetime
    before_sha: str
    """Where the branch was before; for the first push where it forked off the target."""
    head_sha: str
    forced: bool
    commits: tuple[str, ...]
    """What it brought, oldest first."""
    base_sha: str
    """The target's tip at that moment."""


@dataclass
class PullRequest:
    """One pull request."""

    part: PullRequestPart
    git: GitRepository = field(repr=False)
    id: int
    number: int
    source: str
    target: str
    created_at: datetime
    pushes: list[Push]
    merge_sha: str | None = None
    closed_at: datetime | None = None
    updated_at: datetime | None = None
    labels: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    review_threads: list[ReviewThread] = field(default_factory=list)
    requests: list[ReviewRequested] = field(default_factory=list)
    """Who was asked for a review by clients, and who no longer is, oldest first."""
    ado_threads: list[AdoThread] = field(default_factory=list)
    ado_statuses: list[AdoStatus] = field(default_factory=list)
    ado_labels: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)

    @property
    def author(self) -> str:
        """Who opened it."""
        return self.part.author

    @property
    def head(self) -> str:
        """The newest commit."""
        return self.pushes[-1].head_sha

    @property
    def base(self) -> str:
        """The target's tip when the newest push came."""
        return self.pushes[-1].base_sha

    @property
    def merge_base(self) -> str:
        """Where the change forked off."""
        return self.git.merge_base(self.base, self.head) or self.base

    def linked(self, instant: Callable[[Instant], datetime], now: datetime) -> list[int]:
        """The work items that are linked by hand at a moment."""
        links = self.part.links
        return [
            number
            for number in links.work_items
            if (number not in links.since or instant(links.since[number]) <= now)
            and (number not in links.until or instant(links.until[number]) > now)
        ]

    def commits(self) -> list[Commit]:
        """The commits of the change, oldest first."""
        return self.git.log(self.head, self.base)[::-1]

    def changes(self) -> list[Change]:
        """The changed files, against where the change forked off."""
        return self.git.diff(self.merge_base, self.head)

    def ask(self, request: ReviewRequested) -> None:
        """Ask somebody for a review, or take that back."""
        names = [name for name in self.part.requested_reviewers if name != request.who]
        if not request.removed:
            names.append(request.who)
        self.part = self.part.model_copy(update={"requested_reviewers": names})
        self.requests.append(request)
