"""What is kept on disk between runs, and whom it is shown to."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.engine.loading import Needs, load
from bot.engine.ports import Known, Provider
from bot.engine.targets import parse
from bot.model.facts import FactRequest, Loaded, Unavailable
from bot.model.facts.pipelines import FileContents, PathSpec, Pipelines
from bot.model.facts.protection import SecretScanning
from bot.model.subjects import Repository
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.cache import ASIDE, FILE, Cache
from bot.platforms.github.provider import GitHubProvider
from bot.platforms.kept import Blobs, Entry, key_of
from bot.platforms.transport import Transport
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox

KEY = key_of("answer", "host", "user 1", "/a")
ENTRY = Entry({"etag": '"1"'}, b"body")


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def opened(tmp_path: Path, notices: list[str]) -> Iterator[Callable[..., Cache]]:
    made: list[Cache] = []

    def open_one(**options: Any) -> Cache:
        made.append(Cache(tmp_path / "kept", notice=notices.append, **options))
        return made[-1]

    yield open_one
    for one in made:
        one.close()


def rows(folder: Path) -> int:
    with sqlite3.connect(folder / FILE) as file:
        return int(file.execute("SELECT count(*) FROM entries").fetchone()[0])


def test_it_outlives_the_process_and_is_nobody_elses(opened, tmp_path: Path, notices) -> None:
    first = opened()
    assert first.get(KEY) is None
    first.keep(KEY, ENTRY)
    assert first.get(KEY) == ENTRY
    first.close()
    second = opened()
    assert second.get(KEY) == ENTRY
    assert second.key == first.key
    assert notices == []
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "kept").iterdir()}
    assert modes[FILE] == 0o600
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


def test_a_file_that_others_may_read_is_closed_to_them(opened, tmp_path: Path) -> None:
    opened().close()
    (tmp_path / "kept" / FILE).chmod(0o644)
    opened()
    assert stat.S_IMODE((tmp_path / "kept" / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("what", ["garbage", "foreign", "cut"])
def test_a_file_that_is_no_cache_is_set_aside(opened, tmp_path: Path, notices: list[str], what: str) -> None:
    folder = tmp_path / "kept"
    path = folder / FILE
    if what == "cut":
        first = opened()
        for number in range(200):
            first.keep(key_of(str(number)), Entry({}, os.urandom(2000)))
        first.close()
        path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 50_000)
    else:
        folder.mkdir()
        path.write_bytes(b"not a database at all" * 100)
    if what == "foreign":
        path.unlink()
        with sqlite3.connect(path) as file:
            file.execute("CREATE TABLE mine (a)")
    before = path.read_bytes()
    cache = opened()
    for number in range(200):
        cache.get(key_of(str(number)))
    cache.keep(KEY, ENTRY)
    cache.close()
    assert len(notices) == 1
    assert f"set aside as {FILE}{ASIDE}" in notices[0]
    assert (folder / (FILE + ASIDE)).read_bytes()[:4096] == before[:4096] or what == "cut"
    again = opened()
    again.keep(KEY, ENTRY)
    again.close()
    assert opened().get(KEY) == ENTRY
    assert len(notices) == 1


def test_a_place_that_cannot_be_written_ends_nothing(tmp_path: Path, notices: list[str]) -> None:
    (tmp_path / "kept").write_text("a file stands where the folder should be")
    cache = Cache(tmp_path / "kept", notice=notices.append)
    assert cache.keep(KEY, ENTRY) is False
    assert cache.get(KEY) is None
    cache.close()
    assert "everything is fetched again" in notices[0]
    blobs = Blobs(cache, "host", lambda: "user 1")
    blobs["a" * 40] = "text"
    assert blobs["a" * 40] == "text"


def test_what_was_not_used_for_longest_goes_first(opened, tmp_path: Path) -> None:
    first = opened(room=50_000)
    for number in range(20):
        first.keep(key_of(str(number)), Entry({}, os.urandom(2000)))
    first.close()
    second = opened(room=50_000)
    assert second.get(key_of("0")) is not None
    for number in range(20, 30):
        second.keep(key_of(str(number)), Entry({}, os.urandom(2000)))
    second.close()
    assert rows(tmp_path / "kept") < 23
    third = opened(room=50_000)
    assert third.get(key_of("0")) is not None
    assert third.get(key_of("1")) is None
    assert third.get(key_of("29")) is not None


def test_a_row_that_was_changed_is_not_believed(opened, tmp_path: Path) -> None:
    first = opened()
    first.keep(KEY, ENTRY)
    first.close()
    other = key_of("other")
    with sqlite3.connect(tmp_path / "kept" / FILE) as file:
        file.execute("UPDATE entries SET key = ?", (other,))
    assert opened().get(other) is None
    assert rows(tmp_path / "kept") == 0


def test_several_at_once(opened, tmp_path: Path, notices: list[str]) -> None:
    one, two = opened(), opened()
    for number in range(300):
        (one if number % 2 else two).keep(key_of(str(number)), ENTRY)
    one.close()
    two.close()
    three = opened()
    assert all(three.get(key_of(str(number))) == ENTRY for number in range(300))
    assert notices == []


def test_a_blob_that_is_not_what_its_hash_says_is_dropped(opened) -> None:
    cache = opened()
    blobs = Blobs(cache, "host", lambda: "user 1")
    identity = "980a0d5f19a64b4b30a87d4206aade58726b60e3"  # git hash-object of "Hello World!\n"
    blobs[identity] = "Hello World!\n"
    assert Blobs(cache, "host", lambda: "user 1")[identity] == "Hello World!\n"
    assert identity not in Blobs(cache, "host", lambda: "user 2")
    assert identity not in Blobs(cache, "elsewhere", lambda: "user 1")
    cache.keep(key_of("blob", "host", "user 1", identity), Entry({}, b"Hello Mallory!\n"))
    assert identity not in Blobs(cache, "host", lambda: "user 1")
    assert cache.get(key_of("blob", "host", "user 1", identity)) is None


WORLD: dict[str, Any] = {
    "people": {"ana": {}, "ben": {}},
    "tokens": {
        "ghp_anas": {"kind": "pat", "person": "ana"},
        "ghp_anas_other": {"kind": "pat", "person": "ana"},
        "ghp_anas_little": {"kind": "pat", "person": "ana", "github": {"contents": "read"}, "azure": ["vso.project"]},
        "ghp_bens": {"kind": "pat", "person": "ben"},
    },
    "organizations": [{"name": "acme", "owners": ["ana", "ben"]}],
    "repositories": [
        {
            "name": f"service-{number}",
            "security": {"secret_scanning": True},
            "permissions": {"ana": "read"},
            "files": {
                ".github/workflows/ci.yml": f"name: CI {number}\non: push\njobs: {{}}\n",
                "azure-pipelines.yml": f"name: {number}\nsteps: []\n",
                "one.txt": f"one of {number}\n",
                "two.txt": "two\n",
            },
        }
        for number in range(8)
    ],
}


class Served:
    """A sandbox, and runs that follow one another with one folder between them."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder

    def run(self, platform: str, token: str, *facts: FactRequest) -> tuple[dict[str, Any], list[str], Transport]:
        """The answers by subject and fact, and what was asked for."""
        self.sandbox.application.ledger.clear()
        transport = Transport(cache=Cache(self.folder), sleep=lambda _: None)
        now = self.sandbox.world.now
        provider: Provider
        if platform == "github":
            api, graphql = self.sandbox.github_api, self.sandbox.github_graphql
            provider = GitHubProvider(token, api, graphql, transport=transport, now=now)
        else:
            provider = AzureDevOpsProvider(token, self.sandbox.azure_devops + "acme", transport=transport, now=now)
        root = provider.resolve(parse("github:acme" if platform == "github" else "ado:acme"))
        subjects = [one for one in provider.discover(root, frozenset({Repository})) if isinstance(one, Repository)]
        needs, known = Needs(), Known()
        for fact in facts:
            needs.add(fact, subjects)
        load(needs, provider, known)
        transport.close()
        answers = {f"{kind.name} {subject}": answer for (kind, subject), answer in known.answers.items()}
        asked = [f"{e.method} {e.path} {e.status} {e.operation or ''}" for e in self.sandbox.application.ledger.entries]
        return answers, asked, transport


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path / "locations"))
    with Sandbox(Scenario.model_validate(WORLD)) as sandbox:
        yield Served(sandbox, tmp_path / "kept")


CONTENTS = FactRequest(FileContents, PathSpec(frozenset({"one.txt", "two.txt"})))
FILES = (CONTENTS, FactRequest(Pipelines))
ON_BOTH = pytest.mark.parametrize("platform", ["github", "azure"])


def fetching(asked: list[str]) -> list[str]:
    """The requests that bring texts of files."""
    return [line for line in asked if "object(oid:" in line or "/blobs" in line]


def values(answers: dict[str, Any]) -> dict[str, Any]:
    return {name: answer.value for name, answer in answers.items() if isinstance(answer, Loaded)}


@ON_BOTH
def test_the_next_run_fetches_no_text_again(served: Served, platform: str) -> None:
    first, asked, _ = served.run(platform, "ghp_anas", *FILES)
    assert len(first) == 16
    assert len(values(first)) == 16
    assert fetching(asked)
    again, asked, _ = served.run(platform, "ghp_anas", *FILES)
    assert values(again) == values(first)
    assert fetching(asked) == []


@ON_BOTH
def test_a_renewed_token_of_one_person_finds_what_the_first_had(served: Served, platform: str) -> None:
    first, _, _ = served.run(platform, "ghp_anas", *FILES)
    renewed, asked, _ = served.run(platform, "ghp_anas_other", *FILES)
    assert values(renewed) == values(first)
    assert fetching(asked) == []


@ON_BOTH
def test_another_person_finds_nothing(served: Served, platform: str) -> None:
    served.run(platform, "ghp_anas", *FILES)
    _, asked, _ = served.run(platform, "ghp_bens", *FILES)
    assert fetching(asked)


def test_settings_are_always_asked_for_and_confirmed(served: Served) -> None:
    scanning = FactRequest(SecretScanning)
    first, asked, _ = served.run("github", "ghp_anas", scanning)
    rest = [line for line in asked if line.startswith("GET")]
    assert rest
    again, asked, transport = served.run("github", "ghp_anas", scanning)
    assert values(again) == values(first)
    assert [line for line in asked if line.startswith("GET")] == [line.replace(" 200 ", " 304 ") for line in rest]
    assert transport.revalidation.confirmed == len(rest)


def test_who_may_see_less_is_not_shown_what_was_kept(served: Served) -> None:
    """The same person's token with fewer permissions: the refusal counts, not what the other token was told."""
    scanning = FactRequest(SecretScanning)
    first, _, _ = served.run("github", "ghp_anas", scanning)
    assert values(first)
    little, asked, _ = served.run("github", "ghp_anas_little", scanning)
    assert any(line.startswith("GET") for line in asked)
    assert values(little) == {}
    assert all(isinstance(answer, Unavailable) for answer in little.values())


@ON_BOTH
def test_no_token_reaches_the_disk(served: Served, platform: str) -> None:
    import base64

    served.run(platform, "ghp_anas", *FILES, FactRequest(SecretScanning))
    secrets = [b"ghp_anas", base64.b64encode(b":ghp_anas")]
    kept = b"".join(path.read_bytes() for path in served.folder.iterdir())
    assert kept
    assert not any(secret in kept for secret in secrets)
