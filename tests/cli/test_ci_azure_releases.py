"""Which release a job of Azure Pipelines is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from bot.cli.ci import CiError, read_event
from tests.cli.conftest import World, demo_scenario
from tests.cli.test_ci import AZURE

RUN = {**AZURE, "BUILD_REASON": "IndividualCI", "BUILD_BUILDID": "814", "BUILD_BUILDNUMBER": "20261124.1"}
CLASSIC = {
    "TF_BUILD": "True",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
    "SYSTEM_TEAMPROJECT": "Payments",
    "RELEASE_RELEASEID": "7",
    "RELEASE_RELEASENAME": "Release-3",
    "RELEASE_ENVIRONMENTNAME": "Gate",
    "RELEASE_PRIMARYARTIFACTSOURCEALIAS": "_payments build",
    "RELEASE_ARTIFACTS__PAYMENTS_BUILD_REPOSITORY_NAME": "payments",
    "BUILD_REASON": "IndividualCI",
}


def test_a_deployment_job_knows_its_environment() -> None:
    target = read_event({**RUN, "ENVIRONMENT_NAME": "production"}).target
    assert (target.run, target.classic, target.release, target.environment) == (814, False, "20261124.1", "production")
    assert (target.organization, target.project, target.repository) == ("acme", "Pay Ments", "payments api")


def test_a_job_before_it_is_told() -> None:
    assert read_event(RUN, "production").target.environment == "production"
    assert read_event({**RUN, "ENVIRONMENT_NAME": "gate"}, "production").target.environment == "production"
    with pytest.raises(CiError, match="name its environment"):
        read_event(RUN)


def test_a_pull_request_is_none_whatever_environment_it_is_tried_in() -> None:
    assert read_event({**AZURE, "ENVIRONMENT_NAME": "preview"}).target.pull_request == 45


def test_a_pull_requests_verdict_is_none_about_a_deployment() -> None:
    with pytest.raises(CiError, match="the environment 'production' asks about a release") as caught:
        read_event(AZURE, "production")
    assert not caught.value.nothing_to_judge


def test_a_repository_of_github_has_no_run_that_is_a_release() -> None:
    with pytest.raises(CiError, match=r"almguard gate github:OWNER/REPO@v1\.2\.3 --environment NAME"):
        read_event({**RUN, "BUILD_REPOSITORY_PROVIDER": "GitHub"}, "production")


def test_a_classic_release() -> None:
    target = read_event(CLASSIC).target
    assert (target.run, target.classic, target.release, target.environment) == (7, True, "Release-3", "Gate")
    assert (target.organization, target.project, target.repository) == ("acme", "Payments", "payments")
    assert read_event(CLASSIC, "Production").target.environment == "Production"


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({**CLASSIC, "RELEASE_RELEASEID": "x"}, "is 'x', which is no number"),
        ({**CLASSIC, "RELEASE_RELEASENAME": ""}, "RELEASE_RELEASENAME is not set"),
        ({**CLASSIC, "RELEASE_PRIMARYARTIFACTSOURCEALIAS": "other"}, "BUILD_REPOSITORY_NAME is not set"),
        ({**CLASSIC, "SYSTEM_COLLECTIONURI": "nothing"}, "names no organisation"),
        ({**RUN, "BUILD_BUILDID": "0"}, "which is no number"),
    ],
)
def test_what_is_not_said_is_named(environ: dict[str, str], says: str) -> None:
    with pytest.raises(CiError, match=says):
        read_event(environ, "production")


@pytest.fixture
def served(world: Callable[[dict[str, Any]], World]) -> World:
    """The demo's world, whose releases are classic ones."""
    made = demo_scenario()
    payments = made["repositories"][0]
    payments["files"]["almguard.yml"] = (
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: release}\n"
        "rules: [{rule: rollback-ready, enforce: block, with: {require: [previous]}}]\n"
    )
    for release in payments["releases"]:
        release["classic"] = True
    return world(made)


def classic(served: World, name: str, **more: str) -> dict[str, str]:
    """A job of a classic release."""
    address = f"{served.sandbox.url}/acme/Payments/_apis/release/releases?api-version=7.1"
    listed = requests.get(address, auth=("", "sandbox-token"), timeout=10).json()["value"]
    (ident,) = [one["id"] for one in listed if one["name"] == name]
    return {
        **CLASSIC,
        "SYSTEM_COLLECTIONURI": f"{served.sandbox.url}/acme/",
        "RELEASE_RELEASEID": str(ident),
        "RELEASE_RELEASENAME": name,
        "RELEASE_ENVIRONMENTNAME": "production",
        **more,
    }


def test_a_classic_release_is_judged_by_its_id(served: World) -> None:
    ended = served.call("gate", "--format", "json", environ=classic(served, "v1.4.0"))
    assert ended.code == 0, ended.out + ended.err
    gate = ended.json()["gate"]
    assert (gate["verdict"], gate["target"]["name"]) == ("passed", "acme/Payments/payments@v1.4.0 in production")
    statuses = served.state()["repositories"]["acme/payments"]["ado_commit_statuses"]
    assert [(one["genre"], one["name"], one["state"]) for one in statuses] == [
        ("almguard", "almguard/production", "succeeded")
    ]


def test_a_stage_and_a_release_that_are_not_there_are_refused(served: World) -> None:
    ended = served.call("gate", "--environment", "Production ", environ=classic(served, "v1.4.0"))
    assert ended.code == 2
    assert "the release has no stage 'Production '. It has production." in " ".join(ended.err.split())
    ended = served.call("gate", environ=classic(served, "v1.4.0", RELEASE_RELEASEID="7"))
    assert ended.code == 2
    assert "no classic release 7" in ended.err
    environ = classic(served, "v1.4.0", RELEASE_ARTIFACTS__PAYMENTS_BUILD_REPOSITORY_NAME="ledger")
    ended = served.call("gate", environ=environ)
    assert ended.code == 2
    assert "none of the release's artifacts is of" in " ".join(ended.err.split())


def test_a_token_that_may_not_post_leaves_the_verdict_as_it_is(served: World) -> None:
    served.fault(match="POST .*/statuses", kind="status", status=403)
    ended = served.call("gate", environ=classic(served, "v1.4.0"))
    assert ended.code == 0, ended.out + ended.err
    assert "vso.code_status" in " ".join(ended.out.split())
