"""Rulesets and classic branch protection."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

from bot.sandbox.github.call import stamp
from bot.sandbox.github.graphql.actors import bypass_actor
from bot.sandbox.github.graphql.thing import Context, Many, Thing
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import EPOCH
from bot.sandbox.github.rulesets import Bypass, Classic, Rule, Ruleset

if TYPE_CHECKING:
    from bot.sandbox.world import Repository


class RulesetThing(Thing, of="RepositoryRuleset"):
    """A ruleset."""

    def __init__(self, c: Context, ruleset: Ruleset, repository: Repository | None) -> None:
        super().__init__(c)
        self.it = ruleset
        self.seen_from = repository
        self.id = encode("RepositoryRuleset", ruleset.source_type, ruleset.source, ruleset.id)
        self.database_id = ruleset.id
        self.name = ruleset.part.name
        self.target = "BRANCH"
        self.enforcement = ruleset.part.enforcement.upper()
        self.created_at = self.updated_at = stamp(EPOCH)

    def source(self) -> Any:
        """The repository or organisation that owns it."""
        world = self.c.world
        if self.it.source_type == "Organization":
            return self.new("Organization", world.organizations[self.it.source])
        owner, name = self.it.source.split("/", 1)
        return self.new("Repository", world.repository(owner, name))

    @property
    def conditions(self) -> dict[str, object]:
        """What it covers."""
        names = None
        if self.it.source_type == "Organization":
            patterns = ["~ALL" if each == "*" else each for each in self.it.part.repositories]
            names = {"include": patterns, "exclude": [], "protected": False}
        return {"refName": {"include": self.it.include, "exclude": []}, "repositoryName": names}

    def rules(self, type: str | None = None) -> Many:  # noqa: A002 - the schema's own name
        """Its rules."""
        found = [rule for rule in self.it.rules() if type is None or rule[0].upper() == type]
        return Many(found, lambda rule: self.new("RepositoryRule", self.it, rule, self.seen_from))

    def bypass_actors(self) -> Many:
        """Who may pass it by; only for those who could change it."""
        owned = self.it.source_type == "Repository"
        self.c.need("administration" if owned else "organization_administration", "write")
        if self.seen_from is not None and not self.c.access.administers(self.seen_from):
            raise self.c.denied()
        return Many(self.it.bypass(self.c.world), self._bypass)

    def _bypass(self, each: Bypass) -> dict[str, object]:
        role = each.kind == "RepositoryRole"
        return {
            "id": encode("BypassActor", self.it.id, each.kind, each.name),
            "actor": bypass_actor(self.c, each),
            "bypassMode": "ALWAYS",
            "deployKey": False,
            "enterpriseOwner": False,
            "organizationAdmin": each.kind == "OrganizationAdmin",
            "repositoryRoleDatabaseId": each.id if role else None,
            "repositoryRoleName": each.name if role else None,
            "repositoryRuleset": self,
        }


class RuleThing(Thing, of="RepositoryRule"):
    """One rule of a ruleset."""

    def __init__(self, c: Context, ruleset: Ruleset, rule: Rule, repository: Repository | None) -> None:
        super().__init__(c)
        self.ruleset = ruleset
        self.rule = rule
        self.seen_from = repository
        self.id = encode("RepositoryRule", ruleset.id, rule[0])
        self.type = rule[0].upper()

    def repository_ruleset(self) -> Any:
        """Its ruleset."""
        return self.new("RepositoryRuleset", self.ruleset, self.seen_from)

    @property
    def parameters(self) -> dict[str, object] | None:
        """Its parameters, for the kinds that have any here."""
        kind, said = self.rule
        part = self.ruleset.part
        if kind == "pull_request":
            return {
                "__typename": "PullRequestParameters",
                "requiredApprovingReviewCount": part.approvals or 0,
                "dismissStaleReviewsOnPush": bool(part.dismiss_stale),
                "requireCodeOwnerReview": bool(part.code_owners),
                "requireLastPushApproval": bool(part.last_push_approval),
                "requiredReviewThreadResolution": bool(part.conversations),
                "allowedMergeMethods": ["MERGE", "SQUASH", "REBASE"],
            }
        if kind == "required_status_checks" and said is not None:
            checks: Any = said["required_status_checks"]
            return {
                "__typename": "RequiredStatusChecksParameters",
                "strictRequiredStatusChecksPolicy": bool(part.strict_checks),
                "doNotEnforceOnCreate": False,
                "requiredStatusChecks": [
                    {"context": check["context"], "integrationId": check.get("integration_id")} for check in checks
                ],
            }
        if kind == "workflows" and said is not None:
            named: Any = said["workflows"]
            return {
                "__typename": "WorkflowsParameters",
                "doNotEnforceOnCreate": False,
                "workflows": [
                    {"path": one["path"], "ref": one["ref"], "repositoryId": one["repository_id"], "sha": None}
                    for one in named
                ],
            }
        return None


class ClassicThing(Thing, of="BranchProtectionRule"):
    """A classic protection rule."""

    def __init__(self, c: Context, rule: Classic) -> None:
        super().__init__(c)
        part = rule.part
        self.rule = rule
        self.id = encode("BranchProtectionRule", rule.repository.key, rule.id)
        self.database_id = rule.id
        self.pattern = rule.pattern
        self.requires_approving_reviews = rule.reviews
        self.required_approving_review_count = (part.approvals or 0) if rule.reviews else None
        self.dismisses_stale_reviews = bool(part.dismiss_stale)
        self.require_last_push_approval = bool(part.last_push_approval)
        self.requires_code_owner_reviews = bool(part.code_owners)
        self.requires_conversation_resolution = bool(part.conversations)
        self.requires_linear_history = bool(part.linear_history)
        self.requires_commit_signatures = bool(part.signatures)
        self.requires_status_checks = bool(part.checks) or part.strict_checks is not None
        self.requires_strict_status_checks = bool(part.strict_checks)
        self.required_status_check_contexts = [check.name for check in part.checks]
        self.is_admin_enforced = bool(part.enforce_admins)
        self.allows_force_pushes = bool(part.allow_force_push)
        self.allows_deletions = bool(part.allow_deletion)
        self.blocks_creations = self.lock_branch = self.lock_allows_fetch_and_merge = False
        self.restricts_pushes = self.restricts_review_dismissals = self.requires_deployments = False
        self.required_deployment_environments: list[str] = []
        self.creator = None

    @property
    def required_status_checks(self) -> list[dict[str, object]]:
        """The checks, each with the app that must report it."""
        return [
            {"context": check.name, "app": self.new("App", check.app) if check.app else None}
            for check in self.rule.part.checks
        ]

    def repository(self) -> Any:
        """Where it holds."""
        return self.new("Repository", self.rule.repository)

    def bypass_pull_request_allowances(self) -> Many:
        """Who may go without a pull request."""
        return self._allowances("BypassPullRequestAllowance", self.rule.bypass(self.c.world))

    def bypass_force_push_allowances(self) -> Many:
        """Who may force-push. The scenario's bypass means pull requests."""
        return self._allowances("BypassForcePushAllowance", [])

    def push_allowances(self) -> Many:
        """Who may push; scenarios restrict nobody."""
        return self._allowances("PushAllowance", [])

    def review_dismissal_allowances(self) -> Many:
        """Who may dismiss reviews; scenarios restrict nobody."""
        return self._allowances("ReviewDismissalAllowance", [])

    def _allowances(self, kind: str, found: list[Bypass]) -> Many:
        return Many(
            found,
            lambda each: {
                "id": encode(kind, self.rule.id, each.kind, each.name),
                "actor": bypass_actor(self.c, each),
            },
        )

    def matching_refs(self, query: str | None = None) -> Many:
        """The branches it covers."""
        repository = self.rule.repository
        names = [
            ref
            for ref in sorted(repository.git.refs)
            if ref.startswith("refs/heads/")
            and fnmatch.fnmatchcase(ref.removeprefix("refs/heads/"), self.pattern)
            and (query or "") in ref
        ]
        return Many(names, lambda name: self.new("Ref", repository, name))
