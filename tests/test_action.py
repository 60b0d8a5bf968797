"""The action, the workflows and the pipeline templates: well-formed, pinned, least permissions, nothing interpolated."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = [
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
    ROOT / "templates" / "pipelines" / "github-gate.yml",
]
SCRIPTS = sorted((ROOT / ".github" / "action").glob("*.sh"))
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")
BASH = shutil.which("bash")


def read(path: Path) -> dict[str, object]:
    # BaseLoader: YAML 1.1 reads the key `on` as true.
    loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert isinstance(loaded, dict)
    return loaded


def steps(document: object) -> Iterator[dict[str, object]]:
    if isinstance(document, dict):
        if "run" in document or "uses" in document or "bash" in document:
            yield document
        for value in document.values():
            yield from steps(value)
    elif isinstance(document, list):
        for value in document:
            yield from steps(value)


ALL = [*WORKFLOWS, ROOT / "action.yml", ROOT / "templates" / "pipelines" / "azure-gate.yml"]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_no_script_has_text_put_into_it(path: Path) -> None:
    found = list(steps(read(path)))
    assert found
    for step in found:
        for key in ("run", "bash"):
            assert "${{" not in str(step.get(key, "")), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_and_says_which_version(path: Path) -> None:
    for step in steps(read(path)):
        used = step.get("uses")
        # Its own action: the checkout itself, or, in the file that users copy, the ref that they are told to pin.
        if used is None or used == "./" or str(used).startswith("almguard/almguard@"):
            continue
        assert PINNED.match(str(used)), used
        assert re.search(re.escape(str(used)) + r" # v\d+\.\d+\.\d+$", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_permissions_are_least(path: Path) -> None:
    document = read(path)
    assert document["permissions"] in ({}, {"contents": "read"})
    for job in document["jobs"].values():  # type: ignore[attr-defined]
        assert job["timeout-minutes"]
        granted = job.get("permissions", {})
        assert granted.get("contents", "read") == "read"
        written = {name for name, access in granted.items() if access == "write"}
        assert written <= {"checks", "statuses", "pull-requests"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_can_write_never_checks_out_the_pull_request(path: Path) -> None:
    document = read(path)
    triggers = document["on"]
    for step in steps(document):
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            chosen = step["with"]
            assert isinstance(chosen, dict)
            assert chosen["persist-credentials"] == "false"
            if "pull_request_target" in triggers:  # type: ignore[operator]
                assert "base" in chosen["ref"]
                assert "head" not in chosen["ref"]


def test_the_action_reads_every_input_from_a_variable() -> None:
    action = read(ROOT / "action.yml")
    variables = " ".join(str(step.get("env", {})) for step in steps(action))
    for name in action["inputs"]:  # type: ignore[attr-defined]
        assert f"inputs.{name} " in variables, name
    for output in action["outputs"].values():  # type: ignore[attr-defined]
        assert output["value"].startswith("${{ steps.gate.outputs.")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_are_bash(path: Path) -> None:
    assert BASH
    assert subprocess.run([BASH, "-n", str(path)], check=False, capture_output=True).returncode == 0


def test_the_azure_template_maps_the_token_and_loses_no_exit_code() -> None:
    template = read(ROOT / "templates" / "pipelines" / "azure-gate.yml")
    judge = [step for step in steps(template) if "gate" in str(step.get("bash"))][-1]
    assert judge["env"]["SYSTEM_ACCESSTOKEN"] == "$(System.AccessToken)"  # type: ignore[index]
    assert str(judge["bash"]).rstrip().endswith('exit "$code"')


ALMGUARD = """#!/bin/sh
printf '%s\\n' "$@" > "$SEEN"
for argument in "$@"; do
  case $argument in json:*) [ "$CODE" -ge 6 ] || [ "$CODE" = 2 ] || echo '{}' > "${argument#json:}" ;; esac
done
exit "$CODE"
"""


def gate(tmp_path: Path, code: int, **inputs: str) -> tuple[int, dict[str, str], list[str], str]:
    """Run the action's second step with a program that only records how it was called."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    command = programs / "almguard"
    command.write_text(ALMGUARD, encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    python = programs / "python"
    python.unlink(missing_ok=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    output, seen = tmp_path / "output", tmp_path / "seen"
    output.write_text("", encoding="utf-8")
    seen.write_text("", encoding="utf-8")
    environ = {
        "PATH": os.environ["PATH"],
        "ALMGUARD_COMMAND": str(command),
        "GITHUB_OUTPUT": str(output),
        "RUNNER_TEMP": str(tmp_path),
        "SEEN": str(seen),
        "CODE": str(code),
        **{key: value for key, value in inputs.items() if key.isupper() and not key.startswith("IN_")},
        **{f"ALMGUARD_INPUT_{key[3:]}": value for key, value in inputs.items() if key.startswith("IN_")},
    }
    assert BASH
    done = subprocess.run(
        [BASH, str(ROOT / ".github" / "action" / "gate.sh")], env=environ, capture_output=True, text=True, check=False
    )
    outputs = dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())
    return done.returncode, outputs, seen.read_text(encoding="utf-8").splitlines(), done.stdout + done.stderr


CODES = {0: "passed", 1: "blocked", 3: "inconclusive", 4: "empty", 5: "waiting"}


@pytest.mark.parametrize(("code", "verdict"), CODES.items())
def test_the_step_succeeds_where_the_check_tells_the_verdict(tmp_path: Path, code: int, verdict: str) -> None:
    returned, outputs, _, said = gate(tmp_path, code, IN_TARGETS="github:acme/payments#12")
    assert returned == 0, said
    assert outputs == {"verdict": verdict, "exit-code": str(code), "report": str(tmp_path / "almguard-report.json")}


@pytest.mark.parametrize("code", CODES)
def test_where_nothing_is_posted_the_step_is_the_verdict(tmp_path: Path, code: int) -> None:
    assert gate(tmp_path, code, IN_TARGETS="github:acme/payments@v1")[0] == code
    assert gate(tmp_path, code, IN_TARGETS="github:acme/payments#12", IN_DRY_RUN="true")[0] == code
    assert gate(tmp_path, code, IN_TARGETS="github:acme/payments#12", IN_FAIL_STEP="always")[0] == code
    assert gate(tmp_path, code, IN_TARGETS="github:acme/payments@v1", IN_FAIL_STEP="never")[0] == 0


@pytest.mark.parametrize(("fork", "returned"), [(False, 0), (True, 1)])
def test_a_fork_is_told_by_the_step(tmp_path: Path, fork: bool, returned: int) -> None:
    pull = {
        "number": 12,
        "state": "open",
        "head": {"sha": "a" * 40, "repo": {"id": 2 if fork else 1}},
        "base": {"ref": "main", "repo": {"id": 1}},
    }
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps({"action": "opened", "pull_request": pull}), encoding="utf-8")
    event = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(payload),
        "GITHUB_REPOSITORY": "acme/payments",
    }
    assert gate(tmp_path, 1, **event)[0] == returned


@pytest.mark.parametrize("mode", ["auto", "always", "never"])
@pytest.mark.parametrize("code", [2, 127, 130])
def test_what_was_not_judged_always_fails_and_leaves_no_old_report(tmp_path: Path, mode: str, code: int) -> None:
    (tmp_path / "almguard-report.json").write_text("old", encoding="utf-8")
    returned, outputs, _, _ = gate(tmp_path, code, IN_FAIL_STEP=mode, IN_TARGETS="github:acme/payments#12")
    assert (returned, outputs["verdict"]) == (2, "error")
    assert "report" not in outputs


def test_inputs_arrive_as_they_are(tmp_path: Path) -> None:
    hostile = '"; touch pwned; $(touch pwned) `touch pwned` *'
    _, _, seen, _ = gate(
        tmp_path, 0, IN_CONFIG=hostile, IN_ENVIRONMENT=hostile, IN_TARGETS="github:a/b#1 ado:o/p/r!2", IN_FORMAT="json"
    )
    report = str(tmp_path / "almguard-report.json")
    expected = ["gate", "--format", "json", "--output", f"json:{report}", "--config", hostile, "--environment", hostile]
    assert seen == [*expected, "--", "github:a/b#1", "ado:o/p/r!2"]
    assert not list(tmp_path.glob("**/pwned"))


@pytest.mark.parametrize("wrong", [{"IN_FAIL_STEP": "sometimes"}, {"IN_DRY_RUN": "yes"}])
def test_wrong_inputs_are_refused_before_anything_is_judged(tmp_path: Path, wrong: dict[str, str]) -> None:
    returned, _, seen, said = gate(tmp_path, 0, **wrong)
    assert (returned, seen) == (2, [])
    assert "::error title=almguard::The input" in said
