"""What is announced agrees with what a real organisation announced, and everything announced is served."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from bot.sandbox.azure_devops import api  # noqa: F401 - registers every handler
from bot.sandbox.azure_devops.locations import LOCATIONS, OTHER_HOSTS, Location
from bot.sandbox.azure_devops.routing import ENDPOINTS
from bot.sandbox.server import Sandbox
from tests.sandbox.azure_devops.ado_world import Ask, ask

HERE = [each for each in LOCATIONS.values() if each.area not in OTHER_HOSTS]
ELSEWHERE = [each for each in LOCATIONS.values() if each.area in OTHER_HOSTS]
CLIENTS = {"Release": "release", "IMS": "identity", "Graph": "graph", "audit": "audit"}


@pytest.mark.parametrize("location", HERE, ids=lambda each: each.name)
def test_agrees_with_the_recorded_table(location: Location, recorded: Path) -> None:
    rows = json.loads((recorded / "locations.json").read_text())["value"]
    assert location.document() == next(row for row in rows if row["id"] == location.id)


@pytest.mark.parametrize("location", ELSEWHERE, ids=lambda each: each.name)
def test_other_hosts_agree_with_microsofts_client(location: Location) -> None:
    module = import_module(f"azure.devops.v7_1.{CLIENTS[location.area]}.{CLIENTS[location.area]}_client")
    source = Path(str(module.__file__)).read_text()
    methods = [part for part in source.split("\n    def ") if location.id in part]
    assert methods, "the client has no such location"
    used = {name for part in methods for name in re.findall(r"route_values\['(\w+)'\]", part)}
    in_template = set(re.findall(r"{\*?(\w+)}", location.template)) - {"area", "resource"}
    assert used <= in_template
    # A parameter that the client never gives must be the optional last one.
    assert in_template - used <= {location.template.rpartition("/")[2].strip("{}")}


def test_everything_announced_is_served() -> None:
    assert {endpoint.location.name for endpoint in ENDPOINTS} >= set(LOCATIONS)


def test_discovery_needs_no_exact_case_and_keeps_clients_here(get: Ask, shared_world: Sandbox) -> None:
    reply = ask(f"{shared_world.url}/ACME")("_apis", method="OPTIONS", version="")
    assert reply.json == {"count": len(LOCATIONS), "value": [each.document() for each in LOCATIONS.values()]}
    assert get("_apis/ResourceAreas").json == {"count": 0, "value": []}
    assert get("_apis/resourceareas/" + "0" * 8).status == 404


def test_ids_are_unique() -> None:
    ids = [each.id for each in LOCATIONS.values()]
    assert len(ids) == len(set(ids))
