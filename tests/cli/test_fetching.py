"""What policies extend is read with the run's own credentials, and once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.cli.fetching import PlatformFetcher, target
from bot.cli.session import Session
from bot.engine.targets import parse
from bot.model.facts import UnknownKind
from bot.platforms.redaction import register
from bot.policy.references import Fetcher, FetchError, parse_reference
from bot.sandbox.faults import Fault
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox

GITHUB = "github:acme/governance//base.yml@v1"
AZURE = "ado:acme/Platform/governance//base.yml@v1"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path / "locations"))
    world = {
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Platform"}]}],
        "repositories": [{"name": "governance", "files": {"base.yml": "one\n"}, "tags": {"v1": "main"}}],
    }
    with Sandbox(Scenario.model_validate(world)) as running:
        yield running


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    environ = {
        "GITHUB_TOKEN": "sandbox-token",
        "GITHUB_API_URL": f"{sandbox.url}/api/v3",
        "AZURE_DEVOPS_EXT_PAT": "sandbox-token",
        "SYSTEM_COLLECTIONURI": f"{sandbox.url}/acme/",
    }
    opened = Session(environ=environ, now=datetime(2026, 11, 2, tzinfo=UTC))
    yield opened
    opened.close()


@pytest.mark.parametrize("text", [GITHUB, AZURE])
def test_a_file_is_fetched_once_in_a_run(session: Session, sandbox: Sandbox, text: str) -> None:
    fetcher: Fetcher = PlatformFetcher(session)
    first, again = fetcher.fetch(parse_reference(text)), fetcher.fetch(parse_reference(text))
    assert (first.text, first.source, first.pinned) == ("one\n", text, True)
    assert again is first
    assert len(sandbox.application.ledger.entries) == 1


@pytest.mark.parametrize("text", [GITHUB, AZURE])
def test_what_could_not_be_read_is_not_asked_for_again_and_says_so_again(
    session: Session, sandbox: Sandbox, text: str
) -> None:
    fetcher = PlatformFetcher(session)
    said = []
    for _ in range(2):
        with pytest.raises(FetchError, match="there is no repository") as wrong:
            fetcher.fetch(parse_reference(text.replace("governance", "nothing")))
        said.append((str(wrong.value), wrong.value.kind))
    assert said[0] == said[1]
    assert said[0][1] is None
    assert len(sandbox.application.ledger.entries) == 1


@pytest.mark.parametrize(
    ("text", "variable"), [(GITHUB, "set GITHUB_TOKEN (or GH_TOKEN)"), (AZURE, "set AZURE_DEVOPS_EXT_PAT")]
)
def test_without_a_token_it_says_which_variable_is_missing(text: str, variable: str) -> None:
    with pytest.raises(FetchError) as wrong:
        PlatformFetcher(Session(environ={})).fetch(parse_reference(text))
    assert str(wrong.value).startswith(f"{text} cannot be read: No ")
    assert variable in str(wrong.value)


def test_an_address_that_cannot_be_used_is_told_with_the_reference() -> None:
    environ = {"GITHUB_TOKEN": "t", "GITHUB_API_URL": "https://ana:hush-hush@github.example/api/v3"}
    with pytest.raises(FetchError, match="GITHUB_API_URL has a user name or password") as wrong:
        PlatformFetcher(Session(environ=environ)).fetch(parse_reference(GITHUB))
    assert GITHUB in str(wrong.value)
    assert "hush-hush" not in str(wrong.value)


def test_a_refusal_is_told_from_a_wrong_reference(session: Session, sandbox: Sandbox) -> None:
    sandbox.application.faults.add(Fault(match="graphql", kind="status", status=403, times=None))
    with pytest.raises(FetchError) as wrong:
        PlatformFetcher(session).fetch(parse_reference(GITHUB))
    assert wrong.value.kind is UnknownKind.SCOPE


def test_no_token_is_in_the_message(session: Session) -> None:
    register("governance-secret-0001")
    with pytest.raises(FetchError) as wrong:
        PlatformFetcher(session).fetch(parse_reference("github:acme/none//governance-secret-0001.yml@v1"))
    assert "governance-secret-0001" not in str(wrong.value)


def test_the_target_of_a_reference() -> None:
    for text in (GITHUB, AZURE):
        assert target(parse_reference(text)) == parse(text.partition("//")[0])
