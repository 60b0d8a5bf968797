"""The rule ``rollback-ready``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from bot.model.facts import NotSupported, Unavailable
from bot.model.facts.release import (
    GlobSpec,
    PreviousRelease,
    ReleaseChanges,
    ReleaseConfiguration,
    ReleaseRecord,
    RollbackProcedures,
)
from bot.model.findings import Finding, NotApplicable, Statement, Unknown
from bot.model.globs import compiled
from bot.model.subjects import Release
from bot.rules import RuleParams, Tighter, needs, rule
from bot.rules.release import readiness
from bot.rules.release.migrations import MIGRATION_GLOBS


class Requirement(StrEnum):
    """A line of the table."""

    PREVIOUS = "previous"
    ARTIFACTS = "artifacts"
    PROCEDURE = "procedure"
    REHEARSED = "rehearsed"
    MIGRATIONS = "migrations"
    IMMUTABLE = "immutable"
    NOTES = "notes"
    CONFIGURATION = "configuration"


DEFAULT = frozenset(
    {
        Requirement.PREVIOUS,
        Requirement.ARTIFACTS,
        Requirement.PROCEDURE,
        Requirement.MIGRATIONS,
        Requirement.IMMUTABLE,
    }
)


class Params(RuleParams):
    """Which lines are required, and how strictly they are read."""

    require: Annotated[frozenset[Requirement], Tighter.SUPERSET] = Field(default=DEFAULT, min_length=1)
    """The lines that must hold; the others are shown. By default those without which a rollback cannot succeed: previous,
    artifacts, procedure, migrations, immutable. Also there are rehearsed, notes and configuration."""
    keep_days: Annotated[int, Tighter.MORE] = Field(default=30, ge=0, le=3650)
    """How many days more the previous release's artifacts must be kept."""
    rehearse_days: Annotated[int, Tighter.LESS] = Field(default=180, ge=1, le=3650)
    """How many days ago, at most, an older version was really put back into the environment."""
    migrations: Annotated[tuple[str, ...], Tighter.NEVER] = MIGRATION_GLOBS
    """gitignore-style globs of schema migrations and their undo scripts."""
    procedure_command: Annotated[str | None, Tighter.NEVER] = Field(default=None, min_length=1)
    """A command that rolls back, where none of the platform's own ways does: ``helm rollback payments``. Believed, not run."""

    @field_validator("migrations")
    @classmethod
    def _globs(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        compiled(patterns)
        return patterns


def _glob_spec(params: Params) -> GlobSpec:
    return GlobSpec(frozenset(params.migrations))


@rule(
    "rollback-ready",
    severity="high",
    params=Params,
    controls=[
        "ISO27001:A.8.19",
        "ISO27001:A.8.32",
        "NIST-SSDF:PS.3.1",
        "OSPS-BASELINE:OSPS-BR-04.01",
        "SOC2:CC7.5",
        "SOC2:CC8.1",
        "SOC2:A1.2",
        "SOC2:A1.3",
    ],
)
def rollback_ready(
    release: Release,
    previous: PreviousRelease,
    procedures: RollbackProcedures | Unavailable | NotSupported,
    changes: Annotated[ReleaseChanges | Unavailable | NotSupported, needs(_glob_spec)],
    record: ReleaseRecord | Unavailable | NotSupported,
    configuration: ReleaseConfiguration | Unavailable | NotSupported,
    now: datetime,
    params: Params,
) -> Iterator[Statement]:
    """The release can be rolled back: what came before is there, and there is a way to it.

    Eight lines are looked at, and each can be required or only shown. `previous`: an earlier release, of another commit,
    was deployed successfully to the same environment. `artifacts`: what it consists of can still be fetched, and for
    `keep_days` more; images by digest. `procedure`: a way back is defined and reads the version that it is given.
    `rehearsed`: within `rehearse_days` an older version was really put back. `migrations`: each schema migration in
    between can be undone, or is marked expand-only. `immutable`: the tag has not moved, and nobody can exchange
    what was released. `notes`: release notes exist and name the work items in between. `configuration`: nothing that the
    rollback would use follows a branch or is changed elsewhere.

    The first release of all is not applicable.

    Why:
        The way back is needed on the worst day, by people in a hurry. Artifacts that have expired, a migration that cannot
        be undone and a procedure that nobody has tried are found out beforehand or at that moment.

    Evidence:
        A table of the eight lines, each with what was seen.

    How to fix:
        Keep the previous release's artifacts (retention settings on GitHub, a retention lease on Azure DevOps). Add a
        workflow with workflow_dispatch and an input for the version that its steps use, or a stage that can be run again.
        Give each migration its downgrade, or write `almguard: expand-only` in a comment where the old version works
        with the new schema. Turn on immutable releases, or attest the assets.

    Example:
        - rule: rollback-ready
          enforce: block
          with:
            require: [previous, artifacts, procedure, rehearsed, migrations, immutable]
            keep_days: 30
            rehearse_days: 90
    """
    place = release.environment or "any environment"
    if previous.is_first:
        yield NotApplicable(f"{release.version} is the first release of all in {place}: there is nothing to go back to")
        return
    lines = {
        Requirement.PREVIOUS: readiness.previous(release, previous),
        Requirement.ARTIFACTS: readiness.artifacts(previous, now, timedelta(days=params.keep_days)),
        Requirement.PROCEDURE: readiness.procedure(procedures, params.procedure_command, previous),
        Requirement.REHEARSED: readiness.rehearsed(procedures, now, timedelta(days=params.rehearse_days)),
        Requirement.MIGRATIONS: readiness.migrations(changes, previous),
        Requirement.IMMUTABLE: readiness.immutable(release, record),
        Requirement.NOTES: readiness.notes(record, changes, previous),
        Requirement.CONFIGURATION: readiness.configuration(configuration),
    }
    yield from (line.evidence(name) for name, line in lines.items())
    required = {name: line for name, line in lines.items() if name in params.require}
    if all(line.state is readiness.State.NOWHERE for line in required.values()):
        yield NotApplicable("; ".join(dict.fromkeys(line.value for line in required.values())))
        return
    for name, line in required.items():
        match line.state:
            case readiness.State.MISSING:
                message = f"{release.version} in {place} is not ready to be rolled back, {name}: {line.value}."
                yield Finding(message, line.fix, (line.evidence(name),), discriminator=name)
            case readiness.State.UNKNOWN:
                yield Unknown(line.kind, f"{name}: {line.value}")
            case readiness.State.READY | readiness.State.NOWHERE:
                pass
