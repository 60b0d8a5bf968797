"""Findings at lines of changed files: annotations of the check run, all of them and none twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests

from bot.engine.ports import Known, Published
from bot.model.annotations import Annotation, Level
from bot.model.facts import FactRequest
from bot.model.facts.change import Checks
from bot.model.results import Verdict

from .conftest import PAT, House
from .test_gate import publication, pull_request


def annotation(number: int, message: str = "Wrong here") -> Annotation:
    return Annotation(
        "src/refund.py",
        number or None,
        Level.WARNING,
        "p/code-alerts",
        "p/code-alerts (high)",
        message,
        message,
        f"k{number}",
    )


def post(house: House, annotations: list[Annotation], token: str | None = None, **changes: Any) -> Published:
    provider = house.provider(token) if token else house.provider()
    subject = pull_request(house, provider)
    # A gate has read the checks of the head; what a publisher must look for itself is found the same way.
    if changes.pop("seen", True):
        list(provider.load({FactRequest(Checks): [subject]}, Known()))
    made = replace(publication(subject, comment=None), annotations=tuple(annotations), **changes)
    return house.publisher(provider).publish(made)


def runs(house: House) -> list[dict[str, Any]]:
    return [run for run in house.state()["check_runs"] if run["name"] == "almguard"]


def shown(house: House) -> list[int]:
    return [one["start_line"] for one in runs(house)[-1]["annotations"]]


@pytest.mark.parametrize(("amount", "requests"), [(1, 1), (50, 1), (51, 2), (120, 3)])
def test_all_are_posted_fifty_in_a_request(house: House, amount: int, requests: int) -> None:
    done = post(house, [annotation(number) for number in range(1, amount + 1)])
    assert done.annotated
    assert done.refused == ()
    assert shown(house) == list(range(1, amount + 1))
    sent = [entry for entry in house.ledger() if "/check-runs" in entry["path"] and entry["method"] != "GET"]
    assert [entry["method"] for entry in sent] == ["POST", *["PATCH"] * (requests - 1)]
    assert [run["conclusion"] for run in runs(house)] == ["failure"]


@pytest.mark.parametrize("seen", [True, False])
def test_the_same_again_posts_none_twice(house: House, seen: bool) -> None:
    for verdict in (Verdict.BLOCKED, Verdict.BLOCKED, Verdict.WAITING):
        post(house, [annotation(number) for number in range(1, 61)], verdict=verdict, seen=seen)
    assert shown(house) == list(range(1, 61))
    assert [run["status"] for run in runs(house)] == ["in_progress"]


def test_the_first_ones_are_added_to_the_check_that_stands(house: House) -> None:
    for some in ([], [annotation(1)]):
        post(house, some)
    assert shown(house) == [1]
    assert len(runs(house)) == 1


def test_where_others_are_to_be_shown_a_new_check_takes_the_place_of_the_old(house: House) -> None:
    for some in ([annotation(1), annotation(2)], [annotation(2)], [annotation(2)], [], []):
        post(house, some, verdict=Verdict.BLOCKED if some else Verdict.PASSED)
    assert [[one["start_line"] for one in run["annotations"]] for run in runs(house)] == [[1, 2], [2], []]
    assert [run["conclusion"] for run in runs(house)] == ["failure", "failure", "success"]


def test_the_whole_file_is_its_first_line(house: House) -> None:
    post(house, [annotation(0)])
    (one,) = runs(house)[0]["annotations"]
    assert (one["path"], one["start_line"], one["end_line"], one["level"]) == ("src/refund.py", 1, 1, "warning")


def test_a_commit_status_carries_none(house: House) -> None:
    assert not post(house, [annotation(1)], PAT).annotated


def test_a_run_that_ended_in_between_is_made_good(house: House) -> None:
    some = [annotation(number) for number in range(1, 71)]
    house.fault(kind="status", match="PATCH .*/check-runs/", times=None)
    done = post(house, some)
    assert not done.annotated
    assert "20 of 70 annotations" in done.refused[0]
    assert [run["conclusion"] for run in runs(house)] == ["failure"], "the verdict is posted all the same"
    requests.delete(f"{house.sandbox.url}/_sandbox/faults", timeout=10).raise_for_status()
    assert post(house, some).annotated
    assert shown(house) == list(range(1, 71))


def test_annotations_that_are_refused_do_not_lose_the_check(house: House) -> None:
    done = post(house, [annotation(1, message="")])
    assert "1 of 1 annotations" in done.refused[0]
    assert [(run["conclusion"], run["annotations"]) for run in runs(house)] == [("failure", [])]
