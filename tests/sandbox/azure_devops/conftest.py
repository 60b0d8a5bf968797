"""One world for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox, load_scenario
from tests.sandbox.azure_devops.ado_world import SCENARIO, Ask, ask, connect


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return load_scenario(SCENARIO)


@pytest.fixture(scope="session")
def shared_world(scenario: Scenario) -> Iterator[Sandbox]:
    """A world that tests only read."""
    with Sandbox(scenario) as sandbox:
        yield sandbox


@pytest.fixture
def world(scenario: Scenario) -> Iterator[Sandbox]:
    """A world of the test's own."""
    with Sandbox(scenario.model_copy(deep=True)) as sandbox:
        yield sandbox


@pytest.fixture
def get(shared_world: Sandbox) -> Ask:
    return ask(f"{shared_world.url}/acme")


@pytest.fixture
def connection(shared_world: Sandbox) -> Any:
    return connect(shared_world)


@pytest.fixture(scope="session")
def recorded(shared_data: Path) -> Path:
    """Real answers that nobody on this project wrote."""
    return shared_data / "azure-devops"
