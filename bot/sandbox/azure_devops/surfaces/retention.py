"""How long runs are kept, and a project's pipeline settings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection
from bot.sandbox.azure_devops.entities import PostedLease
from bot.sandbox.azure_devops.people import account, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import BUILD, BUILD_EXECUTE
from bot.sandbox.azure_devops.surfaces.builds import build_of
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.entities import Build


def _lease(ident: int, build: Build, owner_id: str, created: datetime, until: datetime, *, protect: bool) -> Json:
    return {
        "leaseId": ident,
        "ownerId": owner_id,
        "runId": build.id,
        "definitionId": build.definition.id,
        "createdOn": stamp(created),
        "validUntil": stamp(until),
        "protectPipeline": protect,
    }


def leases_of(call: Call, build: Build) -> list[Json]:
    """The leases on a run that are still good, the scenario's and those that clients added."""
    someone = account(call.collection, build.by).guid
    rows = [
        _lease(number("lease", build.id, position), build, f"User:{someone}", build.at, until, protect=False)
        for position, until in enumerate(build.leases)
    ]
    for each in call.collection.posted_leases.values():
        if each.run == build.id:
            rows.append(_lease(each.id, build, each.owner, each.created, each.until, protect=each.protect))
    now = stamp(call.world.clock())
    return [row for row in rows if str(row["validUntil"]) > now]


@answers("build_leases", "GET", BUILD)
def build_leases(call: Call) -> object:
    """A run's leases."""
    return collection(leases_of(call, build_of(call)))


@answers("leases", "GET", BUILD)
def leases(call: Call) -> object:
    """One lease, or those of a run, of an owner, or of pairs ``definition|run``."""
    runs = [each for each in call.collection.current().builds(call.project) if not each.deleted]
    every = [row for build in runs for row in leases_of(call, build)]
    if "leaseid" in call.values:
        found = next((row for row in every if str(row["leaseId"]) == call.values["leaseid"]), None)
        if found is None:
            raise problems.missing(
                f"The retention lease {call.values['leaseid']} was not found.", "RetentionLeaseNotFoundException"
            )
        return found
    run, definition, owner = call.text("runId"), call.text("definitionId"), call.text("ownerId")
    wanted = set(call.listed("leasesToFetch"))
    return collection(
        [
            row
            for row in every
            if (not run or str(row["runId"]) == run)
            and (not definition or str(row["definitionId"]) == definition)
            and (not owner or row["ownerId"] == owner)
            and (not wanted or f"{row['definitionId']}|{row['runId']}" in wanted)
        ]
    )


@answers("leases", "POST", BUILD_EXECUTE)
def add_leases(call: Call) -> object:
    """Keep runs for some days more."""
    made: list[Json] = []
    for each in call.items():
        if not isinstance(each, dict) or not {"daysValid", "definitionId", "ownerId", "runId"} <= set(each):
            raise problems.bad_argument("A lease needs daysValid, definitionId, ownerId and runId.")
        build = call.collection.current().build(call.project, int(str(each["runId"])))
        if build is None or build.deleted or build.definition.id != int(str(each["definitionId"])):
            raise problems.missing(f"The requested build {each['runId']} could not be found.", "BuildNotFoundException")
        if not call.collection.at_least("write", build.definition.repository, call):
            raise problems.access_denied(call.person.name, "Retain indefinitely", f"build {build.id}")
        now = call.world.clock()
        lease = PostedLease(
            id=call.world.next_id(),
            run=build.id,
            owner=str(each["ownerId"]),
            created=now,
            until=now + timedelta(days=int(str(each["daysValid"]))),
            protect=bool(each.get("protectPipeline")),
        )
        with call.world.lock:
            call.collection.posted_leases[lease.id] = lease
        made.append(_lease(lease.id, build, lease.owner, now, lease.until, protect=lease.protect))
    return collection(made)


@answers("leases", "DELETE", BUILD_EXECUTE)
def delete_leases(call: Call) -> object:
    """Let go of leases that clients added."""
    for ident in call.listed("ids"):
        with call.world.lock:
            if not ident.isdigit() or call.collection.posted_leases.pop(int(ident), None) is None:
                raise problems.missing(f"The retention lease {ident} was not found.", "RetentionLeaseNotFoundException")
    return Answer(None, 204)


@answers("retention", "GET", BUILD)
def retention(call: Call) -> object:
    """A project's retention: the service's defaults, which a scenario cannot change."""
    _ = call.project
    return {
        "purgeArtifacts": {"min": 1, "max": 60, "value": 30},
        "purgeRuns": {"min": 30, "max": 731, "value": 30},
        "purgePullRequestRuns": {"min": 1, "max": 30, "value": 10},
        "retainRunsPerProtectedBranch": {"min": 0, "max": 50, "value": 3},
    }


@answers("general_settings", "GET", BUILD)
def general_settings(call: Call) -> object:
    """A project's pipeline settings: the service's defaults, which a scenario cannot change."""
    _ = call.project
    return {
        "enforceReferencedRepoScopedToken": True,
        "disableClassicPipelineCreation": True,
        "disableClassicBuildPipelineCreation": True,
        "disableClassicReleasePipelineCreation": True,
        "forkProtectionEnabled": True,
        "buildsEnabledForForks": False,
        "enforceJobAuthScopeForForks": True,
        "enforceNoAccessToSecretsFromForks": True,
        "isCommentRequiredForPullRequest": True,
        "enableShellTasksArgsSanitizing": False,
        "statusBadgesArePrivate": True,
        "enforceSettableVar": True,
        "enforceJobAuthScope": True,
        "enforceJobAuthScopeForReleases": True,
        "publishPipelineMetadata": False,
        "auditEnforceSettableVar": False,
    }
