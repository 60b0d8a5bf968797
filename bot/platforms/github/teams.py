"""The members of teams."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.facts import FactRequest, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import CodeOwners, TeamMembers, TeamSpec
from bot.model.people import Person
from bot.model.subjects import Repository, Subject
from bot.platforms.github.client import Refused
from bot.platforms.github.query import Connection, Found, Piece, Unanswerable, text
from bot.platforms.github.reading import Context, Reading
from bot.platforms.github.readings import needs
from bot.platforms.github.subjects import USER, person


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
                members[name] = _members(context, subject, request.spec, name, found, listed)
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
        # Whom of a large team to ask for is known when the reviews are.
        last=True,
        on_errors=lambda errors: (
            no_teams(owner) if all(error.kind == "NOT_FOUND" and len(error.path) == 1 for error in errors) else None
        ),
    )


def _members(
    context: Context, home: Repository, spec: TeamSpec, name: str, found: Found, listed: Connection
) -> tuple[Person, ...]:
    """Page by page; or beyond the first one by one those who have said something, where they are fewer than the pages."""
    first = found.first(listed)
    nodes = first["nodes"] or []
    pages = -(-(int(first["totalCount"]) - len(nodes)) // listed.size)
    people = [one for one in (person(context.host, node) for node in nodes if node) if one is not None]
    voices = context.memory.voices.get(home.id)
    read = {one.id for one in people}
    asked = [one for one in (voices or {}).values() if one.id not in read and not one.is_bot and one.login != "ghost"]
    if spec.whole or voices is None or len(asked) >= pages:
        every = (person(context.host, node) for node in found.all(listed))
        return tuple(one for one in every if one is not None)
    team = f"/orgs/{home.organization.name}/teams/{slug(name)}/memberships/"

    def belongs(one: Person) -> bool:
        try:
            answer = context.client.rest("GET", team + one.login)
        except Refused as refused:
            if refused.is_missing:
                return False
            raise
        return str(answer.get("state")) == "active"

    answers = context.client.transport.gather([lambda one=one: belongs(one) for one in asked])  # type: ignore[misc]
    return (*people, *(one for one, yes in zip(asked, answers, strict=True) if yes))


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
