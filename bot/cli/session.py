"""Wiring: from the environment to providers, from a configuration file to a configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bot.cli.failures import Refusal
from bot.cli.spreading import AZURE_DEVOPS_TOKENS, GITHUB_TOKENS, alike, listed
from bot.engine.ports import DeploymentReviewer, PlatformError, Provider, Publisher, ReleasePublisher
from bot.engine.targets import Target
from bot.model.facts import Unavailable, UnknownKind
from bot.model.results import Spent
from bot.model.subjects import Platform, WorkItem

if TYPE_CHECKING:
    from bot.engine.tracking import Home, Tracker
    from bot.platforms.azure_devops.provider import AzureDevOpsProvider
    from bot.platforms.cache import Cache
    from bot.platforms.credentials import Sight
    from bot.platforms.github.provider import GitHubProvider
    from bot.platforms.github.reading import Connected
    from bot.platforms.jira.issues import IssueReader, JiraIssues
    from bot.platforms.transport import Transport
    from bot.policy.configuration import Connection, TrackingSettings
    from bot.policy.references import Fetcher

GITHUB_API = "https://api.github.com"
AZURE_DEVOPS = "https://dev.azure.com"
_PATIENT = timedelta(minutes=10)
"""Whoever may wait for so long asks a failing server more often, too."""
_LONG = 60
"""Seconds that are also told as a time of the day, by the reader's clock."""


@dataclass
class Session:
    """One run's credentials, addresses, clock and providers. Close it when done."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    cache: Path | None = None
    """The folder of what is kept between runs; None: nothing is."""
    max_wait: timedelta = timedelta(minutes=1)
    """How long may be waited in all for platforms."""
    spread: bool = False
    """Whether reading is spread among several tokens, where they are given."""
    _transport: Transport | None = None
    _connections: tuple[Connected, ...] = ()
    _credentials: dict[str, str] = field(default_factory=dict)
    """By the address of a connection's work items: the name of the credential that it is read with."""
    _providers: dict[str, Provider] = field(default_factory=dict)
    _alike: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By what they were compared on: the tokens that reading is spread among."""
    _fetcher: Fetcher | None = None
    _jira: IssueReader | None = None

    def provider(self, target: Target) -> Provider:
        """The provider that can read a target; made once for each platform and organisation."""
        match target.platform:
            case Platform.GITHUB:
                return self._github(target.organization, vetted=True)
            case Platform.AZURE_DEVOPS:
                return self._azure(target.organization or "", vetted_on=target.project)
            case Platform.LOCAL:
                return self._local(target.path or ".")
            case Platform.JIRA:
                raise Refusal(f"{target}: issues of Jira are read where a pull request names them, and are no targets.")

    def publisher(self, target: Target) -> Publisher:
        """Who posts verdicts where the target lives."""
        if target.platform is Platform.GITHUB:
            from bot.platforms.github.publisher import GitHubPublisher

            provider = self._github(target.organization)
            return GitHubPublisher(provider.client, provider.memory)
        if target.platform is Platform.AZURE_DEVOPS:
            from bot.platforms.azure_devops.publisher import AzureDevOpsPublisher

            return AzureDevOpsPublisher(self._azure(target.organization or ""))
        raise Refusal(f"{target}: a verdict can be posted to a pull request only. Use --dry-run, or audit.")

    def release_publisher(self, target: Target) -> ReleasePublisher:
        """Who posts verdicts on releases where the target lives."""
        if target.platform is Platform.AZURE_DEVOPS:
            from bot.platforms.azure_devops.release_status import AzureDevOpsReleasePublisher

            return AzureDevOpsReleasePublisher(self._azure(target.organization or ""))
        from bot.platforms.github.release_check import GitHubReleasePublisher

        return GitHubReleasePublisher(self._github(target.organization).client)

    def tracker(self, home: Home, settings: TrackingSettings) -> Tracker:
        """Who keeps the issue, or the work item, of a repository or an organisation."""
        if home.platform is Platform.AZURE_DEVOPS:
            from bot.platforms.azure_devops.work_item_tracker import WorkItemTracker

            return WorkItemTracker(self._azure(home.name.partition("/")[0]).client, settings)
        from bot.platforms.github.issue_tracker import GitHubIssueTracker

        return GitHubIssueTracker(self._github().client, settings)

    def deployment_reviewer(self) -> DeploymentReviewer:
        """Who answers for deployments that wait: GitHub alone asks."""
        from bot.platforms.github.deployment_reviews import GitHubDeploymentReviewer

        return GitHubDeploymentReviewer(self._github().client)

    def fetcher(self) -> Fetcher:
        """Who reads the policies of other repositories; one for the whole run."""
        from bot.cli.fetching import PlatformFetcher

        if self._fetcher is None:
            self._fetcher = PlatformFetcher(self)
        return self._fetcher

    def requests(self) -> dict[str, int]:
        """HTTP requests sent so far, by platform."""
        return {name: spent.requests for name, spent in self.spent().items()}

    def spent(self) -> dict[str, Spent]:
        """What was sent so far by kind, by platform."""
        used = {provider.platform for provider in self._providers.values()} - {Platform.LOCAL}
        if self._transport is not None and self._transport.requests(Platform.JIRA):
            used.add(Platform.JIRA)
        return {
            platform.value.replace("-", "_"): self.transport.spent(platform)
            for platform in Platform
            if platform in used
        }

    def depth(self) -> int:
        """The longest chain of round trips."""
        return max((provider.round_trips() for provider in self._providers.values()), default=0)

    def renew(self, now: datetime) -> None:
        """Read everything again from now on."""
        for provider in self._providers.values():
            provider.close()
        self._providers.clear()
        self._fetcher = None
        self.now = now

    def close(self) -> None:
        """End every provider."""
        for provider in self._providers.values():
            provider.close()
        if self._transport is not None:
            self._transport.close()

    def connect(self, connections: Sequence[Connection]) -> None:
        """Take a configuration's word for where ``AB#12`` leads."""
        from bot.platforms.github.reading import Connected

        self._credentials = {one.work_items.lower(): one.credential for one in connections if one.credential}
        self._connections = tuple(Connected(glob, one.work_items) for one in connections for glob in one.match)
        for provider in self._providers.values():
            if provider.platform is Platform.GITHUB:
                cast("GitHubProvider", provider).connect(self._connections)

    @property
    def transport(self) -> Transport:
        """The one HTTP path of the run; waiting is said on stderr."""
        from bot.platforms.transport import Transport

        if self._transport is None:
            patient = self.max_wait >= _PATIENT
            self._transport = Transport(
                max_wait=self.max_wait.total_seconds(),
                attempts=6 if patient else 4,
                on_wait=_say_waiting,
                cache=self._kept(),
            )
        return self._transport

    def _kept(self) -> Cache | None:
        if self.cache is None:
            return None
        from bot.platforms.cache import Cache

        return Cache(self.cache, notice=_say)

    @property
    def _app(self) -> tuple[str, str] | None:
        """A GitHub App's id and key, where one is given."""
        app, key = self.environ.get("ALMGUARD_APP_ID"), self.environ.get("ALMGUARD_APP_PRIVATE_KEY")
        return (app, key) if app and key else None

    def _github_token(self, owner: str | None, tokens: Sequence[str]) -> str | Callable[[], str]:
        """A GitHub App's installation where one is given, else the token."""
        if self._app is not None:
            from bot.platforms.github.app import InstallationToken

            api = self.environ.get("GITHUB_API_URL", GITHUB_API).rstrip("/")
            home = self.environ.get("GITHUB_REPOSITORY_OWNER")
            owner = self.environ.get("ALMGUARD_APP_OWNER") or owner or home
            return InstallationToken(*self._app, owner, otherwise=home, api_url=api, transport=self.transport)
        given = self.environ.get("GITHUB_TOKEN") or self.environ.get("GH_TOKEN")
        token = (tokens[0] if tokens else "") if self.spread or not given else given
        if not (token or given):
            raise Refusal(
                "No GitHub token: set GITHUB_TOKEN (or GH_TOKEN). In a workflow: env: GITHUB_TOKEN: ${{ github.token }}. "
                "'almguard demo' needs none."
            )
        return token or given or ""

    def _github(self, owner: str | None = None, *, vetted: bool = False) -> GitHubProvider:
        """The provider for an owner's repositories: an App has an installation for each, a token is the same for all."""
        from bot.platforms.github.provider import GitHubProvider

        apart = self._app is not None and not self.environ.get("ALMGUARD_APP_OWNER")
        key = f"github {(owner or '').lower()}" if apart else "github"
        tokens = self._github_tokens(owner if vetted else None)
        if key not in self._providers:
            api, graphql = self._github_addresses()
            made = self._providers[key] = GitHubProvider(
                self._github_token(owner, tokens),
                api_url=api,
                graphql_url=graphql,
                work_item_reader=self.read_work_items,
                issue_reader=self._issue_reader(),
                connections=self._connections,
                transport=self.transport,
                now=self.now,
            )
            made.client.workflow_of = self.environ.get("GITHUB_REPOSITORY", "")
        return cast("GitHubProvider", self._providers[key])

    def _github_addresses(self) -> tuple[str, str]:
        api = self.environ.get("GITHUB_API_URL", GITHUB_API).rstrip("/")
        return api, self.environ.get("GITHUB_GRAPHQL_URL") or graphql_url(api)

    def _github_tokens(self, owner: str | None) -> Sequence[str]:
        """The listed tokens; with an owner, those that are alike there."""
        tokens = listed(self.environ, GITHUB_TOKENS)
        if not tokens or self._app is not None:
            if tokens and self.spread:
                raise Refusal(f"{GITHUB_TOKENS} is given beside a GitHub App. Give one of them.")
            return tokens
        if not self.spread or owner is None:
            return next((alike for what, alike in self._alike.items() if what.startswith("github ")), tokens)
        from bot.platforms.github.client import GitHubClient
        from bot.platforms.github.sight import sight

        api, graphql = self._github_addresses()

        def look(token: str) -> Sight:
            return sight(GitHubClient(token, api, graphql, self.transport), token, owner)

        what = f"github {owner.lower()}"
        return self._spread(Platform.GITHUB, GITHUB_TOKENS, tokens, what, look, lambda token: f"token {token}")

    def _spread(
        self,
        platform: Platform,
        variable: str,
        tokens: Sequence[str],
        what: str,
        look: Callable[[str], Sight],
        header: Callable[[str], str],
    ) -> Sequence[str]:
        """Spread reading among tokens, once they were found alike on this."""
        if what not in self._alike:
            with self.transport.one_credential():
                usable = alike(variable, tokens, what.partition(" ")[2], look, _say) if len(tokens) > 1 else tokens
            if len(usable) > 1 and not any(known.split()[0] == what.split()[0] for known in self._alike):
                self.transport.spread(platform, [header(token) for token in usable], _say)
            self._alike[what] = tuple(usable)
        return self._alike[what]

    def _azure_token(self, credential: str | None, tokens: Sequence[str]) -> tuple[str, bool]:
        """A token, and whether it is a bearer's. A connection's own never falls back to another."""
        if credential is not None:
            # The prefix keeps a configuration from having any secret of the environment sent anywhere.
            name = f"ALMGUARD_{credential}_TOKEN"
            if not (own := self.environ.get(name)):
                raise Refusal(
                    f"No token for the credential {credential}: set {name} to a token with the scope vso.work."
                )
            return own, False
        pat = self.environ.get("AZURE_DEVOPS_EXT_PAT")
        if tokens and (self.spread or (not pat and not self.environ.get("SYSTEM_ACCESSTOKEN"))):
            return tokens[0], False
        token = pat or self.environ.get("SYSTEM_ACCESSTOKEN")
        if not token:
            raise Refusal(
                "No Azure DevOps token: set AZURE_DEVOPS_EXT_PAT, or in a pipeline map "
                "SYSTEM_ACCESSTOKEN: $(System.AccessToken) under env:. 'almguard demo' needs none."
            )
        return token, not pat

    def _azure_tokens(self, organization: str, project: str | None) -> Sequence[str]:
        """The listed tokens; where reading is spread, those that are alike on a project, or on the whole organisation."""
        tokens = listed(self.environ, AZURE_DEVOPS_TOKENS)
        if not tokens or not self.spread:
            return tokens
        from bot.platforms.azure_devops.client import Client
        from bot.platforms.azure_devops.sdk import authorization
        from bot.platforms.azure_devops.sight import sight

        def look(token: str) -> Sight:
            url = collection_url(self.environ, organization)
            return sight(Client(token, url, transport=self.transport), project)

        what = f"azure {organization}/{project}" if project else f"azure {organization}"
        return self._spread(
            Platform.AZURE_DEVOPS, AZURE_DEVOPS_TOKENS, tokens, what, look, lambda token: authorization(token, False)
        )

    def _azure(
        self, organization: str, credential: str | None = None, *, vetted_on: str | None = None
    ) -> AzureDevOpsProvider:
        from bot.platforms.azure_devops.provider import AzureDevOpsProvider

        key = f"azure {organization.lower()} {credential or ''}"
        tokens = () if credential is not None else self._azure_tokens(organization, vetted_on)
        if key not in self._providers:
            token, bearer = self._azure_token(credential, tokens)
            self._providers[key] = AzureDevOpsProvider(
                token,
                collection_url(self.environ, organization),
                bearer=bearer,
                now=self.now,
                transport=self.transport,
                issue_reader=self._issue_reader(),
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
            provider = self._azure(parsed.organization or "", self._credentials.get(target.lower()))
        except Refusal as refusal:
            return {n: Unavailable(UnknownKind.SCOPE, f"AB#{n}: {refusal.message}") for n in ids}
        return provider.read_work_items(f"{parsed.organization}/{parsed.project}", ids)

    def _issue_reader(self) -> IssueReader | None:
        """Who reads Jira's issues; None where there is no Jira to ask.

        Without a credential that fits, each of them is unknown: whatever names none is judged all the same.
        """
        if "JIRA_URL" not in self.environ:
            return None
        if self._jira is None:
            from bot.platforms.jira.issues import UnreadableIssues

            try:
                self._jira = self._jira_issues()
            except (Refusal, PlatformError) as error:
                self._jira = UnreadableIssues(error.message if isinstance(error, Refusal) else str(error))
        return self._jira

    def _jira_issues(self) -> JiraIssues:
        from bot.platforms.jira.client import JiraClient
        from bot.platforms.jira.issues import JiraIssues

        if not self.environ["JIRA_URL"].strip():
            raise Refusal(
                "JIRA_URL is empty, as where it comes from a secret or a variable that this run does not have. Give its value, "
                "or take JIRA_URL out: without it, keys are accepted by their form."
            )
        email, api_token = self.environ.get("JIRA_EMAIL"), self.environ.get("JIRA_API_TOKEN")
        token = self.environ.get("JIRA_TOKEN")
        if token and (email or api_token):
            raise Refusal(
                "JIRA_TOKEN is given beside JIRA_EMAIL or JIRA_API_TOKEN. Give JIRA_EMAIL and JIRA_API_TOKEN for Jira Cloud, "
                "JIRA_TOKEN alone for Jira Data Center."
            )
        if not token and not (email and api_token):
            raise Refusal(
                "JIRA_URL is given without a whole credential. Give JIRA_EMAIL and JIRA_API_TOKEN for Jira Cloud, JIRA_TOKEN "
                "for Jira Data Center; without JIRA_URL, keys are accepted by their form."
            )
        client = JiraClient(
            self.environ["JIRA_URL"],
            token=token or api_token or "",
            email=None if token else email,
            transport=self.transport,
        )
        return JiraIssues(client)


@contextmanager
def session(
    now: datetime | None,
    environ: Mapping[str, str] | None = None,
    *,
    cache: Path | None = None,
    max_wait: timedelta = timedelta(minutes=1),
    spread: bool = False,
) -> Iterator[Session]:
    """A session that is closed at the end."""
    environ = os.environ if environ is None else environ
    opened = Session(environ=environ, now=now or datetime.now(UTC), cache=cache, max_wait=max_wait, spread=spread)
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


def _say(notice: str) -> None:
    import click

    click.echo(f"almguard: {notice}", err=True)


def _say_waiting(why: str, seconds: float) -> None:
    """Waiting is always shown."""
    import click

    until = f" until {datetime.now() + timedelta(seconds=seconds):%H:%M}" if seconds >= _LONG else ""  # noqa: DTZ005 - theirs
    click.echo(f"almguard: waiting {seconds:.{0 if seconds >= 10 else 1}f} s{until}: {why}", err=True)
