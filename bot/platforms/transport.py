"""The one HTTP path that both SDKs use: a ``requests`` adapter that counts, paces, retries, revalidates and explains.

PyGithub is given connection classes that use ``Transport.session``; msrest is given the adapter itself, because it ignores a
session that ``signed_session`` returns. Failures of the path leave it as ``PlatformError``, which neither SDK catches; an
answer that the server meant (404, 403 without a limit, 422) is handed on for the provider to understand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from requests import PreparedRequest, RequestException, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout, Timeout
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, stop_after_attempt
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import Platform
from bot.platforms import answers
from bot.platforms.answers import Again
from bot.platforms.kept import Blobs
from bot.platforms.pacing import Limiter, WaitBudget
from bot.platforms.principals import Principals
from bot.platforms.redaction import redact
from bot.platforms.revalidation import Revalidation

if TYPE_CHECKING:
    from bot.platforms.cache import Cache

T = TypeVar("T")

REPEATABLE = "X-Almguard-Repeatable"
"""A header that never leaves: the caller's word that a POST changes nothing. ``yes``; or ``smaller``, where a 502 or 504
means that too much was asked for, so that asking the same again is in vain and the caller will ask for less."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_TOO_MUCH = frozenset({502, 504})
_WORKERS = 12
_PIECE = 65_536
_IN_A_ROW = 12
"""So many failures of a host, with no answer between them, and nothing more is asked of it for a while."""
_A_WHILE = 30.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that was sent: what the ledger hook is told. It holds no token."""

    platform: Platform
    method: str
    url: str
    status: int
    """0: there was no answer."""
    seconds: float


def _unseen(_message: str, _seconds: float) -> None:
    """A wait that nobody watches."""


class Transport:
    """Sends every request of a run. Safe between threads; closed once, by whoever made it."""

    def __init__(
        self,
        *,
        max_wait: float = 60.0,
        timeout: tuple[float, float] = (10.0, 60.0),
        answer_within: float = 180.0,
        largest: int = 128 * 1024 * 1024,
        attempts: int = 4,
        backoff: float = 0.5,
        rates: Mapping[Platform, tuple[float, int]] | None = None,
        on_wait: Callable[[str, float], None] = _unseen,
        on_request: Callable[[Sent], None] | None = None,
        cache: Cache | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a transport.

        Args:
            max_wait: how many seconds may be waited in all because a server said so, or failed.
            timeout: seconds to connect, and between two pieces of an answer.
            answer_within: seconds that one answer may take from its request to its end.
            largest: bytes that one answer may have.
            attempts: how often one request is sent at most.
            backoff: seconds before the second attempt after a failure; doubled for each further one.
            rates: requests a second, and how many may burst, for each platform.
            on_wait: told why, and for how many seconds, before each wait.
            on_request: the ledger hook: told of each request after its answer.
            cache: what is kept between runs; closed with the transport. None: nothing.
            sleep: waits.
            clock: tells those who use the transport how long something took.
        """
        self.budget = WaitBudget(max_wait, on_wait, sleep)
        self.cache = cache
        self.principals = Principals(cache.key if cache is not None else None)
        self.revalidation = Revalidation(self.principals, cache)
        self._timeout = timeout
        self._answer_within = answer_within
        self._largest = largest
        self._attempts = attempts
        self._backoff = backoff
        # GitHub: 900 points a minute, 100 at once, or a secondary limit follows. Azure DevOps tells by Retry-After.
        known = {Platform.GITHUB: (15.0, 90), Platform.AZURE_DEVOPS: (40.0, 120), Platform.JIRA: (10.0, 60)}
        self._rates = known | dict(rates or {})
        self._on_request = on_request
        self.sleep = sleep
        self.clock = clock
        self._lock = threading.Lock()
        self._counts: dict[Platform, int] = {}
        self._depths: dict[Platform, int] = {}
        self._adapters: dict[Platform, TransportAdapter] = {}
        self._sessions: dict[Platform, Session] = {}
        self._pools: list[ThreadPoolExecutor | None] = [None, None]
        self._chain = threading.local()

    def adapter(self, platform: Platform, repeatable_posts: Sequence[str] = ()) -> TransportAdapter:
        """The platform's adapter, to mount on an SDK's own session. POSTs whose path ends so are reads."""
        with self._lock:
            adapter = self._adapters.get(platform)
            if adapter is None:
                adapter = self._adapters[platform] = TransportAdapter(self, platform, Limiter(*self._rates[platform]))
            adapter.repeatable_posts = frozenset(adapter.repeatable_posts | set(repeatable_posts))
            return adapter

    def session(self, platform: Platform) -> Session:
        """The platform's shared session, with the adapter mounted. It reads proxies and certificates from the environment."""
        adapter = self.adapter(platform)
        with self._lock:
            session = self._sessions.get(platform)
            if session is None:
                session = self._sessions[platform] = Session()
                session.auth = _keep_authorization
                session.mount("https://", adapter)
                session.mount("http://", adapter)
            return session

    def blobs(self, host: str, principal: Callable[[], str]) -> Blobs:
        """Texts of files by their hash, of one host and for one principal."""
        return Blobs(self.cache, host, principal)

    def requests(self, platform: Platform) -> int:
        """How many requests were sent to the platform, repeated ones included."""
        return self._counts.get(platform, 0)

    def round_trips(self, platform: Platform) -> int:
        """The longest chain of requests that waited for one another; of what ``gather`` runs at once, the longest counts."""
        return self._depths.get(platform, 0)

    def gather(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run tasks at once and give their results in order; the first exception of any is raised after all have ended.

        A task may gather once more; what that runs gathers in turn, one after the other, so that no pool waits for itself.
        """
        level = getattr(self._chain, "level", 0)
        if len(tasks) <= 1 or level >= len(self._pools):
            return [task() for task in tasks]
        with self._lock:
            pool = self._pools[level]
            if pool is None:
                pool = self._pools[level] = ThreadPoolExecutor(_WORKERS, thread_name_prefix="almguard")
        futures = [pool.submit(self._task, task, level + 1) for task in tasks]
        results: list[T] = []
        failed: BaseException | None = None
        longest: dict[Platform, int] = {}
        for future in futures:
            result, chain, wrong = future.result()
            failed = failed or wrong
            results.extend(result)
            for platform, depth in chain.items():
                longest[platform] = max(longest.get(platform, 0), depth)
        with self._lock:
            depths = self._chain_of_task()
            depths = self._depths if depths is None else depths
            for platform, depth in longest.items():
                depths[platform] = depths.get(platform, 0) + depth
        if failed is not None:
            raise failed
        return results

    def redact(self, text: str) -> str:
        """The text without secrets."""
        return redact(text)

    def close(self) -> None:
        """End connections and threads."""
        with self._lock:
            pools, self._pools = self._pools, [None, None]
        for pool in pools:
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        for adapter in self._adapters.values():
            adapter.close_connections()
        if self.cache is not None:
            self.cache.close()

    def _task(self, task: Callable[[], T], level: int) -> tuple[list[T], dict[Platform, int], BaseException | None]:
        self._chain.depths = {}
        self._chain.level = level
        try:
            return [task()], self._chain.depths, None
        except Exception as wrong:  # raised again by gather, once every task has ended
            return [], self._chain.depths, wrong
        finally:
            self._chain.depths = None

    def _chain_of_task(self) -> dict[Platform, int] | None:
        depths: dict[Platform, int] | None = getattr(self._chain, "depths", None)
        return depths

    def sent(self, sent: Sent) -> None:
        """Count a request."""
        chain = self._chain_of_task()
        with self._lock:
            self._counts[sent.platform] = self._counts.get(sent.platform, 0) + 1
            depths = self._depths if chain is None else chain
            depths[sent.platform] = depths.get(sent.platform, 0) + 1
        if self._on_request is not None:
            self._on_request(sent)

    def repeat(self, once: Callable[[], Response]) -> Response:
        """Send a request as often as that helps. ``once`` sends it one time, and raises ``Again`` where it may be repeated."""

        def before(state: RetryCallState) -> None:
            again = state.outcome.exception() if state.outcome is not None else None
            if not isinstance(again, Again):
                return
            seconds = again.wait if again.wait is not None else self._backoff * 2 ** (state.attempt_number - 1)
            if not self.budget.spend(seconds, again.why):
                raise again.beyond(self.budget.max_wait, seconds) from again

        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            retry=retry_if_exception_type(Again),
            before_sleep=before,
            sleep=lambda _seconds: None,
        )
        try:
            return retrying(once)
        except RetryError as wrong:
            last = wrong.last_attempt.exception()
            if isinstance(last, Again):
                raise last.failure from last.__cause__
            raise

    def count_and_send(self, platform: Platform, request: PreparedRequest, send: Callable[[], Response]) -> Response:
        """Send once, read the whole answer, and count it."""
        began = time.monotonic()
        status = 0
        try:
            response = send()
            status = response.status_code
            self._read(request, response, began)  # here, where an answer that is cut off can still be repeated
            return response
        finally:
            url = redact(request.url or "")
            self.sent(Sent(platform, request.method or "", url, status, time.monotonic() - began))

    def _read(self, request: PreparedRequest, response: Response, began: float) -> None:
        """The whole body, piece by piece as it comes: a server that drips bytes would never meet a timeout."""
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := response.raw.read1(_PIECE, decode_content=True):
                pieces.append(piece)
                size += len(piece)
                failure: tuple[str, UnknownKind] | None = None
                if time.monotonic() - began > self._answer_within:
                    failure = f"had not ended after {self._answer_within:.0f} seconds", UnknownKind.TRANSIENT
                elif size > self._largest:
                    failure = f"is larger than {self._largest} bytes", UnknownKind.TRUNCATED
                if failure is not None:
                    response.raw.close()  # the rest must not be read as the next answer's beginning
                    raise PlatformError(
                        f"{answers.what(request)}: the answer {failure[0]} and was given up. Check the server and any proxy.",
                        failure[1],
                    )
        except ReadTimeoutError as wrong:
            raise ReadTimeout(wrong, request=request) from wrong
        except DecodeError as wrong:
            raise ContentDecodingError(wrong, request=request) from wrong
        except (HTTPError, OSError) as wrong:
            raise ChunkedEncodingError(wrong, request=request) from wrong
        finally:
            response._content = b"".join(pieces)
            response._content_consumed = True  # type: ignore[attr-defined]
            response.close()

    @property
    def timeout(self) -> tuple[float, float]:
        """Seconds to connect, and between two pieces of an answer."""
        return self._timeout


class TransportAdapter(HTTPAdapter):
    """Mounted on a session: what really sends."""

    repeatable_posts: frozenset[str] = frozenset()

    def __init__(self, transport: Transport, platform: Platform, limiter: Limiter) -> None:
        super().__init__(pool_connections=8, pool_maxsize=_WORKERS + 4, max_retries=0)
        self._transport = transport
        self._platform = platform
        self._limiter = limiter
        self._failures: dict[str, tuple[int, float]] = {}
        """By host: how many in a row, and when the last was."""

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
        known = self._transport.revalidation.prepare(request)
        plain = super().send

        def send() -> Response:
            return plain(request, stream, self._transport.timeout, verify, cert, proxies)

        def once() -> Response:
            self._spare(request)
            self._pace(request)
            began = time.monotonic()
            try:
                response = self._transport.count_and_send(self._platform, request, send)
            except RequestException as wrong:
                if isinstance(wrong, Timeout):
                    self._transport.budget.charge(time.monotonic() - began)
                count, _ = self._failures.get(answers.host(request), (0, 0.0))
                self._failures[answers.host(request)] = count + 1, time.monotonic()
                answers.explain(self._platform, request, wrong, repeatable)
            self._failures.pop(answers.host(request), None)
            self._recognise(request, response)
            halve = mark == "smaller" and response.status_code in _TOO_MUCH
            if not halve:
                answers.judge(self._platform, request, response, repeatable)
            if (slow := answers.slow_down(response)) is not None:
                self._limiter.hold(slow)
            return response

        response = self._transport.repeat(once)
        return self._transport.revalidation.settle(request, response, known)

    def _recognise(self, request: PreparedRequest, response: Response) -> None:
        """Azure DevOps tells with every answer whose token it was: ``<id>:<address>``. Only the id is taken."""
        identity = response.headers.get("X-VSS-UserData", "").partition(":")[0]
        authorization = request.headers.get("Authorization", "")
        if self._platform is not Platform.AZURE_DEVOPS or not identity or not isinstance(authorization, str):
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

    def _pace(self, request: PreparedRequest) -> None:
        """Wait for a turn. A steady pace costs no budget; a server's word to slow down does."""
        self._limiter.turn(self._transport.sleep)
        held = self._limiter.held()
        if held <= 0:
            return
        why = f"{answers.host(request)} asks for fewer requests"
        if not self._transport.budget.spend(held, why):
            raise PlatformError(
                f"{answers.what(request)}: {why}, and all {self._transport.budget.max_wait:.0f} seconds that may be waited "
                "are spent. Run again later, or allow a longer wait.",
                UnknownKind.LIMIT,
            )

    def close(self) -> None:
        """Nothing: an SDK that closes its session must not close everybody's connections."""

    def close_connections(self) -> None:
        """End the connections."""
        super().close()


def _keep_authorization(request: PreparedRequest) -> PreparedRequest:
    """With an authentication of its own a session does not replace the header by what ~/.netrc says."""
    return request
