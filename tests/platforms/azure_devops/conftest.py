from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.engine.ports import Known
from bot.model.subjects import PullRequest
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.transport import Transport
from bot.sandbox.faults import Fault
from bot.sandbox.server import Sandbox
from tests.platforms.azure_devops.ado_reader import Reader

SCENARIO = Path(__file__).with_name("scenario.yaml")


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path / "azure-devops"))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SCENARIO) as running:
        yield running


@pytest.fixture
def reader_for(sandbox: Sandbox) -> Iterator[Callable[..., Reader]]:
    made: list[Transport] = []

    def make(token: str = "all", organization: str = "acme", **settings: Any) -> Reader:
        transport = Transport(**{"backoff": 0.01, **settings})
        made.append(transport)
        provider = AzureDevOpsProvider(
            token, sandbox.azure_devops + organization, transport=transport, now=sandbox.world.now
        )
        return Reader(provider, Known())

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def reader(reader_for: Callable[..., Reader]) -> Reader:
    return reader_for()


@pytest.fixture
def pull_request(reader: Reader) -> PullRequest:
    return reader.subject()


@pytest.fixture
def break_down(sandbox: Sandbox) -> Callable[..., None]:
    def ask_for(**fault: Any) -> None:
        sandbox.application.faults.add(Fault.model_validate(fault))

    return ask_for
