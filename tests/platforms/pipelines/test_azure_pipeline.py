"""Azure pipelines: templates in place, what the file decides decided, the rest kept."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model.facts.pipelines import PipelineDefinition, Trigger
from bot.platforms.pipelines.azure_pipeline import parse


def read_pipeline(text: str, **files: str) -> PipelineDefinition:
    known = {name.replace("__", "/") + ".yml": dedent(content) for name, content in files.items()}
    return parse("ci/azure-pipelines.yml", dedent(text), read=known.get)


def scripts(definition: PipelineDefinition) -> list[str]:
    return [step.run or step.uses or "" for job in definition.jobs for step in job.steps]


def test_a_pipeline_is_read():
    definition = parse(
        "azure-pipelines.yml",
        dedent(
            """\
            trigger: {branches: {include: [main], exclude: [wip/*]}, paths: {exclude: [docs]}}
            pr: [main]
            schedules: [{cron: '0 1 * * *', branches: {include: [main]}}]
            parameters: [{name: version, type: string}]
            resources: {containers: [{container: tools, image: 'acme/tools:1'}]}
            variables: [{group: shared}]
            stages:
              - stage: Build
                jobs:
                  - job: Lint
                    displayName: Lint it
                    container: tools
                    steps:
                      - script: ruff check
                        displayName: Ruff
                        workingDirectory: src
                      - bash: mypy
                        continueOnError: true
                      - task: CmdLine@2
                        inputs: {script: semgrep ci}
                        enabled: false
                      - task: UseDotNet@2
                        condition: false
              - stage: Deploy
                condition: false
                variables: [{group: staging}]
                jobs:
                  - deployment: Put
                    environment: {name: production}
                    variables: [{group: secrets}]
                    strategy: {runOnce: {deploy: {steps: [{pwsh: ./deploy.ps1}]}, on: {failure: {steps: [{script: undo}]}}}}
            """
        ),
        read=lambda path: None,
        triggers=(Trigger("pull_request", blocking=True),),
        name="CI",
        definition_id=7,
    )
    assert definition.error == ""
    assert (definition.name, definition.format, definition.definition_id) == ("CI", "azure", 7)
    assert definition.triggers == (
        Trigger("pull_request", blocking=True),
        Trigger("push", branches=("main", "!wip/*"), paths=("*", "!docs")),
        Trigger("schedule", branches=("main",)),
        Trigger("workflow_dispatch", inputs=("version",)),
    )
    lint, put = definition.jobs
    assert (lint.name, lint.line, lint.check_name, lint.container) == ("Lint", 10, "Lint it", "acme/tools:1")
    ruff, mypy, semgrep, dotnet = lint.steps
    assert (ruff.line, ruff.name, ruff.run, ruff.working_directory) == (14, "Ruff", "ruff check", "src")
    assert (mypy.shell, mypy.continues_on_error) == ("bash", True)
    assert (semgrep.uses, semgrep.run, semgrep.never_runs) == ("CmdLine@2", "semgrep ci", True)
    assert dotnet.never_runs
    assert (put.environment, put.never_runs, put.variable_groups) == ("production", True, ("secrets",))
    assert [step.run for step in put.steps] == ["./deploy.ps1", "undo"]
    assert definition.variable_groups == ("shared", "secrets", "staging")


def test_templates_are_expanded_with_their_parameters():
    definition = read_pipeline(
        """\
        jobs:
          - template: jobs/check.yml
            parameters:
              tool: mypy
              extra: [{script: from the caller}]
        """,
        ci__jobs__check="""\
        parameters:
          - {name: tool, default: ruff}
          - {name: strict, default: false}
          - {name: extra, type: stepList, default: []}
        jobs:
          - job: Check
            steps:
              - template: /steps/run.yml
                parameters: {command: "${{ parameters.tool }} --all"}
              - ${{ if eq(parameters.strict, true) }}:
                  - script: not this
              - ${{ elseif eq(parameters.tool, 'mypy') }}:
                  - script: typed
              - ${{ else }}:
                  - script: neither
              - ${{ parameters.extra }}
              - ${{ if eq(variables['Build.Reason'], 'PullRequest') }}:
                  - script: who knows
              - ${{ else }}:
                  - script: or this
              - ${{ each word in split(parameters.tool, ',') }}:
                  - script: one ${{ word }}
        """,
        steps__run="""\
        parameters: {command: ''}
        steps:
          - script: run ${{ parameters.command }}
            ${{ insert }}: {displayName: Named}
        """,
    )
    assert definition.error == ""
    assert definition.templates == ()
    assert scripts(definition) == [
        "run mypy --all",
        "typed",
        "from the caller",
        "who knows",
        "or this",
        "one ${{ word }}",
    ]
    # Every line is one of the pipeline's own file
    assert {step.line for job in definition.jobs for step in job.steps} == {2, 5}
    assert definition.jobs[0].steps[0].name == "Named"


def test_each_goes_over_lists_and_mappings():
    definition = read_pipeline(
        """\
        parameters:
          - {name: tools, type: object, default: [{name: ruff, args: {check: src}}, {name: mypy}]}
        steps:
          - ${{ each tool in parameters.tools }}:
              - script: ${{ tool.name }}
              - ${{ each pair in tool.args }}:
                  - script: ${{ pair.key }}=${{ pair.value }}
        """
    )
    assert scripts(definition) == ["ruff", "check=src", "mypy"]


def test_a_pipeline_may_extend_a_template():
    definition = read_pipeline(
        """\
        extends:
          template: ../base.yml
          parameters: {steps: [{script: mine}]}
        """,
        base="""\
        parameters: [{name: steps, type: stepList}]
        variables: [{group: base}]
        stages:
          - stage: A
            jobs: [{job: B, steps: [{script: first}, "${{ parameters.steps }}"]}]
        """,
    )
    assert scripts(definition) == ["first", "mine"]
    assert definition.variable_groups == ("base",)


@pytest.mark.parametrize(
    ("ref", "floats"),
    [("", True), ("refs/heads/main", True), ("refs/tags/v1", False), ("a" * 40, False)],
)
def test_templates_of_other_repositories_are_named(ref: str, floats: bool):
    definition = read_pipeline(
        f"""\
        resources: {{repositories: [{{repository: shared, name: acme/shared, ref: '{ref}'}}]}}
        steps:
          - template: scan.yml@shared
          - template: own.yml@self
        """,
        ci__own="steps: [{script: own}]",
    )
    assert definition.templates == ("scan.yml@shared",)
    assert bool(definition.floating_references) is floats
    assert scripts(definition) == ["own"]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("gone.yml", "not found"),
        ("../../etc/passwd.yml", "outside"),
        ("azure-pipelines.yml", "includes itself"),
        ("loop.yml", "includes itself"),
        ("broken.yml", "line 1"),
        ("${{ variables.x }}.yml", "computed"),
    ],
)
def test_a_template_that_cannot_be_followed_is_named(template: str, said: str):
    text = f"steps:\n  - template: {template}\n"
    files = {"ci/azure-pipelines.yml": text, "ci/loop.yml": "steps: [{template: loop.yml}]", "ci/broken.yml": "a: ["}
    definition = parse("ci/azure-pipelines.yml", text, read=files.get)
    assert definition.error == ""
    assert said in definition.templates[0]


def test_a_chain_of_templates_ends():
    files = {f"t{n}.yml": f"steps: [{{template: t{n + 1}.yml}}]" for n in range(60)}
    definition = parse("a.yml", "steps: [{template: t0.yml}]", read=files.get)
    assert "deep" in definition.templates[0]


def test_templates_that_multiply_are_refused():
    files = {f"t{n}.yml": "steps:\n" + f"  - template: t{n + 1}.yml\n" * 10 for n in range(12)}
    definition = parse("a.yml", "steps:\n  - template: t0.yml\n", read=files.get)
    assert "too large" in definition.error
    assert definition.error_line == 2


@pytest.mark.parametrize("text", ["version: 2\n", "- a\n", "variables: []\n", "a: [\n", "", "jobs: [text]\n"])
def test_what_is_no_pipeline_says_so_with_its_line(text: str):
    definition = parse("a.yml", text, read=lambda path: None)
    assert definition.error_line
    assert f"line {definition.error_line}: " in definition.error


def test_real_pipelines_parse_or_say_where_not(shared_data: Path):
    folder = shared_data / "pipelines" / "azure"
    files = {
        file.name.removeprefix("arcade--").replace("__", "/"): file.read_text("utf-8") for file in folder.iterdir()
    }
    definitions = {path: parse(path, text, read=files.get) for path, text in files.items()}
    for path, definition in definitions.items():
        if definition.error:
            assert definition.error_line, path
            words = ("variables", "config", "dependabot", "metadata")
            assert any(word in path for word in words), definition.error
        assert not any("not found" in each for each in definition.templates), definition.templates
    pull_request = definitions["azure-pipelines-pr.yml"]
    assert pull_request.templates == ()
    names = [job.name for job in pull_request.jobs]
    assert "Windows_NT" in names
    assert "Android_Simulators" in names
    assert any("eng\\common\\cibuild.cmd" in (step.run or "") for job in pull_request.jobs for step in job.steps)
    official = definitions["azure-pipelines.yml"]
    assert official.templates == ("v1/1ES.Official.PipelineTemplate.yml@1ESPipelineTemplates",)
    assert official.floating_references == ()  # it is at refs/tags/release


KEYS = st.sampled_from(
    [
        "stages",
        "jobs",
        "steps",
        "variables",
        "extends",
        "template",
        "parameters",
        "job",
        "script",
        "resources",
        "a",
        "name",
    ]
    + ["${{ if eq(parameters.a, 1) }}", "${{ each x in parameters.a }}", "${{ else }}", "${{ insert }}"]
)
TEXTS = st.sampled_from(["t.yml", "u.yml@self", "${{ parameters.a }}", "a ${{ x }} b", "${{ x.y", "}} ${{"]) | st.text(
    max_size=6
)
VALUES = st.recursive(
    st.none() | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_no_document_makes_it_raise(root: object, template: object):
    brought = yaml.safe_dump(template)
    definition = parse("a.yml", yaml.safe_dump({"steps": root, "jobs": template}), read=lambda path: brought)
    assert definition.path == "a.yml"
    parse("a.yml", yaml.safe_dump(root), read=lambda path: brought)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_makes_it_raise(text: str):
    parse("a.yml", text, read=lambda path: None)
    parse("a.yml", "steps:\n" + text, read=lambda path: text)
