"""A file of another repository, read on both platforms: what a version may be, and what is said when there is no file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.platforms.local.provider import LocalProvider
from bot.policy.references import LARGEST, parse_reference
from tests.platforms.served import Served

NOW = datetime(2026, 11, 2, tzinfo=UTC)
AZURE = ("vso.code", "vso.work", "vso.build", "vso.project")
PLACES = {"github": "github:acme/", "azure": "ado:acme/Platform/"}
BOTH = pytest.mark.parametrize("platform", PLACES)

WORLD: dict[str, Any] = {
    "now": NOW,
    "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Platform"}]}],
    "tokens": {
        "all": {"person": "olga"},
        "gone": {"expired": True},
        "no-code": {"github": {"metadata": "read", "issues": "read"}, "azure": [s for s in AZURE if s != "vso.code"]},
    },
    "repositories": [
        {
            "name": "governance",
            "files": {
                "base.yml": "one\n",
                "policies/zoë & co.yml": "ü\n",
                "picture.png": "\x89PNG\0\0",
                "large.yml": "#" * (LARGEST + 1),
                "long.yml": "ü" * 300_000,
                "bom.yml": "\ufeffkind: Policy\n",
            },
            "commits": [
                {"id": "one", "files": {"more.yml": "1\n"}, "at": "-9d"},
                {"id": "two", "files": {"base.yml": "two\n"}, "at": "-8d"},
                {"id": "three", "files": {"base.yml": "three\n"}, "at": "-7d"},
            ],
            "branches": {"release/1.0": [{"files": {"base.yml": "release\n"}}], "both": [{"files": {"base.yml": "branch\n"}}]},
            "tags": {"v1": "one", "team/v2": "two", "both": "two", "main": "one"},
            "annotated_tags": {"v3": "two"},
        },
        {"name": "void", "empty": True},
        {"name": "old", "archived": True, "files": {"base.yml": "old\n"}},
    ],
}  # fmt: skip


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path / "locations"))
    made = Served(WORLD)
    yield made
    made.close()


def refusal(served: Served, platform: str, rest: str, token: str = "all") -> PlatformError:
    reference = parse_reference(PLACES[platform] + rest)
    with pytest.raises(PlatformError) as caught:
        served.provider(platform, token).fetch(reference)
    assert str(reference) in str(caught.value)
    return caught.value


@pytest.fixture
def sha(served: Served) -> Callable[[str], str]:
    repository = served.sandbox.world.repository("acme", "governance")
    assert repository is not None
    return lambda name: repository.git.names[name]


@BOTH
@pytest.mark.parametrize(
    ("rest", "text", "pinned", "requests"),
    [
        ("governance//base.yml@v1", "one\n", True, (1, 1)),
        ("governance//base.yml@team/v2", "two\n", True, (1, 1)),
        ("governance//base.yml@v3", "two\n", True, (1, 1)),
        ("governance//base.yml@release/1.0", "release\n", False, (1, 2)),
        ("governance//base.yml@both", "two\n", True, (1, 1)),
        ("governance//base.yml", "three\n", False, (1, 1)),
        ("governance//policies/zoë & co.yml", "ü\n", False, (1, 1)),
        ("governance//bom.yml@v1", "\ufeffkind: Policy\n", True, (1, 1)),
        ("governance//long.yml@v1", "ü" * 300_000, True, (2, 1)),
    ],
)
def test_a_file_is_read_at_a_tag_a_branch_or_the_default_branch(
    served: Served, platform: str, rest: str, text: str, pinned: bool, requests: tuple[int, int]
) -> None:
    provider = served.provider(platform)
    fetched = provider.fetch(parse_reference(PLACES[platform] + rest))
    assert (fetched.text, fetched.pinned) == (text, pinned)
    assert fetched.source == PLACES[platform] + rest
    assert provider.requests() == requests[platform == "azure"]


@BOTH
def test_a_file_is_read_at_a_commit(served: Served, platform: str, sha: Callable[[str], str]) -> None:
    for name, text in (("one", "one\n"), ("two", "two\n")):
        for written in (sha(name), sha(name).upper()):
            fetched = served.provider(platform).fetch(
                parse_reference(f"{PLACES[platform]}governance//base.yml@{written}")
            )
            assert (fetched.text, fetched.pinned) == (text, True)


def test_the_hash_of_an_annotated_tag_itself_is_as_good_as_that_of_its_commit(served: Served) -> None:
    repository = served.sandbox.world.repository("acme", "governance")
    assert repository is not None
    tag = repository.git.tags["refs/tags/v3"]
    fetched = served.provider("github").fetch(parse_reference(f"github:acme/governance//base.yml@{tag.sha}"))
    assert (fetched.text, fetched.pinned) == ("two\n", True)


@BOTH
def test_a_tag_named_as_the_default_branch_is_not_taken_for_it(served: Served, platform: str) -> None:
    assert served.provider(platform).fetch(parse_reference(f"{PLACES[platform]}governance//base.yml")).text == "three\n"


@BOTH
@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("nothing//base.yml@v1", "there is no repository"),
        ("governance//none.yml@v1", "there is no file 'none.yml'"),
        ("governance//Base.yml@v1", "upper and lower case differ"),
        ("governance//none.yml", "at its default branch"),
        ("governance//base.yml/x.yml@v1", "there is no file"),
        ("governance//base.yml@v9", "no tag and no branch 'v9'"),
        ("governance//base.yml@" + "0" * 40, "has no commit '000"),
        ("governance//base.yml@0123abc", "by all 40 digits"),
        ("void//base.yml", "it is empty"),
        ("void//base.yml@main", "no tag and no branch 'main'"),
        ("governance//policies@v1", "is a folder"),
        ("governance//picture.png@v1", "not UTF-8 text"),
        ("governance//large.yml@v1", "1,000,001 bytes, more than the 1,000,000"),
    ],
)
def test_a_wrong_reference_is_the_writers_mistake_and_told_in_the_same_words(
    served: Served, platform: str, rest: str, says: str
) -> None:
    wrong = refusal(served, platform, rest)
    assert says in str(wrong)
    assert wrong.kind is None
    assert "\n" not in str(wrong)


@BOTH
def test_another_encoding_is_no_text(served: Served, platform: str) -> None:
    repository = served.sandbox.world.repository("acme", "governance")
    assert repository is not None
    blob = repository.git.files(repository.git.names["one"])["base.yml"]
    repository.git.blobs[blob] = "grün".encode("latin-1")
    assert "not UTF-8 text" in str(refusal(served, platform, "governance//base.yml@v1"))


@BOTH
def test_a_token_that_may_not_read_files_is_told_what_it_needs(served: Served, platform: str) -> None:
    wrong = refusal(served, platform, "governance//base.yml@v1", token="no-code")
    assert wrong.kind is UnknownKind.SCOPE
    assert {"github": "contents: read", "azure": "vso.code"}[platform] in str(wrong)


@BOTH
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 500}, UnknownKind.TRANSIENT),
        ({"kind": "rate_limit", "retry_after": 900}, UnknownKind.LIMIT),
        ({"kind": "secondary", "retry_after": 900}, UnknownKind.LIMIT),
        ({"kind": "reset"}, UnknownKind.TRANSIENT),
        ({"kind": "cut"}, UnknownKind.TRANSIENT),
        ({"kind": "not_json"}, UnknownKind.TRANSIENT),
        ({"kind": "html"}, UnknownKind.SCOPE),
        ({"kind": "expired"}, UnknownKind.SCOPE),
        ({"kind": "status", "status": 200, "body": '{"data": {"r0_": {"tag_": 1}}}'}, UnknownKind.UNREADABLE),
    ],
    ids=str,
)
def test_a_lasting_fault_is_told_with_the_reference(
    served: Served, platform: str, fault: dict[str, Any], kind: UnknownKind
) -> None:
    served.fault(match="graphql|items", times=None, **fault)
    assert refusal(served, platform, "governance//base.yml@v1").kind is kind


@BOTH
def test_one_fault_is_survived(served: Served, platform: str) -> None:
    served.fault(match="graphql|items", kind="status", status=503)
    assert served.provider(platform).fetch(parse_reference(f"{PLACES[platform]}governance//base.yml@v1")).pinned


def test_another_organisation_than_that_of_the_address(served: Served) -> None:
    with pytest.raises(PlatformError, match="SYSTEM_COLLECTIONURI") as wrong:
        served.provider("azure").fetch(parse_reference("ado:other/Platform/governance//base.yml@v1"))
    assert wrong.value.kind is None


def test_other_projects_and_organisations_that_are_not_there(served: Served) -> None:
    with pytest.raises(PlatformError, match="there is no repository ado:acme/Nowhere/governance"):
        served.provider("azure").fetch(parse_reference("ado:acme/Nowhere/governance//base.yml@v1"))
    with pytest.raises(PlatformError, match="there is no repository github:nobody/governance"):
        served.provider("github").fetch(parse_reference("github:nobody/governance//base.yml@v1"))


def test_a_disabled_repository_of_azure_devops_gives_no_files_and_an_archived_one_of_github_does(
    served: Served,
) -> None:
    assert "there is no repository" in str(refusal(served, "azure", "old//base.yml"))
    assert served.provider("github").fetch(parse_reference("github:acme/old//base.yml")).text == "old\n"


ENTRY = '{"file": {"type": "%s", "mode": %d, "object": %s}, "__typename": "Commit"}'
BLOB = '{"oid": "0123", "text": %s, "isBinary": %s, "byteSize": 9}'


@pytest.mark.parametrize(
    ("commit", "says"),
    [
        (ENTRY % ("blob", 0o120000, BLOB % ('"../other.yml"', "false")), "is a symbolic link"),
        (ENTRY % ("commit", 0o160000, "null"), "is a submodule"),
        (ENTRY % ("blob", 0o100644, BLOB % ("null", "true")), "not UTF-8 text"),
        ('{"__typename": "Tree"}', "no tag and no branch"),
        ('{"__typename": "Tag", "target": {"__typename": "Blob"}}', "no tag and no branch"),
    ],
)
def test_what_github_says_of_other_things_than_files(served: Served, commit: str, says: str) -> None:
    body = f'{{"data": {{"r0_": {{"tag_": {{"target": {commit}}}, "branch_": null}}}}}}'
    served.fault(match="graphql", kind="status", status=200, body=body)
    assert says in str(refusal(served, "github", "governance//base.yml@v1"))


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (
            '{"objectId": "0", "gitObjectType": "blob", "isSymLink": true, "content": "../other.yml"}',
            "is a symbolic link",
        ),
        ('{"objectId": "0", "gitObjectType": "commit"}', "is a submodule"),
        ('{"objectId": "0", "gitObjectType": "tree"}', "is a folder"),
    ],
)
def test_what_azure_devops_says_of_other_things_than_files(served: Served, item: str, says: str) -> None:
    served.fault(match="items", kind="status", status=200, body=item)
    assert says in str(refusal(served, "azure", "governance//base.yml@v1"))


def test_a_checkout_refuses(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="holds no other repository") as wrong:
        LocalProvider(tmp_path, NOW).fetch(parse_reference("github:acme/governance//base.yml@v1"))
    assert wrong.value.kind is None
