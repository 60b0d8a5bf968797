"""The limits of both platforms as they are documented, and how they may be set for a test: ``/_sandbox/limits``."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.sandbox.identity import Token

Many = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]


class Limits(BaseModel):
    """Everything is counted always, and refused only where ``enforce`` says so."""

    model_config = ConfigDict(extra="forbid")

    enforce: bool = False
    core: Many | None = None
    """GitHub: REST requests an hour of each account; null: what is documented for its kind."""
    graphql: Many | None = None
    """GitHub: GraphQL points an hour; null: what is documented for its kind."""
    hour: Seconds = 3600
    """How many seconds an hour has, for the two above."""
    at_once: Many = 100
    """GitHub: requests under way, of REST and GraphQL together."""
    points: Many = 900
    """GitHub: REST points a minute; a read is one, a write five."""
    graphql_points: Many = 2_000
    """GitHub: GraphQL points a minute; a query is one."""
    content: Many = 80
    """GitHub: writes a minute."""
    minute: Seconds = 60
    """How many seconds a minute has, for the four above."""
    retry_after: Many = 60
    """What a secondary limit of GitHub says in Retry-After; 0: nothing."""
    tstu: Annotated[float, Field(gt=0)] = 200
    """Azure DevOps: throughput units in a window."""
    tstu_window: Seconds = 300
    tstu_read: float = 0.1
    tstu_write: float = 0.5
    """What a request costs; the service reckons with what it does, and tells nobody beforehand."""
    token_requests: Annotated[int, Field(gt=0)] | None = None
    """GitHub: after how many requests the token of an App's installation ends."""
    token_seconds: Seconds | None = None
    """GitHub: after how many seconds it ends; null: an hour, by what it says."""
    largest_query: Many | None = None
    """GitHub: the nodes beyond which a GraphQL query is not answered in time: 502."""
    etags: Literal["token", "content"] = "token"
    """GitHub: whether an ETag belongs to the token that was answered, or to the answer alone."""


@dataclass
class Window:
    """What was spent in the last so many seconds."""

    spent: float = 0.0
    _entries: deque[tuple[float, float]] = field(default_factory=deque)

    def add(self, amount: float, now: float) -> None:
        """Spend."""
        self._entries.append((now, amount))
        self.spent += amount

    def within(self, seconds: float, now: float) -> float:
        """How much of it was in the last so many seconds; what is older is forgotten."""
        while self._entries and self._entries[0][0] <= now - seconds:
            self.spent -= self._entries.popleft()[1]
        return max(0.0, self.spent)

    def oldest(self) -> float:
        """When the first of it was spent."""
        return self._entries[0][0] if self._entries else 0.0

    def newest(self) -> float:
        """When something was spent last."""
        return self._entries[-1][0] if self._entries else 0.0


@dataclass
class Account:
    """Whose allowance tokens share: a person's, an App's installation's, a workflow token's."""

    began: dict[str, float] = field(default_factory=dict)
    """When the present hour of a resource began."""
    used: dict[str, int] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    under_way: int = 0

    def window(self, name: str) -> Window:
        """The window of this name."""
        return self.windows.setdefault(name, Window())


@dataclass
class Spent:
    """What one token spent in all."""

    requests: int = 0
    """REST requests, those of Azure DevOps too."""
    unchanged: int = 0
    """Of them, those answered 304: they cost nothing."""
    graphql: int = 0
    """GraphQL requests."""
    points: int = 0
    """GraphQL points."""
    tstu: float = 0.0
    refused: int = 0


class Accounts:
    """What everybody has spent, and the limits."""

    def __init__(self) -> None:
        self.limits = Limits()
        self.clock = time.time
        self.lock = threading.RLock()
        self._accounts: dict[str, Account] = {}
        self._spent: dict[str, tuple[Token, Spent]] = {}

    def of(self, token: Token, host: str = "github") -> Account:
        """The account that a token spends from."""
        if token.kind == "pat" or host != "github":
            name = f"{host} {token.login}"
        else:
            name = f"{host} {token.kind} {token.app} {token.installation}"
        return self._accounts.setdefault(name, Account())

    def spent(self, token: Token) -> Spent:
        """What a token has spent."""
        return self._spent.setdefault(token.secret, (token, Spent()))[1]

    @contextmanager
    def under_way(self, token: Token | None) -> Iterator[None]:
        """A request to GitHub is being answered."""
        if token is None:
            yield
            return
        with self.lock:
            account = self.of(token)
            account.under_way += 1
        try:
            yield
        finally:
            with self.lock:
                account.under_way -= 1

    def clear(self) -> None:
        """Nobody has spent anything, and the limits are those that are documented."""
        with self.lock:
            self.limits = Limits()
            for account in self._accounts.values():  # what is under way goes on
                account.used, account.began, account.windows = {}, {}, {}
            self._spent.clear()

    def told(self) -> list[dict[str, object]]:
        """What every token spent, none of them in clear."""
        with self.lock:
            return [
                {
                    "token": hashlib.sha256(secret.encode()).hexdigest()[:12],
                    "kind": token.kind,
                    "login": token.login,
                    "installation": token.installation,
                    **vars(spent),
                }
                for secret, (token, spent) in self._spent.items()
            ]
