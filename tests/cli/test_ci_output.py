"""What a gate tells the job of a CI system that it runs in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import World, demo_scenario
from tests.cli.test_annotations import AZURE, GITHUB, check_runs, configuration

ERROR = (
    "::error file=src/retry.py,title=located/no-retry (medium)::"
    "Retry a charge that timed out retries.%0AWhat to do: Do not."
)


def actions(world: World, **more: str) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": world.write("output", ""),
        "GITHUB_STEP_SUMMARY": world.write("summary.md", ""),
        **more,
    }


def pipelines(world: World, **more: str) -> dict[str, str]:
    return {"TF_BUILD": "True", "SYSTEM_HOSTTYPE": "build", "AGENT_TEMPDIRECTORY": str(world.folder / "temp"), **more}


def outputs(environ: dict[str, str]) -> dict[str, str]:
    lines = Path(environ["GITHUB_OUTPUT"]).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def commands(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("##vso[")]


def test_on_github_actions_the_check_run_shows_the_findings(demo: World) -> None:
    environ, report = actions(demo), demo.folder / "almguard.json"
    ended = demo.call("gate", GITHUB, "--config", configuration(demo), "--output", f"json:{report}", environ=environ)
    assert ended.code == 1
    told = outputs(environ)
    assert (told["verdict"], told["exit-code"], told["report"]) == ("blocked", "1", str(report))
    assert "::" not in ended.out + ended.err
    assert check_runs(demo)[0]["output"]["annotations_count"] == 1
    told = json.loads(outputs(environ)["summary"])
    assert (told["verdict"], told["exit_code"], told["verdicts"], told["findings"]) == ("blocked", 1, {"blocked": 1}, 1)
    assert (told["complete"], told["outcomes"]["fail"]) == (True, 1)
    assert "Blocked" in Path(environ["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")


@pytest.mark.parametrize("how", ["no check run for this token", "nothing is posted"])
def test_where_no_check_run_shows_them_the_log_does(world: Any, how: str) -> None:
    scenario = demo_scenario() | {"tokens": {"sandbox-token": {"kind": "pat", "person": "olga"}}}
    served: World = world(scenario)
    options = ["--dry-run"] if how == "nothing is posted" else []
    ended = served.call("gate", GITHUB, "--config", configuration(served), *options, environ=actions(served))
    assert ended.code == 1, ended.err
    assert ERROR in ended.out.splitlines()


def test_outside_of_a_job_it_tells_nothing(demo: World) -> None:
    ended = demo.call("gate", GITHUB, "--config", configuration(demo), "--dry-run")
    assert "::error" not in ended.out + ended.err


def test_on_azure_pipelines_the_log_tells_findings_tags_and_variables(demo: World) -> None:
    report = demo.folder / "almguard.json"
    ended = demo.call(
        "gate", AZURE, "--config", configuration(demo), "--output", f"json:{report}", environ=pipelines(demo)
    )
    assert ended.code == 1, ended.err
    issue, summary, tag, verdict, code, told, path = commands(ended.out)
    assert issue == (
        "##vso[task.logissue type=error;sourcepath=src/retry.py;code=located/no-retry;]"
        "Retry a charge that timed out retries. What to do: Do not."
    )
    assert summary.startswith("##vso[task.uploadsummary]")
    assert "Blocked" in Path(summary.partition("]")[2]).read_text(encoding="utf-8")
    assert tag == "##vso[build.addbuildtag]almguard-blocked"
    assert verdict == "##vso[task.setvariable variable=verdict;isOutput=true;]blocked"
    assert code == "##vso[task.setvariable variable=exitCode;isOutput=true;]1"
    assert json.loads(told.partition("]")[2])["verdict"] == "blocked"
    assert path == f"##vso[task.setvariable variable=report;isOutput=true;]{report}"


def test_a_report_on_stdout_stays_whole(demo: World) -> None:
    ended = demo.call(
        "gate", AZURE, "--config", configuration(demo), "--dry-run", "--format", "json", environ=pipelines(demo)
    )
    assert ended.json()["gate"]["verdict"] == "blocked"
    assert commands(ended.err)[0].split(" ")[0] == "##vso[task.logissue"
    assert "addbuildtag" not in ended.err, "a dry run leaves no tag"


def test_a_classic_release_has_no_tags(demo: World) -> None:
    environ = pipelines(demo, SYSTEM_HOSTTYPE="release")
    assert "addbuildtag" not in demo.call("gate", AZURE, "--config", configuration(demo), environ=environ).out


def test_never_means_the_log_too(demo: World) -> None:
    never = configuration(demo, annotations="never")
    assert "logissue" not in demo.call("gate", AZURE, "--config", never, environ=pipelines(demo)).out


def test_threads_are_on_their_lines(demo: World) -> None:
    threads = configuration(demo, annotations="threads")
    for _ in range(2):
        assert demo.call("gate", AZURE, "--config", threads).code == 1
    (found,) = [
        thread
        for pull_request in demo.state()["repositories"]["acme/payments"]["pull_requests"]
        for thread in pull_request["ado_threads"]
        if thread["path"]
    ]
    assert (found["path"], found["status"]) == ("src/retry.py", "active")


def test_no_title_makes_a_command(world: Any) -> None:
    scenario = demo_scenario()
    (twelve,) = [one for one in scenario["repositories"][0]["pull_requests"] if one["number"] == 12]
    twelve["title"] = "a ##vso[task.complete result=Succeeded;]x %0A::error::boom ]; ##[error]y"
    served: World = world(scenario)
    ended = served.call("gate", AZURE, "--config", configuration(served), "--dry-run", environ=pipelines(served))
    names = [line.partition("[")[2].split(" ")[0].partition("]")[0] for line in commands(ended.out)]
    assert names == ["task.logissue", "task.uploadsummary", *["task.setvariable"] * 3]
    assert ended.out.count("##vso[") == len(names)
    assert "##[" not in ended.out
    ended = served.call("gate", GITHUB, "--config", configuration(served), "--dry-run", environ=actions(served))
    assert [line for line in ended.out.splitlines() if "::" in line] == [
        line for line in ended.out.splitlines() if line.startswith("::error file=src/retry.py,")
    ]


def test_a_full_summary_takes_one_line_more(demo: World) -> None:
    environ = actions(demo)
    path = Path(environ["GITHUB_STEP_SUMMARY"])
    path.write_text("é" * 500_000, encoding="utf-8")
    assert demo.call("gate", GITHUB, "--config", configuration(demo), "--dry-run", environ=environ).code == 1
    assert path.stat().st_size < 1024 * 1024
    assert path.read_text(encoding="utf-8").lstrip("é").startswith("Blocked")


def test_a_summary_that_cannot_be_written_is_told(demo: World) -> None:
    environ = actions(demo, GITHUB_STEP_SUMMARY=str(demo.folder / "missing" / "summary.md"))
    ended = demo.call("gate", GITHUB, "--config", configuration(demo), "--dry-run", environ=environ)
    assert ended.code == 2
    assert "it cannot be written" in ended.err
