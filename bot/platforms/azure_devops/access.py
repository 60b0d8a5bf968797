"""Who may do what: access control lists of the git namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from bot.model.facts.change import ReviewerPermissions
from bot.model.facts.protection import BypassActor, BypassActors
from bot.model.people import Permission, Person
from bot.model.subjects import Branch, Organization, PullRequest, Repository
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.change import comments
from bot.platforms.azure_devops.client import Json, chunks, value
from bot.platforms.azure_devops.loading import Ahead, Loader, Wanted
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.subjects import ident

GIT = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87"
"""The security namespace of git repositories; its bits are documented under "Security namespace and permission reference"."""
ADMINISTER = 1
GENERIC_READ = 2
GENERIC_CONTRIBUTE = 4
FORCE_PUSH = 8
POLICY_EXEMPT = 128
PULL_REQUEST_CONTRIBUTE = 16384
PULL_REQUEST_BYPASS = 32768

BYPASSES = (
    (POLICY_EXEMPT, "Bypass policies when pushing"),
    (PULL_REQUEST_BYPASS, "Bypass policies when completing pull requests"),
    (FORCE_PUSH, "Force push"),
)
AT_ONCE = 25
"""Identities in one request: their descriptors stand in the address, whose length is limited."""
MOST_IN_ADDRESS = 6_000
"""Characters of descriptors in one address: the service refuses addresses somewhere beyond eight thousand."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one identity may and may not do at one place, what it inherits included."""

    descriptor: str
    allow: int
    deny: int
    own_allow: int
    own_deny: int

    def permits(self, bit: int) -> bool:
        """Whether the bit is allowed, and not denied."""
        return bool(self.allow & bit) and not self.deny & bit


def reviewer_permissions(wanted: Wanted) -> tuple[ReviewerPermissions, str]:
    """What each person who voted may do to the repository, by themselves or through their groups.

    And each who commented, where comments were asked for: there they may approve.

    The lists hold what was said of an identity, not what its groups bring it: so every group that the person is in, through
    other groups as well, is asked about too.
    """
    subject: PullRequest = wanted.subject
    reads = wanted.reads
    held = {
        person.id: tuple(dict.fromkeys((descriptor, *groups)))
        for person, descriptor, groups in with_groups(reads, voices(wanted, subject))
    }
    entries = _entries_for(reads, subject.repository, sorted({name for names in held.values() for name in names}))
    levels: dict[str, Permission] = {}
    for person, names in held.items():
        told = [entries[name.lower()] for name in names if name.lower() in entries]
        if told:  # of whom nothing is told, neither alone nor by a group, nothing is known
            levels[person] = level(combined(told))
    return ReviewerPermissions(levels), f"{subject.repository.organization.url}/_settings/repositories"


def combined(entries: Sequence[Entry]) -> Entry:
    """What one person and all their groups have together: everything that any of them is allowed, and denied; a deny wins."""
    total = Entry("", 0, 0, 0, 0)
    for entry in entries:
        total = Entry("", total.allow | entry.allow, total.deny | entry.deny, 0, 0)
    return total


def level(entry: Entry) -> Permission:
    """Read is read, both contributions are write, administering is admin."""
    if entry.permits(ADMINISTER):
        return Permission.ADMIN
    if entry.permits(GENERIC_CONTRIBUTE) and entry.permits(PULL_REQUEST_CONTRIBUTE):
        return Permission.WRITE
    return Permission.READ if entry.permits(GENERIC_READ) else Permission.NONE


def voices(wanted: Wanted, subject: PullRequest) -> list[str]:
    """The ids of those who have voted; and of those who have commented, where comments were asked for."""
    found = [person.id for person in _voters(wanted.reads, subject)]
    if subject.id in wanted.reads.heard:
        found += [one.person.id for one in comments(replace(wanted, subject=subject))[0].comments]
    return sorted(set(found))


def with_groups(reads: Reads, ids: Sequence[str]) -> Iterator[tuple[Person, str, tuple[str, ...]]]:
    """People by their ids, each with the descriptor and those of all groups that the person is in, through others as well."""
    for some in chunks(ids, AT_ONCE):
        for one in identities(reads, "identityIds", some, membership="expandedUp"):
            yield reads.subjects.member(one), str(one["descriptor"]), tuple(map(str, one.get("memberOf") or ()))


def _voters(reads: Reads, subject: PullRequest) -> Iterable[Person]:
    # Before its completion others may have voted than those whose votes stand now.
    is_past = subject.id in reads.moments
    for reviewer in reads.pull_request(subject).get("reviewers") or ():
        if (reviewer.get("vote") or is_past) and not reviewer.get("isContainer"):
            yield reads.subjects.person(reviewer)


def identities(reads: Reads, parameter: str, keys: Sequence[str], *, membership: str = "none") -> list[Json]:
    """The identity service's documents, those that it does not know left out. Our own ids are cut to theirs.

    ``membership``: ``expandedDown`` tells groups' members, ``expandedUp`` all groups that somebody is in.
    """
    asked = ",".join(key.rpartition("/")[2] if parameter == "identityIds" else key for key in keys)
    query = {parameter: asked, "queryMembership": membership}
    rows = reads.once(
        ("identities", parameter, asked, membership), lambda: reads.client.listing(endpoints.IDENTITIES, {}, query)
    )
    return [row for row in rows if row]


def _entries_for(reads: Reads, repository: Repository, descriptors: Sequence[str]) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    for some in _fitting(descriptors):
        query = {
            "token": token(repository),
            "descriptors": ",".join(some),
            "includeExtendedInfo": True,
            "recurse": False,
        }
        # The same people review many pull requests of a repository.
        lists = reads.once(
            ("access of", query["token"], query["descriptors"]),
            lambda query=query: reads.client.listing(  # type: ignore[misc]
                endpoints.ACCESS_CONTROL_LISTS, {"securityNamespaceId": GIT}, query
            ),
        )
        found |= {name: entry for one in lists for name, entry in _entries(one).items()}
    return found


def _fitting(descriptors: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many descriptors as an address has room for, at a time."""
    some: list[str] = []
    room = MOST_IN_ADDRESS
    for descriptor in descriptors:
        size = len(quote(descriptor, safe="")) + len("%2C")
        if some and size > room:
            yield some
            some, room = [], MOST_IN_ADDRESS
        some.append(descriptor)
        room -= size
    if some:
        yield some


def token(repository: Repository, branch: str | None = None) -> str:
    """What access control lists call a repository or a branch; each part of a branch's name is written in UTF-16, in hex."""
    base = f"repoV2/{ident(repository.organization)}/{ident(repository)}"
    if branch is None:
        return base
    parts = "/".join(part.encode("utf-16-le").hex() for part in branch.split("/"))
    return f"{base}/refs/heads/{parts}"


def _entries(access_control_list: Json) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for descriptor, entry in (access_control_list.get("acesDictionary") or {}).items():
        extended = entry.get("extendedInfo") or {}
        allow, deny = int(entry.get("allow") or 0), int(entry.get("deny") or 0)
        found[str(descriptor).lower()] = Entry(
            str(descriptor),
            allow | int(extended.get("effectiveAllow") or 0),
            deny | int(extended.get("effectiveDeny") or 0),
            allow,
            deny,
        )
    return found


def bypass_actors(wanted: Wanted) -> tuple[BypassActors, str]:
    """Whose permissions on the branch, the repository or the project let them round the policies."""
    subject: Branch = wanted.subject
    reads = wanted.reads
    repository = subject.repository
    able = _able(_project_lists(reads, repository.organization), subject)
    names = _names(reads, repository.organization) if able else {}
    actors = [
        BypassActor(
            _displayed(names.get(descriptor), entry.descriptor),
            "group" if (names.get(descriptor) or {}).get("isContainer") else "user",
            f"permission {', '.join(text for bit, text in BYPASSES if entry.permits(bit))}",
            can_force_push=entry.permits(FORCE_PUSH),
        )
        for descriptor, entry in able
    ]
    page = f"{repository.organization.url}/_settings/repositories?repo={ident(repository)}&_a=permissionsMid"
    return BypassActors(tuple(sorted(actors, key=lambda actor: actor.name.lower()))), page


def _project_lists(reads: Reads, project: Organization) -> dict[str, dict[str, Entry]]:
    """Every list of a project's repositories and branches, by its token: one request for all of them."""
    query = {"token": f"repoV2/{ident(project)}", "includeExtendedInfo": True, "recurse": True}

    def read() -> dict[str, dict[str, Entry]]:
        rows = reads.client.listing(endpoints.ACCESS_CONTROL_LISTS, {"securityNamespaceId": GIT}, query)
        return {str(row.get("token") or "").rstrip("/").lower(): _entries(row) for row in rows}

    return reads.once(("access", ident(project)), read)


def _able(lists: Mapping[str, Mapping[str, Entry]], branch: Branch) -> list[tuple[str, Entry]]:
    """Those who may bypass, seen from the project down: what is said nearer to the branch takes the place of the rest."""
    whole = token(branch.repository, branch.branch).lower()
    parts = whole.split("/")
    effective: dict[str, Entry] = {}
    for length in range(1, len(parts) + 1):
        for descriptor, entry in lists.get("/".join(parts[:length]), {}).items():
            before = effective.get(descriptor, Entry(entry.descriptor, 0, 0, 0, 0))
            allow = (before.allow & ~entry.own_deny) | entry.allow
            deny = (before.deny & ~entry.own_allow) | entry.deny
            effective[descriptor] = Entry(entry.descriptor, allow, deny, entry.own_allow, entry.own_deny)
    return [pair for pair in effective.items() if _bypasses(pair[1])]


def _bypasses(entry: Entry) -> bool:
    return any(entry.permits(bit) for bit, _ in BYPASSES)


def _names(reads: Reads, project: Organization) -> dict[str, Json]:
    """Everybody who can bypass anything in the project, by descriptor: asked for together, not for each repository."""

    def read() -> dict[str, Json]:
        able = {
            entry.descriptor
            for entries in _project_lists(reads, project).values()
            for entry in entries.values()
            if _bypasses(entry)
        }
        found = [one for some in chunks(sorted(able), AT_ONCE) for one in identities(reads, "descriptors", some)]
        return {str(one.get("descriptor")).lower(): one for one in found}

    return reads.once(("bypass names", ident(project)), read)


def _displayed(identity: Json | None, descriptor: str) -> str:
    if identity is None:
        return descriptor
    name = str(identity.get("providerDisplayName") or identity.get("customDisplayName") or descriptor)
    return (
        f"group {name}"
        if identity.get("isContainer")
        else str(value(identity, "properties", "Account", "$value") or name)
    )


def _bypass_ahead(wanted: Wanted) -> Ahead:
    return (lambda: _project_lists(wanted.reads, wanted.subject.repository.organization),)


REVIEWER_PERMISSIONS = Loader(reviewer_permissions)
BYPASS_ACTORS = Loader(bypass_actors, _bypass_ahead)
