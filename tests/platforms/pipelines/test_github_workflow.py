"""GitHub workflow files: what is read from them, and that nothing makes the reader raise."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model.facts.pipelines import Trigger
from bot.platforms.pipelines.github_workflow import parse

WORKFLOW = dedent(
    """\
    name: Checks
    on:
      pull_request:
        branches: [main, 'release/**', '!release/old']
        paths-ignore: [docs/**]
        types: [opened, synchronize]
      push:
        tags: [v*]
      workflow_dispatch:
        inputs:
          version: {required: true}
    jobs:
      lint:
        name: Lint ${{ matrix.python }}
        strategy: {matrix: {python: ['3.11', 3.12]}}
        container: {image: "python:3.12"}
        environment: {name: production, url: "https://example.org"}
        steps:
          - uses: actions/setup-python@v5
            with:
              python-version: 3.10
              cache: pip
          - name: Ruff
            run: |
              uvx ruff check
            shell: bash
            working-directory: src
            continue-on-error: true
          - if: ${{ false }}
            run: mypy
      off:
        if: false
        continue-on-error: ${{ true }}
        steps: []
      shared:
        uses: acme/workflows/.github/workflows/scan.yml@main
      pinned:
        uses: acme/workflows/.github/workflows/scan.yml@v1.2.0
      own:
        uses: ./.github/workflows/own.yml
      composite:
        steps:
          - uses: ./.github/actions/lint
    """
)


def test_a_workflow_is_read():
    definition = parse(".github/workflows/checks.yml", WORKFLOW, url="https://example.org/checks", enabled=None)
    assert definition.error == ""
    assert (definition.name, definition.format, definition.enabled) == ("Checks", "github", None)
    assert definition.triggers == (
        Trigger(
            "pull_request",
            branches=("main", "release/**", "!release/old"),
            paths=("**", "!docs/**"),
            types=("opened", "synchronize"),
        ),
        Trigger("push", branches=("!**",)),
        Trigger("workflow_dispatch", inputs=("version",)),
    )
    lint, off, *_ = definition.jobs
    assert (lint.name, lint.line, lint.check_name) == ("lint", 13, "Lint ${{ matrix.python }}")
    assert (lint.container, lint.environment) == ("python:3.12", "production")
    setup, ruff, mypy = lint.steps
    assert (setup.uses, setup.inputs) == ("actions/setup-python@v5", {"python-version": "3.10", "cache": "pip"})
    assert (ruff.line, ruff.run, ruff.shell, ruff.working_directory) == (23, "uvx ruff check\n", "bash", "src")
    assert ruff.continues_on_error
    assert not ruff.never_runs
    assert mypy.never_runs
    assert off.never_runs
    assert off.continues_on_error
    assert definition.templates == (
        "acme/workflows/.github/workflows/scan.yml@main",
        "acme/workflows/.github/workflows/scan.yml@v1.2.0",
        "./.github/actions/lint",
    )
    assert definition.floating_references == ("acme/workflows/.github/workflows/scan.yml@main",)


@pytest.mark.parametrize("on", ["push", "[push]", "{push: }", "{push: {branches: }}"])
def test_every_way_to_write_a_trigger(on: str):
    definition = parse("w.yml", f"on: {on}\njobs: {{a: {{steps: []}}}}\n")
    assert definition.triggers == (Trigger("push"),)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("version: 2\nupdates: []\n", 1, "not a pipeline: a workflow needs 'on' and 'jobs'"),
        ("- a\n", 1, "not a pipeline"),
        ("on: push\njobs:\n", 2, "not a pipeline: 'jobs'"),
        ("on: push\njobs:\n  a: text\n", 3, "the job 'a'"),
        ("on: push\njobs:\n  a:\n    steps:\n      - text\n", 5, "a step"),
        ("on: push\njobs: {\n", 2, "line 2"),
    ],
)
def test_what_is_no_workflow_says_so_with_its_line(text: str, line: int, said: str):
    definition = parse("w.yml", text)
    assert definition.error_line == line
    assert said in definition.error
    assert definition.jobs == ()


def test_real_workflows_parse_or_say_where_not(shared_data: Path):
    folder = shared_data / "pipelines" / "github"
    definitions = [parse(file.name, file.read_text("utf-8")) for file in sorted(folder.iterdir())]
    assert len(definitions) > 150
    broken = {definition.path for definition in definitions if definition.error}
    # These two hold placeholders that are not YAML: {{ groupId }} as a plain value
    assert broken == {
        "starter--code-scanning__nowsecure.yml",
        "starter--code-scanning__nowsecure-mobile-sbom.yml",
    }
    for definition in definitions:
        if definition.error:
            assert definition.error_line
            assert f"line {definition.error_line}" in definition.error
        else:
            assert definition.triggers
            assert all(job.steps or job.uses for job in definition.jobs), definition.path


WORDS = st.sampled_from(
    ["on", "jobs", "steps", "run", "uses", "with", "if", "push", "pull_request", "a", "", "${{ false }}"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None)
@given(VALUES)
def test_no_document_makes_it_raise(value: object):
    definition = parse("w.yml", yaml.safe_dump(value))
    assert definition.jobs or definition.error


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_makes_it_raise(text: str):
    parse("w.yml", text)
    parse("w.yml", "on: push\njobs:\n" + text)
