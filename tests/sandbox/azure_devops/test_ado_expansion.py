"""Templates put in their places."""

from __future__ import annotations

import pytest
import yaml

from bot.sandbox.azure_devops.expansion import expand
from bot.sandbox.azure_devops.problems import Problem


def expanded(files: dict[str, str], others: dict[tuple[str, str], str] | None = None) -> object:
    every = {("", path): text for path, text in files.items()} | (others or {})
    return yaml.safe_load(expand("ci/main.yml", lambda repository, path: every.get((repository, path))))


def test_steps_jobs_and_relative_paths() -> None:
    files = {
        "ci/main.yml": "jobs:\n- job: a\n  steps:\n  - template: steps.yml\n- template: /shared/jobs.yml\n",
        "ci/steps.yml": "steps:\n- script: one\n",
        "shared/jobs.yml": "jobs:\n- job: b\n  steps:\n  - template: deeper/steps.yml\n",
        "shared/deeper/steps.yml": "steps:\n- script: two\n",
    }
    assert expanded(files) == {
        "jobs": [{"job": "a", "steps": [{"script": "one"}]}, {"job": "b", "steps": [{"script": "two"}]}]
    }


def test_parameters_with_defaults_keep_their_types() -> None:
    files = {
        "ci/main.yml": "steps:\n- template: t.yml\n  parameters: {name: semgrep, extra: [{script: more}]}\n",
        "ci/t.yml": (
            "parameters:\n- {name: name, type: string}\n- {name: deep, type: boolean, default: true}\n"
            "- {name: extra, type: stepList, default: []}\n"
            "steps:\n- script: run ${{ parameters.name }} ${{ parameters['deep'] }}\n  enabled: ${{ parameters.deep }}\n"
            "- ${{ parameters.extra }}\n"
        ),
    }
    assert expanded(files) == {"steps": [{"script": "run semgrep true", "enabled": True}, {"script": "more"}]}


def test_extends_and_other_repositories() -> None:
    files = {
        "ci/main.yml": (
            "resources:\n  repositories:\n  - {repository: gov, type: git, name: Platform/templates}\n"
            "extends:\n  template: base.yml@gov\n  parameters: {who: payments}\n"
        )
    }
    others = {
        ("Platform/templates", "base.yml"): "parameters: {who: nobody}\nsteps:\n- template: inner.yml\n"
        "- script: hello ${{ parameters.who }}\n",
        ("Platform/templates", "inner.yml"): "steps:\n- script: inner\n",
    }
    document = expanded(files, others)
    assert isinstance(document, dict)
    assert document["steps"] == [{"script": "inner"}, {"script": "hello payments"}]
    assert "extends" not in document


def test_variables() -> None:
    files = {
        "ci/main.yml": "variables:\n- template: v.yml\nsteps: []\n",
        "ci/v.yml": "variables: {a: 1}\n",
    }
    assert expanded(files) == {"variables": [{"name": "a", "value": 1}], "steps": []}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "not found"),
        ({"ci/main.yml": "steps:\n- template: no.yml\n"}, "ci/no.yml"),
        ({"ci/main.yml": "steps:\n- template: no.yml@gov\n"}, "gov"),
        ({"ci/main.yml": "steps:\n- template: main.yml\n"}, "deep"),
        ({"ci/main.yml": "- a\n"}, "mapping"),
        ({"ci/main.yml": "a: [\n"}, "ci/main.yml"),
    ],
)
def test_what_cannot_be_expanded(files: dict[str, str], said: str) -> None:
    with pytest.raises(Problem) as refused:
        expanded(files)
    assert said in refused.value.message
