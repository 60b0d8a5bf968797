"""Credentials, scopes, permissions, versions, and how a refusal reads."""

from __future__ import annotations

import base64

import pytest

from bot.sandbox.server import Sandbox
from tests.sandbox.azure_devops.ado_world import Ask, ask

REPOSITORY = "Payments/_apis/git/repositories/api"


def of(world: Sandbox, token: str | None, organization: str = "acme") -> Ask:
    return ask(f"{world.url}/{organization}", token)


def test_basic_and_bearer(shared_world: Sandbox) -> None:
    nobody = of(shared_world, None)
    assert nobody("_apis/projects", Authorization="Bearer all").status == 200
    basic = base64.b64encode(b"anything:all").decode()
    assert nobody("_apis/projects", Authorization=f"Basic {basic}").status == 200


def test_no_credential_and_an_expired_one_get_a_sign_in_page_that_looks_like_success(shared_world: Sandbox) -> None:
    for token in (None, "stale"):
        reply = of(shared_world, token)("_apis/projects")
        assert reply.status == 203
        assert reply.headers["content-type"].startswith("text/html")
        assert b"Sign In" in reply.body


def test_an_unknown_credential(shared_world: Sandbox) -> None:
    reply = of(shared_world, "wrong")("_apis/projects")
    assert reply.status == 401
    assert reply.json["typeKey"] == "UnauthorizedRequestException"
    assert "TF400813" in reply.json["message"]
    assert "www-authenticate" in reply.headers


def test_a_missing_scope_is_named(shared_world: Sandbox) -> None:
    reader = of(shared_world, "reader")
    assert reader(f"{REPOSITORY}/refs").status == 200
    assert reader(f"{REPOSITORY}/pullrequests/12/statuses").status == 200
    refused = reader("Payments/_apis/build/builds")
    assert refused.status == 401
    assert "vso.build" in refused.json["message"]
    posted = reader(f"{REPOSITORY}/pullrequests/12/statuses", method="POST", body={})
    assert posted.status == 401
    assert "vso.code_status" in posted.json["message"]


def test_a_wider_scope_includes_a_narrower_one() -> None:
    from bot.sandbox.azure_devops.scopes import closure

    assert {"vso.code", "vso.code_status", "vso.threads_full"} <= closure(["vso.code_full"])
    assert "vso.code_write" not in closure(["vso.code"])


def test_what_may_not_be_read_is_not_there(shared_world: Sandbox) -> None:
    hidden = of(shared_world, "bens")("Web/_apis/git/repositories/site")
    absent = of(shared_world, "bens")("Web/_apis/git/repositories/nothing")
    assert (hidden.status, absent.status) == (404, 404)
    assert hidden.json["message"].replace("site", "nothing") == absent.json["message"]
    assert hidden.json["message"].startswith("TF401019")
    assert hidden.json["typeKey"] == "GitRepositoryNotFoundException"
    names = [each["name"] for each in of(shared_world, "bens")("_apis/git/repositories").json["value"]]
    assert names == ["api", "classic"]


def test_a_stranger_sees_no_project(shared_world: Sandbox) -> None:
    stranger = of(shared_world, "stranger")
    assert stranger("_apis/projects").json["count"] == 0
    reply = stranger("Payments/_apis/policy/types")
    assert reply.status == 404
    assert reply.json["message"].startswith("TF200016")


def test_reading_is_not_contributing(shared_world: Sandbox) -> None:
    body = {"state": "succeeded", "context": {"name": "mine"}}
    reader = of(shared_world, "stranger")
    assert reader(f"{REPOSITORY}/pullrequests/12/statuses", method="POST", body=body).status == 404
    settings = {"minimumApproverCount": 1, "scope": [{"repositoryId": None, "refName": None}]}
    policy = {
        "isEnabled": True,
        "isBlocking": True,
        "type": {"id": "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"},
        "settings": settings,
    }
    refused = of(shared_world, "bens")("Payments/_apis/policy/configurations", method="POST", body=policy)
    assert refused.status == 403
    assert "EditPolicies" in refused.json["message"]


def test_organisations_projects_paths_and_methods_that_are_not_there(shared_world: Sandbox, get: Ask) -> None:
    assert of(shared_world, "all", "nobody")("_apis/projects").status == 404
    assert of(shared_world, "all", "lone")("_apis/projects").json["value"][0]["name"] == "lone"
    assert get("Nowhere/_apis/git/repositories").json["typeKey"] == "ProjectDoesNotExistWithNameException"
    assert get("_apis/nonsense").status == 404
    assert get("no-apis-here").status == 404
    assert get("_apis/projects", method="PATCH", body={}).status == 405


@pytest.mark.parametrize("path", ["_apis/connectionData", "Payments/_apis/policy/evaluations?artifactId=x"])
def test_a_preview_has_to_be_asked_for(get: Ask, path: str) -> None:
    refused = get(path, version="7.1")
    assert refused.status == 400
    assert refused.json["typeKey"] == "VssInvalidPreviewVersionException"
    assert get(path, version="7.1-preview.1").json.get("typeKey") != "VssInvalidPreviewVersionException"


def test_versions(get: Ask) -> None:
    assert get("_apis/projects", version="").status == 200
    assert get("_apis/projects?api-version=5.0", version="").status == 200
    assert get("_apis/projects", version="7.1").status == 200
    assert get("_apis/projects", version="7.2").json["typeKey"] == "VssInvalidPreviewVersionException"
    assert get("_apis/projects", version="9.9-preview").json["typeKey"] == "VssVersionOutOfRangeException"
    assert get("_apis/projects", version="latest").status == 400
    unsaid = get("Payments/_apis/wit/wiql", method="POST", body={"query": "x"}, version="")
    assert unsaid.json["typeKey"] == "VssVersionNotSpecifiedException"


def test_bodies_that_are_not_json(get: Ask) -> None:
    reply = get("Payments/_apis/wit/wiql", method="POST", body="text")
    assert reply.status == 400
