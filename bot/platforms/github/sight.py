"""What a token is, and what it sees of an owner, in one query."""

from __future__ import annotations

from bot.engine.ports import PlatformError
from bot.engine.verdict import digest
from bot.model.facts import UnknownKind
from bot.platforms.credentials import Sight
from bot.platforms.github.client import GitHubClient, TooMuch
from bot.platforms.github.query import BUDGET, text

_KINDS = {
    "ghp_": "a classic personal access token",
    "github_pat_": "a fine-grained personal access token",
    "ghs_": "an App's token",
    "gho_": "an OAuth token",
    "ghu_": "a user's token of an App",
}


def sight(client: GitHubClient, token: str, owner: str) -> Sight:
    """Of one token. Raises ``PlatformError``."""
    listed = "first: 100, ownerAffiliations: [OWNER], orderBy: {field: NAME, direction: ASC}"
    selection = (
        f"viewer {{ login }} owner: repositoryOwner(login: {text(owner)}) "
        f"{{ repositories({listed}) {{ totalCount nodes {{ nameWithOwner viewerPermission }} }} }}"
    )
    try:
        data = client.graphql(f"query {{ {selection} {BUDGET} }}").data
    except TooMuch as wrong:
        raise PlatformError(
            f"GitHub could not tell what a token sees of {owner}: {wrong}", UnknownKind.TRANSIENT
        ) from wrong
    found = (data.get("owner") or {}).get("repositories") or {}
    nodes = [f"{one['nameWithOwner']} {one['viewerPermission']}" for one in found.get("nodes") or [] if one]
    kind = next((words for start, words in _KINDS.items() if token.startswith(start)), "a token")
    who = str((data.get("viewer") or {}).get("login") or "unknown")
    return Sight(who, kind, int(found.get("totalCount") or 0), digest(nodes))
