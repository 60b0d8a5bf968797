"""The one HTTP path that both SDKs use: a ``requests`` adapter that counts, paces, retries, revalidates and explains.

PyGithub is given connection classes that use ``Transport.session``; msrest is given the adapter itself, because it ignores a
session that ``signed_session`` returns. Failures of the path leave it as ``PlatformError``, which neither SDK catches; an
answer that the server meant (404, 403 without a limit, 422) is handed on for the provider to understand.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from requests import PreparedRequest, Response, Session, codes
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.results import Spent
from bot.model.subjects import Platform
from bot.platforms import answers
from bot.platforms.adapter import REPEATABLE, TransportAdapter, is_graphql
from bot.platforms.answers import Again, Misshapen
from bot.platforms.credentials import Pool
from bot.platforms.kept import Blobs
from bot.platforms.pacing import WaitBudget
from bot.platforms.principals import Principals
from bot.platforms.redaction import redact
from bot.platforms.revalidation import Revalidation

if TYPE_CHECKING:
    from bot.platforms.cache import Cache

T = TypeVar("T")

__all__ = ["REPEATABLE", "Sent", "Spent", "Transport"]

_WORKERS = 12
_LANES = 2 * _WORKERS
"""As many as there are threads of both pools. GitHub allows a hundred at once, per its documentation."""
_PIECE = 65_536
_SPOILT = 2
"""How often an answer that is not understood is asked for again."""
_MOST_ATTEMPTS = 24
"""Of one request, however many of them were refused for a limit."""


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
            clock: tells how long something took.
        """
        self.budget = WaitBudget(max_wait, on_wait, sleep, clock)
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
        self._spent: dict[Platform, Counter[str]] = {}
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
                adapter = self._adapters[platform] = TransportAdapter(self, platform, self._rates[platform], _LANES)
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

    @property
    def apart(self) -> bool:
        """Whether this thread asks with one credential alone."""
        return getattr(self._chain, "apart", False)

    @contextmanager
    def one_credential(self) -> Iterator[None]:
        """What this thread asks within is asked with the credential that it names, though others could be used."""
        self._chain.apart = True
        try:
            yield
        finally:
            self._chain.apart = False

    def spread(self, platform: Platform, headers: Sequence[str], notice: Callable[[str], None]) -> None:
        """What is read of a platform with one of these credentials is read with any of them."""
        self.adapter(platform).spread(Pool(headers, notice))

    def blobs(self, host: str, principal: Callable[[], str]) -> Blobs:
        """Texts of files by their hash, of one host and for one principal."""
        return Blobs(self.cache, host, principal)

    def requests(self, platform: Platform) -> int:
        """How many requests were sent to the platform, repeated ones included."""
        return self._spent.get(platform, Counter())["requests"]

    def spent(self, platform: Platform) -> Spent:
        """What was sent to the platform, by kind."""
        with self._lock:
            return Spent(**dict(self._spent.get(platform, Counter())))

    def took(self, platform: Platform, credential: str, points: int) -> None:
        """A query of GraphQL took so many points."""
        with self._lock:
            self._spent.setdefault(platform, Counter())["points"] += points
        self.adapter(platform).governor(credential).cost("graphql", points)

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
            spent = self._spent.setdefault(sent.platform, Counter())
            spent["requests"] += 1
            spent["not_modified"] += sent.status == codes.not_modified
            spent["graphql"] += sent.platform is Platform.GITHUB and is_graphql(sent.method, sent.url)
            depths = self._depths if chain is None else chain
            depths[sent.platform] = depths.get(sent.platform, 0) + 1
        if self._on_request is not None:
            self._on_request(sent)

    def repeat(self, once: Callable[[], Response]) -> Response:
        """Send a request as often as that helps. ``once`` sends it one time, and raises ``Again`` where it may be repeated.

        What a limit refuses is asked for again as long as the budget lasts: it is no failure of the request.
        """
        failed = 0

        def enough(state: RetryCallState) -> bool:
            nonlocal failed
            failed += _again(state).counts
            return failed >= self._attempts or state.attempt_number >= _MOST_ATTEMPTS

        def before(state: RetryCallState) -> None:
            again = _again(state)
            seconds = again.wait if again.wait is not None else self._backoff * 2 ** max(0, failed - 1)
            if seconds > 0 and not self.budget.spend(seconds, again.why):
                raise again.beyond(self.budget.max_wait, seconds) from again
            again.after()

        # The budget waits, and says so: nothing is left to sleep.
        retrying = Retrying(
            stop=enough, retry=retry_if_exception_type(Again), before_sleep=before, sleep=lambda _seconds: None
        )
        try:
            return retrying(once)
        except RetryError as wrong:
            last = wrong.last_attempt.exception()
            assert isinstance(last, Again)  # nothing else is retried
            raise last.failure from last.__cause__

    def settled(self, ask: Callable[[], T]) -> T:
        """What is asked, once more where its answer was misshapen: what spoils one on its way need not spoil the next.

        A misshapen answer is not kept, though it carries an ETag.
        """
        for last in (False,) * _SPOILT + (True,):
            try:
                with self.revalidation.reading():
                    return ask()
            except Misshapen:
                if last:
                    raise
        raise AssertionError("the last attempt returns or raises")

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


def _keep_authorization(request: PreparedRequest) -> PreparedRequest:
    """With an authentication of its own a session does not replace the header by what ~/.netrc says."""
    return request


def _again(state: RetryCallState) -> Again:
    """What an attempt ended with."""
    again = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(again, Again)  # nothing else is retried
    return again
