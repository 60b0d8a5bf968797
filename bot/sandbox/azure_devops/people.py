"""People and groups as Azure DevOps writes them.

A scenario's login is a person's alias in the directory (``directoryAlias``) and the part before the @ of the sign-in name
(``uniqueName``). Its teams are groups of the organisation.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.sandbox.identity import WEB_FLOW, guid, person

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.call import Json
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.world import Person, Project, Team

CONTRIBUTORS = "Contributors"
PROJECT_ADMINISTRATORS = "Project Administrators"
SECURITY_NUMBER = re.compile(r"-(\d+)$")


def stamp(at: datetime) -> str:
    """An instant as the service writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def account(collection: Collection, login: str) -> Person:
    """The account of this login; one that nothing else of the scenario mentions is made up like all others."""
    return collection.world.people.get(login) or person(login)


def sign_in_name(someone: Person) -> str:
    """The ``uniqueName``."""
    if someone.bot or "@" in someone.login:
        return someone.login
    return f"{someone.login}@{someone.email.partition('@')[2]}"


def descriptor(ident: str, kind: str = "aad") -> str:
    """A subject descriptor: what graph and newer clients name an identity by."""
    return f"{kind}.{base64.b64encode(ident.encode()).decode().rstrip('=')}"


def person_descriptor(someone: Person) -> str:
    """A person's subject descriptor; service identities have another prefix."""
    return descriptor(someone.guid, "svc" if someone.bot else "aad")


def legacy_descriptor(collection: Collection, someone: Person) -> str:
    """A person's identity descriptor: what access control lists name an identity by."""
    if someone.bot:
        return f"Microsoft.TeamFoundation.ServiceIdentity;{collection.organization.guid}:Build:{someone.guid}"
    return f"Microsoft.IdentityModel.Claims.ClaimsIdentity;{collection.organization.guid}\\{sign_in_name(someone)}"


def group_legacy_descriptor(ident: str) -> str:
    """A group's identity descriptor."""
    return f"Microsoft.TeamFoundation.Identity;S-1-9-1551374245-{int(ident.replace('-', '')[:8], 16)}"


def identity(collection: Collection, login: str) -> Json:
    """An IdentityRef of a person."""
    someone = account(collection, login)
    subject = person_descriptor(someone)
    return {
        "displayName": someone.name,
        "url": f"{collection.url}/_apis/Identities/{someone.guid}",
        "_links": {"avatar": {"href": f"{collection.url}/_apis/GraphProfile/MemberAvatars/{subject}"}},
        "id": someone.guid,
        "uniqueName": sign_in_name(someone),
        "directoryAlias": someone.login,
        "imageUrl": f"{collection.url}/_api/_common/identityImage?id={someone.guid}",
        "descriptor": subject,
    }


def group_identity(collection: Collection, name: str, ident: str, scope: str) -> Json:
    """An IdentityRef of a group."""
    return {
        "displayName": f"[{scope}]\\{name}",
        "url": f"{collection.url}/_apis/Identities/{ident}",
        "_links": {
            "avatar": {"href": f"{collection.url}/_apis/GraphProfile/MemberAvatars/{descriptor(ident, 'vssgp')}"}
        },
        "id": ident,
        "uniqueName": f"vstfs:///Classification/TeamProject/{collection.organization.guid}\\{name}",
        "imageUrl": f"{collection.url}/_api/_common/identityImage?id={ident}",
        "isContainer": True,
        "descriptor": descriptor(ident, "vssgp"),
    }


def team_identity(collection: Collection, team: Team) -> Json:
    """An IdentityRef of one of the scenario's teams."""
    return group_identity(collection, team.name, team.guid, collection.organization.name)


def anyone(collection: Collection, name: str) -> Json:
    """An IdentityRef of a login or of ``team:NAME``."""
    if name.startswith("team:"):
        team = find_team(collection, name.removeprefix("team:"))
        if team is not None:
            return team_identity(collection, team)
    return identity(collection, name)


def find_team(collection: Collection, name: str) -> Team | None:
    """The organisation's team of this name, slug or id, upper and lower case alike."""
    wanted = name.lower()
    return next(
        (
            team
            for team in collection.world.teams_of(collection.organization.name)
            if wanted in (team.name.lower(), team.slug.lower(), team.guid)
        ),
        None,
    )


def project_group(project: Project, name: str) -> str:
    """The id of one of the groups that every project has."""
    return guid("group", project.guid, name)


def logins_of(collection: Collection) -> list[str]:
    """Everybody whom the organisation knows: its members, service identities, and those who touched anything in it.

    GitHub's own committer is nobody there.
    """
    return [login for login in collection.world.people if login != WEB_FLOW]
