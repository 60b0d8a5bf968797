"""Issues, comments, labels and Dependabot alerts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.sandbox.github.call import stamp
from bot.sandbox.github.graphql.actors import actor, user_only
from bot.sandbox.github.graphql.thing import Context, Many, Thing
from bot.sandbox.github.issues import NOT_PLANNED
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import association
from bot.sandbox.github.security import DEPENDENCY_REASONS
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.posted import IssueComment
    from bot.sandbox.scenario import AlertPart
    from bot.sandbox.world import Repository, WorkItem


class LabelThing(Thing, of="Label"):
    """A label."""

    def __init__(self, c: Context, repository: Repository, name: str) -> None:
        super().__init__(c)
        self.id = encode("Label", repository.key, name)
        self.name = name
        drawn = f"{number('label', repository.key, name) & 0xFFFFFF:06x}"
        self.color, description = repository.labels.get(name, (drawn, ""))
        self.description = description or None


class IssueThing(Thing, of="Issue"):
    """An issue."""

    def __init__(self, c: Context, repository: Repository, item: WorkItem) -> None:
        super().__init__(c)
        part = item.part
        self.it = repository
        self.item = item
        self.id = encode("Issue", repository.key, item.id)
        self.database_id = number("issue", repository.key, item.id)
        self.full_database_id = str(self.database_id)
        self.number = item.id
        self.title = part.title
        self.body = self.body_text = part.body
        self.closed = item.closed
        self.state = "CLOSED" if item.closed else "OPEN"
        self.state_reason = None if not item.closed else "NOT_PLANNED" if part.state == NOT_PLANNED else "COMPLETED"
        self.created_at = stamp(item.created_at)
        self.updated_at = stamp(max(item.changed_at, item.closed_at or item.changed_at))
        self.closed_at = stamp(item.closed_at)
        self.url = f"{c.html}/{repository.full_name}/issues/{item.id}"
        self.login = part.created_by or "almguard"
        self.author_association = association(c.world, repository, self.login)
        self.viewer_did_author = self.login == c.token.poster

    def author(self) -> Any:
        """Who opened it."""
        return actor(self.c, self.login)

    def assignees(self) -> Many:
        """Whose it is."""
        return Many(self.item.assignees, lambda login: user_only(self.c, login))

    def labels(self) -> Many:
        """Its labels."""
        return Many(self.item.part.labels, lambda name: self.new("Label", self.it, name))

    def repository(self) -> Any:
        """Where it is."""
        return self.new("Repository", self.it)

    @property
    def issue_type(self) -> dict[str, object] | None:
        """Its type, where the organisation has types."""
        name = self.item.part.type
        if not self.c.world.organizations[self.it.owner].part.has_issue_types:
            return None
        ident = encode("IssueType", self.it.owner, name)
        return {"__typename": "IssueType", "id": ident, "name": name, "description": None, "isEnabled": True}

    def parent(self) -> Any:
        """The issue that it is a part of."""
        ident = self.item.part.parent
        found = self.c.world.issue(self.it, ident) if ident is not None else None
        return self.new("Issue", self.it, found) if found else None

    def closed_by_pull_requests_references(self, include_closed_prs: bool = False) -> Many:
        """The pull requests of this repository that close it."""
        from bot.sandbox.github.graphql.pulls import closing_numbers

        found = [
            request
            for request in self.it.pull_requests.values()
            if (include_closed_prs or request.part.state == "open") and self.number in closing_numbers(self.it, request)
        ]
        return Many(found, lambda request: self.new("PullRequest", self.it, request))

    def comments(self) -> Many:
        """What was said."""
        return comments_of(self, self.it, self.number)


def comments_of(thing: Thing, repository: Repository, about: int) -> Many:
    """The conversation of an issue or pull request."""
    found = [comment for comment in repository.issue_comments if comment.number == about]
    return Many(found, lambda comment: thing.new("IssueComment", repository, comment))


class CommentThing(Thing, of="IssueComment"):
    """A comment."""

    def __init__(self, c: Context, repository: Repository, comment: IssueComment) -> None:
        super().__init__(c)
        self.comment = comment
        self.id = encode("IssueComment", repository.key, comment.id)
        self.database_id = comment.id
        self.full_database_id = str(comment.id)
        self.author_association = association(c.world, repository, comment.author)
        self.body = comment.body
        self.created_at = stamp(comment.created_at)
        self.updated_at = stamp(comment.updated_at)
        place = "pull" if comment.number in repository.pull_requests else "issues"
        self.url = f"{c.html}/{repository.full_name}/{place}/{comment.number}#issuecomment-{comment.id}"
        self.viewer_did_author = comment.author == c.token.poster
        self.is_minimized = False
        self.last_edited_at = self.updated_at if comment.editor else None

    def editor(self) -> Any:
        """Who changed it last."""
        return actor(self.c, self.comment.editor) if self.comment.editor else None

    def author(self) -> Any:
        """Who said it."""
        return actor(self.c, self.comment.author)


class AlertThing(Thing, of="RepositoryVulnerabilityAlert"):
    """A Dependabot alert."""

    def __init__(self, c: Context, repository: Repository, part: AlertPart) -> None:
        super().__init__(c)
        self.part = part
        at = c.world.at(part.created_at)
        settled = stamp(at + timedelta(days=1))
        gone = part.state == "dismissed"
        reason = part.dismissed_reason if gone else ""
        known = reason in DEPENDENCY_REASONS
        self.id = encode("RepositoryVulnerabilityAlert", repository.key, part.number)
        self.number = part.number
        self.state = part.state.upper()
        self.created_at = stamp(at)
        self.dismissed_at = settled if gone else None
        self.dismiss_reason = (reason if known else "tolerable_risk") if reason else None
        self.dismiss_comment = reason if reason and not known else None
        self.fixed_at = settled if part.state == "fixed" else None
        self.vulnerable_manifest_path = part.path
        self.vulnerable_manifest_filename = part.path.rpartition("/")[2]
        self.vulnerable_requirements = "= 1.0.0"
        # GraphQL says MODERATE where REST says medium.
        severity = "MODERATE" if part.severity == "medium" else part.severity.upper()
        ghsa = f"GHSA-{part.number:04d}-{part.number:04d}-{part.number:04d}"
        self.security_advisory = {
            "__typename": "SecurityAdvisory",
            "id": encode("SecurityAdvisory", ghsa),
            "ghsaId": ghsa,
            "summary": part.rule,
            "severity": severity,
        }
        self.security_vulnerability = {
            "severity": severity,
            "package": {"name": part.rule, "ecosystem": "PIP"},
            "vulnerableVersionRange": "< 2.0.0",
        }

    def dismisser(self) -> Any:
        """Who dismissed it."""
        return user_only(self.c, self.part.dismissed_by) if self.part.state == "dismissed" else None
