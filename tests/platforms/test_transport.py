"""The one HTTP path, against a server that misbehaves on order."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import Platform
from bot.platforms import redaction
from bot.platforms.azure_devops.client import Client
from bot.platforms.azure_devops.endpoints import Host
from bot.platforms.cache import Cache
from bot.platforms.github.client import GitHubClient
from bot.platforms.transport import REPEATABLE, Sent, Transport

TOKEN = "ghp_" + "a1B2" * 9


@dataclass
class Answer:
    status: int = 200
    body: bytes = b'{"ok": true}'
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    reset: bool = False
    drip: float = 0.0
    """Seconds between two bytes of the body."""
    after: float = 0.0
    """Seconds before the answer begins."""


@dataclass
class Server:
    url: str
    answers: list[Answer]
    seen: list[tuple[str, str, dict[str, str]]]
    """Method, path, headers."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Gives the queued answers in turn, then a plain one for ever."""
    answers: list[Answer] = []
    seen: list[tuple[str, str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            answer = answers.pop(0) if answers else Answer()
            if answer.reset:
                self.close_connection = True
                self.connection.close()
                return
            if answer.headers.get("ETag") and self.headers.get("If-None-Match") == answer.headers["ETag"]:
                answer = Answer(304, b"", answer.headers)
            time.sleep(answer.after)
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) + answer.cut))
            self.end_headers()
            try:
                for at in range(len(answer.body) if answer.drip else 0):
                    self.wfile.write(answer.body[at : at + 1])
                    time.sleep(answer.drip)
                self.wfile.write(b"" if answer.drip else answer.body)
            except OSError:  # whoever asked has given up, as some tests want
                self.close_connection = True
            if answer.cut:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = respond  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield Server(f"http://127.0.0.1:{http.server_port}", answers, seen)
    http.shutdown()
    http.server_close()


@pytest.fixture
def waits() -> list[tuple[str, float]]:
    return []


@pytest.fixture
def make(waits: list[tuple[str, float]]) -> Iterator[Callable[..., Transport]]:
    made: list[Transport] = []

    def build(**options: object) -> Transport:
        options.setdefault("sleep", lambda seconds: None)
        transport = Transport(on_wait=lambda why, seconds: waits.append((why, seconds)), **options)  # type: ignore[arg-type]
        made.append(transport)
        return transport

    yield build
    for transport in made:
        transport.close()


def get(transport: Transport, url: str, **headers: str):
    return transport.session(Platform.GITHUB).get(url, headers={"Authorization": f"Bearer {TOKEN}", **headers})


def post(transport: Transport, url: str, **headers: str):
    return transport.session(Platform.GITHUB).post(url, json={"q": 1}, headers=headers)


def test_counts_by_platform_and_tells_the_ledger(server: Server, make: Callable[..., Transport]) -> None:
    ledger: list[Sent] = []
    transport = make(on_request=ledger.append)
    assert get(transport, f"{server.url}/a?access_token=s3cretvalue").json() == {"ok": True}
    assert transport.requests(Platform.GITHUB) == 1
    assert transport.requests(Platform.AZURE_DEVOPS) == 0
    assert (ledger[0].method, ledger[0].status) == ("GET", 200)
    assert "s3cretvalue" not in ledger[0].url


def test_a_get_is_repeated_after_server_errors(server: Server, make, waits) -> None:
    server.answers += [Answer(500), Answer(502)]
    transport = make()
    assert get(transport, f"{server.url}/a").status_code == 200
    assert transport.requests(Platform.GITHUB) == 3
    assert [seconds for _, seconds in waits] == [0.5, 1.0]


def test_server_errors_without_end_are_transient(server: Server, make) -> None:
    server.answers += [Answer(503, b"<html>", {"Content-Type": "text/html"})] * 9
    transport = make(attempts=3)
    with pytest.raises(PlatformError, match=r"GET .*/a: the server failed with 503") as raised:
        get(transport, f"{server.url}/a")
    assert raised.value.kind is UnknownKind.TRANSIENT
    assert transport.requests(Platform.GITHUB) == 3


def test_a_write_is_not_repeated_after_a_server_error(server: Server, make) -> None:
    server.answers += [Answer(500)]
    with pytest.raises(PlatformError):
        post(make(), f"{server.url}/a")
    assert len(server.seen) == 1


def test_a_write_is_repeated_after_a_limit(server: Server, make, waits) -> None:
    server.answers += [Answer(429, headers={"Retry-After": "3"})]
    assert post(make(), f"{server.url}/a").ok
    assert len(server.seen) == 2
    assert waits[0][1] == 3
    assert "limits the rate" in waits[0][0]


def test_a_marked_post_is_repeated_and_the_mark_never_leaves(server: Server, make) -> None:
    server.answers += [Answer(500)]
    assert post(make(), f"{server.url}/graphql", **{REPEATABLE: "yes"}).ok
    assert len(server.seen) == 2
    assert REPEATABLE.lower() not in server.seen[0][2]


def test_a_post_can_be_repeatable_by_its_path(server: Server, make) -> None:
    server.answers += [Answer(500)]
    transport = make()
    transport.adapter(Platform.GITHUB, ("/wit/wiql",))
    assert post(transport, f"{server.url}/wit/wiql?x=1").ok
    assert len(server.seen) == 2


def test_too_large_a_page_is_handed_back_to_be_halved(server: Server, make) -> None:
    server.answers += [Answer(502)]
    assert post(make(), f"{server.url}/graphql", **{REPEATABLE: "smaller"}).status_code == 502
    assert len(server.seen) == 1


def test_a_limit_beyond_the_bound_is_told_at_once(server: Server, make, waits) -> None:
    server.answers += [Answer(429, headers={"Retry-After": "600"})]
    with pytest.raises(PlatformError, match="wait 600 more seconds; this run may wait 60") as raised:
        get(make(), f"{server.url}/a")
    assert raised.value.kind is UnknownKind.LIMIT
    assert waits == []


def test_waits_add_up_over_the_run(server: Server, make) -> None:
    server.answers += [Answer(429, headers={"Retry-After": "40"}), Answer(), Answer(429, headers={"Retry-After": "40"})]
    clock = [0.0]
    transport = make(max_wait=60)
    transport.budget._sleep = lambda seconds: clock.append(seconds)
    get(transport, f"{server.url}/a")
    transport.budget._spent_until = 0.0  # the time has passed
    with pytest.raises(PlatformError) as raised:
        get(transport, f"{server.url}/a")
    assert raised.value.kind is UnknownKind.LIMIT


def test_a_secondary_limit_is_a_limit_and_a_refusal_is_not(server: Server, make, waits) -> None:
    server.answers += [Answer(403, b'{"message": "You have exceeded a secondary rate limit."}', {"Retry-After": "2"})]
    transport = make()
    assert get(transport, f"{server.url}/a").ok
    server.answers += [Answer(403, b'{"message": "Resource not accessible by integration"}')]
    assert get(transport, f"{server.url}/a").status_code == 403
    assert [seconds for _, seconds in waits] == [2]


def test_the_reset_of_the_rate_limit_is_waited_for(server: Server, make, waits) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 20)}
    server.answers += [Answer(403, b'{"message": "API rate limit exceeded for user"}', headers)]
    assert get(make(), f"{server.url}/a").ok
    assert 18 <= waits[0][1] <= 20


def test_graphql_says_its_limit_in_an_answer_that_is_fine(server: Server, make, waits) -> None:
    server.answers += [Answer(200, b'{"errors": [{"type": "RATE_LIMITED"}]}', {"Retry-After": "4"})]
    assert post(make(), f"{server.url}/graphql", **{REPEATABLE: "yes"}).json() == {"ok": True}
    assert waits[0][1] == 4


def test_retry_after_on_a_good_answer_slows_down(server: Server, make, waits) -> None:
    server.answers += [Answer(200, headers={"Retry-After": "5"})]
    transport = make()
    get(transport, f"{server.url}/a")
    assert waits == []
    get(transport, f"{server.url}/a")
    assert 4 < waits[0][1] <= 5
    assert "fewer requests" in waits[0][0]


def test_cut_answers_are_repeated(server: Server, make) -> None:
    server.answers += [Answer(body=b'{"a": [1, 2', cut=0), Answer(body=b'{"a": [1,', cut=20), Answer(reset=True)]
    transport = make()
    assert get(transport, f"{server.url}/a").json() == {"ok": True}
    assert transport.requests(Platform.GITHUB) == 4


def test_an_answer_that_stays_cut_is_transient(server: Server, make) -> None:
    server.answers += [Answer(body=b'{"a": [1, 2')] * 9
    with pytest.raises(PlatformError, match="cut off after 11 bytes") as raised:
        get(make(), f"{server.url}/a")
    assert raised.value.kind is UnknownKind.TRANSIENT


def test_a_sign_in_page_means_that_the_token_was_refused(server: Server, make) -> None:
    page = Answer(203, b"<html>Sign in</html>", {"Content-Type": "text/html; charset=utf-8"})
    server.answers += [page] * 4
    with pytest.raises(PlatformError, match="the token was refused or has expired") as raised:
        get(make(), f"{server.url}/a")
    assert raised.value.kind is UnknownKind.SCOPE


def test_one_page_among_answers_says_nothing_of_the_token(server: Server, make) -> None:
    page = Answer(200, b"<html>Be back soon</html>", {"Content-Type": "text/html; charset=utf-8"})
    server.answers += [page, Answer(200, b"{}", {"Content-Type": "application/json"})]
    assert get(make(), f"{server.url}/a").json() == {}


def test_a_refused_connection_names_the_address(make) -> None:
    transport = make(attempts=2)
    with pytest.raises(
        PlatformError, match=r"POST http://127.0.0.1:1/a: the connection was refused. Check GITHUB_API_URL"
    ):
        post(transport, "http://127.0.0.1:1/a")
    assert transport.requests(Platform.GITHUB) == 2


def test_an_unknown_name_is_said_so(make) -> None:
    with pytest.raises(PlatformError, match=r"the name nowhere.invalid is not known") as raised:
        get(make(attempts=1), "http://nowhere.invalid/a")
    assert raised.value.kind is UnknownKind.TRANSIENT


def test_tls_trouble_names_the_bundle(server: Server, make) -> None:
    with pytest.raises(PlatformError, match="REQUESTS_CA_BUNDLE"):
        get(make(), server.url.replace("http:", "https:"))


def test_a_proxy_that_is_not_there_is_named(server: Server, make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:secretpassword@127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(PlatformError, match="HTTPS_PROXY") as raised:
        get(make(attempts=1), "http://example.invalid/")
    assert "secretpassword" not in str(raised.value)


def test_a_known_answer_is_confirmed_by_its_etag(server: Server, make) -> None:
    etag = Answer(body=b'{"n": 1}', headers={"ETag": '"1"'})
    server.answers += [etag, etag, Answer(body=b'{"n": 2}', headers={"ETag": '"2"'})]
    transport = make()
    assert [get(transport, f"{server.url}/a").json()["n"] for _ in range(3)] == [1, 1, 2]
    assert transport.revalidation.confirmed == 1
    assert "if-none-match" not in server.seen[0][2]


def test_one_principal_never_reads_anothers_answer(server: Server, make) -> None:
    transport = make()
    server.answers += [Answer(headers={"ETag": '"1"'})] * 2
    get(transport, f"{server.url}/a")
    get(transport, f"{server.url}/a", Authorization="Bearer another")
    assert "if-none-match" not in server.seen[1][2]


def test_round_trips_are_the_longest_chain(server: Server, make) -> None:
    transport = make()

    def chain(length: int) -> int:
        for _ in range(length):
            get(transport, f"{server.url}/a")
        return length

    get(transport, f"{server.url}/a")
    assert transport.gather([lambda: chain(1), lambda: chain(3), lambda: chain(2)]) == [1, 3, 2]
    assert transport.requests(Platform.GITHUB) == 7
    assert transport.round_trips(Platform.GITHUB) == 4


def test_a_task_may_gather_once_more(server: Server, make) -> None:
    transport = make()

    def one() -> int:
        return get(transport, f"{server.url}/a").status_code

    def inner() -> int:
        return len(transport.gather([one] * 5)) + one() - 200

    assert transport.gather([inner] * 30) == [5] * 30
    assert transport.requests(Platform.GITHUB) == 180
    assert transport.round_trips(Platform.GITHUB) == 2


def test_gather_raises_what_a_task_raised_after_all_have_ended(make) -> None:
    transport = make()
    done: list[int] = []

    def fail() -> None:
        raise PlatformError("no")

    with pytest.raises(PlatformError, match="no"):
        transport.gather([fail, lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]


def test_pacing_spreads_requests(server: Server, make) -> None:
    slept: list[float] = []
    transport = make(rates={Platform.GITHUB: (10.0, 2)}, sleep=slept.append)
    for _ in range(4):
        get(transport, f"{server.url}/a")
    assert len(slept) == 2
    assert all(0 < seconds <= 0.2 for seconds in slept)


@pytest.mark.parametrize(
    "secret",
    [
        "ghp_" + "x" * 36,
        "ghs_" + "Y" * 36,
        "github_pat_" + "z9_" * 20,
        "abcdefghij234567" * 3 + "abcd",
        "A" * 76 + "AZDO" + "b2C3",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjMifQ.c2lnbmF0dXJl",
    ],
)
def test_what_has_the_shape_of_a_token_is_hidden(secret: str) -> None:
    assert secret not in redaction.redact(f"it was {secret}, alas")
    assert redaction.redact(f"it was {secret}, alas").endswith(", alas")


def test_registered_secrets_are_hidden_in_every_form() -> None:
    import base64

    redaction.register("Tr0ub4dor&3")
    encoded = base64.b64encode(b":Tr0ub4dor&3").decode()
    for text in ("Tr0ub4dor&3", "Tr0ub4dor%263", encoded):
        assert text not in redaction.redact(f"x {text} y")


def test_words_are_not_hidden() -> None:
    text = "The bearer token was refused; basic authentication is off. Commit " + "0123456789abcdef" * 2 + "01234567"
    assert redaction.redact(text) == text


def test_authorization_headers_are_hidden() -> None:
    shown = redaction.redact(json.dumps({"Authorization": "token abc123def", "a": 1}))
    assert "abc123def" not in shown
    assert "Bearer abcdef" not in redaction.redact("sent Bearer abcdefghijklmnopqrstuv")


def test_an_answer_that_drips_is_given_up(server: Server, make) -> None:
    server.answers += [Answer(body=b'{"a": "' + b"x" * 200 + b'"}', drip=0.05)]
    transport = make(answer_within=0.3)
    began = time.monotonic()
    with pytest.raises(PlatformError, match=r"GET .*/a: the answer had not ended after") as raised:
        get(transport, f"{server.url}/a")
    assert time.monotonic() - began < 2
    assert raised.value.kind is UnknownKind.TRANSIENT
    assert get(transport, f"{server.url}/b").json() == {"ok": True}


def test_an_answer_that_is_too_large_is_given_up(server: Server, make) -> None:
    server.answers += [Answer(body=b'"' + b"x" * 300_000 + b'"')]
    transport = make(largest=200_000)
    with pytest.raises(PlatformError, match="larger than 200000 bytes") as raised:
        get(transport, f"{server.url}/a")
    assert raised.value.kind is UnknownKind.TRUNCATED
    assert get(transport, f"{server.url}/b").json() == {"ok": True}


def test_waiting_in_vain_for_an_answer_is_waiting(server: Server, make, waits) -> None:
    server.answers += [Answer(after=0.5), Answer()]
    transport = make(timeout=(1.0, 0.2), max_wait=10)
    assert get(transport, f"{server.url}/a").ok
    assert 0.2 <= transport.budget.spent - 0.5 < 1
    assert waits[0][0].endswith("did not answer in time")


def test_a_host_that_is_down_is_not_asked_for_ever(make) -> None:
    transport = make(attempts=1)
    for _ in range(12):
        with pytest.raises(PlatformError, match="refused"):
            get(transport, "http://127.0.0.1:1/a")
    with pytest.raises(PlatformError, match=r"not asked, for 127.0.0.1:1 gave no answer 12 times") as raised:
        get(transport, "http://127.0.0.1:1/a")
    assert raised.value.kind is UnknownKind.TRANSIENT
    assert transport.requests(Platform.GITHUB) == 12


def test_what_happened_is_what_is_said(server: Server, make, waits) -> None:
    server.answers += [Answer(body=b'{"a": [1,', cut=20), Answer(reset=True)]
    assert get(make(), f"{server.url}/a").ok
    assert [why.partition(" ")[2] for why, _ in waits] == ["sent an answer that was cut off", "closed the connection"]


def test_an_answer_that_is_being_worked_out_is_asked_for_again(server: Server, make, waits) -> None:
    server.answers += [Answer(202), Answer(202)]
    assert get(make(), f"{server.url}/a").status_code == 200
    assert [seconds for _, seconds in waits] == [0.5, 1.0]


def test_a_confirmed_answer_outlives_its_eviction(server: Server, make) -> None:
    server.answers += [Answer(body=b'{"n": 1}', headers={"ETag": '"1"'})] * 2
    transport = make()
    get(transport, f"{server.url}/a")
    prepare = transport.revalidation.prepare

    def evict(request):
        known = prepare(request)
        transport.revalidation._kept.clear()
        return known

    transport.revalidation.prepare = evict
    assert get(transport, f"{server.url}/a").json() == {"n": 1}


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], Cache]:
    return lambda: Cache(tmp_path / "kept")


def test_a_renewed_token_has_the_old_ones_answers_confirmed(server: Server, make, kept) -> None:
    etag = Answer(body=b'{"n": 1}', headers={"ETag": '"1"', "Link": '<x>; rel="next"', "Set-Cookie": "a=b"})
    server.answers += [etag, etag]
    for credential in ("Bearer first", "Bearer second"):
        transport = make(cache=kept())
        transport.principals.learn(credential, "app 77 installation 5")
        answer = get(transport, f"{server.url}/a", Authorization=credential)
        assert answer.json() == {"n": 1}
        assert "rel=" in answer.headers["Link"]
        assert transport.revalidation.confirmed == (credential == "Bearer second")
        transport.close()
    assert server.seen[1][2]["if-none-match"] == '"1"'


@pytest.mark.parametrize("status", [401, 403, 404, 451])
def test_a_refusal_wins_over_what_was_kept(server: Server, make, kept, status: int) -> None:
    server.answers += [Answer(headers={"ETag": '"1"'}), Answer(status, b'{"message": "Not Found"}')]
    for expected in (200, status):
        transport = make(cache=kept())
        transport.principals.learn(TOKEN, "user 1")
        assert get(transport, f"{server.url}/a").status_code == expected
        transport.close()


def test_what_is_kept_is_another_hosts_or_persons_or_forms_own(server: Server, make, kept) -> None:
    server.answers += [Answer(headers={"ETag": '"1"'})] * 4
    asked = [("user 1", "/a", "a/b"), ("user 2", "/a", "a/b"), ("user 1", "/b", "a/b"), ("user 1", "/a", "c/d")]
    for principal, path, accept in asked:
        transport = make(cache=kept())
        transport.principals.learn(TOKEN, principal)
        get(transport, server.url + path, Accept=accept)
        transport.close()
    assert not any("if-none-match" in headers for _, _, headers in server.seen)


def test_an_unknown_persons_answers_are_found_by_the_same_token_alone(server: Server, make, kept) -> None:
    server.answers += [Answer(headers={"ETag": '"1"'})] * 3
    for credential in ("Bearer one", "Bearer one", "Bearer two"):
        transport = make(cache=kept())
        get(transport, f"{server.url}/a", Authorization=credential)
        transport.close()
    assert ["if-none-match" in headers for _, _, headers in server.seen] == [False, True, False]


def test_what_must_not_be_stored_is_not(server: Server, make, kept) -> None:
    server.answers += [Answer(headers={"ETag": '"1"', "Cache-Control": "no-store"})] * 2
    for _ in range(2):
        transport = make(cache=kept())
        get(transport, f"{server.url}/a")
        transport.close()
    assert "if-none-match" not in server.seen[1][2]


def test_threads_that_wait_for_the_same_say_so_once(make, waits) -> None:
    clock = [0.0]
    budget = make(clock=lambda: clock[0]).budget
    assert all(budget.spend(seconds, "busy") for seconds in (5.0, 5.0, 4.9, 5.5))
    assert waits == [("busy", 5.0)]
    clock[0] = 5.5
    assert budget.spend(5.0, "busy")
    assert len(waits) == 2


@pytest.mark.parametrize("body", [b"[]", b"{oops}"], ids=["another form", "no JSON"])
def test_a_misshapen_answer_with_an_etag_is_not_confirmed_for_ever(server: Server, make, kept, body: bytes) -> None:
    spoilt = Answer(body=body, headers={"ETag": '"1"'})
    for answers, expected in (([spoilt] * 3, None), ([Answer(body=b'{"n": 1}', headers={"ETag": '"1"'})], {"n": 1})):
        server.answers[:] = answers
        transport = make(cache=kept())
        transport.principals.learn(TOKEN, "user 1")
        client = GitHubClient(TOKEN, server.url, transport=transport)
        if expected is None:
            with pytest.raises(PlatformError, match=r"unexpected form|not JSON"):
                client.rest("GET", "/a")
        else:
            assert client.rest("GET", "/a")["n"] == expected["n"]
        transport.close()
    assert not any("if-none-match" in headers for _, _, headers in server.seen)
    assert len(server.seen) == 4


def test_a_misshapen_answer_of_azure_devops_is_not_kept(server: Server, make, kept) -> None:
    server.answers += [
        Answer(body=body, headers={"ETag": '"1"'}) for body in (b"[]", b'{"value": 0}', b'{"value": [1]}')
    ]
    transport = make(cache=kept())
    client = Client(TOKEN, f"{server.url}/acme", transport=transport)
    assert client.list_address(Host.CORE, "a", {}, "7.1", "s") == [1]
    assert not any("if-none-match" in headers for _, _, headers in server.seen)
