"""The platform's documents as subjects and people."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from bot.model.people import Person
from bot.model.subjects import (
    Environment,
    Organization,
    Pipeline,
    Platform,
    PullRequest,
    PullRequestState,
    Release,
    Repository,
    Subject,
    Visibility,
    WorkItem,
)
from bot.platforms.azure_devops.client import Client, Json, value

STATES = {
    "active": PullRequestState.OPEN,
    "completed": PullRequestState.MERGED,
    "abandoned": PullRequestState.CLOSED,
}
CLOSED_STATES = frozenset({"closed", "done", "completed", "removed"})
"""The states of category Completed or Removed in the Agile, Scrum, Basic and CMMI processes that Microsoft ships. Agile's
and CMMI's Resolved is a category of its own, and open."""
OPEN_STATES = frozenset(
    {
        "new", "active", "resolved", "to do", "doing", "approved", "committed", "open", "in progress",
        "proposed", "design", "ready", "inactive", "in planning", "requested", "accepted",
    }
)  # fmt: skip
"""Their open ones. What is in neither list is of a process of one's own, and its category is asked for."""


def instant(text: object) -> datetime | None:
    """A time as the service writes it: up to seven digits of a second, more than Python reads. The year 1 means never."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return None
    whole, dot, rest = text.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        zone = rest[len(digits) :]
        text = f"{whole}.{digits[:6]:0<6}{zone}"
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else datetime.fromisoformat(f"{text}+00:00")


def required_instant(text: object) -> datetime:
    """A time that the service always gives."""
    found = instant(text)
    if found is None:
        raise ValueError(f"a time was expected, not {text!r}")
    return found


def ident(subject: Subject) -> str:
    """The platform's own id of a subject: what stands last in ours."""
    return subject.id.rpartition("/")[2]


def short(ref: str | None) -> str:
    """``main`` of ``refs/heads/main``."""
    return (ref or "").removeprefix("refs/heads/")


class Subjects:
    """Makes subjects of one organisation."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._host = client.host
        self._web = client.url

    def organization(self) -> Organization:
        """The organisation itself."""
        name = self._client.organization
        return Organization(f"{self._host}/organization/{name.lower()}", name, Platform.AZURE_DEVOPS, self._web)

    def project(self, document: Json) -> Organization:
        """A project."""
        name = str(document["name"])
        return Organization(
            f"{self._host}/organization/{str(document['id']).lower()}",
            f"{self._client.organization}/{name}",
            Platform.AZURE_DEVOPS,
            f"{self._web}/{quote(name)}",
            name,
        )

    def repository(self, document: Json) -> Repository:
        """A repository, from its own document."""
        project = self.project(document["project"])
        name = str(document["name"])
        visible = value(document, "project", "visibility")
        return Repository(
            f"{self._host}/repository/{str(document['id']).lower()}",
            f"{project.name}/{name}",
            Platform.AZURE_DEVOPS,
            document.get("webUrl") or f"{project.url}/_git/{quote(name)}",
            project,
            name,
            short(document.get("defaultBranch")) or None,
            Visibility(visible) if visible in ("private", "public") else None,
            archived=bool(document.get("isDisabled")),
            is_fork=bool(document.get("isFork")),
        )

    def pull_request(self, document: Json, repository: Repository, iterations: list[Json]) -> PullRequest:
        """A pull request at its newest iteration."""
        number = int(document["pullRequestId"])
        head = value(document, "lastMergeSourceCommit", "commitId")
        newest = max(iterations, key=lambda one: int(one["id"]), default=None)
        if newest is not None:
            head = value(newest, "sourceRefCommit", "commitId") or head
        fork = value(document, "forkSource", "repository", "id")
        return PullRequest(
            id=f"{self._host}/pull_request/{ident(repository)}/{number}",
            name=f"{repository.name}!{number}",
            platform=Platform.AZURE_DEVOPS,
            url=f"{repository.url}/pullrequest/{number}",
            base=repository.branch(short(document.get("targetRefName"))),
            number=number,
            title=str(document.get("title") or ""),
            body=str(document.get("description") or ""),
            author=self.person(document["createdBy"]),
            head_sha=str(head or ""),
            base_sha=str(value(document, "lastMergeTargetCommit", "commitId") or ""),
            source_branch=short(document.get("sourceRefName")),
            created_at=required_instant(document.get("creationDate")),
            state=STATES.get(str(document.get("status")), PullRequestState.OPEN),
            draft=bool(document.get("isDraft")),
            from_fork=bool(fork) and str(fork).lower() != ident(repository),
            labels=tuple(str(label["name"]) for label in document.get("labels") or () if label.get("active", True)),
            iteration=None if newest is None else int(newest["id"]),
        )

    def work_item(self, document: Json, *, is_closed: bool) -> WorkItem:
        """A work item."""
        fields = document.get("fields") or {}
        number = int(document["id"])
        project = fields.get("System.TeamProject")
        where = f"{self._web}/{quote(str(project))}" if project else self._web
        relations = document.get("relations")
        return WorkItem(
            id=f"{self._host}/work_item/{self._client.organization.lower()}/{number}",
            name=f"{self._client.organization}/{project}#{number}",
            platform=Platform.AZURE_DEVOPS,
            url=f"{where}/_workitems/edit/{number}",
            number=str(number),
            title=str(fields.get("System.Title") or ""),
            type=fields.get("System.WorkItemType"),
            state=str(fields.get("System.State") or ""),
            is_closed=is_closed,
            created_at=instant(fields.get("System.CreatedDate")),
            closed_at=instant(fields.get("Microsoft.VSTS.Common.ClosedDate")),
            scope=str(fields.get("System.AreaPath") or project or ""),
            linked_pull_requests=None if relations is None else _pull_requests(relations),
        )

    def pipeline(self, document: Json, repository: Repository) -> Pipeline:
        """A build definition."""
        number = int(document["id"])
        path = str(value(document, "process", "yamlFilename") or "").lstrip("/")
        name = f"{document.get('path', '').strip(chr(92))}/{document['name']}".lstrip("/")
        return Pipeline(
            f"{self._host}/pipeline/{ident(repository.organization)}/{number}",
            f"{repository.organization.name}/{name}",
            Platform.AZURE_DEVOPS,
            f"{repository.organization.url}/_build?definitionId={number}",
            repository,
            path,
        )

    def environment(self, document: Json, repository: Repository) -> Environment:
        """An environment of a project, that this repository deploys to."""
        number = int(document["id"])
        name = str(document["name"])
        return Environment(
            f"{self._host}/environment/{ident(repository.organization)}/{number}",
            f"{repository.organization.name}/{name}",
            Platform.AZURE_DEVOPS,
            f"{repository.organization.url}/_environments/{number}",
            repository,
            name,
        )

    def run(self, build: Json, repository: Repository, environment: str | None) -> Release:
        """A pipeline run, as a release."""
        number = int(build["id"])
        version = str(build.get("buildNumber") or number)
        return Release(
            f"{self._host}/release/{ident(repository.organization)}/run/{number}{_in(environment)}",
            _named(repository, version, environment),
            Platform.AZURE_DEVOPS,
            f"{repository.organization.url}/_build/results?buildId={number}",
            repository,
            version,
            str(build.get("sourceVersion") or ""),
            required_instant(build.get("finishTime") or build.get("startTime") or build.get("queueTime")),
            environment,
            "run",
            self.person(build["requestedFor"]) if build.get("requestedFor") else None,
            number,
        )

    def classic(self, release: Json, repository: Repository, commit: str, environment: str | None) -> Release:
        """A classic release."""
        number = int(release["id"])
        version = str(release["name"])
        return Release(
            f"{self._host}/release/{ident(repository.organization)}/classic/{number}{_in(environment)}",
            _named(repository, version, environment),
            Platform.AZURE_DEVOPS,
            f"{repository.organization.url}/_releaseProgress?releaseId={number}",
            repository,
            version,
            commit,
            required_instant(release.get("createdOn")),
            environment,
            "classic",
            self.person(release["createdBy"]) if release.get("createdBy") else None,
            number,
        )

    def person(self, document: Json) -> Person:
        """An account, from the reference to it that other documents hold."""
        unique = str(document.get("uniqueName") or "")
        descriptor = str(document.get("descriptor") or "")
        return Person(
            f"{self._host}/user/{str(document.get('id') or unique).lower()}",
            unique,
            str(document.get("displayName") or ""),
            frozenset({unique.lower()}) if "@" in unique else frozenset(),
            # Service principals and build identities: their descriptors' prefixes, and how older servers name them.
            is_bot=descriptor.startswith(("svc.", "aadsp.", "s2s.")) or unique.startswith(("Build\\", "vstfs:")),
        )

    def member(self, identity: Json) -> Person:
        """An account, from the identity service's own document."""
        account = str(value(identity, "properties", "Account", "$value") or "")
        mail = str(value(identity, "properties", "Mail", "$value") or "")
        unique = account or mail
        return Person(
            f"{self._host}/user/{str(identity.get('id')).lower()}",
            unique,
            str(identity.get("providerDisplayName") or identity.get("customDisplayName") or ""),
            frozenset(one.lower() for one in (account, mail) if "@" in one),
            is_bot=str(identity.get("subjectDescriptor") or "").startswith(("svc.", "aadsp.", "s2s.")),
        )


def _in(environment: str | None) -> str:
    """One release deployed to two environments is two subjects."""
    return "" if environment is None else f"/{environment}"


def _pull_requests(relations: list[Json]) -> int:
    """How many pull requests the relations of a work item name, of Azure Repos and of GitHub."""
    found = {
        str(relation.get("url")).lower()
        for relation in relations
        if relation.get("rel") == "ArtifactLink"
        and str(relation.get("url")).lower().startswith(("vstfs:///git/pullrequestid/", "vstfs:///github/pullrequest/"))
    }
    return len(found)


def _named(repository: Repository, version: str, environment: str | None) -> str:
    """A release's name, for people."""
    return f"{repository.name}@{version}" + (f" in {environment}" if environment else "")
