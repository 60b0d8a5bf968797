"""What a scan is asked for: its targets, what it may leave out, and how that is told from what another was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from bot.cli.failures import Refusal
from bot.cli.session import GITHUB_API, collection_url
from bot.engine.accounts import UNPUSHED
from bot.engine.runs import Order, Store
from bot.engine.sharding import Shard
from bot.engine.targets import Target
from bot.engine.verdict import digest
from bot.model.subjects import Platform, Repository
from bot.policy.configuration import Configuration

CLOCKS = timedelta(minutes=10)
"""How far this machine's clock may be from the platform's."""


@dataclass(frozen=True)
class Wish:
    """What a scan is asked for, besides its configuration."""

    targets: Sequence[Target]
    pull_requests: bool = False
    repository_policies: bool = False
    shard: Shard | None = None
    now: datetime | None = None
    """The instant, where it was given."""
    since: datetime | timedelta | None = None
    """Only repositories that were pushed to since: an instant, or so long before the run's own."""
    only_changed: bool = False
    """Only those that were pushed to since the newest complete run of the same kind."""
    fresh: bool = False
    batch: int | None = None
    """How many repositories are judged together; None: as many as suits the platform."""

    def order(self, configuration: Configuration, environ: Mapping[str, str], *, default: bool) -> Order:
        """The same for scans that do the same work, so that one can go on where another ended."""
        places = sorted({place for target in self.targets for place in _places(target, environ)})
        options = {"at": " ".join(places)} if places else {}
        options |= {"include": "pull-requests"} if self.pull_requests else {}
        options |= {"repository-policies": "yes"} if self.repository_policies else {}
        options |= {"shard": str(self.shard)} if self.shard is not None else {}
        options |= {"since": str(self.since)} if self.since is not None else {}
        options |= {"only-changed": "yes"} if self.only_changed else {}
        return Order(
            targets=tuple(sorted({normal(target) for target in self.targets})),
            # The default is a pack of which nothing is enforced: it is not what the same text would be that is given.
            policy_digest=digest([configuration.digest, "default" if default else "given"]),
            options=tuple(sorted(options.items())),
            now=self.now,
        )


@dataclass(frozen=True)
class Unchanged:
    """Which repositories need not be judged again."""

    since: datetime
    """Those that nothing was pushed to since."""
    among: frozenset[str] | None = None
    """Of these alone: they were judged then, or were as they had been. None: of all."""

    @property
    def reason(self) -> str:
        """What is said of each."""
        return f"{UNPUSHED} {self.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    def concerns(self, repository: Repository) -> bool:
        """Whether it may be left out."""
        return self.among is None or repository.id in self.among


def unchanged(store: Store, order: Order, wish: Wish, now: datetime) -> tuple[Unchanged | None, str]:
    """What need not be judged again; where that is asked for and cannot be told, why everything is judged."""
    if isinstance(wish.since, datetime) and wish.since > now:
        raise Refusal(
            f"--since {wish.since.isoformat()} is later than the instant that is judged as of, {now.isoformat()}."
        )
    if wish.since is not None:
        return Unchanged(now - wish.since if isinstance(wish.since, timedelta) else wish.since), ""
    if not wish.only_changed:
        return None, ""
    last = next((summary for summary in store.runs(order.series) if summary.complete), None)
    if last is None:
        return (
            None,
            "Everything is judged: no complete run of the same kind is kept that what has changed could be told from.",
        )
    if last.policy_digest != order.policy_digest:
        return (
            None,
            f"Everything is judged: the policies have changed since the run of {last.started_at:%Y-%m-%d %H:%M} UTC.",
        )
    run = store.run(last.id)
    seen = {subject.id for subject in run.subjects if isinstance(subject, Repository)}
    seen |= {skip.subject for skip in run.skipped if skip.reason.startswith(UNPUSHED)}
    return Unchanged(last.started_at - CLOCKS, frozenset(seen)), ""


def normal(target: Target) -> str:
    """A target as it is compared: platforms do not mind case, and addresses name the same."""
    if target.platform is Platform.LOCAL:
        return str(Path(target.path or ".").resolve())
    scheme = "github" if target.platform is Platform.GITHUB else "ado"
    parts = (target.organization, target.project, target.repository)
    ends = [
        f"{sign}{value}"
        for sign, value in (("#", target.pull_request), ("#", target.work_item), ("@", target.release))
        if value is not None
    ]
    return f"{scheme}:{'/'.join(part for part in parts if part)}".lower() + "".join(ends)


def _places(target: Target, environ: Mapping[str, str]) -> Iterator[str]:
    """Where a target lives, if that is not where everybody's are: an organisation of that name may be elsewhere too."""
    if target.platform is Platform.GITHUB:
        address = environ.get("GITHUB_API_URL", GITHUB_API)
    elif target.platform is Platform.AZURE_DEVOPS:
        address = collection_url(environ, target.organization or "")
    else:
        return
    parts = urlsplit(address)
    if parts.hostname not in ("api.github.com", "dev.azure.com"):
        port = f":{parts.port}" if parts.port else ""
        yield f"{parts.hostname}{port}{parts.path.rstrip('/')}".lower()
