"""Identities: who is who, and what is told where a file says two things."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.facts.change import Commit, Commits, FormerCommits, Reviews
from bot.model.people import Person, Signature
from bot.model.subjects import Platform
from bot.policy.identities import DeclaredPerson, Identities, read_identities
from bot.policy.loader import PolicyError
from bot.rules.approve.standing import same_person

HEAD = "apiVersion: almguard/v1\nkind: Identities\npeople:\n"
TWO = HEAD + (
    "  - {name: Ana, github: ana, azure-devops: ana@acme.example, emails: [ana@acme.example, Ana@home.example]}\n"
    '  - {name: Bo Berg, github: "@bo"}\n'
)


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as raised:
        read_identities(text, "identities.yml")
    return [str(problem) for problem in raised.value.problems]


def test_accounts_of_one_person_are_the_same_on_any_host():
    people = read_identities(TWO, "identities.yml")
    assert people.same("ana", "ANA@acme.example")
    assert people.same("@ana", "ana@home.example")
    assert people.same("bo", "Bo Berg")
    assert people.same("somebody", "@Somebody")
    assert not people.same("ana", "bo")
    assert not people.same("ana", "ana@elsewhere.example")
    assert not people.same("one", "another")
    found = people.person_of("ana@home.example")
    assert found is not None
    assert found.name == "Ana"
    assert people.person_of("cy") is None


def test_every_mistake_is_told_at_its_place():
    assert set(problems(HEAD + "  - {github: ana, mail: x}\n  - {name: Bo, emails: [bo, 1]}\n  - {name: '@'}\n")) == {
        "identities.yml:4:5: people[0]: the key 'name' is missing",
        "identities.yml:4:19: people[0].mail: unknown key 'mail', did you mean 'emails'",
        "identities.yml:5:25: people[1].emails[0]: 'bo' is no e-mail address",
        "identities.yml:5:29: people[1].emails[1]: text is wanted here, and this is the number 1; "
        'for the text write "1" in quotes',
        "identities.yml:6:12: people[2].name: it is empty",
    }


def test_an_account_is_one_persons():
    told = problems(TWO + "  - {name: cy, github: ANA, emails: [cy@acme.example, ana@home.example]}\n  - {name: CY}\n")
    another = "is the account of another person already, on line"
    assert told == [
        f"identities.yml:6:24: people[2].github: ANA {another} 4; one account is one person's",
        f"identities.yml:6:55: people[2].emails: ana@home.example {another} 4; one account is one person's",
        f"identities.yml:7:12: people[3].name: CY {another} 6; one account is one person's",
    ]


def commit(author: Signature, committer: Signature, *co_authors: Signature) -> Commit:
    return Commit("a" * 40, "m", author, committer, co_authors)


def test_a_commits_email_that_the_platform_knows_nobody_by_is_the_declared_persons():
    people = read_identities(TWO, "identities.yml")
    ana, stranger = Signature("A", "ANA@home.example"), Signature("S", "s@x.example")
    matched = Signature("A", "ana@acme.example", Person("github.com/user/7", "somebody-else"))
    platform = Signature("GitHub", "ana@acme.example", is_platform=True)
    written = Commits((commit(ana, stranger, matched, platform),))
    (found,) = people.resolve(written, Platform.GITHUB, "github.com").commits
    assert found.author.person == Person(
        "github.com/login/ana", "ana", "Ana", frozenset({"ana@acme.example", "ana@home.example"})
    )
    assert same_person(found.author.person, Person("github.com/user/1", "Ana"))
    assert (found.committer, found.co_authors) == (stranger, (matched, platform))
    (found,) = people.resolve(written, Platform.AZURE_DEVOPS, "dev.azure.com").commits
    assert found.author.person is not None
    assert found.author.person.login == "ana@acme.example"
    assert people.resolve(written, Platform.LOCAL, "local") == written
    former = FormerCommits({"b" * 40: written.commits}, {"a" * 40: "id"})
    resolved = people.resolve(former, Platform.GITHUB, "github.com")
    assert resolved.former["b" * 40] == people.resolve(written, Platform.GITHUB, "github.com").commits
    assert resolved.patch_ids == former.patch_ids
    reviews = Reviews(())
    assert people.resolve(reviews, Platform.GITHUB, "github.com") is reviews


def test_who_has_no_account_on_the_platform_stays_unknown():
    people = Identities((DeclaredPerson(name="Ana", emails=("a@x.example",)),))
    written = Commits((commit(Signature("A", "a@x.example"), Signature("ana", "")),))
    assert people.resolve(written, Platform.GITHUB, "github.com") == written


NAMES = st.text("ab@.", min_size=1, max_size=5)


@given(st.lists(st.tuples(NAMES, st.none() | NAMES), max_size=4), st.lists(NAMES, min_size=3, max_size=3))
def test_being_the_same_person_is_an_equivalence(declared: list[tuple[str, str | None]], names: list[str]):
    # As read: no account is two persons'.
    taken: set[str] = set()
    people = []
    for name, login in declared:
        made = DeclaredPerson(name=f"name {name}", github=login if login and login.strip("@") else None)
        if not made.accounts() & taken:
            people.append(made)
            taken |= made.accounts()
    identities = Identities(tuple(people))
    one, two, three = names
    assert identities.same(one, one)
    assert identities.same(one, two) is identities.same(two, one)
    if identities.same(one, two) and identities.same(two, three):
        assert identities.same(one, three)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str):
    with suppress(PolicyError):
        read_identities(text, "identities.yml")
