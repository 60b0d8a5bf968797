"""Whether a gate binds: is its check required, under the name that it posts, from somebody whom not everybody can be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from bot.engine.ports import Known
from bot.model.facts import Loaded, Unavailable
from bot.model.facts.pipelines import PipelineDefinition, Pipelines
from bot.model.facts.protection import (
    BranchRules,
    BypassActors,
    ClassicProtection,
    Protection,
    RequiredCheck,
    RequiredWorkflow,
)
from bot.model.subjects import Branch, Platform

FACTS = (BranchRules, ClassicProtection, BypassActors, Pipelines)
"""What it is told by."""
GENRE = "almguard"
"""What the names of statuses on Azure DevOps begin with."""
ACTIONS = "github-actions"
"""The app that every workflow posts as."""
NAMES_SHOWN = 6
_ALIKE = 0.8
_BUILD_SERVICE = re.compile(r"\bbuild service\b", re.I)
_RUNS_GATE = re.compile(r"\balmguard\b|-m[ ]bot\b", re.I)


class State(StrEnum):
    """What is to be thought of something that was looked at."""

    FINE = "fine"
    ADVICE = "advice"
    """The gate is advice only, or something about it should be mended."""
    NOTE = "note"
    UNKNOWN = "unknown"
    """It cannot be told whether the gate binds."""
    UNREADABLE = "unreadable"
    """A rule lacks something that it needs."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that was looked at."""

    state: State
    what: str
    detail: str = ""
    """Why, and what to do next."""


def posted_as(branch: Branch, context: str) -> str:
    """The name that platforms know the gate's check by."""
    return f"{GENRE}/{context}" if branch.platform is Platform.AZURE_DEVOPS else context


def is_protected(branch: Branch, known: Known) -> bool:
    """Whether anything is asked of changes to the branch, as far as is seen."""
    return bool(_protections(branch, known)[0])


def authors(branch: Branch, known: Known) -> frozenset[str]:
    """Who alone may post required checks."""
    return frozenset(check.app for one in _protections(branch, known)[0] for check in one.checks if check.app)


def binding(
    branch: Branch, context: str, known: Known, *, app_id: str | None = None, names: Mapping[str, str] | None = None
) -> Iterator[Statement]:
    """Whether the gate binds on a branch, and why not.

    Args:
        branch: where pull requests go into.
        context: the name of the check there, by the configuration.
        known: holds ``FACTS``.
        app_id: the GitHub App that this run posts as, where it is one.
        names: what people call the authors of statuses on Azure DevOps, by their ids.
    """
    protections, hidden = _protections(branch, known)
    posted = posted_as(branch, context)
    on_azure = branch.platform is Platform.AZURE_DEVOPS
    listed = [(one, check) for one in protections for check in one.checks if check.pipeline_id is None]
    required = [(one, check) for one, check in listed if check.name == posted]
    near = [(one, check) for one, check in listed if check.name != posted and _alike(check.name, posted, context)]
    weak = [(one, check, list(_weaknesses(check, on_azure, app_id, names or {}))) for one, check in required]
    workflows = [(one, workflow) for one in protections for workflow in one.workflows]
    gates = [(one, workflow) for one, workflow in workflows if GENRE in workflow.path.casefold()]
    strong = [(one, check) for one, check, reasons in weak if not reasons]
    if strong:
        one, check = strong[0]
        whose = _author(check, names or {})
        yield Statement(
            State.FINE, f"it binds: {one.source} requires {posted!r} on {branch.branch}, from {whose} alone"
        )
    elif gates:
        yield _by_workflow(branch, *gates[0])
    elif weak:
        yield from _too_weak(branch, posted, weak)
    elif near:
        yield from (_mismatch(one, check, posted, context, on_azure=on_azure) for one, check in near)
    else:
        yield _not_required(branch, posted, hidden, on_azure=on_azure)
    if required:
        for one, check in near:
            yield Statement(
                State.ADVICE,
                f"{one.source} requires {check.name!r} as well, and the gate posts {posted!r} alone",
                f"Merging into {branch.branch} waits for {check.name!r} until something posts it: take it out there.",
            )
    if not (strong or gates):
        yield from (
            Statement(
                State.UNKNOWN, f"whether {what} requires {posted!r} on {branch.branch} is not visible", reason.reason
            )
            for what, reason in hidden
        )
        yield from _not_in_force(branch, known)
    for one, workflow in workflows:
        if (one, workflow) not in gates:
            yield Statement(
                State.NOTE,
                f"{one.source} requires the workflow {workflow.path} on {branch.branch}",
                "If it runs the gate, the gate binds: nobody here can change what a required workflow runs.",
            )
    if on_azure:
        yield from _started(branch, known)
    yield from _bypass(branch, known)


def _protections(branch: Branch, known: Known) -> tuple[list[Protection], list[tuple[str, Unavailable]]]:
    """The protections that are seen, and those that are not."""
    found: list[Protection] = []
    hidden: list[tuple[str, Unavailable]] = []
    classic, rules = known.answer(ClassicProtection, branch), known.answer(BranchRules, branch)
    what = "a policy" if branch.platform is Platform.AZURE_DEVOPS else "a ruleset"
    for answer, name in ((rules, what), (classic, "classic protection")):
        if isinstance(answer, Loaded) and isinstance(answer.value, BranchRules | ClassicProtection):
            found += answer.value.protections
        elif isinstance(answer, Unavailable):
            hidden.append((name, answer))
    return found, hidden


def _weaknesses(check: RequiredCheck, on_azure: bool, app_id: str | None, names: Mapping[str, str]) -> Iterator[str]:
    """Why a required check proves nothing; each with what to do."""
    if on_azure:
        author = names.get(check.app or "", "")
        if check.app is None:
            yield (
                "whoever may contribute to pull requests can post it. In the policy, under Authorized account, name the "
                "identity that the gate posts as"
            )
        elif _BUILD_SERVICE.search(author):
            yield (
                f"every pipeline of the project posts as {author}. Post with a token of an identity of the gate's own "
                "(AZURE_DEVOPS_EXT_PAT), and name that in the policy"
            )
        if check.on_newest_push is False:
            yield (
                "a verdict on an older push still counts after a new one. In the policy, choose to reset conditions whenever "
                "there are new changes"
            )
        if check.only_when_posted:
            yield (
                "a pull request that nothing was posted to needs none. In the policy, let it apply by default instead of "
                "conditionally"
            )
        if check.paths:
            yield (
                f"only pull requests that change {_some(check.paths)} need it. In the policy, take the path filter out"
            )
    elif check.app is None:
        yield (
            "whoever may write to the repository can post it. Pin the check to the GitHub App that the gate posts as "
            "(ALMGUARD_APP_ID), one that nothing else uses"
        )
    elif check.app == ACTIONS:
        yield (
            "it is pinned to GitHub Actions, and every workflow posts as that, one in a pull request's own branch too. Let a "
            "GitHub App of the gate's own post it (ALMGUARD_APP_ID) and pin the check to that, or require the gate's workflow "
            "in a ruleset of the organisation"
        )
    elif app_id and (pinned := re.fullmatch(r"app ([0-9]+)", check.app)) and pinned[1] != app_id:
        yield f"it is pinned to {check.app}, and this run posts as app {app_id}, which does not count. Pin it to app {app_id}"


def _author(check: RequiredCheck, names: Mapping[str, str]) -> str:
    return names.get(check.app or "", "") or f"the app {check.app}".replace("the app app ", "app ")


def _by_workflow(branch: Branch, one: Protection, workflow: RequiredWorkflow) -> Statement:
    own = branch.repository.id.endswith(f"/{workflow.repository_id}")
    at = f" at {workflow.ref}" if workflow.ref else ""
    if own:
        return Statement(
            State.ADVICE,
            f"advice only: {one.source} requires the workflow {workflow.path}{at}, which is in this repository itself",
            "Whoever may write here can change it. Keep the gate's workflow in a repository of the organisation's own.",
        )
    return Statement(State.FINE, f"it binds: {one.source} requires the workflow {workflow.path}{at} on {branch.branch}")


def _too_weak(
    branch: Branch, posted: str, weak: Sequence[tuple[Protection, RequiredCheck, list[str]]]
) -> Iterator[Statement]:
    for one, _, reasons in weak:
        first, *others = (reason.split(". ", 1) for reason in reasons)
        advice = [f"{part[0][:1].upper()}{part[0][1:]}. {part[1]}." for part in others]
        yield Statement(
            State.ADVICE,
            f"advice only: {one.source} requires {posted!r} on {branch.branch}, but {first[0]}",
            " ".join([f"{first[1]}.", *advice]),
        )


def _mismatch(one: Protection, check: RequiredCheck, posted: str, context: str, *, on_azure: bool) -> Statement:
    genre, slash, name = check.name.rpartition("/")
    if on_azure and (not slash or genre != GENRE):
        other = f"give it the genre {GENRE!r} and the name {context!r}"
    elif on_azure:
        other = f"give it the name {context!r}, or set gate.context to {name!r} in the configuration"
    else:
        other = f"write {posted!r} there, or set gate.context to {check.name!r} in the configuration"
    return Statement(
        State.ADVICE,
        f"advice only: {one.source} requires {check.name!r}, the gate posts {posted!r}",
        f"Names are compared letter by letter, and merging waits for {check.name!r} for ever: {other}.",
    )


def _not_required(
    branch: Branch, posted: str, hidden: Sequence[tuple[str, Unavailable]], *, on_azure: bool
) -> Statement:
    seen = ", as far as this token sees" if hidden else ""
    if on_azure:
        advice = (
            f"Add a status policy to the branch: genre {GENRE!r}, name {posted.partition('/')[2]!r}, the gate's identity as "
            "authorized account, reset whenever there are new changes."
        )
    else:
        advice = (
            f"Require {posted!r} in a ruleset of the branch, pinned to a GitHub App of the gate's own (ALMGUARD_APP_ID); or "
            "require the gate's workflow in a ruleset of the organisation."
        )
    return Statement(
        State.ADVICE, f"advice only{seen}: the check {posted!r} is not required on {branch.branch}", advice
    )


def _alike(name: str, posted: str, context: str) -> bool:
    """Whether a name was probably meant to be the gate's."""
    one, ours = name.strip().casefold(), {posted.casefold(), context.casefold()}
    if one in ours or GENRE in one or one.rpartition("/")[2] in ours:
        return True
    return any(SequenceMatcher(None, one, other).ratio() >= _ALIKE for other in ours)


def _not_in_force(branch: Branch, known: Known) -> Iterator[Statement]:
    rules = known.value(BranchRules, branch)
    if rules is not None and rules.not_in_force:
        yield Statement(State.NOTE, f"not in force on {branch.branch}: {_some(rules.not_in_force)}")


def _started(branch: Branch, known: Known) -> Iterator[Statement]:
    """Azure DevOps: whether a build validation starts the gate. Azure Repos has no trigger for pull requests in YAML."""
    answer = known.answer(Pipelines, branch)
    if isinstance(answer, Unavailable):
        yield Statement(
            State.NOTE, f"whether anything starts the gate on {branch.branch} is not visible", answer.reason
        )
        return
    found = known.value(Pipelines, branch)
    running = [one for one in found.definitions if _runs_gate(one)] if found is not None else []
    validating = [(one, t) for one in running for t in one.triggers if t.event == "pull_request"]
    everywhere = [(one, trigger) for one, trigger in validating if not trigger.paths]
    if validating and not everywhere:
        name, trigger = validating[0][0].name, validating[0][1]
        yield Statement(
            State.ADVICE,
            f"the build validation {name!r} starts the gate only where {_some(trigger.paths)} is changed",
            "Take the path filter out of the build validation: nothing starts the gate for any other pull request.",
        )
    elif any(trigger.blocking for _, trigger in everywhere):
        name = next(one.name for one, trigger in everywhere if trigger.blocking)
        yield Statement(State.FINE, f"the build validation {name!r} starts the gate, and is required")
    elif everywhere:
        yield Statement(
            State.ADVICE,
            f"the build validation {everywhere[0][0].name!r} starts the gate, and is optional",
            "Where the gate's status is required that is enough; else a pull request can be completed without it.",
        )
    elif running:
        yield Statement(
            State.ADVICE,
            f"nothing starts the gate: {running[0].name!r} runs it, and is no build validation of {branch.branch}",
            "Azure Repos ignores pr: in YAML. Add the pipeline under Build Validation in the branch's policies.",
        )
    else:
        yield Statement(
            State.NOTE,
            f"no pipeline was recognised as running the gate on {branch.branch}",
            "That is right where a service hook, or a pipeline of another repository, runs it.",
        )


def _runs_gate(definition: PipelineDefinition) -> bool:
    said = [definition.name, *definition.templates]
    said += [text for job in definition.jobs for text in (job.name, job.uses or "")]
    said += [text for job in definition.jobs for step in job.steps for text in (step.run or "", step.uses or "")]
    return any(_RUNS_GATE.search(text) for text in said)


def _bypass(branch: Branch, known: Known) -> Iterator[Statement]:
    answer = known.answer(BypassActors, branch)
    if isinstance(answer, Unavailable):
        yield Statement(State.NOTE, f"who may bypass the protection of {branch.branch} is not visible", answer.reason)
        return
    found = known.value(BypassActors, branch)
    if found is None or not is_protected(branch, known):
        return
    actors = list(dict.fromkeys(actor.name for actor in found.actors))
    if actors:
        yield Statement(State.NOTE, f"may bypass the protection of {branch.branch}: {_some(actors)}")
    else:
        yield Statement(State.FINE, f"nobody may bypass the protection of {branch.branch}")


def _some(names: Iterable[str]) -> str:
    every = list(names)
    shown = ", ".join(every[:NAMES_SHOWN])
    return f"{shown}, and {len(every) - NAMES_SHOWN} more" if len(every) > NAMES_SHOWN else shown
