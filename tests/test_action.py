"""The action, the workflows and the pipeline templates: well-formed, pinned, least permissions, nothing interpolated."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = [
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
    *sorted((ROOT / "templates" / "pipelines").glob("github-*.yml")),
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


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_gives_the_action_nothing_that_it_does_not_take(path: Path) -> None:
    inputs = set(read(ROOT / "action.yml")["inputs"])  # type: ignore[call-overload]
    for step in steps(read(path)):
        if step.get("uses") == "./" or str(step.get("uses", "")).startswith("almguard/almguard@"):
            assert set(step.get("with", {})) <= inputs  # type: ignore[call-overload]


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


def test_the_azure_template_has_no_version_of_its_own() -> None:
    template = read(ROOT / "templates" / "pipelines" / "azure-gate.yml")
    assert [one["name"] for one in template["parameters"] if "default" not in one] == ["package"]  # type: ignore[attr-defined]


def test_the_azure_template_maps_the_token_and_loses_no_exit_code() -> None:
    template = read(ROOT / "templates" / "pipelines" / "azure-gate.yml")
    judge = [step for step in steps(template) if "gate" in str(step.get("bash"))][-1]
    assert judge["env"]["SYSTEM_ACCESSTOKEN"] == "$(System.AccessToken)"  # type: ignore[index]
    assert str(judge["bash"]).rstrip().endswith('exit "$code"')


PYTHON = """#!/bin/sh
[ "$1 $2 $3 $4 $5" = "-I -X utf8 -m bot" ] || exit 99
shift 5
printf '%s\\n' "$@" > "$SEEN"
for argument in "$@"; do
  [ -z "$NO_REPORT" ] || continue
  case $argument in json:*) [ "$CODE" -ge 6 ] || [ "$CODE" = 2 ] || echo '{}' > "${argument#json:}" ;; esac
done
[ -z "$POSTS" ] || echo "acme/payments#12" >> "$ALMGUARD_POSTED_FILE"
[ -z "$REFUSED" ] || : > "$ALMGUARD_POSTED_FILE"
exit "$CODE"
"""


def gate(tmp_path: Path, code: int, **inputs: str) -> tuple[int, dict[str, str], list[str], str]:
    """Run the action's second step with a program that only records how it was called."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    python = programs / "python"
    python.write_text(PYTHON, encoding="utf-8")
    python.chmod(0o755)
    output, seen = tmp_path / "output", tmp_path / "seen"
    output.write_text("", encoding="utf-8")
    seen.write_text("", encoding="utf-8")
    environ = {
        "PATH": os.environ["PATH"],
        "ALMGUARD_PYTHON": str(python),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_WORKSPACE": "/workspace",
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
    returned, outputs, _, said = gate(tmp_path, code, IN_TARGETS="github:acme/payments#12", POSTS="1")
    assert returned == 0, said
    assert outputs == {"verdict": verdict, "exit-code": str(code), "report": str(tmp_path / "almguard-report.json")}


@pytest.mark.parametrize("code", CODES)
def test_where_nothing_is_posted_the_step_is_the_verdict(tmp_path: Path, code: int) -> None:
    pull = "github:acme/payments#12"
    assert gate(tmp_path, code, IN_TARGETS=pull)[0] == code
    assert gate(tmp_path, code)[0] == code
    assert gate(tmp_path, code, POSTS="1")[0] == 0
    # What an earlier step of the job posted is not this one's.
    assert gate(tmp_path, code)[0] == code
    assert gate(tmp_path, code, IN_TARGETS="github:acme/payments@v1")[0] == code
    assert gate(tmp_path, code, IN_TARGETS=f"{pull} github:acme/payments@v1", POSTS="1")[0] == code
    assert gate(tmp_path, code, IN_TARGETS=pull, IN_DRY_RUN="true")[0] == code
    assert gate(tmp_path, code, IN_TARGETS=pull, IN_FAIL_STEP="always", POSTS="1")[0] == code
    assert gate(tmp_path, code, IN_TARGETS="github:acme/payments@v1", IN_FAIL_STEP="never")[0] == 0


@pytest.mark.parametrize("mode", ["auto", "always", "never"])
def test_an_event_that_leaves_nothing_to_judge_is_skipped(tmp_path: Path, mode: str) -> None:
    returned, outputs, _, said = gate(tmp_path, 0, IN_FAIL_STEP=mode, NO_REPORT="1")
    assert (returned, outputs) == (0, {"verdict": "skipped", "exit-code": "0"})
    assert "::error" not in said


@pytest.mark.parametrize("mode", ["auto", "always", "never"])
@pytest.mark.parametrize("code", [1, 3, 4, 5])
def test_without_a_report_no_exit_code_is_a_verdict(tmp_path: Path, mode: str, code: int) -> None:
    # Two pull requests of one event, say, and only the first took its verdict.
    returned, outputs, _, said = gate(tmp_path, code, IN_FAIL_STEP=mode, NO_REPORT="1", POSTS="1")
    assert (returned, outputs) == (2, {"verdict": "error", "exit-code": str(code)})
    assert "::error title=almguard::Nothing was judged" in said


@pytest.mark.parametrize("mode", ["auto", "always", "never"])
@pytest.mark.parametrize("code", [1, 3])
def test_a_verdict_that_could_not_be_posted_is_an_error_with_a_report(tmp_path: Path, mode: str, code: int) -> None:
    returned, outputs, _, said = gate(tmp_path, code, IN_FAIL_STEP=mode, REFUSED="1")
    assert (returned, outputs["verdict"], outputs["exit-code"]) == (2, "error", str(code))
    assert outputs["report"] == str(tmp_path / "almguard-report.json")
    assert "::error title=almguard::Not everything was judged" in said


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
    expected = ["gate", "--format", "json", "--output", f"json:{report}", "--config", f"/workspace/{hostile}"]
    assert seen == [*expected, "--environment", hostile, "--", "github:a/b#1", "ado:o/p/r!2"]
    assert not list(tmp_path.glob("**/pwned"))


def test_lists_may_stand_on_several_lines(tmp_path: Path) -> None:
    _, _, seen, _ = gate(
        tmp_path, 0, IN_SARIF="a.sarif\nb.sarif\n", IN_TARGETS="\ngithub:a/b#1\n  ado:o/p/r!2 github:a/b@v1\n"
    )
    assert seen[5:] == [
        *("--sarif", "/workspace/a.sarif", "--sarif", "/workspace/b.sarif"),
        *("--", "github:a/b#1", "ado:o/p/r!2", "github:a/b@v1"),
    ]


@pytest.mark.parametrize("release", ["github:a/b@v1#2", "ado:o/p/r@1!2", "https://github.com/a/b/releases/tag/v1#2"])
def test_a_release_with_a_signed_name_is_the_verdict_all_the_same(tmp_path: Path, release: str) -> None:
    assert gate(tmp_path, 1, IN_TARGETS=f"github:a/b#1 {release}", POSTS="1")[0] == 1


@pytest.mark.parametrize("wrong", [{"IN_FAIL_STEP": "sometimes"}, {"IN_DRY_RUN": "yes"}])
def test_wrong_inputs_are_refused_before_anything_is_judged(tmp_path: Path, wrong: dict[str, str]) -> None:
    returned, _, seen, said = gate(tmp_path, 0, **wrong)
    assert (returned, seen) == (2, [])
    assert "::error title=almguard::The input" in said


BACKEND = """
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("bot/__init__.py", "")
        wheel.writestr("bot/__main__.py", PROGRAM)
        wheel.writestr("sample-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: sample\\nVersion: 1.0\\n")
        wheel.writestr("sample-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("sample-1.0.dist-info/RECORD", "")
    return name
PROGRAM = '''
import os, sys
with open(os.environ["RAN"], "w") as file: file.write(os.getcwd())
for argument in sys.argv:
    if argument.startswith(("json:", "markdown:")):
        with open(argument.partition(":")[2], "w") as file: file.write("{}")
'''
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that can be installed without a network, and whose program says that it ran, and where."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "sample"\nversion = "1.0"\n',
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A checkout whose modules have the names that Python would take from the current folder."""
    folder = tmp_path / "checkout"
    trap = f"open({str(tmp_path / 'pwned')!r}, 'a').write(__file__)\n"
    for name in ("pip", "venv", "ensurepip", "bot", "sys", "encodings"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(trap, encoding="utf-8")
        (folder / name / "__main__.py").write_text(trap, encoding="utf-8")
    for name in ("sitecustomize.py", "usercustomize.py", "os.py", "json.py"):
        (folder / name).write_text(trap, encoding="utf-8")
    return folder


def bash(script: list[str], cwd: Path, environ: dict[str, str]) -> None:
    assert BASH
    done = subprocess.run([BASH, *script], cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_action_executes_nothing_of_the_checkout(tmp_path: Path, package: Path, hostile: Path) -> None:
    output, ran = tmp_path / "output", tmp_path / "ran"
    output.write_text("", encoding="utf-8")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ALMGUARD_SOURCE": str(package),
        "ALMGUARD_PYTHON": sys.executable,
        "GITHUB_OUTPUT": str(output),
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "RAN": str(ran),
    }
    (tmp_path / "runner").mkdir()
    scripts = ROOT / ".github" / "action"
    bash([str(scripts / "install.sh")], hostile, environ)
    environ["ALMGUARD_PYTHON"] = output.read_text(encoding="utf-8").strip().removeprefix("python=")
    bash([str(scripts / "gate.sh")], hostile, environ)
    assert "verdict=passed" in output.read_text(encoding="utf-8")
    assert not Path(ran.read_text(encoding="utf-8")).is_relative_to(hostile)
    assert not (tmp_path / "pwned").exists(), (tmp_path / "pwned").read_text(encoding="utf-8")


def test_the_azure_template_executes_nothing_of_the_checkout(tmp_path: Path, package: Path, hostile: Path) -> None:
    programs, ran = tmp_path / "bin", tmp_path / "ran"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    (programs / "python").chmod(0o755)
    environ = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "AGENT_TEMPDIRECTORY": str(tmp_path / "agent"),
        "ALMGUARD_PACKAGE": str(package),
        "ALMGUARD_GATE_CONFIG": "",
        "ALMGUARD_DRY_RUN": "False",
        "ALMGUARD_EXIT_ZERO": "False",
        "RAN": str(ran),
        # A variable of the pipeline, which says no more where a package comes from: pip would fail.
        "ALMGUARD_GATE_ENVIRONMENT": "production",
        "PIP_CONSTRAINT": "/absent",
    }
    (tmp_path / "agent").mkdir()
    for step in steps(read(ROOT / "templates" / "pipelines" / "azure-gate.yml")):
        if "bash" in step:
            bash(["-c", str(step["bash"])], hostile, environ)
    assert not Path(ran.read_text(encoding="utf-8")).is_relative_to(hostile)
    assert not (tmp_path / "pwned").exists(), (tmp_path / "pwned").read_text(encoding="utf-8")


@pytest.mark.parametrize(("posted", "report", "returned"), [(True, True, 0), (False, True, 1), (True, False, 1)])
def test_azure_forgives_a_blocked_verdict_only_where_it_was_posted(
    tmp_path: Path, posted: bool, report: bool, returned: int
) -> None:
    python = tmp_path / "almguard" / "python" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/bin/sh\n"
        + ('echo x >"$ALMGUARD_POSTED_FILE"\n' if posted else "")
        + ('echo x >"$AGENT_TEMPDIRECTORY/almguard.json"\n' if report else "")
        + "exit 1\n",
        encoding="utf-8",
    )
    python.chmod(0o755)
    judge = [step for step in steps(read(ROOT / "templates" / "pipelines" / "azure-gate.yml")) if "bash" in step][-1]
    environ = {
        "PATH": os.environ["PATH"],
        "AGENT_TEMPDIRECTORY": str(tmp_path),
        "ALMGUARD_GATE_CONFIG": "",
        "ALMGUARD_DRY_RUN": "False",
        "ALMGUARD_EXIT_ZERO": "True",
    }
    assert BASH
    assert subprocess.run([BASH, "-c", str(judge["bash"])], env=environ, check=False).returncode == returned
