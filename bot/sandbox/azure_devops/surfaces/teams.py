"""Teams and their members: the organisation's teams are in each of its projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import people, problems
from bot.sandbox.azure_devops.call import Call, Json, page
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import PROJECT

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.world import Project, Team


def _teams(owner: Collection) -> list[Team]:
    return owner.world.teams_of(owner.organization.name)


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
