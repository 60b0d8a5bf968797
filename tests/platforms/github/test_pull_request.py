"""What the provider reads of a pull request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bot.engine.targets import parse
from bot.model.facts import Unavailable, UnknownKind
from bot.model.facts.change import (
    ChangedFiles,
    Checks,
    CheckState,
    Commits,
    Opinion,
    Pushes,
    ReviewerPermissions,
    Reviews,
)
from bot.model.people import Permission
from bot.model.subjects import PullRequest, PullRequestState

from .conftest import House, read, value

IT = "github:acme/payments#12"


def test_resolve(house: House) -> None:
    provider = house.provider()
    subject = provider.resolve(parse(IT))
    assert isinstance(subject, PullRequest)
    assert (subject.name, subject.title, subject.state) == ("acme/payments#12", "Refund twice", PullRequestState.OPEN)
    assert (subject.author.login, subject.source_branch, subject.base.name) == (
        "ana",
        "feature/refund",
        "acme/payments@main",
    )
    assert [one.login for one in subject.assignees] == ["dan"]
    assert subject.labels == ("risk",)
    assert len(subject.head_sha) == len(subject.base_sha) == 40
    assert not subject.from_fork
    assert subject.repository.organization.name == "acme"
    assert subject.id.startswith(f"127.0.0.1:{house.sandbox.port}/repository/")
    found = provider.configuration(subject, (".github/almguard.yml", "almguard.yml"))
    assert found is not None
    assert (found.path, found.source) == (".github/almguard.yml", "acme/payments@main:.github/almguard.yml")
    assert found.text.startswith("apiVersion")
    assert provider.requests() == provider.round_trips() == 1


def test_reviews(house: House) -> None:
    found = value(house.provider(), IT, Reviews)
    assert [(one.person.login, one.opinion) for one in found.reviews] == [
        ("ben", Opinion.CHANGES_REQUESTED), ("ben", Opinion.APPROVED), ("dan", Opinion.APPROVED),
    ]  # fmt: skip
    assert found.reviews[0].commit != found.reviews[1].commit
    assert found.reviews[2].body == "lgtm"
    assert set(found.requested) >= {"acme/payments-team"}


def test_commits(house: House) -> None:
    provider = house.provider()
    found = value(provider, IT, Commits).commits
    assert [one.author.person.login if one.author.person else None for one in found] == ["ana", None, "cara"]
    assert found[1].author.email == "who@nowhere.example"
    assert [(one.email, one.person.login if one.person else None) for one in found[0].co_authors] == [
        ("ben@example.com", "ben")
    ]
    assert found[0].parents
    assert found[-1].message == "Touch PAY-9"
    assert all(one.is_update_merge is False for one in found)


def test_files(house: House) -> None:
    found = value(house.provider(), IT, ChangedFiles).files
    assert [(one.path, one.change.value) for one in found] == [("docs/refund.md", "added"), ("src/refund.py", "added")]


def test_pushes(house: House) -> None:
    provider = house.provider()
    found = value(provider, IT, Pushes).pushes
    subject = provider.resolve(parse(IT))
    assert [one.person.login for one in found if one.person] == ["ana", "cara"]
    assert found[-1].head == subject.head_sha  # type: ignore[attr-defined]
    assert found[0].before is None


def test_pushes_end_with_the_head_that_is_judged(house: House) -> None:
    provider = house.provider()
    subject = provider.resolve(parse(IT))
    assert isinstance(subject, PullRequest)
    pushes = value(provider, subject, Pushes).pushes
    earlier = value(provider, replace(subject, head_sha=pushes[0].head), Pushes).pushes
    assert earlier == pushes[:1]
    (answer,) = read(provider, replace(subject, head_sha="f" * 40), Pushes)
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.TRANSIENT


def test_checks(house: House) -> None:
    found = {one.name: one for one in value(house.provider(), IT, Checks).checks}
    assert {name: one.state for name, one in found.items()} == {
        "lint": CheckState.SUCCESS, "slow": CheckState.PENDING, "old": CheckState.FAILURE, "legacy": CheckState.FAILURE,
    }  # fmt: skip
    assert found["old"].detail == "timed_out"
    assert found["lint"].app == "github-actions"
    assert found["lint"].began is not None
    assert found["lint"].at is not None
    assert found["lint"].began < found["lint"].at
    assert found["legacy"].app is None


def test_reviewer_permissions(house: House) -> None:
    provider = house.provider()
    levels = value(provider, IT, ReviewerPermissions).levels
    people = {one.person.id: one.person.login for one in value(provider, IT, Reviews).reviews}
    assert {people[id_]: level for id_, level in levels.items()} == {"ben": Permission.WRITE, "dan": Permission.READ}


def test_only_githubs_own_signature_makes_its_committer_nobody(build: Callable[[Mapping[str, Any]], House]) -> None:
    def commit(message: str, **more: Any) -> dict[str, Any]:
        return {"message": message, "files": {f"{message}.txt": "x\n"}, **more}

    claims = [
        commit("by GitHub", author="ana", committer="web-flow"),
        commit("by somebody who says so", author="web-flow", email="noreply@github.com"),
        commit("signed by somebody else", author="ana", committer="ben", verified=True),
    ]
    house = build(
        {
            "people": {"ana": {}, "ben": {}},
            "repositories": [
                {"name": "app", "pull_requests": [{"number": 1, "author": "ana", "pushes": [{"commits": claims}]}]}
            ],
        }
    )
    found = value(house.provider("sandbox-token"), "github:acme/app#1", Commits).commits
    assert [(one.message, one.committer.is_platform) for one in found] == [
        ("by GitHub", True),
        ("by somebody who says so", False),
        ("signed by somebody else", False),
    ]
    assert found[1].committer.email == "noreply@github.com"
