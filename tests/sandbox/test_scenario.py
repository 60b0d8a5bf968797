from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from bot.sandbox.loading import ScenarioError, load_scenario
from bot.sandbox.scenario import Scenario
from bot.sandbox.world import World


def test_the_json_schema_is_one_and_accepts_what_loads() -> None:
    schema = Scenario.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"repositories": [{"name": "pay", "archived": True}]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"repositories": [{"nam": "pay"}]}, schema)


BAD = """\
now: 2026-11-02T09:00:00Z
peeple: {}
repositories:
  - name: pay
    visibility: secret
    pull_requests:
      - {number: one, author: ana, created_at: last week}
    name: twice
"""


def test_every_problem_is_named_with_its_line() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(BAD)
    said = caught.value.problems
    assert [each.split(": ")[0] for each in said] == [
        "scenario:8:5",
        "scenario:5:5",
        "scenario:7:10",
        "scenario:7:36",
        "scenario:2:1",
    ]
    assert "twice, first on line 4" in said[0]
    assert "neither an instant" in said[3]
    assert "did you mean people" in said[4]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("repositories: [{name: pay, releases: [{version: v1, commit: gone}]}]\n", "1:53", "'gone'"),
        ("repositories:\n- {name: pay, tags: {v1: gone}}\n", "2:22", "'gone'"),
        ("repositories:\n- name: pay\n  pull_requests: [{number: 1, author: a, target: gone}]\n", "3:42", "'gone'"),
        ("repositories:\n- {name: pay, files: {a: '@other:b'}}\n", "2:3", "is not there"),
        ("a: [\n", "2:1", "expected"),
    ],
)
def test_what_is_referred_to_must_be_there(text: str, place: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(text)
    (problem,) = caught.value.problems
    assert problem.startswith(f"scenario:{place}: ")
    assert words in problem


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_scenario(tmp_path / "none.yml")


def test_times_are_distances_or_instants() -> None:
    world = World(
        load_scenario(
            "now: 2026-11-02T09:00:00+02:00\nwork_items:\n- {id: 1, created_at: -2d3h}\n- {id: 2, created_at: 2026-01-01}\n"
        )
    )
    assert world.now.astimezone(UTC) == datetime(2026, 11, 2, 7, tzinfo=UTC)
    assert [item.created_at for item in world.work_items] == [
        datetime(2026, 10, 31, 4, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
    ]
