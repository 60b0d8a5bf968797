"""Whether an answer is about the repository that was listed: one may be deleted, renamed or replaced while a scan runs.

GraphQL follows a rename, REST redirects, and a name that is free may be taken by another repository: each would be judged as if
it were the one that was listed.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.engine.reach import reach
from bot.model.facts import Gone, Unavailable, UnknownKind
from bot.model.subjects import Repository, Subject
from bot.platforms.github.client import GraphError, Json

ASKED = "databaseId nameWithOwner"
"""What tells, in GraphQL."""


def elsewhere(subject: Subject, home: Json, errors: Sequence[GraphError] = ()) -> Unavailable | None:
    """Why an answer is not about the subject; None: it is. ``home`` is the repository as GraphQL or REST describes it."""
    listed = reach(subject, Repository)
    if not isinstance(listed, Repository):
        return None
    if any(error.kind == "NOT_FOUND" and len(error.path) == 1 for error in errors):
        return gone(listed)
    if not isinstance(home, dict):
        return None
    number = home.get("databaseId") or home.get("id")
    name = str(home.get("nameWithOwner") or home.get("full_name") or listed.name)
    if isinstance(number, int) and listed.id.rpartition("/")[2] != str(number):
        words = f"another repository is called {listed.name} since it was read who is there; the one that was listed is gone"
        return Gone(UnknownKind.TRANSIENT, f"{words}. Run again.", listed.url)
    if name.lower() != listed.name.lower():
        words = f"{listed.name} was renamed or moved to {name} while this run read it"
        return Unavailable(UnknownKind.TRANSIENT, f"{words}. Run again.", listed.url)
    return None


def gone(listed: Repository) -> Gone:
    """It was listed, and is not there any more."""
    return Gone(
        UnknownKind.TRANSIENT,
        f"GitHub does not show {listed.name} any more: it was deleted, or taken out of the token's sight, while this run read "
        "it. Run again.",
        listed.url,
    )
