"""Identities: which accounts, on several hosts, are one person. A file that somebody reviews says so, nothing else does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from bot.model.facts import Fact
from bot.model.facts.change import Commit, Commits, FormerCommits
from bot.model.people import Person, Signature
from bot.model.subjects import Platform
from bot.policy.loader import parse_yaml
from bot.policy.models import Strict, Text
from bot.policy.nodes import Mapping as MappingNode
from bot.policy.nodes import Mark, Node, Scalar, Sequence, Tree
from bot.policy.problems import PolicyError, Problem
from bot.policy.validation import validate

F = TypeVar("F", bound=Fact)


def account(name: str) -> str:
    """A login, a unique name or an e-mail address as they are compared: in any case, with or without ``@`` before it."""
    return name.strip().removeprefix("@").casefold()


def _named(value: str) -> str:
    if not account(value):
        raise ValueError("it is empty")
    return value


def _email(value: str) -> str:
    local, at, domain = value.partition("@")
    if not (local and at and domain) or any(character.isspace() for character in value):
        raise ValueError(f"{value!r} is no e-mail address")
    return value


Account = Annotated[Text, AfterValidator(_named)]
Email = Annotated[Text, AfterValidator(_email)]


class DeclaredPerson(Strict):
    """One person, with the accounts that are hers or his."""

    name: Account
    """What people call the person; no two are called the same."""
    github: Account | None = None
    """The login on GitHub."""
    azure_devops: Account | None = Field(default=None, alias="azure-devops")
    """The unique name on Azure DevOps: how the person signs in."""
    emails: tuple[Email, ...] = ()
    """The e-mail addresses that the person commits with."""

    def accounts(self) -> frozenset[str]:
        """Everything that means this person."""
        named = (self.name, self.github, self.azure_devops, *self.emails)
        return frozenset(account(each) for each in named if each is not None)

    def login(self, platform: Platform) -> str | None:
        """The account on a platform; None where it has none."""
        match platform:
            case Platform.GITHUB:
                return self.github
            case Platform.AZURE_DEVOPS:
                return self.azure_devops
            case Platform.LOCAL | Platform.JIRA:
                return None


class IdentitiesFile(Strict):
    """A file of identities."""

    api_version: Literal["almguard/v1"] = Field(alias="apiVersion")
    """The version of this format."""
    kind: Literal["Identities"]
    """What this file is."""
    people: tuple[DeclaredPerson, ...]
    """The people."""


@dataclass(frozen=True)
class Identities:
    """Who is who."""

    people: tuple[DeclaredPerson, ...] = ()
    _by_account: Mapping[str, DeclaredPerson] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = {name: person for person in self.people for name in person.accounts()}
        object.__setattr__(self, "_by_account", found)

    def person_of(self, name: str) -> DeclaredPerson | None:
        """Whose login, unique name or e-mail address this is, on any host."""
        return self._by_account.get(account(name))

    def same(self, one: str, other: str) -> bool:
        """Whether two logins, unique names or e-mail addresses are one person's."""
        if account(one) == account(other):
            return True
        first, second = self.person_of(one), self.person_of(other)
        return first is not None and first is second

    def resolve(self, fact: F, platform: Platform, host: str) -> F:
        """The fact, in which a commit's e-mail that the platform knows nobody by has the account that is declared for it.

        ``host`` is the one in the ids of the platform's people. Facts that hold no commits come back as they are.
        """
        if isinstance(fact, Commits):
            return replace(fact, commits=tuple(self._commit(each, platform, host) for each in fact.commits))
        if isinstance(fact, FormerCommits):
            former = {
                head: tuple(self._commit(each, platform, host) for each in commits)
                for head, commits in fact.former.items()
            }
            return replace(fact, former=former)
        return fact

    def _commit(self, commit: Commit, platform: Platform, host: str) -> Commit:
        return replace(
            commit,
            author=self._signature(commit.author, platform, host),
            committer=self._signature(commit.committer, platform, host),
            co_authors=tuple(self._signature(each, platform, host) for each in commit.co_authors),
        )

    def _signature(self, signature: Signature, platform: Platform, host: str) -> Signature:
        """What the platform itself has matched stays: its word is better than a file's."""
        if signature.person is not None or signature.is_platform or "@" not in signature.email:
            return signature
        declared = self.person_of(signature.email)
        login = declared.login(platform) if declared is not None else None
        if declared is None or login is None:
            return signature
        login = login.strip().removeprefix("@")
        emails = frozenset(email.casefold() for email in declared.emails)
        return replace(signature, person=Person(f"{host}/login/{login.lower()}", login, declared.name, emails))


def read_identities(text: str, source: str) -> Identities:
    """The people that a file declares. Raises ``PolicyError`` with everything that is wrong with it."""
    tree = parse_yaml(text, source)
    document = validate(IdentitiesFile, tree)
    problems = list(_shared(tree))
    if problems:
        raise PolicyError(problems)
    return Identities(document.people)


def _shared(tree: Tree) -> Iterator[Problem]:
    """An account of two people: whose approval would it be?"""
    first: dict[str, tuple[int, Mark]] = {}
    for index, path, node in _accounts(tree.root):
        owner, mark = first.setdefault(account(node.text), (index, node.mark))
        if owner != index:
            message = f"{node.text} is the account of another person already, on line {mark.line}; one account is one person's"
            yield tree.problem(node.mark, path, message)


def _accounts(root: Node) -> Iterator[tuple[int, str, Scalar]]:
    """Every account with its place, and the index of the person that it belongs to."""
    people = root.get("people") if isinstance(root, MappingNode) else None
    for index, person in enumerate(people.items if isinstance(people, Sequence) else ()):
        for key, (_, node) in person.entries.items() if isinstance(person, MappingNode) else ():
            nodes = node.items if isinstance(node, Sequence) else [node]
            for each in nodes:
                if isinstance(each, Scalar) and isinstance(each.value, str):
                    yield index, f"people[{index}].{key}", each
