"""Groups: the scenario's teams, and those that every project has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import people

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection


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
    found = [
        Group(
            team.name,
            team.guid,
            owner.organization.name,
            team.own,
            tuple(world.teams[name].guid for name in team.teams if name in world.teams),
        )
        for team in world.teams_of(owner.organization.name)
    ]
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
            for name, permission in repository.face.permissions.items():
                if permission in ("write", "maintain", "admin"):
                    team = world.teams.get(name.removeprefix("team:")) if name.startswith("team:") else None
                    if team is not None:
                        teams[team.guid] = None
                    elif not name.startswith("team:"):
                        writers[name] = None
        ident = people.project_group(project, people.CONTRIBUTORS)
        found.append(Group(people.CONTRIBUTORS, ident, project.name, tuple(writers), tuple(teams)))
    return found


def member_of(owner: Collection) -> dict[str, list[str]]:
    """The groups that each identity is in, through other groups as well, all by their descriptors."""
    listed = groups(owner)
    within = {group.ident: [other.ident for other in listed if group.ident in other.groups] for group in listed}
    found: dict[str, dict[str, None]] = {}
    for group in listed:
        reached = {group.ident: None}
        waiting = [group.ident]
        while waiting:
            fresh = [ident for ident in within[waiting.pop()] if ident not in reached]
            reached |= dict.fromkeys(fresh)
            waiting.extend(fresh)
        above = dict.fromkeys(map(people.group_legacy_descriptor, reached))
        own = people.group_legacy_descriptor(group.ident)
        found.setdefault(own, {}).update({name: None for name in above if name != own})
        for login in group.members:
            member = people.legacy_descriptor(owner, people.account(owner, login))
            found.setdefault(member, {}).update(above)
    return {name: list(above) for name, above in found.items()}
