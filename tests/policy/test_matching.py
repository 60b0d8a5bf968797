"""Which subjects a policy selects: yes, no, or not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.facts import Answer, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.repository import Properties
from bot.model.subjects import Platform, Subject
from bot.policy.expressions import Undecided
from bot.policy.matching import matches, needs_properties
from bot.policy.models import Match
from tests.policy.examples import ADO_REPOSITORY, NOW, ORGANIZATION, PROJECT, REPOSITORY, pull_request, release


def selected(found: Match, subject: Subject, answer: Answer | None) -> bool | Undecided:
    return matches(found, subject, {} if answer is None else {Properties: answer}, None)


CRITICAL = Loaded(Properties({"tier": "critical", "regions": "eu,us"}), "", NOW)
UNREAD = Unavailable(UnknownKind.SCOPE, "the token may not read custom properties")


def match(**keys: Any) -> Match:
    return Match.model_validate(keys)


@pytest.mark.parametrize(
    ("keys", "subject", "expected"),
    [
        ({}, REPOSITORY, True),
        ({}, ORGANIZATION, True),
        ({}, release(), True),
        ({"platform": "github"}, REPOSITORY, True),
        ({"platform": ["azure-devops"]}, REPOSITORY, False),
        ({"organization": "ACME"}, REPOSITORY, True),
        ({"organization": "acme"}, ADO_REPOSITORY, True),
        ({"organization": ["other", "ac*"]}, ORGANIZATION, True),
        ({"organization": "!acme"}, ORGANIZATION, False),
        ({"project": "Pay*"}, ADO_REPOSITORY, True),
        ({"project": "Pay*"}, PROJECT, True),
        ({"project": "Pay*"}, REPOSITORY, False),
        ({"project": "*"}, ORGANIZATION, False),
        ({"repository": "acme/payments-*"}, REPOSITORY, True),
        ({"repository": "acme/payments-*"}, ADO_REPOSITORY, False),
        ({"repository": "acme/**"}, ADO_REPOSITORY, True),
        ({"repository": "Payments-*"}, ADO_REPOSITORY, True),
        ({"repository": ["acme/*", "!acme/payments-*"]}, REPOSITORY, False),
        ({"repository": ["!*-api"]}, REPOSITORY, False),
        ({"repository": ["!*-web"]}, REPOSITORY, True),
        ({"repository": "acme/other"}, pull_request(), False),
        ({"repository": "acme/payments-api"}, release(), True),
        ({"repository": "acme/*"}, ORGANIZATION, False),
        ({"topics": ["pci", "hipaa"]}, REPOSITORY, True),
        ({"topics": "hipaa"}, REPOSITORY, False),
        ({"topics": "!pci"}, REPOSITORY, False),
        ({"topics": "!hipaa"}, REPOSITORY, True),
        ({"visibility": ["private", "internal"]}, REPOSITORY, True),
        ({"visibility": "public"}, REPOSITORY, False),
        ({"language": "go"}, replace(REPOSITORY, language="Go"), True),
        ({"language": "go"}, REPOSITORY, False),
        ({"fork": True}, REPOSITORY, False),
        ({"fork": False}, REPOSITORY, True),
        ({"fork": False}, replace(REPOSITORY, is_fork=True), False),
        ({"branch": "default"}, pull_request(), True),
        ({"branch": ["default", "release/*"]}, pull_request(REPOSITORY.branch("release/1")), True),
        ({"branch": "release/*"}, pull_request(REPOSITORY.branch("release/1/fix")), False),
        ({"branch": "default"}, pull_request(REPOSITORY.branch("next")), False),
        ({"branch": "!default"}, pull_request(REPOSITORY.branch("next")), True),
        ({"branch": "!default"}, pull_request(), False),
        ({"branch": ["*", "!main"]}, pull_request(), False),
        ({"branch": "main"}, REPOSITORY.branch("main"), True),
        ({"branch": "release/*"}, release(), True),
        ({"branch": "release/*"}, REPOSITORY, True),
        ({"repository": "acme/*", "topics": "hipaa"}, REPOSITORY, False),
    ],
)
def test_what_is_selected(keys: dict[str, Any], subject: Subject, expected: bool) -> None:
    # As a file would have it: a single value may stand for a list.
    written = {
        key: (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
        for key, value in keys.items()
    }
    assert selected(match(**written), subject, None) is expected


@pytest.mark.parametrize(
    ("archived", "expected"), [(False, (True, False)), (True, (False, True)), ("any", (True, True))]
)
def test_archived_repositories_are_left_out_unless_asked_for(archived: Any, expected: tuple[bool, bool]) -> None:
    old = replace(REPOSITORY, archived=True)
    found = match(archived=archived)
    assert (selected(found, REPOSITORY, None), selected(found, old, None)) == expected
    assert selected(found, pull_request(old.branch("main")), None) is expected[1]


@pytest.mark.parametrize(
    ("wanted", "answer", "expected"),
    [
        ({"tier": ("critical",)}, CRITICAL, True),
        ({"tier": ("crit*", "high")}, CRITICAL, True),
        ({"tier": ("low",)}, CRITICAL, False),
        ({"tier": ("!low",)}, CRITICAL, True),
        ({"regions": ("us",)}, CRITICAL, True),
        ({"owner": ("x",)}, CRITICAL, False),
        ({"owner": ("!x",)}, CRITICAL, True),
        ({"tier": ("critical",), "owner": ("x",)}, CRITICAL, False),
        ({"tier": ("critical",)}, UNREAD, Undecided(UNREAD.reason, UnknownKind.SCOPE, "properties")),
        ({"tier": ("critical",)}, None, Undecided("the custom properties were not read", missing="properties")),
        ({"tier": ("critical",)}, NotSupported("no such thing"), False),
    ],
)
def test_properties(wanted: dict[str, Any], answer: Answer | None, expected: bool | Undecided) -> None:
    assert needs_properties(match(properties=wanted), None)
    assert selected(match(properties=wanted), REPOSITORY, answer) == expected


def test_what_another_key_rules_out_needs_no_properties() -> None:
    found = match(properties={"tier": ("critical",)}, repository=("acme/other",))
    assert selected(found, REPOSITORY, UNREAD) is False


def test_a_visibility_that_was_not_read_is_not_a_no() -> None:
    unseen = replace(REPOSITORY, visibility=None)
    answer = selected(match(visibility=("private",)), unseen, None)
    assert isinstance(answer, Undecided)
    assert selected(match(visibility=("private",), topics=("hipaa",)), unseen, None) is False
    assert selected(match(visibility=("private",), properties={"tier": ("low",)}), unseen, CRITICAL) is False


@given(
    st.dictionaries(
        st.sampled_from(["tier", "regions", "x"]), st.sampled_from([("critical",), ("!us",), ("eu",)]), max_size=3
    )
)
def test_unread_properties_never_select_or_rule_out(wanted: dict[str, Any]) -> None:
    """Whatever the properties might have been, the answer without them is either the same or undecided."""
    answer = selected(match(properties=wanted), REPOSITORY, UNREAD)
    if wanted:
        assert isinstance(answer, Undecided)
    else:
        assert answer is True


@pytest.mark.parametrize("keys", [{"language": ("go",)}, {"topics": ("!pci",)}, {"fork": False}])
def test_what_only_a_listing_tells_is_not_known_of_a_checkout(keys: dict[str, Any]) -> None:
    checkout = replace(REPOSITORY, platform=Platform.LOCAL, topics=())
    answer = selected(match(**keys), checkout, None)
    assert isinstance(answer, Undecided)
    assert "a checkout does not tell" in answer.reason
    assert selected(match(**keys, repository=("acme/other",)), checkout, None) is False


def test_azure_devops_has_no_languages_and_so_none_that_is_asked_for() -> None:
    assert selected(match(language=("go",)), ADO_REPOSITORY, None) is False
