"""What really sends, mounted on the sessions of both SDKs: one request at its time, as often as that helps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from requests import PreparedRequest, RequestException, Response, codes
from requests.adapters import HTTPAdapter
from requests.exceptions import Timeout

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import Platform
from bot.platforms import answers
from bot.platforms.answers import Again
from bot.platforms.concurrency import Lanes, Passage
from bot.platforms.credentials import Pool
from bot.platforms.governor import Governor
from bot.platforms.pacing import Limiter

if TYPE_CHECKING:
    from bot.platforms.transport import Transport

REPEATABLE = "X-Almguard-Repeatable"
"""A header that never leaves: the caller's word that a POST changes nothing. ``yes``; or ``smaller``, where a 502 or 504
means that too much was asked for, so that asking the same again is in vain and the caller will ask for less."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_TOO_MUCH = frozenset({502, 504})
_TSTU = "TSTU"
"""What Azure DevOps counts, whatever part of it tells."""
_QUICK = 10.0
"""Seconds: an answer that took longer is no reason to ask for more at once."""
_IN_A_ROW = 12
"""So many failures of a host, with no answer between them, and nothing more is asked of it for a while."""
_A_WHILE = 30.0


class TransportAdapter(HTTPAdapter):
    """Mounted on a session: what really sends."""

    repeatable_posts: frozenset[str] = frozenset()

    def __init__(self, transport: Transport, platform: Platform, rate: tuple[float, int], lanes: int) -> None:
        super().__init__(pool_connections=8, pool_maxsize=lanes + 4, max_retries=0)
        self._transport = transport
        self._platform = platform
        self._rate = rate
        self.lanes = Lanes(lanes)
        self._governors: dict[bytes, Governor] = {}
        self._pools: list[Pool] = []
        self._lock = threading.Lock()
        self._failures: dict[str, tuple[int, float]] = {}
        """By host: how many in a row, and when the last was."""

    def spread(self, pool: Pool) -> None:
        """From now on what is read with one of these credentials is read with any of them."""
        self._pools.append(pool)

    def governor(self, credential: str) -> Governor:
        """Of what a credential may ask for: one that two providers share has one allowance."""
        name = self._transport.principals.digest(credential)
        with self._lock:
            if name not in self._governors:
                clock = self._transport.clock
                self._governors[name] = Governor(self._platform, Limiter(*self._rate, clock), clock)
            return self._governors[name]

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,  # noqa: ARG002 - the transport's counts
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request through the transport."""
        mark = request.headers.pop(REPEATABLE, None)
        path = (request.url or "").partition("?")[0].rstrip("/")
        repeatable = (
            request.method in _READS or mark is not None or any(path.endswith(end) for end in self.repeatable_posts)
        )
        plain = super().send

        def send() -> Response:
            return plain(request, stream, self._transport.timeout, verify, cert, proxies)

        pool = self._pool(request) if repeatable else None

        def once() -> Response:
            self._spare(request)
            if pool is not None:
                busy = partial(self._busy, _resource(self._platform, request))
                request.headers["Authorization"] = pool.choose(request, busy)
            governor = self.governor(_authorization(request))
            self._pace(request, governor)
            known = self._transport.revalidation.prepare(request)
            try:
                with self.lanes.passage() as passage:
                    response = self._sent(request, send, governor, passage, pool, repeatable, mark == "smaller")
            finally:
                if known is not None:
                    request.headers.pop("If-None-Match", None)
            return self._transport.revalidation.settle(request, response, known)

        return self._transport.repeat(once)

    def _sent(
        self,
        request: PreparedRequest,
        send: Callable[[], Response],
        governor: Governor,
        passage: Passage,
        pool: Pool | None,
        repeatable: bool,
        divisible: bool,
    ) -> Response:
        """One answer. Raises ``Again`` or ``PlatformError`` where it is none that the server meant for us."""
        began = self._transport.clock()
        try:
            response = self._transport.count_and_send(self._platform, request, send)
        except RequestException as wrong:
            passage.bad = True
            if isinstance(wrong, Timeout):
                self._transport.budget.charge(self._transport.clock() - began)
            count, _ = self._failures.get(answers.host(request), (0, 0.0))
            self._failures[answers.host(request)] = count + 1, time.monotonic()
            answers.explain(self._platform, request, wrong, repeatable)
        self._failures.pop(answers.host(request), None)
        self._recognise(request, response)
        if (told := answers.told(response, _resource(self._platform, request))) is not None:
            governor.told(told if self._platform is Platform.GITHUB else replace(told, resource=_TSTU))
        if divisible and response.status_code in _TOO_MUCH:
            return response
        if pool and answers.is_anonymous(self._platform, response) and pool.refuse(_authorization(request)):
            raise _another(answers.refused_token(self._platform, answers.what(request)))
        try:
            answers.judge(self._platform, request, response, repeatable)
        except Again as again:
            passage.bad = again.limited is not None or response.status_code >= codes.server_error
            if again.limited is not None:
                seconds = governor.limited(again.limited, began)
                if pool is not None and pool.has_other(partial(self._busy, _resource(self._platform, request))):
                    raise _another(again.failure) from again
                again.wait = seconds or None
                until = self._transport.clock() + seconds
                again.after = lambda: governor.waited(until)
            raise
        slow = max(answers.slow_down(response) or 0.0, answers.delay(response))
        if slow > 0:
            governor.hold(slow)
            passage.bad = True
        else:
            governor.well(began)
            passage.good = self._transport.clock() - began < _QUICK
        return response

    def _pool(self, request: PreparedRequest) -> Pool | None:
        """Those among which a request is spread; None: it has the credential that it came with, and no other."""
        if self._transport.apart:
            return None
        return next((pool for pool in self._pools if _authorization(request) in pool), None)

    def _busy(self, resource: str, header: str) -> float:
        """How long a credential has to wait."""
        return self.governor(header).spent(resource)

    def _recognise(self, request: PreparedRequest, response: Response) -> None:
        """Azure DevOps tells with every answer whose token it was: ``<id>:<address>``. Only the id is taken."""
        identity = response.headers.get("X-VSS-UserData", "").partition(":")[0]
        authorization = _authorization(request)
        if self._platform is not Platform.AZURE_DEVOPS or not identity:
            return
        if not self._transport.principals.knows(authorization):
            self._transport.principals.learn(authorization, f"user {identity}")

    def _spare(self, request: PreparedRequest) -> None:
        """A host that is down is not waited for once more for every single thing that is wanted of it."""
        count, last = self._failures.get(answers.host(request), (0, 0.0))
        if count >= _IN_A_ROW and time.monotonic() - last < _A_WHILE:
            raise PlatformError(
                f"{answers.what(request)}: not asked, for {answers.host(request)} gave no answer {count} times in a row. "
                "Run again later; if it stays so, check the network and the server.",
                UnknownKind.TRANSIENT,
            )

    def _pace(self, request: PreparedRequest, governor: Governor) -> None:
        """Wait for a turn. A steady pace costs no budget; a server's word to slow down does."""
        governor.limiter.turn(self._transport.sleep)
        budget = self._transport.budget
        pause = governor.pause(_resource(self._platform, request), answers.host(request), budget.left)
        if pause is None:
            return
        until = self._transport.clock() + pause.seconds
        if budget.spend(pause.seconds, pause.why, quiet=pause.quiet):
            governor.waited(until)
        elif pause.must:
            raise PlatformError(
                f"{answers.what(request)}: {pause.why}, and of the {budget.max_wait:.0f} seconds that this run may wait "
                f"{budget.left:.0f} are left. Run again later, or allow a longer wait (scan --max-wait).",
                UnknownKind.LIMIT,
            )

    def close(self) -> None:
        """Nothing: an SDK that closes its session must not close everybody's connections."""

    def close_connections(self) -> None:
        """End the connections."""
        super().close()


def is_graphql(method: str, url: str) -> bool:
    """Whether a request of GitHub's is a query."""
    return method == "POST" and url.partition("?")[0].endswith("/graphql")


def _another(failure: PlatformError) -> Again:
    """An order to ask again at once, with another credential."""
    again = Again(failure, "another token is tried")
    again.wait, again.counts = 0.0, False
    return again


def _resource(platform: Platform, request: PreparedRequest) -> str:
    """Which allowance a request is taken from, by the platform's name of it."""
    if platform is not Platform.GITHUB:
        return _TSTU
    return "graphql" if is_graphql(request.method or "", request.url or "") else "core"


def _authorization(request: PreparedRequest) -> str:
    header = request.headers.get("Authorization", "")
    return header if isinstance(header, str) else header.decode("latin-1")
