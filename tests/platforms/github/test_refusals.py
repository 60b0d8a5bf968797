"""What a token may not read, and what a server does instead of answering."""

from __future__ import annotations

import pytest

from bot.engine.ports import PlatformError
from bot.engine.targets import parse
from bot.model.facts import Fact, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.change import (
    ChangedFiles,
    Checks,
    CodeOwners,
    Commits,
    LinkedWorkItems,
    Pushes,
    ReviewerPermissions,
    Reviews,
    TeamMembers,
    TeamSpec,
)
from bot.model.facts.pipelines import FileContents, PathSpec, Pipelines
from bot.model.facts.protection import BranchRules, BypassActors, ClassicProtection, SecretScanning
from bot.model.facts.release import Deployments, PreviousRelease, ReleaseRecord
from bot.model.subjects import Platform

from .conftest import APP, EXPIRED, NOW, PAT, WORLD, House, read

IT = "github:acme/payments#12"
REPOSITORY = "github:acme/payments"
RELEASE = "github:acme/payments@v1.1.0"
PERMISSIONS = (
    "metadata", "contents", "pull_requests", "issues", "checks", "statuses", "actions", "administration", "members",
    "deployments", "environments",
)  # fmt: skip
ALL = dict.fromkeys(PERMISSIONS, "read")


@pytest.mark.parametrize(
    ("lacking", "target", "request_", "named"),
    [
        ("contents", IT, FactRequest(Pushes), "contents: read"),
        ("contents", IT, FactRequest(CodeOwners), "contents: read"),
        ("contents", IT, FactRequest(Pipelines), "contents: read"),
        ("contents", IT, FactRequest(FileContents, PathSpec(frozenset({"a"}))), "contents: read"),
        ("checks", IT, FactRequest(Checks), "checks: read"),
        ("members", IT, FactRequest(TeamMembers, TeamSpec(frozenset({"payments-team"}))), "members: read"),
        ("administration", REPOSITORY, FactRequest(ClassicProtection), "administration: read"),
        ("administration", REPOSITORY, FactRequest(BypassActors), "administration"),
        ("administration", REPOSITORY, FactRequest(SecretScanning), "administration: read"),
        ("deployments", RELEASE, FactRequest(Deployments), "deployments: read"),
        ("deployments", RELEASE, FactRequest(PreviousRelease), "deployments: read"),
    ],
    ids=lambda value: value.type.__name__ if isinstance(value, FactRequest) else str(value),
)
def test_each_missing_permission_makes_its_own_fact_unknown(
    build, lacking: str, target: str, request_: FactRequest, named: str
) -> None:
    given = {name: level for name, level in ALL.items() if name != lacking}
    tokens = {"ghs_some00000000000000": {"kind": "app", "github": given}}
    house = build({**WORLD, "tokens": tokens})
    (answer,) = read(house.provider("ghs_some00000000000000"), target, request_)
    assert isinstance(answer, Unavailable), answer
    assert answer.kind is UnknownKind.SCOPE
    assert named in answer.reason


def test_hidden_protection_is_never_taken_for_none(build) -> None:
    token = "ghp_dan00000000000000"
    house = build({**WORLD, "tokens": {token: {"kind": "pat", "person": "dan", "github": ALL}}})
    for target in ("github:acme/open", REPOSITORY):
        for fact in (ClassicProtection, BypassActors):
            (answer,) = read(house.provider(token), target, fact)
            assert isinstance(answer, Unavailable), answer
            assert answer.kind is UnknownKind.SCOPE
            assert "administration" in answer.reason


def test_an_administrator_is_believed_that_there_is_none(house: House) -> None:
    (answer,) = read(house.provider(PAT), "github:acme/open", ClassicProtection)
    assert isinstance(answer, Loaded)
    assert answer.value == ClassicProtection(())


def test_the_others_are_still_known(build) -> None:
    given = {name: level for name, level in ALL.items() if name not in ("checks", "statuses", "members")}
    house = build({**WORLD, "tokens": {"ghs_some00000000000000": {"kind": "app", "github": given}}})
    provider = house.provider("ghs_some00000000000000")
    facts: list[type[Fact]] = [Checks, Reviews, Commits, ChangedFiles, CodeOwners, LinkedWorkItems, ReviewerPermissions]
    answers = read(provider, IT, *facts)
    assert [type(answer) for answer in answers] == [Unavailable, *[Loaded] * 6], answers


def test_issues_that_may_not_be_read_are_unreadable_one_by_one(house: House) -> None:
    house.fault(
        match="/issues/7$",
        kind="status",
        status=403,
        body='{"message": "Resource not accessible by integration"}',
        times=None,
    )
    (answer,) = read(house.provider(), IT, LinkedWorkItems)
    assert isinstance(answer, Loaded), answer
    assert next(one for one in answer.value.links if one.text == "#8").item is not None  # type: ignore[attr-defined]
    closing = next(one for one in answer.value.links if one.text == "Closes #7")  # type: ignore[attr-defined]
    assert not closing.missing
    assert "issues: read" in closing.unreadable


def test_an_expired_token_is_named_as_such(house: House) -> None:
    with pytest.raises(PlatformError, match="the token was refused or has expired") as raised:
        house.provider(EXPIRED).resolve(parse(REPOSITORY))
    assert raised.value.kind is UnknownKind.SCOPE
    assert EXPIRED not in str(raised.value)


def test_a_renewed_token_is_used_from_then_on(house: House) -> None:
    given = iter([EXPIRED, APP])
    provider = house.provider(lambda: next(given))  # type: ignore[arg-type]
    assert provider.resolve(parse(REPOSITORY)).name == "acme/payments"
    assert isinstance(read(provider, REPOSITORY, BranchRules)[0], Loaded)


@pytest.mark.parametrize(
    "kind", ["status", "secondary", "rate_limit", "graphql_rate_limit", "reset", "cut", "not_json"]
)
def test_one_fault_is_survived(house: House, kind: str) -> None:
    provider = house.provider(transport={"sleep": lambda seconds: None})
    house.fault(match="graphql", kind=kind, times=1)
    assert provider.resolve(parse(IT)).name == "acme/payments#12"
    assert provider.requests() == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 500}, UnknownKind.TRANSIENT),
        ({"kind": "status", "status": 502}, UnknownKind.TRANSIENT),
        ({"kind": "secondary", "retry_after": 900}, UnknownKind.LIMIT),
        ({"kind": "rate_limit", "retry_after": 900}, UnknownKind.LIMIT),
        ({"kind": "graphql_rate_limit", "retry_after": 900}, UnknownKind.LIMIT),
        ({"kind": "reset"}, UnknownKind.TRANSIENT),
        ({"kind": "cut"}, UnknownKind.TRANSIENT),
        ({"kind": "not_json"}, UnknownKind.TRANSIENT),
        ({"kind": "html"}, UnknownKind.SCOPE),
        ({"kind": "expired"}, UnknownKind.SCOPE),
    ],
    ids=str,
)
def test_a_lasting_fault_makes_facts_unknown_and_never_raises(
    house: House, fault: dict[str, object], kind: UnknownKind
) -> None:
    provider = house.provider(transport={"attempts": 2, "sleep": lambda seconds: None})
    subject = provider.resolve(parse(IT))
    house.fault(match="", times=None, **fault)
    facts: list[type[Fact]] = [Reviews, Commits, ChangedFiles, Checks, CodeOwners, Pipelines, Pushes, BranchRules]
    for answer in read(provider, subject, *facts, SecretScanning):
        assert isinstance(answer, Unavailable)
        assert answer.kind is kind
        assert APP not in answer.reason
    with pytest.raises(PlatformError) as raised:
        provider.resolve(parse(REPOSITORY))
    assert raised.value.kind is kind
    assert APP not in str(raised.value)


def test_waits_are_shown(house: House) -> None:
    provider = house.provider(transport={"sleep": lambda seconds: None})
    house.fault(match="graphql", kind="secondary", retry_after=7, times=1)
    provider.resolve(parse(IT))
    assert [seconds for _, seconds in house.waits] == [7]


def test_a_batch_that_is_too_large_is_halved(house: House) -> None:
    provider = house.provider()
    subject = provider.resolve(parse(IT))
    house.fault(match="graphql", kind="status", status=502, times=1)
    answers = read(provider, subject, Reviews, Commits, Checks, CodeOwners)
    assert all(isinstance(answer, Loaded) for answer in answers), answers
    assert provider.requests() == 4


def test_more_than_a_page(build) -> None:
    comments = [{"by": "ben", "state": "commented", "at": f"-{minutes}m"} for minutes in range(10, 240)]
    files = {f"src/{number:03}.txt": "x\n" for number in range(230)}
    house = build(
        {
            "repositories": [
                {
                    "name": "app",
                    "pull_requests": [
                        {"number": 1, "author": "ana", "reviews": comments, "pushes": [{"commits": [{"files": files}]}]}
                    ],
                }
            ]
        }
    )
    provider = house.provider("sandbox-token")
    reviews, changed = read(provider, "github:acme/app#1", Reviews, ChangedFiles)
    assert isinstance(reviews, Loaded)
    assert isinstance(changed, Loaded)
    assert len({one.at for one in reviews.value.reviews}) == 230  # type: ignore[attr-defined]
    assert len({one.path for one in changed.value.files}) == 230  # type: ignore[attr-defined]


def test_too_many_commits_are_truncated(build) -> None:
    commits = [{"files": {"a": str(number)}} for number in range(251)]
    house = build(
        {
            "repositories": [
                {"name": "app", "pull_requests": [{"number": 1, "author": "ana", "pushes": [{"commits": commits}]}]}
            ]
        }
    )
    (answer,) = read(house.provider("sandbox-token"), "github:acme/app#1", Commits)
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.TRUNCATED


def test_renames_have_their_old_path(build) -> None:
    house = build(
        {
            "repositories": [
                {
                    "name": "app",
                    "files": {"a.txt": "a long text that is the same\n" * 9},
                    "pull_requests": [
                        {"number": 1, "author": "ana", "pushes": [{"commits": [{"renames": {"a.txt": "b.txt"}}]}]}
                    ],
                }
            ]
        }
    )
    (answer,) = read(house.provider("sandbox-token"), "github:acme/app#1", ChangedFiles)
    assert isinstance(answer, Loaded)
    assert [(one.path, one.old_path) for one in answer.value.files] == [("b.txt", "a.txt")]  # type: ignore[attr-defined]


def test_update_merges(build) -> None:
    base = [{"files": {"base.txt": "new\n"}, "at": "-40h"}]
    pushes = [
        {"at": "-2d", "commits": [{"files": {"own.txt": "1\n"}}]},
        {"at": "-1d", "commits": [{"merge": "base", "message": "Merge branch 'main'", "committer": "web-flow"}]},
    ]
    house = build({"repositories": [{"name": "app", "commits": base, "pull_requests": [
        {"number": 1, "author": "ana", "pushes": pushes}]}]})  # fmt: skip
    (answer,) = read(house.provider("sandbox-token"), "github:acme/app#1", Commits)
    assert isinstance(answer, Loaded)
    merge = answer.value.commits[-1]  # type: ignore[attr-defined]
    assert len(merge.parents) == 2
    assert merge.committer.is_platform
    assert merge.is_update_merge is True


def test_nothing_of_a_record_is_read_twice_over_the_wire(house: House) -> None:
    provider = house.provider()
    subject = provider.resolve(parse(RELEASE))
    for _ in range(2):
        assert isinstance(read(provider, subject, ReleaseRecord)[0], Loaded)
    again = [line for line in house.lines() if line.endswith(" 304")]
    assert len(again) >= 2
    assert provider.transport.revalidation.confirmed == len(again)
    assert provider.transport.requests(Platform.GITHUB) == len(house.ledger())
    assert NOW.tzinfo is not None
