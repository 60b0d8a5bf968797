"""The scenario format: one platform-neutral YAML file that the sandbox serves as GitHub and as Azure DevOps.

The models below are the format; ``almguard schema scenario`` prints their JSON Schema. A scenario names people by one
login, which is theirs on both platforms. Every time is either an ISO 8601 instant, or a distance from the scenario's
``now`` such as ``-3d``, ``-2h30m`` or ``+30d``; without a ``now`` the world starts when the sandbox does.

The sandbox imports nothing else of this project: models shared with the code under test would hide shared errors.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

AGE = re.compile(r"^(?P<sign>[-+])(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?$")

Permission = Literal["read", "triage", "write", "maintain", "admin"]
Access = Literal["none", "read", "write", "admin"]
Platform = Literal["github", "azure-devops"]
Visibility = Literal["private", "internal", "public"]


def _instant(value: object) -> object:
    """A distance from now as a timedelta; an instant as an aware datetime (UTC where the text names no zone)."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    text = str(value)
    match = AGE.match(text)
    if match and text not in ("-", "+"):
        amounts = match.groupdict(default="0")
        sign = -1 if amounts.pop("sign") == "-" else 1
        return sign * timedelta(**{unit: int(amount) for unit, amount in amounts.items()})
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an instant (2026-11-02T09:00:00Z) nor a distance from now (-3d, -2h30m, +30d)"
        ) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


Instant = Annotated[datetime | timedelta, BeforeValidator(_instant)]


class Part(BaseModel):
    """One part of a scenario. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class PersonPart(Part):
    """A user account. The key in ``people`` is the login."""

    name: str = ""
    email: str = ""
    """Defaults to ``LOGIN@example.com``."""
    bot: bool = False
    """A GitHub App's user (``LOGIN[bot]``) or an Azure DevOps service identity."""


class TeamPart(Part):
    """A GitHub team and an Azure DevOps group of one name."""

    organization: str = ""
    """Defaults to the first organisation."""
    members: list[str] = []
    teams: list[str] = []
    """Teams within it: child teams on GitHub, groups in the group on Azure DevOps. Their members are its members."""


class TokenPart(Part):
    """A credential. The key in ``tokens`` is the secret itself. Scenarios without tokens accept only ``sandbox-token``,
    an all-powerful one of an account ``almguard``, kind ``app``."""

    person: str = "almguard"
    kind: Literal["pat", "app", "actions"] = "app"
    """``pat`` may not create check runs; ``actions`` is a workflow's own GITHUB_TOKEN (no organisation access)."""
    github: Literal["all"] | dict[str, Access] = "all"
    """Fine-grained permissions: metadata, contents, pull_requests, issues, discussions, checks, statuses, actions,
    administration, code_scanning_alerts (security_events), secret_scanning_alerts, dependabot_alerts, members, deployments,
    environments, organization_administration."""
    azure: Literal["all"] | list[str] = "all"
    """OAuth scopes: vso.code, vso.code_write, vso.code_status, vso.threads_full, vso.work, vso.build, vso.build_execute,
    vso.release, vso.project, vso.environment_manage, vso.advsec, vso.identity, vso.graph, vso.security_manage."""
    expired: bool = False


class ProjectPart(Part):
    """An Azure DevOps project."""

    name: str
    properties: dict[str, str] = {}
    process: Literal["Agile", "Scrum", "Basic", "CMMI"] = "Agile"
    """Which types of work items it has, and their states."""


class OrganizationPart(Part):
    """A GitHub organisation and an Azure DevOps organisation of one name."""

    name: str
    owners: list[str] = []
    members: list[str] = []
    """Besides the owners, the teams' members, and those whom a repository names."""
    two_factor_required: bool = True
    projects: list[ProjectPart] = []
    """Defaults to one project of the organisation's own name."""
    protection: list[ProtectionPart] = []
    """Organisation rulesets on GitHub; project-wide policies on Azure DevOps."""
    has_issue_types: bool = True


class RequiredCheckPart(Part):
    """A check that must succeed: a GitHub required status check; an Azure DevOps build validation or status policy."""

    name: str
    app: str | None = None
    """The GitHub App slug that must report it; absent: any."""
    pipeline: str | None = None
    """The pipeline (by name) whose build validates it on Azure DevOps; absent: a status policy."""
    genre: str | None = None
    """Azure DevOps: the genre of the status; absent: the app's name."""
    keeps_on_push: bool = False
    """Azure DevOps: a status on an older push still counts."""
    conditional: bool = False
    """Azure DevOps: it is asked only of pull requests to which it was posted."""
    paths: list[str] = []
    """Azure DevOps: the policy's path filter, which is shown and not gone by."""


class ProtectionPart(Part):
    """One protection of one branch pattern. None means that this protection says nothing about the setting."""

    branch: str = "default"
    """``default``, a name, or a glob such as ``release/*``."""
    repositories: list[str] = ["*"]
    """Only read in an organisation's own protections."""
    via: Literal["classic", "ruleset"] = "ruleset"
    """How GitHub holds it. Azure DevOps has branch policies for both."""
    name: str = "protect"
    enforcement: Literal["active", "evaluate", "disabled"] = "active"
    """Azure DevOps: ``evaluate`` is an enabled policy that does not block."""
    approvals: int | None = None
    dismiss_stale: bool | None = None
    last_push_approval: bool | None = None
    code_owners: bool | None = None
    author_may_approve: bool | None = None
    """Azure DevOps' creatorVoteCounts. GitHub has no such thing."""
    conversations: bool | None = None
    linear_history: bool | None = None
    signatures: bool | None = None
    work_items: bool | None = None
    """Azure DevOps' work item linking policy. GitHub has no such thing."""
    checks: list[RequiredCheckPart] = []
    workflows: list[str] = []
    """Workflows that must pass, ``organization/repository:path@ref``. GitHub, of an organisation's own alone."""
    strict_checks: bool | None = None
    enforce_admins: bool | None = None
    """Classic only."""
    allow_force_push: bool | None = None
    """None on a ruleset: not forbidden by it. None on a classic protection: forbidden, as GitHub has it."""
    allow_deletion: bool | None = None
    bypass: list[str] = []
    """People (``ana``), teams (``team:ops``), or roles (``role:admin``) who may bypass it."""


class CommitPart(Part):
    """One commit. ``files`` maps a path to its new text, or to null for a deletion."""

    id: str = ""
    """A name for this commit within the scenario, for tags, releases and deployments to refer to."""
    message: str = "Change"
    author: str = ""
    """A login. Defaults to the pull request's author, or to the first person."""
    committer: str = ""
    """A login; ``web-flow`` is the platform's own committer. Defaults to the author."""
    email: str = ""
    """Overrides the author's e-mail, for one that belongs to no known person."""
    at: Instant = timedelta(days=-10)
    files: dict[str, str | None] = {}
    renames: dict[str, str] = {}
    """Old path to new path."""
    merge: Literal["", "base"] = ""
    """``base``: a merge of the target's tip made by the platform (an update merge)."""
    verified: bool = False


class PushPart(Part):
    """What one push brought to a pull request's branch."""

    by: str = ""
    """Defaults to the pull request's author."""
    at: Instant = timedelta(days=-2)
    force: bool = False
    """Throws away all earlier pushes' commits."""
    commits: list[CommitPart] = []


class ReviewPart(Part):
    """A review (GitHub) or a vote (Azure DevOps: 10 approved, 5 suggestions, -10 changes_requested, -5 waiting, else 0)."""

    by: str
    state: Literal["approved", "suggestions", "changes_requested", "commented", "dismissed", "waiting"] = "approved"
    """GitHub has no ``waiting``, which is served as a comment, and no ``suggestions`` (approved with), which is an approval."""
    at: Instant = timedelta(days=-1)
    push: int | None = None
    """Which push (from 1) it was made on; by default the newest one not younger than the review."""
    body: str = ""
    required: bool = False
    dismissed_at: Instant | None = None
    """When it was dismissed (GitHub), or the vote was taken back (Azure DevOps); until then it stood as given."""


class CheckPart(Part):
    """What one check said: a GitHub check run (or commit status); an Azure DevOps build validation or status."""

    name: str
    state: Literal["queued", "in_progress", "completed"] = "completed"
    conclusion: Literal[
        "success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required", "stale"
    ] = "success"
    kind: Literal["check", "status"] = "check"
    app: str = "github-actions"
    push: int | None = None
    """On the head of which push (from 1); by default the newest."""
    at: Instant = timedelta(days=-1)
    event: str = "pull_request"
    pipeline: str | None = None
    """Azure DevOps: the build definition (by name) whose run this is; absent: a pull request status."""


class ThreadPart(Part):
    """A discussion."""

    by: str
    body: str
    path: str | None = None
    line: int | None = None
    resolved: bool = False
    at: Instant = timedelta(days=-1)


class LinksPart(Part):
    """Links that the platform itself records, beside what title, body and commits mention."""

    work_items: list[int] = []
    """Azure DevOps work item relations; GitHub manually linked (closing) issues."""
    since: dict[int, Instant] = {}
    """When one of them was linked; those that are not named here were when the pull request was opened."""
    until: dict[int, Instant] = {}
    """When the link to one of them was taken away."""


class EditPart(Part):
    """What somebody made of a pull request's texts, labels or assignees at a moment."""

    at: Instant
    title: str | None = None
    body: str | None = None
    labels: list[str] | None = None
    assignees: list[str] | None = None


class PullRequestPart(Part):
    """One pull request."""

    number: int
    title: str = "Change"
    body: str = ""
    author: str
    state: Literal["open", "closed", "merged"] = "open"
    draft: bool = False
    source: str = "feature/change"
    target: str = ""
    """Defaults to the default branch."""
    fork: str | None = None
    """The owner of the fork it comes from."""
    created_at: Instant = timedelta(days=-3)
    merged_by: str = ""
    closed_at: Instant | None = None
    labels: list[str] = []
    assignees: list[str] = []
    requested_reviewers: list[str] = []
    """Logins, or ``team:NAME``."""
    pushes: list[PushPart] = []
    """The first push opened it. Without any: one push of one commit that touches ``src/change.py``."""
    reviews: list[ReviewPart] = []
    checks: list[CheckPart] = []
    threads: list[ThreadPart] = []
    links: LinksPart = LinksPart()
    edits: list[EditPart] = []
    """What was changed about it later, oldest first; the fields above say how it was opened."""
    platforms: list[Platform] = ["github", "azure-devops"]


class StatePart(Part):
    """A state that a work item was in from a moment on."""

    at: Instant
    state: Literal["New", "Active", "Resolved", "Closed", "Removed"]


class WorkItemPart(Part):
    """A GitHub issue of that number in ``repository``, and an Azure DevOps work item of that id in ``project``."""

    id: int
    type: str = "User Story"
    title: str = "Work"
    body: str = ""
    state: Literal["New", "Active", "Resolved", "Closed", "Removed"] = "Active"
    """On GitHub, Closed and Removed are closed and the rest is open."""
    repository: str = ""
    """``organization/name`` or ``name``; defaults to the first repository."""
    project: str = ""
    """Defaults to the repository's project."""
    created_at: Instant = timedelta(days=-30)
    changed_at: Instant | None = None
    closed_at: Instant | None = None
    history: list[StatePart] = []
    """Earlier states, oldest first; ``state`` has held since ``closed_at``, or else ``changed_at``."""
    created_by: str = ""
    assigned_to: str = ""
    parent: int | None = None
    labels: list[str] = []
    transferred_from: list[str] = []
    """GitHub: what it was before it was transferred, ``organization/name#12``: those addresses redirect to it."""
    platforms: list[Platform] = ["github", "azure-devops"]


class PipelinePart(Part):
    """A workflow (GitHub) or a YAML build definition (Azure DevOps). GitHub workflows in ``.github/workflows`` exist
    without being named here; name one to disable it. Azure DevOps definitions exist only when named."""

    name: str
    path: str = ""
    """The workflow file, for GitHub."""
    azure_path: str = ""
    """The YAML file, for Azure DevOps."""
    enabled: bool = True


class ArtifactPart(Part):
    """An artifact of a run."""

    name: str
    expired: bool = False
    expires_at: Instant | None = None
    digest: str = ""


class RunPart(Part):
    """One run of a pipeline."""

    id: int
    pipeline: str
    commit: str = ""
    """A commit's scenario id, a tag or a branch; defaults to the default branch."""
    branch: str = ""
    result: Literal["success", "failure", "cancelled", "skipped"] = "success"
    state: Literal["queued", "in_progress", "completed"] = "completed"
    event: str = "push"
    by: str = ""
    at: Instant = timedelta(days=-5)
    artifacts: list[ArtifactPart] = []
    deleted: bool = False
    """Azure DevOps: retention has taken the run."""
    leases: list[Instant] = []
    """Azure DevOps: retention leases, each valid until the instant."""
    attempts: dict[str, int] = {}
    """Azure DevOps: stage name -> attempt; above 1 the stage was run again."""


class EnvironmentPart(Part):
    """A deployment environment."""

    name: str
    approvers: list[str] = []
    """Logins, or ``team:NAME``."""
    prevent_self_review: bool = False
    branches: list[str] = []
    """Only these may deploy; empty: any."""
    wait_minutes: int = 0


class AssetPart(Part):
    """A file of a release."""

    name: str
    digest: str = ""
    """``sha256:…``; absent: GitHub recorded none."""
    missing: bool = False
    """Listed, but it cannot be fetched (GitHub's ``state`` is not ``uploaded``)."""


class ReleasePart(Part):
    """A release: a GitHub release; on Azure DevOps a tag and the pipeline run that deployed it (``run``)."""

    version: str
    """The tag and the release's name."""
    commit: str
    """A commit's scenario id, ``#12`` for what the merge of pull request 12 made, or a branch."""
    tag_moved: bool = False
    """The tag now points at another commit than the one that was released."""
    created_at: Instant = timedelta(days=-5)
    author: str = ""
    notes: str = ""
    draft: bool = False
    prerelease: bool = False
    immutable: bool = False
    attested: bool = False
    assets: list[AssetPart] = []
    run: int | None = None
    """The run that built it; on Azure DevOps the run is the release."""
    classic: bool = False
    """Azure DevOps: served as a classic release (definition ``classic_definition``) instead of a YAML run."""


class DeploymentPart(Part):
    """One deployment of a commit to an environment."""

    environment: str
    release: str = ""
    """A release's version."""
    commit: str = ""
    """Used without a release."""
    status: Literal["success", "failure", "in_progress", "waiting", "inactive"] = "success"
    at: Instant = timedelta(days=-4)
    by: str = ""
    run: int | None = None
    """The run that deployed it. On Azure DevOps, records of one run and several attempts are re-runs of its stage."""
    attempt: int = 1


class AlertPart(Part):
    """A security alert."""

    kind: Literal["secret", "code", "dependency"]
    number: int
    state: Literal["open", "dismissed", "fixed"] = "open"
    severity: Literal["low", "medium", "high", "critical"] = "high"
    tool: str = "CodeQL"
    rule: str = "rule"
    path: str = "src/app.py"
    line: int = 1
    created_at: Instant = timedelta(days=-9)
    dismissed_by: str = ""
    dismissed_reason: str = ""
    pull_request: int | None = None


class AnalysisPart(Part):
    """One upload of a code-scanning tool's results."""

    tool: str = "CodeQL"
    pull_request: int | None = None
    """Of what this pull request would be once merged; absent: of the default branch."""
    push: int | None = None
    """After which of the pull request's pushes (from 1); by default the newest."""
    at: Instant = timedelta(hours=-1)
    error: str = ""
    category: str = ""
    """Which part of the code (GitHub); by default the tool's name."""


class SecurityPart(Part):
    """Security features. None: not available on this repository (GitHub without Advanced Security)."""

    secret_scanning: bool | None = None
    push_protection: bool | None = None
    code_scanning: bool | None = None
    dependency_alerts: bool = True


class ActionsPart(Part):
    """GitHub Actions' settings of a repository."""

    allowed: Literal["all", "local_only", "selected"] = "all"
    default_permissions: Literal["read", "write"] = "read"
    """What GITHUB_TOKEN may do in workflows that do not say."""
    may_approve: bool = False
    """Whether workflows may approve pull requests."""


class RepositoryPart(Part):
    """A repository on both platforms (or on those listed)."""

    name: str
    organization: str = ""
    """Defaults to the first."""
    project: str = ""
    """Azure DevOps; defaults to the organisation's first project."""
    platforms: list[Platform] = ["github", "azure-devops"]
    description: str = ""
    default_branch: str = "main"
    renamed_from: list[str] = []
    """Names that it had before. GitHub sends those who ask by one of them on."""
    visibility: Visibility = "private"
    archived: bool = False
    has_issues: bool = True
    """Whether GitHub's issues are switched on."""
    empty: bool = False
    """No commit at all. Otherwise a repository without ``files`` has a README.md."""
    fork: bool = False
    language: str | None = None
    topics: list[str] = []
    properties: dict[str, str] = {}
    pushed_at: Instant = timedelta(days=-1)
    permissions: dict[str, Permission] = {}
    """Logins, or ``team:NAME``. Organisation owners are admins without being named."""
    security: SecurityPart = SecurityPart()
    actions: ActionsPart = ActionsPart()
    files: dict[str, str] = {}
    """The first commit of the default branch. A text ``@REPOSITORY:PATH`` copies another repository's file."""
    discussions: list[int] = []
    """Their numbers, which they share with issues and pull requests. GitHub."""
    commits: list[CommitPart] = []
    """Further commits of the default branch, oldest first."""
    branches: dict[str, list[CommitPart]] = {}
    """Other branches: commits on top of the default branch."""
    tags: dict[str, str] = {}
    """Tag to commit id (releases make their own)."""
    annotated_tags: dict[str, str] = {}
    """The same, as tags that are objects of their own, with a message. Made when their commit was."""
    protection: list[ProtectionPart] = []
    pull_requests: list[PullRequestPart] = []
    pipelines: list[PipelinePart] = []
    runs: list[RunPart] = []
    environments: list[EnvironmentPart] = []
    releases: list[ReleasePart] = []
    deployments: list[DeploymentPart] = []
    alerts: list[AlertPart] = []
    analyses: list[AnalysisPart] | None = None
    """By default every tool that has found something, CodeQL besides, has looked at the default branch and at each pull
    request's newest head."""
    merge_methods: list[Literal["merge", "squash", "rebase"]] = ["merge", "squash", "rebase"]
    immutable_releases: bool = False


class JiraIssuePart(Part):
    """An issue of Jira."""

    number: int
    """With the project's key its own: ``PAY-12``."""
    type: str = "Story"
    summary: str = "Work"
    status: str = "In Progress"
    category: Literal["new", "indeterminate", "done"] = "indeterminate"
    """Of the status: to do, in progress, done."""
    created_at: Instant = timedelta(days=-30)
    resolved_at: Instant | None = None
    """Absent for a done one: yesterday, without a resolution."""
    moved_from: list[str] = []
    """Its keys before it was moved here."""
    hidden: bool = False
    """An issue security level hides it from everybody."""


class JiraProjectPart(Part):
    """A project of Jira."""

    key: str
    issues: list[JiraIssuePart] = []


class JiraTokenPart(Part):
    """A credential of Jira. The key in ``tokens`` is the secret itself."""

    email: str = ""
    """Of the account, for Cloud: basic authentication with it and the secret. Data Center takes the secret alone."""
    projects: Literal["all"] | list[str] = "all"
    """Those that the account may browse."""
    expired: bool = False


class JiraPart(Part):
    """A Jira beside the two platforms, under ``/jira``."""

    edition: Literal["cloud", "data-center"] = "cloud"
    tokens: dict[str, JiraTokenPart] = {"sandbox-token": JiraTokenPart(email="almguard@example.com")}
    projects: list[JiraProjectPart] = []


class Scenario(Part):
    """A whole world for the sandbox to serve."""

    apiVersion: Literal["almguard.sandbox/v1"] = "almguard.sandbox/v1"  # noqa: N815 - the format's own spelling
    kind: Literal["Scenario"] = "Scenario"
    description: str = ""
    now: datetime | None = None
    seed: int = 1
    people: dict[str, PersonPart] = {}
    """Accounts named anywhere else in the scenario exist even when they are not listed here."""
    teams: dict[str, TeamPart] = {}
    tokens: dict[str, TokenPart] = {}
    organizations: list[OrganizationPart] = Field(default_factory=lambda: [OrganizationPart(name="acme")])
    repositories: list[RepositoryPart] = []
    work_items: list[WorkItemPart] = []
    jira: JiraPart | None = None

    def model_post_init(self, _context: Any) -> None:
        """Give ``now`` a zone."""
        if self.now is not None and self.now.tzinfo is None:
            self.now = self.now.replace(tzinfo=UTC)
