"""Facts about how a branch is protected: classic protection, rulesets, and who may go round them.

A token without administration rights is not shown classic protection: GraphQL gives null then, exactly as where there is
none. That null is believed only of somebody who administers the repository; else REST is asked, whose 404 says
``Branch not protected`` to those who may know.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from bot.model.facts import FactRequest, Unavailable, UnknownKind
from bot.model.facts.protection import (
    BranchRules,
    BypassActor,
    BypassActors,
    ClassicProtection,
    Protection,
    RequiredCheck,
    RequiredWorkflow,
)
from bot.model.subjects import Branch, Subject
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.query import Connection, Found, Piece, Unanswerable, repository, text
from bot.platforms.github.reading import Context, Reading
from bot.platforms.github.readings import ADMINISTRATION, CONTENTS, RULESETS, needs

_ALLOWED = "actor { __typename ... on App { slug } ... on Team { slug } ... on User { login } }"
_CLASSIC = (
    "classic_: branchProtectionRule { pattern databaseId isAdminEnforced requiresApprovingReviews "
    "requiredApprovingReviewCount dismissesStaleReviews requireLastPushApproval requiresCodeOwnerReviews "
    "requiresConversationResolution requiresLinearHistory requiresCommitSignatures requiresStatusChecks "
    "requiresStrictStatusChecks requiredStatusChecks { context app { slug } } allowsForcePushes allowsDeletions }"
)
_CLASSIC_BYPASS = (
    f"bypass_: branchProtectionRule {{ isAdminEnforced pattern "
    f"bypassPullRequestAllowances(first: 50) {{ nodes {{ {_ALLOWED} }} }} "
    f"bypassForcePushAllowances(first: 50) {{ nodes {{ {_ALLOWED} }} }} }}"
)
_SOURCE = "source { __typename ... on Organization { login } ... on Repository { nameWithOwner } }"
_RULES = Connection(
    "rules_",
    "rules",
    "type repositoryRuleset { id databaseId name enforcement " + _SOURCE + " } parameters { __typename "
    "... on PullRequestParameters { requiredApprovingReviewCount dismissStaleReviewsOnPush requireCodeOwnerReview "
    "requireLastPushApproval requiredReviewThreadResolution } "
    "... on RequiredStatusChecksParameters { strictRequiredStatusChecksPolicy "
    "requiredStatusChecks { context integrationId } } "
    "... on WorkflowsParameters { workflows { path ref repositoryId sha } } }",
    size=50,
)
_IN_FORCE = Connection("force_", "rules", "repositoryRuleset { id }", size=50)
_RULESETS = Connection(
    "rulesets_",
    "rulesets",
    "name enforcement " + _SOURCE + " conditions { refName { include exclude } }",
    "includeParents: true, targets: [BRANCH]",
    size=30,
)
_RULESET_BYPASS = Connection(
    "actors_",
    "rulesets",
    "id name enforcement bypassActors(first: 30) { nodes { bypassMode deployKey enterpriseOwner organizationAdmin "
    "repositoryRoleName actor { __typename ... on App { slug } ... on Team { slug } } } }",
    "includeParents: true, targets: [BRANCH]",
    size=15,
)

_KNOWN_APPS = {15_368: "github-actions", 57_789: "github-advanced-security", 29_110: "dependabot"}
"""Ids of GitHub's own apps on github.com. Of another app the id is all that a ruleset tells."""


def _ref(branch: Branch) -> str:
    return f"ref(qualifiedName: {text(f'refs/heads/{branch.branch}')})"


def _settings(branch: Branch) -> str:
    return f"{branch.repository.url}/settings/branches"


def classic_protection(context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``ClassicProtection``."""
    assert isinstance(subject, Branch)

    def parse(found: Found) -> ClassicProtection:
        rule = _branch(subject, found)["classic_"]
        if rule is not None:
            return ClassicProtection((_classic(subject, rule),))
        _believe_none(context, subject, found)
        return ClassicProtection(())

    selection = f"viewerCanAdminister {_key(subject)}: {_ref(subject)} {{ {_CLASSIC} }}"
    piece = Piece((repository(subject.repository.name),), selection, keys=(f"{_key(subject)}.classic_",), weight=2)
    return Reading(piece, parse, _settings(subject), needs(ClassicProtection))


def _key(branch: Branch) -> str:
    """A response key of the branch's own: several branches of one repository may be asked for at once."""
    return "b" + branch.branch.encode().hex()[:200] + "_"


def _branch(branch: Branch, found: Found) -> Json:
    """What was selected of the branch. Raises ``Unanswerable`` where it is not there for this token."""
    node = found.node.get(_key(branch))
    if node is None:
        words = f"{branch.name} is not there for this token; it needs {CONTENTS}"
        raise Unanswerable(Unavailable(UnknownKind.SCOPE, words, _settings(branch)))
    return node


def _believe_none(context: Context, branch: Branch, found: Found) -> None:
    """Nothing, if it is certain that there is no classic protection. Raises ``Unanswerable``."""
    if found.node.get("viewerCanAdminister"):
        return
    owner = branch.repository.organization.id
    hidden = Unavailable(
        UnknownKind.SCOPE,
        f"the classic protection of {branch.name} is shown to administrators alone; the token needs {ADMINISTRATION}",
        _settings(branch),
    )
    if owner in context.memory.unprotected_is_hidden:
        raise Unanswerable(hidden)
    try:
        context.client.rest(
            "GET", f"/repos/{branch.repository.name}/branches/{quote(branch.branch, safe='')}/protection"
        )
    except Refused as refused:
        if refused.status == 404 and "branch not protected" in refused.message.lower():
            return
        context.memory.unprotected_is_hidden.add(owner)
        raise Unanswerable(hidden) from refused
    raise Unanswerable(
        Unavailable(
            UnknownKind.TRANSIENT, f"GitHub contradicts itself about the protection of {branch.name}; run again"
        )
    )


def _classic(branch: Branch, rule: Json) -> Protection:
    reviews = bool(rule["requiresApprovingReviews"])
    checks = rule["requiresStatusChecks"]
    return Protection(
        source=f"classic protection {rule['pattern']}",
        url=_settings(branch),
        pull_request_required=reviews or None,
        approvals=int(rule["requiredApprovingReviewCount"] or 0) if reviews else None,
        dismiss_stale=bool(rule["dismissesStaleReviews"]) if reviews else None,
        last_push_approval=bool(rule["requireLastPushApproval"]) if reviews else None,
        author_may_approve=False,
        code_owners=bool(rule["requiresCodeOwnerReviews"]) if reviews else None,
        conversations=bool(rule["requiresConversationResolution"]),
        linear_history=bool(rule["requiresLinearHistory"]),
        signatures=bool(rule["requiresCommitSignatures"]),
        checks=tuple(
            RequiredCheck(str(one["context"]), (one.get("app") or {}).get("slug"))
            for one in (rule.get("requiredStatusChecks") or [] if checks else [])
        ),
        strict_checks=bool(rule["requiresStrictStatusChecks"]) if checks else None,
        forbids_force_push=not rule["allowsForcePushes"],
        forbids_deletion=not rule["allowsDeletions"],
        binds_admins=bool(rule["isAdminEnforced"]),
    )


def branch_rules(_context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``BranchRules``."""
    assert isinstance(subject, Branch)
    rules = Connection("rules_", "rules", _RULES.inner, size=_RULES.size, wrap=(f"{_key(subject)}: {_ref(subject)}",))

    def parse(found: Found) -> BranchRules:
        _branch(subject, found)
        grouped: dict[str, tuple[Json, list[Json]]] = {}
        for rule in found.all(rules):
            ruleset = rule.get("repositoryRuleset") or {"id": "", "name": "a ruleset", "source": {}}
            grouped.setdefault(str(ruleset["id"]), (ruleset, []))[1].append(rule)
        idle = [
            f"{_ruleset_name(one)} ({str(one['enforcement']).lower()})"
            for one in found.all(_RULESETS)
            if one["enforcement"] == "EVALUATE" and _covers(subject, one["conditions"])
        ]
        return BranchRules(
            tuple(_ruleset(subject, ruleset, listed) for ruleset, listed in grouped.values()), tuple(idle)
        )

    piece = Piece((repository(subject.repository.name),), connections=(rules, _RULESETS))
    return Reading(
        piece,
        parse,
        f"{subject.repository.url}/rules?ref={quote('refs/heads/' + subject.branch, safe='')}",
        needs(BranchRules),
        optional=frozenset({"rulesets_"}),
    )


def _ruleset_name(ruleset: Json) -> str:
    source = ruleset.get("source") or {}
    whose = {"Organization": "organisation ruleset", "Enterprise": "enterprise ruleset"}
    return f"{whose.get(str(source.get('__typename')), 'ruleset')} “{ruleset['name']}”"


def _ruleset(branch: Branch, ruleset: Json, rules: list[Json]) -> Protection:
    by_type = {str(rule["type"]): rule.get("parameters") or {} for rule in rules}
    review = by_type.get("PULL_REQUEST")
    status = by_type.get("REQUIRED_STATUS_CHECKS")
    number = ruleset.get("databaseId")
    return Protection(
        source=_ruleset_name(ruleset),
        url=f"{branch.repository.url}/rules/{number}" if number else "",
        pull_request_required=True if review is not None else None,
        approvals=int(review["requiredApprovingReviewCount"]) if review else None,
        dismiss_stale=bool(review["dismissStaleReviewsOnPush"]) if review else None,
        last_push_approval=bool(review["requireLastPushApproval"]) if review else None,
        author_may_approve=False if review is not None else None,
        code_owners=bool(review["requireCodeOwnerReview"]) if review else None,
        conversations=bool(review["requiredReviewThreadResolution"]) if review else None,
        linear_history=True if "REQUIRED_LINEAR_HISTORY" in by_type else None,
        signatures=True if "REQUIRED_SIGNATURES" in by_type else None,
        checks=tuple(
            RequiredCheck(str(one["context"]), _app(one.get("integrationId")))
            for one in (status or {}).get("requiredStatusChecks") or []
        ),
        workflows=tuple(
            RequiredWorkflow(str(one["path"]), int(one["repositoryId"]), one.get("ref") or one.get("sha"))
            for one in by_type.get("WORKFLOWS", {}).get("workflows") or []
        ),
        strict_checks=bool(status["strictRequiredStatusChecksPolicy"]) if status else None,
        forbids_force_push=True if "NON_FAST_FORWARD" in by_type else None,
        forbids_deletion=True if "DELETION" in by_type else None,
    )


def _app(integration: int | None) -> str | None:
    return None if integration is None else _KNOWN_APPS.get(integration, f"app {integration}")


def _covers(branch: Branch, conditions: Json) -> bool:
    names = (conditions or {}).get("refName") or {}
    return any(_fits(branch, one) for one in names.get("include") or []) and not any(
        _fits(branch, one) for one in names.get("exclude") or []
    )


def _fits(branch: Branch, pattern: str) -> bool:
    if pattern == "~ALL" or (pattern == "~DEFAULT_BRANCH" and branch.is_default):
        return True
    # Ruby's fnmatch with FNM_PATHNAME, as GitHub documents it: "*" stops at a slash, "**/" does not.
    translated = ""
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern):
        translated += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    return re.fullmatch(translated, f"refs/heads/{branch.branch}") is not None


def bypass_actors(context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``BypassActors``."""
    assert isinstance(subject, Branch)
    key = _key(subject)
    in_force = Connection("force_", "rules", _IN_FORCE.inner, size=_IN_FORCE.size, wrap=(f"{key}: {_ref(subject)}",))

    def parse(found: Found) -> BypassActors:
        actors: list[BypassActor] = []
        rule = _branch(subject, found)["bypass_"]
        if rule is None:
            _believe_none(context, subject, found)
        else:
            actors += _classic_bypass(rule)
        active = {str((one.get("repositoryRuleset") or {}).get("id")) for one in found.all(in_force)}
        for ruleset in found.all(_RULESET_BYPASS) if active else []:
            if str(ruleset["id"]) in active:
                actors += _ruleset_bypass(subject, ruleset)
                active.discard(str(ruleset["id"]))
        if active:
            raise Unanswerable(_hidden_bypass(subject, "a ruleset of the organisation"))
        return BypassActors(tuple(actors))

    piece = Piece(
        (repository(subject.repository.name),),
        f"viewerCanAdminister {key}: {_ref(subject)} {{ {_CLASSIC_BYPASS} }}",
        (in_force, _RULESET_BYPASS),
        keys=(f"{key}.bypass_",),
        weight=100 + _RULESET_BYPASS.size * 30,
    )
    return Reading(piece, parse, f"{subject.repository.url}/settings/rules", needs(BypassActors))


def _classic_bypass(rule: Json) -> list[BypassActor]:
    source = f"classic protection {rule['pattern']}"
    actors = []
    if not rule["isAdminEnforced"]:
        actors.append(BypassActor("repository administrators", "role", source))
    for field, force in (("bypassPullRequestAllowances", False), ("bypassForcePushAllowances", True)):
        for node in (rule.get(field) or {}).get("nodes") or []:
            name, kind = _actor(node.get("actor"))
            actors.append(BypassActor(name, kind, source, can_force_push=force))
    return actors


def _ruleset_bypass(branch: Branch, ruleset: Json) -> list[BypassActor]:
    listed = ruleset.get("bypassActors")
    if listed is None:
        raise Unanswerable(_hidden_bypass(branch, f"the ruleset “{ruleset['name']}”"))
    actors = []
    for node in listed["nodes"] or []:
        if node.get("organizationAdmin"):
            name, kind = "organisation administrators", "role"
        elif node.get("enterpriseOwner"):
            name, kind = "enterprise owners", "role"
        elif node.get("deployKey"):
            name, kind = "deploy keys", "deploy key"
        elif node.get("repositoryRoleName"):
            name, kind = f"role {node['repositoryRoleName']}", "role"
        else:
            name, kind = _actor(node.get("actor"))
        if node.get("bypassMode") == "PULL_REQUEST":
            name += " (in pull requests)"
        actors.append(BypassActor(name, kind, f"ruleset “{ruleset['name']}”"))
    return actors


def _actor(actor: Json) -> tuple[str, str]:
    match (actor or {}).get("__typename"):
        case "Team":
            return f"team {actor['slug']}", "team"
        case "App":
            return f"app {actor['slug']}", "app"
        case "User":
            return str(actor.get("login") or "a user whom this schema of GitHub's does not name"), "user"
        case _:
            return "somebody whom this token is not shown", "user"


def _hidden_bypass(branch: Branch, what: str) -> Unavailable:
    return Unavailable(
        UnknownKind.SCOPE,
        f"who may bypass {what} is shown to those alone who may edit it; the token needs {RULESETS} on "
        f"{branch.repository.name} (for an organisation's ruleset: organisation administration)",
        f"{branch.repository.url}/settings/rules",
    )
