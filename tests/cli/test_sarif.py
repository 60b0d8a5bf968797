"""SARIF files in place of a platform's alerts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import World

GITHUB, AZURE = "github:acme/payments#12", "ado:acme/Payments/payments!12"
BOTH = pytest.mark.parametrize("target", [GITHUB, AZURE], ids=["github", "azure-devops"])
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: found}
rules:
  - {rule: code-alerts, enforce: block}
"""
BEFORE = "".join(f"line {n}\n" for n in range(1, 11))
AFTER = BEFORE.replace("line 4\n", "line 4, changed\nand one more\n")


def scenario() -> dict[str, Any]:
    files = {"src/app.py": AFTER, "src/new.py": "N = 1\n"}
    push = {"commits": [{"files": files, "renames": {"src/moved.py": "src/there.py"}}]}
    return {
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Payments"}]}],
        "repositories": [
            {
                "name": "payments",
                "files": {"src/app.py": BEFORE, "src/moved.py": BEFORE, "src/other.py": BEFORE},
                "permissions": {"ana": "write"},
                "pull_requests": [
                    {"number": 12, "title": "More", "author": "ana", "source": "ana/more", "pushes": [push]},
                    {"number": 13, "title": "Else", "author": "ana", "source": "ana/else"},
                ],
            }
        ],
    }


def found(path: str, line: int | None, **more: Any) -> dict[str, Any]:
    region = {} if line is None else {"region": {"startLine": line}}
    place = {"physicalLocation": {"artifactLocation": {"uri": path}, **region}}
    return {"ruleId": "r", "level": "error", "locations": [place], "message": {"text": f"{path}, {line}"}, **more}


@pytest.fixture
def served(world: Any) -> World:
    made: World = world(scenario())
    return made


def sarif(served: World, *results: dict[str, Any], name: str = "found.sarif", **run: Any) -> str:
    run = {"tool": {"driver": {"name": "Semgrep"}}, "results": list(results), **run}
    return served.write(name, json.dumps({"version": "2.1.0", "runs": [run]}))


def judged(served: World, target: str, *files: str, environ: dict[str, str] | None = None) -> Any:
    options = [option for file in files for option in ("--sarif", file)]
    policy = served.write("found.yml", POLICY)
    arguments = ([target] if target else []) + ["--config", policy, "--dry-run", "--format", "json", *options]
    ended = served.call("gate", *arguments, environ=environ)
    assert ended.code in (0, 1, 3, 5), ended.err
    (result,) = ended.json()["results"]
    return result


def places(result: Any) -> list[str]:
    return [f"{each['location']['path']}:{each['location'].get('line')}" for each in result["findings"]]


@BOTH
def test_what_is_on_changed_lines_is_brought_by_the_change(served: World, target: str) -> None:
    file = sarif(
        served,
        found("src/app.py", 3),
        found("src/app.py", 4),
        found("src/app.py", 5),
        found("src/app.py", 6),
        found("src/new.py", 1),
        found("src/other.py", 1),
        found("src/there.py", 2),
        found("src/there.py", None),
        found("src/app.py", 1, baselineState="new"),
        found("src/app.py", 4, baselineState="unchanged"),
    )
    assert places(judged(served, target, file)) == [
        "src/app.py:4",
        "src/app.py:5",
        "src/new.py:1",
        "src/there.py:None",
        "src/app.py:1",
    ]


@BOTH
def test_a_tool_that_ran_in_a_folder_tells_paths_from_there(served: World, target: str) -> None:
    file = sarif(served, found("app.py", 3), found("app.py", 4), found("p.py", 4), found("there.py", None))
    assert places(judged(served, target, file)) == ["src/app.py:4", "src/there.py:None"]
    served.write("checkout/app.py", "another file, at the root")
    at = {"GITHUB_WORKSPACE": str(served.folder / "checkout")}
    assert places(judged(served, target, sarif(served, found("a" * 5_000, 1), found("a%00b", 1)), environ=at)) == []
    file = sarif(served, found("app.py", 4), found("there.py", None))
    assert places(judged(served, target, file, environ=at)) == ["src/there.py:None"]


@BOTH
def test_nothing_found_passes_and_says_who_has_looked(served: World, target: str) -> None:
    result = judged(served, target, sarif(served), sarif(served, found("src/other.py", 1), name="second.sarif"))
    assert result["outcome"] == "pass"
    assert "Semgrep, of the pull request; of which commit is not told" in json.dumps(result)


@BOTH
def test_a_place_that_is_nowhere_in_the_repository_may_be_new(served: World, target: str) -> None:
    result = judged(served, target, sarif(served, found("https://example.com/x", 1), {"ruleId": "q", "level": "error"}))
    assert len(result["findings"]) == 2


@BOTH
def test_suppressions_need_a_reason(served: World, target: str) -> None:
    why = [{"kind": "external", "justification": "cannot be reached"}]
    accepted = found("src/app.py", 4, suppressions=why)
    result = judged(
        served, target, sarif(served, accepted, found("src/app.py", 5, suppressions=[{"kind": "inSource"}]))
    )
    assert places(result) == ["src/app.py:5"]
    assert "without a reason" in result["findings"][0]["message"]
    assert "cannot be reached" in json.dumps(result["evidence"])


@BOTH
def test_what_the_change_accepts_in_its_own_code_is_its_authors_word(served: World, target: str) -> None:
    """A comment beside the line, `# nosemgrep: because`, is written by whoever wrote the line."""
    own = found("src/app.py", 4, suppressions=[{"kind": "inSource", "justification": "because"}])
    result = judged(served, target, sarif(served, own))
    assert places(result) == ["src/app.py:4"]
    assert "who is the author" in result["findings"][0]["message"]


@BOTH
def test_a_named_tool_whose_file_is_not_given_again_has_not_looked(served: World, target: str) -> None:
    """Judged again without the file, by a schedule or a comment, what it has found must not turn green."""
    policy = served.write("named.yml", POLICY.replace("block}", "block, with: {tools: [Semgrep]}}"))
    file = sarif(served, found("src/app.py", 4))
    assert served.call("gate", target, "--config", policy, "--sarif", file).code == 1
    again = served.call("gate", target, "--config", policy)
    assert again.code != 0, again.out


@BOTH
def test_the_files_of_another_commit_tell_nothing(served: World, target: str) -> None:
    result = judged(served, target, sarif(served, versionControlProvenance=[{"revisionId": "f" * 40}]))
    assert result["outcome"] == "unknown"
    assert "looked at ffffffffffff" in json.dumps(result["unknown"])
    assert result["unknown"]["fact"] == "introduced_alerts"
    head = served.sandbox.world.repository("acme", "payments").pull_requests[12].head  # type: ignore[union-attr]
    result = judged(served, target, sarif(served, versionControlProvenance=[{"revisionId": head[:10].upper()}]))
    assert result["outcome"] == "pass"
    assert "Semgrep, of the head" in json.dumps(result)


def test_a_job_knows_which_commit_its_files_are_of(served: World, tmp_path: Path) -> None:
    head = served.sandbox.world.repository("acme", "payments").pull_requests[12].head  # type: ignore[union-attr]
    merge = "e" * 40
    file = sarif(served, versionControlProvenance=[{"revisionId": merge}])
    silent = sarif(served, name="silent.sarif")
    for given, at, outcome in (
        (file, head, "pass"),
        (file, "d" * 40, "unknown"),
        (silent, head, "pass"),
        (silent, "d" * 40, "unknown"),
    ):
        payload = {
            "action": "synchronize",
            "number": 12,
            "pull_request": {
                "number": 12,
                "state": "open",
                "head": {"sha": at, "repo": {"id": 1}},
                "base": {"ref": "main", "sha": "c" * 40, "repo": {"id": 1}},
            },
            "repository": {"full_name": "acme/payments", "id": 1},
        }
        environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": served.write("event.json", json.dumps(payload)),
            "GITHUB_REPOSITORY": "acme/payments",
            "GITHUB_SHA": merge,
        }
        result = judged(served, "", given, environ=environ)
        assert result["outcome"] == outcome, result


def test_a_job_that_has_checked_out_the_base_proves_nothing_of_the_head(served: World) -> None:
    head = served.sandbox.world.repository("acme", "payments").pull_requests[12].head  # type: ignore[union-attr]
    base = "e" * 40
    payload = {
        "action": "synchronize",
        "number": 12,
        "pull_request": {
            "number": 12,
            "state": "open",
            "head": {"sha": head, "repo": {"id": 1}},
            "base": {"ref": "main", "sha": base, "repo": {"id": 1}},
        },
        "repository": {"full_name": "acme/payments", "id": 1},
    }
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request_target",
        "GITHUB_EVENT_PATH": served.write("event.json", json.dumps(payload)),
        "GITHUB_REPOSITORY": "acme/payments",
        "GITHUB_SHA": base,
    }
    named = sarif(served, versionControlProvenance=[{"revisionId": base}])
    assert judged(served, "", named, environ=environ)["outcome"] == "unknown"
    silent = judged(served, "", sarif(served), environ=environ)
    assert "of which commit is not told" in json.dumps(silent["evidence"])


@BOTH
def test_which_lines_are_changed_may_be_unknown(served: World, target: str) -> None:
    served.fault(match="pulls/12/files" if target is GITHUB else "blobs", kind="status", status=403, times=9)
    result = judged(served, target, sarif(served, found("src/app.py", 4)))
    assert result["outcome"] == "unknown"
    assert "which results are in changed lines is not known" in json.dumps(result["unknown"])


@BOTH
def test_lines_are_read_only_where_they_matter(served: World, target: str) -> None:
    def asked() -> bool:
        return any("pulls/12/files" in entry["path"] or "blobs" in entry["path"] for entry in served.ledger())

    judged(served, target, sarif(served, found("src/app.py", 4, baselineState="new")))
    assert not asked()
    judged(served, target, sarif(served, found("src/app.py", 4)))
    assert asked()


@pytest.mark.parametrize("target", ["github:acme/payments", "ado:acme/Payments/payments"])
def test_a_repository_is_audited_by_a_file(served: World, target: str) -> None:
    since = {"provenance": {"firstDetectionTimeUtc": "2020-01-01T00:00:00Z"}}
    policy = served.write("found.yml", POLICY)
    file = sarif(served, found("src/app.py", 4, **since))
    ended = served.call("audit", target, "--config", policy, "--sarif", file, "--format", "json")
    assert ended.code == 1, ended.out + ended.err
    (result,) = ended.json()["results"]
    assert places(result) == ["src/app.py:4"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gate", GITHUB, "--sarif", "nowhere.sarif"), "nowhere.sarif: it cannot be read"),
        (("gate", GITHUB, "--sarif", "bad.sarif"), "bad.sarif: /runs/0/results/0/level: 'awful' is none of"),
        (("gate", GITHUB, "github:acme/payments#13", "--sarif", "good.sarif"), "about one commit"),
        (("gate", "github:acme/payments", "--all-open", "--sarif", "good.sarif"), "about one commit"),
        (("audit", "github:acme/payments", "github:acme", "--sarif", "good.sarif"), "about one commit"),
    ],
)
def test_what_cannot_be_gone_by_is_refused(
    served: World, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(served.folder)
    sarif(served, {"level": "awful"}, name="bad.sarif")
    sarif(served, name="good.sarif")
    ended = served.call(*arguments)
    assert ended.code == 2, ended.err
    assert words in ended.err


def test_files_that_nobody_goes_by_are_said(served: World) -> None:
    policy = served.write("found.yml", POLICY.replace("code-alerts", "approvals"))
    ended = served.call("gate", GITHUB, "--config", policy, "--dry-run", "--sarif", sarif(served))
    assert "No rule asks for alerts" in ended.out + ended.err
