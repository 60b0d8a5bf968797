"""What approvals come to, by the written decisions and nothing else: slow, plain, and sharing no line with the product.

A world says what happened. ``decide`` says what that comes to on one platform. What nobody can know (whose an
unknown e-mail address is, what an account without any entry may do) is decided for every way that it could be: where these
agree that is the answer, and else it is unknown.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

ORDER = ("none", "read", "triage", "write", "maintain", "admin")
AZURE_LEVELS = {
    "none": "none",
    "read": "read",
    "triage": "read",
    "write": "write",
    "maintain": "write",
    "admin": "admin",
}
"""Azure DevOps has no triage and no maintain: what they allow there is what read and write allow."""

PLATFORM = "web-flow"
DEPENDENCY_UPDATERS = ("dependabot[bot]", "renovate[bot]")


class Host(StrEnum):
    """A platform."""

    GITHUB = "github"
    AZURE = "azure-devops"


@dataclass(frozen=True)
class Commit:
    """One commit of a change."""

    name: str
    author: str
    committer: str
    paths: tuple[str, ...]
    """What it touches, old paths of renamed files included."""
    co_authors: tuple[str, ...] = ()
    email: str = ""
    """The author's address, where it belongs to nobody."""
    verified: bool = False
    suggestion: bool = False
    """An applied review suggestion: made by the platform, its co-author is who suggested it."""
    merge: bool = False
    """It merges the base."""
    clean: bool = True
    """A merge that touches nothing which its parents do not."""


@dataclass(frozen=True)
class Push:
    """A push, with everything that the change consists of afterwards."""

    by: str
    at: int
    """Minutes since the beginning of the world."""
    forced: bool
    commits: tuple[Commit, ...]
    """All of the change, oldest first."""
    fresh: int
    """How many of them are new."""
    what: str
    """In words, for a reader."""


@dataclass(frozen=True)
class Opinion:
    """A review, a vote, or (``comment``) what somebody said under the pull request."""

    by: str
    state: str
    at: int
    body: str = ""
    says_yes: bool = False
    """Whether the body contains the approving words outside of code, quotes and HTML comments."""
    required: bool = False


@dataclass(frozen=True)
class Change:
    """A pull request."""

    number: int
    author: str
    assignees: tuple[str, ...]
    pushes: tuple[Push, ...]
    opinions: tuple[Opinion, ...]
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Owned:
    """A line of CODEOWNERS, or one policy that requires reviewers."""

    patterns: tuple[str, ...]
    owners: tuple[str, ...]
    """Logins, ``team:NAME``, or e-mail addresses."""


@dataclass(frozen=True)
class Rules:
    """The parameters."""

    minimum: int = 1
    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    code_owners: bool = False
    count_author: bool = False
    count_committers: bool = False
    count_last_pusher: bool = False
    dismiss_on_push: bool = True
    keep_on: tuple[str, ...] = ("update-merge", "rebase")
    ignore_commits_by: tuple[str, ...] = ()
    comments: bool = False
    strict_identity: bool = False


@dataclass(frozen=True)
class World:
    """Everything that is not about one pull request."""

    people: tuple[str, ...]
    emails: dict[str, str]
    owners: tuple[str, ...]
    """Of the organisation."""
    permissions: dict[str, str]
    """By login or ``team:NAME``."""
    teams: dict[str, tuple[str, ...]]
    """Members: logins or ``team:NAME``."""
    code_owners: tuple[Owned, ...]
    """GitHub: CODEOWNERS."""
    required: tuple[Owned, ...]
    """Azure DevOps: policies."""


@dataclass(frozen=True)
class Decision:
    """What it comes to."""

    outcome: str
    """``pass``, ``waiting`` (approvals are missing), ``blocked`` (changes were requested), ``unknown``."""
    counted: frozenset[str] | None = None
    """None: it depends on what nobody knows."""
    approved: frozenset[str] = frozenset()
    """Whose newest opinion approves."""
    against: frozenset[str] = frozenset()
    missing: int = 0


@dataclass(frozen=True)
class Guess:
    """One way that things nobody knows could be."""

    behind: tuple[tuple[str, str | None], ...] = ()
    """Who is behind each unknown address; None: nobody who matters."""
    owning: frozenset[tuple[str, str]] = frozenset()
    """Whose each address in CODEOWNERS is: address and login."""
    levels: tuple[tuple[str, str], ...] = ()
    """What an account may do of which nothing is told."""


@dataclass
class Judge:
    """Decides about one change."""

    world: World
    change: Change
    rules: Rules
    host: Host
    guess: Guess = field(default_factory=Guess)

    def is_bot(self, login: str) -> bool:
        return login.endswith("[bot]")

    @property
    def present(self) -> Push:
        return self.change.pushes[-1]

    # --- people

    def members(self, team: str, seen: frozenset[str] = frozenset()) -> set[str]:
        found: set[str] = set()
        for each in self.world.teams.get(team, ()):
            inner = each.removeprefix("team:")
            if inner == each:
                found.add(each)
            elif inner not in seen:
                found |= self.members(inner, seen | {team})
        return found

    def level(self, login: str) -> str:
        guessed = dict(self.guess.levels).get(login)
        if guessed is not None:
            return guessed
        if login in self.world.owners:
            return "admin"
        held = ["none"]
        for name, permission in self.world.permissions.items():
            if name == login or (name.startswith("team:") and login in self.members(name[5:])):
                held.append(permission)
        if self.host is Host.AZURE:
            held = [AZURE_LEVELS[each] for each in held]
        return max(held, key=ORDER.index)

    def authors(self) -> set[str]:
        """Decision 2: who opened it, and who set a coding agent going."""
        found = {self.change.author}
        agent = self.is_bot(self.change.author) and self.change.author not in DEPENDENCY_UPDATERS
        if agent and self.host is Host.GITHUB:  # Azure DevOps assigns pull requests to nobody
            found |= set(self.change.assignees)
        return found

    def update_merge(self, commit: Commit, push: Push) -> bool:
        """Decision 4: a merge of the base, made by the platform itself, touching nothing that its parents do not."""
        if not commit.merge or not commit.clean:
            return False
        if self.host is Host.GITHUB:
            return commit.committer == PLATFORM
        # There the platform signs nothing: that nobody made a merge shows by who pushed it.
        return self.is_bot(push.by) and (commit.committer == PLATFORM or self.is_bot(commit.committer))

    def update_merges(self) -> set[str]:
        found = set()
        for push in self.change.pushes:
            for commit in push.commits[len(push.commits) - push.fresh :]:
                if self.update_merge(commit, push) and commit is push.commits[-1]:
                    found.add(commit.name)
        return found

    def ignored(self, commit: Commit) -> bool:
        """Decision 5: both; and only where the platform vouches for the signature can a name be believed."""
        both = {commit.author, commit.committer} <= set(self.rules.ignore_commits_by)
        return both and commit.verified and self.host is Host.GITHUB and not commit.email

    def committers(self) -> set[str]:
        found: set[str] = set()
        for commit in self.present.commits:
            if self.ignored(commit):
                continue
            author = dict(self.guess.behind).get(commit.email) if commit.email else commit.author
            found |= {author} if author else set()
            found.add(commit.committer)
            # Azure DevOps has no applied suggestions: what says so in its message proves nothing.
            if not (commit.suggestion and self.host is Host.GITHUB):
                found |= set(commit.co_authors)
            if commit.committer == PLATFORM:
                behind = dict(self.guess.behind).get(PLATFORM)
                found |= {behind} if behind else set()
        return found - {PLATFORM}

    # --- opinions

    def newest(self) -> dict[str, Opinion]:
        """Decision 1: one opinion each, the newest."""
        found: dict[str, Opinion] = {}
        for one in sorted(self.change.opinions, key=lambda each: each.at):
            if self.opinion(one) and not (one.state == "dismissed" and self.never_voted(one.by)):
                found[one.by] = one
        return found

    def never_voted(self, login: str) -> bool:
        """On Azure DevOps a vote that was never cast cannot be taken back: what is written of it there says nothing."""
        votes = ("approved", "suggestions", "changes_requested", "waiting")
        return self.host is Host.AZURE and all(
            one.state not in votes for one in self.change.opinions if one.by == login
        )

    def opinion(self, one: Opinion) -> str:
        """What is said: yes, no, nothing any more, or (empty) no opinion at all."""
        if one.state in ("approved", "suggestions"):
            return "yes"
        if one.state == "changes_requested":
            return "no"
        if one.state == "dismissed":
            return "none"
        if one.state == "waiting":
            return "none" if self.host is Host.AZURE else ""
        # Azure DevOps has no reviews that only comment; what is said there is said in discussions.
        heard = one.state == "comment" or self.host is Host.GITHUB
        return "yes" if heard and self.rules.comments and one.says_yes else ""

    def head_at(self, at: int) -> Push:
        return [push for push in self.change.pushes if push.at <= at][-1]

    def fresh(self, one: Opinion) -> bool:
        """Decision 4."""
        then, now = self.head_at(one.at), self.present
        if not self.rules.dismiss_on_push or then is now:
            return True
        merges = self.update_merges()
        if now.commits[: len(then.commits)] == then.commits:
            since = now.commits[len(then.commits) :]
            return all(each.name in merges for each in since) and "update-merge" in self.rules.keep_on
        before = [each.name.partition("'")[0] for each in then.commits]
        if any(each.merge for each in then.commits):
            return False  # a merge has no patch that could be compared
        after = [each for each in now.commits if each.name not in merges]
        if any(each.merge for each in after) or [each.name.partition("'")[0] for each in after] != before:
            return False
        if len(after) < len(now.commits) and "update-merge" not in self.rules.keep_on:
            return False
        return "rebase" in self.rules.keep_on

    # --- files

    def paths(self) -> set[str]:
        return {path for commit in self.present.commits for path in commit.paths}

    def owners_of(self, path: str) -> list[tuple[str, ...]]:
        """Groups of owners, one of each of which has to agree."""
        if self.host is Host.AZURE:
            return [each.owners for each in self.world.required if covered(path, each.patterns)]
        last: tuple[str, ...] = ()
        for each in self.world.code_owners:
            if understood(each.patterns[0]) and owned(path, each.patterns[0]):
                last = each.owners
        return [last] if last else []

    def is_owner(self, login: str, owners: tuple[str, ...]) -> bool:
        for each in owners:
            if each.startswith("team:"):
                if login in self.members(each[5:]):
                    return True
            elif each.lower() == login.lower() or (each, login) in self.guess.owning:
                return True
        return False

    # --- the decision

    def named(self, login: str) -> bool:
        """Whether ``from`` lets this person approve, code owners aside."""
        rules = self.rules
        if login.lower() in [each.lower() for each in rules.users]:
            return True
        if any(login in self.members(team) for team in rules.teams):
            return True
        asked = rules.permissions
        if not (rules.users or rules.teams or rules.permissions or rules.code_owners):
            asked = ("write",)
        return bool(asked) and any(ORDER.index(self.level(login)) >= ORDER.index(each) for each in asked)

    def eligible(self, login: str) -> bool:
        if self.is_bot(login) and login.lower() not in [each.lower() for each in self.rules.users]:
            return False  # decision 9
        if self.named(login):
            return True
        groups = [owners for path in self.paths() for owners in self.owners_of(path)]
        return self.rules.code_owners and any(self.is_owner(login, owners) for owners in groups)

    def excluded(self, login: str) -> bool:
        """Decisions 2 and 3."""
        if login in self.authors():
            if not self.rules.count_author:
                return True
        elif login in self.committers() and not self.rules.count_committers:
            return True
        return login == self.present.by and not self.rules.count_last_pusher

    def decide(self) -> Decision:
        newest = self.newest()
        approved = {login for login, one in newest.items() if self.opinion(one) == "yes"}
        counted = {
            login
            for login in approved
            if self.eligible(login) and not self.excluded(login) and self.fresh(newest[login])
        }
        required = {one.by for one in self.change.opinions if one.required and self.host is Host.AZURE}
        against = {
            login
            for login, one in newest.items()
            if self.opinion(one) == "no" and (self.eligible(login) or login in required)
        }
        missing = max(0, self.rules.minimum - len(counted))
        uncovered = False
        if self.rules.code_owners and self.rules.minimum:
            for owners in (group for path in self.paths() for group in self.owners_of(path)):
                uncovered |= not any(self.is_owner(login, owners) or self.named(login) for login in counted)
        outcome = "blocked" if against else "waiting" if missing or uncovered else "pass"
        return Decision(outcome, frozenset(counted), frozenset(approved), frozenset(against), missing)


def decide(world: World, change: Change, rules: Rules, host: Host) -> Decision:
    """What a change comes to on one platform, by every way that the unknown could be."""
    found = [Judge(world, change, rules, host, guess).decide() for guess in guesses(world, change, rules, host)]
    outcomes, counted = {one.outcome for one in found}, {one.counted for one in found}
    if len(counted) > 1:
        found = [replace(one, counted=None) for one in found]
    if outcomes == {"blocked", "waiting"}:
        # It fails whatever is true, and by more than missing approvals only perhaps.
        return next(one for one in found if one.outcome == "waiting")
    return found[0] if len(outcomes) == 1 else Decision("unknown")


def guesses(world: World, change: Change, rules: Rules, host: Host) -> Iterator[Guess]:
    plain = Judge(world, change, rules, host)
    reviewers = sorted({one.by for one in change.opinions})
    present = change.pushes[-1].commits
    addresses = sorted({commit.email for commit in present if commit.email and not plain.ignored(commit)})
    if host is Host.AZURE and any(commit.committer == PLATFORM for commit in present):
        addresses.append(PLATFORM)  # GitHub's own committer: there an address like any other that nobody has
    behind: list[tuple[str | None, ...]] = [(None,) * len(addresses)]
    if rules.strict_identity:
        behind = list(itertools.product([None, *reviewers], repeat=len(addresses)))
    untold = []
    if host is Host.AZURE:
        told = {*world.owners, *(name for name in world.permissions if not name.startswith("team:"))}
        for name in world.permissions:
            told |= plain.members(name[5:]) if name.startswith("team:") else set()
        untold = [login for login in reviewers if login not in told]
    pairs: list[tuple[str, str]] = []
    if host is Host.GITHUB and rules.code_owners:
        # GitHub tells nobody whose an address is.
        owners = {owner for each in world.code_owners for owner in each.owners if "@" in owner}
        pairs = [(address, login) for address in sorted(owners) for login in reviewers]
    for people in behind:
        for levels in itertools.product(("none", "admin"), repeat=len(untold)):
            for yes in itertools.product((False, True), repeat=len(pairs)):
                owning = frozenset(pair for pair, so in zip(pairs, yes, strict=True) if so)
                named = tuple(zip(addresses, people, strict=True))
                yield Guess(named, owning, tuple(zip(untold, levels, strict=True)))


def understood(pattern: str) -> bool:
    """Whether GitHub takes a line of CODEOWNERS at all: no negation, no ranges (and so no sections)."""
    return not pattern.startswith("!") and "[" not in pattern


def owned(path: str, pattern: str) -> bool:
    """CODEOWNERS: gitignore's patterns, but ``docs/*`` reaches no deeper than ``docs``."""
    if pattern == "*":
        return True
    anchored = "/" in pattern.rstrip("/")
    folder = pattern.endswith("/")
    body = pattern.strip("/")
    regex = ""
    for part in re.split(r"(\*\*/|/\*\*|\*|\?)", body):
        regex += {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    deeper = "/.*" if folder else "" if body.endswith("/*") else "(?:/.*)?"
    start = "" if anchored else "(?:.*/)?"
    return re.fullmatch(start + regex + deeper, path) is not None


def covered(path: str, filters: tuple[str, ...]) -> bool:
    """A policy's path filters: ``*`` reaches over folders, ``!`` takes out, the last that matches decides."""
    result = False
    for each in filters:
        pattern = each.removeprefix("!")
        regex = "".join(".*" if letter == "*" else re.escape(letter) for letter in pattern)
        if re.fullmatch(regex, f"/{path}"):
            result = not each.startswith("!")
    return result
