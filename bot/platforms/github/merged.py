"""Merged pull requests as they stood at their merge: the newest of repositories, and what has changed about them since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.model.facts import UnknownKind
from bot.model.facts.change import Opinion
from bot.model.rehearsal import Merged
from bot.model.results import Gap
from bot.model.subjects import PullRequest, PullRequestState, Repository
from bot.platforms.github.client import GitHubClient, Json
from bot.platforms.github.memory import Memory, seen_pull_request
from bot.platforms.github.query import Connection, Found, Piece, ask, repository, text
from bot.platforms.github.reading import denied
from bot.platforms.github.subjects import PULL_REQUEST, USER, instant, optional_instant, person, pull_request

AT_ONCE = 25
"""Pull requests, or repositories, in one query."""
_EVENTS = 100
"""What happened to a pull request, the newest: more than that after a merge is not read."""

_PULL_REQUESTS = "pull requests: read"
_NEWEST = "states: [MERGED], orderBy: {field: UPDATED_AT, direction: DESC}"
_SINCE = (
    "since_: timelineItems(last: {}, itemTypes: [RENAMED_TITLE_EVENT, LABELED_EVENT, UNLABELED_EVENT, ASSIGNED_EVENT, "
    "UNASSIGNED_EVENT, CONNECTED_EVENT, DISCONNECTED_EVENT, REVIEW_DISMISSED_EVENT]) {{ totalCount nodes {{ __typename "
    "... on RenamedTitleEvent {{ createdAt previousTitle }} "
    "... on LabeledEvent {{ createdAt label {{ name }} }} ... on UnlabeledEvent {{ createdAt label {{ name }} }} "
    "... on AssignedEvent {{ createdAt assignee {{ ... on User {{ {} }} }} }} "
    "... on UnassignedEvent {{ createdAt assignee {{ ... on User {{ {} }} }} }} "
    "... on ConnectedEvent {{ createdAt source {{ {} }} subject {{ {} }} }} "
    "... on DisconnectedEvent {{ createdAt source {{ {} }} subject {{ {} }} }} "
    "... on ReviewDismissedEvent {{ createdAt previousReviewState review {{ url }} }} }} }}"
)
_ISSUE = "__typename ... on Issue { number repository { nameWithOwner } }"
MERGED = f"{PULL_REQUEST} mergedAt lastEditedAt {_SINCE.format(_EVENTS, USER, USER, *[_ISSUE] * 4)}"


@dataclass(frozen=True, slots=True)
class _Row:
    """A merged pull request in a list."""

    merged_at: datetime
    number: int
    home: Repository


class MergedPullRequests:
    """Finds merged pull requests. What it learns on the way that facts need later, it puts into the memory."""

    def __init__(self, client: GitHubClient, memory: Memory) -> None:
        self._client = client
        self._memory = memory

    def newest(self, homes: Sequence[Repository], amount: int, branch: str | None) -> Iterator[Merged | Gap]:
        """The newest merged over these repositories, into their default branches or the branch that is named."""
        rows: list[_Row] = []
        # A merge is a push: once so many are younger than a repository's last push, it and all behind it have none to add.
        waiting = sorted((one for one in homes if branch or one.default_branch), key=_pushed, reverse=True)
        while waiting:
            rows.sort(key=lambda row: row.merged_at, reverse=True)
            if len(rows) >= amount and _pushed(waiting[0]) < rows[amount - 1].merged_at.timestamp():
                break
            some, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
            for item in self._listed(some, amount, branch):
                if isinstance(item, Gap):
                    yield item
                else:
                    rows.append(item)
        rows.sort(key=lambda row: (row.merged_at, row.number), reverse=True)
        yield from self.read([(row.home, row.number) for row in rows[:amount]])

    def _listed(self, homes: Sequence[Repository], amount: int, branch: str | None) -> Iterator[_Row | Gap]:
        lists = [_list(one, branch or str(one.default_branch), amount) for one in homes]
        pieces = [Piece((repository(one.name),), connections=(each,)) for one, each in zip(homes, lists, strict=True)]
        for home, listed, found in zip(homes, lists, ask(self._client, pieces), strict=True):
            yield from self._pages(home, listed, found, amount)

    def _pages(self, home: Repository, listed: Connection, found: Found, amount: int) -> Iterator[_Row | Gap]:
        """Pages by the newest change, as far as a later one may still hold a newer merge: nothing merges after it changed."""
        rows: list[_Row] = []
        while True:
            if (wrong := _failed(home, found, listed)) is not None:
                yield wrong
                break
            page = found.node[listed.alias]
            nodes = [node for node in page["nodes"] or [] if node]
            rows += [_Row(instant(node["mergedAt"]), int(node["number"]), home) for node in nodes]
            rows.sort(key=lambda row: row.merged_at, reverse=True)
            last = instant(nodes[-1]["updatedAt"]) if nodes else None
            enough = len(rows) >= amount and last is not None and last <= rows[amount - 1].merged_at
            if enough or not page["pageInfo"]["hasNextPage"]:
                break
            piece = Piece((repository(home.name),), listed.select(page["pageInfo"]["endCursor"]), keys=(listed.alias,))
            found = ask(self._client, [piece])[0]
        yield from rows[:amount]

    def read(self, wanted: Sequence[tuple[Repository, int]]) -> Iterator[Merged | Gap]:
        """These pull requests. One that is not merged is a gap."""
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            pieces = [
                Piece((repository(home.name), f"pullRequest(number: {number})"), MERGED, keys=("number",), weight=350)
                for home, number in some
            ]
            for (home, number), found in zip(some, ask(self._client, pieces), strict=True):
                yield self._merged(home, number, found)

    def _merged(self, home: Repository, number: int, found: Found) -> Merged | Gap:
        name, where = f"{home.name}#{number}", f"{home.id}/pull_request/{number}"
        if found.failure is not None:
            kind = found.failure.kind or UnknownKind.SCOPE
            return Gap(where, name, "pull request", kind, str(found.failure))
        if found.node is None:
            refusal = denied(found.errors, _PULL_REQUESTS) if found.errors else None
            why = refusal.reason if refusal else f"GitHub does not show it to this token; it needs {_PULL_REQUESTS}"
            return Gap(where, name, "pull request", refusal.kind if refusal else UnknownKind.SCOPE, why)
        try:
            return self._as_merged(home, found.node)
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            why = f"GitHub's answer has an unexpected form ({type(wrong).__name__}: {wrong})"
            return Gap(where, name, "pull request", UnknownKind.UNREADABLE, why)

    def _as_merged(self, home: Repository, node: Json) -> Merged | Gap:
        subject = pull_request(self._client.host, home, node)
        at = optional_instant(node.get("mergedAt"))
        if at is None:
            why = f"it is {subject.state.value}, and only merged pull requests can be rehearsed"
            return Gap(subject.id, subject.name, "pull request", UnknownKind.UNREADABLE, why)
        since = _Since.of(self._client.host, node, at)
        seen = seen_pull_request(node)
        seen.moment = at
        seen.dismissed_since = since.dismissed
        closing = [each for each in seen.closing if _lower(each) not in since.connected]
        closing += [each for each in since.disconnected if _lower(each) not in {_lower(one) for one in closing}]
        seen.closing_total += len(closing) - len(seen.closing)
        seen.closing = tuple(closing)
        self._memory.pull_requests[subject.id] = seen
        return Merged(since.undone(subject, str(node["baseRefOid"])), at, since.unknown(node, at))


@dataclass(slots=True)
class _Since:
    """What has happened to a pull request since its merge, newest first undone."""

    title: str | None = None
    labeled: set[str] = field(default_factory=set)
    unlabeled: set[str] = field(default_factory=set)
    assigned: dict[str, Json] = field(default_factory=dict)
    unassigned: dict[str, Json] = field(default_factory=dict)
    connected: set[tuple[str, int]] = field(default_factory=set)
    disconnected: list[tuple[str, int]] = field(default_factory=list)
    dismissed: dict[str, Opinion] = field(default_factory=dict)
    """By the review's address: what it said before."""
    lost: bool = False
    """There is more than was read."""
    host: str = ""

    @classmethod
    def of(cls, host: str, node: Json, at: datetime) -> _Since:
        """From the events, which come oldest first."""
        listed = node.get("since_") or {}
        nodes = [one for one in listed.get("nodes") or [] if one]
        events = [one for one in nodes if one.get("createdAt") and instant(one["createdAt"]) > at]
        found = cls(host=host, lost=len(events) == len(nodes) < int(listed.get("totalCount") or 0))
        for event in reversed(events):
            found._undo(event)
        return found

    def _undo(self, event: Json) -> None:
        match event["__typename"]:
            case "RenamedTitleEvent":
                self.title = str(event["previousTitle"])
            case "LabeledEvent":
                _moved(str(event["label"]["name"]), self.unlabeled, self.labeled)
            case "UnlabeledEvent":
                _moved(str(event["label"]["name"]), self.labeled, self.unlabeled)
            case "AssignedEvent" | "UnassignedEvent" as kind if (who := event.get("assignee")) and who.get("login"):
                there, gone = self.assigned, self.unassigned
                if kind == "UnassignedEvent":
                    there, gone = gone, there
                gone.pop(who["login"], None)
                there[who["login"]] = who
            case "ConnectedEvent" | "DisconnectedEvent" as kind if (issue := _issue(event)) is not None:
                self.connected.discard(_lower(issue))
                self.disconnected = [each for each in self.disconnected if _lower(each) != _lower(issue)]
                if kind == "ConnectedEvent":
                    self.connected.add(_lower(issue))
                else:
                    self.disconnected.append(issue)
            case "ReviewDismissedEvent" if event.get("review"):
                self.dismissed[str(event["review"]["url"])] = Opinion(str(event["previousReviewState"]).lower())
            case _:
                pass

    def undone(self, subject: PullRequest, base_sha: str) -> PullRequest:
        """The pull request as it was: open, and against the base that it was merged into."""
        labels = [name for name in subject.labels if name not in self.labeled]
        labels += sorted(self.unlabeled - set(labels))
        people = [one for one in subject.assignees if one.login not in self.assigned]
        people += [one for who in self.unassigned.values() if (one := person(self.host, {"__typename": "User", **who}))]
        return replace(
            subject,
            title=subject.title if self.title is None else self.title,
            labels=tuple(labels),
            assignees=tuple(people),
            base_sha=base_sha,
            state=PullRequestState.OPEN,
            draft=False,
        )

    def unknown(self, node: Json, at: datetime) -> Mapping[str, str]:
        """The fields whose former value is not told."""
        found: dict[str, str] = {}
        edited = optional_instant(node.get("lastEditedAt"))
        if edited is not None and edited > at:
            found["body"] = f"the description was edited on {edited:%Y-%m-%d}, after the merge"
        if self.lost:
            why = f"more than {_EVENTS} changes were made to it after the merge"
            found.update(dict.fromkeys(("title", "labels", "assignees"), why))
        return found


def _issue(event: Json) -> tuple[str, int] | None:
    """The issue at one of the two ends: which is which depends on where the link was made."""
    for end in (event.get("subject"), event.get("source")):
        if end and end.get("__typename") == "Issue":
            return str(end["repository"]["nameWithOwner"]), int(end["number"])
    return None


def _moved(name: str, there: set[str], gone: set[str]) -> None:
    """Undo one event: what it took away was there before, what it added was not."""
    there.discard(name)
    gone.add(name)


def _lower(issue: tuple[str, int]) -> tuple[str, int]:
    return issue[0].lower(), issue[1]


def _pushed(home: Repository) -> float:
    """When it was last pushed to; what is not told may be any time."""
    return home.pushed_at.timestamp() if home.pushed_at is not None else float("inf")


def _list(home: Repository, branch: str, amount: int) -> Connection:
    del home
    return Connection(
        "merged_",
        "pullRequests",
        "number mergedAt updatedAt",
        f"{_NEWEST}, baseRefName: {text(branch)}",
        size=min(100, amount + 10),
    )


def _failed(home: Repository, found: Found, listed: Connection) -> Gap | None:
    if found.failure is not None:
        kind = found.failure.kind or UnknownKind.SCOPE
        return Gap(home.id, home.name, "merged pull requests", kind, str(found.failure))
    page = (found.node or {}).get(listed.alias)
    if found.errors or page is None:
        refusal = denied(found.errors, _PULL_REQUESTS) if found.errors else None
        why = refusal.reason if refusal else f"GitHub does not list them to this token; it needs {_PULL_REQUESTS}"
        return Gap(home.id, home.name, "merged pull requests", refusal.kind if refusal else UnknownKind.SCOPE, why)
    if not isinstance(page.get("nodes"), list):
        return Gap(home.id, home.name, "merged pull requests", UnknownKind.UNREADABLE, "GitHub's list has no rows")
    return None
