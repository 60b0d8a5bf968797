"""Identities and graph (vssps), teams and their members, and who the caller is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import people, problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection, continued, page
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import GRAPH, IDENTITY, PROJECT

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.world import Person, Project, Team


@answers("connection_data")
def connection_data(call: Call) -> object:
    """Who the token belongs to."""
    someone = call.person
    user = {
        "id": someone.guid,
        "descriptor": people.legacy_descriptor(call.collection, someone),
        "subjectDescriptor": people.person_descriptor(someone),
        "providerDisplayName": someone.name,
        "isActive": True,
        "properties": {"Account": {"$type": "System.String", "$value": people.sign_in_name(someone)}},
        "resourceVersion": 2,
        "metaTypeId": 0,
    }
    return {
        "authenticatedUser": user,
        "authorizedUser": user,
        "instanceId": call.collection.organization.guid,
        "deploymentType": "hosted",
        "locationServiceData": {
            "serviceOwner": "00025394-6065-48ca-87d9-7f5672854ef7",
            "defaultAccessMappingMoniker": "PublicAccessMapping",
            "lastChangeId": 1,
        },
    }


@answers("resource_areas")
def resource_areas(call: Call) -> object:
    """None, so that every client stays at this address."""
    if "areaid" in call.values:
        raise problems.missing(f"The resource area {call.values['areaid']} was not found.", "ResourceAreaNotFound")
    return collection([])


@dataclass(frozen=True)
class Group:
    """A group: one of the scenario's teams, or one that every project has."""

    name: str
    ident: str
    scope: str
    members: tuple[str, ...]
    groups: tuple[str, ...] = ()
    """Ids of groups that are members of it."""


def groups(owner: Collection) -> list[Group]:
    """Every group of an organisation."""
    world = owner.world
    found = [Group(team.name, team.guid, owner.organization.name, team.members) for team in _teams(owner)]
    owners = tuple(owner.organization.part.owners)
    for project in owner.organization.projects:
        found.append(
            Group(
                people.PROJECT_ADMINISTRATORS,
                people.project_group(project, people.PROJECT_ADMINISTRATORS),
                project.name,
                owners,
            )
        )
        writers: dict[str, None] = {}
        teams: dict[str, None] = {}
        for repository in owner.current().repositories[project.guid]:
            for name, permission in repository.part.permissions.items():
                if permission in ("write", "maintain", "admin"):
                    team = world.teams.get(name.removeprefix("team:")) if name.startswith("team:") else None
                    if team is not None:
                        teams[team.guid] = None
                    elif not name.startswith("team:"):
                        writers[name] = None
        ident = people.project_group(project, people.CONTRIBUTORS)
        found.append(Group(people.CONTRIBUTORS, ident, project.name, tuple(writers), tuple(teams)))
    return found


def _teams(owner: Collection) -> list[Team]:
    return owner.world.teams_of(owner.organization.name)


@answers("identities", "GET", IDENTITY)
def read_identities(call: Call) -> object:
    """Identities by id, by either descriptor, or by a search; one of an address."""
    owner = call.collection
    everyone = [_person_identity(owner, people.account(owner, login)) for login in people.logins_of(owner)]
    everyone += [_group_identity(owner, group) for group in groups(owner)]
    with_members = call.text("queryMembership").lower() in ("direct", "expanded", "expandeddown")
    if "identityid" in call.values:
        wanted = call.values["identityid"].lower()
        one = next((each for each in everyone if str(each["id"]).lower() == wanted), None)
        if one is None:
            raise problems.missing(
                f"VS403371: The identity with id {wanted} could not be found.", "IdentityNotFoundException"
            )
        return _shown(one, with_members)
    found: list[Json | None] = []
    for parameter, key in (
        ("identityIds", "id"),
        ("descriptors", "descriptor"),
        ("subjectDescriptors", "subjectDescriptor"),
    ):
        for wanted in call.listed(parameter):
            found.append(next((each for each in everyone if str(each[key]).lower() == wanted.lower()), None))
    if call.text("searchFilter"):
        found.extend(_search(everyone, call.text("searchFilter"), call.text("filterValue")))
    return collection([each and _shown(each, with_members) for each in found])


def _shown(each: Json, with_members: bool) -> Json:
    return each if with_members else {**each, "members": [], "memberIds": []}


def _search(everyone: list[Json], kind: str, value: str) -> list[Json]:
    wanted = value.lower()
    found = []
    for each in everyone:
        properties = each["properties"]
        assert isinstance(properties, dict)
        names = {key: str(entry["$value"]).lower() for key, entry in properties.items()}
        display = str(each["providerDisplayName"]).lower()
        match kind.lower():
            case "accountname":
                hit = wanted == names["Account"]
            case "mailaddress":
                hit = wanted == names["Mail"]
            case "displayname":
                hit = wanted == display
            case "directoryalias":
                hit = wanted == names.get("DirectoryAlias")
            case "localgroupname":
                hit = bool(each["isContainer"]) and wanted == names["Account"]
            case "general":
                hit = wanted in (names["Account"], names["Mail"], display, names.get("DirectoryAlias"))
            case _:
                raise problems.bad_argument(f"The search filter '{kind}' is not valid.")
        if hit:
            found.append(each)
    return found


def _string(value: str) -> Json:
    return {"$type": "System.String", "$value": value}


def _person_identity(owner: Collection, someone: Person) -> Json:
    return {
        "id": someone.guid,
        "descriptor": people.legacy_descriptor(owner, someone),
        "subjectDescriptor": people.person_descriptor(someone),
        "providerDisplayName": someone.name,
        "isActive": True,
        "isContainer": False,
        "members": [],
        "memberOf": [],
        "memberIds": [],
        "properties": {
            "SchemaClassName": _string("User"),
            "Account": _string(people.sign_in_name(someone)),
            "Mail": _string(someone.email),
            "DirectoryAlias": _string(someone.login),
        },
        "resourceVersion": 2,
        "metaTypeId": 2 if someone.bot else 0,
    }


def _group_identity(owner: Collection, group: Group) -> Json:
    members = [people.account(owner, login) for login in group.members]
    return {
        "id": group.ident,
        "descriptor": people.group_legacy_descriptor(group.ident),
        "subjectDescriptor": people.descriptor(group.ident, "vssgp"),
        "providerDisplayName": f"[{group.scope}]\\{group.name}",
        "isActive": True,
        "isContainer": True,
        "members": [people.legacy_descriptor(owner, each) for each in members]
        + [people.group_legacy_descriptor(ident) for ident in group.groups],
        "memberOf": [],
        "memberIds": [each.guid for each in members] + list(group.groups),
        "properties": {
            "SchemaClassName": _string("Group"),
            "Account": _string(group.name),
            "Mail": _string(""),
            "Description": _string(""),
        },
        "resourceVersion": 2,
        "metaTypeId": 255,
    }


@answers("graph_users", "GET", GRAPH)
def graph_users(call: Call) -> object:
    """Every account, or one by its descriptor."""
    owner = call.collection
    rows = [_graph_user(owner, people.account(owner, login)) for login in people.logins_of(owner)]
    if "userdescriptor" in call.values:
        return _by_descriptor(rows, call.values["userdescriptor"])
    return continued(call, rows, 500)


@answers("graph_groups", "GET", GRAPH)
def graph_groups(call: Call) -> object:
    """Every group, or one by its descriptor."""
    rows = [_graph_group(call.collection, group) for group in groups(call.collection)]
    if "groupdescriptor" in call.values:
        return _by_descriptor(rows, call.values["groupdescriptor"])
    return continued(call, rows, 500)


@answers("graph_memberships", "GET", GRAPH)
def graph_memberships(call: Call) -> object:
    """The groups that a subject is in (``direction=up``, the default), or the members of a group (``down``)."""
    subject = call.values["subjectdescriptor"]
    pairs = _memberships(call.collection)
    down = call.text("direction").lower() == "down"
    return collection([_membership(call, *pair) for pair in pairs if pair[0 if down else 1] == subject])


@answers("graph_membership", "GET", GRAPH)
def graph_membership(call: Call) -> object:
    """Whether one subject is in one group."""
    pair = (call.values["containerdescriptor"], call.values["subjectdescriptor"])
    if pair not in _memberships(call.collection):
        raise problems.missing("VS403371: The membership could not be found.", "GraphMembershipNotFoundException")
    return _membership(call, *pair)


@answers("graph_membership", "HEAD", GRAPH)
def graph_membership_exists(call: Call) -> object:
    """The same, without a body."""
    graph_membership(call)
    return Answer(None)


@answers("graph_descriptors", "GET", GRAPH)
def graph_descriptor(call: Call) -> object:
    """The subject descriptor of an id."""
    rows = [*_subjects(call.collection)]
    found = next((each for each in rows if each[0] == call.values["storagekey"].lower()), None)
    if found is None:
        raise problems.missing("VS860016: Could not find a subject with this id.", "StorageKeyNotFoundException")
    return {"value": found[1], "_links": {"self": {"href": call.collection.url + call.path}}}


@answers("graph_storage_keys", "GET", GRAPH)
def graph_storage_key(call: Call) -> object:
    """The id of a subject descriptor."""
    found = next((each for each in _subjects(call.collection) if each[1] == call.values["subjectdescriptor"]), None)
    if found is None:
        raise problems.missing("VS860016: Could not find this subject.", "GraphSubjectNotFoundException")
    return {"value": found[0], "_links": {"self": {"href": call.collection.url + call.path}}}


@answers("graph_subject_lookup", "POST", GRAPH)
def graph_subject_lookup(call: Call) -> object:
    """Many subjects by their descriptors."""
    owner = call.collection
    rows = [_graph_user(owner, people.account(owner, login)) for login in people.logins_of(owner)]
    rows += [_graph_group(owner, group) for group in groups(owner)]
    keys = call.document().get("lookupKeys")
    wanted = {str(each.get("descriptor")) for each in keys if isinstance(each, dict)} if isinstance(keys, list) else ()
    return {"value": {str(row["descriptor"]): row for row in rows if row["descriptor"] in wanted}}


def _subjects(owner: Collection) -> list[tuple[str, str]]:
    found = []
    for login in people.logins_of(owner):
        someone = people.account(owner, login)
        found.append((someone.guid, people.person_descriptor(someone)))
    return found + [(group.ident, people.descriptor(group.ident, "vssgp")) for group in groups(owner)]


def _by_descriptor(rows: list[Json], wanted: str) -> Json:
    found = next((row for row in rows if row["descriptor"] == wanted), None)
    if found is None:
        raise problems.missing("VS860016: Could not find this subject.", "GraphSubjectNotFoundException")
    return found


def _graph_user(owner: Collection, someone: Person) -> Json:
    subject = people.person_descriptor(someone)
    return {
        "subjectKind": "user",
        "metaType": "application" if someone.bot else "member",
        "directoryAlias": someone.login,
        "domain": owner.organization.guid,
        "principalName": people.sign_in_name(someone),
        "mailAddress": someone.email,
        "origin": "aad",
        "originId": someone.guid,
        "displayName": someone.name,
        "url": f"{owner.url}/_apis/Graph/Users/{subject}",
        "descriptor": subject,
    }


def _graph_group(owner: Collection, group: Group) -> Json:
    subject = people.descriptor(group.ident, "vssgp")
    return {
        "subjectKind": "group",
        "description": "",
        "domain": f"vstfs:///Classification/TeamProject/{owner.organization.guid}",
        "principalName": f"[{group.scope}]\\{group.name}",
        "mailAddress": None,
        "origin": "vsts",
        "originId": group.ident,
        "displayName": group.name,
        "url": f"{owner.url}/_apis/Graph/Groups/{subject}",
        "descriptor": subject,
    }


def _memberships(owner: Collection) -> list[tuple[str, str]]:
    """Container and member, by descriptor."""
    found: list[tuple[str, str]] = []
    for group in groups(owner):
        container = people.descriptor(group.ident, "vssgp")
        found.extend((container, people.person_descriptor(people.account(owner, each))) for each in group.members)
        found.extend((container, people.descriptor(each, "vssgp")) for each in group.groups)
    return found


def _membership(call: Call, container: str, member: str) -> Json:
    url = f"{call.collection.url}/_apis/Graph/Memberships/{member}/{container}"
    return {"containerDescriptor": container, "memberDescriptor": member, "_links": {"self": {"href": url}}}


@answers("all_teams", "GET", PROJECT)
def all_teams(call: Call) -> object:
    """The teams of every project."""
    rows = [
        _team(call, each, project) for project in call.collection.projects(call) for each in _teams(call.collection)
    ]
    return page(call, rows, 100)


@answers("teams", "GET", PROJECT)
def teams(call: Call) -> object:
    """A project's teams, or one of them by name or id: the organisation's teams are in each of its projects."""
    project = call.collection.project(call.values["projectid"], call)
    if "teamid" in call.values:
        return _team(call, _one_team(call), project)
    return page(call, [_team(call, each, project) for each in _teams(call.collection)], 100)


@answers("team_members", "GET", PROJECT)
def team_members(call: Call) -> object:
    """Who is in a team."""
    call.collection.project(call.values["projectid"], call)
    team = _one_team(call)
    members = [{"identity": people.identity(call.collection, login)} for login in team.members]
    return page(call, members, 100)


def _one_team(call: Call) -> Team:
    team = people.find_team(call.collection, call.values["teamid"])
    if team is None:
        raise problems.missing(
            f"VS403005: The team with id '{call.values['teamid']}' does not exist, or you do not have permission to "
            "access it.",
            "TeamNotFoundException",
        )
    return team


def _team(call: Call, team: Team, project: Project) -> Json:
    return {
        "id": team.guid,
        "name": team.name,
        "url": f"{call.collection.url}/_apis/projects/{project.guid}/teams/{team.guid}",
        "description": "",
        "identityUrl": f"{call.collection.url}/_apis/Identities/{team.guid}",
        "projectName": project.name,
        "projectId": project.guid,
    }
