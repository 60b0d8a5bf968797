"""A scan in batches, whole: that they change nothing, what is accounted for, and what one broken repository does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from bot.engine.ports import Known
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.github.provider import GitHubProvider
from bot.sandbox.grow import grow
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from bot.sandbox.world import World as Inside
from tests.cli.conftest import Ended, World, demo_scenario

TARGETS = {"github": "github:grown", "azure-devops": "ado:grown"}
ON_BOTH = pytest.mark.parametrize("platform", TARGETS)
PROVIDERS = {"github": GitHubProvider, "azure-devops": AzureDevOpsProvider}
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: p}
rules:
  - {rule: branch-protection, enforce: warn}
  - {rule: static-analysis-configured, enforce: warn}
  - {rule: secret-scanning, enforce: audit}
  - {name: named, subject: repository, assert: 'repository.name != ""', message: It has no name., enforce: warn}
"""
CONFIG = "apiVersion: almguard/v1\nkind: Config\npolicies: [p.yml]\nwaivers: [w.yml]\n"
WAIVERS = """
apiVersion: almguard/v1
kind: Waivers
waivers:
  - {entry: p/branch-protection, subject: "grown/**", reason: old, owner: ana, approver: bo, expires: 2999-01-01}
  - {entry: p/branch-protection, subject: ["grown/*", "grown/*/*"], reason: ended,
     owner: ana, approver: bo, expires: 2020-01-01}
  - {entry: p/named, subject: "grown/**", reason: idle, owner: ana, approver: bo, expires: 2999-01-01}
  - {entry: p/named, subject: "grown/nothing", reason: idle, owner: ana, approver: bo, expires: 2999-01-01}
"""
REPOSITORIES = 24


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    inside = Inside(Scenario.model_validate(demo_scenario()))
    grow(inside, REPOSITORIES, seed=4)  # with archived ones, and workflows that are disabled
    with Sandbox(inside) as sandbox:
        world = World(sandbox, tmp_path_factory.mktemp("grown"))
        for name, text in {"p.yml": POLICY, "w.yml": WAIVERS, "c.yml": CONFIG}.items():
            world.write(name, text)
        yield world


def scanned(world: World, *arguments: str, policy: str = "c.yml", environ: dict[str, str] | None = None) -> Ended:
    config = str(world.folder / policy)
    return world.call("scan", *arguments, "--config", config, "--format", "json", environ=environ)


def judgement(report: Any) -> Any:
    """A report without what is another's each time: the run's own id, its instants, and what was spent."""
    run = {key: report["run"][key] for key in ("command", "complete")}
    gaps = sorted(report["run"]["gaps"], key=str)

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: timeless(item) for key, item in value.items() if key != "read_at"}
        return [timeless(item) for item in value] if isinstance(value, list) else value

    kept = {key: timeless(report[key]) for key in ("results", "subjects", "summary", "policies")}
    return {**kept, "run": run, "gaps": gaps}


@ON_BOTH
def test_batches_change_nothing(grown: World, platform: str) -> None:
    at = ("--now", "2026-11-02T09:00:00Z")
    together = scanned(grown, TARGETS[platform], *at, "--batch", "1000").json()
    apart = scanned(grown, TARGETS[platform], *at, "--batch", "5").json()
    assert judgement(apart) == judgement(together)
    assert together["run"]["complete"]
    assert len([one for one in together["subjects"] if one["kind"] == "repository"]) > 15
    told = [one["findings"] for one in together["results"] if one["rule"] == "waivers"]
    assert any("is not needed" in finding["message"] for findings in told for finding in findings)
    assert any("covers nothing here" in finding["message"] for findings in told for finding in findings)
    assert any("it ended on 2020-01-01" in finding["message"] for findings in told for finding in findings)


@ON_BOTH
def test_an_error_that_nobody_foresaw_is_a_gap_of_the_one_repository(
    grown: World, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scanned(grown, TARGETS[platform]).json()
    kind: Any = PROVIDERS[platform]
    load = kind.load
    names = [one["name"] for one in whole["subjects"] if one["kind"] == "repository"]

    def breaks(self: Any, needs: Any, known: Known) -> Any:
        for subjects in needs.values():
            if any(subject.name.startswith(names[3]) for subject in subjects):
                raise ZeroDivisionError("by nothing, with token ghp_" + "a" * 36)
        return load(self, needs, known)

    monkeypatch.setattr(kind, "load", breaks)
    ended = scanned(grown, TARGETS[platform])
    assert ended.code == 3
    report = ended.json()
    assert not report["run"]["complete"]
    assert [gap["name"] for gap in report["run"]["gaps"]] == [names[3]]
    assert report["run"]["gaps"][0]["kind"] == "unreadable"
    assert "ZeroDivisionError: by nothing" in report["run"]["gaps"][0]["reason"]
    assert "aaaa" not in ended.out
    of = {one["id"] for one in whole["subjects"] if one["name"].startswith(names[3])}
    assert report["results"]
    assert not [one for one in report["results"] if one["subject"] in of]
    others = [one for one in judgement(whole)["results"] if one["subject"] not in of and one["rule"] != "waivers"]
    assert [one for one in judgement(report)["results"] if one["rule"] != "waivers"] == others
    assert report["run"]["coverage"][0] | {"unknown": 1} == report["run"]["coverage"][0]


@ON_BOTH
def test_a_listing_that_breaks_leaves_what_was_listed(
    grown: World, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind: Any = PROVIDERS[platform]
    discover = kind.discover

    def breaks(self: Any, root: Any, kinds: Any) -> Any:
        for at, item in enumerate(discover(self, root, kinds)):
            if at == 12:
                raise KeyError("nodes")
            yield item

    monkeypatch.setattr(kind, "discover", breaks)
    ended = scanned(grown, TARGETS[platform])
    assert ended.code == 3
    report = ended.json()
    assert "KeyError: 'nodes'" in " ".join(gap["reason"] for gap in report["run"]["gaps"])
    assert report["results"]


@ON_BOTH
def test_every_repository_is_accounted_for(grown: World, platform: str) -> None:
    report = scanned(grown, TARGETS[platform]).json()
    (coverage,) = report["run"]["coverage"]
    shown = {one["id"] for one in report["subjects"] if one["kind"] == "repository"}
    left_out = {one["subject"] for one in report["run"]["skipped"]}
    assert (coverage["target"], coverage["listed"], coverage["counted"]) == (
        TARGETS[platform],
        REPOSITORIES,
        REPOSITORIES,
    )
    assert (coverage["judged"], coverage["skipped"], coverage["unknown"]) == (len(shown), len(left_out), 0)
    assert {one["reason"] for one in report["run"]["skipped"]} == {"archived"}
    assert not shown & left_out


@ON_BOTH
@pytest.mark.parametrize("counted", [REPOSITORIES + 1, REPOSITORIES - 1])
def test_another_number_than_the_platforms_own_is_a_gap(
    grown: World, platform: str, counted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PROVIDERS[platform], "counted", lambda *_: counted)
    ended = scanned(grown, TARGETS[platform])
    assert ended.code == 3
    (gap,) = ended.json()["run"]["gaps"]
    assert gap["kind"] == "truncated"
    assert f"counts {counted} repositories, and {REPOSITORIES} were listed" in gap["reason"]


@ON_BOTH
def test_a_repository_that_is_listed_twice_counts_once(
    grown: World, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scanned(grown, TARGETS[platform]).json()
    kind: Any = PROVIDERS[platform]
    discover = kind.discover

    def twice(self: Any, root: Any, kinds: Any) -> Any:
        for _ in range(2):
            yield from discover(self, root, kinds)

    monkeypatch.setattr(kind, "discover", twice)
    assert judgement(scanned(grown, TARGETS[platform], "--batch", "6").json()) == judgement(whole)


@ON_BOTH
def test_shards_judge_everything_once(grown: World, platform: str) -> None:
    at = ("--now", "2026-11-02T09:00:00Z")
    whole = scanned(grown, TARGETS[platform], *at).json()
    shards = [scanned(grown, TARGETS[platform], *at, "--shard", f"{number}/3").json() for number in (1, 2, 3)]
    results = [one for each in shards for one in judgement(each)["results"]]
    # Which waivers nobody needs only one that sees all of them can tell.
    ours = [one for one in judgement(whole)["results"] if one["rule"] != "waivers"]
    assert sorted((one for one in results if one["rule"] != "waivers"), key=str) == sorted(ours, key=str)
    subjects = [one["id"] for each in shards for one in each["subjects"]]
    assert sorted(subjects) == sorted(one["id"] for one in whole["subjects"] if one["kind"] != "organization")
    assert sum(each["run"]["coverage"][0]["judged"] for each in shards) == whole["run"]["coverage"][0]["judged"]
    for each in shards:
        (coverage,) = each["run"]["coverage"]
        assert coverage["listed"] == REPOSITORIES == coverage["judged"] + coverage["skipped"]
        assert {one["reason"] for one in each["run"]["skipped"]} - {"archived"} == {"in another shard"}
        assert coverage["judged"]


def test_it_says_which_run_was_kept_and_how_to_see_it(grown: World) -> None:
    ended = scanned(grown, TARGETS["github"], policy="p.yml")
    kept = ended.json()["run"]["id"][:8]
    assert f"kept as run {kept}: 'almguard report show {kept} --output report.html'" in ended.err
    assert "kept as run" not in scanned(grown, TARGETS["github"], "--no-store", policy="p.yml").err


@ON_BOTH
def test_the_reports_of_shards_are_merged_into_that_of_one_scan(grown: World, platform: str, tmp_path: Path) -> None:
    at = ("--now", "2026-11-02T09:00:00Z", "--no-store")
    whole = scanned(grown, TARGETS[platform], *at, policy="p.yml")
    files = []
    for number in (3, 1, 2):
        ended = scanned(grown, TARGETS[platform], *at, "--shard", f"{number}/3", policy="p.yml")
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(ended.out, encoding="utf-8")
    merged = grown.call("report", "merge", *map(str, files), "--format", "json")
    assert merged.code == whole.code
    assert without_times(merged.out) == without_times(whole.out)
    assert merged.json()["run"]["shard"] is None
    about = merged.json()["run"]
    assert {name: each["requests"] for name, each in about["spent"].items()} == {
        name: amount for name, amount in about["requests"].items() if amount
    }
    # On GitHub the listing's pages are shared by nobody, so the shards together ask more, and that is told too.
    assert sum(merged.json()["run"]["requests"].values()) >= sum(whole.json()["run"]["requests"].values())


def without_times(text: str) -> str:
    """A report's text without its run's id, times and requests; and without when things were read."""
    kept = re.sub(r'"(read_at|started_at|finished_at)": "[^"]*"', '"": ""', text)
    kept = re.sub(r'("run": \{\n    "id": )"[^"]*"', r'\1""', kept)
    kept = re.sub(r'"requests": \{[^}]*\}', "", kept)
    kept = re.sub(r'"spent": \{([^{}]|\{[^{}]*\})*\}', "", kept)
    return re.sub(r'"depth": \d+', "", kept)


@pytest.mark.parametrize(
    ("given", "words"),
    {
        "3": "3/16",
        "0/4": "numbered 1 to 4",
        "5/4": "no number 5",
        "1/0": "from 1 to 1,000",
        "a/b": "'a/b' is no shard",
    }.items(),
)
def test_a_shard_that_is_none_is_refused_in_words(grown: World, given: str, words: str) -> None:
    ended = scanned(grown, TARGETS["github"], "--shard", given)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


def fates(report: Any) -> tuple[set[str], set[str]]:
    """The repositories that were judged, and those that were left out because nothing was pushed to them."""
    judged = {one["id"] for one in report["subjects"] if one["kind"] == "repository"}
    return judged, {one["subject"] for one in report["run"]["skipped"] if "nothing was pushed since" in one["reason"]}


@ON_BOTH
def test_only_what_was_pushed_to_since(grown: World, platform: str) -> None:
    whole = scanned(grown, TARGETS[platform]).json()
    recent = scanned(grown, TARGETS[platform], "--since", "150d").json()
    judged, left_out = fates(recent)
    assert judged
    assert left_out
    assert recent["run"]["complete"]
    assert recent["run"]["coverage"][0]["listed"] == REPOSITORIES
    assert judged == fates(whole)[0] - left_out
    assert {one["subject"] for one in recent["results"]}.isdisjoint(left_out)
    asked = recent["run"]["requests"][platform.replace("-", "_")]
    assert asked < whole["run"]["requests"][platform.replace("-", "_")] + REPOSITORIES
    since = (datetime.now(UTC) - timedelta(days=150)).isoformat()
    assert fates(scanned(grown, TARGETS[platform], "--since", since).json()) == (judged, left_out)


@ON_BOTH
def test_only_what_has_changed(platform: str, tmp_path: Path) -> None:
    inside = Inside(Scenario.model_validate(demo_scenario()))
    grow(inside, 8, seed=5)
    with Sandbox(inside) as sandbox:
        world = World(sandbox, tmp_path)
        world.write("c.yml", POLICY)
        first = scanned(world, TARGETS[platform], "--only-changed").json()
        assert "Everything is judged: no complete run" in " ".join(first["notices"])
        for _ in range(2):
            judged, left_out = fates(scanned(world, TARGETS[platform], "--only-changed").json())
            assert (judged, left_out) == (set(), fates(first)[0]), "of each run after it, too"
        change = {"share": 0.13, "kinds": ["push"], "seed": 1}
        requests.post(f"{sandbox.url}/_sandbox/change", json=change, timeout=10).raise_for_status()
        judged, left_out = fates(scanned(world, TARGETS[platform], "--only-changed").json())
        assert len(judged) == 1
        assert judged | left_out == fates(first)[0]
        world.write("c.yml", POLICY.replace("enforce: audit", "enforce: warn"))
        again = scanned(world, TARGETS[platform], "--only-changed").json()
        assert fates(again) == (fates(first)[0], set())
        assert "Everything is judged: the policies have changed" in " ".join(again["notices"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--since", "soon"), "neither a length of time"),
        (("--since", "2999-01-01"), "is later than the instant"),
        (("--since", "7d", "--only-changed"), "give one of them"),
        (("--only-changed", "--no-store"), "without --no-store"),
    ],
)
def test_what_is_asked_for_amiss_is_refused_in_words(grown: World, given: tuple[str, ...], words: str) -> None:
    ended = scanned(grown, TARGETS["github"], *given)
    assert (ended.code, ended.out) == (2, "")
    assert words in " ".join(ended.err.split())


@ON_BOTH
def test_a_repository_that_was_deleted_meanwhile_is_unknown(platform: str, tmp_path: Path) -> None:
    inside = Inside(Scenario.model_validate(demo_scenario()))
    grow(inside, 8, seed=5)
    with Sandbox(inside) as sandbox:
        world = World(sandbox, tmp_path)
        world.write("c.yml", POLICY)
        world.fault(kind="deleted", rate=0.5, seed=3)
        ended = scanned(world, TARGETS[platform])
    assert ended.code == 3
    report = ended.json()
    (coverage,) = report["run"]["coverage"]
    owners = [gap["subject"].partition("/repository/")[2].partition("/")[0] for gap in report["run"]["gaps"]]
    assert 0 < coverage["unknown"] == len(set(owners)) < 8
    # The listing told enough for this entry: that alone does not make them judged.
    passed = [one["subject"] for one in report["results"] if one["key"] == "p/named" and one["outcome"] == "pass"]
    assert any(subject.endswith(owner) for subject in passed for owner in owners)


def test_the_users_own_file_forgets_and_one_that_was_named_does_not(
    grown: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.cli.storing.KEPT", 2)
    monkeypatch.setattr("bot.cli.storing.usual_place", lambda _: tmp_path / "own.db")
    own, named = {"ALMGUARD_STORE": ""}, {"ALMGUARD_STORE": str(tmp_path / "named.db")}
    for environ, kept in ((own, 2), (named, 3)):
        for _ in range(3):
            assert scanned(grown, "github:acme", environ=environ).code in (0, 1, 3)
        listed = grown.call("report", "list", "--format", "json", environ=environ)
        assert len(listed.json()) == kept
