"""The rule ``branch-protection``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bot.model.facts import NotSupported, Unavailable
from bot.model.facts.protection import BranchRules, BypassActor, BypassActors, ClassicProtection
from bot.model.findings import Evidence, Finding, NotApplicable, Statement, Unknown
from bot.model.subjects import Branch, Platform, Repository
from bot.rules import RuleParams, Tighter, rule
from bot.rules.approve.effective_protection import Effective


class Params(RuleParams):
    """The least protection of the default branch. None, and false, demand nothing."""

    pull_request: Annotated[bool, Tighter.TRUE] = True
    """Changes come through a pull request."""
    approvals: Annotated[int | None, Tighter.MORE] = Field(default=1, ge=1)
    """How many approvals a pull request needs at least."""
    author_may_approve: Annotated[bool, Tighter.FALSE] = False
    """Whether approvals may be ones that count the author's own vote (a choice on Azure DevOps)."""
    dismiss_stale: Annotated[bool, Tighter.TRUE] = False
    """A push takes approvals away."""
    last_push_approval: Annotated[bool, Tighter.TRUE] = False
    """Somebody other than the last pusher must approve."""
    code_owners: Annotated[bool, Tighter.TRUE] = False
    """Code owners (Azure DevOps: required reviewers) must approve."""
    conversations: Annotated[bool, Tighter.TRUE] = False
    """Conversations must be resolved."""
    checks_required: Annotated[bool, Tighter.TRUE] = False
    """At least one check must succeed."""
    checks: Annotated[frozenset[str], Tighter.SUPERSET] = frozenset()
    """Names of checks that must be required."""
    pin_checks: Annotated[bool, Tighter.TRUE] = False
    """Each required check must be bound to the app, or the build definition, that reports it."""
    strict_checks: Annotated[bool, Tighter.TRUE] = False
    """The branch must be up to date before merging (Azure DevOps: builds expire when the base moves)."""
    linear_history: Annotated[bool, Tighter.TRUE] = False
    """No merge commits."""
    signatures: Annotated[bool, Tighter.TRUE] = False
    """Commits must be signed."""
    work_items: Annotated[bool, Tighter.TRUE] = False
    """A work item must be linked."""
    max_bypass: Annotated[int | None, Tighter.LESS] = Field(default=None, ge=0)
    """How many people, teams, roles and apps may be able to go round the protection; without it they are only listed."""
    forbid_force_push: Annotated[bool, Tighter.TRUE] = True
    """History cannot be rewritten."""
    forbid_deletion: Annotated[bool, Tighter.TRUE] = True
    """The branch cannot be deleted."""


@rule(
    "branch-protection",
    severity="high",
    params=Params,
    controls=[
        "CIS-SSC:1.1.3",
        "ISO27001:A.8.2",
        "ISO27001:A.8.4",
        "ISO27001:A.8.32",
        "NIST-SSDF:PS.1.1",
        "OSPS-BASELINE:OSPS-AC-03.01",
        "OSPS-BASELINE:OSPS-AC-03.02",
        "OSPS-BASELINE:OSPS-QA-03.01",
        "OSPS-BASELINE:OSPS-QA-07.01",
        "SCORECARD:Branch-Protection",
        "SLSA-SOURCE:L2",
        "SLSA-SOURCE:L3",
        "SLSA-SOURCE:L4",
        "SOC2:CC6.3",
        "SOC2:CC6.8",
        "SOC2:CC8.1",
    ],
)
def branch_protection(
    repository: Repository,
    branch: Branch,
    classic: ClassicProtection | Unavailable | NotSupported,
    rules: BranchRules | Unavailable | NotSupported,
    bypass: BypassActors | Unavailable | NotSupported,
    params: Params,
) -> Iterator[Statement]:
    """The default branch is protected at least this much, counting everything that is in force.

    The effective protection is the strictest of each setting over classic protection and every active ruleset of
    repository and organisation (GitHub), or over every enabled blocking policy whose scope covers the branch (Azure
    DevOps). Rulesets in evaluate mode and policies that do not block are shown and do not count. Only the default
    branch is judged.

    Each setting can only add strictness. So what is visible can prove that a demand is met; what is not visible is
    unknown, never off. A demand that the platform has no setting for is shown and not held against the repository.

    Why:
        Every other control of a change rests on this one: what reviews and checks decide counts only where nobody can
        push past them. History that can be rewritten proves nothing.

    Evidence:
        A table of the settings with their values and what sets them, and everybody who can bypass them.

    How to fix:
        On GitHub add a ruleset for the default branch under Settings, Rules, Rulesets, and make it active. On Azure DevOps
        set the branch policies under Repositories, Policies, and the permissions under Security of the branch.

    Example:
        - rule: branch-protection
          enforce: audit
          with:
            approvals: 2
            dismiss_stale: true
            checks: [build, test]
            pin_checks: true
            max_bypass: 0
    """
    if isinstance(classic, NotSupported) and isinstance(rules, NotSupported):
        yield NotApplicable(rules.reason)
        return
    effective = _effective(classic, rules)
    unread = [answer for answer in (classic, rules) if isinstance(answer, Unavailable)]
    lines = list(_lines(effective, repository.platform, params))
    yield from (line.evidence for line in lines)
    if isinstance(rules, BranchRules) and rules.not_in_force:
        yield Evidence("not in force", ", ".join(rules.not_in_force))
    unmet = [line for line in lines if line.met is False]
    if unmet and unread:
        names = ", ".join(line.setting for line in unmet)
        yield from (Unknown(each.kind, f"{names} of {branch.branch}: {each.reason}") for each in unread)
    elif unmet and not effective.protections:
        yield _unprotected(branch, unmet)
    else:
        yield from (line.finding(branch) for line in unmet)
    if params.pin_checks and not unmet:
        yield from (
            Unknown(one.kind, f"whether every required check of {branch.branch} is pinned: {one.reason}")
            for one in unread
        )
    yield from _bypass(branch, bypass, effective, params)


@dataclass(frozen=True, slots=True)
class Line:
    """One setting: what is demanded, what is effective."""

    setting: str
    value: str
    met: bool | None
    """None: nothing is demanded, or the platform has no such setting."""
    wrong: str = ""
    fix: str = ""

    @property
    def evidence(self) -> Evidence:
        """A line of the table."""
        return Evidence(self.setting, self.value, ok=self.met)

    def finding(self, branch: Branch) -> Finding:
        """What is wrong, where it is not met."""
        return Finding(f"{branch.branch}: {self.wrong}.", f"{self.fix}.", (self.evidence,), discriminator=self.setting)


def _effective(
    classic: ClassicProtection | Unavailable | NotSupported, rules: BranchRules | Unavailable | NotSupported
) -> Effective:
    visible = [*(classic.protections if isinstance(classic, ClassicProtection) else ())]
    visible += rules.protections if isinstance(rules, BranchRules) else ()
    return Effective(tuple(visible), isinstance(rules, BranchRules) and rules.force_push_needs_permission)


# The demands that are on or off: the parameter, the field of Protection, what is wrong without it, how to turn it on.
_SWITCHES = (
    (
        "dismiss_stale",
        "approvals survive a push",
        "Turn on: Dismiss stale approvals (GitHub), reset votes on new changes (Azure DevOps)",
    ),
    (
        "last_push_approval",
        "the last pusher's approval is enough",
        "Turn on: Require approval of the most recent push (GitHub), prohibit the most recent pusher from approving "
        "(Azure DevOps)",
    ),
    (
        "code_owners",
        "code owners need not approve",
        "Turn on: Require review from Code Owners (GitHub), or add required reviewers (Azure DevOps)",
    ),
    (
        "conversations",
        "conversations may stay unresolved",
        "Turn on: Require conversation resolution (GitHub), check for comment resolution (Azure DevOps)",
    ),
    (
        "strict_checks",
        "a pull request may be merged without being up to date",
        "Turn on: Require branches to be up to date (GitHub), let builds expire at once when the branch moves (Azure DevOps)",
    ),
    (
        "linear_history",
        "merge commits are allowed",
        "Turn on: Require linear history (GitHub), limit merge types to squash or rebase (Azure DevOps)",
    ),
    ("signatures", "commits need no signature", "Turn on: Require signed commits"),
    ("work_items", "no linked work item is required", "Turn on: Check for linked work items"),
)
# Azure Repos has no policy for signatures; GitHub none for work items.
_NO_SUCH_SETTING = {
    Platform.AZURE_DEVOPS: frozenset({"signatures"}),
    Platform.GITHUB: frozenset({"work_items"}),
    Platform.LOCAL: frozenset[str](),
}


def _lines(effective: Effective, platform: Platform, params: Params) -> Iterator[Line]:
    """Every setting, demanded or not."""
    pull_request = effective.pull_request()
    yield Line(
        "pull_request",
        str(pull_request),
        pull_request.on if params.pull_request else None,
        "changes can be pushed without a pull request",
        "Require a pull request before merging (GitHub), or any branch policy (Azure DevOps)",
    )
    yield _approvals(effective, params)
    for field, wrong, fix in _SWITCHES:
        demanded = bool(getattr(params, field))
        switch = effective.switch(field)
        if field in _NO_SUCH_SETTING[platform] and not switch.on:
            if demanded:
                yield Line(field, f"demanded, but {platform} has no such setting", None)
            continue
        if field == "strict_checks" and demanded and switch.on and not effective.checks():
            yield Line(
                field, f"{switch}, but no check is required", False, "no check is required to be up to date", fix
            )
            continue
        yield Line(field, str(switch), switch.on if demanded else None, wrong, fix)
    yield from _checks(effective, params)
    for field, demanded, what in (
        ("forbids_force_push", params.forbid_force_push, "force pushes"),
        ("forbids_deletion", params.forbid_deletion, "deletion"),
    ):
        switch = effective.forbidden(field)
        yield Line(
            field.replace("forbids", "forbid"),
            str(switch),
            switch.on if demanded else None,
            f"{what} of the branch {'are' if what.endswith('es') else 'is'} allowed",
            f"Block {what} in a ruleset, or do not allow {what} in classic protection (GitHub)",
        )


def _approvals(effective: Effective, params: Params) -> Line:
    count, source = effective.approvals(params.author_may_approve)
    own = [] if params.author_may_approve else list(effective.self_approving())
    value = f"{count} ({source})" if count else "none"
    if own:
        value += f"; counts the author's own vote: {', '.join(own)}"
    if params.approvals is None:
        return Line("approvals", value, None)
    wrong = f"{count} of {params.approvals} approvals are required"
    if own:
        wrong += f", leaving out {', '.join(own)}, which counts the author's own vote"
    fix = f"Require at least {params.approvals} approvals"
    return Line("approvals", value, count >= params.approvals, wrong, fix + (", the author's left out" if own else ""))


def _checks(effective: Effective, params: Params) -> Iterator[Line]:
    required, of_some = effective.checks(), effective.checks_of_some()
    named = ", ".join(sorted(required)) or "none"
    fix = "Add it to the required status checks (GitHub), or as a required build validation or status (Azure DevOps)"
    if params.checks_required or not params.checks:
        met = bool(required) if params.checks_required else None
        yield Line("checks", named, met, "no check is required of every change", fix)
    for name in sorted(params.checks):
        wrong = f"the check {name} is not required, but {named}" if required else f"the check {name} is not required"
        if name in of_some:
            wrong = f"the check {name} is required only of changes to {', '.join(of_some[name])}"
        yield Line(f"check {name}", "required" if name in required else "not required", name in required, wrong, fix)
    if params.pin_checks:
        for name in sorted(name for name, pinned in required.items() if not pinned):
            yield Line(
                f"check {name} pinned",
                "anyone may report it",
                False,
                f"the required check {name} may be reported by anyone who can write",
                "Choose the app that reports it as the check's source (GitHub), or set an authorized account (Azure DevOps)",
            )


def _unprotected(branch: Branch, unmet: Sequence[Line]) -> Finding:
    return Finding(
        f"{branch.branch} is not protected: nothing is in force on it.",
        "Add an active ruleset for the default branch (GitHub), or branch policies (Azure DevOps), with "
        f"{', '.join(line.setting for line in unmet)}.",
        tuple(line.evidence for line in unmet),
        discriminator="unprotected",
    )


# Groups of administrators may force a push and are listed; any other group or team may be everybody who can write.
_GROUPS = frozenset({"group", "team"})


def _bypass(
    branch: Branch, bypass: BypassActors | Unavailable | NotSupported, effective: Effective, params: Params
) -> Iterator[Statement]:
    if isinstance(bypass, NotSupported):
        return
    if isinstance(bypass, Unavailable):
        if params.max_bypass is not None or (params.forbid_force_push and effective.force_push_needs_permission):
            yield Unknown(bypass.kind, f"who can bypass the protection of {branch.branch}: {bypass.reason}")
        else:
            yield Evidence("can bypass", f"not known: {bypass.reason}")
        return
    yield from (_can_bypass(actor) for actor in bypass.actors)
    actors = list(dict.fromkeys(f"{actor.kind} {actor.name}" for actor in bypass.actors))
    if params.max_bypass is not None and len(actors) > params.max_bypass:
        yield Finding(
            f"{branch.branch}: {len(actors)} can bypass the protection, and at most {params.max_bypass} may: "
            f"{', '.join(actors[:20])}{' and more' if len(actors) > 20 else ''}.",
            "Take them off the bypass lists, let the protection bind administrators (GitHub), or deny them the bypass and "
            "force-push permissions (Azure DevOps).",
            tuple(_can_bypass(actor) for actor in bypass.actors),
            discriminator="bypass",
        )
    if params.forbid_force_push and effective.force_push_needs_permission:
        for actor in bypass.actors:
            if actor.can_force_push and actor.kind in _GROUPS and not actor.name.casefold().endswith("administrators"):
                yield Finding(
                    f"{branch.branch}: force pushes are allowed to the {actor.kind} {actor.name}.",
                    f"Deny {actor.name} the permission Force push on {branch.branch}.",
                    (_can_bypass(actor),),
                    discriminator=f"force-push/{actor.name}",
                )


def _can_bypass(actor: BypassActor) -> Evidence:
    force = ", and can force-push" if actor.can_force_push else ""
    return Evidence("can bypass", f"{actor.kind} {actor.name} (by {actor.source}{force})")
