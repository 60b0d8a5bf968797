"""Node ids: the same for REST's ``node_id`` and GraphQL's ``id``, and readable again for ``node(id:)``."""

from __future__ import annotations

import base64
import binascii

PREFIXES = {
    "User": "U",
    "Bot": "BOT",
    "App": "A",
    "Organization": "O",
    "Team": "T",
    "Repository": "R",
    "PullRequest": "PR",
    "PullRequestReview": "PRR",
    "PullRequestReviewComment": "PRRC",
    "PullRequestReviewThread": "PRRT",
    "Issue": "I",
    "IssueComment": "IC",
    "Commit": "C",
    "Tree": "TR",
    "Blob": "B",
    "Tag": "TA",
    "Ref": "REF",
    "CheckRun": "CR",
    "CheckSuite": "CS",
    "StatusContext": "SC",
    "Release": "RE",
    "ReleaseAsset": "RA",
    "Environment": "EN",
    "Deployment": "DE",
    "DeploymentStatus": "DES",
    "RepositoryRuleset": "RRS",
    "BranchProtectionRule": "BPR",
}


def encode(kind: str, *names: object) -> str:
    """The id of a thing, from what finds it again."""
    text = "\0".join([kind, *map(str, names)])
    return f"{PREFIXES.get(kind, 'N')}_{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}"


def decode(node: str) -> tuple[str, list[str]] | None:
    """The kind and the names behind an id; None for what is none."""
    data = node.partition("_")[2]
    try:
        kind, *names = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)).decode().split("\0")
    except (binascii.Error, ValueError):
        return None
    return kind, names
