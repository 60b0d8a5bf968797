from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.engine.ports import PlatformError
from bot.model.facts import Unavailable, UnknownKind
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
from bot.platforms.azure_devops.rollback import classic_release
from tests.platforms.azure_devops.ado_reader import Reader

NEWEST = "ado:acme/Payments/payments@v1.1.0"


@pytest.fixture
def release(reader: Reader):
    return reader.subject(NEWEST)


def test_a_run_is_a_release(release):
    assert (release.version, release.release_kind, release.run_id) == ("v1.1.0", "run", 101)
    assert release.environment == "production"
    assert release.id.endswith("/run/101/production")


def test_a_tag_leads_to_the_run_of_its_commit(reader: Reader):
    found = reader.subject("ado:acme/Payments/payments@stable")
    assert (found.version, found.release_kind, found.run_id) == ("v1.1.0", "run", 101)


def test_a_tag_without_a_run(reader: Reader, sandbox):
    found = reader.subject("ado:acme/Payments/payments@lonely")
    assert (found.version, found.release_kind, found.run_id, found.environment) == ("lonely", "tag", None, None)
    assert found.commit == sandbox.world.repository("acme", "payments").git.refs["refs/tags/lonely"]


def test_without_the_scope_for_releases_a_run_is_found_and_a_missing_one_is_not_denied(reader_for):
    reader = reader_for("no-release")
    assert reader.subject("ado:acme/Payments/payments@stable").run_id == 101
    with pytest.raises(PlatformError, match=r"vso\.release") as unknown:
        reader.subject("ado:acme/Payments/payments@v7")
    assert unknown.value.kind is UnknownKind.SCOPE


def test_a_classic_release(reader: Reader):
    found = reader.subject("ado:acme/Payments/billing@R-2")
    assert (found.release_kind, found.environment, found.version) == ("classic", "shop", "R-2")
    deployments = reader.value(Deployments, found).deployments
    assert [(one.version, one.state) for one in deployments] == [
        ("R-1", DeploymentState.SUCCEEDED),
        ("R-2", DeploymentState.SUCCEEDED),
        ("R-2", DeploymentState.FAILED),
    ]
    previous = reader.value(PreviousRelease, found)
    assert (previous.deployment.version, previous.run_exists, previous.is_first) == ("R-1", True, False)
    assert previous.leased_until.year == 9999, "it is kept for ever"
    assert reader.value(ReleaseRecord, found).notes == "Second classic"
    (again,) = reader.value(RollbackProcedures, found).procedures
    assert (again.kind, again.enabled) == ("stage_rerun", True)
    changes = reader.value(ReleaseChanges, found, GlobSpec(frozenset({"a"})))
    assert (changes.commits, changes.work_items, [one.text for one in changes.added]) == (1, ("AB#8",), ["2"])


def test_a_redeploy_trigger_of_a_classic_definition(reader: Reader):
    found = reader.subject("ado:acme/Payments/billing@R-2")
    project = found.repository.organization.id.rpartition("/")[2]
    definition = classic_release(reader.provider.reads, project, found.run_id)["releaseDefinition"]["id"]
    trigger = {"triggerType": "rollbackRedeploy", "triggerContent": '{"action": "RedeployLastSuccessful"}'}
    reader.provider.reads.keep(
        ("release definition", project, definition),
        {"environments": [{"name": "shop", "environmentTriggers": [trigger], "retentionPolicy": {"daysToKeep": 30}}]},
    )
    kinds = [one.kind for one in reader.value(RollbackProcedures, found).procedures]
    assert kinds == ["stage_rerun", "redeploy_trigger"]


def test_no_such_release(reader: Reader):
    with pytest.raises(PlatformError, match="no run with the number 'v7'") as refused:
        reader.subject("ado:acme/Payments/payments@v7")
    assert refused.value.kind is None


def test_deployments_oldest_first_with_attempts(reader: Reader, release):
    deployments = reader.value(Deployments, release).deployments
    assert [(one.version, one.run_id, one.attempt) for one in deployments] == [
        ("v1.0.0", 100, 1),
        ("v1.1.0", 101, 1),
        ("v1.0.0", 100, 2),
        ("v1.1.0", 101, 2),
    ]
    assert {one.environment for one in deployments} == {"production"}
    assert deployments[1].commit == release.commit


def test_the_previous_release_and_what_is_kept_of_it(reader: Reader, release):
    previous = reader.value(PreviousRelease, release)
    assert previous.deployment.version == "v1.0.0"
    assert not previous.is_first
    assert previous.run_exists
    assert [one.name for one in previous.artifacts] == ["drop"]
    assert previous.leased_until == datetime(2027, 2, 9, 12, tzinfo=UTC)


def test_the_first_release_of_all(reader: Reader):
    first = reader.subject("ado:acme/Payments/payments@v1.0.0")
    previous = reader.value(PreviousRelease, first)
    assert previous.deployment is None
    assert not previous.is_first, "something else was deployed there since"
    assert reader.value(ReleaseChanges, first).commits == 0


def test_a_run_that_retention_has_deleted(reader_for, sandbox):
    sandbox.world.repository("acme", "payments").part.runs[0].deleted = True
    reader = reader_for()
    release = reader.subject(NEWEST)
    previous = reader.value(PreviousRelease, release)
    assert (previous.deployment.version, previous.run_exists, previous.artifacts) == ("v1.0.0", False, ())
    assert reader.value(RollbackProcedures, release).procedures == ()


def test_rehearsals_are_real_returns(reader: Reader, release):
    found = reader.value(RollbackProcedures, release)
    assert [(one.kind, one.enabled, one.path) for one in found.procedures] == [
        ("stage_rerun", True, "azure-pipelines.yml")
    ]
    (rehearsal,) = found.rehearsals
    assert rehearsal.what.startswith("re-deployed v1.0.0 after v1.1.0")
    assert rehearsal.at == datetime(2026, 10, 20, 12, 4, tzinfo=UTC)


def test_what_is_new(reader: Reader, release):
    changes = reader.value(ReleaseChanges, release, GlobSpec(frozenset({"*.sql"})))
    assert [(one.path, one.text) for one in changes.added] == [("db/2.sql", "create")]
    assert changes.siblings == {"db/1.sql", "db/2.sql"}
    assert changes.commits == 1


def test_the_record_and_the_configuration(reader: Reader, release):
    record = reader.value(ReleaseRecord, release)
    assert (record.tag, record.notes) == ("v1.1.0", "Second AB#7")
    assert record.tag_commit == record.released_commit == release.commit
    assert [one.name for one in record.assets] == ["drop"]
    assert record.immutable is None
    configuration = reader.value(ReleaseConfiguration, release)
    assert (configuration.variable_groups, configuration.floating_references) == ((), ())


def test_variable_groups_are_named(reader_for, sandbox):
    repository = sandbox.world.repository("acme", "payments")
    text = "variables:\n- group: secrets\nsteps:\n- script: make\n"
    reader = reader_for()
    release = reader.subject(NEWEST)
    git = repository.git
    files = {**git.files(release.commit)}
    assert "azure-pipelines.yml" in files
    git.blobs[files["azure-pipelines.yml"]] = text.encode()
    assert reader.value(ReleaseConfiguration, release).variable_groups == ("secrets",)


def test_deployments_without_the_scope(reader_for):
    reader = reader_for("no-environments")
    whole = reader_for()
    release = whole.subject(NEWEST)
    for fact in (Deployments, PreviousRelease, RollbackProcedures):
        answer = reader.ask(fact, release)
        assert isinstance(answer, Unavailable), fact
        assert answer.kind is UnknownKind.SCOPE
    assert "vso.environment_manage" in reader.known.answer(Deployments, release).reason
