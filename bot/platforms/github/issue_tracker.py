"""Keeps one issue for each repository: found again by a label and a hidden mark, among those that this token's account opened.

What stands is looked up for many repositories in one query. An issue is made in one request, with its text, its label and its
assignees, and changed in one, so that none is ever half made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.engine.ports import PlatformError
from bot.engine.tracking import Change, Home, Looked, Standing, Step, Written, mark
from bot.model.facts import UnknownKind
from bot.model.subjects import Organization, Repository
from bot.platforms.github.client import GitHubClient, Json, Refused
from bot.platforms.github.files import CODEOWNERS, owned_paths
from bot.platforms.github.query import Connection, Found, Piece, Unanswerable, ask, batches, repository, text
from bot.platforms.github.reading import denied
from bot.platforms.pacing import Limiter
from bot.policy.configuration import TrackingSettings

COLOR = "5319e7"
DESCRIPTION = "What almguard finds in this repository, kept up to date"
RATE, BURST = 1.0, 20
"""Writes a second, and how many at once: at most 80 in a minute, as many as GitHub documents for content."""
MOST_ASSIGNEES = 10
"""GitHub takes no more. Of so many owners is asked or told at all: a file that anybody may write in can name thousands."""
SCOPE = "issues: write"

NEWEST = 50
"""Issues of the one repository that has all, which are looked at again before and after one is made."""

_INNER = "number url title body state viewerDidAuthor author { login }"
_MARKED = re.compile(
    r"<!-- almguard:begin (?P<home>\S+) -->\n(?P<said>.*)\n<!-- almguard:end (?P<digest>[0-9a-f]{16}) -->", re.DOTALL
)
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_TEAM = re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9_.-]{1,255}")
_EVERYTHING = frozenset({"*", "**", "/**"})


class GitHubIssueTracker:
    """One token's issues."""

    rich = False

    def __init__(self, client: GitHubClient, settings: TrackingSettings) -> None:
        self._client = client
        self._settings = settings
        self._chosen = f"labels: [{text(settings.label)}], orderBy: {{field: CREATED_AT, direction: ASC}}"
        # Texts may be long, and what comes near GitHub's limits does not end in its ten seconds.
        self._issues = Connection(
            "tracked_", "issues", _INNER, self._chosen, size=20 if settings.repository is None else NEWEST
        )
        self._central: dict[int, Json] = {}
        """What the one repository has that has all, by number."""
        self._centrally: dict[str, Looked] | None = None
        self._owners: dict[str, tuple[str, ...]] = {}
        self._labelled: dict[str, set[str]] = {}
        self._limiter = Limiter(RATE, BURST)

    def look(self, homes: Sequence[Home]) -> Mapping[str, Looked]:
        """What stands, by the home's id."""
        if self._settings.repository is not None:
            return self._look_centrally(homes)
        found = {home.id: _nowhere(home) for home in homes if isinstance(home, Organization)}
        repositories = [home for home in homes if isinstance(home, Repository)]
        pieces = [self._piece(home.name) for home in repositories]
        for positions in batches(pieces):
            answers = ask(self._client, [pieces[position] for position in positions])
            for position, answer in zip(positions, answers, strict=True):
                home = repositories[position]
                looked = self._looked(home.name, answer)
                found[home.id] = looked.get("") or looked.get(home.id, Looked())
        return found

    def look_again(self, home: Home) -> Looked:
        """What stands now; and whose the repository is, and which labels there are, for the issue that may be made."""
        place = self._settings.repository or home.name
        labels = " ".join(
            f"label{at}_: label(name: {text(name)}) {{ name }}" for at, name in enumerate(self._all_labels())
        )
        keys = tuple(f"label{at}_" for at in range(len(self._all_labels())))
        pieces = [self._piece(place, labels, keys, newest=self._settings.repository is not None)]
        if isinstance(home, Repository) and self._settings.assign:
            pieces.append(_owners_piece(home.name))
        answers = ask(self._client, pieces)
        node = answers[0].node or {}
        there = {
            name: str(node[f"label{at}_"]["name"])
            for at, name in enumerate(self._all_labels())
            if node.get(f"label{at}_") is not None
        }
        self._labelled[place] = set(there)
        if len(answers) > 1:
            self._owners[home.id] = _default_owners(answers[1])
        looked = self._looked(place, answers[0])
        if self._settings.repository is not None:
            self._centrally = looked
        if (label := there.get(self._settings.label, self._settings.label)) != self._settings.label:
            # GitHub has one label of both spellings, and does not promise to find issues by the other one.
            return Looked(
                refusal=f"{place} spells the label {label!r}: write it so in tracking.label, or rename it there.",
                failed=True,
            )
        return looked.get("") or looked.get(home.id, Looked())

    def write(self, change: Change) -> Written:
        """Take a step. Raises ``PlatformError``."""
        if change.step is Step.CREATE:
            return self._create(change)
        standing = change.standing
        assert standing is not None
        body: dict[str, Json] = {"body": _put(standing.text, _marked(change))}
        match change.step:
            case Step.CLOSE:
                body |= {"state": "closed", "state_reason": "completed"}
            case Step.CLOSE_DUPLICATE:
                body |= {"state": "closed", "state_reason": "not_planned"}
            case Step.REOPEN:
                body |= {"state": "open"}
        self._send("PATCH", f"/repos/{standing.place}/issues/{standing.number}", body)
        return Written(standing.name)

    def _create(self, change: Change) -> Written:
        place = self._settings.repository or change.home.name
        writes = 1
        for name in self._all_labels():
            if name not in self._labelled.get(place, set()):
                writes += self._make_label(place, name)
        people, named, notices = self._owners_of(change, place)
        body: dict[str, Json] = {
            "title": change.title,
            "body": _marked(change) + (f"\n\nOwners: {', '.join(f'`{one}`' for one in named)}" if named else ""),
            "labels": list(self._all_labels()),
        }
        if people:
            body["assignees"] = people
        made = self._send("POST", f"/repos/{place}/issues", body)
        name = f"{place}#{made['number']}"
        if self._settings.label not in {str(one["name"]) for one in made.get("labels") or []}:
            # Without its label the next run would not find it, and make another.
            self._send("PATCH", f"/repos/{place}/issues/{made['number']}", {"state": "closed"})
            raise PlatformError(
                f"{name} was made and closed again: GitHub did not give it the label {self._settings.label!r}, which takes the "
                f"right to push or to triage. Give the token's account that right on {place}.",
                UnknownKind.SCOPE,
            )
        return Written(name, writes, notices)

    def _make_label(self, place: str, name: str) -> int:
        body = {"name": name, "color": COLOR, "description": DESCRIPTION if name == self._settings.label else ""}
        try:
            self._send("POST", f"/repos/{place}/labels", body)
        except Refused as refused:
            if refused.status != 422:  # somebody made it meanwhile
                raise
        self._labelled.setdefault(place, set()).add(name)
        return 1

    def _owners_of(self, change: Change, place: str) -> tuple[list[str], list[str], tuple[str, ...]]:
        """Whom a new issue is given to; the teams and people to name in it, without a mention; and who was left out, why."""
        if not self._settings.assign:
            return [], [], ()
        owners = self._owners.get(change.home.id) or tuple(filter(None, [change.owner.strip().removeprefix("@")]))
        people: list[str] = []
        named: list[str] = []
        notices: list[str] = []
        owners = tuple(dict.fromkeys(owners))
        if len(owners) > MOST_ASSIGNEES:
            notices.append(
                f"{change.home.name}: of its {len(owners)} owners, its issue is given to the first {MOST_ASSIGNEES} at most."
            )
        for owner in owners[:MOST_ASSIGNEES]:
            if _TEAM.fullmatch(owner):
                named.append(owner)
            elif _LOGIN.fullmatch(owner) and self._assignable(place, owner):
                people.append(owner)
            elif _LOGIN.fullmatch(owner):
                notices.append(
                    f"{change.home.name}: its issue is not given to {owner}, who may not be assigned in {place}."
                )
            else:
                notices.append(
                    f"{change.home.name}: its issue is not given to its owner {owner[:100]!r}, which is no account."
                )
        return people, named, tuple(notices)

    def _assignable(self, place: str, login: str) -> bool:
        try:
            self._client.rest("GET", f"/repos/{place}/assignees/{login}")
        except Refused as refused:
            if refused.is_missing:
                return False
            raise _failed(refused) from refused
        return True

    def _send(self, method: str, path: str, body: Json) -> Json:
        self._limiter.turn(self._client.transport.sleep)
        try:
            return self._client.rest(method, path, body=body)
        except Refused as refused:
            if method == "POST" and path.endswith("/labels") and refused.status == 422:
                raise
            raise _failed(refused) from refused

    def _all_labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._settings.label, *self._settings.labels)))

    def _piece(self, place: str, selection: str = "", keys: tuple[str, ...] = (), *, newest: bool = False) -> Piece:
        """What is asked of a repository: all of its issues, or the newest alone."""
        own = ("hasIssuesEnabled", "isArchived", *keys)
        if not newest:
            return Piece((repository(place),), f"hasIssuesEnabled isArchived {selection}", (self._issues,), own)
        last = f"newest_: issues(last: {NEWEST}, {self._chosen}) {{ nodes {{ {_INNER} }} }}"
        return Piece(
            (repository(place),), f"hasIssuesEnabled isArchived {selection} {last}", (), (*own, "newest_"), NEWEST
        )

    def _look_centrally(self, homes: Sequence[Home]) -> Mapping[str, Looked]:
        place = self._settings.repository or ""
        if self._centrally is None:
            self._centrally = self._looked(place, ask(self._client, [self._piece(place)])[0])
        everywhere = self._centrally.get("")
        return {home.id: everywhere or self._centrally.get(home.id, Looked()) for home in homes}

    def _looked(self, place: str, found: Found) -> dict[str, Looked]:
        """What stands in a repository, by the home that each issue is about; under the empty id what holds for all."""
        if found.failure is not None:
            return {"": Looked(refusal=str(found.failure), failed=True)}
        if found.errors or found.node is None:
            refusal = denied(found.errors, SCOPE) if found.errors else None
            why = refusal.reason if refusal else "it is not there for this token"
            return {"": Looked(refusal=f"{place}: {why}", failed=True)}
        if found.node["isArchived"]:
            return {"": Looked(refusal=f"{place} is archived, and takes no issue.")}
        if not found.node["hasIssuesEnabled"]:
            return {"": Looked(refusal=f"Issues are switched off in {place}.")}
        try:
            newest = (found.node.get("newest_") or {}).get("nodes")
            issues = [one for one in newest if one] if newest is not None else found.all(self._issues)
        except (Unanswerable, PlatformError) as wrong:
            return {"": Looked(refusal=f"{place}: {wrong}", failed=True)}
        if self._settings.repository is not None:
            self._central |= {int(issue["number"]): issue for issue in issues}
            issues = list(self._central.values())
        return _by_home(place, issues)


def _by_home(place: str, issues: Sequence[Json]) -> dict[str, Looked]:
    ours: dict[str, list[Standing]] = {}
    notices: dict[str, list[str]] = {}
    for issue in issues:
        whole = str(issue["body"] or "").replace("\r\n", "\n")
        marked = _MARKED.search(whole)
        if marked is None:
            continue
        name = f"{place}#{issue['number']}"
        if not issue["viewerDidAuthor"]:
            who = (issue.get("author") or {}).get("login") or "an account that is gone"
            notices.setdefault(marked["home"], []).append(
                f"{name} has almguard's mark and was opened by {who}: it is left alone."
            )
            continue
        said = marked["said"]
        ours.setdefault(marked["home"], []).append(
            Standing(
                int(issue["number"]),
                name,
                str(issue["url"]),
                issue["state"] == "OPEN",
                whole,
                said,
                marked["digest"] if mark(said) == marked["digest"] else "",
                place=place,
            )
        )
    return {
        home: Looked(
            tuple(sorted(ours.get(home, []), key=lambda one: one.number)), notices=tuple(notices.get(home, ()))
        )
        for home in ours.keys() | notices.keys()
    }


def _marked(change: Change) -> str:
    return f"<!-- almguard:begin {change.home.id} -->\n{change.text}\n<!-- almguard:end {change.digest} -->"


def _put(whole: str, ours: str) -> str:
    """The whole text with our part in the place of the old one; what people wrote around it stays."""
    return _MARKED.sub(lambda _: ours, whole, count=1)


def _nowhere(home: Organization) -> Looked:
    return Looked(
        refusal=f"{home.name} is an organisation, and has no issues: tracking.repository names the repository that takes them."
    )


def _failed(refused: Refused) -> PlatformError:
    if refused.status == 410:
        return PlatformError(f"Issues are switched off there: {refused}", UnknownKind.SCOPE)
    if refused.status in (403, 404):
        return PlatformError(f"{refused}. The token needs the permission '{SCOPE}'.", UnknownKind.SCOPE)
    return PlatformError(str(refused), UnknownKind.UNREADABLE)


def _owners_piece(name: str) -> Piece:
    files = " ".join(
        f"owners{at}_: object(expression: {text(f'HEAD:{path}')}) {{ ... on Blob {{ text }} }}"
        for at, path in enumerate(CODEOWNERS)
    )
    return Piece((repository(name),), files, keys=tuple(f"owners{at}_" for at in range(len(CODEOWNERS))))


def _default_owners(found: Found) -> tuple[str, ...]:
    """Who owns everything that has no other owner, by the first CODEOWNERS that there is. What cannot be read owns nothing."""
    for at in range(len(CODEOWNERS)):
        content = ((found.node or {}).get(f"owners{at}_") or {}).get("text")
        if content is None:
            continue
        lines = [one for one in owned_paths(str(content)) if one.patterns[0] in _EVERYTHING]
        return lines[-1].owners if lines else ()
    return ()
