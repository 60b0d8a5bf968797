"""A scenario's protections as branch policies.

Type ids are the service's own (the Terraform provider and Microsoft's examples have them). A glob becomes a prefix: the
service has exact names, prefixes, and "the default branch", and nothing else.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops.entities import NUMBERS, PerProject
from bot.sandbox.identity import guid

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.call import Json
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.scenario import ProtectionPart, RequiredCheckPart
    from bot.sandbox.world import Project, Repository

MINIMUM_REVIEWERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
WORK_ITEMS = "40e92b44-2fe1-4dd6-b3d8-74a9c21d0c6e"
COMMENTS = "c6a1889d-b943-4856-b76f-9e46bb6b0df2"
BUILD = "0609b952-1397-4640-95ec-e00a01b2c241"
REQUIRED_REVIEWERS = "fd2167ab-b0be-447a-8ec8-39368250530e"
MERGE_STRATEGY = "fa4e907d-c16b-4a4c-9dfa-4916e5d171ab"
STATUS = "cbdc66da-9728-4af8-aada-9a5a32e4a226"

TYPES = {
    MINIMUM_REVIEWERS: "Minimum number of reviewers",
    WORK_ITEMS: "Work item linking",
    COMMENTS: "Comment requirements",
    BUILD: "Build",
    REQUIRED_REVIEWERS: "Required reviewers",
    MERGE_STRATEGY: "Require a merge strategy",
    STATUS: "Status",
    "77ed4bd3-b063-4689-934a-175e4d0a78d7": "Commit author email validation",
    "51c78909-e838-41a2-9496-c647091e3c61": "File name restriction",
    "7ed39669-655c-494e-b4a0-a08b4da0fcce": "Git repository settings",
    "db2b9b4c-180d-4529-9701-01541d19f36b": "Reserved names restriction",
    "001a79cf-fda1-4c4e-9e7c-bac40ee5ead8": "Path Length restriction",
    "2e26e725-8201-4edd-8bf5-978563c34a80": "File size restriction",
    "e67ae10f-cf9a-40bc-8e66-6b3a8216956e": "Secrets scanning restriction",
}


@dataclass
class Policy:
    """One policy configuration."""

    id: int
    type: str
    enabled: bool
    blocking: bool
    settings: Json
    project: Project
    revision: int = 1
    check: RequiredCheckPart | None = field(default=None, repr=False)

    @property
    def scopes(self) -> list[Json]:
        """Where it applies."""
        listed = self.settings.get("scope")
        return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []

    def covers(self, repository: str, ref: str, default_ref: str) -> bool:
        """Whether it applies to a branch, by the repository's id and the full names of it and of the default branch."""
        return any(
            _same(scope.get("repositoryId"), repository) and _reaches(scope, ref, default_ref) for scope in self.scopes
        )

    def about(self, repository: str) -> bool:
        """Whether it applies to a repository as a whole, without naming branches."""
        return any(_same(scope.get("repositoryId"), repository) and not _of_branch(scope) for scope in self.scopes)


def _same(listed: object, repository: str) -> bool:
    return listed is None or str(listed).lower() == repository.lower()


def _of_branch(scope: Json) -> bool:
    return bool(scope.get("refName")) or scope.get("matchKind") == "DefaultBranch"


def _reaches(scope: Json, ref: str, default_ref: str) -> bool:
    kind, name = str(scope.get("matchKind") or "").lower(), str(scope.get("refName") or "")
    if kind == "defaultbranch":
        return ref == default_ref
    if not name:
        return True
    if kind == "prefix":
        return ref.lower().startswith(name.lower())
    return ref.lower() == name.lower()


def policies(owner: Collection) -> PerProject[Policy]:
    """Every policy of an organisation, by project: the scenario's, as clients have changed them since."""
    index = owner.current()
    if owner.policies is None or owner.policies_of is not index:
        with owner.world.lock:
            owner.policies = PerProject(
                lambda guid: _edited(_from_scenario(owner, guid), owner.policy_edits.get(guid, {})), owner.world.lock
            )
            owner.policies_of = index
    return owner.policies


def edit(owner: Collection, project: Project, ident: int, policy: Policy | None) -> None:
    """Keep what a client made of a policy: another one under its number, a new one, or none."""
    listed = policies(owner)
    changed = _edited(listed[project.guid], {ident: policy})
    owner.policy_edits.setdefault(project.guid, {})[ident] = policy
    listed[project.guid] = changed


def _edited(rows: list[Policy], edits: dict[int, Policy | None]) -> list[Policy]:
    kept = [edits.get(row.id, row) for row in rows]
    added = [policy for ident, policy in edits.items() if all(row.id != ident for row in rows)]
    return [policy for policy in (*kept, *added) if policy is not None]


def resets_votes(owner: Collection, repository: Repository, branch: str) -> bool:
    """Whether a push to a pull request into this branch throws its approvals away."""
    return any(
        policy.enabled and policy.type == MINIMUM_REVIEWERS and bool(policy.settings.get("resetOnSourcePush"))
        for policy in effective(owner, repository, f"refs/heads/{branch}")
    )


def effective(owner: Collection, repository: Repository, ref: str) -> list[Policy]:
    """The policies that apply to a branch."""
    project = owner.current().projects[repository.project.lower()]
    default = f"refs/heads/{repository.default_branch}"
    return [each for each in policies(owner)[project.guid] if each.covers(repository.guid, ref, default)]


def _from_scenario(owner: Collection, guid: str) -> list[Policy]:
    index = owner.current()
    project = index.projects[guid]
    rows: list[Policy] = []
    for part in owner.organization.part.protection:
        scopes = _organization_scopes(owner, project, part)
        if scopes:
            rows += _policies(owner, project, part, scopes, None)
    for repository in index.repositories[guid]:
        for part in repository.part.protection:
            rows += _policies(owner, project, part, [_scope(part.branch, repository.guid)], repository)
    first = owner.organization.projects.index(project) * NUMBERS + 1
    for ident, row in enumerate(rows, first):
        row.id = ident
    return rows


def _organization_scopes(owner: Collection, project: Project, part: ProtectionPart) -> list[Json]:
    """The whole project; or its repositories that are named, where not all are."""
    if part.repositories == ["*"]:
        return [_scope(part.branch, None)]
    return [
        _scope(part.branch, repository.guid)
        for repository in owner.current().repositories[project.guid]
        if any(fnmatch.fnmatchcase(repository.name.lower(), each.lower()) for each in part.repositories)
    ]


def _scope(branch: str, repository: str | None) -> Json:
    if branch == "default":
        return {"repositoryId": repository, "refName": None, "matchKind": "DefaultBranch"}
    if "*" in branch:
        return {"repositoryId": repository, "refName": f"refs/heads/{branch.partition('*')[0]}", "matchKind": "Prefix"}
    return {"repositoryId": repository, "refName": f"refs/heads/{branch}", "matchKind": "Exact"}


def _policies(
    owner: Collection, project: Project, part: ProtectionPart, scopes: list[Json], repository: Repository | None
) -> list[Policy]:
    def policy(kind: str, settings: Json, check: RequiredCheckPart | None = None) -> Policy:
        return Policy(
            id=0,
            type=kind,
            enabled=part.enforcement != "disabled",
            blocking=part.enforcement != "evaluate",
            settings={**settings, "scope": scopes},
            project=project,
            check=check,
        )

    rows = []
    if part.approvals:
        rows.append(policy(MINIMUM_REVIEWERS, _reviewer_settings(part)))
    if part.work_items:
        rows.append(policy(WORK_ITEMS, {}))
    if part.conversations:
        rows.append(policy(COMMENTS, {}))
    if part.linear_history:
        settings: Json = {
            "allowSquash": True,
            "allowRebase": True,
            "allowNoFastForward": False,
            "allowRebaseMerge": False,
        }
        rows.append(policy(MERGE_STRATEGY, settings))
    for check in part.checks:
        if check.pipeline:
            rows.append(policy(BUILD, _build_settings(owner, project, part, check, repository), check))
        else:
            rows.append(policy(STATUS, _status_settings(owner, check), check))
    return rows


def _reviewer_settings(part: ProtectionPart) -> Json:
    return {
        "minimumApproverCount": part.approvals,
        "creatorVoteCounts": bool(part.author_may_approve),
        "allowDownvotes": False,
        "resetOnSourcePush": bool(part.dismiss_stale),
        "resetRejectionsOnSourcePush": False,
        "requireVoteOnLastIteration": False,
        "requireVoteOnEachIteration": False,
        "blockLastPusherVote": bool(part.last_push_approval),
    }


def _build_settings(
    owner: Collection, project: Project, part: ProtectionPart, check: RequiredCheckPart, repository: Repository | None
) -> Json:
    definitions = owner.current().definitions[project.guid]
    named = [each for each in definitions if each.name == check.pipeline]
    mine = [each for each in named if repository is not None and each.repository is repository]
    definition = next(iter(mine or named), None)
    return {
        "buildDefinitionId": definition.id if definition else 0,
        "displayName": check.name,
        "queueOnSourceUpdateOnly": not part.strict_checks,
        "manualQueueOnly": False,
        "validDuration": 0.0 if part.strict_checks else 720.0,
        "filenamePatterns": list(check.paths),
    }


def _status_settings(owner: Collection, check: RequiredCheckPart) -> Json:
    genre = check.genre or (None if check.app in (None, "github-actions") else check.app)
    author = None
    if check.app is not None:
        someone = owner.world.people.get(check.app)
        author = someone.guid if someone else guid("person", check.app)
    return {
        "statusName": check.name,
        "statusGenre": genre,
        "authorId": author,
        "invalidateOnSourceUpdate": not check.keeps_on_push,
        "defaultDisplayName": check.name,
        "policyApplicability": 1 if check.conditional else None,
        "filenamePatterns": list(check.paths),
    }
