"""Pull requests, their reviews and discussions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.github.call import stamp
from bot.sandbox.github.graphql.actors import actor, user_only
from bot.sandbox.github.graphql.issues import comments_of
from bot.sandbox.github.graphql.thing import Context, Many, Thing
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.pulls import REVIEW_STATES
from bot.sandbox.github.render import association
from bot.sandbox.github.rulesets import active_for, classic_for
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.git_objects import Commit
    from bot.sandbox.posted import Review, ReviewThread
    from bot.sandbox.pull_requests import PullRequest, Push
    from bot.sandbox.world import Repository

CHANGES = {"added": "ADDED", "removed": "DELETED", "modified": "MODIFIED", "renamed": "RENAMED"}
OPINIONS = ("approved", "suggestions", "changes_requested", "dismissed")
WRITERS = ("write", "maintain", "admin")

TIMELINE = {
    "PULL_REQUEST_COMMIT": "PullRequestCommit",
    "PULL_REQUEST_REVIEW": "PullRequestReview",
    "PULL_REQUEST_REVIEW_THREAD": "PullRequestReviewThread",
    "ISSUE_COMMENT": "IssueComment",
    "HEAD_REF_FORCE_PUSHED_EVENT": "HeadRefForcePushedEvent",
    "MERGED_EVENT": "MergedEvent",
    "CLOSED_EVENT": "ClosedEvent",
    "RENAMED_TITLE_EVENT": "RenamedTitleEvent",
    "LABELED_EVENT": "LabeledEvent",
    "UNLABELED_EVENT": "UnlabeledEvent",
    "ASSIGNED_EVENT": "AssignedEvent",
    "UNASSIGNED_EVENT": "UnassignedEvent",
    "CONNECTED_EVENT": "ConnectedEvent",
    "DISCONNECTED_EVENT": "DisconnectedEvent",
    "REVIEW_DISMISSED_EVENT": "ReviewDismissedEvent",
}


class PullRequestThing(Thing, of="PullRequest"):
    """A pull request."""

    def __init__(self, c: Context, repository: Repository, request: PullRequest) -> None:
        super().__init__(c)
        part = self.part = request.part
        self.it = repository
        self.request = request
        self.id = encode("PullRequest", repository.key, request.number)
        self.database_id = request.id
        self.full_database_id = str(request.id)
        self.number = request.number
        self.title = part.title
        self.body = self.body_text = part.body
        self.url = f"{c.html}/{repository.full_name}/pull/{request.number}"
        self.state = part.state.upper()
        self.is_draft = part.draft
        self.merged = part.state == "merged"
        self.closed = part.state != "open"
        self.closed_at = stamp(request.closed_at)
        self.merged_at = self.closed_at if self.merged else None
        self.created_at = stamp(request.created_at)
        self.updated_at = stamp(request.updated_at or request.created_at)
        bodies = [change.at for change in request.edits if change.field == "body"]
        self.last_edited_at = stamp(max(bodies, default=None))
        self.editor = actor(c, part.author) if bodies else None
        self.author_association = association(c.world, repository, part.author)
        self.locked = False
        self.mergeable = "MERGEABLE" if not self.closed else "UNKNOWN"
        self.merge_state_status = "DRAFT" if part.draft else "CLEAN" if not self.closed else "UNKNOWN"
        self.base_ref_name = request.target
        self.base_ref_oid = request.base
        self.head_ref_name = request.source
        self.head_ref_oid = request.head
        self.is_cross_repository = part.fork is not None
        self.maintainer_can_modify = False
        self.merge_queue_entry = None
        self.is_in_merge_queue = False
        self.potential_merge_commit = None

    def author(self) -> Any:
        """Who opened it."""
        return actor(self.c, self.part.author)

    def merged_by(self) -> Any:
        """Who merged it."""
        return actor(self.c, self.part.merged_by or self.part.author) if self.merged else None

    def repository(self) -> Any:
        """Where it is."""
        return self.new("Repository", self.it)

    base_repository = repository

    def head_repository(self) -> Any:
        """Where it comes from; null for a fork, as for one that the token cannot see."""
        return None if self.part.fork else self.new("Repository", self.it)

    def head_repository_owner(self) -> Any:
        """Whose repository it comes from."""
        if self.part.fork:
            return self.new("User", self.part.fork)
        return self.new("Organization", self.c.world.organizations[self.it.owner])

    def base_ref(self) -> Any:
        """The target branch; null when it was deleted."""
        return self._ref(self.request.target)

    def head_ref(self) -> Any:
        """The branch; null when it was deleted or lies in a fork."""
        return None if self.part.fork else self._ref(self.request.source)

    def _ref(self, branch: str) -> Any:
        name = f"refs/heads/{branch}"
        return self.new("Ref", self.it, name) if name in self.it.git.refs else None

    def merge_commit(self) -> Any:
        """What the merge made."""
        sha = self.request.merge_sha
        return self.new("Commit", self.it, self.it.git.commits[sha]) if sha else None

    @property
    def additions(self) -> int:
        """Lines added."""
        return sum(change.additions for change in self.request.changes())

    @property
    def deletions(self) -> int:
        """Lines removed."""
        return sum(change.deletions for change in self.request.changes())

    @property
    def changed_files(self) -> int:
        """How many files changed."""
        return len(self.request.changes())

    @property
    def total_comments_count(self) -> int:
        """Everything that was said."""
        said = sum(comment.number == self.number for comment in self.it.issue_comments)
        return said + len(self.request.review_threads)

    @property
    def review_decision(self) -> str | None:
        """What the required reviews come to; null when none are required."""
        parts = [ruleset.part for ruleset in active_for(self.it, self.request.target)]
        classic = classic_for(self.it, self.request.target)
        if classic:
            parts.append(classic.part)
        required = max([part.approvals or 0 for part in parts], default=0)
        if required == 0:
            return None
        opinions = [review for review in self._latest(OPINIONS) if self._may_push(review.by)]
        if any(review.state == "changes_requested" for review in opinions):
            return "CHANGES_REQUESTED"
        approved = sum(REVIEW_STATES[review.state] == "APPROVED" for review in opinions)
        return "APPROVED" if approved >= required else "REVIEW_REQUIRED"

    def labels(self) -> Many:
        """Its labels."""
        return Many(self.request.labels, lambda name: self.new("Label", self.it, name))

    def assignees(self) -> Many:
        """Whose it is."""
        return Many(self.part.assignees, lambda login: user_only(self.c, login))

    def comments(self) -> Many:
        """The conversation."""
        return comments_of(self, self.it, self.number)

    def reviews(self, author: str | None = None, states: list[str] | None = None) -> Many:
        """Every review, oldest first."""
        found = [
            review
            for review in sorted(self.request.reviews, key=lambda review: review.at)
            if author in (None, review.by) and (not states or REVIEW_STATES[review.state] in states)
        ]
        return Many(found, self._review)

    def latest_reviews(self) -> Many:
        """The newest review of each reviewer."""
        return Many(self._latest(tuple(REVIEW_STATES)), self._review)

    def latest_opinionated_reviews(self, writers_only: bool = False) -> Many:
        """The newest review of each reviewer that says yes or no."""
        found = [review for review in self._latest(OPINIONS) if not writers_only or self._may_push(review.by)]
        return Many(found, self._review)

    def _latest(self, states: tuple[str, ...]) -> list[Review]:
        newest: dict[str, Review] = {}
        for review in sorted(self.request.reviews, key=lambda review: review.at):
            if review.state in states:
                newest.pop(review.by, None)
                newest[review.by] = review
        return list(newest.values())

    def _may_push(self, login: str) -> bool:
        return self.c.world.permission(login, self.it) in WRITERS

    def _review(self, review: Review) -> Any:
        return self.new("PullRequestReview", self.it, self.request, review)

    def review_requests(self) -> Many:
        """Who was asked."""
        return Many(self.part.requested_reviewers, self._asked)

    def _asked(self, name: str) -> dict[str, object]:
        ident = number("review-request", self.it.key, self.number, name)
        team = self.c.world.teams.get(name.removeprefix("team:")) if name.startswith("team:") else None
        return {
            "__typename": "ReviewRequest",
            "id": encode("ReviewRequest", ident),
            "databaseId": ident,
            "asCodeOwner": False,
            "requestedReviewer": self.new("Team", team) if team else actor(self.c, name),
        }

    def review_threads(self) -> Many:
        """Discussions of lines."""
        return Many(
            self.request.review_threads, lambda each: self.new("PullRequestReviewThread", self.it, self.request, each)
        )

    def commits(self) -> Many:
        """Its commits, oldest first. GitHub lists 250 at most, and counts all."""
        return Many(self.request.commits(), self._commit)

    def _commit(self, commit: Commit) -> dict[str, object]:
        return {
            "__typename": "PullRequestCommit",
            "id": encode("PullRequestCommit", self.it.key, self.number, commit.sha),
            "url": f"{self.url}/commits/{commit.sha}",
            "commit": self.new("Commit", self.it, commit),
            "pullRequest": self,
        }

    def status_check_rollup(self) -> Any:
        """All that is said of the newest commit."""
        return self.new("Commit", self.it, self.it.git.commits[self.request.head]).status_check_rollup()

    def files(self) -> Many:
        """The changed files, by path."""
        return Many(
            self.request.changes(),
            lambda change: {
                "path": change.path,
                "changeType": CHANGES[change.status],
                "additions": change.additions,
                "deletions": change.deletions,
                "viewerViewedState": "UNVIEWED",
            },
        )

    def closing_issues_references(
        self,
        user_linked_only: bool = False,
        order_by: dict[str, str] | None = None,
    ) -> Many:
        """The issues that merging closes: linked by hand, or by a closing keyword in the body."""
        del order_by
        numbers = closing_numbers(self.it, self.request, by_hand=user_linked_only)
        found = [self.c.world.issue(self.it, each) for each in numbers]
        allowed = self.c.may("issues", self.it)
        return Many(
            [item for item in found if item is not None],
            lambda item: self.new("Issue", self.it, item) if allowed else self.c.denied(),
        )

    def timeline_items(self, item_types: list[str] | None = None, since: str | None = None) -> Many:
        """What happened, in order of time."""
        wanted = {TIMELINE[each] for each in item_types if each in TIMELINE} if item_types else set(TIMELINE.values())
        items = [item for item in self._timeline() if item[1] in wanted and (not since or (item[0] or "") >= since)]
        items.sort(key=lambda item: item[0] or "")
        return Many(items, lambda item: item[2]())

    def _timeline(self) -> Any:
        for commit in self.request.commits():
            yield stamp(commit.committed_at), "PullRequestCommit", lambda c=commit: self._commit(c)
        for review in self.request.reviews:
            yield stamp(review.at), "PullRequestReview", lambda r=review: self._review(r)
        for thread in self.request.review_threads:
            yield (
                stamp(thread.at),
                "PullRequestReviewThread",
                lambda t=thread: self.new("PullRequestReviewThread", self.it, self.request, t),
            )
        for comment in self.it.issue_comments:
            if comment.number == self.number:
                yield (
                    stamp(comment.created_at),
                    "IssueComment",
                    lambda c=comment: self.new("IssueComment", self.it, c),
                )
        for push in self.request.pushes:
            if push.forced:
                yield stamp(push.at), "HeadRefForcePushedEvent", lambda p=push: self._forced(p)
        yield from self._changes()
        if self.merged:
            yield self.closed_at, "MergedEvent", self._merged
        if self.closed:
            yield self.closed_at, "ClosedEvent", lambda: self._event("ClosedEvent", self.part.merged_by, self.closed_at)

    def _changes(self) -> Any:
        """Titles, labels, assignees, linked issues, dismissed reviews."""
        for change in self.request.edits:
            at = stamp(change.at)
            if change.field == "title":
                titles: dict[str, object] = {"previousTitle": change.before, "currentTitle": change.after}
                yield self._change("RenamedTitleEvent", at, titles)
            for kind, of, values in (
                ("Labeled", "labels", [each for each in change.after if each not in change.before]),
                ("Unlabeled", "labels", [each for each in change.before if each not in change.after]),
                ("Assigned", "assignees", [each for each in change.after if each not in change.before]),
                ("Unassigned", "assignees", [each for each in change.before if each not in change.after]),
            ):
                for value in values if change.field == of else ():
                    about = {"label": self.new("Label", self.it, value)} if of == "labels" else {}
                    yield self._change(f"{kind}Event", at, about or {"assignee": actor(self.c, value)}, value)
        links, now = self.part.links, self.c.world.clock()
        for kind, times in (("ConnectedEvent", links.since), ("DisconnectedEvent", links.until)):
            for number_, when in times.items():
                item, then = self.c.world.issue(self.it, number_), self.c.world.at(when)
                if item is not None and then <= now:
                    ends = {"source": self, "subject": self.new("Issue", self.it, item), "isCrossRepository": False}
                    yield self._change(kind, stamp(then), ends, str(number_))
        for review in self.request.reviews:
            if review.dismissed_at is not None:
                was = {"previousReviewState": REVIEW_STATES[review.part.state], "review": self._review(review)}
                yield self._change("ReviewDismissedEvent", stamp(review.dismissed_at), was, str(review.id))

    def _change(self, kind: str, at: str | None, about: dict[str, object], value: str = "") -> Any:
        event = {
            **self._event(kind, "", at),
            "id": encode(kind, self.it.key, self.number, f"{at} {value}"),
            **about,
        }
        return at, kind, lambda: event

    def _event(self, kind: str, login: str, at: str | None) -> dict[str, object]:
        who = actor(self.c, login or self.part.author)
        ident = encode(kind, self.it.key, self.number, at)
        return {"__typename": kind, "id": ident, "actor": who, "createdAt": at}

    def _merged(self) -> dict[str, object]:
        event = self._event("MergedEvent", self.part.merged_by, self.closed_at)
        return {**event, "commit": self.merge_commit(), "mergeRefName": self.request.target}

    def _forced(self, push: Push) -> dict[str, object]:
        commits = self.it.git.commits
        return {
            **self._event("HeadRefForcePushedEvent", push.by, stamp(push.at)),
            "beforeCommit": self.new("Commit", self.it, commits[push.before_sha]),
            "afterCommit": self.new("Commit", self.it, commits[push.head_sha]),
            "ref": self.head_ref(),
        }


def closing_numbers(repository: Repository, request: PullRequest, *, by_hand: bool = False) -> list[int]:
    """The issues of this repository that a pull request closes, each once."""
    world = repository.world
    numbers = request.linked(world.at, world.clock())
    if not by_hand:
        numbers += closed_by(repository, request.part.body)
        numbers += [each for commit in request.commits() for each in closed_by(repository, commit.message)]
    return list(dict.fromkeys(numbers))


def closed_by(repository: Repository, text: str) -> list[int]:
    """The issues of this repository that a text's closing keywords name."""
    pattern = rf"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:{re.escape(repository.full_name)})?#(\d+)"
    return [int(match) for match in re.findall(pattern, text, re.IGNORECASE)]


class ReviewThing(Thing, of="PullRequestReview"):
    """A review."""

    def __init__(self, c: Context, repository: Repository, request: PullRequest, review: Review) -> None:
        super().__init__(c)
        self.it = repository
        self.request = request
        self.review = review
        self.id = encode("PullRequestReview", repository.key, request.number, review.id)
        self.database_id = review.id
        self.full_database_id = str(review.id)
        self.author_association = association(c.world, repository, review.by)
        self.author_can_push_to_repository = c.world.permission(review.by, repository) in WRITERS
        self.state = REVIEW_STATES[review.state]
        self.submitted_at = self.created_at = self.updated_at = stamp(review.at)
        self.body = review.body
        self.url = f"{c.html}/{repository.full_name}/pull/{request.number}#pullrequestreview-{review.id}"

    def author(self) -> Any:
        """Who reviewed."""
        return actor(self.c, self.review.by)

    def commit(self) -> Any:
        """The newest commit when it was made."""
        return self.new("Commit", self.it, self.it.git.commits[self.review.sha])

    def pull_request(self) -> Any:
        """What was reviewed."""
        return self.new("PullRequest", self.it, self.request)

    def on_behalf_of(self) -> Many:
        """The requested teams that the reviewer spoke for."""
        asked = [name.removeprefix("team:") for name in self.request.part.requested_reviewers]
        teams = [team for team in self.c.world.teams.values() if team.name in asked and self.review.by in team.members]
        return Many(teams, lambda team: self.new("Team", team))


class ReviewThreadThing(Thing, of="PullRequestReviewThread"):
    """A discussion of a line."""

    def __init__(self, c: Context, repository: Repository, request: PullRequest, thread: ReviewThread) -> None:
        super().__init__(c)
        self.it = repository
        self.request = request
        self.thread = thread
        self.id = encode("PullRequestReviewThread", repository.key, request.number, thread.id)
        self.is_resolved = self.is_collapsed = thread.resolved
        self.is_outdated = thread.sha != request.head
        self.path = thread.path
        self.line = thread.line

    def resolved_by(self) -> Any:
        """Who resolved it; the scenario leaves that to the pull request's author."""
        return user_only(self.c, self.request.part.author) if self.is_resolved else None

    def comments(self) -> Many:
        """What was said."""
        return Many([self.thread], self._comment)

    def _comment(self, thread: ReviewThread) -> dict[str, object]:
        page = f"{self.c.html}/{self.it.full_name}/pull/{self.request.number}"
        return {
            "__typename": "PullRequestReviewComment",
            "id": encode("PullRequestReviewComment", self.it.key, self.request.number, thread.id),
            "databaseId": thread.id,
            "fullDatabaseId": str(thread.id),
            "author": actor(self.c, thread.by),
            "body": thread.body,
            "createdAt": stamp(thread.at),
            "path": thread.path,
            "line": thread.line,
            "url": f"{page}#discussion_r{thread.id}",
        }
