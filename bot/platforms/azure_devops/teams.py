"""The members of groups and teams."""

from __future__ import annotations

from dataclasses import replace

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.facts.change import TeamMembers, TeamSpec
from bot.model.people import Person
from bot.model.subjects import Organization, Repository
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.access import AT_ONCE, identities, voices, with_groups
from bot.platforms.azure_devops.client import Json, chunks
from bot.platforms.azure_devops.loading import Loader, Wanted
from bot.platforms.azure_devops.protection import code_owners
from bot.platforms.azure_devops.reads import Reads

DEEPEST = 8
"""How many levels of groups within groups are followed."""


def team_members(wanted: Wanted) -> tuple[TeamMembers, str]:
    """The people in groups and teams of the project, or of the organisation, groups within groups followed.

    Where not all of them are wanted, those who speak are asked for their groups, and no group for its people.
    """
    subject: Repository = wanted.subject
    spec: TeamSpec = wanted.spec or TeamSpec()
    members: dict[str, tuple[Person, ...]] = {}
    missing: set[str] = set()
    judged = [one for one in wanted.reads.reviewed.values() if one.repository.id == subject.id]
    whole = spec.whole or not judged
    ids = sorted({each for one in judged for each in voices(wanted, one)})
    speakers = [] if whole else list(with_groups(wanted.reads, ids))
    for name in sorted(spec.teams | (_owners(wanted) if spec.owners else frozenset())):
        group = group_named(wanted.reads, subject.organization, name.rpartition("/")[2], whole=whole)
        if group is None:
            missing.add(name)
        elif whole:
            members[name] = _people(wanted.reads, group)
        else:
            descriptor = str(group.get("descriptor")).lower()
            within = (person for person, _, groups in speakers if descriptor in map(str.lower, groups))
            members[name] = tuple(within)
    return TeamMembers(members, frozenset(missing)), f"{subject.organization.url}/_settings/teams"


def _owners(wanted: Wanted) -> frozenset[str]:
    """The groups that policies require as reviewers where a judged pull request goes, else on the default branch."""
    subject: Repository = wanted.subject
    judged = [one.base for one in wanted.reads.judged.values() if one.repository.id == subject.id]
    default = [subject.default] if subject.default else []
    found: set[str] = set()
    for branch in judged or default:
        required, _ = code_owners(replace(wanted, subject=branch))
        found.update(owner for entry in required.entries for owner in entry.owners if "/" in owner)
    return frozenset(found)


def group_named(reads: Reads, project: Organization, name: str, *, whole: bool = False) -> Json | None:
    """The project's group of that name, else the organisation's, else the only one that there is."""
    membership = "expandedDown" if whole else "none"
    query = {"searchFilter": "General", "filterValue": name, "queryMembership": membership}
    rows = reads.once(("group", name, membership), lambda: reads.client.listing(endpoints.IDENTITIES, {}, query))
    groups = {str(row.get("providerDisplayName") or "").lower(): row for row in rows if row and row.get("isContainer")}
    scopes = (project.project or "", reads.client.organization)
    for scope in scopes:
        if (found := groups.get(f"[{scope}]\\{name}".lower())) is not None:
            return found
    others = [row for full, row in groups.items() if full.rpartition("\\")[2] == name.lower()]
    if len(others) > 1:
        raise PlatformError(
            f"There are {len(others)} groups named {name!r}, none of them of {project.name}: write the name of one that "
            "belongs to the project.",
            UnknownKind.UNREADABLE,
        )
    return others[0] if others else None


def _people(reads: Reads, group: Json) -> tuple[Person, ...]:
    found: dict[str, Person] = {}
    seen = {str(group.get("descriptor"))}
    waiting = [str(member) for member in group.get("members") or ()]
    for _ in range(DEEPEST):
        fresh = sorted(set(waiting) - seen)
        if not fresh:
            return tuple(found.values())
        seen |= set(fresh)
        waiting = []
        for some in chunks(fresh, AT_ONCE):
            for one in identities(reads, "descriptors", some, membership="expandedDown"):
                if one.get("isContainer"):
                    waiting += [str(member) for member in one.get("members") or ()]
                else:
                    person = reads.subjects.member(one)
                    found[person.id] = person
    raise PlatformError(
        f"{group.get('providerDisplayName')} holds groups within groups, more than {DEEPEST} deep.",
        UnknownKind.TRUNCATED,
    )


TEAM_MEMBERS = Loader(team_members)
