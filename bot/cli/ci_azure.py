"""What a build in Azure Pipelines was started for, from its predefined variables (and those that the template for service
hooks maps): a pull request, a deployment, or the open pull requests again.

Sources: https://learn.microsoft.com/azure/devops/pipelines/build/variables,
https://learn.microsoft.com/azure/devops/pipelines/release/variables
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import SplitResult, quote, unquote, urlsplit

from bot.cli.ci_event import NAME_TARGET, CiError, CiEvent, any_target, github_target
from bot.engine.targets import Search, Target
from bot.model.subjects import Platform

_SHA = re.compile(r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")

_AZURE_GITHUB = frozenset({"github", "githubenterprise"})


AGAIN = frozenset({"schedule", "manual", "resourcetrigger"})
"""Reasons of builds that are for no pull request: the open ones are judged again."""

HOOK_PULL_REQUEST = "ALMGUARD_HOOK_PULL_REQUEST"
HOOK_REPOSITORY = "ALMGUARD_HOOK_REPOSITORY"
HOOK_PROJECT = "ALMGUARD_HOOK_PROJECT"
HOOK_WORK_ITEM = "ALMGUARD_HOOK_WORK_ITEM"
HOOK_BUILD = "ALMGUARD_HOOK_BUILD"
OPEN_IN = "ALMGUARD_OPEN_IN"
"""Where the open pull requests are that are judged again, where it is not the pipeline's own project or repository."""
_NAME = re.compile(r"^[^/#!@\x00-\x1f]{1,256}$")


def azure_event(environ: Mapping[str, str], environment: str | None = None) -> CiEvent:
    """The pull request of a build in Azure Pipelines, or the release that it deploys to an environment; with a schedule, by
    hand or after a service hook the open pull requests. Raises ``CiError``.

    A deployment job knows its environment; a job before it is told.
    """
    if environ.get("RELEASE_RELEASEID"):
        return _classic_release(environ, environment)
    provider = environ.get("BUILD_REPOSITORY_PROVIDER", "")
    reason = environ.get("BUILD_REASON", "")
    place = environment or environ.get("ENVIRONMENT_NAME")
    if reason != "PullRequest" and place:
        return _deployment(environ, reason, provider, place)
    if environment:
        raise CiError(
            f"This build tries a pull request, and the environment {environment[:200]!r} asks about a release: the pull "
            "request would not be judged for it. Leave the environment out, or leave the stage out of such builds: condition: "
            "ne(variables['Build.Reason'], 'PullRequest')."
        )
    if reason.lower() in AGAIN:
        return _azure_again(environ, reason)
    if reason != "PullRequest":
        raise CiError(
            f"This build runs because of {reason or 'nothing that BUILD_REASON names'}, not for a pull request. "
            "On Azure Repos, add it as a build validation policy of the branch; for a GitHub repository, give "
            "the pipeline a pr: trigger. A schedule, a run by hand or a webhook resource judges the open pull requests again. "
            f"Before a deployment, name its environment: --environment NAME. {NAME_TARGET}"
        )
    if provider.lower() in _AZURE_GITHUB:
        return _azure_for_github(environ, reason)
    if provider.lower() != "tfsgit":
        raise CiError(
            f"The build's repository is of the kind {provider or '(BUILD_REPOSITORY_PROVIDER is not set)'}; almguard judges "
            f"Azure Repos (TfsGit) and GitHub. {NAME_TARGET}"
        )
    organization, project, repository = _azure_repository(environ)
    number = _azure_number(environ, "SYSTEM_PULLREQUEST_PULLREQUESTID")
    head = _azure_commit(environ)
    target = Target(
        f"ado:{organization}/{project}/{repository}!{number}",
        Platform.AZURE_DEVOPS,
        organization=organization,
        project=project,
        repository=repository,
        pull_request=number,
        commit=head,
    )
    return _azure_event(environ, reason, target, can_write=True)


def _deployment(environ: Mapping[str, str], reason: str, provider: str, environment: str) -> CiEvent:
    """The run itself is the release that it deploys."""
    if provider.lower() != "tfsgit":
        raise CiError(
            f"The build's repository is of the kind {provider or '(BUILD_REPOSITORY_PROVIDER is not set)'}, not Azure Repos: "
            "name the release that is deployed: almguard gate github:OWNER/REPO@v1.2.3 --environment NAME."
        )
    organization, project, repository = _azure_repository(environ)
    version = environ.get("BUILD_BUILDNUMBER") or _azure_value(environ, "BUILD_BUILDID")
    target = Target(
        f"ado:{organization}/{project}/{repository}@{version}",
        Platform.AZURE_DEVOPS,
        organization=organization,
        project=project,
        repository=repository,
        release=version,
        environment=environment,
        run=_azure_number(environ, "BUILD_BUILDID"),
    )
    return _azure_event(environ, reason, target, can_write=True)


def _classic_release(environ: Mapping[str, str], environment: str | None) -> CiEvent:
    """A classic release, of the repository of its primary artifact; for its own stage, unless another is named."""
    organization = _azure_organization(_azure_value(environ, "SYSTEM_COLLECTIONURI"))
    project, version = _azure_value(environ, "SYSTEM_TEAMPROJECT"), _azure_value(environ, "RELEASE_RELEASENAME")
    alias = re.sub(r"\W", "_", environ.get("RELEASE_PRIMARYARTIFACTSOURCEALIAS", "")).upper()
    repository = environ.get(f"RELEASE_ARTIFACTS_{alias}_REPOSITORY_NAME") or _azure_value(
        environ, "BUILD_REPOSITORY_NAME"
    )
    target = Target(
        f"ado:{organization}/{project}/{repository}@{version}",
        Platform.AZURE_DEVOPS,
        organization=organization,
        project=project,
        repository=repository,
        release=version,
        environment=environment or _azure_value(environ, "RELEASE_ENVIRONMENTNAME"),
        run=_azure_number(environ, "RELEASE_RELEASEID"),
        classic=True,
    )
    return _azure_event(environ, environ.get("RELEASE_REASON", "release"), target, can_write=True)


def azure_home(environ: Mapping[str, str]) -> Target:
    """Where the open pull requests are that a build judges again: as it was told, else the GitHub repository that it builds,
    else the project of the pipeline, whose repository may hold nothing but the pipeline. Raises ``CiError``.
    """
    if told := environ.get(OPEN_IN, ""):
        return any_target(told)
    if environ.get("BUILD_REPOSITORY_PROVIDER", "").lower() in _AZURE_GITHUB:
        return github_target(_azure_value(environ, "BUILD_REPOSITORY_NAME"))
    organization = _azure_organization(_azure_value(environ, "SYSTEM_COLLECTIONURI"))
    project = _azure_value(environ, "SYSTEM_TEAMPROJECT")
    return Target(f"ado:{organization}/{project}", Platform.AZURE_DEVOPS, organization, project)


def _azure_again(environ: Mapping[str, str], reason: str) -> CiEvent:
    """What a service hook told is data that anybody may have sent: numbers and ids, and everything is read again."""
    home = azure_home(environ)
    targets: tuple[Target, ...] = ()
    search: Search | None = Search(home)
    if reason.lower() == "resourcetrigger":
        number, item, build = (_hooked(environ, name) for name in (HOOK_PULL_REQUEST, HOOK_WORK_ITEM, HOOK_BUILD))
        organization = home.organization or ""
        project = _hooked_name(environ, HOOK_PROJECT) or home.project or ""
        place = Target(f"ado:{organization}/{project}", Platform.AZURE_DEVOPS, organization, project)
        if number is not None:
            repository = _hooked_name(environ, HOOK_REPOSITORY)
            if repository is None:
                raise CiError(
                    f"{HOOK_PULL_REQUEST} is set and {HOOK_REPOSITORY} is not: map both from the service hook's resource."
                )
            text = f"ado:{organization}/{project}/{repository}!{number}"
            targets = (replace(place, text=text, repository=repository, pull_request=number),)
            search = None
        elif item is not None:
            search = Search(place, work_item=item)
        elif build is not None:
            search = Search(place, build=build)
    return CiEvent(
        platform=home.platform,
        targets=targets,
        event=reason,
        action="",
        head_sha=None,
        base_branch=None,
        can_write=True,
        run_url=_azure_run(environ),
        search=search,
        moved_only=True,
    )


def _hooked(environ: Mapping[str, str], name: str) -> int | None:
    """A number that a service hook told; None: this hook tells none. Of what was not filled in, the macro itself stays.

    What is told instead is not repeated: an agent would have filled any variable into it, secrets too.
    """
    value = environ.get(name, "").strip()
    if not value or value.startswith("$("):
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,9}", value):
        raise CiError(f"{name} is no number. Map it from the service hook's resource, as azure-again.yml does.")
    return int(value)


def _hooked_name(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name, "").strip()
    if not value or value.startswith("$("):
        return None
    if not _NAME.match(value):
        raise CiError(f"{name} is no name or id of a repository or a project. Map it as azure-again.yml does.")
    return value


def _azure_for_github(environ: Mapping[str, str], reason: str) -> CiEvent:
    number = _azure_number(environ, "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
    name = _azure_value(environ, "BUILD_REPOSITORY_NAME")
    target = replace(github_target(f"{name}#{number}"), commit=_azure_commit(environ))
    # Builds of forks get no secrets, and without a secret there is no token for GitHub.
    from_fork = environ.get("SYSTEM_PULLREQUEST_ISFORK", "").lower() == "true"
    return _azure_event(environ, reason, target, can_write=not from_fork)


def _azure_event(environ: Mapping[str, str], reason: str, target: Target, *, can_write: bool) -> CiEvent:
    base = environ.get("SYSTEM_PULLREQUEST_TARGETBRANCH", "").removeprefix("refs/heads/")
    return CiEvent(
        platform=target.platform,
        targets=(target,),
        event=reason,
        action="",
        head_sha=target.commit,
        base_branch=base or None,
        can_write=can_write,
        # A build validation runs for each new iteration; of which one it is, the publisher knows.
        fresh=reason == "PullRequest",
        run_url=_azure_run(environ),
    )


def _azure_repository(environ: Mapping[str, str]) -> tuple[str, str, str]:
    """Organisation (or collection), project and repository. The repository may be another project's than the pipeline."""
    organization = _azure_organization(_azure_value(environ, "SYSTEM_COLLECTIONURI"))
    project = _azure_value(environ, "SYSTEM_TEAMPROJECT")
    repository = _azure_value(environ, "BUILD_REPOSITORY_NAME")
    path = [unquote(piece) for piece in _split(environ.get("BUILD_REPOSITORY_URI", "")).path.split("/") if piece]
    if "_git" in path:
        place = path.index("_git")
        # https://dev.azure.com/ORG/_git/NAME: the project of the same name.
        before = path[place - 1] if place >= 1 else ""
        if before and before.lower() != organization.lower():
            project = before
        elif path[place + 1 :]:
            project = path[place + 1]
        repository = path[place + 1] if path[place + 1 :] else repository
    return organization, project, repository


def _azure_organization(collection: str) -> str:
    parts = _split(collection)
    host = (parts.hostname or "").lower()
    if host.endswith(".visualstudio.com"):
        return host.removesuffix(".visualstudio.com")
    pieces = [unquote(piece) for piece in parts.path.split("/") if piece]
    if not host or not pieces:
        raise CiError(
            f"SYSTEM_COLLECTIONURI names no organisation: it is like https://dev.azure.com/ORG/. {NAME_TARGET}"
        )
    return pieces[-1]


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:
        raise CiError(f"{address[:200]!r} is not an address: {error}. {NAME_TARGET}") from error


def _azure_run(environ: Mapping[str, str]) -> str | None:
    collection, build = environ.get("SYSTEM_COLLECTIONURI", ""), environ.get("BUILD_BUILDID", "")
    project = environ.get("SYSTEM_TEAMPROJECT", "")
    if not (collection and build.isdigit() and project):
        return None
    return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={build}"


def _azure_value(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise CiError(f"{name} is not set, though every job of Azure Pipelines of this kind has it. {NAME_TARGET}")
    return value


def _azure_number(environ: Mapping[str, str], name: str) -> int:
    value = _azure_value(environ, name)
    if not re.fullmatch(r"[1-9][0-9]{0,9}", value):
        raise CiError(f"{name} is {value[:80]!r}, which is no number. {NAME_TARGET}")
    return int(value)


def _azure_commit(environ: Mapping[str, str]) -> str | None:
    """The head. Not BUILD_SOURCEVERSION: that is the merge that the build tries."""
    value = environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID", "").lower()
    return value if _SHA.match(value) else None
