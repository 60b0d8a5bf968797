"""Posts a gate's verdict on a pull request: a check, and one comment that is edited in place.

How a verdict shows (every one but ``passed`` keeps a required check from letting the merge through):

============ ============================== ==============
verdict      check run                      commit status
============ ============================== ==============
passed       ``success``                    ``success``
waiting      ``in_progress``: not red       ``pending``
blocked      ``failure``                    ``failure``
inconclusive ``action_required``            ``error``
empty        ``failure``                    ``failure``
============ ============================== ==============

Only a GitHub App's token, and so a workflow's ``GITHUB_TOKEN``, may create check runs; for any other the verdict is a commit
status. A commit may head several pull requests, and has one check of a name: the check says what was judged last, of
the one pull request that its title and summary are about. Whoever judges several posts the worst.

Of a check run only the App that made it may say more. One that another App made stays as it is, and a new one is posted
beside it; but no commit status, for the older check run would stand next to it and say what was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from bot.engine.ports import PlatformError, Publication, Published
from bot.engine.posted import Posted, read_posted
from bot.engine.racing import MISPLACED, OVERTAKEN, SLOW, UNSEEN, misplaced, overtaken, unseen
from bot.model.annotations import Annotation
from bot.model.facts import UnknownKind
from bot.model.results import Verdict
from bot.model.subjects import PullRequest
from bot.platforms.github import change, check_annotations, moving
from bot.platforms.github.client import GitHubClient, Json, Refused
from bot.platforms.github.memory import Memory, SeenRun
from bot.platforms.github.query import Connection, Piece, Unanswerable, ask, batches
from bot.platforms.github.reading import denied
from bot.platforms.github.review_requests import request_reviews

LONGEST = 65_535
_LONGEST_DESCRIPTION = 140
_CUT = "\n\n… (the rest is cut: GitHub takes no longer text)"

CONCLUSIONS = {
    Verdict.PASSED: "success",
    Verdict.BLOCKED: "failure",
    Verdict.INCONCLUSIVE: "action_required",
    Verdict.EMPTY: "failure",
}
STATES = {
    Verdict.PASSED: "success",
    Verdict.WAITING: "pending",
    Verdict.BLOCKED: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.EMPTY: "failure",
}

_LATEST_COMMENTS = "latest: comments(last: 30) { nodes { databaseId viewerDidAuthor body } }"
_COMMENTS = Connection("comments_", "comments", "databaseId viewerDidAuthor body")


def marker(context: str) -> str:
    """The hidden words by which the sticky comment is found."""
    return f"<!-- almguard:{context.replace('--', '- -').replace('>', '')} -->"


class GitHubPublisher:
    """Posts with the provider's client, and with what the provider has seen: in a gate it needs no request to look first."""

    def __init__(self, client: GitHubClient, memory: Memory | None = None) -> None:
        self._client = client
        self._memory = memory or Memory()

    def publish(self, publication: Publication) -> Published:
        """Post or update the check and the comment. Raises ``PlatformError`` when not even the check could be posted."""
        found_checks: list[list[SeenRun]] = []
        found_comments: list[list[Json] | PlatformError] = []
        looks: list[Callable[[], None]] = [lambda: found_checks.append(self._own_runs(publication))]
        if publication.comment is not None:
            looks.append(lambda: found_comments.append(self._comments(publication.subject)))
        self._client.transport.gather(looks)
        if publication.yields and overtaken(publication.rests_on, self._said(publication, found_checks[0])):
            return Published((), moved=(OVERTAKEN,))
        looked = self._memory.clock()
        tasks: list[Callable[[], Published]] = [lambda: self._check(publication, _newest(found_checks[0]))]
        if publication.comment is not None:
            tasks += self._comment_tasks(publication, publication.comment, found_comments[0])
        if (ask := publication.ask) is not None:
            tasks.append(lambda: request_reviews(self._client, publication.subject, ask))
        done = self._client.transport.gather(tasks)
        if publication.look_again:
            slow = self._memory.clock() - looked > UNSEEN
            done = [*done, Published((), moved=(SLOW,) if slow else ()), self._look_again(publication)]
        return Published(
            actions=tuple(line for one in done for line in one.actions),
            refused=tuple(line for one in done for line in one.refused),
            annotated=any(one.annotated for one in done),
            moved=tuple(line for one in done for line in one.moved),
        )

    def begin(self, subject: PullRequest, context: str, details_url: str | None) -> Published:
        """Post a check run that has begun, else a pending status. Whether one stands is not asked: the newest counts."""
        title = "Judging"
        body: dict[str, Json] = {
            "name": context,
            "head_sha": subject.head_sha,
            "external_id": f"almguard:{subject.number}",
            "status": "in_progress",
            "output": {"title": title, "summary": "The pull request is being judged."},
        }
        if details_url:
            body["details_url"] = details_url
        try:
            self._client.rest("POST", f"/repos/{subject.repository.name}/check-runs", body=body)
        except Refused as refused:
            if refused.status not in (403, 404):
                raise PlatformError(f"The check could not be posted: {refused}", UnknownKind.TRANSIENT) from refused
            return self._status(
                Publication(subject, context, Verdict.WAITING, title, "", None, details_url=details_url), refused
            )
        return Published((f"began the check {context!r} on {subject.head_sha[:12]}",))

    def _look_again(self, publication: Publication) -> Published:
        """What moved while it was judged; and where two runs have both left a comment, only the first of them stays."""
        subject = publication.subject
        seen = self._memory.pull_requests.get(subject.id)
        if seen is None or seen.moving is None:
            return Published(())
        asked = Piece(change.place(subject), f"{moving.SELECTION} {_LATEST_COMMENTS}", keys=moving.KEYS, weight=200)
        found = ask(self._client, [asked])[0]
        if found.failure is not None:
            return Published((), moved=unseen(found.failure))
        if found.node is None:
            return Published(())  # it is gone, and nobody is told anything any more
        rests_on_checks = subject.head_sha in seen.check_runs
        moved = moving.moved(seen.moving, moving.state_of(found.node), publication.context, checks=rests_on_checks)
        kept = [
            _kept(subject, external)
            for _, name, external in moving.runs_of(found.node)
            if name == publication.context and found.node.get("headRefOid") == subject.head_sha
        ]
        if misplaced(
            publication.rests_on, [publication.rests_on, *(read_posted(one) for one in kept if one is not None)]
        ):
            moved = (*moved, MISPLACED)
        latest = [one for one in (found.node.get("latest") or {}).get("nodes") or [] if one]
        own = sorted(self._own(publication.context, latest), key=lambda one: int(one["databaseId"]))
        if publication.comment is None or len(own) < 2:
            return Published((), moved=moved)
        done = self._client.transport.gather(self._comment_tasks(publication, publication.comment, own))
        return Published(tuple(line for one in done for line in one.actions), moved=moved)

    def standing(self, checks: Sequence[tuple[PullRequest, str]]) -> Mapping[str, Posted]:
        """What stands of earlier runs; what the facts have not shown already is asked for in bulk."""
        seen = self._memory.pull_requests
        unseen = [one for one, _ in checks if one.id in seen and one.head_sha not in seen[one.id].check_runs]
        pieces = [change.checks_of(subject) for subject in unseen]
        for positions in batches(pieces):
            found = ask(self._client, [pieces[position] for position in positions])
            for position, one in zip(positions, found, strict=True):
                with suppress(Unanswerable, PlatformError):
                    if one.failure is None and not one.errors:
                        change.seen_checks(self._memory, unseen[position], one)
        standing = {subject.id: self._stands(subject, context) for subject, context in checks}
        return {of: posted for of, posted in standing.items() if posted is not None}

    def _stands(self, subject: PullRequest, context: str) -> Posted | None:
        """The newest check run of ours, else the commit status: a token that may post the one posts no other."""
        seen = self._memory.pull_requests.get(subject.id)
        if seen is None:
            return None
        runs = [run for run in seen.check_runs.get(subject.head_sha, ()) if run.name == context]
        ours = [(run.id, kept) for run in runs if (kept := _kept(subject, run.external_id)) is not None]
        if ours:
            return read_posted(max(ours)[1])
        address = seen.statuses.get(subject.head_sha, {}).get(context, "")
        return read_posted(_kept(subject, unquote(urlsplit(address).fragment)) or "")

    def _own_runs(self, publication: Publication) -> list[SeenRun]:
        """The check runs that earlier runs posted under this name on this commit, in the order in which they were made.

        Those that were seen long ago are looked at again, where it matters what was said meanwhile.
        """
        subject = publication.subject
        seen = self._memory.pull_requests.get(subject.id)
        runs = seen.check_runs.get(subject.head_sha) if seen is not None else None
        if seen is not None and publication.yields and self._memory.clock() - seen.checks_seen_at > UNSEEN:
            runs = None
        if runs is None:
            runs = self._listed(publication)
        return sorted(
            (run for run in runs if run.name == publication.context and _kept(subject, run.external_id) is not None),
            key=lambda run: run.id,
        )

    def _said(self, publication: Publication, runs: Sequence[SeenRun]) -> list[Posted | None]:
        """What our check runs and, where there are none, our commit status rest on."""
        subject = publication.subject
        seen = self._memory.pull_requests.get(subject.id)
        if runs or seen is None:
            return [read_posted(_kept(subject, run.external_id) or "") for run in runs]
        address = seen.statuses.get(subject.head_sha, {}).get(publication.context, "")
        return [read_posted(_kept(subject, unquote(urlsplit(address).fragment)) or "")]

    def _listed(self, publication: Publication) -> tuple[SeenRun, ...]:
        subject = publication.subject
        path = f"/repos/{subject.repository.name}/commits/{subject.head_sha}/check-runs"
        try:
            return tuple(
                SeenRun(
                    int(one["id"]),
                    str(one["name"]),
                    str(one.get("external_id") or ""),
                    str((one.get("app") or {}).get("slug") or ""),
                )
                for one in self._client.pages(
                    path, {"check_name": publication.context, "filter": "all"}, key="check_runs"
                )
            )
        except Refused:
            return ()  # what may not be read may not be updated either: posting will tell

    def _comments(self, subject: PullRequest) -> list[Json] | PlatformError:
        seen = self._memory.pull_requests.get(subject.id)
        if seen is not None and seen.comments is not None:
            return list(seen.comments)
        found = ask(self._client, [Piece(change.place(subject), connections=(_COMMENTS,))])[0]
        if found.failure is not None:
            return found.failure
        if found.errors or found.node is None:
            refusal = denied(found.errors, "pull requests: read") if found.errors else None
            return PlatformError(
                refusal.reason if refusal else "the pull request is not there for this token", UnknownKind.SCOPE
            )
        try:
            return found.all(_COMMENTS)
        except (Unanswerable, PlatformError) as wrong:
            return PlatformError(str(wrong), UnknownKind.TRUNCATED)

    def _check(self, publication: Publication, existing: list[SeenRun]) -> Published:
        subject = publication.subject
        where = f"the check {publication.context!r} on {subject.head_sha[:12]}"
        wanted = check_annotations.digest(publication.annotations)
        for run in existing:
            standing = check_annotations.shown(run.external_id)
            if standing not in ("", wanted):
                continue  # what it shows is outdated and cannot be taken back: another takes its place
            try:
                untold = self._say(publication, run.id, () if standing else publication.annotations)
                return Published((f"updated {where}",), untold, annotated=not untold)
            except Refused as refused:
                if refused.status not in (403, 404):
                    raise PlatformError(f"The check could not be posted: {refused}", UnknownKind.TRANSIENT) from refused
        try:
            untold = self._say(publication, None, publication.annotations)
        except Refused as refused:
            if refused.status not in (403, 404):
                raise PlatformError(f"The check could not be posted: {refused}", UnknownKind.TRANSIENT) from refused
            if existing:
                raise self._outranked(publication, existing[0], refused) from refused
            return self._status(publication, refused)
        return Published((f"posted {where}",), untold, annotated=not untold)

    def _say(self, publication: Publication, run: int | None, added: Sequence[Annotation]) -> tuple[str, ...]:
        """Post or update a check run, with these annotations besides those that it shows; gives what could not be told.

        The verdict goes with the first request, and counts more than its annotations: where those are refused it is posted
        without them.
        """
        home = f"/repos/{publication.subject.repository.name}/check-runs"
        parts = check_annotations.batches(added)
        for number, part in enumerate(parts, 1):
            shows = publication.annotations if number == len(parts) else None
            try:
                run = self._send(publication, home, run, part, shows)
            except (Refused, PlatformError) as wrong:
                if number == 1 and not (isinstance(wrong, Refused) and wrong.status == 422 and part):
                    raise
                if number == 1:
                    self._send(publication, home, run, [], ())
                left = len(added) - (number - 1) * check_annotations.MOST_AT_ONCE
                return (
                    f"{left} of {len(added)} annotations on {publication.subject.name} could not be posted: {wrong}",
                )
        return ()

    def _send(
        self, publication: Publication, home: str, run: int | None, part: list[Json], shows: Sequence[Annotation] | None
    ) -> int:
        """One request of a check run, and which one it is; ``shows``: all that it then shows, None: not all of it yet."""
        body = _check_body(
            publication, check_annotations.UNFINISHED if shows is None else check_annotations.digest(shows)
        )
        if part:
            body["output"]["annotations"] = part
        if run is None:
            node = self._client.rest("POST", home, body={**body, "head_sha": publication.subject.head_sha})
        else:
            node = self._client.rest("PATCH", f"{home}/{run}", body=body)
        self._remember_check(publication, node)
        return int(node["id"])

    def _outranked(self, publication: Publication, run: SeenRun, refused: Refused) -> PlatformError:
        """An older verdict stands as a check run, and this token can neither change nor replace it."""
        by = f" (the App {run.app})" if run.app else ""
        return PlatformError(
            f"The verdict on {publication.subject.name} could not be posted: the check run {publication.context!r} of an "
            f"earlier run{by} still stands on {publication.subject.head_sha[:12]}, and this token may neither update it nor "
            f"post another: {refused.message}. Use the token that posted it, or another App's with checks: write.",
            UnknownKind.SCOPE,
        )

    def _status(self, publication: Publication, why: Refused) -> Published:
        """No check run for this token: a commit status, as any token that may write statuses can post."""
        subject = publication.subject
        # A status has no place for what it rests on but behind the address that it leads to.
        body: dict[str, str] = {
            "state": STATES[publication.verdict],
            "context": publication.context,
            "description": bounded(publication.title, _LONGEST_DESCRIPTION, "…"),
            "target_url": f"{publication.details_url or subject.url}#{_external(publication)}",
        }
        try:
            self._client.rest("POST", f"/repos/{subject.repository.name}/statuses/{subject.head_sha}", body=body)
        except Refused as refused:
            raise PlatformError(
                f"The verdict on {subject.name} could not be posted. As a check run: {why.message}. As a commit status: "
                f"{refused.message}. The token needs checks: write, or commit statuses: write. The token of a workflow that a "
                "fork's pull request starts can have neither: read the verdict in the job's summary there. One that Dependabot "
                "starts, or whose repository gives its workflows a token that may only read, is given what it says under "
                "permissions: {checks: write, statuses: write, pull-requests: write}.",
                UnknownKind.SCOPE,
            ) from refused
        return Published((f"posted the commit status {publication.context!r} on {subject.head_sha[:12]}",))

    def _comment_tasks(
        self, publication: Publication, text: str, found: list[Json] | PlatformError
    ) -> list[Callable[[], Published]]:
        """What has to be done so that there is one comment that says this, or none that says otherwise."""
        if isinstance(found, PlatformError):
            refused = Published((), (f"the comment: {found}",))
            return [lambda: refused]
        home = f"/repos/{publication.subject.repository.name}"
        sign = marker(publication.context)
        own = self._own(publication.context, found)
        tasks: list[Callable[[], Published]] = [
            lambda one=one: self._act(
                "deleted a second comment", "DELETE", f"{home}/issues/comments/{one['databaseId']}", None
            )  # type: ignore[misc]
            for one in own[1:]
        ]
        body = bounded(f"{sign}\n{text}", LONGEST, _CUT)
        if not own:
            if not publication.create_comment:
                return tasks
            path = f"{home}/issues/{publication.subject.number}/comments"
            tasks.append(lambda: self._act("posted the comment", "POST", path, body, publication.subject))
        elif str(own[0]["body"]) != body:
            path = f"{home}/issues/comments/{own[0]['databaseId']}"
            tasks.append(lambda: self._act("edited the comment", "PATCH", path, body, publication.subject))
        return tasks

    @staticmethod
    def _own(context: str, comments: Sequence[Json]) -> list[Json]:
        """The sticky comments among these that are ours."""
        return [one for one in comments if one["viewerDidAuthor"] and str(one["body"]).startswith(marker(context))]

    def _act(
        self, done: str, method: str, path: str, body: str | None, subject: PullRequest | None = None
    ) -> Published:
        try:
            node = self._client.rest(method, path, body=None if body is None else {"body": body})
        except Refused as refused:
            if refused.status == 404 and method == "PATCH" and subject is not None:  # somebody has deleted it meanwhile
                again = f"/repos/{subject.repository.name}/issues/{subject.number}/comments"
                return self._act("posted the comment", "POST", again, body, subject)
            if refused.status == 404 and method == "DELETE":
                return Published(())
            return Published(
                (), (f"{done.replace('ed ', 'ing ', 1)}: the token needs pull requests: write ({refused})",)
            )
        except PlatformError as wrong:
            return Published((), (f"{done.replace('ed ', 'ing ', 1)}: {wrong}",))
        if subject is not None and node:
            self._remember_comment(subject, node)
        return Published((done,))

    def _remember_check(self, publication: Publication, node: Json) -> None:
        """What is posted is seen: the same run may post again."""
        subject = publication.subject
        seen = self._memory.pull_requests.get(subject.id)
        if seen is not None and subject.head_sha in seen.check_runs:
            app = str((node.get("app") or {}).get("slug") or "")
            mine = SeenRun(int(node["id"]), publication.context, str(node.get("external_id") or ""), app)
            others = [one for one in seen.check_runs[subject.head_sha] if one.id != mine.id]
            seen.check_runs[subject.head_sha] = (*others, mine)

    def _remember_comment(self, subject: PullRequest, node: Json) -> None:
        seen = self._memory.pull_requests.get(subject.id)
        if seen is None or seen.comments is None:
            return
        posted = {"databaseId": node["id"], "viewerDidAuthor": True, "body": node["body"]}
        known = {one["databaseId"] for one in seen.comments}
        if node["id"] in known:
            seen.comments = tuple(posted if one["databaseId"] == node["id"] else one for one in seen.comments)
        else:
            seen.comments = (*seen.comments, posted)


def _newest(runs: Sequence[SeenRun]) -> list[SeenRun]:
    """Of these check runs the newest of each App, the newest of all first."""
    return sorted({run.app: run for run in runs}.values(), key=lambda run: -run.id)


def bounded(text: str, longest: int, sign: str) -> str:
    """The text, cut between two characters where it is too long, with a sign that it is."""
    return text if len(text) <= longest else text[: longest - len(sign)] + sign


def _external(publication: Publication) -> str:
    """Tells our check runs from a workflow's job of the same name, which nobody may edit; and what they rest on."""
    rests_on = "" if publication.rests_on is None else f":{publication.rests_on}"
    return f"almguard:{publication.subject.number}{rests_on}"


def _kept(subject: PullRequest, external_id: str) -> str | None:
    """What is kept in the check run of this pull request; None: it is not one of ours."""
    ours, _, kept = external_id.partition(check_annotations.SIGN)[0].partition(f"almguard:{subject.number}")
    return kept.removeprefix(":") if ours == "" and external_id and (not kept or kept.startswith(":")) else None


def _check_body(publication: Publication, shows: str) -> dict[str, Json]:
    """A check run as it is said to be, with a digest of the annotations that it shows."""
    body: dict[str, Json] = {
        "name": publication.context,
        "external_id": _external(publication) + (check_annotations.SIGN + shows if shows else ""),
        "output": {
            "title": bounded(publication.title, 255, "…"),
            "summary": bounded(publication.summary, LONGEST, _CUT),
        },
    }
    if publication.details_url:
        body["details_url"] = publication.details_url
    if publication.verdict is Verdict.WAITING:
        return {**body, "status": "in_progress"}
    return {**body, "status": "completed", "conclusion": CONCLUSIONS[publication.verdict]}
