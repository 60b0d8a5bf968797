"""Making and changing work items, by JSON Patch documents.

Understood are the operations that clients of work items send: ``test`` of ``/rev``; ``add`` and ``replace`` of a field; its
``remove``; ``add`` of a hyperlink. Anything else is refused, never ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call
from bot.sandbox.azure_devops.people import account, logins_of, sign_in_name
from bot.sandbox.azure_devops.processes import states_of
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import WORK_WRITE
from bot.sandbox.azure_devops.surfaces.work_items import document, items_of, known_types, visible
from bot.sandbox.scenario import WorkItemPart

if TYPE_CHECKING:
    from bot.sandbox.world import Project, WorkItem

TRACKING = "Microsoft.TeamFoundation.WorkItemTracking.Server"
LONGEST_TITLE = 255
LONGEST_TAG = 400
LONGEST_LINK_COMMENT = 255
MEDIA_TYPE = "application/json-patch+json"


@dataclass
class _Wanted:
    """What a document asks for."""

    fields: dict[str, str | None] = field(default_factory=dict)
    """By name in lower case; None: taken out."""
    hyperlinks: list[tuple[str, str]] = field(default_factory=list)
    rev: int | None = None


@answers("work_item_create", "POST", WORK_WRITE)
def create(call: Call) -> object:
    """A new work item of the type that the address names after a ``$``."""
    project = call.project
    kind = _type(call, project, call.values["type"])
    wanted = _wanted(call)
    title = wanted.fields.get("system.title") or ""
    if not title:
        raise _rule("Title", "Required, InvalidEmpty")
    with call.world.lock:
        owner = call.collection
        number = max((item.id for item in items_of(owner)), default=0) + 1
        states = states_of(project, kind)
        item = call.world.plan(
            WorkItemPart.model_construct(
                **{
                    **WorkItemPart(id=number, type=kind, title=title, platforms=["azure-devops"]).__dict__,
                    "state": next(iter(states)),
                    "project": project.name,
                    "created_at": call.world.clock(),
                    "created_by": call.token.login,
                }
            )
        )
        item.organization, item.repository = owner.organization.name, None
        try:
            _apply(call, project, item, wanted)
        except problems.Problem:
            call.world.work_items.remove(item)
            raise
        item.rev, item.posted = 1, True
    return document(call, item, [], expand="all")


@answers("work_items", "PATCH", WORK_WRITE)
def update(call: Call) -> object:
    """Change a work item; with a ``test`` of its revision, only as long as nobody else has."""
    number = call.whole("id")
    wanted = _wanted(call)
    with call.world.lock:
        item = visible(call).get(number)
        if item is None:
            raise problems.work_item_not_found(number)
        if wanted.rev is not None and wanted.rev != item.rev:
            raise problems.Problem(
                412, "VS403351: Test Operation for path /rev failed.", "TestPatchOperationFailedException", TRACKING
            )
        before = item.part, item.changed_at, item.closed_at
        _apply(call, call.collection.project(item.project, call), item, wanted)
        item.former.append((before[1], before[0], before[2]))
        item.rev += 1
        item.posted = True
    return document(call, item, [], expand="all")


def _wanted(call: Call) -> _Wanted:
    if not call.content_type.startswith(MEDIA_TYPE):
        raise problems.Problem(
            415,
            f'The request indicated a Content-Type of "{call.content_type}" for method type "{call.method}" which is not '
            f"supported. Valid content types for this method are: {MEDIA_TYPE}.",
            "VssRequestContentTypeNotSupportedException",
        )
    wanted = _Wanted()
    for operation in call.items():
        if not isinstance(operation, dict):
            raise _not_understood(str(operation))
        kind, path, value = operation.get("op"), str(operation.get("path")), operation.get("value")
        if kind == "test" and path == "/rev":
            wanted.rev = int(str(value))
        elif kind in ("add", "replace") and path.startswith("/fields/"):
            wanted.fields[path.removeprefix("/fields/").lower()] = str(value)
        elif kind == "remove" and path.startswith("/fields/"):
            wanted.fields[path.removeprefix("/fields/").lower()] = None
        elif kind == "add" and path == "/relations/-" and isinstance(value, dict) and value.get("rel") == "Hyperlink":
            attributes = value.get("attributes") or {}
            wanted.hyperlinks.append((str(value["url"]), str(attributes.get("comment") or "")))
        else:
            raise _not_understood(f"{kind} {path}")
    return wanted


def _apply(call: Call, project: Project, item: WorkItem, wanted: _Wanted) -> None:
    """Check everything, then change: a document is taken whole or not at all."""
    changed: dict[str, object] = {}
    assignees, area = item.assignees, item.area
    for name, value in wanted.fields.items():
        text = value or ""
        match name:
            case "system.title":
                if not text or len(text) > LONGEST_TITLE:
                    raise _rule("Title", "InvalidTooLong" if text else "Required, InvalidEmpty")
                changed["title"] = text
            case "system.description":
                changed["body"] = text
            case "system.tags":
                changed["labels"] = _tags(text)
            case "system.state":
                changed["state"] = _state(project, item, text)
            case "system.assignedto":
                assignees = [_login(call, text)] if text else []
            case "system.areapath":
                area = _area(project, text)
            case "system.history":
                pass
            case _:
                raise problems.Problem(
                    400,
                    f"TF51535: Cannot find field {name}.",
                    "WorkItemTrackingFieldDefinitionNotFoundException",
                    TRACKING,
                )
    for address, comment in wanted.hyperlinks:
        if any(address == known for known, _ in item.hyperlinks):
            raise problems.Problem(400, "VS403661: The relation already exists.", "RelationAlreadyExists", TRACKING)
        if len(comment) > LONGEST_LINK_COMMENT:
            raise problems.bad_argument("The comment of a link has at most 255 characters.")
    was_closed = _category(project, item) in ("Completed", "Removed")
    item.part = item.part.model_copy(update=changed)
    item.assignees, item.area = assignees, area
    item.hyperlinks += wanted.hyperlinks
    item.changed_at = call.world.clock()
    if _category(project, item) not in ("Completed", "Removed"):
        item.closed_at = None
    elif not was_closed:
        item.closed_at = item.changed_at


def _category(project: Project, item: WorkItem) -> str:
    return states_of(project, item.part.type).get(item.part.state, ("", ""))[0]


def _type(call: Call, project: Project, text: str) -> str:
    wanted = text.removeprefix("$").lower()
    found = next((name for name in known_types(call, project) if name.lower() == wanted), None)
    if found is None:
        raise problems.missing(
            f"VS402323: Work item type {wanted} does not exist in project {project.name}, or you do not have permission to "
            "access it.",
            "WorkItemTypeNotFoundException",
        )
    return found


def _state(project: Project, item: WorkItem, text: str) -> str:
    found = next((name for name in states_of(project, item.part.type) if name.lower() == text.lower()), None)
    if found is None:
        raise _rule("State", "HasValues, LimitedToValues, AllowsOldValue, InvalidNotOldValue")
    return found


def _tags(text: str) -> list[str]:
    found: dict[str, str] = {}
    for tag in (part.strip() for part in text.replace(",", ";").split(";")):
        if len(tag) > LONGEST_TAG:
            raise problems.bad_argument(f"TF401407: A tag has at most {LONGEST_TAG} characters.")
        if tag:
            found.setdefault(tag.lower(), tag)
    return sorted(found.values())


def _login(call: Call, text: str) -> str:
    """The account that a text names: by its display name, its sign-in name, or both (``Name <name@host>``)."""
    wanted = text.rpartition("<")[2].rstrip(">").strip().lower()
    for login in logins_of(call.collection):
        someone = account(call.collection, login)
        if wanted in (someone.name.lower(), sign_in_name(someone).lower(), someone.email.lower()):
            return login
    raise problems.Problem(
        400,
        f"The identity value '{text}' for field 'System.AssignedTo' is an unknown identity.",
        "WorkItemFieldInvalidException",
        TRACKING,
    )


def _area(project: Project, text: str) -> str:
    """An area of the project; the sandbox knows every area under its root."""
    if text.split("\\")[0].lower() != project.name.lower():
        raise problems.Problem(
            400,
            f"TF401347: Invalid tree name given for work item -1, field 'System.AreaPath'. ({text})",
            "WorkItemTrackingTreeNodeNotFoundException",
            TRACKING,
        )
    return text


def _rule(name: str, codes: str) -> problems.Problem:
    return problems.Problem(
        400, f"TF401320: Rule Error for field {name}. Error code: {codes}.", "RuleValidationException", TRACKING
    )


def _not_understood(what: str) -> problems.Problem:
    return problems.bad_argument(f"You must pass a valid patch document in the body of the request. ({what})")
