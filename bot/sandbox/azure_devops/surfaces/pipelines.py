"""Pipelines as the newer resource has them, their runs, and the expanded YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call, Json, collection, continued
from bot.sandbox.azure_devops.expansion import expand
from bot.sandbox.azure_devops.people import stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import BUILD, BUILD_EXECUTE
from bot.sandbox.azure_devops.surfaces.builds import DURATION, RESULTS, build_not_found, definition_of
from bot.sandbox.azure_devops.surfaces.commits import resolve

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.entities import Build, Definition
    from bot.sandbox.world import Repository

STATES = {"queued": "inProgress", "in_progress": "inProgress", "completed": "completed"}


def _url(call: Call, definition: Definition) -> str:
    return f"{call.collection.url}/{definition.project.guid}/_apis/pipelines/{definition.id}"


def pipeline_document(call: Call, definition: Definition, *, whole: bool) -> Json:
    """A Pipeline; only one that is asked for by itself comes with its configuration."""
    url = f"{_url(call, definition)}?revision=1"
    web = f"{call.collection.url}/{definition.project.guid}/_build/definition?definitionId={definition.id}"
    body: Json = {
        "_links": {"self": {"href": url}, "web": {"href": web}},
        "url": url,
        "id": definition.id,
        "revision": 1,
        "name": definition.name,
        "folder": "\\",
    }
    if whole:
        body["configuration"] = {
            "path": definition.yaml,
            "repository": {"id": definition.repository.guid, "type": "azureReposGit"},
            "type": "yaml",
        }
    return body


@answers("pipelines", "GET", BUILD)
def pipelines(call: Call) -> object:
    """A project's pipelines, or one of them."""
    if "pipelineid" in call.values:
        return pipeline_document(call, definition_of(call, "pipelineid"), whole=True)
    listed = call.collection.current().definitions[call.project.guid]
    rows = [
        pipeline_document(call, each, whole=False) for each in listed if call.collection.may_read(each.repository, call)
    ]
    return continued(call, rows, 10_000)


@answers("pipeline_runs", "GET", BUILD)
def runs(call: Call) -> object:
    """A pipeline's runs, or one of them."""
    definition = definition_of(call, "pipelineid")
    found = [
        each
        for each in call.collection.current().builds(call.project)
        if each.definition is definition and not each.deleted
    ]
    if "runid" in call.values:
        wanted = call.whole("runid")
        run = next((each for each in found if each.id == wanted), None)
        if run is None:
            raise build_not_found(wanted)
        return _run(call, run)
    return collection([_run(call, each) for each in found])


def _run(call: Call, build: Build) -> Json:
    url = f"{_url(call, build.definition)}/runs/{build.id}"
    body: Json = {
        "_links": {"self": {"href": url}},
        "templateParameters": {},
        "pipeline": pipeline_document(call, build.definition, whole=False),
        "state": STATES[build.state],
        "createdDate": stamp(build.at),
        "url": url,
        "resources": {
            "repositories": {
                "self": {
                    "repository": {"id": build.definition.repository.guid, "type": "azureReposGit"},
                    "refName": build.branch,
                    "version": build.sha,
                }
            }
        },
        "id": build.id,
        "name": build.number,
    }
    if build.state == "completed":
        body["finishedDate"] = stamp(build.at + DURATION)
        body["result"] = RESULTS[build.result]
    return body


@answers("preview", "POST", BUILD_EXECUTE)
def preview(call: Call) -> object:
    """The YAML with its templates in place, as a run would see it; or that of ``yamlOverride``."""
    definition = definition_of(call, "pipelineid")
    repository = definition.repository
    if not call.collection.may_read(repository, call):
        raise problems.repository_not_found(repository.name)
    body = call.document()
    override = body.get("yamlOverride")
    version = _version(repository, body)

    def read(name: str, path: str) -> str | None:
        if not name:
            if override and path == definition.yaml.strip("/"):
                return str(override)
            return repository.git.text(version, path)
        project, _, bare = name.rpartition("/")
        owner = call.collection.current()
        found = owner.by_name.get(
            (
                owner.projects[project.lower()].guid if project.lower() in owner.projects else call.project.guid,
                bare.lower(),
            )
        )
        if found is None or found.tip is None or not call.collection.may_read(found, call):
            return None
        return found.git.text(found.tip, path)

    return {
        "id": -1,
        "name": None,
        "state": "unknown",
        "url": f"{_url(call, definition)}/runs/-1",
        "pipeline": pipeline_document(call, definition, whole=False),
        "createdDate": stamp(call.world.clock()),
        "finalYaml": expand(definition.yaml.strip("/"), read),
    }


def _version(repository: Repository, body: Json) -> str:
    """The commit that ``resources.repositories.self`` asks for; the default branch's newest without it."""
    node: object = body
    for name in ("resources", "repositories", "self"):
        node = node.get(name) if isinstance(node, dict) else None
    ref = str(node.get("refName") or "") if isinstance(node, dict) else ""
    sha = str(node.get("version") or "") if isinstance(node, dict) else ""
    if sha:
        return resolve(repository, "commit", sha)
    if ref.startswith("refs/tags/"):
        return resolve(repository, "tag", ref.removeprefix("refs/tags/"))
    return resolve(repository, "branch", ref.removeprefix("refs/heads/"))
