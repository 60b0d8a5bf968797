"""The templates that judge a release before it is deployed, step by step, and what they make of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import bot
from bot.platforms.pipelines.azure_pipeline import parse
from bot.sandbox.scenario import Scenario
from tests.action.azure_agent import Ran
from tests.action.conftest import Machine, scenario
from tests.cli.conftest import ROOT, serve

TEMPLATES = ROOT / "templates" / "pipelines"
BUILD, DEPLOY = {"bash": "echo built", "displayName": "Build it"}, {"bash": "echo deployed", "displayName": "Deploy it"}
PIPELINE = """
trigger: none
extends:
  template: azure-release.yml
  parameters:
    environment: production
    build: [{script: make}]
    deploy: [{script: ./deploy.sh}]
"""


def run(
    machine: Machine, template: str, run_id: int, more: Mapping[str, str] = MappingProxyType({}), **parameters: Any
) -> Ran:
    return machine.build(
        template,
        parameters,
        BUILD_REASON="Manual",
        BUILD_BUILDID=str(run_id),
        BUILD_BUILDNUMBER="not the number that tells it",
        **more,
    )


def commit_statuses(machine: Machine) -> list[tuple[str, str]]:
    found = machine.world.state()["repositories"].get("acme/payments", {"ado_commit_statuses": []})
    return [(f"{one['genre']}/{one['name']}", one["state"]) for one in found["ado_commit_statuses"]]


@pytest.mark.parametrize("template", ["azure-gate.yml", "azure-release-gate.yml"])
def test_a_deployment_that_could_not_be_rolled_back_is_stopped(machine: Machine, template: str) -> None:
    ran = run(machine, template, 814, environment="production")
    assert ran.code == 1, ran.log
    (summary,) = ran.summaries
    for line in (
        "previous",
        "artifacts",
        "procedure",
        "rehearsed",
        "migrations",
        "immutable",
        "notes",
        "configuration",
    ):
        assert f"| {line} |" in summary
    assert commit_statuses(machine) == [("almguard/almguard/production", "failed")]
    # The status is no reason to forgive it: it is the stage's result that stops what comes after.
    if template == "azure-gate.yml":
        assert run(machine, template, 814, environment="production", exitZero=True).code == 1


def test_the_variables_of_a_pipeline_choose_nothing_about_the_gate(machine: Machine, tmp_path: Path) -> None:
    closed = tmp_path / "closed.json"
    closed.write_text('{"action": "closed", "pull_request": {"number": 12}}', encoding="utf-8")
    started = tmp_path / "started"
    (tmp_path / "start.sh").write_text(f"touch {started}", encoding="utf-8")
    for variables in (
        {"RELEASE_RELEASEID": "1", "RELEASE_RELEASENAME": "Release-1"},
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "deployment_status",
            "GITHUB_EVENT_PATH": str(closed),
            "GITHUB_REPOSITORY": "acme/payments",
        },
        {"ALMGUARD_NOW": "2001-01-01T00:00:00Z", "SSL_CERT_FILE": "/absent", "BASH_ENV": str(tmp_path / "start.sh")},
    ):
        ran = run(machine, "azure-release-gate.yml", 814, variables, environment="production")
        assert ran.code == 1, ran.log
        assert "as of 2001" not in ran.log
        assert not started.exists()


def test_an_environment_that_is_misspelt_is_refused(machine: Machine) -> None:
    ran = run(machine, "azure-release-gate.yml", 814, environment="prodcution")
    assert ran.code == 2, ran.log
    assert "no environment 'prodcution'. It has production." in " ".join(ran.log.split())
    assert ran.summaries == []


def test_a_run_of_another_repository_is_refused(machine: Machine) -> None:
    ran = run(machine, "azure-release-gate.yml", 4711, environment="production")
    assert ran.code == 2, ran.log
    assert "has no run 4711 of acme/Payments/payments" in " ".join(ran.log.split())


def test_the_pipeline_that_is_extended_deploys_only_what_passed(machine: Machine) -> None:
    ran = run(machine, "azure-release.yml", 814, environment="production", build=[BUILD], deploy=[DEPLOY])
    assert ran.code == 1, ran.log
    assert ran.ran == ["Build it", "Judge"]
    assert "Deploy it" in ran.skipped


def test_what_passes_is_deployed(machine: Machine, tmp_path: Path) -> None:
    made = scenario()
    made["repositories"][0]["files"]["policies/release.yml"] = (
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: release}\n"
        "rules: [{rule: rollback-ready, enforce: block, with: {require: [previous, artifacts]}}]\n"
    )
    for world in serve(Scenario.model_validate(made), tmp_path):
        other = Machine(world, machine.python)
        ran = run(other, "azure-release.yml", 814, environment="production", build=[BUILD], deploy=[DEPLOY])
        assert ran.code == 0, ran.log
        assert ran.ran == ["Build it", "Judge", "Deploy it"]
        assert commit_statuses(other) == [("almguard/almguard/production", "succeeded")]


def test_the_expanded_pipeline_deploys_after_the_gate_alone() -> None:
    def read(name: str) -> str | None:
        path = TEMPLATES / name
        return path.read_text(encoding="utf-8") if path.is_file() else None

    made = parse("azure-pipelines.yml", PIPELINE, read=read)
    assert not made.error
    assert [(job.name, job.environment) for job in made.jobs] == [
        ("build", None),
        ("judge", None),
        ("deploy", "production"),
    ]
    deploy = made.jobs[-1]
    assert "dependencies.almguard.result, 'Succeeded'" in deploy.condition


def test_those_who_extend_it_choose_nothing_about_the_gate() -> None:
    text = (TEMPLATES / "azure-release.yml").read_text(encoding="utf-8")
    parameters = text[text.index("\nparameters:") : text.index("\nstages:")]
    for chosen in ("package", "config", "dryRun", "exitZero"):
        assert f"name: {chosen}" not in parameters
    assert f"package: almguard=={bot.__version__}\n" in text
