"""Jira's issues, read over HTTP from both editions."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.engine.ports import PlatformError
from bot.model.facts import Unavailable, UnknownKind
from bot.model.subjects import Platform, WorkItem
from bot.platforms.jira.client import JiraClient
from bot.platforms.jira.issues import JiraIssues
from bot.platforms.jira.readings import REQUESTS
from bot.platforms.redaction import redact
from bot.platforms.transport import Transport
from bot.sandbox.faults import Fault
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox

NOW = "2026-11-02T09:00:00Z"
EMAIL = "bot@acme.example"
PROJECTS: list[dict[str, Any]] = [
    {
        "key": "PAY",
        "issues": [
            {"number": 12, "summary": "Limit the amount", "type": "Story", "created_at": "-3d"},
            {"number": 13, "status": "Done", "category": "done", "resolved_at": "-2d"},
            {"number": 14, "status": "Done", "category": "done"},
            {"number": 15, "moved_from": ["OLD-5"], "type": "Bug", "status": "Backlog", "category": "new"},
            {"number": 16, "hidden": True},
        ],
    },
    {"key": "SEC", "issues": [{"number": 1}]},
]


class House:
    """A Jira of one edition, and readers of it."""

    def __init__(self, sandbox: Sandbox, edition: str) -> None:
        self.sandbox = sandbox
        self.cloud = edition == "cloud"
        self.waits: list[str] = []
        self.transport = Transport(backoff=0.001, sleep=lambda _: None, on_wait=lambda why, _: self.waits.append(why))

    def issues(self, token: str = "reading-token-1", url: str = "", email: str = EMAIL) -> JiraIssues:
        at = url or self.sandbox.jira
        return JiraIssues(JiraClient(at, token=token, email=email if self.cloud else None, transport=self.transport))

    def asked(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.sandbox.application.ledger.entries]

    def fault(self, **fault: Any) -> None:
        self.sandbox.application.faults.add(Fault.model_validate(fault))


@pytest.fixture
def build() -> Iterator[Callable[[str], House]]:
    with ExitStack() as opened:

        def start(edition: str) -> House:
            scenario: dict[str, Any] = {
                "now": NOW,
                "jira": {
                    "edition": edition,
                    "projects": PROJECTS,
                    "tokens": {
                        "reading-token-1": {"email": EMAIL, "projects": ["PAY"]},
                        "expired-token-1": {"email": EMAIL, "expired": True},
                    },
                },
            }
            house = House(opened.enter_context(Sandbox(Scenario.model_validate(scenario))), edition)
            opened.callback(house.transport.close)
            return house

        yield start


@pytest.fixture(params=["cloud", "data-center"])
def house(request: pytest.FixtureRequest, build: Callable[[str], House]) -> House:
    return build(request.param)


def test_all_of_an_issue_in_one_request(house: House) -> None:
    found = house.issues().read(["PAY-12", "PAY-13", "PAY-12"])
    one = found["PAY-12"]
    assert isinstance(one, WorkItem)
    assert (one.name, one.number, one.title, one.type, one.state, one.scope, one.platform) == (
        "PAY-12", "PAY-12", "Limit the amount", "Story", "In Progress", "PAY", Platform.JIRA,
    )  # fmt: skip
    assert one.url == f"{house.sandbox.jira}/browse/PAY-12"
    assert one.created_at == datetime(2026, 10, 30, 9, tzinfo=UTC)
    assert (one.is_closed, one.closed_at, one.linked_pull_requests, one.is_pull_request) == (False, None, None, False)
    done = found["PAY-13"]
    assert isinstance(done, WorkItem)
    assert (done.is_closed, done.closed_at) == (True, datetime(2026, 10, 31, 9, tzinfo=UTC))
    assert house.asked() == ["POST /jira/rest/api/" + ("3/issue/bulkfetch" if house.cloud else "2/search")]


def test_one_that_is_done_without_a_resolution(house: House) -> None:
    """Cloud alone tells since when it has been done."""
    done = house.issues().read(["PAY-14"])["PAY-14"]
    assert isinstance(done, WorkItem)
    assert (done.is_closed, done.closed_at) == (True, datetime(2026, 11, 1, 9, tzinfo=UTC) if house.cloud else None)


def test_a_moved_issue_is_found_by_its_old_key(house: House) -> None:
    found = house.issues().read(["OLD-5", "PAY-12"])
    moved, other = found["OLD-5"], found["PAY-12"]
    assert isinstance(moved, WorkItem)
    assert (moved.name, moved.scope, moved.type, moved.state) == ("PAY-15", "PAY", "Bug", "Backlog")
    assert isinstance(other, WorkItem)
    assert other.name == "PAY-12"


def test_missing_is_told_only_where_the_project_is_browsed(house: House) -> None:
    found = house.issues().read(["PAY-99", "PAY-12", "SEC-1", "NONE-1"])
    assert found["PAY-99"] is None
    assert isinstance(found["PAY-12"], WorkItem)
    for key in ("SEC-1", "NONE-1"):
        unread = found[key]
        assert isinstance(unread, Unavailable)
        assert unread.kind is UnknownKind.SCOPE
        assert "Browse projects" in unread.reason
        assert key.partition("-")[0] in unread.reason


@pytest.mark.parametrize("token", ["expired-token-1", "nobodys-token-1"])
def test_a_refused_token(house: House, token: str) -> None:
    for unread in house.issues(token).read(["PAY-12", "PAY-13"]).values():
        assert isinstance(unread, Unavailable)
        assert unread.kind is UnknownKind.SCOPE
        assert "was refused or has expired" in unread.reason
        assert "JIRA_" in unread.reason
        assert token not in unread.reason


def test_a_token_of_another_account(build: Callable[[str], House]) -> None:
    unread = build("cloud").issues(email="other@acme.example").read(["PAY-12"])["PAY-12"]
    assert isinstance(unread, Unavailable)


def test_the_other_edition_is_said(build: Callable[[str], House]) -> None:
    cloud, server = build("cloud"), build("data-center")
    cloud.cloud = False
    server.cloud = True
    for house in (cloud, server):
        unread = house.issues().read(["PAY-12"])["PAY-12"]
        assert isinstance(unread, Unavailable)
        assert "JIRA_" in unread.reason


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ({"kind": "status", "status": 403, "body": '{"errorMessages": ["No."]}'}, UnknownKind.SCOPE, "refuses this account"),
        ({"kind": "status", "status": 404}, UnknownKind.SCOPE, "no Jira at JIRA_URL"),
        ({"kind": "status", "status": 410}, UnknownKind.UNREADABLE, "answered 410"),
        ({"kind": "status", "status": 400}, UnknownKind.UNREADABLE, "answered 400"),
        ({"kind": "status", "status": 503, "times": None}, UnknownKind.TRANSIENT, "failed with 503"),
        ({"kind": "rate_limit", "times": None}, UnknownKind.LIMIT, "too much"),
        ({"kind": "html", "status": 200, "times": None}, UnknownKind.SCOPE, "sign-in page"),
        ({"kind": "status", "status": 200, "body": '{"issues": {}}'}, UnknownKind.UNREADABLE, "a list of issues"),
        ({"kind": "status", "status": 200, "body": "[]"}, UnknownKind.UNREADABLE, "a list of issues"),
        ({"kind": "status", "status": 200, "body": "words"}, UnknownKind.UNREADABLE, "not JSON"),
        ({"kind": "status", "status": 200, "body": '{"issues": [{"key": "PAY-12"}]}'}, UnknownKind.UNREADABLE, "PAY-12"),
        (
            {"kind": "status", "status": 200, "body": '{"issues": [{"key": "PAY-12", "id": "1", "fields": {"status": null}}]}'},
            UnknownKind.UNREADABLE,
            "could not be understood",
        ),
    ],
)  # fmt: skip
def test_trouble_is_unknown(house: House, fault: dict[str, Any], kind: UnknownKind, words: str) -> None:
    house.fault(match="POST", **fault)
    unread = house.issues().read(["PAY-12"])["PAY-12"]
    assert isinstance(unread, Unavailable)
    assert (unread.kind, words in unread.reason) == (kind, True), unread.reason


def test_trouble_that_passes_is_nothing(house: House) -> None:
    house.fault(match="POST", kind="status", status=503)
    house.fault(match="POST", kind="reset")
    assert isinstance(house.issues().read(["PAY-12"])["PAY-12"], WorkItem)


@pytest.mark.parametrize("match", ["GET .*/issue/", "GET .*/mypermissions"])
def test_trouble_about_one_that_was_left_out_is_unknown(house: House, match: str) -> None:
    house.fault(match=match, kind="status", status=403)
    unread = house.issues().read(["PAY-99"])["PAY-99"]
    assert isinstance(unread, Unavailable)
    assert unread.kind is UnknownKind.SCOPE


def test_what_the_account_may_do_is_not_guessed(house: House) -> None:
    house.fault(match="mypermissions", kind="status", status=200, body="{}")
    unread = house.issues().read(["PAY-99"])["PAY-99"]
    assert isinstance(unread, Unavailable)
    assert unread.kind is UnknownKind.UNREADABLE


def test_a_failed_sign_in_that_is_answered_all_the_same(build: Callable[[str], House]) -> None:
    """Cloud answers some requests of a refused token as it answers strangers, and says so in a header alone."""
    house = build("cloud")
    issues = house.issues()
    answered = house.transport.session(Platform.JIRA)
    answered.hooks["response"] = [
        lambda response, **_: response.headers.update({"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})
    ]
    unread = issues.read(["PAY-99"])["PAY-99"]
    assert isinstance(unread, Unavailable)
    assert "was refused" in unread.reason


def test_many_keys_are_asked_for_in_parts(house: House) -> None:
    found = house.issues().read([*(f"PAY-{at}" for at in range(100, 220)), "PAY-12"])
    assert isinstance(found["PAY-12"], WorkItem)
    assert sum(one is None for one in found.values()) == 120
    assert sum(one.startswith("POST") for one in house.asked()) == 2
    assert sum("mypermissions" in one for one in house.asked()) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://jira.acme.example", "unencrypted"),
        ("https://bo:secret1@jira.acme.example", "before the @"),
        ("jira.acme.example", "no address of a Jira"),
        ("https://", "no address of a Jira"),
        ("https://[", "no address of a Jira"),
        ("file:///etc/passwd", "no address of a Jira"),
        ("https://acme.atlassian.net/browse?x=1", "no address of a Jira"),
    ],
)
def test_addresses_that_no_token_is_sent_to(build: Callable[[str], House], url: str, words: str) -> None:
    with pytest.raises(PlatformError, match=words) as refused:
        build("cloud").issues(url=url)
    assert "secret1" not in str(refused.value)


def test_a_redirect_is_not_followed(build: Callable[[str], House]) -> None:
    house, thief = build("cloud"), build("cloud")
    answered = house.transport.session(Platform.JIRA)

    def moved(response: Any, **_: Any) -> None:
        response.status_code = 302
        response.headers["Location"] = f"{thief.sandbox.jira}/rest/api/3/issue/bulkfetch"

    issues = house.issues()
    answered.hooks["response"] = [moved]
    unread = issues.read(["PAY-12"])["PAY-12"]
    assert isinstance(unread, Unavailable)
    assert "it redirects to" in unread.reason
    assert thief.asked() == []


def test_the_token_is_hidden_however_it_is_written(build: Callable[[str], House]) -> None:
    build("cloud").issues("ATATT-secret-of-mine")
    signed = base64.b64encode(f"{EMAIL}:ATATT-secret-of-mine".encode()).decode()
    assert redact(f"ATATT-secret-of-mine {signed}") == "*** ***"


def test_behind_atlassians_gateway_there_is_no_page_to_link(build: Callable[[str], House]) -> None:
    house = build("cloud")
    client = JiraClient("https://api.atlassian.com/ex/jira/1", token="t" * 8, email=EMAIL, transport=house.transport)
    assert client.site == ""


def test_what_is_sent_is_what_is_declared(house: House) -> None:
    house.issues().read(["PAY-12", "PAY-99"])
    ours = "3/issue/bulkfetch" if house.cloud else "2/search"
    for asked in house.asked():
        sent = asked.replace("/jira/", "")
        assert any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one.what), sent) for one in REQUESTS), asked
    assert sum(ours in one for one in house.asked()) == 1
