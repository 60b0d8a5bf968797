"""Facts about people around a pull request: who pushed, what reviewers may do, who is in a team."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.change import (
    Comments,
    Opinion,
    Push,
    Pushes,
    ReviewerPermissions,
    Reviews,
)
from bot.model.people import Permission, Person
from bot.model.subjects import PullRequest, Repository, Subject
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.query import Piece, ask, repository, text
from bot.platforms.github.reading import Context, Task, guarded
from bot.platforms.github.readings import needs
from bot.platforms.github.subjects import PERMISSIONS, instant, person

_MOST_PUSHES = 1_000
_ONE_BY_ONE = 2
"""So many reviewers are looked up one by one (REST, which every token may); more of them together (GraphQL, which asks for
push access)."""

_LEVELS = {"admin": "ADMIN", "maintain": "MAINTAIN", "write": "WRITE", "triage": "TRIAGE", "read": "READ"}


def pushes(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``Pushes``, from the activity of the repository that holds the branch."""
    return [_each(request, subject, lambda subject=subject: _pushes(context, subject)) for subject in subjects]  # type: ignore[misc]


def _each(request: FactRequest, subject: Subject, read: Callable[[], Answer]) -> Task:
    return lambda: [(request, subject, read())]


def _pushes(context: Context, subject: Subject) -> Answer:
    assert isinstance(subject, PullRequest)
    seen = context.memory.pull_requests.get(subject.id)
    home = seen.head_repository if seen else subject.repository.name
    is_past = seen is not None and seen.moment is not None
    url = f"{subject.url}/commits"
    if home is None:
        return Unavailable(
            UnknownKind.SCOPE,
            "the fork that the change comes from is gone, or hidden from this token: who pushed is not told",
            url,
        )

    def read() -> Answer:
        entries: list[Json] = []
        path = f"/repos/{home}/activity"
        for entry in context.client.pages(path, {"ref": f"refs/heads/{subject.source_branch}"}):
            entries.append(entry)
            created = entry["activity_type"] == "branch_creation"
            if created and (not is_past or any(one["after"] == subject.head_sha for one in entries)):
                break  # older ones belong to an earlier branch of this name
            if len(entries) >= _MOST_PUSHES:
                return Unavailable(UnknownKind.TRUNCATED, f"{home}: more than {_MOST_PUSHES} pushes to one branch", url)
        pushed = [_push(context.host, entry) for entry in entries if entry["activity_type"] != "branch_deletion"]
        newest = next((at for at, push in enumerate(pushed) if push.head == subject.head_sha), None)
        if newest is None and is_past:
            why = f"the activity of {home} does not go back to who pushed {subject.head_sha[:12]}"
            return Unavailable(UnknownKind.UNREADABLE, why, url)
        if newest is None:
            return Unavailable(
                UnknownKind.TRANSIENT,
                f"the activity of {home} does not show yet who pushed {subject.head_sha[:12]}; run again in a minute",
                url,
            )
        return Loaded(Pushes(tuple(reversed(pushed[newest:]))), url, context.now)

    return guarded(read, f"{needs(Pushes)} on {home}", url)


def _push(host: str, entry: Json) -> Push:
    before = str(entry.get("before") or "")
    return Push(
        person=person(host, entry.get("actor")),
        at=instant(entry["timestamp"]) if entry.get("timestamp") else None,
        head=str(entry["after"]),
        before=before if before.strip("0") else None,
        forced=entry["activity_type"] == "force_push",
    )


def reviewer_permissions(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``ReviewerPermissions``, of those whose opinion can count."""
    return [
        _each(request, subject, lambda subject=subject: _permissions(context, subject))  # type: ignore[misc]
        for subject in subjects
    ]


def _permissions(context: Context, subject: Subject) -> Answer:
    assert isinstance(subject, PullRequest)
    known = context.known.answer(Reviews, subject)
    if not isinstance(known, Loaded):
        return known or Unavailable(UnknownKind.TRANSIENT, "the reviews were not read", subject.url)
    reviews = known.value
    assert isinstance(reviews, Reviews)
    counting = {Opinion.APPROVED, Opinion.CHANGES_REQUESTED}
    comments = context.known.value(Comments, subject)
    if comments is not None:
        counting.add(Opinion.COMMENTED)  # Comments are asked for where what they say can approve.
    voices = [review.person for review in reviews.reviews if review.opinion in counting]
    voices += [one.person for one in comments.comments] if comments is not None else []
    people = {one.id: one for one in voices}
    can_push = context.memory.can_push.get(subject.id, {})
    levels = {
        # GitHub knows no level of a bot; whether it may push it does say.
        one.id: Permission.WRITE if can_push[one.id] else Permission.READ
        for one in people.values()
        if one.is_bot and one.id in can_push
    }
    asked = [one for one in people.values() if not one.is_bot and one.login != "ghost"]

    def read() -> Answer:
        found = _together(context, subject.repository, asked) if len(asked) > _ONE_BY_ONE else {}
        rest = [one for one in asked if one.id not in found]
        found.update(zip((one.id for one in rest), _one_by_one(context, subject.repository, rest), strict=True))
        certain = {id_: level for id_, level in found.items() if level is not None}
        return Loaded(ReviewerPermissions({**levels, **certain}), subject.url, context.now)

    return guarded(read, needs(ReviewerPermissions), subject.url)


def _one_by_one(context: Context, home: Repository, people: Sequence[Person]) -> list[Permission | None]:
    def look(one: Person) -> Permission | None:
        try:
            answer = context.client.rest("GET", f"/repos/{home.name}/collaborators/{one.login}/permission")
        except Refused as refused:
            if refused.is_missing:
                return Permission.NONE  # an account that is not, or not any more, known here
            raise
        # role_name tells triage and maintain apart, or names a role of the organisation's own; permission is the base of it
        level = _LEVELS.get(str(answer.get("role_name")), _LEVELS.get(str(answer.get("permission"))))
        return PERMISSIONS[level] if level else Permission.NONE

    def once(one: Person) -> Permission | None:
        return context.memory.permission(home.name, one.login, lambda: look(one))

    return context.client.transport.gather([lambda one=one: once(one) for one in people])  # type: ignore[misc]


def _together(context: Context, home: Repository, people: Sequence[Person]) -> dict[str, Permission | None]:
    """All at once. Who is not in the answer is left to be looked up alone."""
    fields = " ".join(
        f"u{at}: collaborators(first: 5, query: {text(one.login)}) {{ edges {{ permission node {{ login }} }} }}"
        for at, one in enumerate(people)
    )
    piece = Piece(
        (repository(home.name),), fields, keys=tuple(f"u{at}" for at in range(len(people))), weight=5 * len(people)
    )
    found = ask(context.client, [piece])[0]
    levels: dict[str, Permission | None] = {}
    for at, one in enumerate(people):
        for edge in ((found.node or {}).get(f"u{at}") or {}).get("edges") or []:
            if edge and str(edge["node"]["login"]).lower() == one.login.lower():
                levels[one.id] = PERMISSIONS[edge["permission"]]
    return levels
