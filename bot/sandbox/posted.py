"""What the sandbox keeps besides git: checks, statuses, comments and reviews, all of which clients may add to and change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from bot.sandbox.scenario import ReviewPart, ThreadPart


@dataclass(slots=True)
class Annotation:
    """One annotation of a check run."""

    path: str
    start_line: int
    end_line: int
    level: str
    message: str
    title: str | None = None
    raw_details: str | None = None
    start_column: int | None = None
    end_column: int | None = None


@dataclass(slots=True)
class CheckRun:
    """A GitHub check run."""

    id: int
    sha: str
    name: str
    status: str
    """queued, in_progress or completed."""
    conclusion: str | None
    app: str
    started_at: datetime | None
    completed_at: datetime | None
    event: str = "pull_request"
    external_id: str = ""
    details_url: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Annotation] = field(default_factory=list)
    actions: list[dict[str, str]] = field(default_factory=list)
    pipeline: str | None = None
    posted: bool = False
    """True when a client made it, False when the scenario did."""


@dataclass(slots=True)
class Status:
    """A GitHub commit status."""

    id: int
    sha: str
    context: str
    state: str
    """error, failure, pending or success."""
    description: str | None
    target_url: str | None
    creator: str
    created_at: datetime
    posted: bool = False


@dataclass(slots=True)
class DeploymentReview:
    """What an App said about a workflow run that waits to deploy."""

    run_id: int
    environment: str
    state: str | None
    """approved or rejected; None: a report that leaves it waiting."""
    comment: str
    creator: str
    created_at: datetime


@dataclass(slots=True)
class IssueComment:
    """A comment in the conversation of an issue or pull request of a repository."""

    id: int
    number: int
    author: str
    body: str
    created_at: datetime
    updated_at: datetime
    posted: bool = False
    editor: str = ""
    """Who changed it last; empty where nobody has."""


@dataclass(slots=True)
class Review:
    """A review (a vote), bound to the commit it was made on."""

    id: int
    part: ReviewPart
    by: str
    state: str
    """The scenario's word: approved, suggestions, changes_requested, commented, dismissed, waiting."""
    sha: str
    push: int
    """From 1."""
    at: datetime
    body: str
    dismissed_at: datetime | None = None
    """When ``state`` became what it is; until then it was what its part says."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a pull request's title, body, labels or assignees."""

    at: datetime
    field: str
    before: str | tuple[str, ...]
    after: str | tuple[str, ...]


@dataclass(slots=True)
class ReviewRequested:
    """Somebody was asked for a review, or no longer is."""

    id: int
    who: str
    """A login, or ``team:NAME``."""
    by: str
    at: datetime
    removed: bool = False


@dataclass(slots=True)
class ReviewThread:
    """A discussion of a line of the change (GitHub)."""

    id: int
    part: ThreadPart
    by: str
    body: str
    path: str
    line: int
    resolved: bool
    sha: str
    at: datetime


@dataclass(slots=True)
class AdoComment:
    """One comment of an Azure DevOps thread."""

    id: int
    """From 1 within its thread."""
    parent_id: int
    author: str
    content: str
    published_at: datetime
    updated_at: datetime
    comment_type: str = "text"
    deleted: bool = False


@dataclass(slots=True)
class AdoThread:
    """A discussion on an Azure DevOps pull request."""

    id: int
    status: str
    """active, fixed, wontFix, closed, byDesign or pending."""
    comments: list[AdoComment]
    published_at: datetime
    updated_at: datetime
    path: str | None = None
    line: int | None = None
    properties: dict[str, object] = field(default_factory=dict)
    deleted: bool = False
    posted: bool = False


@dataclass(slots=True)
class AdoStatus:
    """A status of an Azure DevOps pull request (``iteration`` None: of the request as a whole) or of a commit."""

    id: int
    state: str
    """notSet, notApplicable, pending, succeeded, failed or error."""
    genre: str | None
    name: str
    description: str | None
    target_url: str | None
    creator: str
    created_at: datetime
    updated_at: datetime
    iteration: int | None = None
    properties: dict[str, object] = field(default_factory=dict)
    posted: bool = False
