"""Facts about people around a pull request: who pushed, what reviewers may do, who is in a team."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot.model.facts import Answer, FactRequest, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import (
    CodeOwners,
    Comments,
    Opinion,
    Push,
    Pushes,
    ReviewerPermissions,
    Reviews,
    TeamMembers,
    TeamSpec,
)
from bot.model.people import Permission, Person
from bot.model.subjects import PullRequest, Repository, Subject
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.query import Connection, Found, Piece, Unanswerable, ask, repository, text
from bot.platforms.github.reading import Context, Reading, Task, guarded
from bot.platforms.github.readings import needs
from bot.platforms.github.subjects import PERMISSIONS, USER, instant, person

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
            if entry["activity_type"] == "branch_creation":
                break  # older ones belong to an earlier branch of this name
            if len(entries) >= _MOST_PUSHES:
                return Unavailable(UnknownKind.TRUNCATED, f"{home}: more than {_MOST_PUSHES} pushes to one branch", url)
        pushed = [_push(context.host, entry) for entry in entries if entry["activity_type"] != "branch_deletion"]
        newest = next((at for at, push in enumerate(pushed) if push.head == subject.head_sha), None)
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


def team_members(context: Context, request: FactRequest, subject: Subject) -> Reading:
    """``TeamMembers``."""
    assert isinstance(subject, Repository)
    asked = tuple(sorted(_teams_asked(context, request.spec, subject))) if request.spec is not None else ()
    owner = subject.organization.name
    lists = {
        name: Connection("members_", "members", USER, wrap=(f"t{at}_: team(slug: {text(slug(name))})",))
        for at, name in enumerate(asked)
    }

    def parse(found: Found) -> TeamMembers:
        members: dict[str, tuple[Person, ...]] = {}
        missing = set()
        for name, listed in lists.items():
            if found.has(listed):
                people = (person(context.host, node) for node in found.all(listed))
                members[name] = tuple(one for one in people if one is not None)
            else:
                missing.add(name)
        if missing and not (found.node.get("anyTeam") or {}).get("totalCount"):
            raise Unanswerable(
                Unavailable(
                    UnknownKind.SCOPE,
                    f"the token sees no team of {owner}; it needs members: read of the organisation",
                    subject.url,
                )
            )
        return TeamMembers(members, frozenset(missing))

    return Reading(
        Piece(
            (f"organization(login: {text(owner)})",),
            "anyTeam: teams(first: 1) { totalCount }",
            tuple(lists.values()),
            keys=("anyTeam",),
            may_lack=True,
        ),
        parse,
        f"{subject.organization.url}",
        f"{needs(TeamMembers)} of the organisation {owner}",
        on_errors=lambda errors: (
            no_teams(owner) if all(error.kind == "NOT_FOUND" and len(error.path) == 1 for error in errors) else None
        ),
    )


def _teams_asked(context: Context, spec: TeamSpec, subject: Repository) -> Iterator[str]:
    """The teams that are named, and (where owners matter) those that CODEOWNERS names on any branch that was read."""
    found = dict.fromkeys(spec.teams)
    if spec.owners:
        for (kind, where), known in context.known.answers.items():
            if kind is CodeOwners and where.startswith(f"{subject.id}/") and isinstance(known, Loaded):
                assert isinstance(known.value, CodeOwners)
                owners = (owner for entry in known.value.entries for owner in entry.owners)
                found.update(dict.fromkeys(owner for owner in owners if "/" in owner))
    yield from found


def slug(name: str) -> str:
    """A team's slug, from what a policy calls it: ``acme/Payments Team`` is ``payments-team``."""
    return name.rpartition("/")[2].strip().lower().replace(" ", "-")


def no_teams(owner: str) -> NotSupported:
    """What is said of a user account's repositories."""
    return NotSupported(f"{owner} is a user account: it has no teams")
