"""What the provider says when the platform refuses, fails, or answers with something else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from bot.engine.ports import PlatformError
from bot.engine.targets import parse
from bot.model.facts import FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.change import (
    ChangedFiles,
    Checks,
    Comments,
    Commits,
    LinkedWorkItems,
    Pushes,
    ReviewerPermissions,
    Reviews,
    TeamMembers,
    TeamSpec,
)
from bot.model.facts.pipelines import FileContents, PathSpec, Pipelines
from bot.model.facts.protection import BranchRules, BypassActors, SecretScanning
from bot.model.facts.repository import Properties
from bot.platforms.azure_devops.endpoints import PROJECTS, Host
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from tests.platforms.azure_devops.ado_reader import PULL_REQUEST, Reader, requested

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("target", ["ado:acme", "ado:acme/Payments", "ado:acme/Payments/payments", PULL_REQUEST])
def test_an_expired_token_is_said_to_be_one(reader_for, target):
    with pytest.raises(PlatformError, match="the token was refused or has expired") as refused:
        reader_for("gone").subject(target)
    assert refused.value.kind is UnknownKind.SCOPE


def test_an_unknown_token(reader_for):
    with pytest.raises(PlatformError, match="TF400813") as refused:
        reader_for("guessed").subject()
    assert refused.value.kind is UnknownKind.SCOPE
    assert "guessed" not in str(refused.value)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("ado:acme/Nowhere", "Nowhere"),
        ("ado:acme/Payments/nothing", "TF401019"),
        ("ado:acme/Payments/payments!99", "TF401180"),
        ("ado:acme/Payments#99", "there is no work item 99"),
        ("ado:other/Payments", "the organisation is other"),
    ],
)
def test_what_does_not_exist_is_the_callers_mistake(reader: Reader, target, says):
    with pytest.raises(PlatformError, match=says) as wrong:
        reader.subject(target)
    assert wrong.value.kind is None


def test_an_organisation_that_does_not_exist(reader_for):
    with pytest.raises(PlatformError, match="VS403006"):
        reader_for(organization="nobody").subject("ado:nobody")


def test_a_work_item(reader: Reader):
    item = reader.subject("ado:acme/Payments#7")
    assert (item.number, item.title, item.is_closed) == ("7", "Refunds", False)


def test_work_items_for_another_platform(reader: Reader, reader_for):
    found = reader.provider.read_work_items("ado:acme/Payments", [7, 999])
    assert found[7].title == "Refunds"
    assert found[999] is None
    hidden = reader_for("no-work").provider.read_work_items("ado:acme/Payments", [7])
    assert isinstance(hidden[7], Unavailable)
    assert "vso.work" in hidden[7].reason


TEAM = TeamSpec(frozenset({"payments-team"}))
FILES = PathSpec(frozenset({"README.md"}))


@pytest.mark.parametrize(
    ("token", "scope", "fact", "spec"),
    [
        ("no-code", "vso.code", Reviews, None),
        ("no-code", "vso.code", Commits, None),
        ("no-code", "vso.code", Pushes, None),
        ("no-code", "vso.code", ChangedFiles, None),
        ("no-code", "vso.code", Checks, None),
        ("no-code", "vso.code", LinkedWorkItems, None),
        ("no-code", "vso.code", BranchRules, None),
        ("no-code", "vso.code", FileContents, FILES),
        ("no-build", "vso.build", Pipelines, None),
        ("no-identity", "vso.identity", ReviewerPermissions, None),
        ("no-identity", "vso.identity", TeamMembers, TEAM),
        ("no-identity", "vso.identity", BypassActors, None),
        ("no-security", "vso.security_manage", ReviewerPermissions, None),
        ("no-security", "vso.security_manage", BypassActors, None),
        ("no-advsec", "vso.advsec", SecretScanning, None),
        ("no-project", "vso.project", Properties, None),
    ],
)
def test_a_missing_scope_makes_the_fact_unavailable_and_is_named(reader_for, token, scope, fact, spec):
    pull_request = reader_for().subject()
    subjects = {"pull_request": pull_request, "branch": pull_request.base, "repository": pull_request.repository}
    answer = reader_for(token).ask(fact, subjects[fact.subject.kind], spec)
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.SCOPE
    assert scope in answer.reason


def test_without_work_items_the_links_stay_and_say_why(reader_for):
    reader = reader_for("no-work")
    links = reader.value(LinkedWorkItems, reader.subject()).links
    assert len(links) == 4
    assert all(link.item is None and not link.missing and "vso.work" in link.unreadable for link in links)


def test_one_missing_scope_makes_one_fact_unavailable(reader_for):
    reader = reader_for("no-security")
    pull_request = reader.subject()
    answers = reader.ask_all({FactRequest(Reviews): [pull_request], FactRequest(ReviewerPermissions): [pull_request]})
    assert [type(answer) for answer in answers] == [Loaded, Unavailable]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
        {"kind": "reset"},
        {"kind": "cut"},
        {"kind": "rate_limit", "retry_after": 0},
    ],
    ids=lambda fault: f"{fault['kind']}{fault.get('status', '')}",
)
@pytest.mark.parametrize("where", ["GET .*/threads", "POST .*workItemsBatch", "GET .*/pullRequests/12$"])
def test_a_passing_trouble_is_passed_over(reader_for, break_down, fault, where):
    break_down(match=where, **fault)
    reader = reader_for(max_wait=5.0)
    pull_request = reader.subject()
    answers = reader.ask_all({FactRequest(Reviews): [pull_request], FactRequest(LinkedWorkItems): [pull_request]})
    assert [type(answer) for answer in answers] == [Loaded, Loaded]


def test_a_limit_is_waited_for_as_long_as_asked(reader_for, break_down, sandbox):
    waits: list[float] = []
    break_down(match="GET .*/threads", kind="rate_limit", retry_after=7)
    reader = reader_for(sleep=waits.append)
    assert isinstance(reader.ask(Reviews, reader.subject()), Loaded)
    assert 7 in waits


def test_a_limit_beyond_what_may_be_waited(reader_for, break_down):
    break_down(match="GET .*/threads", kind="rate_limit", retry_after=900, times=None)
    reader = reader_for(max_wait=1.0)
    answer = reader.ask(Reviews, reader.subject())
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.LIMIT


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 500}, UnknownKind.TRANSIENT),
        ({"kind": "reset"}, UnknownKind.TRANSIENT),
        ({"kind": "html"}, UnknownKind.SCOPE),
        ({"kind": "expired"}, UnknownKind.SCOPE),
    ],
    ids=lambda value: str(value.get("kind")) if isinstance(value, dict) else "",
)
def test_a_lasting_trouble_makes_one_fact_unavailable(reader_for, break_down, fault, kind):
    break_down(match="GET .*/threads", times=None, **fault)
    reader = reader_for()
    pull_request = reader.subject()
    answers = reader.ask_all({FactRequest(Reviews): [pull_request], FactRequest(Commits): [pull_request]})
    assert isinstance(answers[0], Unavailable)
    assert answers[0].kind is kind
    assert isinstance(answers[1], Loaded)


def test_nonsense_is_not_a_crash(reader_for, break_down):
    break_down(
        match="GET .*/threads", kind="status", status=200, body='{"value": [{"id": 1, "comments": [5]}]}', times=None
    )
    reader = reader_for()
    answer = reader.ask(Comments, reader.subject())
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.UNREADABLE


def test_configuration_that_is_missing_and_that_cannot_be_read(reader: Reader, pull_request, reader_for, break_down):
    found = reader.provider.configuration(pull_request, ["nothing.yml", ".github/almguard.yml"])
    assert (found.path, found.text) == (".github/almguard.yml", "kind: Policy\n")
    assert found.source == "acme/Payments/payments@main:.github/almguard.yml"
    assert reader.provider.configuration(pull_request, ["nothing.yml"]) is None
    assert reader.provider.configuration(pull_request, ["no/where.yml"]) is None
    assert reader.provider.configuration(pull_request, ["ci/lint.yml"]) is not None, (
        "one that was not looked for before"
    )
    break_down(match=".*/items", kind="status", status=403, times=None, body='{"message": "TF401027: You need Read"}')
    with pytest.raises(PlatformError, match="TF401027"):
        reader_for().provider.configuration(pull_request, [".github/almguard.yml"])


def test_the_configuration_is_the_base_branchs(reader: Reader, sandbox):
    part = sandbox.world.repository("acme", "payments").pull_requests[12]
    assert ".github/almguard.yml" not in {path for push in part.pushes for path in push.commits}
    found = reader.provider.configuration(reader.subject("ado:acme/Payments/payments"), [".github/almguard.yml"])
    assert found is not None


def test_an_older_server_is_asked_where_its_resources_are(reader_for, break_down, sandbox):
    words = (
        "The requested REST API version of 7.1 is out of range for this server. The latest REST API version this server "
        "supports is 7.0."
    )
    break_down(
        match="GET /acme/Payments/_apis/git", kind="status", status=400, body=f'{{"message": "{words}"}}', times=1
    )
    assert reader_for().subject().number == 12
    assert requested(sandbox).count("OPTIONS /acme/_apis") == 1


def test_an_address_that_is_none():
    for address in ("acme", "ftp://dev.azure.com/acme", ""):
        with pytest.raises(PlatformError, match="SYSTEM_COLLECTIONURI"):
            AzureDevOpsProvider("token", address)
    with pytest.raises(PlatformError, match="AZURE_DEVOPS_EXT_PAT"):
        AzureDevOpsProvider("", "https://dev.azure.com/acme")


def test_a_bearer_token(sandbox):
    provider = AzureDevOpsProvider("all", sandbox.azure_devops + "acme", bearer=True)
    try:
        assert provider.resolve(parse(PULL_REQUEST)).name == "acme/Payments/payments!12"
    finally:
        provider.close()


def test_hosts_of_the_hosted_service():
    provider = AzureDevOpsProvider("token", "https://dev.azure.com/acme/")
    client = provider.client
    assert (client.organization, client.host) == ("acme", "dev.azure.com")
    assert client._base(Host.RELEASE) == "https://vsrm.dev.azure.com/acme"
    assert client._base(Host.CORE) == "https://dev.azure.com/acme"
    legacy = AzureDevOpsProvider("token", "https://acme.visualstudio.com").client
    assert (legacy.organization, legacy.host) == ("acme", "dev.azure.com")
    server = AzureDevOpsProvider("token", "https://tfs.example.com/tfs/Main").client
    assert server._base(Host.IDENTITY) == "https://tfs.example.com/tfs/Main"


def test_nothing_is_imported_before_it_is_needed_and_the_cache_folder_may_be_anywhere(tmp_path):
    script = (
        "import os, sys\n"
        "from bot.platforms.azure_devops.sdk import prepare_cache_folder\n"
        "from bot.platforms.azure_devops.publisher import AzureDevOpsPublisher\n"
        "assert 'azure.devops' not in sys.modules and 'msrest' not in sys.modules\n"
        "prepare_cache_folder()\n"
        "import azure.devops.connection\n"
        "print(os.environ['AZURE_DEVOPS_CACHE_DIR'])\n"
    )
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    environment = {
        **os.environ,
        "AZURE_DEVOPS_CACHE_DIR": str(blocked / "cache"),
        "XDG_CACHE_HOME": str(blocked),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "almguard-azure-devops-" in done.stdout


@pytest.mark.parametrize("body", ['{"$id": "1"}', '{"message": "soon"}', '{"value": null}', '{"value": {"a": 1}}'])
@pytest.mark.parametrize(
    ("where", "fact"), [("GET .*/evaluations", Checks), ("GET .*/statuses", Checks), ("GET .*/threads", Reviews)]
)
def test_an_answer_without_a_list_is_not_an_empty_list(reader_for, break_down, where, fact, body):
    reader = reader_for()
    pull_request = reader.subject()
    break_down(match=where, kind="status", status=200, body=body, times=None)
    answer = reader.ask(fact, pull_request)
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.UNREADABLE


def test_a_branch_without_a_list_of_policies_is_not_unprotected(reader_for, break_down):
    reader = reader_for()
    repository = reader.subject("ado:acme/Payments/payments")
    break_down(match="GET .*/policy/configurations", kind="status", status=200, body='{"$id": "1"}', times=None)
    answer = reader.ask(BranchRules, repository.default)
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.UNREADABLE


def test_203_is_the_refused_token(reader_for, break_down):
    reader = reader_for()
    pull_request = reader.subject()
    break_down(match="GET .*/evaluations", kind="status", status=203, body='{"message": "sign in"}', times=None)
    answer = reader.ask(Checks, pull_request)
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.SCOPE
    assert "refused or has expired" in answer.reason


def test_a_configuration_is_not_missing_where_no_list_came(reader_for, break_down):
    reader = reader_for()
    pull_request = reader.subject()
    break_down(match="POST .*/itemsBatch", kind="status", status=200, body='{"$id": "1"}', times=None)
    with pytest.raises(PlatformError) as wrong:
        reader.provider.configuration(pull_request, [".github/almguard.yml"])
    assert wrong.value.kind is UnknownKind.UNREADABLE


def _page(first: int, amount: int) -> str:
    return json.dumps({"value": [{"id": number} for number in range(first, first + amount)]})


def test_a_server_that_gives_fewer_rows_than_asked_is_read_to_the_end(reader_for, break_down, sandbox):
    client = reader_for().provider.client
    for first, amount in ((0, 400), (400, 400), (800, 7)):
        break_down(match="GET /acme/_apis/projects", kind="status", status=200, body=_page(first, amount))
    rows = client.skipping(PROJECTS, {}, size=500)
    assert [row["id"] for row in rows] == list(range(807))
    skipped = [parse_qs(entry.query)["$skip"] for entry in sandbox.application.ledger.entries]
    assert skipped == [["0"], ["400"], ["800"]]


def test_pages_that_are_cut_to_few_rows_are_read_to_the_end_where_that_must_be_certain(reader_for, break_down, sandbox):
    reads = reader_for().provider.reads
    for first, amount in ((0, 40), (40, 40), (80, 7), (87, 0)):
        break_down(match="GET /acme/_apis/projects", kind="status", status=200, body=_page(first, amount))
    assert [row["id"] for row in reads.projects()] == list(range(87))
    assert len(sandbox.application.ledger.entries) == 4


def test_a_list_without_an_end_is_said_to_be_cut(reader_for, break_down, monkeypatch):
    monkeypatch.setattr("bot.platforms.azure_devops.client.MOST_PAGES", 3)
    client = reader_for().provider.client
    break_down(match="GET /acme/_apis/projects", kind="status", status=200, body=_page(0, 400), times=None)
    with pytest.raises(PlatformError) as wrong:
        client.skipping(PROJECTS, {}, size=500)
    assert wrong.value.kind is UnknownKind.TRUNCATED


class _Redirecting(BaseHTTPRequestHandler):
    """Sends everything to another address; that answers with a list of what there is not."""

    to = ""

    def do_GET(self) -> None:
        self.send_response(302 if self.to else 200)
        if self.to:
            self.send_header("Location", self.to)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"" if self.to else b'{"value": [{"id": "forged", "name": "Forged"}]}')

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def redirecting():
    running = []

    def serve(to: str) -> str:
        handler = type("Handler", (_Redirecting,), {"to": to})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("path", "kind", "says"),
    [("/elsewhere", UnknownKind.UNREADABLE, "not followed"), ("/_signin?realm=x", UnknownKind.SCOPE, "sign-in")],
)
def test_what_another_host_says_is_not_believed(redirecting, path, kind, says):
    other = redirecting("")
    provider = AzureDevOpsProvider("token", redirecting(other + path) + "/acme")
    reads = (
        lambda: provider.reads.projects(),
        lambda: provider.client.read_address(Host.CORE, "_apis/connectionData", "7.1-preview.1", "vso.profile"),
        lambda: provider.client.git().get_repositories("Payments"),
    )
    try:
        for read in reads:
            with pytest.raises(PlatformError, match=says) as refused:
                read()
            assert refused.value.kind is kind
    finally:
        provider.close()


@pytest.mark.parametrize(
    "address",
    ["https://ana:Pa55word@dev.azure.com/acme", "https://Pa55word@tfs.example.com/Main", "ana:Pa55word@tfs/Main"],
)
def test_a_password_in_the_address_is_refused_and_not_repeated(address):
    with pytest.raises(PlatformError, match="holds a name or a password") as refused:
        AzureDevOpsProvider("token", address)
    assert refused.value.kind is None
    assert "Pa55word" not in str(refused.value)


def test_a_misspelt_environment_is_the_callers_mistake(reader: Reader):
    for version in ("2.0.0", "no-such-version"):
        with pytest.raises(PlatformError, match=r"has no environment 'produktion'\. It has .*production") as wrong:
            reader.subject(f"ado:acme/Payments/payments@{version}", "produktion")
        assert wrong.value.kind is None
