"""Keeps one work item for each repository: found again by a tag and a marked hyperlink, among those that this account made.

The service may rewrite the HTML of a description, and drops comments in it: so our part is told apart by words that one can
see, and whose item it is by the comment of a link. An item is made in one request and changed in one; a change is refused
where somebody else has changed the item since it was read.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from bot.engine.ports import PlatformError
from bot.engine.tracking import Change, Home, Looked, Standing, Step, Written
from bot.model.facts import UnknownKind
from bot.model.subjects import Organization, Repository
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Client, Json, chunks, rows_of, value
from bot.platforms.azure_devops.endpoints import Host
from bot.platforms.azure_devops.sdk import Refused
from bot.policy.configuration import TrackingSettings

AT_ONCE = 200
"""The service takes no more ids in one request."""
MOST = 20_000
"""It finds no more by one query."""
LINK = "almguard:"
"""What the comment of the marked hyperlink begins with; the home's id follows."""
BEGIN = "[almguard: what follows is kept up to date]"
END = "[almguard: up to here, {}]"
CLOSED = frozenset({"Completed", "Removed"})
"""The categories of states in which an item is done with."""

_OURS = re.compile(
    re.escape(BEGIN) + r"(?P<said>.*)" + re.escape(END).replace(r"\{\}", "(?P<digest>[0-9a-f]{16})"), re.DOTALL
)


class WorkItemTracker:
    """The work items of one organisation, by one token."""

    rich = True

    def __init__(self, client: Client, settings: TrackingSettings) -> None:
        self._client = client
        self._settings = settings
        self._projects: dict[str, dict[str, Looked]] = {}
        """Of the project that was read last: its items may have long texts."""
        self._items: dict[str, dict[int, Json]] = {}
        """The same as they came."""
        self._states: dict[tuple[str, str], list[Json]] = {}
        self._account: str | None = None

    def look(self, homes: Sequence[Home]) -> Mapping[str, Looked]:
        """What stands, by the home's id; each project is asked once."""
        return {home.id: self._of(home) for home in homes}

    def look_again(self, home: Home) -> Looked:
        """What stands now."""
        project = self._place(home)
        if project is not None:
            items = self._items.get(project, {})
            self._items[project] = {number: item for number, item in items.items() if _home(item) != home.id}
            self._projects.pop(project, None)
        return self._of(home)

    def write(self, change: Change) -> Written:
        """Take a step. Raises ``PlatformError``."""
        if change.step is Step.CREATE:
            return self._create(change)
        standing = change.standing
        assert standing is not None
        operations = [
            {"op": "test", "path": "/rev", "value": standing.revision},
            _field("System.Description", _put(standing.text, change)),
        ]
        if change.step in (Step.CLOSE, Step.CLOSE_DUPLICATE):
            operations.append(_field("System.State", self._state(standing, ("Completed",))))
        elif change.step is Step.REOPEN:
            operations.append(_field("System.State", self._state(standing, ("Proposed", "InProgress"))))
        try:
            self._client.patch("PATCH", endpoints.WORK_ITEM, {"id": str(standing.number)}, operations)
        except Refused as refused:
            if refused.status == 412:
                raise PlatformError(
                    f"{standing.name} was changed by somebody at this moment, and is left to the next run.",
                    UnknownKind.TRANSIENT,
                ) from refused
            raise
        return Written(standing.name)

    def _create(self, change: Change) -> Written:
        project = self._place(change.home) or ""
        settings = self._settings
        link = {
            "rel": "Hyperlink",
            "url": change.home.url,
            "attributes": {"comment": f"{LINK}{change.home.id}"},
        }
        owner = change.owner.strip() if settings.assign else ""
        after = f"<p>Owner: {html.escape(owner)}</p>" if "/" in owner else ""
        operations = [
            _field("System.Title", change.title),
            _field("System.Description", f"<div>{_part(change)}</div>{after}"),
            _field("System.Tags", "; ".join(dict.fromkeys((settings.label, *settings.labels)))),
            {"op": "add", "path": "/relations/-", "value": link},
        ]
        if settings.area is not None:
            operations.append(_field("System.AreaPath", settings.area))
        given = [_field("System.AssignedTo", owner)] if owner and not after else []
        notices: tuple[str, ...] = ()
        try:
            made = self._new(project, [*operations, *given])
        except Refused as refused:
            if refused.status != 400 or not given:
                raise
            # A refused document has made nothing. Whom the service does not know cannot be given anything.
            made = self._new(project, operations)
            notices = (f"{change.home.name}: its work item is not given to its owner {owner!r}: {refused.words}",)
        return Written(f"{project}#{made['id']}", 1, notices)

    def _new(self, project: str, operations: Sequence[Json]) -> Json:
        route = {"project": project, "type": self._settings.work_item_type}
        return self._client.patch("POST", endpoints.NEW_WORK_ITEM, route, operations)

    def _place(self, home: Home) -> str | None:
        """The project that has the home's item."""
        if self._settings.project is not None:
            return self._settings.project
        return home.organization.project if isinstance(home, Repository) else None

    def _of(self, home: Home) -> Looked:
        project = self._place(home)
        if project is None:
            kind = "a project" if isinstance(home, Organization) and home.project else "an organisation"
            return Looked(
                refusal=f"{home.name} is {kind}, and no repository: tracking.project names the project that takes its items."
            )
        if project not in self._projects:
            self._items = {project: self._items.get(project, {})}
            self._projects = {project: self._read(project)}
        looked = self._projects[project]
        return looked.get("") or looked.get(home.id, Looked())

    def _read(self, project: str) -> dict[str, Looked]:
        """What stands in a project, by the home that each item is about; under the empty id what holds for all."""
        tag = self._settings.label.replace("'", "''")
        query = (
            "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project "  # noqa: S608 - WIQL, which only reads
            f"AND [System.Tags] CONTAINS '{tag}' ORDER BY [System.Id]"
        )
        try:
            account = self._ourselves()
            found = self._client.ask(endpoints.WIQL, {"project": project}, {"query": query}, {"$top": MOST})
            numbers = [int(one["id"]) for one in rows_of(found, endpoints.WIQL, "workItems")]
            items = self._items[project]
            for some in chunks([number for number in numbers if number not in items], AT_ONCE):
                body = {"ids": list(some), "$expand": "relations", "errorPolicy": "omit"}
                answer = self._client.ask(endpoints.WORK_ITEMS_BATCH, {}, body)
                rows = rows_of(answer, endpoints.WORK_ITEMS_BATCH)
                items |= {int(one["id"]): one for one in rows if one is not None}
            return self._by_home(project, [items[number] for number in numbers if number in items], account)
        except PlatformError as wrong:
            return {"": Looked(refusal=f"{project}: {wrong}", failed=True)}

    def _by_home(self, project: str, items: Sequence[Json], account: str) -> dict[str, Looked]:
        ours: dict[str, list[Standing]] = {}
        notices: dict[str, list[str]] = {}
        for item in items:
            home = _home(item)
            if home is None:
                continue
            name = f"{project}#{item['id']}"
            if value(item, "fields", "System.CreatedBy", "id") != account:
                who = value(item, "fields", "System.CreatedBy", "displayName") or "somebody else"
                notices.setdefault(home, []).append(
                    f"{name} has almguard's mark and was made by {who}: it is left alone."
                )
                continue
            ours.setdefault(home, []).append(self._standing(project, name, item))
        return {
            home: Looked(
                tuple(sorted(ours.get(home, []), key=lambda one: one.number)), notices=tuple(notices.get(home, ()))
            )
            for home in ours.keys() | notices.keys()
        }

    def _standing(self, project: str, name: str, item: Json) -> Standing:
        fields = item["fields"]
        kind, state = str(fields["System.WorkItemType"]), str(fields["System.State"]).lower()
        category = {str(one["name"]).lower(): one.get("category") for one in self._states_of(project, kind)}.get(state)
        whole = str(fields.get("System.Description") or "")
        marked = _OURS.search(whole)
        return Standing(
            int(item["id"]),
            name,
            f"{self._client.url}/_workitems/edit/{item['id']}",
            category not in CLOSED,
            whole,
            "" if marked is None else marked["said"],
            "" if marked is None else marked["digest"],
            int(item["rev"]),
            kind,
            project,
        )

    def _states_of(self, project: str, kind: str) -> list[Json]:
        if (project, kind) not in self._states:
            route = {"project": project, "type": kind}
            self._states[project, kind] = self._client.listing(endpoints.WORK_ITEM_STATES, route)
        return self._states[project, kind]

    def _state(self, standing: Standing, categories: Sequence[str]) -> str:
        """The first state of the first of these categories that the item's type has."""
        states = self._states_of(standing.place, standing.kind)
        for category in categories:
            for one in states:
                if one.get("category") == category:
                    return str(one["name"])
        raise PlatformError(
            f"{standing.name}: its type {standing.kind} has no state of the category {' or '.join(categories)}.",
            UnknownKind.UNREADABLE,
        )

    def _ourselves(self) -> str:
        """The id of the token's owner: what it did not make is not touched."""
        if self._account is None:
            document = self._client.read_address(Host.CORE, "_apis/connectionData", "7.1-preview.1", "vso.profile")
            found = value(document, "authenticatedUser", "id")
            if not found:
                raise PlatformError(
                    f"{self._client.url} does not say whose the token is, so that its items could be told from others'.",
                    UnknownKind.UNREADABLE,
                )
            self._account = str(found)
        return self._account


def _home(item: Json) -> str | None:
    """Whose item it is, by the comment of its marked hyperlink."""
    for relation in item.get("relations") or ():
        comment = str(value(relation, "attributes", "comment") or "")
        if relation.get("rel") == "Hyperlink" and comment.startswith(LINK):
            return comment.removeprefix(LINK)
    return None


def _field(name: str, text: str) -> Json:
    return {"op": "add", "path": f"/fields/{name}", "value": text}


def _part(change: Change) -> str:
    """Our part, between words that the service keeps. What encloses the first word and the last is not ours."""
    return f"{BEGIN}</div>\n{change.text}\n<div>{END.format(change.digest)}"


def _put(whole: str, change: Change) -> str:
    """The whole text with our part in the place of the old one; where that is gone, below what there is."""
    replaced, found = _OURS.subn(lambda _: _part(change), whole, count=1)
    return replaced if found else f"{whole}<div>{_part(change)}</div>"
