"""The lines of the table of a release that can be rolled back: what was seen of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import LinkSource
from bot.model.facts.release import (
    Artifact,
    DeploymentState,
    PreviousRelease,
    Procedure,
    ReleaseChanges,
    ReleaseConfiguration,
    ReleaseRecord,
    RollbackProcedures,
)
from bot.model.findings import Evidence
from bot.model.prose import said_by_the_writer
from bot.model.references import find_references
from bot.model.subjects import Platform, Release
from bot.rules.release.migrations import way_back
from bot.rules.release.way_back import Reversibility

Missing = Unavailable | NotSupported


class State(StrEnum):
    """How a line stands."""

    READY = "ready"
    MISSING = "missing"
    UNKNOWN = "unknown"
    NOWHERE = "nowhere"
    """The platform has no such thing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line."""

    state: State
    value: str
    fix: str = ""
    url: str = ""
    kind: UnknownKind = UnknownKind.UNREADABLE

    def evidence(self, name: str) -> Evidence:
        """The line as the table shows it."""
        ok = {State.READY: True, State.MISSING: False}.get(self.state)
        return Evidence(name, self.value, self.url, ok=ok)


def _unread(answer: Missing) -> Line:
    if isinstance(answer, NotSupported):
        return Line(State.NOWHERE, answer.reason)
    return Line(State.UNKNOWN, answer.reason, url=answer.url, kind=answer.kind)


def previous(release: Release, fact: PreviousRelease) -> Line:
    """An earlier release was deployed successfully to the same environment, and is another commit."""
    place = release.environment or "any environment"
    fix = f"Deploy a release to {place} that works before this one; until then there is nothing to go back to."
    deployment = fact.deployment
    if deployment is None:
        return Line(State.MISSING, f"no earlier release was deployed successfully to {place}", fix)
    name = deployment.version or deployment.commit[:10]
    if deployment.commit == release.commit:
        return Line(State.MISSING, f"{name}, deployed before, is the same commit {release.commit[:10]}", fix)
    if deployment.state is not DeploymentState.SUCCEEDED:
        return Line(State.MISSING, f"the deployment of {name} has {deployment.state}", fix, deployment.url)
    return Line(State.READY, f"{name}, deployed on {deployment.at:%Y-%m-%d}", url=deployment.url)


def artifacts(fact: PreviousRelease, now: datetime, keep: timedelta) -> Line:
    """What the previous release consists of can be fetched, and for a while yet."""
    fix = (
        "Keep or rebuild them: longer artifact retention or release assets (GitHub), a retention lease on the run (Azure "
        "DevOps), images by digest."
    )
    if fact.deployment is None:
        return Line(State.MISSING, "there is no previous release to fetch", fix)
    if fact.artifacts_unreadable:
        return Line(State.UNKNOWN, fact.artifacts_unreadable, kind=UnknownKind.SCOPE)
    until = now + keep
    problems = [problem for artifact in fact.artifacts if (problem := _artifact_problem(artifact, until))]
    if fact.run_exists is False:
        problems.append("the run that would be run again was deleted")
    elif fact.run_exists and (fact.leased_until is None or fact.leased_until < until):
        ends = (
            "has no retention lease" if fact.leased_until is None else f"is leased until {fact.leased_until:%Y-%m-%d}"
        )
        problems.append(f"the run {ends}, and must be kept until {until:%Y-%m-%d}")
    if not fact.artifacts and fact.run_exists is None:
        problems.append("it has no assets, artifacts or images")
    if problems:
        return Line(State.MISSING, "; ".join(problems), fix)
    names = ", ".join(artifact.name for artifact in fact.artifacts) or "the run can be run again"
    return Line(State.READY, names)


def _artifact_problem(artifact: Artifact, until: datetime) -> str:
    name = f"{artifact.kind} {artifact.name}"
    if not artifact.available:
        return f"{name} cannot be fetched any more"
    if artifact.expires_at is not None and artifact.expires_at < until:
        return f"{name} expires on {artifact.expires_at:%Y-%m-%d}, and must be kept until {until:%Y-%m-%d}"
    if artifact.kind == "image" and artifact.digest is None:
        return f"{name} is not known by digest, and its tag may have moved"
    return ""


def procedure(fact: RollbackProcedures | Missing, command: str | None, previous: PreviousRelease) -> Line:
    """A way back is defined and can be taken."""
    if command is not None:
        return Line(State.READY, f"declared command: {command}")
    if not isinstance(fact, RollbackProcedures):
        return _unread(fact)
    ways = [(way, _unreachable(way, previous)) for way in fact.procedures]
    for way, problem in ways:
        if not problem:
            return Line(State.READY, f"{way.kind} {way.name}", url=way.url)
    if fact.unreadable:
        return Line(State.UNKNOWN, f"a pipeline could not be read: {'; '.join(fact.unreadable)}")
    return Line(
        State.MISSING,
        "; ".join(f"{way.name} {problem}" for way, problem in ways) or "no way back is defined",
        "Add a workflow with workflow_dispatch and an input for the version that its steps use (GitHub), let the deployment "
        "stage be run again (Azure DevOps), or declare procedure_command.",
    )


def _unreachable(way: Procedure, previous: PreviousRelease) -> str:
    if not way.enabled:
        return "is disabled"
    if way.kind == "stage_rerun" and previous.run_exists is False:
        return "would run a deleted run again"
    if way.kind == "workflow_dispatch":
        if way.input is None:
            return "has no input for the version"
        if not way.reads_input:
            return f"has the input {way.input}, which no step reads"
    return ""


def rehearsed(fact: RollbackProcedures | Missing, now: datetime, within: timedelta) -> Line:
    """An older version was really put back, not long ago."""
    if not isinstance(fact, RollbackProcedures):
        return _unread(fact)
    past = [rehearsal for rehearsal in fact.rehearsals if rehearsal.at <= now]
    last = max(past, key=lambda rehearsal: rehearsal.at, default=None)
    fix = "Roll back once on purpose, in this environment, and forward again."
    if last is None:
        return Line(State.MISSING, "no older version was ever put back", fix)
    value = f"{last.what} on {last.at:%Y-%m-%d}"
    if last.at < now - within:
        return Line(State.MISSING, f"{value}, more than {within.days} days ago", fix, last.url)
    return Line(State.READY, value, url=last.url)


_NOTHING_BEFORE = "no previous release is known, and so not what lies between"


def migrations(fact: ReleaseChanges | Missing, previous: PreviousRelease) -> Line:
    """Each schema migration since the previous release can be undone."""
    if previous.deployment is None:
        return Line(State.UNKNOWN, _NOTHING_BEFORE)
    if not isinstance(fact, ReleaseChanges):
        return _unread(fact)
    ways = [(file.path, way) for file in fact.added if (way := way_back(file.path, file.text, fact.siblings))]
    refused = [f"{path}: {way.reason}" for path, way in ways if way.reversible is Reversibility.NO]
    if refused:
        return Line(
            State.MISSING,
            f"{len(refused)} of {len(ways)} migrations cannot be undone: {'; '.join(refused[:10])}"
            + (f"; and {len(refused) - 10} more" if len(refused) > 10 else ""),
            "Give each its way back, or write `almguard: expand-only` in a comment where the old version can live with it.",
        )
    untold = [f"{path}: {way.reason}" for path, way in ways if way.reversible is Reversibility.UNTOLD]
    if untold:
        return Line(State.UNKNOWN, f"whether a migration can be undone is not known: {'; '.join(untold[:10])}")
    if not ways:
        return Line(State.READY, "no migrations in between")
    return Line(State.READY, f"{len(ways)} can be undone: {', '.join(path for path, _ in ways[:10])}")


def immutable(release: Release, fact: ReleaseRecord | Missing) -> Line:
    """What was released is what the name still stands for."""
    if not isinstance(fact, ReleaseRecord):
        return _unread(fact)
    if fact.tag is None and release.release_kind in ("run", "classic"):
        return Line(
            State.READY, f"the run {release.version} stands for the commit {fact.released_commit[:10]} for good"
        )
    if fact.tag_commit is None:
        return Line(
            State.MISSING,
            f"the tag {fact.tag or release.version} does not exist",
            f"Tag the commit {fact.released_commit[:10]} again.",
        )
    if fact.tag_commit != fact.released_commit:
        return Line(
            State.MISSING,
            f"the tag {fact.tag} was moved from {fact.released_commit[:10]} to {fact.tag_commit[:10]}",
            f"Move the tag back to {fact.released_commit[:10]}, and protect tags by a ruleset.",
        )
    if fact.immutable:
        return Line(State.READY, "the release is immutable")
    if fact.attested:
        return Line(State.READY, "its assets are attested")
    bare = [asset.name for asset in fact.assets if asset.digest is None]
    if fact.assets and not bare:
        return Line(State.READY, "its assets have digests")
    if fact.immutable is None and release.platform is Platform.AZURE_DEVOPS and not fact.attested:
        return Line(
            State.NOWHERE,
            "Azure DevOps has neither immutable releases nor attestations, and tags can be moved there: deny Force push on "
            "refs/tags, or release runs instead of tags",
        )
    if fact.immutable is None and release.release_kind != "tag":
        return Line(
            State.UNKNOWN,
            "the platform does not tell whether the release is immutable, and its assets have neither digests nor "
            "attestations: turn on immutable releases, or attest the assets",
        )
    if fact.assets and fact.attested is None:
        return Line(State.UNKNOWN, "whether its assets are attested could not be read, and they have no digests")
    without = f"{', '.join(bare)} could be exchanged" if bare else "it has no assets, and its tag can be moved"
    return Line(
        State.MISSING, f"the release is not immutable; {without}", "Turn on immutable releases, or attest the assets."
    )


def notes(record: ReleaseRecord | Missing, changes: ReleaseChanges | Missing, previous: PreviousRelease) -> Line:
    """Release notes exist, and name what lies between the two."""
    if not isinstance(record, ReleaseRecord):
        return _unread(record)
    fix = "Write release notes that name each work item since the previous release."
    if not record.notes.strip():
        return Line(State.MISSING, "there are no release notes", fix)
    if previous.deployment is None:
        return Line(State.UNKNOWN, _NOTHING_BEFORE)
    if not isinstance(changes, ReleaseChanges):
        return _unread(changes)
    unnamed = [item for item in changes.work_items if not _names(record.notes, item)]
    if unnamed:
        return Line(State.MISSING, f"the release notes do not name {', '.join(unnamed)}", fix)
    if not changes.work_items:
        return Line(State.READY, "there are release notes, and no work items in between")
    return Line(State.READY, f"they name {', '.join(changes.work_items)}")


def _names(text: str, item: str) -> bool:
    """Whether a text names a work item as written (``AB#12``, ``#7``, ``PAY-3``), or by its address."""
    if re.search(rf"(?<![\w#/-]){re.escape(item)}(?!\w)", said_by_the_writer(text), re.I):
        return True
    source = LinkSource.AZURE_BOARDS if item.upper().startswith("AB#") else LinkSource.GITHUB_ISSUES
    number = item.rpartition("#")[2]
    return any(found.source is source and found.number == number for found in find_references(text))


def configuration(fact: ReleaseConfiguration | Missing) -> Line:
    """Nothing that a rollback would use changes without the release."""
    if not isinstance(fact, ReleaseConfiguration):
        return _unread(fact)
    risks = [f"variable group {group}" for group in fact.variable_groups]
    risks += [f"{reference}, which follows a branch" for reference in fact.floating_references]
    if risks:
        return Line(
            State.MISSING,
            f"a rollback would use what may have changed since: {', '.join(risks)}",
            "Pin templates to a tag or commit; keep values in the repository, or version the variable group with the release.",
        )
    return Line(State.READY, "everything that a rollback would use is pinned")
