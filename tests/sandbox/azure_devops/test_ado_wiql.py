"""The part of WIQL that is understood, and that the rest is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.sandbox.azure_devops.problems import Problem
from bot.sandbox.azure_devops.wiql import Fields, parse
from tests.sandbox.azure_devops.ado_world import Ask

TODAY = datetime(2026, 11, 20, tzinfo=UTC)
ITEMS: list[Fields] = [
    {"System.Id": 1, "System.Title": "It's on", "System.State": "New", "System.ChangedDate": "2026-11-19T09:00:00Z"},
    {
        "System.Id": 2,
        "System.Title": "Other",
        "System.State": "Active",
        "System.ChangedDate": "2026-11-01T09:00:00Z",
        "System.AreaPath": "Pay\\Core",
        "System.AssignedTo": {"displayName": "Ana López", "uniqueName": "ana@example.com"},
    },
    {
        "System.Id": 3,
        "System.State": "Closed",
        "System.ChangedDate": "2026-10-01T09:00:00Z",
        "System.AreaPath": "Payroll",
    },
]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("", [1, 2, 3]),
        ("WHERE [System.State] = 'new'", [1]),
        ("WHERE System.State <> 'New' AND [System.Id] < 3", [2]),
        ("WHERE [System.Id] >= 2", [2, 3]),
        ("WHERE [System.State] IN ('New', 'Closed')", [1, 3]),
        ("WHERE [System.State] NOT IN ('New', 'Closed')", [2]),
        ("WHERE [System.Title] CONTAINS 'it''s'", [1]),
        ("WHERE [System.Title] NOT CONTAINS 'it'", [2, 3]),
        ("WHERE [System.AreaPath] UNDER 'Pay'", [2]),
        ("WHERE [System.AssignedTo] = @me", [2]),
        ("WHERE [System.AssignedTo] = ''", [1, 3]),
        ("WHERE [System.ChangedDate] >= @today - 7", [1]),
        ("WHERE [System.ChangedDate] >= @today-30", [1, 2]),
        ("WHERE [System.ChangedDate] < '2026-10-15'", [3]),
        ("WHERE ([System.Id] > 1 AND [System.Id] < 3) AND [System.State] = 'Active'", [2]),
        ("ORDER BY [System.State] DESC, [System.Id]", [1, 3, 2]),
    ],
)
def test_conditions(where: str, ids: list[int]) -> None:
    query = parse(
        f"SELECT [System.Id], [System.Title] FROM WorkItems {where}", {"@me": "ana@example.com", "@today": TODAY}
    )
    assert [each["System.Id"] for each in query.run(list(ITEMS))] == ids
    assert query.columns == ("System.Id", "System.Title")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT [System.Id]",
        "SELECT [System.Id] FROM WorkItemLinks",
        "SELECT [System.Id] FROM WorkItems WHERE [System.Id] = 1 OR [System.Id] = 2",
        "SELECT [System.Id] FROM WorkItems WHERE [System.Id] EVER 1",
        "SELECT [System.Id] FROM WorkItems WHERE [System.IterationPath] = @currentIteration",
        "SELECT [System.Id] FROM WorkItems WHERE [System.Id] =",
        "SELECT [System.Id] FROM WorkItems ; DROP",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        parse(text, {})
    assert refused.value.status == 400


def test_over_the_wire(get: Ask) -> None:
    query = "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project ORDER BY [System.Id] DESC"
    found = get("Payments/_apis/wit/wiql?$top=2", method="POST", body={"query": query}).json
    assert [each["id"] for each in found["workItems"]] == [46, 45]
    assert found["sortColumns"][0]["descending"] is True
    refused = get("_apis/wit/wiql", method="POST", body={"query": query})
    assert refused.status == 400
