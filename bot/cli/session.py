"""Wiring: from the environment to providers, from a configuration file to a configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.cli.failures import Refusal
from bot.engine.ports import Provider, Publisher
from bot.engine.targets import Target
from bot.model.facts import Unavailable, UnknownKind
from bot.model.subjects import Platform, WorkItem

if TYPE_CHECKING:
    from bot.platforms.azure_devops.provider import AzureDevOpsProvider
    from bot.platforms.github.provider import GitHubProvider
    from bot.policy.configuration import Connection

GITHUB_API = "https://api.github.com"
AZURE_DEVOPS = "https://dev.azure.com"


@dataclass
class Session:
    """One run's credentials, addresses, clock and providers. Close it when done."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    connections: tuple[Connection, ...] = ()
    _providers: dict[str, Provider] = field(default_factory=dict)

    def provider(self, target: Target) -> Provider:
        """The provider that can read a target; made once for each platform and organisation."""
        match target.platform:
            case Platform.GITHUB:
                return self._github()
            case Platform.AZURE_DEVOPS:
                return self._azure(target.organization or "")
            case Platform.LOCAL:
                return self._local(target.path or ".")

    def publisher(self, target: Target) -> Publisher:
        """Who posts verdicts where the target lives."""
        if target.platform is Platform.GITHUB:
            from bot.platforms.github.publisher import GitHubPublisher

            return GitHubPublisher(self._github())
        if target.platform is Platform.AZURE_DEVOPS:
            from bot.platforms.azure_devops.publisher import AzureDevOpsPublisher

            return AzureDevOpsPublisher(self._azure(target.organization or ""))
        raise Refusal(f"{target}: a verdict can be posted to a pull request only. Use --dry-run, or audit.")

    def requests(self) -> dict[str, int]:
        """HTTP requests sent so far, by platform."""
        totals: dict[str, int] = {}
        for provider in self._providers.values():
            if provider.platform is not Platform.LOCAL:
                name = provider.platform.value.replace("-", "_")
                totals[name] = totals.get(name, 0) + provider.requests()
        return totals

    def depth(self) -> int:
        """The longest chain of round trips."""
        return max((provider.round_trips() for provider in self._providers.values()), default=0)

    def close(self) -> None:
        """End every provider."""
        for provider in self._providers.values():
            provider.close()

    def _github(self) -> GitHubProvider:
        from bot.platforms.github.provider import GitHubProvider

        if "github" not in self._providers:
            token = self.environ.get("GITHUB_TOKEN") or self.environ.get("GH_TOKEN")
            if not token:
                raise Refusal(
                    "No GitHub token: set GITHUB_TOKEN (or GH_TOKEN). In a workflow: env: GITHUB_TOKEN: ${{ github.token }}. "
                    "'almguard demo' needs none."
                )
            api = self.environ.get("GITHUB_API_URL", GITHUB_API).rstrip("/")
            self._providers["github"] = GitHubProvider(
                token,
                api_url=api,
                graphql_url=self.environ.get("GITHUB_GRAPHQL_URL") or graphql_url(api),
                work_item_reader=self.read_work_items,
                connections=tuple((c.match, c.work_items) for c in self.connections),
                now=self.now,
            )
        provider = self._providers["github"]
        assert isinstance(provider, GitHubProvider)
        return provider

    def _azure(self, organization: str) -> AzureDevOpsProvider:
        from bot.platforms.azure_devops.provider import AzureDevOpsProvider

        key = f"azure {organization.lower()}"
        if key not in self._providers:
            pat = self.environ.get("AZURE_DEVOPS_EXT_PAT")
            token = pat or self.environ.get("SYSTEM_ACCESSTOKEN")
            if not token:
                raise Refusal(
                    "No Azure DevOps token: set AZURE_DEVOPS_EXT_PAT, or in a pipeline map "
                    "SYSTEM_ACCESSTOKEN: $(System.AccessToken) under env:. 'almguard demo' needs none."
                )
            self._providers[key] = AzureDevOpsProvider(
                token, collection_url(self.environ, organization), bearer=pat is None, now=self.now
            )
        provider = self._providers[key]
        assert isinstance(provider, AzureDevOpsProvider)
        return provider

    def _local(self, path: str) -> Provider:
        from bot.platforms.local.provider import LocalProvider

        key = f"local {path}"
        if key not in self._providers:
            self._providers[key] = LocalProvider(path, now=self.now)
        return self._providers[key]

    def read_work_items(self, target: str, ids: Sequence[int]) -> Mapping[int, WorkItem | Unavailable | None]:
        """Azure Boards items that ``AB#n`` on GitHub means. ``target`` is ``ado:ORG/PROJECT`` of a connection."""
        from bot.engine.targets import parse

        parsed = parse(target)
        try:
            provider = self._azure(parsed.organization or "")
        except Refusal as refusal:
            return {n: Unavailable(UnknownKind.SCOPE, f"AB#{n}: {refusal.message}") for n in ids}
        return provider.read_work_items(f"{parsed.organization}/{parsed.project}", ids)


@contextmanager
def session(now: datetime | None, environ: Mapping[str, str] | None = None) -> Iterator[Session]:
    """A session that is closed at the end."""
    opened = Session(environ=os.environ if environ is None else environ, now=now or datetime.now(UTC))
    try:
        yield opened
    finally:
        opened.close()


def graphql_url(api: str) -> str:
    """Where GraphQL is, beside a REST address: GitHub Enterprise has ``/api/v3`` and ``/api/graphql``."""
    if api.endswith("/api/v3"):
        return api.removesuffix("/v3") + "/graphql"
    return f"{api}/graphql"


def collection_url(environ: Mapping[str, str], organization: str) -> str:
    """The organisation's address: the pipeline's own where it names it, else beside that, else Azure DevOps Services."""
    given = environ.get("SYSTEM_COLLECTIONURI", "").rstrip("/")
    if not given:
        return f"{AZURE_DEVOPS}/{organization}"
    base, _, last = given.rpartition("/")
    if last.lower() == organization.lower() or not base.partition("://")[2]:
        return given if last.lower() == organization.lower() else f"{given}/{organization}"
    if given.lower().endswith(".visualstudio.com"):
        return f"{AZURE_DEVOPS}/{organization}"
    return f"{base}/{organization}"
