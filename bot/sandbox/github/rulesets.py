"""A scenario's protections as GitHub holds them: rulesets and classic branch protection, for REST and GraphQL alike."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.github.render import app_id
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.scenario import ProtectionPart
    from bot.sandbox.world import Repository, World

Rule = tuple[str, dict[str, object] | None]

ROLE_IDS = {"maintain": 2, "write": 4, "admin": 5}
"""GitHub's ids of the built-in repository roles."""


@dataclass(frozen=True)
class Bypass:
    """One actor who may pass a protection by."""

    kind: str
    """Team, User, Integration, RepositoryRole or OrganizationAdmin."""
    name: str
    id: int | None


@dataclass(frozen=True)
class Ruleset:
    """One ruleset."""

    part: ProtectionPart
    id: int
    source_type: str
    """Repository or Organization."""
    source: str

    @property
    def include(self) -> list[str]:
        """The branches, as ruleset conditions write them."""
        if self.part.branch == "default":
            return ["~DEFAULT_BRANCH"]
        return ["~ALL"] if self.part.branch in ("*", "**", "**/*") else [f"refs/heads/{self.part.branch}"]

    def rules(self) -> list[Rule]:
        """Its rules with their parameters."""
        part = self.part
        found: list[Rule] = []
        if part.allow_deletion is False:
            found.append(("deletion", None))
        if part.allow_force_push is False:
            found.append(("non_fast_forward", None))
        if part.linear_history:
            found.append(("required_linear_history", None))
        if part.signatures:
            found.append(("required_signatures", None))
        if has_reviews(part) or part.conversations is not None:
            found.append(
                (
                    "pull_request",
                    {
                        "required_approving_review_count": part.approvals or 0,
                        "dismiss_stale_reviews_on_push": bool(part.dismiss_stale),
                        "require_code_owner_review": bool(part.code_owners),
                        "require_last_push_approval": bool(part.last_push_approval),
                        "required_review_thread_resolution": bool(part.conversations),
                        "allowed_merge_methods": ["merge", "squash", "rebase"],
                    },
                )
            )
        if part.checks or part.strict_checks is not None:
            found.append(
                (
                    "required_status_checks",
                    {
                        "strict_required_status_checks_policy": bool(part.strict_checks),
                        "do_not_enforce_on_create": False,
                        "required_status_checks": [
                            {"context": check.name} | ({"integration_id": app_id(check.app)} if check.app else {})
                            for check in part.checks
                        ],
                    },
                )
            )
        if part.workflows:
            found.append(("workflows", {"workflows": [_workflow(each) for each in part.workflows]}))
        return found

    def bypass(self, world: World) -> list[Bypass]:
        """Who may pass it by."""
        return [actor(world, name) for name in self.part.bypass]


def _workflow(written: str) -> dict[str, object]:
    place, _, ref = written.partition("@")
    home, _, path = place.partition(":")
    owner, _, name = home.partition("/")
    return {
        "path": path,
        "repository_id": number("repository", owner, name),
        "ref": f"refs/tags/{ref}" if ref else None,
    }


@dataclass(frozen=True)
class Classic:
    """One classic branch protection rule."""

    part: ProtectionPart
    repository: Repository
    id: int

    @property
    def pattern(self) -> str:
        """The branches it is for."""
        return self.repository.default_branch if self.part.branch == "default" else self.part.branch

    @property
    def reviews(self) -> bool:
        """Whether it requires pull requests."""
        return has_reviews(self.part)

    def bypass(self, world: World) -> list[Bypass]:
        """Who may pass it by; roles are no part of classic protection."""
        return [actor(world, name) for name in self.part.bypass if not name.startswith("role:")]


def has_reviews(part: ProtectionPart) -> bool:
    """Whether a protection says anything about reviews."""
    said = (part.approvals, part.dismiss_stale, part.last_push_approval, part.code_owners)
    return any(each is not None for each in said)


def actor(world: World, name: str) -> Bypass:
    """What ``ana``, ``team:ops``, ``role:admin`` or ``renovate[bot]`` means among bypass actors."""
    if name.startswith("team:"):
        team = world.teams.get(name.removeprefix("team:"))
        return Bypass("Team", name.removeprefix("team:"), team.id if team else None)
    if name.startswith("role:"):
        role = name.removeprefix("role:")
        if role in ROLE_IDS:
            return Bypass("RepositoryRole", role, ROLE_IDS[role])
        return Bypass("OrganizationAdmin", role, 1)
    if name.endswith("[bot]"):
        slug = name.removesuffix("[bot]")
        return Bypass("Integration", slug, app_id(slug))
    return Bypass("User", name, world.people[name].id if name in world.people else None)


def repository_rulesets(repository: Repository) -> list[Ruleset]:
    """A repository's own rulesets."""
    return [
        Ruleset(part, number("ruleset", repository.key, index), "Repository", repository.full_name)
        for index, part in enumerate(repository.part.protection)
        if part.via == "ruleset"
    ]


def organization_rulesets(world: World, organization: str) -> list[Ruleset]:
    """An organisation's rulesets."""
    return [
        Ruleset(part, number("ruleset", organization, "", index), "Organization", organization)
        for index, part in enumerate(world.organizations[organization].part.protection)
    ]


def inherited_rulesets(repository: Repository) -> list[Ruleset]:
    """The organisation's rulesets that cover this repository."""
    return [
        ruleset
        for ruleset in organization_rulesets(repository.world, repository.owner)
        if any(fnmatch.fnmatchcase(repository.name, pattern) for pattern in ruleset.part.repositories)
    ]


def rulesets(repository: Repository, *, parents: bool = True) -> list[Ruleset]:
    """Every ruleset of a repository, the organisation's after its own."""
    return repository_rulesets(repository) + (inherited_rulesets(repository) if parents else [])


def classic_rules(repository: Repository) -> list[Classic]:
    """A repository's classic protection rules."""
    return [
        Classic(part, repository, number("classic", repository.key, index))
        for index, part in enumerate(repository.part.protection)
        if part.via == "classic" and part.enforcement == "active"
    ]


def covers(branch: str, pattern: str, default_branch: str) -> bool:
    """Whether a protection's branch pattern covers a branch: a star stops at a slash, two do not."""
    if pattern == "default":
        return branch == default_branch
    if pattern in ("*", "**", "**/*"):
        return pattern != "*" or "/" not in branch
    if "*" not in pattern or "**" in pattern:
        return fnmatch.fnmatchcase(branch, pattern)
    mine, theirs = branch.split("/"), pattern.split("/")
    return len(mine) == len(theirs) and all(map(fnmatch.fnmatchcase, mine, theirs))


def classic_for(repository: Repository, branch: str) -> Classic | None:
    """The classic rule of a branch: a name beats a pattern."""
    found = [each for each in classic_rules(repository) if covers(branch, each.part.branch, repository.default_branch)]
    found.sort(key=lambda each: "*" in each.pattern)
    return found[0] if found else None


def active_for(repository: Repository, branch: str) -> list[Ruleset]:
    """The active rulesets of a branch."""
    return [
        each
        for each in rulesets(repository)
        if each.part.enforcement == "active" and covers(branch, each.part.branch, repository.default_branch)
    ]


def is_protected(repository: Repository, branch: str) -> bool:
    """Whether a branch counts as protected."""
    return classic_for(repository, branch) is not None or bool(active_for(repository, branch))
