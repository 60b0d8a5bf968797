"""Git repositories, their refs, pushes, branch statistics and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call, Json, collection, continued
from bot.sandbox.azure_devops.people import identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import CODE
from bot.sandbox.azure_devops.surfaces.projects import project_reference
from bot.sandbox.git_objects import Signature, Tag, tag_object
from bot.sandbox.identity import guid

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.world import Project, Repository


def project_of(owner: Collection, repository: Repository) -> Project:
    """The project that a repository is in."""
    return owner.current().projects[repository.project.lower()]


def repository_url(owner: Collection, repository: Repository) -> str:
    """The address of a repository's resources."""
    return f"{owner.url}/{project_of(owner, repository).guid}/_apis/git/repositories/{repository.guid}"


def web_url(owner: Collection, repository: Repository) -> str:
    """Where people look at a repository."""
    return f"{owner.url}/{repository.project}/_git/{repository.name}"


def repository_document(owner: Collection, repository: Repository) -> Json:
    """A GitRepository."""
    project = project_of(owner, repository)
    body: Json = {
        "id": repository.guid,
        "name": repository.name,
        "url": repository_url(owner, repository),
        "project": project_reference(owner, project),
        "size": 1024,
        "remoteUrl": web_url(owner, repository),
        "sshUrl": f"git@ssh.dev.azure.com:v3/{owner.organization.name}/{project.name}/{repository.name}",
        "webUrl": web_url(owner, repository),
        "isDisabled": repository.face.archived,
        "isInMaintenance": False,
    }
    if repository.face.fork:
        body["isFork"] = True
    if not repository.face.empty:
        body["defaultBranch"] = f"refs/heads/{repository.default_branch}"
    return body


def repository_reference(owner: Collection, repository: Repository) -> Json:
    """A repository as pull requests and pushes refer to it."""
    return {
        "id": repository.guid,
        "name": repository.name,
        "url": repository_url(owner, repository),
        "project": project_reference(owner, project_of(owner, repository)),
        "remoteUrl": web_url(owner, repository),
    }


@answers("repositories", "GET", CODE)
def repositories(call: Call) -> object:
    """One repository, or all that the caller may read in a project or in the whole organisation."""
    owner = call.collection
    if "repositoryid" in call.values:
        body = repository_document(owner, call.repository)
        body["_links"] = {"self": {"href": body["url"]}, "web": {"href": body["webUrl"]}}
        return body
    project = call.maybe_project
    chosen = [project] if project else owner.projects(call)
    return collection([repository_document(owner, each) for one in chosen for each in owner.repositories(one, call)])


def readable(call: Call) -> Repository:
    """The repository of the address, for its content: one that is disabled ("archived") does not give it."""
    found = call.repository
    if found.face.archived:
        raise problems.Problem(
            404,
            f"TF401019: The Git repository with name or identifier {found.name} does not exist or you do not have "
            "permissions for the operation you are attempting. VS403420: The repository is disabled.",
            "GitRepositoryNotFoundException",
            problems.GIT,
        )
    return found


@answers("refs", "GET", CODE)
def refs(call: Call) -> object:
    """Branches, tags and pull requests' merges, by the start of their names."""
    repository = readable(call)
    wanted = call.values.get("filter") or call.text("filter")
    contains = call.text("filterContains").lower()
    rows = []
    for name, sha in sorted(all_refs(call.collection, repository).items()):
        short = name.removeprefix("refs/")
        if short.startswith(wanted) and contains in short.lower():
            rows.append(_ref(call, repository, name, sha))
    return continued(call, rows, 10_000)


def all_refs(owner: Collection, repository: Repository) -> dict[str, str]:
    """The refs that Azure DevOps has: no ``refs/pull/N/head``, but each open pull request's merge."""
    found = {name: sha for name, sha in repository.git.refs.items() if not name.startswith("refs/pull/")}
    for pull_request in repository.pull_requests.values():
        if pull_request.part.state == "open" and "azure-devops" in pull_request.part.platforms:
            found[f"refs/pull/{pull_request.number}/merge"] = owner.merge_commit(pull_request, repository)
    return found


def _ref(call: Call, repository: Repository, name: str, sha: str) -> Json:
    owner = call.collection
    tag = annotated_tag(repository, name)
    commit = repository.git.commits[sha]
    login = commit.committer.login or commit.author.login or next(iter(owner.world.people))
    body: Json = {
        "name": name,
        "objectId": tag.sha if tag else sha,
        "creator": identity(owner, login),
        "url": f"{repository_url(owner, repository)}/refs?filter={name.removeprefix('refs/').replace('/', '%2F')}",
    }
    if tag and call.flag("peelTags"):
        body["peeledObjectId"] = sha
    return body


def annotated_tag(repository: Repository, ref: str) -> Tag | None:
    """The tag object behind a ref: a release's tag has one too, where the scenario says nothing else of it."""
    name = ref.removeprefix("refs/tags/")
    if ref in repository.git.tags or name == ref or name in repository.part.tags:
        return repository.git.tags.get(ref)
    release = next((each for each in repository.part.releases if each.version == name), None)
    if release is None:
        return None
    tagger = Signature(*account_of(repository, release.author), None)
    at = repository.world.at(release.created_at)
    return tag_object(name, repository.git.refs[ref], tagger, at, release.notes or release.version)


def account_of(repository: Repository, login: str) -> tuple[str, str]:
    """Name and e-mail of a login, or of the repository's first person where none is given."""
    people = repository.world.people
    someone = people.get(login) or people[next(iter(repository.world.collaborators(repository)), next(iter(people)))]
    return someone.name, someone.email


@answers("annotated_tags", "GET", CODE)
def tags(call: Call) -> object:
    """One annotated tag by the id of its object."""
    repository = readable(call)
    wanted = call.values.get("objectid", "")
    for ref in repository.git.refs:
        tag = annotated_tag(repository, ref)
        if tag and tag.sha == wanted:
            return {
                "name": tag.name,
                "objectId": tag.sha,
                "taggedObject": {"objectId": tag.commit, "objectType": "commit"},
                "taggedBy": {"name": tag.tagger.name, "email": tag.tagger.email, "date": stamp(tag.at)},
                "message": tag.message,
                "url": f"{repository_url(call.collection, repository)}/annotatedTags/{tag.sha}",
            }
    raise problems.object_not_found(wanted, "annotated tag")


def label_document(call: Call, name: str) -> Json:
    """A tag of a pull request ("label")."""
    return {
        "id": guid("label", call.collection.organization.name, name.lower()),
        "name": name,
        "active": True,
        "url": f"{call.collection.url}/_apis/git/labels/{name}",
    }
