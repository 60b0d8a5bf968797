"""How a fact is read: what it asks of GraphQL and how the answer is understood; and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from bot.engine.ports import Known, PlatformError
from bot.model.facts import Answer, Fact, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.subjects import Subject, WorkItem
from bot.platforms.github.client import GitHubClient, GraphError, Refused
from bot.platforms.github.memory import Memory
from bot.platforms.github.query import Found, Piece, Unanswerable
from bot.platforms.jira.issues import IssueReader

WorkItemReader = Callable[[str, Sequence[int]], Mapping[int, WorkItem | Unavailable | None]]
"""Reads Azure Boards' work items of a project target (``ado:acme/Payments``) by their numbers. None: there is no such item."""

T = TypeVar("T")

_UNTYPED_REFUSALS = ("resource not accessible", "must have admin", "must have push access", "does not have permission")


@dataclass(frozen=True, slots=True)
class Connected:
    """One of the configuration's ``connections``: where ``AB#12`` leads from these repositories."""

    match: str
    """Glob of ``owner/name``."""
    work_items: str
    """``ado:acme/Payments``."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every reading may use."""

    client: GitHubClient
    now: datetime
    memory: Memory
    known: Known
    connections: tuple[Connected, ...] = ()
    read_work_items: WorkItemReader | None = None
    issues_of_jira: IssueReader | None = None
    """Reads Jira's; None: there is no Jira to ask."""
    few: bool = True
    """Whether little is asked: then files come with their texts at once, which saves a round trip."""
    later: list[Task] = field(default_factory=list)
    """What is left to be done of this round, when everything else of it is."""

    @property
    def host(self) -> str:
        """What ids begin with."""
        return self.client.host


@dataclass(frozen=True, slots=True)
class Reading:
    """One fact about one subject, by GraphQL."""

    piece: Piece
    parse: Callable[[Found], Fact]
    url: str
    needs: str
    """The permission, as GitHub's settings name it."""
    optional: frozenset[str] = field(default=frozenset())
    """Response keys that the fact can do without."""
    on_errors: Callable[[Sequence[GraphError]], Answer | None] = lambda _errors: None
    """What errors mean for this fact in particular; None: what they usually mean."""
    last: bool = False
    """Whether it is parsed when all others of its round are, by what these have found."""


Task = Callable[[], "list[tuple[FactRequest, Subject, Answer]]"]


def answer(reading: Reading, found: Found, now: datetime) -> Answer:
    """The fact, or why it could not be had."""
    start = reading.piece.depth
    errors = [
        error for error in found.errors if len(error.path) <= start or str(error.path[start]) not in reading.optional
    ]
    if errors and found.failure is None:
        return reading.on_errors(errors) or denied(errors, reading.needs, reading.url)
    return guarded(lambda: Loaded(_parsed(reading, found), reading.url, now), reading.needs, reading.url)


def _parsed(reading: Reading, found: Found) -> Fact:
    if found.failure is not None:
        raise found.failure
    if found.node is None:
        raise Unanswerable(
            Unavailable(
                UnknownKind.SCOPE, f"GitHub does not show it to this token; it needs {reading.needs}", reading.url
            )
        )
    return reading.parse(found)


def guarded(read: Callable[[], T], needs: str, url: str = "") -> T | Answer:
    """What reading gives; whatever the platform does instead becomes ``Unavailable``."""
    try:
        return read()
    except Unanswerable as wrong:
        return wrong.answer
    except PlatformError as wrong:
        return Unavailable(wrong.kind or UnknownKind.SCOPE, str(wrong), url)
    except Refused as wrong:
        return refused(wrong, needs, url)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, RuntimeError, AssertionError) as wrong:
        # The last two are PyGithub's words for an answer that it did not expect.
        return Unavailable(
            UnknownKind.UNREADABLE, f"GitHub's answer has an unexpected form ({type(wrong).__name__}: {wrong})", url
        )


def denied(errors: Sequence[GraphError], needs: str, url: str = "") -> Unavailable:
    """What GraphQL's errors mean for a fact that needs this permission."""
    error = errors[0]
    if error.saml:
        return Unavailable(UnknownKind.SCOPE, _single_sign_on(error.message), url)
    untyped = error.message.lower()
    if error.kind in ("FORBIDDEN", "INSUFFICIENT_SCOPES", "NOT_FOUND") or any(
        words in untyped for words in _UNTYPED_REFUSALS
    ):
        return Unavailable(UnknownKind.SCOPE, f"the token needs {needs} (GitHub: {error.message})", url)
    return Unavailable(UnknownKind.TRANSIENT, f"GitHub could not answer: {error.message}. Run again later.", url)


def refused(wrong: Refused, needs: str, url: str = "") -> Unavailable:
    """What a REST refusal means for a fact that needs this permission."""
    message = wrong.message.lower()
    if "saml" in message:
        return Unavailable(UnknownKind.SCOPE, _single_sign_on(wrong.message), url)
    if any(
        words in message for words in ("advanced security", "code security", "secret protection", "upgrade to github")
    ):
        return Unavailable(UnknownKind.LICENCE, f"GitHub: {wrong.message}", url)
    if wrong.status in (403, 404):
        return Unavailable(UnknownKind.SCOPE, f"the token needs {needs} (GitHub: {wrong})", url)
    return Unavailable(UnknownKind.TRANSIENT, f"GitHub refused: {wrong}", url)


def _single_sign_on(message: str) -> str:
    return f"the organisation asks for single sign-on: authorise the token for it in the token's settings (GitHub: {message})"
