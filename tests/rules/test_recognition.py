"""Which analyzers pipelines run, and whether they gate: the hard cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model.facts.change import Check, CheckState
from bot.model.facts.pipelines import Job, PipelineDefinition, Step, Trigger
from bot.platforms.pipelines import github_workflow
from bot.policy.catalogue import load_catalogue
from bot.rules.build_test.ending import newest
from bot.rules.build_test.entry import entry, filtered, touches
from bot.rules.build_test.expected_checks import expected
from bot.rules.build_test.launchers import launched
from bot.rules.build_test.recognition import Recognition, recognise, recognise_apps

CATALOGUE = load_catalogue().analyzers
PATH = ".github/workflows/ci.yml"


def pipeline(*steps: Step, **changes: object) -> PipelineDefinition:
    definition = PipelineDefinition(
        PATH, "CI", triggers=(Trigger("pull_request"),), jobs=(Job("check", 3, tuple(steps), check_name="check"),)
    )
    return replace(definition, **changes)  # type: ignore[arg-type]


def look(*steps: Step, texts: Mapping[str, str] | None = None, **changes: object) -> Recognition:
    return recognise([pipeline(*steps, **changes)], texts or {}, CATALOGUE, "main")


def run(script: str, texts: Mapping[str, str] | None = None, **changes: object) -> dict[str, bool]:
    """The tools that a script runs, and whether each gates."""
    found = look(Step(5, run=script), texts=texts, **changes)
    return {sighting.analyzer.id: sighting.gates for sighting in found.sightings}


@pytest.mark.parametrize(
    ("script", "tool"),
    [
        ("ruff check .", "ruff"),
        ("uvx ruff@0.9.1 check", "ruff"),
        ("uv run --frozen --group lint ruff check src", "ruff"),
        ("uv tool run ruff check", "ruff"),
        ("python -m mypy src", "mypy"),
        ("python3.12 -X dev -m mypy", "mypy"),
        ("poetry run python -m pylint src", "pylint"),
        ("npx --yes eslint@9 .", "eslint"),
        ("npx --package=eslint eslint .", "eslint"),
        ("pnpm exec eslint", "eslint"),
        ("yarn eslint src", "eslint"),
        ("./node_modules/.bin/eslint .", "eslint"),
        ("sudo -u ci env A=b timeout 60 nice semgrep ci", "semgrep"),
        ("CI=true time bandit -r src", "bandit"),
        ("pipx run --spec bandit[toml] bandit -r .", "bandit"),
        ("docker run --rm -v $PWD:/src -w /src zricethezav/gitleaks:v8 detect --source=/src", "gitleaks"),
        ("docker run --rm returntocorp/semgrep semgrep ci", "semgrep"),
        ("docker run -i hadolint/hadolint < Dockerfile", "hadolint"),
        ("docker run --rm -v .:/app python:3.12 ruff check /app", "ruff"),
        ("go run github.com/securego/gosec/v2/cmd/gosec@latest ./...", "gosec"),
        ("go vet ./...", "go-vet"),
        ("cargo +nightly clippy -- -D warnings", "clippy"),
        ("./gradlew --no-daemon build detekt", "detekt"),
        ("mvn -B verify com.github.spotbugs:spotbugs-maven-plugin:spotbugs:check", "spotbugs"),
        ("bundle exec rubocop", "rubocop"),
        ("vendor/bin/phpstan analyse", "phpstan"),
        ("git diff --name-only | xargs -r shellcheck", "shellcheck"),
        ("bash -ec 'cd web; npx eslint .'", "eslint"),
        ("if [ -d src ]; then\n  mypy src\nfi", "mypy"),
        ("npm --prefix web audit --audit-level=high", "npm-audit"),
        ("ruff --config x.toml check .", "ruff"),
        ("trivy fs --exit-code 1 .", "trivy-filesystem"),
        ("semgrep scan --error --config auto", "semgrep"),
        ("dotnet format --verify-no-changes", "dotnet-format"),
        ("Invoke-ScriptAnalyzer -Path . -Recurse -EnableExit", "psscriptanalyzer"),
    ],
)
def test_commands_that_gate(script: str, tool: str):
    assert run(script).get(tool) is True, run(script)


@pytest.mark.parametrize(
    "script",
    [
        "echo semgrep ci",
        "# semgrep ci",
        "pip install ruff semgrep bandit",
        "npm install -g eslint",
        "cat <<EOF\nsemgrep ci\nEOF",
        "which semgrep",
        "ruff format --check .",
        "npm run audit",
        "git commit -m 'semgrep ci'",
        "go build ./vet",
        "cargo build clippy",
        "docker pull zricethezav/gitleaks",
        "test -x semgrep",
        "trivy --version",
        "gitleaks version",
    ],
)
def test_what_is_no_analysis(script: str):
    assert run(script) == {}


@pytest.mark.parametrize(
    ("script", "tool"),
    [
        ("ruff check --exit-zero", "ruff"),
        ("ruff check || true", "ruff"),
        ("flake8 | tee report.txt", "flake8"),
        ("checkov -d . --soft-fail", "checkov"),
        ("trivy image app", "trivy"),
        ("trivy image --exit-code 0 app", "trivy"),
        ("semgrep scan --config auto", "semgrep"),
        ("trufflehog git file://.", "trufflehog"),
        ("set +e\nmypy\necho done", "mypy"),
    ],
)
def test_commands_that_do_not_gate(script: str, tool: str):
    assert run(script) == {tool: False}


def test_an_azure_script_counts_by_its_last_command():
    azure = {"format": "azure", "triggers": (Trigger("pull_request", blocking=True),)}
    assert run("ruff check\nmypy", **azure) == {"ruff": False, "mypy": True}
    assert run("set -e\nruff check\nmypy", **azure) == {"ruff": True, "mypy": True}


def test_pipes_fail_in_a_shell_with_pipefail():
    found = look(Step(5, run="flake8 | tee log", shell="bash"))
    assert [each.gates for each in found.sightings] == [True]


MAKEFILE = dedent(
    """\
    PYTHON ?= python
    RUN := uv run
    .PHONY: all lint
    all: build
    lint: style | types  # both
    style:
    \t@$(RUN) ruff check \\
    \t  src
    types: ; -$(PYTHON) -m mypy
    secrets:
    \tgitleaks detect || true
    build:
    \techo ruff check
    """
)
PACKAGE = (
    '{"scripts": {"lint": "run-s lint:*", "check": "npm run style", "style": "eslint . && tsc", "pretest": "oxlint"}}'
)
TOX = dedent(
    """\
    [tox]
    env_list = py{311,312}, lint
    [testenv]
    commands = pytest {posargs}
    [testenv:lint]
    commands =
        ruff check {posargs:.}
        {[checks]types}
        - bandit -r src
    [checks]
    types = mypy src
    """
)
NOX = dedent(
    """\
    import nox
    @nox.session(name="lint", python=["3.12"])
    def lint_session(session):
        session.install("ruff")
        session.run("ruff", "check", *session.posargs)
    @nox.session
    def types(session):
        if True:
            session.run("mypy", "src")
    """
)
HOOKS = dedent(
    """\
    repos:
      - repo: https://github.com/astral-sh/ruff-pre-commit
        hooks: [{id: ruff}, {id: ruff-format}]
      - repo: local
        hooks: [{id: types, entry: uv run mypy, language: system}, {id: slow, entry: pylint, stages: [manual]}]
    """
)


@pytest.mark.parametrize(
    ("script", "file", "text", "found"),
    [
        ("make lint", "Makefile", MAKEFILE, {"ruff": True, "mypy": False}),
        ("make PYTHON=python3 -j4 style", "Makefile", MAKEFILE, {"ruff": True}),
        ("make", "Makefile", MAKEFILE, {}),
        ("make secrets", "Makefile", MAKEFILE, {"gitleaks": False}),
        ("npm run check", "package.json", PACKAGE, {"eslint": True, "typescript": True}),
        ("npm test", "package.json", PACKAGE, {"oxlint": True}),
        ("yarn style", "package.json", PACKAGE, {"eslint": True, "typescript": True}),
        ("tox -e lint", "tox.ini", TOX, {"ruff": True, "mypy": True, "bandit": False}),
        ("tox run -e py312", "tox.ini", TOX, {}),
        ("uvx tox", "tox.ini", TOX, {"ruff": True, "mypy": True, "bandit": False}),
        ("nox -s lint", "noxfile.py", NOX, {"ruff": True}),
        ("nox --session=types", "noxfile.py", NOX, {"mypy": True}),
        ("nox", "noxfile.py", NOX, {"ruff": True, "mypy": True}),
        ("pre-commit run --all-files", ".pre-commit-config.yaml", HOOKS, {"ruff": True, "mypy": True}),
        ("pre-commit run ruff -a", ".pre-commit-config.yaml", HOOKS, {"ruff": True}),
        ("pre-commit install", ".pre-commit-config.yaml", HOOKS, {}),
        (
            "tox -e lint",
            "pyproject.toml",
            "[tool.tox]\nenv_list = ['lint']\n[tool.tox.env.lint]\ncommands = [['ruff', 'check', 'my src']]\n",
            {"ruff": True},
        ),
    ],
)
def test_files_that_commands_hand_work_to(script: str, file: str, text: str, found: dict[str, bool]):
    assert run(script, {file: text}) == found


def test_what_was_lost_on_the_way_stays_lost():
    assert run("make lint || true", {"Makefile": MAKEFILE}) == {"ruff": False, "mypy": False}


def test_a_task_in_another_folder_is_not_looked_into():
    for step in (Step(5, run="cd web && make lint"), Step(5, run="make lint", working_directory="web")):
        found = look(step, texts={"Makefile": MAKEFILE})
        assert found.sightings == ()
        assert found.opaque == ("make lint",)


@pytest.mark.parametrize(
    ("script", "file", "text"),
    [
        ("npm run lint", "package.json", "{"),
        ("nox", "noxfile.py", "def ("),
        ("tox", "tox.ini", "no section"),
        ("pre-commit run", ".pre-commit-config.yaml", "a: ["),
        ("tox", "pyproject.toml", "= x"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(script: str, file: str, text: str):
    [unread] = look(Step(5, run=script), texts={file: text}).unread
    assert file in unread


def test_tasks_that_multiply_are_stopped():
    scripts = {f"s{n}": " && ".join([f"npm run s{n + 1}"] * 60) for n in range(6)}
    found = look(Step(5, run="npm run s0"), texts={"package.json": str({"scripts": scripts}).replace("'", '"')})
    assert any("20,000 commands" in each for each in found.unread)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"triggers": (Trigger("push"),)}, "no pull request"),
        ({"triggers": (Trigger("pull_request", branches=("release/**",)),)}, "leaves out main"),
        ({"triggers": (Trigger("pull_request", branches=("**", "!main")),)}, "leaves out main"),
        ({"triggers": (Trigger("pull_request", types=("closed",)),)}, "new commits"),
        ({"enabled": False}, "disabled"),
        ({"format": "azure"}, "cannot be told"),
        ({"format": "azure", "triggers": (Trigger("pull_request", blocking=False),)}, "optional"),
        ({"format": "azure", "triggers": (Trigger("push"),)}, "no build validation"),
        ({"jobs": (Job("a", 3, (Step(5, run="mypy"),), never_runs=True),)}, "never runs"),
        ({"jobs": (Job("a", 3, (Step(5, run="mypy"),), continues_on_error=True),)}, "continues on error"),
        ({"jobs": (Job("a", 3, (Step(5, run="mypy", never_runs=True),)),)}, "never runs"),
        ({"jobs": (Job("a", 3, (Step(5, run="mypy"),), condition="github.event_name == 'push'"),)}, "push alone"),
        ({"jobs": (Job("a", 3, (Step(5, run="mypy"),), condition="github.ref == 'refs/heads/main'"),)}, "leaves pull"),
    ],
)
def test_what_keeps_a_tool_from_gating(changes: dict[str, object], said: str):
    [sighting] = look(Step(5, run="mypy"), **changes).sightings
    assert said in " ".join(sighting.obstacles)


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "merge_group"])
def test_events_on_the_way_in(event: str):
    assert run("mypy", triggers=(Trigger(event, branches=("ma*",)),)) == {"mypy": True}


def test_path_filters_are_kept():
    found = entry(pipeline(triggers=(Trigger("pull_request", paths=("src/**",)),)), "main")
    assert found.paths == ("src/**",)
    assert found.filters == (("src/**",),)
    queue = entry(pipeline(triggers=(Trigger("pull_request", paths=("src/**",)), Trigger("merge_group"))), "main")
    assert (queue.paths, queue.filters) == ((), (("src/**",),))
    two = entry(
        pipeline(triggers=(Trigger("pull_request", paths=("a",)), Trigger("pull_request", paths=("b",)))), "main"
    )
    assert (two.paths, two.filters) == (("a", "b"), (("a",), ("b",)))


@pytest.mark.parametrize(
    ("name", "patterns", "taken"),
    [
        ("main", ("main",), True),
        ("main", ("m*",), True),
        ("release/1", ("*",), False),
        ("release/1", ("**",), True),
        ("release/1/2", ("release/*",), False),
        ("release/1/2", ("release/**",), True),
        ("release/old", ("release/**", "!release/old"), False),
        ("release/old", ("!release/old", "release/**"), True),
        ("release/old", ("release/**", "!release/*", "release/o?ld"), True),
        ("v1", ("v[12]",), True),
        ("v12", ("v[0-9]+",), True),
        ("docs/a.md", ("**/*.md",), True),
        ("a.md", ("**/*.md",), True),
        ("src/a/b.js", ("**.js",), True),
        ("a+b", ("a\\+b",), True),
        ("main", ("[",), False),
        ("main", ("(main|x)",), False),
    ],
)
def test_filter_patterns(name: str, patterns: tuple[str, ...], taken: bool):
    assert filtered(name, patterns) is taken


def test_a_path_filter_needs_one_file():
    assert touches(["docs/a.md", "src/a.py"], ("**", "!docs/**"))
    assert not touches(["docs/a.md"], ("**", "!docs/**"))
    assert not touches([], ("src/**",))
    assert touches(["src/deep/a.cs"], ("/src/*",), "azure")
    assert not touches(["src/deep/a.cs"], ("/src/*",))
    assert touches(["src/a.cs"], ("!/docs/*",), "azure")
    assert not touches(["docs/deep/a.md"], ("!/docs/*",), "azure")


def test_called_workflows_run_under_their_caller():
    caller = PipelineDefinition(
        ".github/workflows/pr.yml",
        "PR",
        triggers=(Trigger("pull_request"),),
        jobs=(Job("lint", 4, uses="./.github/workflows/lint.yml", check_name="Lint"),),
    )
    callee = PipelineDefinition(
        ".github/workflows/lint.yml",
        "Reusable",
        triggers=(Trigger("workflow_call"),),
        jobs=(Job("ruff", 4, (Step(6, run="ruff check"),), check_name="ruff"),),
    )
    found = recognise([caller, callee], {}, CATALOGUE, "main")
    gating = [each for each in found.sightings if each.gates]
    assert [(each.path, each.line, each.check_name) for each in gating] == [
        (".github/workflows/lint.yml", 6, "Lint / ruff")
    ]
    assert recognise([caller], {}, CATALOGUE, "main").unread != ()


def test_workflows_that_call_each_other_end():
    jobs = (Job("again", 4, uses=f"./{PATH}"),)
    assert recognise([pipeline(jobs=jobs)], {}, CATALOGUE, "main").sightings == ()


def test_actions_and_tasks():
    github = look(
        Step(5, uses="GitHub/codeql-action/analyze@v3"),
        Step(7, uses="docker://zricethezav/gitleaks:v8", inputs={"args": "detect"}),
    )
    assert {each.analyzer.id for each in github.sightings} == {"codeql", "gitleaks"}
    azure = {"format": "azure", "triggers": (Trigger("pull_request", blocking=True),)}
    tasks = look(Step(5, uses="sonarsource.sonarqube.SonarQubeAnalyze@6"), Step(6, uses="Gitleaks@3"), **azure)
    assert {each.analyzer.id for each in tasks.sightings} == {"sonar", "gitleaks"}
    soft = look(Step(5, uses="bridgecrewio/checkov-action@v12", inputs={"soft_fail": "true"}))
    assert [each.gates for each in soft.sightings] == [False]
    trivy = look(Step(5, uses="aquasecurity/trivy-action@v1", inputs={"exit-code": "1"}))
    assert [each.gates for each in trivy.sightings] == [True]
    hooks = look(Step(5, uses="pre-commit/action@v3"), texts={".pre-commit-config.yaml": HOOKS})
    assert {each.analyzer.id for each in hooks.sightings} == {"ruff", "mypy"}


def test_apps():
    checks = [
        ("CodeQL", "github-actions"),
        ("security/snyk (acme)", "snyk-io"),
        ("code/snyk (acme)", ""),
        ("whatever", "gitguardian"),
        ("lint", "x"),
    ]
    assert {each.analyzer.id for each in recognise_apps(checks, {}, CATALOGUE).sightings} == {"snyk", "ggshield"}
    hooks = recognise_apps([("pre-commit.ci - pr", "pre-commit-ci")], {".pre-commit-config.yaml": HOOKS}, CATALOGUE)
    assert {each.analyzer.id for each in hooks.sightings} == {"ruff", "mypy"}
    broken = recognise_apps([("pre-commit.ci - pr", "pre-commit-ci")], {".pre-commit-config.yaml": "a: ["}, CATALOGUE)
    assert (broken.sightings, len(broken.unread)) == ((), 1)


@pytest.mark.parametrize(
    ("words", "expected_words"),
    [
        ("env -i A=b mypy", "mypy"),
        ("hatch run lint:mypy", "mypy"),
        ("python script.py", "python script.py"),
        ("python", "python"),
        ("sudo", ""),
    ],
)
def test_launchers(words: str, expected_words: str):
    assert launched(tuple(words.split())) == tuple(expected_words.split())


def _matching(job_name: str, check: str, **more: str) -> bool:
    jobs = tuple(Job(name, 3, (Step(5, run="mypy"),), check_name=name) for name in (job_name, "lint (strict)"))
    wanted = expected(recognise([pipeline(jobs=jobs)], {}, CATALOGUE, "main").sightings)
    fields = {"app": "github-actions", "workflow": "CI"} | more
    return wanted[0].matches(Check(check, CheckState.SUCCESS, **fields), wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("job", "check", "same"),
    [
        ("lint", "lint", True),
        ("lint", "lint (3.12)", True),
        ("lint", "lint / ruff", True),
        ("lint", "linting", False),
        ("lint", "lint (strict)", False),
        ("Lint ${{ matrix.a }} on ${{ matrix.b }}", "Lint x on y", True),
        ("Lint ${{ matrix.a }} on ${{ matrix.b }}", "Lint x off y", False),
        ("${{ matrix.a }}", "anything", True),
    ],
)
def test_names_of_checks(job: str, check: str, same: bool):
    assert _matching(job, check) is same
    assert not _matching(job, check, workflow="Other")
    assert not _matching(job, check, workflow_path=".github/workflows/other.yml")


def test_of_two_runs_without_a_time_the_worse_counts():
    states = (CheckState.SUCCESS, CheckState.FAILURE)
    assert [check.state for check in newest(Check("lint", state) for state in states)] == [CheckState.FAILURE]


def test_real_workflows_are_recognised(shared_data: Path):
    from bot.platforms.pipelines.github_workflow import parse

    folder = shared_data / "pipelines" / "github"
    found = {}
    for file in sorted(folder.glob("starter--code-scanning__*.yml")):
        definition = parse(file.name, file.read_text("utf-8").replace("$default-branch", "main"))
        for sighting in recognise([definition], {}, CATALOGUE, "main").sightings:
            found[file.stem.rpartition("__")[2], sighting.analyzer.id] = sighting.gates
    assert found["codeql", "codeql"] is True
    assert found["dependency-review", "dependency-review"] is True
    assert found["trivy", "trivy"] is False  # it only uploads its results
    assert found["eslint", "eslint"] is False  # its step continues on error
    assert found["rust-clippy", "clippy"] is False
    assert found["osv-scanner", "osv-scanner"] is True
    assert len(found) > 35


SCRIPT = [
    "make",
    "npm",
    "run",
    "tox",
    "-e",
    "nox",
    "pre-commit",
    "&&",
    "||",
    ";",
    "|",
    "ruff",
    "check",
    "sudo",
    "docker",
]
WORDS = st.sampled_from(
    [*SCRIPT, "--", "-C", "(", ")", "{", "}", "$(x)", "\n", "<<E", "bash", "-c", "yarn", "env", "python", "-m"]
)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=12), st.text(max_size=40))
def test_nothing_makes_it_raise(words: list[str], text: str):
    files = dict.fromkeys(
        ["Makefile", "package.json", "tox.ini", "noxfile.py", ".pre-commit-config.yaml", "pyproject.toml"], text
    )
    run(" ".join(words), files)


WORKFLOW = """
on: pull_request
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - {step}
"""


@pytest.mark.parametrize(
    ("step", "gates"),
    [
        ("{run: mypy src}", True),
        ("{run: mypy src, if: success()}", True),
        ("{run: mypy src, if: '!cancelled()'}", True),
        ("{run: mypy src, if: always()}", True),
        ("{run: mypy src, if: github.event_name == 'pull_request'}", True),
        ("{run: mypy src, if: github.event_name == 'push'}", False),
        ("{run: mypy src, if: \"'push' == github.event_name\"}", False),
        ("{run: mypy src, if: github.event_name == 'push' || github.actor == 'ana'}", True),
        ("{run: mypy src, if: failure()}", False),
        ("{run: mypy src, if: '!true'}", False),
        ("{run: mypy src, if: false && github.actor == 'ana'}", False),
        ("{run: mypy src, if: github.ref == 'refs/heads/main'}", False),
        ('{run: "mypy src\\nls", shell: bash}', True),
        ('{run: "mypy src\\nls", shell: "bash {0}"}', False),
        ('{run: "mypy src\\nls", shell: "bash +e {0}"}', False),
        ('{run: "mypy src\\nls", shell: "bash -leo pipefail {0}"}', True),
    ],
)
def test_a_step_gates_only_where_it_runs_and_its_failure_counts(step: str, gates: bool):
    definition = github_workflow.parse(".github/workflows/ci.yml", WORKFLOW.replace("{step}", step))
    assert not definition.error
    (sighting,) = recognise([definition], {}, CATALOGUE, "main").sightings
    assert sighting.gates is gates, sighting.obstacles


@pytest.mark.parametrize("run", ["mypy --version", "ruff check --help", "command -v mypy", "mypy -V"])
def test_asking_a_tool_about_itself_is_no_analysis(run: str):
    definition = github_workflow.parse(".github/workflows/ci.yml", WORKFLOW.replace("{step}", f"{{run: {run}}}"))
    assert recognise([definition], {}, CATALOGUE, "main").sightings == ()
