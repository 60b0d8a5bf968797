"""Asks people and groups for a review of a pull request, as optional reviewers: each once, ever.

A reviewer who was taken off leaves no trace that can be relied on, so whom we asked is kept in a property of the pull request.
"""

from __future__ import annotations

from bot.engine.ports import PlatformError, ReviewRequest
from bot.model.findings import Reviewer
from bot.model.subjects import PullRequest
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import value
from bot.platforms.azure_devops.files import repository_route
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.teams import group_named

ASKED = "Almguard.Asked"
"""The property: ids of identities, with commas between them."""


def request_reviews(reads: Reads, subject: PullRequest, wanted: ReviewRequest) -> tuple[list[str], list[str]]:
    """Ask the first candidates that were never asked; gives what was done, and what was refused. Raises nothing."""
    try:
        return _request(reads, subject, wanted)
    except PlatformError as wrong:
        return [], [
            f"Nobody was asked for a review of {subject.name}: {wrong}. It needs the scope vso.code_write, and the permission "
            "'Contribute to pull requests'."
        ]


def _request(reads: Reads, subject: PullRequest, wanted: ReviewRequest) -> tuple[list[str], list[str]]:
    git, route = reads.client.git(), repository_route(subject.repository)
    place = (route["repositoryId"], subject.number)
    kept = reads.client.get(endpoints.PROPERTIES, reads.pull_request_route(subject))
    asked = [one for one in str(value(kept, "value", ASKED, "$value") or "").split(",") if one]
    present = {str(one.get("id")).lower() for one in reads.pull_request(subject).get("reviewers") or ()}
    chosen: dict[str, Reviewer] = {}
    refused: list[str] = []
    for candidate in wanted.candidates:
        if len(chosen) == wanted.most:
            break
        ident = _identity(reads, subject, candidate)
        if ident is None:
            refused.append(
                f"{candidate} was not asked for a review of {subject.name}: no such identity is to be found."
            )
        elif ident not in present and ident not in asked:
            chosen.setdefault(ident, candidate)
    if not chosen:
        return [], refused
    from azure.devops.v7_1.git.models import IdentityRefWithVote, JsonPatchOperation

    # First what is remembered: somebody who is asked twice minds more than somebody who is asked too late.
    patch = [JsonPatchOperation(op="add", path=f"/{ASKED}", value=",".join([*asked, *chosen]))]
    git.update_pull_request_properties(patch, *place, project=route["project"])
    for ident in chosen:
        git.create_pull_request_reviewer(
            IdentityRefWithVote(id=ident, vote=0, is_required=False), *place, ident, project=route["project"]
        )
    return [f"Asked {', '.join(map(str, chosen.values()))} for a review."], refused


def _identity(reads: Reads, subject: PullRequest, candidate: Reviewer) -> str | None:
    """The id of the one identity that has this name; in lower case."""
    if candidate.is_team:
        found = group_named(reads, subject.repository.organization, candidate.name.rpartition("/")[2])
        return None if found is None else str(found["id"]).lower()
    query = {"searchFilter": "General", "filterValue": candidate.name, "queryMembership": "none"}
    rows = reads.once(("person", candidate.name), lambda: reads.client.listing(endpoints.IDENTITIES, {}, query))
    wanted = candidate.name.casefold()
    ids = {
        str(row["id"]).lower()
        for row in rows
        if row
        and not row.get("isContainer")
        and wanted in {str(value(row, "properties", key, "$value") or "").casefold() for key in ("Account", "Mail")}
    }
    return ids.pop() if len(ids) == 1 else None
