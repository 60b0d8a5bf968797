"""Which release an event of GitHub is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bot.cli.ci import CiError, read_event, read_waiting_deployment
from bot.cli.ci_event import DeploymentReview
from bot.cli.ci_github import HEAD_EVENTS, PULL_REQUEST_EVENTS
from tests.cli.test_ci import SHA, environment, outcome

CALLBACK = "https://api.github.com/repos/acme/payments/actions/runs/814/deployment_protection_rule"


def deployment(ref: str = "v1.4.0", **status: str) -> dict[str, Any]:
    made: dict[str, Any] = {"action": "created", "deployment": {"sha": SHA, "ref": ref, "environment": "production"}}
    return {**made, "deployment_status": status} if status else made


def waiting(**changes: Any) -> dict[str, Any]:
    """A payload of the event deployment_protection_rule, as far as it is read."""
    made = {
        "action": "requested",
        "environment": "production",
        "deployment_callback_url": CALLBACK,
        "deployment": {"sha": SHA, "ref": "v9.9.9", "environment": "production"},
        "repository": {"full_name": "acme/payments"},
    }
    return {**made, **changes}


@pytest.mark.parametrize("event", ["deployment", "deployment_status"])
def test_a_deployment_names_its_commit_its_tag_and_its_environment(tmp_path: Path, event: str) -> None:
    payload = deployment(state="in_progress") if event == "deployment_status" else deployment()
    made = read_event(environment(tmp_path, event, payload))
    target = made.target
    assert (target.text, target.release, target.commit) == ("github:acme/payments@v1.4.0", "v1.4.0", SHA)
    assert (target.environment, made.head_sha, made.review) == ("production", SHA, None)
    assert read_event(environment(tmp_path, event, payload), "staging").target.environment == "staging"


@pytest.mark.parametrize("ref", ["refs/heads/main", "two words", SHA, "\x1b[2J\n"])
def test_where_a_deployment_names_no_tag_its_commit_is_looked_up(tmp_path: Path, ref: str) -> None:
    assert read_event(environment(tmp_path, "deployment", deployment(ref))).target.release == SHA


def test_what_is_over_leaves_nothing_to_judge(tmp_path: Path) -> None:
    found = outcome(environment(tmp_path, "deployment_status", deployment(state="inactive")))
    assert isinstance(found, CiError)
    assert found.nothing_to_judge


@pytest.mark.parametrize("event", ["push", "workflow_dispatch"])
def test_a_run_on_a_tag_is_about_that_release(tmp_path: Path, event: str) -> None:
    environ = environment(tmp_path, event, {}, GITHUB_REF="refs/tags/v1.4.0", GITHUB_SHA=SHA)
    made = read_event(environ, "production").target
    assert (made.release, made.commit, made.environment) == ("v1.4.0", SHA, "production")
    assert read_event(environ).target.environment is None


@pytest.mark.parametrize("event", ["push", "workflow_dispatch", "schedule", "repository_dispatch"])
def test_a_run_on_a_branch_is_about_a_release_where_it_names_an_environment(tmp_path: Path, event: str) -> None:
    environ = environment(tmp_path, event, {}, GITHUB_REF="refs/heads/main", GITHUB_SHA=SHA)
    assert read_event(environ, "production").target.release == SHA
    changes = read_event(environment(tmp_path, event, {"ref": "refs/heads/main"}, GITHUB_REF="refs/heads/main"))
    assert changes.targets == ()
    assert changes.search is not None
    with pytest.raises(CiError, match="GITHUB_SHA is 'x'"):
        read_event({**environ, "GITHUB_SHA": "x"}, "production")


def test_a_published_release_is_judged_for_the_environment_that_is_named(tmp_path: Path) -> None:
    payload = {"action": "published", "release": {"tag_name": "v1.4.0"}}
    made = read_event(environment(tmp_path, "release", payload), "production").target
    assert (made.environment, made.commit) == ("production", None)
    # A tag may be moved once the job has begun, and the job deploys what it began with.
    assert read_event(environment(tmp_path, "release", payload, GITHUB_SHA=SHA)).target.commit == SHA


@pytest.mark.parametrize(
    "event", sorted({*PULL_REQUEST_EVENTS, *HEAD_EVENTS, "merge_group", "issue_comment", "status"})
)
def test_an_event_about_pull_requests_gives_no_leave_to_deploy(tmp_path: Path, event: str) -> None:
    with pytest.raises(CiError, match="the environment 'production' asks about a release") as caught:
        read_event(environment(tmp_path, event, {"action": "closed", "ref": "refs/heads/main"}), "production")
    assert not caught.value.nothing_to_judge


def test_a_release_that_was_taken_back_is_not_deployed(tmp_path: Path) -> None:
    environ = environment(tmp_path, "release", {"action": "unpublished", "release": {"tag_name": "v1.4.0"}})
    with pytest.raises(CiError) as caught:
        read_event(environ, "production")
    assert not caught.value.nothing_to_judge
    found = outcome(environ)
    assert isinstance(found, CiError)
    assert found.nothing_to_judge


def test_a_deployment_that_waits_is_known_by_its_run_and_nothing_else_of_the_payload(tmp_path: Path) -> None:
    made = read_event(
        environment(tmp_path, "repository_dispatch", {"client_payload": {"deployment_protection_rule": waiting()}})
    )
    assert made.review == DeploymentReview("acme/payments", 814, "production")
    assert (made.target.release, made.target.commit) == (None, None)
    path = tmp_path / "payload.json"
    path.write_text(json.dumps(waiting()), encoding="utf-8")
    assert read_waiting_deployment({}, str(path)).review == made.review


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"deployment_callback_url": CALLBACK.replace("api.github.com", "evil.example")},
            "the only address that is answered",
        ),
        ({"deployment_callback_url": CALLBACK.replace("https", "http")}, "the only address that is answered"),
        (
            {"deployment_callback_url": CALLBACK.replace("api.github.com", "api.github.com@evil.example")},
            "the only address",
        ),
        ({"deployment_callback_url": CALLBACK.replace("api.github.com", "[")}, "the only address that is answered"),
        ({"deployment_callback_url": CALLBACK.replace("/814/", "/../814/")}, "not that of a workflow run"),
        ({"deployment_callback_url": CALLBACK.replace("814", "0")}, "not that of a workflow run"),
        ({"deployment_callback_url": CALLBACK.replace("payments", "other")}, "not that of a workflow run"),
        ({"deployment_callback_url": CALLBACK + "?x=1"}, "not that of a workflow run"),
        ({"deployment_callback_url": None}, "has no deployment_callback_url"),
        ({"environment": ["production"]}, "has no environment"),
        ({"repository": {"full_name": "acme/../payments"}}, "is not OWNER/REPO"),
        *(
            (
                {
                    "deployment_callback_url": CALLBACK.replace("payments", quote(name, safe="")),
                    "repository": {"full_name": f"acme/{name}"},
                },
                "is not OWNER/REPO",
            )
            for name in (
                "payments#12",
                "payments@v1/../../../../repos/acme/payments/forks?",
                "..",
                ".",
                "payments\n",
                "a/b",
            )
        ),
    ],
)
def test_a_payload_leads_nowhere_else(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = tmp_path / "payload.json"
    path.write_text(json.dumps(waiting(**changes)), encoding="utf-8")
    with pytest.raises(CiError) as caught:
        read_waiting_deployment({}, str(path))
    assert words in str(caught.value)


def test_another_server_is_answered_where_it_is_the_one_in_use(tmp_path: Path) -> None:
    api = "https://github.acme.example/api/v3"
    payload = waiting(deployment_callback_url=CALLBACK.replace("https://api.github.com", api))
    path = tmp_path / "payload.json"
    path.write_text(json.dumps(payload), encoding="utf-8")
    review = read_waiting_deployment({"GITHUB_API_URL": api}, str(path)).review
    assert review is not None
    assert review.run_id == 814


def test_every_recorded_deployment_is_read(shared_data: Path, tmp_path: Path) -> None:
    read = 0
    for path in sorted((shared_data / "github" / "webhooks").glob("deployment*.json")):
        event = path.name.split(".")[0]
        found = outcome(environment(tmp_path, event, path.read_text(encoding="utf-8")))
        if event == "deployment_review":
            assert isinstance(found, CiError)
            continue
        assert not isinstance(found, CiError), found
        assert found.target.commit
        assert found.target.environment
        read += 1
    assert read
