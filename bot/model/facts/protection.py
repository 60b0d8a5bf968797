"""Facts about how a branch and a repository are protected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.model.facts import Fact
from bot.model.subjects import Branch, Repository


@dataclass(frozen=True, slots=True)
class RequiredCheck:
    """A check that must succeed before merging."""

    name: str
    app: str | None = None
    """The app, or author, that must report it; None: anyone may."""
    pipeline_id: int | None = None
    """Azure DevOps: the build definition that a build validation runs."""
    on_newest_push: bool | None = None
    """Azure DevOps: whether a status counts for the newest push alone; None on GitHub, where checks belong to commits."""
    only_when_posted: bool = False
    """Azure DevOps: it is asked only of pull requests to which the status was posted."""
    paths: tuple[str, ...] = ()
    """Azure DevOps: the policy's path filter, where it is asked only of pull requests that change such files."""


@dataclass(frozen=True, slots=True)
class RequiredWorkflow:
    """GitHub: a workflow that a ruleset of an organisation runs and requires."""

    path: str
    repository_id: int
    """Where it is, as GitHub numbers repositories."""
    ref: str | None = None
    """The branch, tag or commit that it is taken from."""


@dataclass(frozen=True, slots=True)
class Protection:
    """One rule set on a branch. None: it says nothing about the setting.

    The effective protection is the strictest of each setting over all that are in force.
    """

    source: str
    """For people: ``classic protection main``, ``organisation ruleset "base"``, ``policy Minimum reviewers``."""
    url: str = ""
    pull_request_required: bool | None = None
    approvals: int | None = None
    dismiss_stale: bool | None = None
    last_push_approval: bool | None = None
    author_may_approve: bool | None = None
    code_owners: bool | None = None
    conversations: bool | None = None
    linear_history: bool | None = None
    signatures: bool | None = None
    work_items: bool | None = None
    checks: tuple[RequiredCheck, ...] = ()
    workflows: tuple[RequiredWorkflow, ...] = ()
    strict_checks: bool | None = None
    """The branch must be up to date with its base."""
    forbids_force_push: bool | None = None
    forbids_deletion: bool | None = None
    binds_admins: bool | None = None
    """Administrators must keep to it; None where bypass is told by ``BypassActors`` alone."""


@dataclass(frozen=True)
class ClassicProtection(Fact):
    """GitHub's classic protection of the branch; none is an empty tuple. Azure DevOps has no such thing."""

    subject: ClassVar = Branch
    name: ClassVar = "classic_protection"

    protections: tuple[Protection, ...]


@dataclass(frozen=True)
class BranchRules(Fact):
    """What is in force on the branch from rulesets (repository's and organisation's, active ones only) on GitHub, from
    every enabled blocking policy whose scope covers the branch on Azure DevOps."""

    subject: ClassVar = Branch
    name: ClassVar = "branch_rules"

    protections: tuple[Protection, ...]
    not_in_force: tuple[str, ...] = ()
    """Names of rulesets in ``evaluate`` mode and of policies that do not block: shown, never counted."""
    force_push_needs_permission: bool = False
    """Azure DevOps: force push and deletion are refused unless a permission allows them; see ``BypassActors``."""


@dataclass(frozen=True, slots=True)
class BypassActor:
    """Somebody who can go round a protection."""

    name: str
    """``team ops``, ``role admin``, ``ana``, ``organisation administrators``."""
    kind: str
    """``user``, ``team``, ``role``, ``app``, ``deploy key``, ``group``."""
    source: str
    """Which protection, or which permission, lets them."""
    can_force_push: bool = False


@dataclass(frozen=True)
class BypassActors(Fact):
    """Who can bypass the branch's protection: bypass lists and unbound administrators on GitHub; bypass and force-push
    permissions on Azure DevOps."""

    subject: ClassVar = Branch
    name: ClassVar = "bypass_actors"

    actors: tuple[BypassActor, ...]


@dataclass(frozen=True)
class SecretScanning(Fact):
    """The platform's own secret scanning on a repository."""

    subject: ClassVar = Repository
    name: ClassVar = "secret_scanning"

    enabled: bool
    push_protection: bool | None
    """None: the platform does not say."""
