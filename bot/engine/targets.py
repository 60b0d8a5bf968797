"""Targets: how a person names what is to be judged."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from bot.model.subjects import Platform

FORMS = (
    "github:OWNER, github:OWNER/REPO, github:OWNER/REPO#12, github:OWNER/REPO@v1.2.3, ado:ORG, ado:ORG/PROJECT, "
    "ado:ORG/PROJECT/REPO, ado:ORG/PROJECT/REPO!12, ado:ORG/PROJECT/REPO@v1.2.3, ado:ORG/PROJECT#45, a web address of any "
    "of these, or a path to a git checkout"
)


class TargetError(ValueError):
    """A target cannot be understood."""


@dataclass(frozen=True, slots=True)
class Target:
    """One target, parsed. What is None was not named."""

    text: str
    platform: Platform
    organization: str | None = None
    project: str | None = None
    """Azure DevOps only."""
    repository: str | None = None
    pull_request: int | None = None
    """On GitHub also an issue: they share their numbers."""
    work_item: int | None = None
    release: str | None = None
    environment: str | None = None
    path: str | None = None
    """A git checkout."""
    commit: str | None = None
    """In a gate: the head that the event was about, or the commit that a deployment names, when it is known."""
    run: int | None = None
    """Azure DevOps, in a gate: the id of the run (or of the classic release) that is the release."""
    classic: bool = False
    """Whether ``run`` is a classic release."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Search:
    """How the pull requests are found that an event is about and does not name."""

    home: Target
    """The repository, the organisation or the project."""
    base: str | None = None
    """Those into this branch."""
    head: str | None = None
    """GitHub: those whose head is this commit."""
    queued: str | None = None
    """GitHub: those that a merge queue into ``base`` has put into this commit, on top of ``on_top_of``."""
    on_top_of: str | None = None
    work_item: int | None = None
    """Azure DevOps: those that are linked to this work item."""
    build: int | None = None
    """Azure DevOps: the one that this build was started for."""

    @property
    def whole(self) -> bool:
        """Whether every open one is meant, or every one into a branch."""
        return self.head is None and self.queued is None and self.work_item is None and self.build is None


_GITHUB = re.compile(
    r"^(?P<owner>[A-Za-z0-9][A-Za-z0-9_.-]*)"
    r"(?:/(?P<repository>[A-Za-z0-9_.-]+)(?:#(?P<number>\d+)|@(?P<release>\S+))?)?$"
)
_AZURE = re.compile(
    r"^(?P<organization>[^/#!@]+)"
    r"(?:/(?P<project>[^/#!@]+)(?:#(?P<work_item>\d+)|/(?P<repository>[^/#!@]+)(?:!(?P<number>\d+)|@(?P<release>.+))?)?)?$"
)


def parse(text: str, environment: str | None = None) -> Target:
    """Understand a target. Raises ``TargetError`` with the forms that there are."""
    stripped = text.strip()
    if not stripped:
        raise TargetError(f"The target is empty. It may be {FORMS}.")
    scheme, colon, rest = stripped.partition(":")
    if colon and scheme == "github":
        target = _github(stripped, rest)
    elif colon and scheme in ("ado", "azure-devops"):
        target = _azure(stripped, rest)
    elif scheme in ("http", "https"):
        target = _address(stripped)
    elif colon and re.fullmatch(r"[a-z][a-z-]+", scheme) and "/" not in scheme:
        raise TargetError(f"{text!r}: there is no platform {scheme!r}. A target may be {FORMS}.")
    else:
        target = Target(stripped, Platform.LOCAL, path=stripped)
    return replace(target, environment=environment) if environment else target


def _number(value: str | None) -> int | None:
    return None if value is None else int(value)


def _github(text: str, rest: str) -> Target:
    match = _GITHUB.match(rest)
    if match is None:
        raise TargetError(
            f"{text!r} is not a GitHub target: after 'github:' comes OWNER, OWNER/REPO, OWNER/REPO#12 or OWNER/REPO@v1.2.3."
        )
    return Target(
        text,
        Platform.GITHUB,
        organization=match["owner"],
        repository=match["repository"],
        pull_request=_number(match["number"]),
        release=match["release"],
    )


def _azure(text: str, rest: str) -> Target:
    match = _AZURE.match(rest)
    if match is None:
        raise TargetError(
            f"{text!r} is not an Azure DevOps target: after 'ado:' comes ORG, ORG/PROJECT, ORG/PROJECT#45, "
            "ORG/PROJECT/REPO, ORG/PROJECT/REPO!12 or ORG/PROJECT/REPO@v1.2.3."
        )
    return Target(
        text,
        Platform.AZURE_DEVOPS,
        organization=match["organization"],
        project=match["project"],
        repository=match["repository"],
        pull_request=_number(match["number"]),
        work_item=_number(match["work_item"]),
        release=match["release"],
    )


def _address(text: str) -> Target:
    """A web address. Any host may be a GitHub Enterprise or an Azure DevOps server; the path tells which."""
    parts = urlsplit(text)
    host = (parts.hostname or "").lower()
    path = [unquote(piece) for piece in parts.path.split("/") if piece]
    if host.endswith(".visualstudio.com"):
        path.insert(0, host.removesuffix(".visualstudio.com"))
    is_azure = host == "dev.azure.com" or host.endswith(".visualstudio.com") or "_git" in path or "_workitems" in path
    target = _azure_address(text, path) if is_azure else _github_address(text, path)
    if target is None:
        raise TargetError(f"The address {text!r} names nothing that can be judged. A target may be {FORMS}.")
    return target


def _azure_address(text: str, path: list[str]) -> Target | None:
    match path:
        case [organization]:
            return Target(text, Platform.AZURE_DEVOPS, organization)
        case [organization, project]:
            return Target(text, Platform.AZURE_DEVOPS, organization, project)
        case [organization, project, "_git", repository]:
            return Target(text, Platform.AZURE_DEVOPS, organization, project, repository)
        case [organization, "_git", repository]:
            return Target(text, Platform.AZURE_DEVOPS, organization, repository, repository)
        case [organization, project, "_git", repository, "pullrequest", number] if number.isdigit():
            return Target(text, Platform.AZURE_DEVOPS, organization, project, repository, int(number))
        case [organization, "_git", repository, "pullrequest", number] if number.isdigit():
            return Target(text, Platform.AZURE_DEVOPS, organization, repository, repository, int(number))
        case [organization, project, "_workitems", "edit", number] if number.isdigit():
            return Target(text, Platform.AZURE_DEVOPS, organization, project, work_item=int(number))
        case _:
            return None


def _github_address(text: str, path: list[str]) -> Target | None:
    match path:
        case [owner] | ["orgs", owner, *_]:
            return Target(text, Platform.GITHUB, owner)
        case [owner, repository]:
            return Target(text, Platform.GITHUB, owner, repository=repository.removesuffix(".git"))
        case [owner, repository, "pull" | "issues", number, *_] if number.isdigit():
            return Target(text, Platform.GITHUB, owner, repository=repository, pull_request=int(number))
        case [owner, repository, "releases", "tag", *tag] if tag:
            return Target(text, Platform.GITHUB, owner, repository=repository, release="/".join(tag))
        case _:
            return None
