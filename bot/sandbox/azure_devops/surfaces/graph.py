"""Graph (vssps): users, groups and memberships by their descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import people, problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection, continued
from bot.sandbox.azure_devops.groups import Group, groups
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import GRAPH

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.world import Person


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
