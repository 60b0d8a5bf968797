"""Work items: by id, in bulk, by query, and by what links to them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems, wiql
from bot.sandbox.azure_devops.call import Call, Json, collection
from bot.sandbox.azure_devops.people import identity, sign_in_name, stamp
from bot.sandbox.azure_devops.processes import states_of, types_of
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import WORK
from bot.sandbox.azure_devops.surfaces.pull_requests import artifact_id, served

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.world import Project, WorkItem

BATCH_LIMIT = 200
WIQL_LIMIT = 20_000
PARENT = "System.LinkTypes.Hierarchy-Reverse"
CHILD = "System.LinkTypes.Hierarchy-Forward"


def items_of(owner: Collection) -> list[WorkItem]:
    """An organisation's work items."""
    name = owner.organization.name
    return [
        item for item in owner.world.work_items if item.organization == name and "azure-devops" in item.part.platforms
    ]


def visible(call: Call) -> dict[int, WorkItem]:
    """Those of the projects that the token sees, by their ids."""
    names = {project.name for project in call.collection.projects(call)}
    return {item.id: item for item in items_of(call.collection) if item.project in names}


def fields_of(owner: Collection, item: WorkItem) -> Json:
    """The fields that have a value."""
    part = item.part
    creator = part.created_by or next(iter(owner.world.people))
    assigned = item.assignees[0] if item.assignees else ""
    fields: Json = {
        "System.Id": item.id,
        "System.AreaPath": item.area or item.project,
        "System.TeamProject": item.project,
        "System.IterationPath": item.project,
        "System.WorkItemType": part.type,
        "System.State": part.state,
        "System.Reason": f"Moved to state {part.state}",
        "System.CreatedDate": stamp(item.created_at),
        "System.CreatedBy": identity(owner, creator),
        "System.ChangedDate": stamp(item.changed_at),
        "System.ChangedBy": identity(owner, assigned or creator),
        "System.Title": part.title,
        "System.Rev": item.rev,
        "System.CommentCount": 0,
        "Microsoft.VSTS.Common.Priority": 2,
        "Microsoft.VSTS.Common.StateChangeDate": stamp(item.closed_at or item.changed_at),
    }
    if part.body:
        fields["System.Description"] = part.body
    if assigned:
        fields["System.AssignedTo"] = identity(owner, assigned)
    if part.labels:
        fields["System.Tags"] = "; ".join(part.labels)
    if part.parent is not None:
        fields["System.Parent"] = part.parent
    if item.closed_at is not None:
        fields["Microsoft.VSTS.Common.ClosedDate"] = stamp(item.closed_at)
        fields["Microsoft.VSTS.Common.ClosedBy"] = identity(owner, assigned or creator)
    return fields


def relations_of(owner: Collection, item: WorkItem, at: datetime | None = None) -> list[Json]:
    """Links to other work items and to pull requests."""
    found: list[Json] = []

    def related(rel: str, other: int, name: str) -> None:
        url = f"{owner.url}/_apis/wit/workItems/{other}"
        found.append({"rel": rel, "url": url, "attributes": {"isLocked": False, "name": name}})

    if item.part.parent is not None:
        related(PARENT, item.part.parent, "Parent")
    for other in items_of(owner):
        if other.part.parent == item.id:
            related(CHILD, other.id, "Child")
    for url in _artifacts(owner, at).get(item.id, ()):
        found.append({"rel": "ArtifactLink", "url": url, "attributes": {"name": "Pull Request"}})
    for url, comment in item.hyperlinks:
        found.append({"rel": "Hyperlink", "url": url, "attributes": {"comment": comment}})
    return found


def _artifacts(owner: Collection, at: datetime | None = None) -> dict[int, list[str]]:
    """Work item to the pull requests that are (or at a moment were) linked to it."""
    moment = at or owner.world.clock()
    index = owner.current()
    found: dict[int, list[str]] = {}
    for repositories in index.repositories.values():
        for repository in repositories:
            if (
                not repository.face.linked and not repository.touched
            ):  # whose history nobody has looked at, nobody has changed
                continue
            for pull_request in served(repository):
                for number in pull_request.linked(owner.world.at, moment):
                    found.setdefault(number, []).append(artifact_id(owner, repository, pull_request.number))
    return found


def document(
    call: Call, item: WorkItem, fields: list[str], *, expand: str = "none", at: datetime | None = None
) -> Json:
    """A WorkItem with the fields that were asked for; all without any."""
    owner = call.collection
    have = fields_of(owner, item)
    if fields:
        wanted = {name.lower() for name in fields}
        have = {name: value for name, value in have.items() if name.lower() in wanted}
    url = f"{owner.url}/_apis/wit/workItems/{item.id}"
    body: Json = {"id": item.id, "rev": item.rev, "fields": have, "url": url}
    if expand in ("all", "relations"):
        relations = relations_of(owner, item, at)
        if relations:
            body["relations"] = relations
    if expand in ("all", "links"):
        body["_links"] = {
            "self": {"href": url},
            "html": {"href": f"{owner.url}/{item.project}/_workitems/edit/{item.id}"},
        }
    return body


def _many(
    call: Call, numbers: list[int], fields: list[str], expand: str, *, omit: bool, at: datetime | None = None
) -> Json:
    if len(numbers) > BATCH_LIMIT:
        raise problems.Problem(
            400,
            f"VS403474: You requested {len(numbers)} work items which exceeds the limit of {BATCH_LIMIT}.",
            "WorkItemPageSizeExceededException",
            "Microsoft.TeamFoundation.WorkItemTracking.Server",
        )
    if fields and expand not in ("none", "links"):
        raise problems.Problem(
            400,
            "The expand parameter can not be used with the fields parameter.",
            "ConflictingParametersException",
            "Microsoft.TeamFoundation.WorkItemTracking.Server",
        )
    seen = visible(call)
    rows: list[Json | None] = []
    for number in numbers:
        item = seen.get(number)
        if item is not None and at is not None:
            item = item.then(at)
        if item is None and not omit:
            raise problems.work_item_not_found(number)
        rows.append(document(call, item, fields, expand=expand, at=at) if item else None)
    return collection(rows)


LARGEST = 2**31 - 1
"""Of an id, which the service keeps in 32 bits: one that is larger has the whole request refused."""


def _whole_numbers(texts: list[object]) -> list[int]:
    found = []
    for text in texts:
        if not str(text).isdigit():
            raise problems.bad_argument(f"The work item id '{text}' is not a number.")
        if int(str(text)) > LARGEST:
            raise problems.bad_argument(f"Error converting value {text} to type 'System.Int32'.")
        found.append(int(str(text)))
    return found


@answers("work_items", "GET", WORK)
def work_items(call: Call) -> object:
    """One work item, or those whose ids are listed."""
    expand, fields = call.text("$expand", "none").lower(), call.listed("fields")
    if "id" in call.values:
        number = call.whole("id")
        item = visible(call).get(number)
        project = call.maybe_project
        if item is None or (project is not None and item.project != project.name):
            raise problems.work_item_not_found(number)
        return document(call, item, fields, expand="all" if expand == "all" else expand)
    numbers = _whole_numbers(list(call.listed("ids")))
    if not numbers:
        raise problems.bad_argument("Value cannot be null. Parameter name: ids")
    return _many(call, numbers, fields, expand, omit=call.text("errorPolicy").lower() == "omit")


@answers("work_items_batch", "POST", WORK)
def work_items_batch(call: Call) -> object:
    """Up to 200 work items; with ``errorPolicy`` Omit those that cannot be read are null."""
    body = call.document()
    ids, fields = body.get("ids"), body.get("fields")
    if not isinstance(ids, list) or not ids:
        raise problems.bad_argument("Value cannot be null. Parameter name: ids")
    expand = body.get("$expand", "none")
    policy = body.get("errorPolicy", "fail")
    return _many(
        call,
        _whole_numbers(ids),
        [str(each) for each in fields] if isinstance(fields, list) else [],
        ("none", "relations", "fields", "links", "all")[expand] if isinstance(expand, int) else str(expand).lower(),
        omit=str(policy).lower() in ("omit", "2"),
        at=_moment(body.get("asOf")),
    )


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise problems.bad_argument(f"The value '{text}' of asOf is not a date and time.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@answers("artifact_uri_query", "POST", WORK)
def artifact_uri_query(call: Call) -> object:
    """Which work items link to each of these artifacts. Encoded slashes compare without case."""
    uris = call.document().get("artifactUris")
    if not isinstance(uris, list):
        raise problems.bad_argument("Value cannot be null. Parameter name: artifactUris")
    seen = visible(call)
    linked: dict[str, list[int]] = {}
    for number, urls in _artifacts(call.collection).items():
        for url in urls:
            linked.setdefault(url.lower(), []).append(number)
    result: Json = {}
    for uri in uris:
        numbers = [each for each in linked.get(str(uri).lower(), ()) if each in seen]
        result[str(uri)] = [
            {"id": each, "url": f"{call.collection.url}/_apis/wit/workItems/{each}"} for each in sorted(numbers)
        ]
    return {"artifactUrisQueryResult": result}


@answers("wiql", "POST", WORK)
def query(call: Call) -> object:
    """The ids that a query finds. See wiql for the part of the language that is understood."""
    text = call.document().get("query")
    if not isinstance(text, str) or not text.strip():
        raise problems.bad_argument("Value cannot be null. Parameter name: query")
    project = call.maybe_project
    now = call.world.clock()
    macros: dict[str, wiql.Value] = {
        "@me": sign_in_name(call.person),
        "@today": now.replace(hour=0, minute=0, second=0, microsecond=0),
    }
    if project is not None:
        macros["@project"] = project.name
    parsed = wiql.parse(text, macros)
    items = sorted(visible(call).values(), key=lambda item: item.id)
    found = parsed.run([fields_of(call.collection, item) for item in items])
    top = call.number("$top", WIQL_LIMIT)
    if len(found) > top >= WIQL_LIMIT:
        raise problems.bad_argument(f"VS402337: The number of work items returned exceeds the limit of {WIQL_LIMIT}.")
    base = f"{call.collection.url}/_apis/wit"
    return {
        "queryType": "flat",
        "queryResultType": "workItem",
        "asOf": stamp(now),
        "columns": [_field(base, name) for name in parsed.columns],
        "sortColumns": [{"field": _field(base, name), "descending": down} for name, down in parsed.order],
        "workItems": [
            {"id": each["System.Id"], "url": f"{base}/workItems/{each['System.Id']}"} for each in found[:top]
        ],
    }


def _field(base: str, name: str) -> Json:
    label = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.rpartition(".")[2])
    return {"referenceName": name, "name": label, "url": f"{base}/fields/{name}"}


@answers("relation_types", "GET", WORK)
def relation_types(call: Call) -> object:
    """The kinds of links between work items."""
    base = f"{call.collection.url}/_apis/wit/workItemRelationTypes"
    kinds = {PARENT: "Parent", CHILD: "Child", "System.LinkTypes.Related": "Related", "ArtifactLink": "Artifact Link"}
    rows = [
        {
            "referenceName": name,
            "name": label,
            "attributes": {"usage": "resourceLink" if name == "ArtifactLink" else "workItemLink", "enabled": True},
            "url": f"{base}/{name}",
        }
        for name, label in kinds.items()
    ]
    wanted = call.values.get("relation", "").lower()
    if wanted:
        found = next((row for row in rows if str(row["referenceName"]).lower() == wanted), None)
        if found is None:
            raise problems.missing(f"TF401320: The relation type {wanted} does not exist.", "WorkItemLinkTypeNotFound")
        return found
    return collection(rows)


def _type(call: Call, project: Project, name: str) -> Json:
    url = f"{call.collection.url}/{project.guid}/_apis/wit/workItemTypes/{name}"
    return {
        "name": name,
        "referenceName": f"Microsoft.VSTS.WorkItemTypes.{name.replace(' ', '')}",
        "description": "",
        "color": "009CCC",
        "isDisabled": False,
        "states": _states(project, name),
        "url": url,
    }


def _states(project: Project, kind: str) -> list[Json]:
    found = states_of(project, kind)
    return [{"name": name, "color": color, "category": category} for name, (category, color) in found.items()]


def known_types(call: Call, project: Project) -> list[str]:
    """The types of the project's process, and those of the items that it has."""
    named = {item.part.type for item in items_of(call.collection) if item.project == project.name}
    return sorted({*types_of(project), *named})


@answers("work_item_types", "GET", WORK)
def work_item_types(call: Call) -> object:
    """The project's kinds of work items."""
    project = call.project
    wanted = call.values.get("type", "").lower()
    rows = [_type(call, project, name) for name in known_types(call, project) if not wanted or name.lower() == wanted]
    if not wanted:
        return collection(rows)
    if not rows:
        raise problems.missing(f"VS402323: Work item type {wanted} does not exist.", "WorkItemTypeNotFoundException")
    return rows[0]


@answers("work_item_type_states", "GET", WORK)
def work_item_type_states(call: Call) -> object:
    """The states that a kind of work items has in the project's process."""
    project, wanted = call.project, call.values["type"].lower()
    if wanted not in (name.lower() for name in known_types(call, project)):
        raise problems.missing(f"VS402323: Work item type {wanted} does not exist.", "WorkItemTypeNotFoundException")
    return collection(_states(project, wanted))


@answers("github_connections", "GET", WORK)
def github_connections(call: Call) -> object:
    """None: a scenario connects no GitHub organisation to a project's boards."""
    _ = call.project
    return collection([])


@answers("github_connection_repositories", "GET", WORK)
def github_connection_repositories(call: Call) -> object:
    """None either."""
    raise problems.missing(
        f"The GitHub connection {call.values['connectionid']} was not found.", "GitHubConnectionNotFoundException"
    )
