from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIOS = Path(__file__).with_name("scenarios")


@pytest.fixture(scope="module")
def shop() -> Iterator[Sandbox]:
    """A sandbox of scenarios/shop.yml; a module's tests share it, so they post under names of their own."""
    with Sandbox(SCENARIOS / "shop.yml") as sandbox:
        yield sandbox
