"""People, teams, and how much they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """What somebody may do to a repository, weakest first.

    Azure DevOps has no triage and no maintain: Read is read, Contribute (with Contribute to pull requests) is write,
    Administer is admin.
    """

    NONE = "none"
    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    def at_least(self, other: Permission) -> bool:
        """Whether this permission includes ``other``."""
        order = list(Permission)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Person:
    """One account on one host.

    Accounts on two hosts are the same person only where a policy's ``identities`` says so, or where ``id`` is equal.
    """

    id: str
    """``host/user/immutable-id``; where the host tells no id, ``host/login/LOGIN`` in lower case."""
    login: str
    """The login (GitHub) or unique name (Azure DevOps)."""
    name: str = ""
    emails: frozenset[str] = frozenset()
    is_bot: bool = False

    def __str__(self) -> str:
        return self.login or self.name or self.id


@dataclass(frozen=True, slots=True)
class Signature:
    """Who a commit says wrote it. A commit's e-mail is only a claim."""

    name: str
    email: str
    person: Person | None = None
    """The account that the platform matched to the e-mail; None where it matched none."""
    is_platform: bool = False
    """The platform's own committer (GitHub's ``web-flow``): nobody in particular."""


@dataclass(frozen=True, slots=True)
class Team:
    """A GitHub team or an Azure DevOps group."""

    id: str
    name: str
    """The slug on GitHub (``payments-team``), the display name on Azure DevOps."""
