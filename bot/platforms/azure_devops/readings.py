"""What reading each fact takes on Azure DevOps. A test holds this to what is really sent, and to what is really refused."""

from __future__ import annotations

from dataclasses import replace

from bot.model.facts.alerts import CodeAlerts, IntroducedAlerts
from bot.model.facts.change import (
    ChangedFiles,
    Checks,
    CodeOwners,
    Comments,
    Commits,
    FormerCommits,
    LinkedWorkItems,
    Pushes,
    ReviewerPermissions,
    Reviews,
    TeamMembers,
)
from bot.model.facts.lines import ChangedLines
from bot.model.facts.pipelines import DetectedTools, FileContents, Pipelines
from bot.model.facts.protection import BranchRules, BypassActors, ClassicProtection, SecretScanning
from bot.model.facts.release import (
    Deployments,
    PreviousRelease,
    ReleaseChanges,
    ReleaseConfiguration,
    ReleaseRecord,
    RollbackProcedures,
)
from bot.model.facts.repository import Properties, RepositoryPaths
from bot.model.readings import ApiRequest, FactReading, Per, Readings
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.endpoints import Endpoint
from bot.platforms.jira import readings as jira


def _one(endpoint: Endpoint, per: Per, when: str = "") -> ApiRequest:
    """A request for one thing: the whole route."""
    return ApiRequest(f"GET {endpoint.route}", (_scope(endpoint),), per, when)


def _list(endpoint: Endpoint, per: Per, when: str = "", without: str = "") -> ApiRequest:
    """A request for a list."""
    return ApiRequest(f"GET {_whole(endpoint)}", (_scope(endpoint),), per, when, without)


def _post(endpoint: Endpoint, per: Per, when: str = "") -> ApiRequest:
    """A POST that only reads."""
    return ApiRequest(f"POST {_whole(endpoint)}", (_scope(endpoint),), per, when)


def _scope(endpoint: Endpoint) -> str:
    """Of several scopes that would do, the first: it is needed for the rest anyway."""
    return endpoint.scope.partition(" or ")[0]


def _whole(endpoint: Endpoint) -> str:
    """The route without a thing's own name at its end."""
    before, _, last = endpoint.route.rpartition("/")
    return before if last.startswith("{") else endpoint.route


_PULL_REQUEST = _one(endpoints.PULL_REQUESTS, Per.PULL_REQUEST)
_ITERATIONS = _list(endpoints.ITERATIONS, Per.PULL_REQUEST)
_LONG = (
    _list(endpoints.PULL_REQUEST_COMMITS, Per.PULL_REQUEST, "of a hundred commits or more"),
    _one(endpoints.COMMITS, Per.COMMIT, "where lists cut its message or leave out its parents"),
)
_POLICIES = (
    replace(_list(endpoints.POLICIES, Per.PROJECT, "but for a judged pull request's target"), either=True),
    replace(_list(endpoints.EVALUATIONS, Per.PULL_REQUEST, "for its target, in place of the policies"), either=True),
)
_TEXTS = (
    replace(_list(endpoints.ITEMS, Per.FILE, "where one is asked for"), either=True),
    replace(_post(endpoints.ITEMS_BATCH, Per.BRANCH, "where several files are asked for"), either=True),
    _post(endpoints.BLOBS, Per.BRANCH, "where several files are there"),
)
_DEPLOYED = (
    _list(endpoints.ENVIRONMENTS, Per.PROJECT, "but for a classic release"),
    _list(endpoints.DEPLOYMENT_RECORDS, Per.ENVIRONMENT, "but for a classic release"),
    _list(endpoints.BUILDS, Per.PROJECT, "where runs have deployed, for each 200 of them"),
    _list(endpoints.DEFINITIONS, Per.PROJECT, "but for a classic release"),
    _list(endpoints.RELEASE_DEPLOYMENTS, Per.PROJECT, "for a classic release"),
)
_RUN = _list(endpoints.BUILDS, Per.RELEASE, "where it has a run")
_CLASSIC = _one(endpoints.RELEASES, Per.RELEASE, "of a classic one")
_CLASSIC_DEFINITION = _one(endpoints.RELEASE_DEFINITIONS, Per.RELEASE, "of a classic one")
_ALERTS = ApiRequest(
    "GET {project}/_apis/alert/repositories/{repository}/alerts",
    (endpoints.ADVANCED_SECURITY,),
    Per.REPOSITORY,
    "where results were submitted",
)
_ANALYZED = ApiRequest(
    "GET {project}/_apis/alert/repositories/{repository}/filters/branches",
    (endpoints.ADVANCED_SECURITY,),
    Per.REPOSITORY,
)
_KEPT = "whether it can still be fetched is unknown"

READINGS: Readings = {
    Reviews: FactReading((_PULL_REQUEST, _ITERATIONS, _list(endpoints.THREADS, Per.PULL_REQUEST))),
    Comments: FactReading((_list(endpoints.THREADS, Per.PULL_REQUEST),)),
    Commits: FactReading(
        (
            _PULL_REQUEST,
            _ITERATIONS,
            *_LONG,
            _list(
                endpoints.IDENTITIES,
                Per.COMMIT,
                "whose address is no sign-in name that the pull request tells",
                "such an address belongs to no known account",
            ),
            _list(endpoints.COMMIT_DIFFS, Per.COMMIT, "where the service has merged the target in"),
        )
    ),
    FormerCommits: FactReading(
        (
            _list(endpoints.COMMITS, Per.PULL_REQUEST, "of each approved head that is gone"),
            _one(endpoints.COMMITS, Per.COMMIT, "where the list lacks its parents"),
            _list(endpoints.COMMIT_DIFFS, Per.COMMIT, "where it may have been rebased"),
            _post(endpoints.ITEMS_BATCH, Per.PULL_REQUEST, "where it may have been rebased"),
            _post(endpoints.BLOBS, Per.PULL_REQUEST, "where it may have been rebased"),
        ),
        after=(Reviews, Commits),
    ),
    Pushes: FactReading((_PULL_REQUEST, _ITERATIONS)),
    ChangedFiles: FactReading((_list(endpoints.ITERATION_CHANGES, Per.PULL_REQUEST),)),
    LinkedWorkItems: FactReading(
        (
            _PULL_REQUEST,
            *_LONG,
            ApiRequest(
                "POST _apis/wit/workItemsBatch",
                (endpoints.WORK_ITEMS_BATCH.scope,),
                Per.PULL_REQUEST,
                "where items are linked",
                "what the links lead to is unknown",
            ),
            _list(
                endpoints.WORK_ITEM_STATES,
                Per.PROJECT,
                "of each type with states of the project's own",
                "whether such an item is closed is unknown",
            ),
            *jira.REQUESTS,
        )
    ),
    Checks: FactReading(
        (
            _list(endpoints.EVALUATIONS, Per.PULL_REQUEST),
            _list(endpoints.STATUSES, Per.PULL_REQUEST),
            _ITERATIONS,
            _list(
                endpoints.DEFINITIONS,
                Per.PROJECT,
                "where pipelines are read as well",
                "a build's file is not told",
            ),
        )
    ),
    ReviewerPermissions: FactReading(
        (
            _PULL_REQUEST,
            _list(endpoints.IDENTITIES, Per.PULL_REQUEST, "of each 25 reviewers"),
            _one(endpoints.ACCESS_CONTROL_LISTS, Per.PULL_REQUEST, "where there are reviewers"),
        )
    ),
    TeamMembers: FactReading(
        (
            _list(endpoints.IDENTITIES, Per.TEAM),
            _list(endpoints.IDENTITIES, Per.PULL_REQUEST, "of each 25 people who have voted or commented"),
            _list(endpoints.POLICIES, Per.PROJECT, "where code owners matter, but for a judged pull request's target"),
            _list(endpoints.EVALUATIONS, Per.PULL_REQUEST, "where code owners matter, for its target"),
        )
    ),
    CodeOwners: FactReading((*_POLICIES, _list(endpoints.IDENTITIES, Per.BRANCH, "where reviewers are required"))),
    FileContents: FactReading(
        (
            *_TEXTS,
            # Only so that one reading serves both facts: without the permission this one is read all the same.
            replace(
                _list(endpoints.DEFINITIONS, Per.PROJECT, "where pipelines are read as well, whose files come along"),
                permissions=(),
            ),
        )
    ),
    Pipelines: FactReading((_list(endpoints.DEFINITIONS, Per.PROJECT), *_POLICIES, *_TEXTS)),
    DetectedTools: FactReading(_POLICIES),
    ClassicProtection: FactReading(absent="branches are protected by policies, which are read as `branch_rules`"),
    BranchRules: FactReading((_list(endpoints.POLICIES, Per.PROJECT),)),
    BypassActors: FactReading(
        (
            _one(endpoints.ACCESS_CONTROL_LISTS, Per.PROJECT),
            _list(endpoints.IDENTITIES, Per.PROJECT, "of each 25 of those who can"),
        )
    ),
    SecretScanning: FactReading(
        (
            ApiRequest(
                "GET {project}/_apis/management/repositories/{repositoryId}/enablement",
                (endpoints.ADVANCED_SECURITY,),
                Per.REPOSITORY,
                "of one",
                either=True,
            ),
            ApiRequest(
                "GET {project}/_apis/management/enablement",
                (endpoints.ADVANCED_SECURITY,),
                Per.PROJECT,
                "of several repositories",
                either=True,
            ),
        )
    ),
    IntroducedAlerts: FactReading((_ANALYZED, replace(_ALERTS, per=Per.PULL_REQUEST))),
    CodeAlerts: FactReading((_ANALYZED, _ALERTS)),
    ChangedLines: FactReading(
        (
            _list(endpoints.ITERATION_CHANGES, Per.PULL_REQUEST),
            _post(endpoints.BLOBS, Per.PULL_REQUEST, "where one of the files is changed"),
        )
    ),
    Properties: FactReading((_list(endpoints.PROJECT_PROPERTIES, Per.PROJECT),)),
    RepositoryPaths: FactReading((_list(endpoints.ITEMS, Per.BRANCH),)),
    Deployments: FactReading(_DEPLOYED),
    PreviousRelease: FactReading(
        tuple(
            replace(one, when=f"{one.when or 'of a run'}, of the previous one", without=_KEPT)
            for one in (
                _list(endpoints.BUILDS, Per.RELEASE),
                _list(endpoints.LEASES, Per.RUN),
                _list(endpoints.ARTIFACTS, Per.RUN),
                _CLASSIC,
                _CLASSIC_DEFINITION,
            )
        ),
        after=(Deployments,),
    ),
    RollbackProcedures: FactReading((*_DEPLOYED, _CLASSIC, _CLASSIC_DEFINITION), after=(Deployments, PreviousRelease)),
    ReleaseChanges: FactReading(
        (
            _list(endpoints.COMMITS, Per.RELEASE, "where there is a previous one"),
            _list(endpoints.COMMIT_DIFFS, Per.RELEASE, "where files are asked for"),
            _list(endpoints.ITEMS, Per.RELEASE, "where files are asked for; and for one that is changed"),
            _post(endpoints.ITEMS_BATCH, Per.RELEASE, "where several of them are changed"),
            _post(endpoints.BLOBS, Per.RELEASE, "where several of them are changed"),
            _post(endpoints.PULL_REQUEST_QUERY, Per.RELEASE, "where there are commits in between"),
            _post(endpoints.ARTIFACT_URI_QUERY, Per.RELEASE, "where there are commits in between"),
        ),
        after=(PreviousRelease,),
    ),
    ReleaseRecord: FactReading(
        (
            _list(endpoints.REFS, Per.RELEASE),
            _one(endpoints.ANNOTATED_TAGS, Per.RELEASE, "where its tag is annotated"),
            _RUN,
            _list(endpoints.ARTIFACTS, Per.RELEASE, "where it has a run"),
            _CLASSIC,
        )
    ),
    ReleaseConfiguration: FactReading(
        (
            _RUN,
            _list(endpoints.DEFINITIONS, Per.PROJECT, "where it has a run"),
            _list(endpoints.ITEMS, Per.FILE, "of the run's definition, its templates too"),
            _CLASSIC,
        )
    ),
}
"""Every fact that Azure DevOps is asked for."""
