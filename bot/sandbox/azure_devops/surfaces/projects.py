"""Projects and their properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call, Json, collection, continued
from bot.sandbox.azure_devops.people import stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import PROJECT

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.world import Project


def project_reference(owner: Collection, project: Project) -> Json:
    """A project as other things refer to it."""
    return {
        "id": project.guid,
        "name": project.name,
        "url": f"{owner.url}/_apis/projects/{project.guid}",
        "state": "wellFormed",
        "revision": 1,
        "visibility": "private",
        "lastUpdateTime": stamp(owner.world.now),
    }


@answers("projects", "GET", PROJECT)
def projects(call: Call) -> object:
    """The projects the caller sees, or one of them by name or id."""
    owner = call.collection
    if "projectid" in call.values:
        found = owner.project(call.values["projectid"], call)
        body = project_reference(owner, found)
        if call.flag("includeCapabilities"):
            body["capabilities"] = {
                "processTemplate": {"templateName": "Agile"},
                "versioncontrol": {"sourceControlType": "Git", "gitEnabled": "True", "tfvcEnabled": "False"},
            }
        return body
    rows = [project_reference(owner, project) for project in owner.projects(call)]
    skip = call.number("$skip", 0)
    return continued(call, rows[skip:], 100)


@answers("project_properties", "GET", PROJECT)
def properties(call: Call) -> object:
    """A project's properties; ``keys`` chooses among them, ``*`` at the end matching anything."""
    project = call.collection.projects(call)
    wanted = call.values["projectid"].lower()
    found = next((each for each in project if each.guid.lower() == wanted), None)
    if found is None:  # unlike its neighbours, this resource takes ids only
        raise problems.project_not_found(call.values["projectid"])
    entries = {
        "System.CurrentProcessTemplateId": "adcc42ab-9882-485e-a3ed-7678f01f66bc",
        "System.SourceControlGitEnabled": "True",
        **found.part.properties,
    }
    keys = call.listed("keys")
    rows: list[Json] = [
        {"name": name, "value": value} for name, value in entries.items() if not keys or _matches(name, keys)
    ]
    return collection(rows)


def _matches(name: str, keys: list[str]) -> bool:
    return any(
        name.lower().startswith(key[:-1].lower()) if key.endswith("*") else name.lower() == key.lower() for key in keys
    )
