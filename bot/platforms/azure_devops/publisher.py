"""Posts a verdict: one status on the iteration that was judged, and one thread that is kept up to date.

A status of the same context takes the place of the one before. The thread is found again by a property that readers do not
see, and closed when there is nothing left to do: an open one would trip the policy that wants all comments resolved.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from bot.engine.ports import PlatformError, Publication, Published
from bot.engine.posted import Posted, read_posted
from bot.engine.racing import MISPLACED, OVERTAKEN, misplaced, overtaken, unseen
from bot.model.results import Verdict
from bot.model.subjects import PullRequest
from bot.platforms.azure_devops.change import MARKER, thread_property
from bot.platforms.azure_devops.client import Json, value
from bot.platforms.azure_devops.endpoints import Host
from bot.platforms.azure_devops.files import repository_route
from bot.platforms.azure_devops.line_threads import LineThreads
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.azure_devops.review_requests import request_reviews
from bot.platforms.azure_devops.sdk import Refused

GENRE = "almguard"
LONGEST_DESCRIPTION = 250
LONGEST_COMMENT = 150_000
"""The service refuses comments of more characters."""
RESTS_ON = "almguard.restsOn"
"""The property of a status that keeps what the verdict rests on."""
STATES = {
    Verdict.PASSED: "succeeded",
    Verdict.WAITING: "pending",
    Verdict.BLOCKED: "failed",
    Verdict.INCONCLUSIVE: "error",
    Verdict.EMPTY: "error",
}
"""``error`` does not satisfy a status policy: what was not judged does not pass."""
SETTLED = ("fixed", "closed", "wontfix", "bydesign")


class AzureDevOpsPublisher:
    """Posts through the provider's client, and knows what the provider has read."""

    def __init__(self, provider: AzureDevOpsProvider) -> None:
        self._reads = provider.reads
        self._client = provider.client

    def publish(self, publication: Publication) -> Published:
        """Post the status, then bring the thread up to date. Raises ``PlatformError`` where the status is refused."""
        if publication.yields:
            # Where this look fails the one afterwards tells.
            with suppress(PlatformError):
                if newer := self._newer(publication, overtaken, OVERTAKEN):
                    return Published((), moved=newer)
        actions: list[str] = []
        refused: list[str] = []
        author = self._status(publication, actions)
        try:
            self._thread(publication, author, actions)
        except PlatformError as wrong:
            refused.append(
                f"The thread on {publication.subject.name} could not be brought up to date: {wrong}. It needs the scope "
                "vso.threads_full, and the permission 'Contribute to pull requests'."
            )
        self._lines(publication, author, actions, refused)
        if publication.ask is not None:
            asked, not_asked = request_reviews(self._reads, publication.subject, publication.ask)
            actions += asked
            refused += not_asked
        if len(actions) > 1:
            self._reads.drop((publication.subject.id, "threads"))
        moved: tuple[str, ...] = ()
        if publication.look_again:
            self._reads.drop((publication.subject.id, "statuses"))
            try:
                moved = self._newer(publication, misplaced, MISPLACED)
            except PlatformError as wrong:
                moved = unseen(wrong)
        return Published(tuple(actions), tuple(refused), moved=moved)

    def begin(self, subject: PullRequest, context: str, details_url: str | None) -> Published:
        """Post a pending status, unless one stands on the iteration: what stands on another lets nothing through."""
        if self._standing(subject, context) is not None:
            return Published(())
        self._send_status(Publication(subject, context, Verdict.WAITING, "Judging", "", None, details_url=details_url))
        return Published((f"Posted the status {GENRE}/{context}: {STATES[Verdict.WAITING]}.",))

    def _newer(
        self, publication: Publication, raced: Callable[[Posted | None, Sequence[Posted | None]], bool], words: str
    ) -> tuple[str, ...]:
        """What another run knows better, in words: statuses are never taken back, so whatever was said shows."""
        subject = publication.subject
        said = [status for status in self._reads.statuses(subject) if _named(status, publication.context)]
        if any((status.get("iterationId") or 0) > (subject.iteration or 0) for status in said):
            return ("it has another head",)
        here = [_rests_on(status) for status in said if status.get("iterationId") == subject.iteration]
        return (words,) if raced(publication.rests_on, here) else ()

    def _lines(self, publication: Publication, author: str | None, actions: list[str], refused: list[str]) -> None:
        """Bring the threads on lines up to date; where none are wanted any more, those that stand are closed."""
        if not publication.line_threads and publication.comment is None:
            return
        subject = publication.subject
        wanted = publication.annotations if publication.line_threads else ()
        threads = LineThreads(self._client, subject, publication.context, author)
        try:
            done, left = threads.update(wanted, self._reads.threads(subject))
        except PlatformError as wrong:
            if publication.line_threads:
                refused.append(f"The threads on lines of {subject.name} could not be brought up to date: {wrong}.")
            return
        actions += done
        refused += left

    def _status(self, publication: Publication, actions: list[str]) -> str | None:
        """Post the status unless it stands already; gives the id of the account that we are."""
        subject = publication.subject
        state = STATES[publication.verdict]
        described = _cut(publication.title, LONGEST_DESCRIPTION)
        standing = self._standing(subject, publication.context)
        if (
            standing is not None
            and standing.get("state") == state
            and standing.get("description") == described
            and (standing.get("targetUrl") or None) == publication.details_url
            and (publication.rests_on is None or publication.rests_on.says_as(_rests_on(standing)))
            and _author(standing) == self._ourselves()
        ):
            actions.append(f"The status {GENRE}/{publication.context} stood already: {state}.")
            return _author(standing)
        made = self._send_status(publication)
        actions.append(f"Posted the status {GENRE}/{publication.context}: {state}.")
        return made

    def _send_status(self, publication: Publication) -> str | None:
        """Post the status; gives the id of the account that we are."""
        from azure.devops.v7_1.git.models import GitPullRequestStatus, GitStatusContext

        subject = publication.subject
        status = GitPullRequestStatus(
            context=GitStatusContext(genre=GENRE, name=publication.context),
            description=_cut(publication.title, LONGEST_DESCRIPTION),
            iteration_id=subject.iteration,
            properties=None
            if publication.rests_on is None
            else {RESTS_ON: {"$type": "System.String", "$value": str(publication.rests_on)}},
            state=STATES[publication.verdict],
            target_url=publication.details_url,
        )
        route = repository_route(subject.repository)
        try:
            made = self._client.git().create_pull_request_status(
                status, route["repositoryId"], subject.number, route["project"]
            )
        except Refused as wrong:
            raise PlatformError(
                f"The status on {subject.name} could not be posted: {wrong}. The token needs the scope vso.code_status, its "
                "owner the permission 'Contribute to pull requests' (for a build: the project's build service).",
                wrong.kind,
            ) from wrong
        self._reads.drop((subject.id, "statuses"))
        return None if made is None or made.created_by is None else str(made.created_by.id)

    def standing(self, checks: Sequence[tuple[PullRequest, str]]) -> Mapping[str, Posted]:
        """What stands of earlier runs on the iterations that were judged."""
        subjects = [subject for subject, _ in checks]
        self._client.transport.gather([functools.partial(self._look, subject) for subject in subjects])
        found: dict[str, Posted] = {}
        for subject, context in checks:
            status = self._standing(subject, context)
            if status is not None and (posted := _rests_on(status)) is not None:
                found[subject.id] = posted
        return found

    def _look(self, subject: PullRequest) -> None:
        """Read the statuses now, of many pull requests at once; a failure is met again where they are used."""
        with suppress(PlatformError):
            self._reads.statuses(subject)

    def _standing(self, subject: PullRequest, context: str) -> Json | None:
        """The newest status of the context, where it is on the iteration that was judged."""
        try:
            statuses = self._reads.statuses(subject)
        except PlatformError:  # posting once too often harms nothing
            return None
        ours = [status for status in statuses if _named(status, context)]
        newest = ours[-1] if ours else None
        return newest if newest is not None and newest.get("iterationId") == subject.iteration else None

    def _ourselves(self) -> str | None:
        """The id of the token's owner; asked for only where a status stands that might be ours."""
        try:
            document = self._client.read_address(Host.CORE, "_apis/connectionData", "7.1-preview.1", "vso.profile")
        except PlatformError:  # posting once too often harms nothing
            return None
        found = value(document, "authenticatedUser", "id")
        return str(found) if found else None

    def _thread(self, publication: Publication, author: str | None, actions: list[str]) -> None:
        subject = publication.subject
        if publication.comment is None:
            return
        marked = self._marked(publication)
        # Only the writer of a comment may change it; and a thread that somebody else has marked is not ours to speak in.
        ours = [thread for thread in marked if author is None or _author(_first(thread)) == author]
        wanted = "fixed" if publication.verdict is Verdict.PASSED else "active"
        if ours and not self._update(subject, ours[0], publication.comment, wanted, actions):
            ours = []  # somebody has deleted it meanwhile
        if not ours and publication.create_comment:
            self._create(subject, publication.context, publication.comment, wanted, actions)
            if publication.look_again:
                # Another run may have opened one at the same moment: the first of them stays open.
                self._reads.drop((subject.id, "threads"))
                marked = self._marked(publication)
                ours = [thread for thread in marked if author is None or _author(_first(thread)) == author]
        for other in [thread for thread in marked if not ours or thread is not ours[0]]:
            self._settle(subject, other, "fixed", actions)

    def _marked(self, publication: Publication) -> list[Json]:
        """The threads that are marked as the sticky one, the oldest first."""
        found = [
            thread
            for thread in self._reads.threads(publication.subject)
            if thread_property(thread, MARKER) == publication.context and not thread.get("isDeleted")
        ]
        return sorted(found, key=lambda thread: int(thread["id"]))

    def _create(self, subject: PullRequest, context: str, text: str, status: str, actions: list[str]) -> None:
        from azure.devops.v7_1.git.models import Comment, GitPullRequestCommentThread

        thread = GitPullRequestCommentThread(
            comments=[Comment(comment_type="text", content=_cut(text, LONGEST_COMMENT), parent_comment_id=0)],
            properties={MARKER: {"$type": "System.String", "$value": context}},
            status=status,
        )
        route = repository_route(subject.repository)
        self._client.git().create_thread(thread, route["repositoryId"], subject.number, route["project"])
        actions.append("Opened the thread." if status == "active" else "Left a closed thread.")

    def _update(self, subject: PullRequest, thread: Json, text: str, status: str, actions: list[str]) -> bool:
        """Let the thread say the text; whether it is still there."""
        first = _first(thread)
        if first.get("content") != (content := _cut(text, LONGEST_COMMENT)):
            from azure.devops.v7_1.git.models import Comment

            try:
                self._client.git().update_comment(
                    Comment(content=content), *self._place(subject, thread), int(first["id"]), project=_project(subject)
                )
            except Refused as refused:
                if refused.status != 404:
                    raise
                return False
            actions.append("Updated the thread's comment.")
        self._settle(subject, thread, status, actions)
        return True

    def _settle(self, subject: PullRequest, thread: Json, status: str, actions: list[str]) -> None:
        """Open or close a thread that is not so yet."""
        stands = str(thread.get("status") or "").lower()
        if stands == status or (status == "fixed" and stands in SETTLED):
            return
        from azure.devops.v7_1.git.models import GitPullRequestCommentThread

        self._client.git().update_thread(
            GitPullRequestCommentThread(status=status), *self._place(subject, thread), project=_project(subject)
        )
        actions.append("Closed the thread." if status == "fixed" else "Opened the thread again.")

    @staticmethod
    def _place(subject: PullRequest, thread: Json) -> tuple[str, int, int]:
        return repository_route(subject.repository)["repositoryId"], subject.number, int(thread["id"])


def _named(status: Json, context: str) -> bool:
    return bool(value(status, "context", "genre") == GENRE and value(status, "context", "name") == context)


def _rests_on(status: Json) -> Posted | None:
    """What a status rests on."""
    return read_posted(str(thread_property(status, RESTS_ON) or ""))


def _project(subject: PullRequest) -> str:
    return repository_route(subject.repository)["project"]


def _first(thread: Json) -> Json:
    comments: list[Json] = thread.get("comments") or [{}]
    return comments[0]


def _author(document: Json) -> str | None:
    found: Any = value(document, "createdBy", "id") or value(document, "author", "id")
    return None if found is None else str(found)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
