"""Branch policies as protections, triggers and owners; and secret scanning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.facts.change import CodeOwners, OwnedPaths
from bot.model.facts.pipelines import DetectedTools, Trigger
from bot.model.facts.protection import BranchRules, ClassicProtection, Protection, RequiredCheck, SecretScanning
from bot.model.facts.repository import Properties
from bot.model.subjects import Branch, Repository
from bot.platforms.azure_devops import endpoints, policy_types
from bot.platforms.azure_devops.access import identities
from bot.platforms.azure_devops.checks import evaluations
from bot.platforms.azure_devops.client import Json, chunks, value
from bot.platforms.azure_devops.endpoints import Host
from bot.platforms.azure_devops.loading import Ahead, Loader, NoSuchThing, Wanted
from bot.platforms.azure_devops.path_filters import patterns
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.azure_devops.subjects import ident


def branch_rules(wanted: Wanted) -> tuple[BranchRules, str]:
    """One protection for each enabled blocking policy; the others are named."""
    subject: Branch = wanted.subject
    covering = all_policies_of(wanted.reads, subject)
    in_force = [policy for policy in covering if policy.get("isEnabled") and policy.get("isBlocking")]
    others = [
        f"{policy_name(policy)} ({'does not block' if policy.get('isEnabled') else 'disabled'})"
        for policy in covering
        if policy not in in_force
    ]
    page = policies_page(subject)
    protections = tuple(_protection(policy, page) for policy in in_force)
    # Pushing round the policies, force pushes and deletion are all refused unless a permission allows them.
    return BranchRules(protections, tuple(others), force_push_needs_permission=True), page


def policies_page(branch: Branch) -> str:
    """Where a person sees a branch's policies."""
    return f"{branch.repository.organization.url}/_settings/repositories?repo={ident(branch.repository)}&_a=policiesMid"


def policies_of(reads: Reads, branch: Branch) -> list[Json]:
    """Every policy whose scope covers the branch; of a judged pull request's target the enabled ones, which its evaluations
    hold: that saves a request.
    """
    judged = reads.judged.get(branch.id)
    if judged is not None:
        found = [row["configuration"] for row in evaluations(reads, judged) if row.get("configuration")]
        return [policy for policy in found if not policy.get("isDeleted")]
    return all_policies_of(reads, branch)


def all_policies_of(reads: Reads, branch: Branch) -> list[Json]:
    """Every policy whose scope covers the branch, disabled ones included."""
    project = ident(branch.repository.organization)
    return [policy for policy in reads.policies(project) if not policy.get("isDeleted") and _covers(policy, branch)]


def _covers(policy: Json, branch: Branch) -> bool:
    """Repository null means every repository, Prefix and DefaultBranch are scopes too; all without regard to case."""
    ref = f"refs/heads/{branch.branch}".lower()
    for scope in value(policy, "settings", "scope") or ():
        repository = scope.get("repositoryId")
        if repository is not None and str(repository).lower() != ident(branch.repository):
            continue
        kind, name = str(scope.get("matchKind") or "").lower(), str(scope.get("refName") or "").lower()
        if kind == "defaultbranch":
            if branch.is_default:
                return True
        elif not name:
            if policy_type(policy) in policy_types.NAMES:  # without a branch it is about the repository's files, or all
                return True
        elif ref == name or (kind == "prefix" and ref.startswith(name)):
            return True
    return False


def policy_type(policy: Json) -> str:
    """The id of its type."""
    return str(value(policy, "type", "id") or "").lower()


def policy_name(policy: Json) -> str:
    """What people call it."""
    settings = policy.get("settings") or {}
    known = policy_types.NAMES.get(policy_type(policy))
    kind = known or str(value(policy, "type", "displayName") or policy_type(policy))
    named = settings.get("displayName") or settings.get("defaultDisplayName") or settings.get("statusName")
    return f"policy {kind}{f' {named!r}' if named else ''}"


def _protection(policy: Json, page: str) -> Protection:
    settings = policy.get("settings") or {}
    # Every blocking policy makes the service refuse direct pushes to the branch.
    made = Protection(policy_name(policy), page, pull_request_required=True)
    match policy_type(policy):
        case policy_types.MINIMUM_REVIEWERS:
            stale = settings.get("resetOnSourcePush") or settings.get("requireVoteOnLastIteration")
            each = settings.get("requireVoteOnEachIteration")
            return replace(
                made,
                approvals=int(settings.get("minimumApproverCount") or 0),
                dismiss_stale=bool(stale or each),
                last_push_approval=bool(settings.get("blockLastPusherVote")),
                author_may_approve=bool(settings.get("creatorVoteCounts")),
            )
        case policy_types.REQUIRED_REVIEWERS:
            everywhere = not settings.get("filenamePatterns")
            people = len(settings.get("requiredReviewerIds") or ())
            count = int(settings.get("minimumApproverCount") or people)
            return replace(
                made,
                approvals=count if everywhere else None,
                author_may_approve=bool(settings.get("creatorVoteCounts")) if everywhere else None,
                code_owners=True,
            )
        case policy_types.WORK_ITEMS:
            return replace(made, work_items=True)
        case policy_types.COMMENTS:
            return replace(made, conversations=True)
        case policy_types.MERGE_STRATEGY:
            merges = settings.get("allowNoFastForward") or settings.get("allowRebaseMerge")
            return replace(made, linear_history=not merges)
        case policy_types.BUILD:
            number = int(settings["buildDefinitionId"])
            name = str(settings.get("displayName") or f"build {number}")
            # Without a duration a build counts until the source changes; with 0, also until the target changes.
            strict = settings.get("queueOnSourceUpdateOnly") is False and not settings.get("validDuration")
            check = RequiredCheck(name, pipeline_id=number, paths=_path_filter(settings))
            return replace(made, checks=(check,), strict_checks=strict)
        case policy_types.STATUS:
            genre, name = settings.get("statusGenre"), str(settings.get("statusName") or "")
            author = settings.get("authorId")
            check = RequiredCheck(
                f"{genre}/{name}" if genre else name,
                str(author) if author else None,
                on_newest_push=bool(settings.get("invalidateOnSourceUpdate")),
                # Null, 0 or "default"; 1 or "conditional".
                only_when_posted=str(settings.get("policyApplicability") or "").lower() in ("1", "conditional"),
                paths=_path_filter(settings),
            )
            return replace(made, checks=(check,))
        case _:
            return made


def _path_filter(settings: Json) -> tuple[str, ...]:
    """Which files a policy is about; empty: all."""
    filters = tuple(str(one).strip() for one in settings.get("filenamePatterns") or ())
    return () if all(one in ("*", "/*", "/") for one in filters) else filters


def classic_protection(_wanted: Wanted) -> tuple[ClassicProtection, str]:
    """GitHub's alone."""
    raise NoSuchThing("Azure DevOps protects branches by policies, which are read as branch rules.")


def code_owners(wanted: Wanted) -> tuple[CodeOwners, str]:
    """Required reviewers by path: every enabled policy that matches counts."""
    subject: Branch = wanted.subject
    reads = wanted.reads
    required = [
        policy
        for policy in policies_of(reads, subject)
        if policy_type(policy) == policy_types.REQUIRED_REVIEWERS
        and policy.get("isEnabled")
        and policy.get("isBlocking")
    ]
    asked = {str(one).lower() for policy in required for one in value(policy, "settings", "requiredReviewerIds") or ()}
    names = _owners(reads, sorted(asked))
    entries = []
    for policy in required:
        settings = policy.get("settings") or {}
        owners = [names.get(str(one).lower(), str(one)) for one in settings.get("requiredReviewerIds") or ()]
        entries.append(OwnedPaths(patterns(settings.get("filenamePatterns") or ["*"]), tuple(owners)))
    return CodeOwners(tuple(entries), None, last_match_wins=False), policies_page(subject)


def _owners(reads: Reads, ids: Sequence[str]) -> dict[str, str]:
    """Sign-in names of people, and names of groups without their scope, by id."""
    found: dict[str, str] = {}
    for some in chunks(ids, 50):
        for one in identities(reads, "identityIds", some):
            name = str(one.get("providerDisplayName") or "")
            person = reads.subjects.member(one)
            group = f"{reads.client.organization}/{name.rpartition(chr(92))[2]}"
            found[str(one["id"]).lower()] = group if one.get("isContainer") else person.login or name
    return found


def triggers(reads: Reads, branch: Branch, definition: int) -> tuple[Trigger, ...]:
    """The build validations of the branch that run a definition."""
    found = []
    for policy in policies_of(reads, branch):
        settings = policy.get("settings") or {}
        if policy_type(policy) != policy_types.BUILD or settings.get("buildDefinitionId") != definition:
            continue
        if not policy.get("isEnabled") or settings.get("manualQueueOnly"):
            continue
        found.append(
            Trigger(
                "pull_request",
                (branch.branch,),
                patterns(_path_filter(settings)),
                blocking=bool(policy.get("isBlocking")),
            )
        )
    return tuple(found)


def detected_tools(wanted: Wanted) -> tuple[DetectedTools, str]:
    """Services that must report a status by policy, without a pipeline of this repository."""
    subject: Branch = wanted.subject
    found = []
    for policy in policies_of(wanted.reads, subject):
        if policy_type(policy) == policy_types.STATUS and policy.get("isEnabled") and policy.get("isBlocking"):
            settings = policy.get("settings") or {}
            genre, name = settings.get("statusGenre"), str(settings.get("statusName") or "")
            found.append((f"{genre}/{name}" if genre else name, ""))
    return DetectedTools(tuple(found)), policies_page(subject)


def secret_scanning(wanted: Wanted) -> tuple[SecretScanning, str]:
    """GitHub Advanced Security for Azure DevOps: whether it is on for the repository."""
    subject: Repository = wanted.subject
    document = _enablement(wanted.reads, subject)
    # Since secrets and code are sold apart there is an own switch for secrets; older servers have one for both.
    enabled = document.get("secretProtectionEnabled")
    if enabled is None:
        enabled = value(document, "secretProtectionFeatures", "secretProtectionEnabled")
    if enabled is None:
        enabled = document.get("advSecEnabled")
    if enabled is None:
        raise PlatformError(
            f"{subject.name}: the answer about Advanced Security does not say whether it is on. The owner of the token "
            "needs the permission 'Advanced Security: read alerts'.",
            UnknownKind.LICENCE,
        )
    push = document.get("blockPushes")
    page = f"{subject.organization.url}/_settings/repositories?repo={ident(subject)}"
    return SecretScanning(bool(enabled), None if push is None else bool(push)), page


def _enablement(reads: Reads, subject: Repository) -> Json:
    """The repository's settings: of many repositories together where many are asked about, else its own."""
    project, repository = ident(subject.organization), ident(subject)
    if project in reads.scanned:
        rows = reads.once(("enablement", project), lambda: _project_enablement(reads, project))
        if repository in rows:
            return rows[repository]
    path = f"{project}/_apis/management/repositories/{repository}/enablement"
    try:
        return reads.client.read_address(Host.SECURITY, path, "7.2-preview.1", endpoints.ADVANCED_SECURITY)
    except Refused as wrong:
        if wrong.status != 404:
            raise
        if wrong.is_of_no_repository:
            raise Refused(str(wrong), UnknownKind.SCOPE, wrong.status, wrong.words) from None
        raise NoSuchThing(
            f"GitHub Advanced Security for Azure DevOps does not exist on {reads.client.url}, or is not offered for this "
            "repository (404)."
        ) from None


def _project_enablement(reads: Reads, project: str) -> dict[str, Json]:
    """The settings of a project's repositories, by id; those that are not here are asked about one by one."""
    path = f"{project}/_apis/management/enablement?includeAllProperties=true"
    try:
        document = reads.client.read_address(Host.SECURITY, path, "7.2-preview.1", endpoints.ADVANCED_SECURITY)
    except Refused as wrong:
        if wrong.status == 404:
            return {}
        raise
    rows = document.get("reposEnablementStatus") or ()
    return {str(row["repositoryId"]).lower(): row for row in rows if row.get("repositoryId")}


def properties(wanted: Wanted) -> tuple[Properties, str]:
    """The project's properties. The platform's own (``System.…``) are among them."""
    subject: Repository = wanted.subject
    project = ident(subject.organization)
    rows = wanted.reads.once(
        ("properties", project),
        lambda: wanted.reads.client.listing(endpoints.PROJECT_PROPERTIES, {"projectId": project}),
    )
    return Properties({str(row["name"]): str(row.get("value")) for row in rows}), subject.organization.url


def _all_ahead(wanted: Wanted) -> Ahead:
    return (lambda: wanted.reads.policies(ident(wanted.subject.repository.organization)),)


def _policies_ahead(wanted: Wanted) -> Ahead:
    return (lambda: policies_of(wanted.reads, wanted.subject),)


BRANCH_RULES = Loader(branch_rules, _all_ahead)
CLASSIC_PROTECTION = Loader(classic_protection)
CODE_OWNERS = Loader(code_owners, _policies_ahead)
DETECTED_TOOLS = Loader(detected_tools, _policies_ahead)
SECRET_SCANNING = Loader(secret_scanning)
PROPERTIES = Loader(properties)
