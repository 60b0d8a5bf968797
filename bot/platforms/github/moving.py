"""Whether a pull request moved while it was judged: what changes a verdict is looked at before, and once more after posting.

Looked at is what other people and other runs change within seconds: the head and the branch it goes to, words, labels, reviews
and checks. What changes more slowly (a work item, a team, a setting) is left to the next run.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.platforms.github.client import Json

LATELY = (
    "lately: reviews(last: 10) { nodes { databaseId state } } "
    "tried: commits(last: 1) { nodes { commit { oid statusCheckRollup { contexts(first: 100) { nodes { __typename "
    "... on CheckRun { databaseId name conclusion externalId } ... on StatusContext { context state } } } } } } }"
)
"""What is read of a pull request besides what the subject takes."""
SELECTION = f"state title body isDraft headRefOid baseRefName labels(first: 50) {{ nodes {{ name }} }} {LATELY}"
KEYS = ("state", "title", "body", "isDraft", "headRefOid", "baseRefName", "labels", "lately", "tried")

_WORDS = {
    "headRefOid": "it has another head",
    "baseRefName": "it goes into another branch",
    "isDraft": "it became a draft, or is none any more",
    "title": "its title changed",
    "body": "its description changed",
    "labels": "its labels changed",
    "reviews": "it was reviewed",
    "checks": "a check changed",
}


def state_of(node: Json) -> Mapping[str, Json]:
    """What of the pull request can move, from an answer to ``SELECTION``."""
    return {
        **{key: node.get(key) for key in ("title", "body", "isDraft", "headRefOid", "baseRefName")},
        "labels": sorted(each["name"] for each in (node.get("labels") or {}).get("nodes") or [] if each),
        "reviews": [
            [each["databaseId"], each["state"]] for each in (node.get("lately") or {}).get("nodes") or [] if each
        ],
        "checks": sorted(_check(each) for each in _reported(node)),
    }


def runs_of(node: Json) -> list[tuple[int, str, str]]:
    """Each check run on the head, from an answer to ``SELECTION``, the oldest first: its id, name and external id."""
    return sorted(
        (int(each["databaseId"]), str(each["name"]), str(each.get("externalId") or ""))
        for each in _reported(node)
        if each["__typename"] == "CheckRun"
    )


def _reported(node: Json) -> list[Json]:
    """What reported on the head."""
    commits = (node.get("tried") or {}).get("nodes") or []
    rollup = ((commits[-1] or {}).get("commit") or {}).get("statusCheckRollup") if commits else None
    return [each for each in ((rollup or {}).get("contexts") or {}).get("nodes") or [] if each]


def moved(before: Mapping[str, Json], after: Mapping[str, Json], context: str, *, checks: bool) -> tuple[str, ...]:
    """What moved, in words; ``checks``: whether the verdict rests on any. What goes by ``context`` is our own check, which
    moves because we post it.
    """
    return tuple(
        said
        for part, said in _WORDS.items()
        if (checks or part != "checks")
        and _compared(part, before[part], context) != _compared(part, after[part], context)
    )


def _check(node: Json) -> list[str]:
    if node["__typename"] == "CheckRun":
        return [str(node["name"]), str(node["databaseId"]), str(node["conclusion"] or "")]
    state = str(node["state"])
    return [str(node["context"]), "", "" if state in ("PENDING", "EXPECTED") else state]


def _compared(part: str, value: Json, context: str) -> Json:
    """Of checks those that have ended: that one begins changes no verdict."""
    return value if part != "checks" else [each for each in value if each[0] != context and each[2]]
