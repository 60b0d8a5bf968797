"""One world, served to a provider of each platform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.engine.ports import Provider
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.github.provider import GitHubProvider
from bot.platforms.transport import Transport
from bot.sandbox.faults import Fault
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox


class Served:
    """A sandbox of the organisation ``acme``, and the providers that read it."""

    def __init__(self, world: dict[str, Any]) -> None:
        self.sandbox = Sandbox(Scenario.model_validate(world)).start()
        self.transports: list[Transport] = []

    def provider(self, platform: str, token: str = "all", clock: Callable[[], float] = lambda: 0.0) -> Provider:
        """``github`` or ``azure``."""
        transport = Transport(backoff=0.001, sleep=lambda _: None, clock=clock)
        self.transports.append(transport)
        now = self.sandbox.world.now
        if platform == "github":
            api, graphql = self.sandbox.github_api, self.sandbox.github_graphql
            return GitHubProvider(token, api, graphql, now=now, transport=transport)
        return AzureDevOpsProvider(token, self.sandbox.azure_devops + "acme", now=now, transport=transport)

    def fault(self, **fault: Any) -> None:
        """Break something."""
        self.sandbox.application.faults.add(Fault.model_validate(fault))

    def close(self) -> None:
        for transport in self.transports:
            transport.close()
        self.sandbox.stop()
