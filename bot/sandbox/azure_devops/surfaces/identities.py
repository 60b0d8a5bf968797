"""Identities and graph (vssps), teams and their members, and who the caller is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import people, problems
from bot.sandbox.azure_devops.call import Call, Json, collection
from bot.sandbox.azure_devops.groups import Group, groups, member_of
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import IDENTITY

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.world import Person


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


@answers("identities", "GET", IDENTITY)
def read_identities(call: Call) -> object:
    """Identities by id, by either descriptor, or by a search; one of an address."""
    owner = call.collection
    everyone = [_person_identity(owner, people.account(owner, login)) for login in people.logins_of(owner)]
    everyone += [_group_identity(owner, group) for group in groups(owner)]
    membership = call.text("queryMembership").lower()
    above = member_of(owner) if membership in ("expanded", "expandedup") else {}
    if "identityid" in call.values:
        wanted = call.values["identityid"].lower()
        one = next((each for each in everyone if str(each["id"]).lower() == wanted), None)
        if one is None:
            raise problems.missing(
                f"VS403371: The identity with id {wanted} could not be found.", "IdentityNotFoundException"
            )
        return _shown(one, membership, above)
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
    return collection([each and _shown(each, membership, above) for each in found])


def _shown(each: Json, membership: str, above: dict[str, list[str]]) -> Json:
    shown = {**each, "memberOf": above.get(str(each["descriptor"]), [])}
    return shown if membership in ("direct", "expanded", "expandeddown") else {**shown, "members": [], "memberIds": []}


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
