"""Facts about a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self

from bot.model.facts import Fact, UnknownKind
from bot.model.people import Permission, Person, Signature
from bot.model.subjects import Branch, PullRequest, Repository, WorkItem


class Opinion(StrEnum):
    """What a review says. Azure DevOps: 10 and 5 approve, -10 requests changes, -5 waits."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    COMMENTED = "commented"
    DISMISSED = "dismissed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Review:
    """One review of a pull request; on Azure DevOps one vote."""

    person: Person
    opinion: Opinion
    at: datetime | None
    """When it was given; None where the platform does not say (Azure DevOps votes)."""
    commit: str | None
    """The head it was given on; None where the platform does not say."""
    url: str = ""
    required: bool = False
    """Azure DevOps: a required reviewer."""
    body: str = ""


@dataclass(frozen=True)
class Reviews(Fact):
    """All reviews, oldest first; and who was asked and has not answered."""

    subject: ClassVar = PullRequest
    name: ClassVar = "reviews"

    reviews: tuple[Review, ...]
    requested: tuple[str, ...] = ()
    """Logins and team names that were asked for a review and have given none."""


@dataclass(frozen=True, slots=True)
class Comment:
    """Something that was said of a pull request as a whole."""

    person: Person
    at: datetime | None
    body: str
    url: str = ""
    edited_by_another: bool = False
    """Somebody else has changed it since (on GitHub whoever may push can): these need not be its writer's words."""


@dataclass(frozen=True)
class Comments(Fact):
    """What was said of a pull request as a whole, oldest first; what was said of a line, and by this program, is left out."""

    subject: ClassVar = PullRequest
    name: ClassVar = "comments"

    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a change."""

    sha: str
    message: str
    author: Signature
    committer: Signature
    co_authors: tuple[Signature, ...] = ()
    parents: tuple[str, ...] = ()
    committed_at: datetime | None = None
    is_update_merge: bool | None = False
    """A merge of the base made by the platform itself that touches nothing its two parents do not. None: not provable."""
    is_applied_suggestion: bool = False
    """Made by the platform from a review suggestion: its suggester is no author."""
    verified: bool | None = None
    url: str = ""


@dataclass(frozen=True)
class Commits(Fact):
    """The commits of a pull request, oldest first."""

    subject: ClassVar = PullRequest
    name: ClassVar = "commits"

    commits: tuple[Commit, ...]


@dataclass(frozen=True)
class FormerCommits(Fact):
    """What proves a rebase. Loaded after ``Reviews`` and ``Commits``, and empty where no approval is left to be proven."""

    subject: ClassVar = PullRequest
    name: ClassVar = "former_commits"

    former: Mapping[str, tuple[Commit, ...]] = field(default_factory=dict)
    """By a former head that was force-pushed away: what the change consisted of then, oldest first.

    Only of heads that somebody approved, and only where the platform still has them.
    """
    patch_ids: Mapping[str, str] = field(default_factory=dict)
    """By commit, present and former: equal for two commits with the same patch. A merge, and what was not read, has none."""


@dataclass(frozen=True, slots=True)
class Push:
    """One push to the source branch."""

    person: Person | None
    """Who pushed; None where the platform names nobody."""
    at: datetime | None
    head: str
    """The head after the push."""
    before: str | None = None
    """The head before the push; None for the first."""
    forced: bool = False


@dataclass(frozen=True)
class Pushes(Fact):
    """The pushes to the source branch, oldest first: repository activity on GitHub, iterations on Azure DevOps.

    The last one has put the present head there.
    """

    subject: ClassVar = PullRequest
    name: ClassVar = "pushes"

    pushes: tuple[Push, ...]


class Change(StrEnum):
    """How a file changed."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One changed file. A rename is the new path added and the old path deleted."""

    path: str
    change: Change
    old_path: str | None = None
    additions: int = 0
    deletions: int = 0

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that the change touches."""
        return (self.path,) if self.old_path is None else (self.path, self.old_path)


class PathChange(StrEnum):
    """What a change does to one path."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class TouchedPath:
    """One path that a change touches: what conditions see, so that moving a file away from a path cannot hide it."""

    path: str
    change: PathChange
    additions: int = 0
    deletions: int = 0


@dataclass(frozen=True)
class ChangedFiles(Fact):
    """The files that a pull request changes. Where not all could be listed, the fact is unavailable (truncated)."""

    subject: ClassVar = PullRequest
    name: ClassVar = "files"
    value: ClassVar = "touched"

    files: tuple[ChangedFile, ...]

    @property
    def touched(self) -> tuple[TouchedPath, ...]:
        """Every path with what happens to it: a rename is its new path added and its old path deleted."""
        return tuple(path for file in self.files for path in _touched(file))


def _touched(file: ChangedFile) -> Iterator[TouchedPath]:
    change = PathChange.ADDED if file.change is Change.RENAMED else PathChange(file.change)
    yield TouchedPath(file.path, change, file.additions, file.deletions)
    if file.old_path is not None:
        yield TouchedPath(file.old_path, PathChange.DELETED)


class LinkSource(StrEnum):
    """Which tracker a link points at."""

    AZURE_BOARDS = "azure-boards"
    GITHUB_ISSUES = "github-issues"
    JIRA = "jira"


class LinkForm(StrEnum):
    """How a link was made."""

    RELATION = "relation"
    """Recorded by the platform: a work item relation, a linked issue."""
    KEYWORD = "keyword"
    """``AB#12``, or ``Fixes #12``."""
    REFERENCE = "reference"
    """``owner/repo#12``, or a full URL."""
    MENTION = "mention"
    """``#12`` alone: no link unless ``mentions: true``."""
    KEY = "key"
    """A Jira key."""


@dataclass(frozen=True, slots=True)
class WorkItemLink:
    """One link, or mention, and the item that it leads to."""

    source: LinkSource
    form: LinkForm
    text: str
    """As it was written, or ``AB#12`` / ``owner/repo#12`` for a relation."""
    where: str
    """``relation``, ``title``, ``body``, or ``commit SHA``."""
    item: WorkItem | None = None
    missing: bool = False
    """The tracker says that there is no such item."""
    unreadable: str = ""
    """Why it could not be read; names the scope. Neither item nor missing."""
    unreadable_kind: UnknownKind = UnknownKind.SCOPE
    unchecked: bool = False
    """Accepted by its form alone: a Jira key with no Jira to ask."""


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """What of the links is asked for."""

    jira_projects: frozenset[str] = frozenset()
    count_pull_requests: bool = False
    """Also count the pull requests that hang on each item."""

    def unite(self, other: Self) -> Self:
        """Both."""
        return type(self)(
            self.jira_projects | other.jira_projects, self.count_pull_requests or other.count_pull_requests
        )


@dataclass(frozen=True)
class LinkedWorkItems(Fact):
    """Every link and mention of a work item in relations, title, body and commit messages. Spec: ``LinkSpec``."""

    subject: ClassVar = PullRequest
    name: ClassVar = "work_items"
    spec: ClassVar = LinkSpec

    links: tuple[WorkItemLink, ...]


class CheckState(StrEnum):
    """How a check stands. ``NEUTRAL`` and ``SKIPPED`` ended without judging."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Check:
    """One check run, commit status, build validation or pull request status, on the head."""

    name: str
    state: CheckState
    app: str | None = None
    """The GitHub App's slug; None for a commit status and on Azure DevOps."""
    event: str | None = None
    """The event that started it, where known."""
    workflow: str | None = None
    """The workflow's or build definition's name, where known."""
    workflow_path: str | None = None
    url: str = ""
    at: datetime | None = None
    """When it ended, else when it began."""
    detail: str = ""
    """The platform's own word for the state: ``timed_out``."""
    began: datetime | None = None
    """When it began, where that is told: of two runs the one that began later is the newer, whichever ends first."""


@dataclass(frozen=True)
class Checks(Fact):
    """Everything that reported on the head commit; several runs of one name may be among them."""

    subject: ClassVar = PullRequest
    name: ClassVar = "checks"

    checks: tuple[Check, ...]


@dataclass(frozen=True)
class ReviewerPermissions(Fact):
    """What those who reviewed may do to the repository. Loaded after ``Reviews``."""

    subject: ClassVar = PullRequest
    name: ClassVar = "reviewer_permissions"

    levels: Mapping[str, Permission]
    """By ``Person.id``. Who is not here could not be looked up: unknown."""


@dataclass(frozen=True, slots=True)
class TeamSpec:
    """Which teams' members matter."""

    teams: frozenset[str] = frozenset()
    owners: bool = False
    """Also every team that CODEOWNERS (or a required-reviewer policy) of the default branch names."""
    whole: bool = True
    """Every member; else, where that is cheaper, only those of them who have said something of what is judged."""

    @classmethod
    def naming(cls, names: frozenset[str]) -> Self:
        """Of these teams."""
        return cls(names)

    def unite(self, other: Self) -> Self:
        """All of them."""
        return type(self)(self.teams | other.teams, self.owners or other.owners, self.whole or other.whole)


@dataclass(frozen=True)
class TeamMembers(Fact):
    """The members of teams of the repository's organisation (groups of the project), nested ones included.

    Spec: ``TeamSpec``. A name with a slash (``acme/payments-team``) is taken without what stands before it.
    """

    subject: ClassVar = Repository
    name: ClassVar = "teams"
    spec: ClassVar = TeamSpec
    chosen: ClassVar = ("members", "missing")

    members: Mapping[str, tuple[Person, ...]]
    """By the name that was asked for."""
    missing: frozenset[str] = frozenset()
    """Teams that the platform says do not exist."""


@dataclass(frozen=True, slots=True)
class OwnedPaths:
    """One line of CODEOWNERS, or one required-reviewer policy."""

    patterns: tuple[str, ...]
    """gitignore-style; the last matching line of CODEOWNERS wins."""
    owners: tuple[str, ...]
    """``login``, ``org/team``, or an e-mail; none takes ownership away."""
    line: int | None = None


@dataclass(frozen=True)
class CodeOwners(Fact):
    """Who owns which paths: CODEOWNERS of the branch (GitHub), required reviewers by path (Azure DevOps)."""

    subject: ClassVar = Branch
    name: ClassVar = "code_owners"

    entries: tuple[OwnedPaths, ...]
    path: str | None
    """The file that was used; None where there is none."""
    last_match_wins: bool = True
    """False on Azure DevOps, where every matching policy counts."""
