"""What the provider reads of a release and of the way back."""

from __future__ import annotations

import pytest

from bot.engine.ports import PlatformError
from bot.engine.targets import parse
from bot.model.facts import FactRequest
from bot.model.facts.release import (
    Deployments,
    DeploymentState,
    GlobSpec,
    PreviousRelease,
    ReleaseChanges,
    ReleaseConfiguration,
    ReleaseRecord,
    RollbackProcedures,
)
from bot.model.subjects import Release

from .conftest import House, value

IT = "github:acme/payments@v1.1.0"


def test_resolve(house: House) -> None:
    found = house.provider().resolve(parse(IT))
    assert isinstance(found, Release)
    assert (found.version, found.environment, found.release_kind) == ("v1.1.0", "production", "release")
    assert found.author is not None
    assert found.author.login == "ben"


@pytest.mark.parametrize("environment", ["production", "Production"])
def test_an_environment_that_is_there(house: House, environment: str) -> None:
    found = house.provider().resolve(parse(IT, environment))
    assert isinstance(found, Release)
    assert found.environment == "production"


def test_a_misspelt_environment_is_no_first_release(house: House) -> None:
    with pytest.raises(PlatformError, match=r"no environment 'prodution'.*Its environments: production\.") as raised:
        house.provider().resolve(parse(IT, "prodution"))
    assert raised.value.kind is None


def test_an_environment_that_waits_for_its_first_deployment_is_there(build) -> None:
    world = {"name": "app", "commits": [{"id": "x"}], "tags": {"v1": "x"}, "environments": [{"name": "staging"}]}
    found = build({"repositories": [world]}).provider("sandbox-token").resolve(parse("github:acme/app@v1", "staging"))
    assert isinstance(found, Release)
    assert found.environment == "staging"


def test_an_asset_and_an_artifact_of_one_name_are_one(build) -> None:
    house = build({"repositories": [{
        "name": "app",
        "commits": [{"id": "x", "at": "-9d"}, {"id": "y", "at": "-5d"}],
        "environments": [{"name": "production"}],
        "releases": [{"version": "v1", "commit": "x", "assets": [{"name": "app.tar.gz"}]}, {"version": "v2", "commit": "y"}],
        "runs": [{"id": 1, "pipeline": "CI", "commit": "x", "artifacts": [
            {"name": "app.tar.gz", "expired": True}, {"name": "log"}]}],
        "deployments": [
            {"environment": "production", "release": "v1", "at": "-8d", "run": 1},
            {"environment": "production", "release": "v2", "at": "-4d"},
        ],
    }]})  # fmt: skip
    found = value(house.provider("sandbox-token"), "github:acme/app@v2", PreviousRelease)
    assert [(one.name, one.kind, one.available) for one in found.artifacts] == [
        ("app.tar.gz", "asset", True), ("log", "artifact", True)]  # fmt: skip


def test_a_tag_is_a_release(build) -> None:
    house = build({"repositories": [{"name": "app", "commits": [{"id": "x"}], "tags": {"v1": "x"}}]})
    found = house.provider("sandbox-token").resolve(parse("github:acme/app@v1"))
    assert isinstance(found, Release)
    assert (found.release_kind, found.environment) == ("tag", None)
    assert len(found.commit) == 40


def test_deployments(house: House) -> None:
    found = value(house.provider(), IT, Deployments).deployments
    assert [(one.version, one.state, one.run_id) for one in found] == [
        ("v1.0.0", DeploymentState.SUCCEEDED, 501),
        ("v1.1.0", DeploymentState.SUCCEEDED, 502),
        ("v1.0.0", DeploymentState.SUCCEEDED, 501),
        ("v1.1.0", DeploymentState.SUCCEEDED, 502),
    ]
    assert found[0].person is not None
    assert found[0].person.login == "ben"


def test_inactive_was_a_success_once(build) -> None:
    deployments = [
        {"environment": "staging", "commit": name, "at": f"-{days}d", "status": status}
        for name, days, status in (
            ("a", 9, "success"),
            ("b", 8, "failure"),
            ("c", 7, "success"),
            ("c", 1, "in_progress"),
        )
    ]
    commits = [{"id": name, "files": {name: name}} for name in "abc"]
    house = build(
        {
            "repositories": [
                {
                    "name": "app",
                    "commits": commits,
                    "deployments": deployments,
                    "releases": [{"version": "v3", "commit": "c"}],
                }
            ]
        }
    )
    provider = house.provider("sandbox-token")
    states = [one.state.value for one in value(provider, "github:acme/app@v3", Deployments).deployments]
    assert states == ["succeeded", "failed", "succeeded", "running"]
    previous = value(provider, "github:acme/app@v3", PreviousRelease)
    assert previous.deployment is not None
    assert previous.deployment.commit == value(provider, "github:acme/app@v3", Deployments).deployments[0].commit


def test_previous(house: House) -> None:
    found = value(house.provider(), IT, PreviousRelease)
    assert found.deployment is not None
    assert (found.deployment.version, found.is_first, found.artifacts_unreadable) == ("v1.0.0", False, "")
    assert {(one.name, one.kind, one.available) for one in found.artifacts} == {
        ("app.tar.gz", "asset", True), ("lost.tar.gz", "asset", False), ("dist", "artifact", True), ("old", "artifact", False),
    }  # fmt: skip
    assert next(one for one in found.artifacts if one.name == "dist").expires_at is not None


def test_the_first_release_of_all(house: House) -> None:
    provider = house.provider()
    assert value(provider, "github:acme/payments@v1.0.0", PreviousRelease).deployment is None
    assert not value(provider, "github:acme/payments@v1.0.0", PreviousRelease).is_first


def test_procedures(house: House) -> None:
    found = value(house.provider(), IT, RollbackProcedures)
    assert [(one.kind, one.path, one.input, one.reads_input, one.enabled) for one in found.procedures] == [
        ("workflow_dispatch", ".github/workflows/deploy.yml", "version", True, True)
    ]
    assert [one.what for one in found.rehearsals] == ["re-deployed v1.0.0 after v1.1.0 in production"]
    assert len(found.unreadable) == 1


def test_an_input_that_nothing_reads(build) -> None:
    flow = "on: {workflow_dispatch: {inputs: {version: {}}}}\njobs: {a: {steps: [{run: ./deploy.sh}]}}"
    house = build(
        {
            "repositories": [
                {
                    "name": "app",
                    "files": {".github/workflows/back.yml": flow},
                    "commits": [{"id": "x"}],
                    "releases": [{"version": "v1", "commit": "x"}],
                }
            ]
        }
    )
    found = value(house.provider("sandbox-token"), "github:acme/app@v1", RollbackProcedures)
    assert [one.reads_input for one in found.procedures] == [False]
    assert value(house.provider("sandbox-token"), "github:acme/app@v1", PreviousRelease).is_first


def test_changes(house: House) -> None:
    spec = FactRequest(ReleaseChanges, GlobSpec(frozenset({"migrations/*.py"})))
    found = value(house.provider(), IT, spec)
    assert [(one.path, one.text) for one in found.added] == [("migrations/0002.py", "x\n")]
    assert found.siblings == {"migrations/0001.py", "migrations/0002.py"}
    assert (found.work_items, found.commits) == (("AB#12",), 1)


def test_record(house: House) -> None:
    provider = house.provider()
    found = value(provider, IT, ReleaseRecord)
    assert (found.notes, found.immutable, found.attested) == ("Second, #7 and AB#12", True, True)
    assert found.tag_commit == found.released_commit
    first = value(provider, "github:acme/payments@v1.0.0", ReleaseRecord)
    assert (first.immutable, first.attested) == (False, False)


def test_a_tag_that_was_moved(build) -> None:
    house = build(
        {
            "repositories": [
                {
                    "name": "app",
                    "commits": [{"id": "x", "files": {"a": "1"}}, {"id": "y", "files": {"a": "2"}}],
                    "releases": [{"version": "v1", "commit": "x", "tag_moved": True}],
                    "deployments": [{"environment": "production", "release": "v1"}],
                }
            ]
        }
    )
    found = value(house.provider("sandbox-token"), "github:acme/app@v1", ReleaseRecord)
    assert found.tag_commit != found.released_commit


def test_configuration(build) -> None:
    flow = "on: {workflow_dispatch: {}}\njobs: {a: {uses: acme/shared/.github/workflows/x.yml@main}}"
    house = build(
        {
            "repositories": [
                {
                    "name": "app",
                    "files": {".github/workflows/d.yml": flow},
                    "commits": [{"id": "x"}],
                    "releases": [{"version": "v1", "commit": "x"}],
                }
            ]
        }
    )
    found = value(house.provider("sandbox-token"), "github:acme/app@v1", ReleaseConfiguration)
    assert found.variable_groups == ()
    assert any("acme/shared" in one for one in found.floating_references)
