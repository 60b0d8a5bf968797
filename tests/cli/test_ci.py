from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.ci import CiError, CiEvent, in_ci, read_event
from bot.model.subjects import Platform
from bot.platforms.github.publisher import marker

ROOT = Path(__file__).resolve().parents[2]
SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


def environment(tmp_path: Path, event: str, payload: object, **more: str) -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload), encoding="utf-8")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": event,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": "acme/payments",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "77",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        **more,
    }


def outcome(environ: dict[str, str]) -> CiEvent | CiError:
    try:
        return read_event(environ)
    except CiError as error:
        return error


def pull_request(fork: bool = False, **changes: object) -> dict[str, object]:
    pull = {
        "number": 12,
        "state": "open",
        "title": "x" * 60_000,
        "head": {"ref": "change", "sha": SHA, "repo": {"id": 9 if fork else 1, "full_name": "x/payments"}},
        "base": {"ref": "main", "sha": OTHER, "repo": {"id": 1, "full_name": "acme/payments"}},
    }
    return {
        "action": "opened",
        "pull_request": {**pull, **changes},
        "repository": {"id": 1, "full_name": "acme/payments"},
    }


JUDGED = {
    "check_run", "check_suite", "deployment", "deployment_status", "issue_comment", "merge_group",
    "pull_request", "pull_request_review",
    "pull_request_review_thread", "push", "release", "status", "workflow_dispatch", "workflow_run",
}  # fmt: skip
"""The events of the recorded payloads that a gate judges something for."""


def test_every_recorded_payload_is_read_or_refused_with_what_to_use(shared_data: Path, tmp_path: Path) -> None:
    read: dict[str, CiEvent] = {}
    nothing: dict[str, str] = {}
    refused: dict[str, str] = {}
    for path in sorted((shared_data / "github" / "webhooks").glob("*.json")):
        event = path.name.split(".", 1)[0]
        payload = json.loads(path.read_text(encoding="utf-8"))
        repository = payload.get("repository", {}).get("full_name", "acme/payments")
        made = outcome(environment(tmp_path, event, payload, GITHUB_REPOSITORY=repository))
        if isinstance(made, CiError):
            (nothing if made.nothing_to_judge else refused)[path.name] = str(made)
            continue
        read[path.name] = made
        assert made.event == event
        assert made.targets or made.search is not None, path.name
        assert all(f"{one.organization}/{one.repository}" == repository for one in made.targets)
        if event.startswith("pull_request"):
            assert made.target.pull_request == payload["pull_request"]["number"]
            assert made.target.commit == made.head_sha == payload["pull_request"]["head"]["sha"]
            assert made.base_branch == payload["pull_request"]["base"]["ref"]
            assert not made.moved_only
        if event == "merge_group":
            assert made.head_sha == payload["merge_group"]["head_sha"]
            assert made.target.pull_request is not None
            assert f"refs/heads/{made.base_branch}" == payload["merge_group"]["base_ref"]
        if event in ("check_run", "check_suite", "workflow_run"):
            assert made.targets or (made.search is not None and made.search.head == payload[event]["head_sha"])
            assert made.moved_only is (payload["action"] not in ("rerequested", "requested_action"))
        if event == "status":
            assert made.search is not None
            assert made.search.head == payload["sha"]
        if event == "push":
            assert made.search is not None
            assert made.search.base is not None
            assert f"refs/heads/{made.search.base}" == payload["ref"]
    assert len(read) + len(nothing) + len(refused) > 170
    # Every recorded comment is on an issue.
    assert {name.split(".")[0] for name in read} == JUDGED - {"issue_comment"}
    for name, said in nothing.items():
        event = name.split(".")[0]
        assert event in JUDGED, f"{name}: {said}"
        assert len(said) > 30
    for name, said in refused.items():
        assert name.split(".")[0] not in JUDGED, f"{name}: {said}"
        assert "Use " in said or "use " in said or "Name " in said, f"{name}: {said}"
    assert sum(name.startswith("pull_request") for name in read) > 25
    assert {name for name in nothing if name.startswith("pull_request.")} >= {"pull_request.closed.03.json"}
    assert not any(name.startswith(("merge_group", "status", "workflow_dispatch")) for name in nothing)


def test_a_pull_request(tmp_path: Path) -> None:
    made = read_event(environment(tmp_path, "pull_request", pull_request()))
    assert made == CiEvent(
        platform=Platform.GITHUB,
        targets=(made.target,),
        event="pull_request",
        action="opened",
        head_sha=SHA,
        base_branch="main",
        can_write=True,
        run_url="https://github.com/acme/payments/actions/runs/77",
        fresh=True,
    )
    assert (made.target.organization, made.target.repository, made.target.pull_request) == ("acme", "payments", 12)


@pytest.mark.parametrize(
    ("event", "can_write"),
    [
        ("pull_request", False),
        ("pull_request_review", False),
        ("pull_request_review_comment", False),
        ("pull_request_target", True),
    ],
)
def test_a_fork_may_write_only_where_the_job_runs_in_the_base(tmp_path: Path, event: str, can_write: bool) -> None:
    assert read_event(environment(tmp_path, event, pull_request(fork=True))).can_write is can_write
    deleted = pull_request(head={"ref": "change", "sha": SHA, "repo": None})
    assert read_event(environment(tmp_path, event, deleted)).can_write is can_write
    assert read_event(environment(tmp_path, event, pull_request())).can_write


@pytest.mark.parametrize(
    "payload",
    [{**pull_request(), "action": "closed"}, {**pull_request(state="closed"), "action": "labeled"}],
)
def test_a_closed_pull_request_leaves_nothing_to_judge(tmp_path: Path, payload: dict[str, object]) -> None:
    with pytest.raises(CiError, match="acme/payments#12 is closed") as caught:
        read_event(environment(tmp_path, "pull_request", payload))
    assert caught.value.nothing_to_judge


def test_a_merge_group_names_its_pull_request(tmp_path: Path) -> None:
    group = {"head_ref": f"refs/heads/gh-readonly-queue/release/2.x/pr-12-{OTHER}", "head_sha": SHA, "base_ref": "x"}
    made = read_event(environment(tmp_path, "merge_group", {"action": "checks_requested", "merge_group": group}))
    assert (made.target.pull_request, made.base_branch, made.head_sha) == (12, "release/2.x", SHA)
    assert made.target.commit is None
    with pytest.raises(CiError) as caught:
        read_event(environment(tmp_path, "merge_group", {"action": "destroyed", "merge_group": group}))
    assert caught.value.nothing_to_judge
    with pytest.raises(CiError, match="names no pull request") as caught:
        read_event(environment(tmp_path, "merge_group", {"merge_group": {**group, "head_ref": "refs/heads/main"}}))
    assert not caught.value.nothing_to_judge


def test_a_comment_on_a_pull_request(tmp_path: Path) -> None:
    issue = {"number": 12, "state": "open", "pull_request": {"url": "x"}}
    made = read_event(environment(tmp_path, "issue_comment", {"action": "created", "issue": issue}))
    assert (made.target.pull_request, made.head_sha, made.can_write, made.moved_only) == (12, None, True, True)
    with pytest.raises(CiError, match="not on a pull request") as caught:
        read_event(environment(tmp_path, "issue_comment", {"action": "created", "issue": {"number": 12}}))
    assert caught.value.nothing_to_judge


def test_a_check_suite_lists_its_pull_requests(tmp_path: Path) -> None:
    def listed(number: int, repository: int = 1) -> dict[str, object]:
        return {"number": number, "head": {"sha": SHA}, "base": {"ref": "main", "repo": {"id": repository}}}

    suite = {"head_sha": SHA, "pull_requests": [listed(12), listed(13), listed(5, repository=99)]}
    made = read_event(environment(tmp_path, "check_suite", {"repository": {"id": 1}, "check_suite": suite}))
    assert [target.pull_request for target in made.targets] == [12, 13]
    # Of forks none is listed: they are found by the commit.
    made = read_event(environment(tmp_path, "check_suite", {"check_suite": {"head_sha": SHA, "pull_requests": []}}))
    assert made.targets == ()
    assert made.search is not None
    assert (made.search.head, made.search.whole, str(made.search.home)) == (SHA, False, "github:acme/payments")
    assert made.moved_only


def test_what_asks_again_is_answered_whatever_it_is_and_the_rest_where_it_moved(tmp_path: Path) -> None:
    run = {"head_sha": SHA, "pull_requests": [], "external_id": "almguard:12:passed"}
    for action in ("rerequested", "requested_action"):
        made = read_event(environment(tmp_path, "check_run", {"action": action, "check_run": run}))
        assert not made.moved_only
    for action in ("created", "completed"):
        with pytest.raises(CiError, match="the gate's own") as caught:
            read_event(environment(tmp_path, "check_run", {"action": action, "check_run": run}))
        assert caught.value.nothing_to_judge
    other = {"action": "completed", "check_run": {**run, "external_id": "77"}}
    assert read_event(environment(tmp_path, "check_run", other)).moved_only


@pytest.mark.parametrize(
    ("body", "action", "moved_only"),
    [
        ("/almguard", "created", False),
        ("  /almguard please\nthanks", "created", False),
        ("/almguard", "edited", False),
        ("/almguard", "deleted", True),
        ("/almguardian", "created", True),
        ("looks good to me, /almguard", "created", True),
        ("", "created", True),
    ],
)
def test_a_command_in_a_comment(tmp_path: Path, body: str, action: str, moved_only: bool) -> None:
    issue = {"number": 12, "state": "open", "pull_request": {"url": "x"}}
    comment = {"body": body, "user": {"login": "ana", "type": "User"}}
    made = read_event(environment(tmp_path, "issue_comment", {"action": action, "issue": issue, "comment": comment}))
    assert (made.target.pull_request, made.moved_only) == (12, moved_only)


@pytest.mark.parametrize(
    "comment",
    [
        {"body": "/almguard", "user": {"login": "dependabot[bot]", "type": "Bot"}},
        {"body": "/almguard", "user": {"login": "acme-gate[bot]"}},
        {"body": marker("almguard") + "\n## Blocked", "user": {"login": "olga", "type": "User"}},
    ],
)
def test_a_bots_comment_starts_nothing(tmp_path: Path, comment: object) -> None:
    issue = {"number": 12, "state": "open", "pull_request": {"url": "x"}}
    with pytest.raises(CiError, match="a bot's") as caught:
        read_event(environment(tmp_path, "issue_comment", {"action": "created", "issue": issue, "comment": comment}))
    assert caught.value.nothing_to_judge


def test_a_push_is_about_what_goes_into_the_branch(tmp_path: Path) -> None:
    made = read_event(environment(tmp_path, "push", {"ref": "refs/heads/release/2.x", "deleted": False}))
    assert made.search is not None
    assert (made.search.base, made.search.whole, made.moved_only) == ("release/2.x", True, True)
    for payload in (
        {"ref": "refs/tags/v1"},
        {"ref": "refs/heads/main", "deleted": True},
        {"ref": f"refs/heads/gh-readonly-queue/main/pr-12-{OTHER}"},
    ):
        with pytest.raises(CiError) as caught:
            read_event(environment(tmp_path, "push", payload))
        assert caught.value.nothing_to_judge


@pytest.mark.parametrize("payload", [{}, {"inputs": None}, {"inputs": {"targets": "", "pull-request": ""}}])
def test_a_schedule_and_a_run_by_hand_are_about_every_open_one(tmp_path: Path, payload: object) -> None:
    for event in ("schedule", "workflow_dispatch", "repository_dispatch"):
        made = read_event(environment(tmp_path, event, payload))
        assert made.search is not None
        assert (str(made.search.home), made.search.whole, made.moved_only) == ("github:acme/payments", True, True)


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("workflow_dispatch", {"inputs": {"targets": " github:acme/web#3  github:acme/payments#12", "other": 1}}),
        ("workflow_dispatch", {"inputs": {"targets": "github:acme/web#3", "pull-request": "#12"}}),
        ("repository_dispatch", {"client_payload": {"targets": ["github:acme/web#3"], "pull_request": 12}}),
    ],
)
def test_a_dispatch_may_name_what_it_wants(tmp_path: Path, event: str, payload: object) -> None:
    made = read_event(environment(tmp_path, event, payload))
    assert [str(one) for one in made.targets] == ["github:acme/web#3", "github:acme/payments#12"]
    assert not made.moved_only


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"pull-request": "12; rm"}, "inputs.pull-request"),
        ({"pull-request": True}, "inputs.pull-request"),
        ({"targets": "../etc"}, "is a path"),
        ({"targets": "github:"}, "not a GitHub target"),
    ],
)
def test_a_dispatch_that_names_no_target_is_refused(tmp_path: Path, given: object, says: str) -> None:
    with pytest.raises(CiError, match=says) as caught:
        read_event(environment(tmp_path, "workflow_dispatch", {"inputs": given}))
    assert not caught.value.nothing_to_judge


def test_a_release(tmp_path: Path) -> None:
    made = read_event(environment(tmp_path, "release", {"action": "published", "release": {"tag_name": "v1.2.3"}}))
    assert (made.target.release, made.head_sha) == ("v1.2.3", None)
    with pytest.raises(CiError) as caught:
        read_event(environment(tmp_path, "release", {"action": "deleted", "release": {"tag_name": "v1.2.3"}}))
    assert caught.value.nothing_to_judge


@pytest.mark.parametrize(
    ("event", "hint"),
    [
        ("workflow_call", "merge_group"),
        ("issues", "almguard audit"),
        ("page_build", "is none that a gate knows"),
    ],
)
def test_other_events_are_refused_with_what_to_use(tmp_path: Path, event: str, hint: str) -> None:
    with pytest.raises(CiError, match=hint) as caught:
        read_event(environment(tmp_path, event, {}))
    assert not caught.value.nothing_to_judge


@pytest.mark.parametrize("name", ["templates/pipelines/github-gate.yml", ".github/workflows/gate.yml"])
def test_every_event_of_the_shipped_workflow_is_one_that_a_gate_knows(name: str, tmp_path: Path) -> None:
    # BaseLoader: YAML 1.1 reads the key `on` as true.
    workflow = yaml.load((ROOT / name).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    for event in workflow["on"]:
        said = str(outcome(environment(tmp_path, event, {})))
        assert "none that a gate knows" not in said
        assert "cannot be gated" not in said
    missing = JUDGED | {"schedule"}
    # What a release asks for is another workflow's; one event is no trigger, and two are the unprivileged forms of others.
    assert missing - set(workflow["on"]) == {
        "deployment", "deployment_status", "release", "pull_request", "pull_request_review_thread",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "[" * 100_000, '{"a": ' + "9" * 5_000 + "}", "{}"])
def test_a_payload_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CiError):
        read_event(environment(tmp_path, "pull_request", text))


def test_a_payload_that_is_not_text_is_refused(tmp_path: Path) -> None:
    environ = environment(tmp_path, "pull_request", {})
    Path(environ["GITHUB_EVENT_PATH"]).write_bytes(b"\xff\xfe{}")
    with pytest.raises(CiError, match="not JSON"):
        read_event(environ)
    with pytest.raises(CiError, match="cannot be read"):
        read_event({**environ, "GITHUB_EVENT_PATH": str(tmp_path / "absent.json")})
    with pytest.raises(CiError, match="GITHUB_EVENT_PATH is not set"):
        read_event({key: value for key, value in environ.items() if key != "GITHUB_EVENT_PATH"})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"number": "12"}, "pull_request.number"),
        ({"number": True}, "pull_request.number"),
        ({"number": -1}, "pull_request.number"),
        ({"head": {"sha": "main"}}, "pull_request.head.sha"),
        ({"head": None}, "pull_request.head.sha"),
        ({"base": {"ref": 3}}, "pull_request.base.ref"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, change: dict[str, object], path: str) -> None:
    with pytest.raises(CiError, match=path.replace(".", r"\.")):
        read_event(environment(tmp_path, "pull_request", pull_request(**change)))


PARTS = (
    "pull_request", "merge_group", "issue", "comment", "check_suite", "check_run", "workflow_run", "release", "inputs",
    "client_payload",
)  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(JUDGED | {"repository_dispatch", "schedule", "pull_request_target"})),
    st.dictionaries(st.sampled_from([*PARTS, "action", "repository", "ref", "deleted", "sha"]), anything),
    st.sampled_from(
        [
            "number",
            "head",
            "base",
            "head_ref",
            "head_sha",
            "tag_name",
            "pull_requests",
            "state",
            "pull_request",
            "targets",
            "pull-request",
            "body",
            "user",
            "external_id",
        ]
    ),
    anything,
)
def test_no_payload_is_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, event: str, payload: dict[str, object], key: str, value: object
) -> None:
    for name in PARTS:
        payload.setdefault(name, {key: value})
    said = outcome(environment(tmp_path_factory.getbasetemp(), event, payload))
    if isinstance(said, CiError):
        assert "::" not in str(said)
        assert "\n" not in str(said)


AZURE = {
    "TF_BUILD": "True",
    "BUILD_REASON": "PullRequest",
    "BUILD_REPOSITORY_PROVIDER": "TfsGit",
    "BUILD_REPOSITORY_NAME": "payments api",
    "BUILD_REPOSITORY_URI": "https://acme@dev.azure.com/acme/Pay%20Ments/_git/payments%20api",
    "BUILD_BUILDID": "901",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
    "SYSTEM_TEAMPROJECT": "Pipelines",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": "45",
    "SYSTEM_PULLREQUEST_SOURCECOMMITID": SHA,
    "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/release/2.x",
}


def test_a_build_for_a_pull_request_of_azure_repos() -> None:
    made = read_event(AZURE)
    target = made.target
    assert (target.platform, target.organization, target.project) == (Platform.AZURE_DEVOPS, "acme", "Pay Ments")
    assert (target.repository, target.pull_request, target.commit) == ("payments api", 45, SHA)
    assert (made.base_branch, made.head_sha, made.can_write) == ("release/2.x", SHA, True)
    assert made.run_url == "https://dev.azure.com/acme/Pipelines/_build/results?buildId=901"


@pytest.mark.parametrize(
    ("collection", "uri", "organization", "project"),
    [
        ("https://acme.visualstudio.com/", "https://acme.visualstudio.com/Pay/_git/api", "acme", "Pay"),
        ("https://acme.visualstudio.com/", "https://acme.visualstudio.com/_git/api", "acme", "api"),
        ("https://dev.azure.com/acme/", "https://acme@dev.azure.com/acme/_git/api", "acme", "api"),
        ("https://tfs.acme.example/tfs/Main/", "https://tfs.acme.example/tfs/Main/Pay/_git/api", "Main", "Pay"),
        ("https://dev.azure.com/acme/", "", "acme", "Pipelines"),
    ],
)
def test_organisation_and_project(collection: str, uri: str, organization: str, project: str) -> None:
    environ = {**AZURE, "SYSTEM_COLLECTIONURI": collection, "BUILD_REPOSITORY_URI": uri, "BUILD_REPOSITORY_NAME": "api"}
    target = read_event(environ).target
    assert (target.organization, target.project, target.repository) == (organization, project, "api")


@pytest.mark.parametrize("provider", ["GitHub", "GitHubEnterprise"])
def test_a_github_repository_built_by_azure_pipelines(provider: str) -> None:
    environ = {
        **AZURE,
        "BUILD_REPOSITORY_PROVIDER": provider,
        "BUILD_REPOSITORY_NAME": "acme/payments",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "812345678",
        "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "12",
        "SYSTEM_PULLREQUEST_TARGETBRANCH": "main",
    }
    made = read_event(environ)
    assert (made.platform, made.target.pull_request, made.base_branch) == (Platform.GITHUB, 12, "main")
    assert made.target.repository == "payments"
    assert made.can_write
    assert not read_event({**environ, "SYSTEM_PULLREQUEST_ISFORK": "True"}).can_write


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"BUILD_REASON": "IndividualCI"}, "build validation policy"),
        ({"BUILD_REASON": ""}, "build validation policy"),
        ({"BUILD_REPOSITORY_PROVIDER": "Bitbucket"}, "Bitbucket"),
        ({"SYSTEM_PULLREQUEST_PULLREQUESTID": "12; rm"}, "no number"),
        ({"SYSTEM_PULLREQUEST_PULLREQUESTID": ""}, "is not set"),
        ({"SYSTEM_COLLECTIONURI": "https://dev.azure.com/"}, "names no organisation"),
        ({"SYSTEM_COLLECTIONURI": "http://[bad"}, "is not an address"),
        ({"BUILD_REPOSITORY_URI": "http://[bad"}, "is not an address"),
        ({"BUILD_REPOSITORY_PROVIDER": "GitHub", "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "12"}, "no target"),
    ],
)
def test_other_builds_are_refused(changes: dict[str, str], says: str) -> None:
    with pytest.raises(CiError, match=says):
        read_event({**AZURE, **changes})


def test_outside_of_ci() -> None:
    assert not in_ci({})
    assert in_ci(AZURE)
    with pytest.raises(CiError, match="Name the target"):
        read_event({})
