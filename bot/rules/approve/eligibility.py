"""Who may approve: by name, by team, by permission, or because the changed files are theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, field_validator

from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import ChangedFiles, CodeOwners, ReviewerPermissions, TeamMembers
from bot.model.findings import Reviewer
from bot.model.people import Permission, Person
from bot.rules import RuleParams, Tighter
from bot.rules.approve.ownership import Owned, owned_paths, owners_of
from bot.rules.approve.standing import Doubt, Objection, Standing, doubt, same_person


class From(RuleParams):
    """Whose approval counts. Each way is enough; with none given, anyone with write permission."""

    users: Annotated[frozenset[str], Tighter.SUBSET] = frozenset()
    """Logins (GitHub) or unique names (Azure DevOps). Only a bot that is named here counts."""
    teams: Annotated[frozenset[str], Tighter.SUBSET] = frozenset()
    """Teams (``payments-team`` or ``acme/payments-team``) or Azure DevOps groups, by their members, nested ones too."""
    permissions: Annotated[frozenset[Permission], Tighter.SUBSET] = frozenset()
    """Anyone with at least one of these permissions: read, triage, write, maintain or admin."""
    code_owners: Annotated[bool, Tighter.NEVER] = Field(default=False)
    """Anyone who owns at least one of the changed files. Every changed file that has owners then needs the approval of one of
    them, or of somebody who counts in another way."""

    @field_validator("permissions")
    @classmethod
    def _some_permission(cls, permissions: frozenset[Permission]) -> frozenset[Permission]:
        if Permission.NONE in permissions:
            raise ValueError("with `none` anybody at all could approve; the least that can be named is `read`")
        return permissions

    def loosened_by(self, new: From) -> str:
        """Without any way that is named, anyone with write permission would do."""
        named = (new.users, new.teams, new.permissions, new.code_owners)
        return "may not lose every way, because then anyone with write permission counts" if not any(named) else ""

    @property
    def least(self) -> Permission | None:
        """The permission that is enough by itself; None where permission alone is not."""
        if self.permissions:
            return min(self.permissions, key=list(Permission).index)
        return None if self.users or self.teams or self.code_owners else Permission.WRITE


Missing = Unavailable | NotSupported


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The facts that decide who may approve. What is None is not needed."""

    source: From
    permissions: ReviewerPermissions | Missing | None
    teams: TeamMembers | Missing | None
    code_owners: CodeOwners | Missing | None
    files: ChangedFiles | Missing | None

    def standing(self, person: Person, owned: Owned | None = None) -> Standing:
        """Whether the person may approve: one sure way is enough, and no doubt about another matters then.

        With ``owned``: for those paths.
        """
        if person.is_bot and not self._is_named(person):
            return Objection("is a bot, and not named under from.users")
        answers = list(self._ways(person, owned))
        if None in answers:
            return None
        doubts = [answer for answer in answers if isinstance(answer, Doubt)]
        if doubts:
            return doubts[0]
        return Objection("; ".join(answer.reason for answer in answers if isinstance(answer, Objection)))

    def missing_teams(self) -> tuple[str, ...]:
        """The named teams that do not exist."""
        return tuple(sorted(self.teams.missing)) if isinstance(self.teams, TeamMembers) else ()

    def candidates(self) -> Iterator[Reviewer]:
        """People and teams who may approve, the most particular first."""
        yield from (Reviewer(user) for user in sorted(self.source.users))
        gone = set(self.missing_teams())
        yield from (Reviewer(team, is_team=True) for team in sorted(self.source.teams) if team not in gone)
        yield from owners_of(self.owned())

    def anyone(self) -> Iterator[str]:
        """Who else may approve, in words, where a permission is enough."""
        if self.source.least is not None:
            yield f"anyone with {self.source.least} permission or more"

    def owned(self) -> tuple[Owned, ...]:
        """The changed paths that need an owner's approval; none where owners do not matter or are not known."""
        if not self.source.code_owners:
            return ()
        if not isinstance(self.code_owners, CodeOwners) or not isinstance(self.files, ChangedFiles):
            return ()
        return owned_paths(self.code_owners, self.files)

    def _is_named(self, person: Person) -> bool:
        return is_one_of(person, self.source.users)

    def _ways(self, person: Person, owned: Owned | None) -> Iterator[Standing]:
        if self.source.users:
            yield None if self._is_named(person) else Objection("is not named under from.users")
        if self.source.teams:
            yield self._in_teams(person, tuple(sorted(self.source.teams)), "from.teams")
        if self.source.least is not None:
            yield self._may(person, self.source.least)
        if self.source.code_owners:
            yield self._owns(person, self.owned() if owned is None else (owned,))

    def _may(self, person: Person, least: Permission) -> Standing:
        if not isinstance(self.permissions, ReviewerPermissions):
            missing = self.permissions or NotSupported("it was not asked for")
            return doubt(missing, f"what {person} may do to the repository is not known")
        level = self.permissions.levels.get(person.id)
        if level is None:
            return Doubt(UnknownKind.SCOPE, f"what {person} may do to the repository could not be looked up")
        if level.at_least(least):
            return None
        return Objection(f"has {level} permission, and {least} is needed")

    def _in_teams(self, person: Person, teams: tuple[str, ...], where: str) -> Standing:
        if self.teams is None or isinstance(self.teams, Unavailable | NotSupported):
            missing = self.teams or NotSupported("they were not asked for")
            return doubt(missing, f"who belongs to {', '.join(teams)} is not known")
        unread = [team for team in teams if team not in self.teams.members and team not in self.teams.missing]
        for team in teams:
            if any(same_person(person, member) for member in self.teams.members.get(team, ())):
                return None
        if unread:
            return Doubt(UnknownKind.SCOPE, f"who belongs to {', '.join(unread)} is not known")
        return Objection(f"belongs to no team under {where}")

    def _owns(self, person: Person, owned: Sequence[Owned]) -> Standing:
        for fact, what in ((self.code_owners, "who owns the changed files"), (self.files, "which files are changed")):
            if isinstance(fact, Unavailable | NotSupported):
                return doubt(fact, f"{what} is not known")
        if not isinstance(self.code_owners, CodeOwners) or not isinstance(self.files, ChangedFiles):
            raise TypeError("code owners were not asked for")
        owners = dict.fromkeys(owner for one in owned for owner in one.owners)
        if is_one_of(person, owners):
            return None
        teams = tuple(owner for owner in owners if "/" in owner)
        found = self._in_teams(person, teams, "CODEOWNERS") if teams else None
        if teams and not isinstance(found, Objection):
            return found
        # Azure DevOps' policies, which are no file, name people by their sign-in names.
        addresses = [owner for owner in owners if "@" in owner] if self.code_owners.path is not None else []
        if addresses:
            return Doubt(
                UnknownKind.UNREADABLE,
                f"whose address {', '.join(addresses)} is, the platform does not tell: name logins in {self.code_owners.path}",
            )
        return Objection("owns none of the changed files")


def is_one_of(person: Person, names: Iterable[str]) -> bool:
    """Whether one of the names is a login or an e-mail of the person."""
    own = {person.login.casefold(), *(email.casefold() for email in person.emails)}
    return any(name.casefold() in own for name in names)
