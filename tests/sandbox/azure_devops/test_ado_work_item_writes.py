"""Work items as Microsoft's own client writes them, in every process; and every way in which they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from tests.sandbox.azure_devops.ado_world import ask, connect

WORLD: dict[str, Any] = {
    "now": "2026-11-02T09:00:00Z",
    "people": {"ana": {"name": "Ana López"}},
    "tokens": {"all": {}, "reader": {"azure": ["vso.work"]}},
    "organizations": [
        {
            "name": "acme",
            "members": ["ana"],
            "projects": [{"name": each, "process": each} for each in ("Agile", "Scrum", "Basic", "CMMI")],
        }
    ],
    "repositories": [{"name": "pay", "project": "Agile"}],
}
FINISHED = {"Agile": "Closed", "Scrum": "Done", "Basic": "Done", "CMMI": "Closed"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Scenario.model_validate(WORLD)) as running:
        yield running


def operations(**fields: str) -> list[dict[str, Any]]:
    return [{"op": "add", "path": f"/fields/System.{name}", "value": value} for name, value in fields.items()]


@pytest.mark.parametrize("process", FINISHED)
def test_a_task_is_made_closed_and_opened_again_in_every_process(sandbox: Sandbox, process: str) -> None:
    client = connect(sandbox).clients_v7_1.get_work_item_tracking_client()
    link = {"rel": "Hyperlink", "url": "https://dev.azure.com/acme/_git/pay", "attributes": {"comment": "pay"}}
    wanted = operations(Title="One", Description="<p>text</p>", Tags="b; a", AssignedTo="ana@example.com")
    made = client.create_work_item([*wanted, {"op": "add", "path": "/relations/-", "value": link}], process, "task")
    assert (made.rev, made.fields["System.Tags"], made.fields["System.AssignedTo"]["displayName"]) == (
        1,
        "a; b",
        "Ana López",
    )
    states = client.get_work_item_type_states(process, "Task")
    assert made.fields["System.State"] == states[0].name
    done = next(state.name for state in states if state.category == "Completed")
    assert done == FINISHED[process]
    closed = client.update_work_item([{"op": "test", "path": "/rev", "value": 1}, *operations(State=done)], made.id)
    assert (closed.rev, closed.fields["System.State"]) == (2, done)
    assert "Microsoft.VSTS.Common.ClosedDate" in closed.fields
    opened = client.update_work_item(operations(State=states[0].name), made.id)
    assert "Microsoft.VSTS.Common.ClosedDate" not in opened.fields
    assert opened.fields["System.AreaPath"] == process
    (relation,) = client.get_work_item(made.id, expand="relations").relations
    assert (relation.rel, relation.attributes["comment"]) == ("Hyperlink", "pay")
    kept = requests.get(f"{sandbox.url}/_sandbox/state", timeout=10).json()["work_items"]
    assert [(one["project"], one["title"], one["rev"], one["assignees"]) for one in kept] == [
        (f"acme/{process}", "One", 3, ["ana"])
    ]


@pytest.mark.parametrize(
    ("path", "document", "status", "words"),
    [
        ("Agile/_apis/wit/workitems/$Task", [], 400, "Title"),
        ("Agile/_apis/wit/workitems/$Nothing", operations(Title="x"), 404, "VS402323"),
        ("Scrum/_apis/wit/workitems/$Task", operations(Title="x", State="Closed"), 400, "TF401320"),
        (
            "Agile/_apis/wit/workitems/$Task",
            operations(Title="x", AssignedTo="who@example.com"),
            400,
            "unknown identity",
        ),
        ("Agile/_apis/wit/workitems/$Task", operations(Title="x", AreaPath="Other"), 400, "TF401347"),
        ("Agile/_apis/wit/workitems/$Task", operations(Title="x" * 256), 400, "TooLong"),
        ("Agile/_apis/wit/workitems/$Task", operations(Nothing="x", Title="x"), 400, "TF51535"),
        ("Agile/_apis/wit/workitems/$Task", [{"op": "move", "path": "/fields/System.Title"}], 400, "patch document"),
    ],
)
def test_what_is_refused_makes_nothing(
    sandbox: Sandbox, path: str, document: list[dict[str, Any]], status: int, words: str
) -> None:
    get = ask(f"{sandbox.url}/acme")
    refused = get(path, method="POST", body=document, version="7.1", content_type="application/json-patch+json")
    assert (refused.status, words in refused.json["message"]) == (status, True), refused.json
    assert requests.get(f"{sandbox.url}/_sandbox/state", timeout=10).json()["work_items"] == []


def test_revisions_scopes_and_media_types(sandbox: Sandbox) -> None:
    get, patch = ask(f"{sandbox.url}/acme"), "application/json-patch+json"
    new = "Agile/_apis/wit/workitems/$Task"
    document = operations(Title="One", Tags="almguard")
    assert get(new, method="POST", body=document, version="7.1", content_type="application/json").status == 415
    reader = ask(f"{sandbox.url}/acme", "reader")
    assert reader(new, method="POST", body=document, version="7.1", content_type=patch).status == 401
    made = get(new, method="POST", body=document, version="7.1", content_type=patch).json
    stale = [{"op": "test", "path": "/rev", "value": 7}, *operations(Title="Two")]
    refused = get(f"_apis/wit/workitems/{made['id']}", method="PATCH", body=stale, version="7.1", content_type=patch)
    assert (refused.status, "VS403351" in refused.json["message"]) == (412, True)
    query = {"query": "SELECT [System.Id] FROM WorkItems WHERE [System.Tags] CONTAINS '%s'"}
    for tag, found in (("almguard", 1), ("alm", 0)):
        body = {"query": query["query"] % tag}
        assert len(get("Agile/_apis/wit/wiql", method="POST", body=body, version="7.1").json["workItems"]) == found
