"""What reading each fact takes on GitHub. A test holds this to what is really sent, and to what is really refused."""

from __future__ import annotations

from bot.model.facts import Fact
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
from bot.platforms.jira import readings as jira

METADATA = "metadata: read"
CONTENTS = "contents: read"
PULL_REQUESTS = "pull requests: read"
ISSUES = "issues: read"
DISCUSSIONS = "discussions: read"
CHECKS = "checks: read"
STATUSES = "commit statuses: read"
ACTIONS = "actions: read"
DEPLOYMENTS = "deployments: read"
ATTESTATIONS = "attestations: read"
ADMINISTRATION = "administration: read"
CODE_SCANNING = "code scanning alerts: read"
RULESETS = "administration: write"
"""Who may bypass a ruleset is shown to those alone who may edit it; an organisation's, to those who may edit that."""
MEMBERS = "members: read"
"""Of the organisation."""
CUSTOM_PROPERTIES = "custom properties: read"
"""Of the organisation."""

HOME = "/repos/{owner}/{repo}"


def _graph(path: str, *permissions: str, when: str = "", without: str = "", per: Per = Per.QUERY) -> ApiRequest:
    return ApiRequest(path, permissions, per, when, without)


def _rest(
    path: str, permission: str, per: Per, *, when: str = "", without: str = "", either: bool = False
) -> ApiRequest:
    return ApiRequest(f"GET {path}", (permission,), per, when, without, either)


_COMPARE = HOME + "/compare/{base}...{head}"
_TREE = HOME + "/git/trees/{tree}"
_PROTECTION = _rest(
    HOME + "/branches/{branch}/protection",
    ADMINISTRATION,
    Per.BRANCH,
    when="where none is seen by somebody who does not administer the repository",
)
_STATES = "whether a workflow is disabled is not told"
_TEXTS = (
    _graph("repository.ref.target.file", CONTENTS),
    _graph("repository.object", CONTENTS, when="texts of files, in scans of more than five repositories"),
    _rest(HOME + "/git/blobs/{blob}", CONTENTS, Per.FILE, when="where a file is larger than GraphQL shows"),
)
_WORKFLOWS_OF_A_RELEASE = (
    _graph("repository.ref.target.file", CONTENTS, per=Per.RELEASE),
    _rest(HOME + "/git/blobs/{blob}", CONTENTS, Per.FILE, when="where a file is larger than GraphQL shows"),
    _rest(HOME + "/actions/workflows", ACTIONS, Per.RELEASE, when="where there are workflows", without=_STATES),
)

READINGS: Readings = {
    Reviews: FactReading(
        (
            _graph("repository.pullRequest.reviews", PULL_REQUESTS),
            _graph("repository.pullRequest.reviewRequests", PULL_REQUESTS),
        )
    ),
    Comments: FactReading((_graph("repository.pullRequest.comments", PULL_REQUESTS),)),
    Commits: FactReading(
        (
            _graph("repository.pullRequest.commits", PULL_REQUESTS),
            _rest(
                _COMPARE,
                CONTENTS,
                Per.COMMIT,
                when="where GitHub has merged the base in",
                without="such a merge is not proven to be nobody's work",
            ),
        )
    ),
    FormerCommits: FactReading(
        (
            _rest(_COMPARE, CONTENTS, Per.PULL_REQUEST, when="of each approved head that is gone"),
            _rest(HOME + "/commits/{ref}", CONTENTS, Per.COMMIT, when="where it may have been rebased"),
        ),
        after=(Reviews, Commits),
    ),
    Pushes: FactReading((_rest(HOME + "/activity", CONTENTS, Per.PULL_REQUEST),)),
    ChangedFiles: FactReading(
        (
            _graph("repository.pullRequest.files", PULL_REQUESTS),
            _rest(HOME + "/pulls/{number}/files", PULL_REQUESTS, Per.PULL_REQUEST, when="where a file was renamed"),
            _rest(_COMPARE, CONTENTS, Per.PULL_REQUEST, when="where more than 3,000 files are changed"),
            _rest(_TREE, CONTENTS, Per.PULL_REQUEST, when="where more than 3,000 files are changed"),
        )
    ),
    LinkedWorkItems: FactReading(
        (
            _graph(
                "repository.issueOrPullRequest.closingIssuesReferences",
                ISSUES,
                per=Per.SUBJECT,
                without="a link that is not shown is unknown",
            ),
            _rest(
                HOME + "/issues/{number}",
                ISSUES,
                Per.WORK_ITEM,
                when="where one is linked",
                without="what the link leads to is unknown",
            ),
            _rest(
                HOME,
                METADATA,
                Per.WORK_ITEM,
                when="where an issue of another repository is not found",
                without="whether it exists is unknown",
            ),
            _graph(
                "repository.discussion",
                DISCUSSIONS,
                per=Per.PULL_REQUEST,
                when="where an issue is not found, and the repository has discussions",
                without="whether the number is a discussion's is unknown",
            ),
            _graph(
                "repository.issue.closedByPullRequestsReferences",
                ISSUES,
                per=Per.PULL_REQUEST,
                when="where the rule limits how many pull requests an item has",
                without="how many is unknown",
            ),
            ApiRequest(
                "POST _apis/wit/workItemsBatch",
                (),
                Per.PULL_REQUEST,
                "for `AB#12`, by the connection's credential, which needs `vso.work`",
            ),
            *jira.REQUESTS,
        ),
        after=(Commits,),
    ),
    Checks: FactReading((_graph("repository.object.statusCheckRollup.contexts", CHECKS, STATUSES, CONTENTS),)),
    ReviewerPermissions: FactReading(
        (
            _rest(
                HOME + "/collaborators/{username}/permission",
                METADATA,
                Per.PERSON,
                when="of one or two, or who was not found otherwise",
                either=True,
            ),
            _graph(
                "repository.collaborators",
                METADATA,
                per=Per.PULL_REQUEST,
                when="of more than two",
                without="they are looked up one by one",
            ),
        ),
        after=(Reviews,),
    ),
    TeamMembers: FactReading(
        (
            _graph("organization.teams", MEMBERS),
            _graph("organization.team.members", MEMBERS),
            _rest(
                "/orgs/{org}/teams/{team_slug}/memberships/{username}",
                MEMBERS,
                Per.PERSON,
                when="where the team has more than a hundred members, in place of their further pages",
            ),
        )
    ),
    CodeOwners: FactReading(_TEXTS),
    FileContents: FactReading(_TEXTS),
    Pipelines: FactReading(
        (
            *_TEXTS,
            _rest(
                HOME + "/actions/workflows",
                ACTIONS,
                Per.REPOSITORY,
                when="of up to five branches with workflows, but for a pull request's",
                without=_STATES,
            ),
        )
    ),
    DetectedTools: FactReading(
        (_graph("repository.ref.target.history.nodes.statusCheckRollup", CHECKS, STATUSES, CONTENTS),)
    ),
    ClassicProtection: FactReading(
        (_graph("repository.ref.branchProtectionRule", ADMINISTRATION, CONTENTS), _PROTECTION)
    ),
    BranchRules: FactReading(
        (
            _graph("repository.ref.rules", METADATA, CONTENTS),
            _graph("repository.rulesets", METADATA),
        )
    ),
    BypassActors: FactReading(
        (
            _graph("repository.ref.branchProtectionRule", ADMINISTRATION, CONTENTS),
            _graph("repository.ref.rules", METADATA, CONTENTS),
            _graph("repository.rulesets", RULESETS),
            _PROTECTION,
        )
    ),
    SecretScanning: FactReading(
        (
            _rest(HOME, ADMINISTRATION, Per.REPOSITORY, when="of few", either=True),
            _rest("/orgs/{org}/repos", ADMINISTRATION, Per.ORGANIZATION, when="of many repositories", either=True),
        )
    ),
    IntroducedAlerts: FactReading(
        (
            _rest(HOME + "/code-scanning/alerts", CODE_SCANNING, Per.PULL_REQUEST),
            _rest(HOME + "/code-scanning/analyses", CODE_SCANNING, Per.PULL_REQUEST),
            _rest(HOME + "/commits/{ref}", CONTENTS, Per.PULL_REQUEST, when="of the tried merge that was analysed"),
        )
    ),
    ChangedLines: FactReading((_rest(HOME + "/pulls/{number}/files", PULL_REQUESTS, Per.PULL_REQUEST),)),
    CodeAlerts: FactReading((_rest(HOME + "/code-scanning/alerts", CODE_SCANNING, Per.REPOSITORY),)),
    Properties: FactReading(
        (
            _rest(HOME + "/properties/values", METADATA, Per.REPOSITORY, when="of few"),
            _rest("/orgs/{org}/properties/values", CUSTOM_PROPERTIES, Per.ORGANIZATION, when="of many repositories"),
        )
    ),
    RepositoryPaths: FactReading((_rest(_TREE, CONTENTS, Per.BRANCH),)),
    Deployments: FactReading(
        (
            _graph("repository.deployments", DEPLOYMENTS),
            _graph("repository.refs", CONTENTS, without="a deployment of a commit has no version"),
        )
    ),
    PreviousRelease: FactReading(
        (
            _rest(
                HOME + "/releases/tags/{tag}",
                CONTENTS,
                Per.RELEASE,
                when="of the previous one",
                without="whether it can still be fetched is unknown",
            ),
            _rest(
                HOME + "/actions/runs/{run}/artifacts",
                ACTIONS,
                Per.RELEASE,
                when="of the previous one's run",
                without="whether they can still be fetched is unknown",
            ),
        ),
        after=(Deployments,),
    ),
    RollbackProcedures: FactReading(_WORKFLOWS_OF_A_RELEASE, after=(Deployments,)),
    ReleaseChanges: FactReading(
        (
            _rest(_COMPARE, CONTENTS, Per.RELEASE, when="where there is a previous one"),
            _rest(_TREE, CONTENTS, Per.RELEASE, when="of both, where files are asked for"),
            _graph("repository.object", CONTENTS, per=Per.RELEASE, when="texts of changed files that are asked for"),
            _rest(HOME + "/git/blobs/{blob}", CONTENTS, Per.FILE, when="where a file is larger than GraphQL shows"),
            _graph(
                "repository.object.associatedPullRequests",
                PULL_REQUESTS,
                per=Per.RELEASE,
                when="of each hundred commits in between",
            ),
        ),
        after=(PreviousRelease,),
    ),
    ReleaseRecord: FactReading(
        (
            _rest(HOME + "/releases/tags/{tag}", CONTENTS, Per.RELEASE),
            _rest(HOME + "/commits/{ref}", CONTENTS, Per.RELEASE),
            _rest(
                HOME + "/attestations/{digest}",
                ATTESTATIONS,
                Per.ASSET,
                when="with a digest",
                without="whether it is attested is not told",
            ),
        ),
        after=(Deployments,),
    ),
    ReleaseConfiguration: FactReading(_WORKFLOWS_OF_A_RELEASE),
}
"""Every fact that GitHub is asked for."""


def needs(fact: type[Fact]) -> str:
    """The permissions without which there is no such fact, as a refusal names them: those of what is always sent, if any is."""
    told = [one for one in READINGS[fact].requests if not one.without] or READINGS[fact].requests
    sent = [one for one in told if not one.when] or told
    named = dict.fromkeys(permission for one in sent for permission in one.permissions)
    *others, last = [one for one in named if one.replace(": read", ": write") not in named or one.endswith(": write")]
    return f"{', '.join(others)} and {last}" if others else last
