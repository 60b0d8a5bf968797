"""Whether the gate binds, as the doctor tells it: every state of the required check, on both platforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Ended, World

CONFIG = "apiVersion: almguard/v1\nkind: Config\npolicies: [pack:baseline]\n"
WORKFLOW = ".github/workflows/almguard.yml"
GATE_WORKFLOW = """\
on: pull_request
jobs: {gate: {runs-on: ubuntu-24.04, steps: [{run: almguard gate}]}}
"""
PEOPLE = {
    "gatekeeper": {"name": "Gatekeeper", "bot": True},
    "almguard": {"name": "Gatekeeper", "bot": True},
    "builds": {"name": "Payments Build Service (acme)", "bot": True},
}
GATE = {"name": "almguard", "genre": "almguard", "app": "gatekeeper"}
"""Required as it should be: by the gate's own app or identity."""

Doctor = Callable[..., Ended]


def scenario(*protection: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "people": PEOPLE,
        "teams": {"ops": {"members": ["ana"]}},
        "organizations": [
            {"name": "acme", "owners": ["olga"], "projects": [{"name": "Payments"}], "protection": changes.get("own", [])}
        ],
        "tokens": {"sandbox-token": {"person": "olga"}, **changes.get("tokens", {})},
        "repositories": [
            {
                "name": "payments",
                "project": "Payments",
                "files": {
                    WORKFLOW: GATE_WORKFLOW,
                    ".github/almguard.yml": CONFIG + changes.get("config", ""),
                    "gate.yml": "steps:\n  - script: almguard gate\n",
                },
                "branches": changes.get("branches", {}),
                "pipelines": changes.get("pipelines", []),
                "protection": [{"branch": "main", "approvals": 1, **one} for one in protection],
                "pull_requests": [{"number": 1, "author": "ana", **changes.get("pull", {})}],
            },
            {"name": "governance", "project": "Payments"},
        ],
    }  # fmt: skip


@pytest.fixture
def doctor(world: Callable[[dict[str, Any]], World]) -> Doctor:
    def examine(platform: str, scenario: dict[str, Any], *, number: str = "", **environ: str) -> Ended:
        sign = {"github": "#", "azure-devops": "!"}[platform] if number else ""
        home = {"github": "github:acme/payments", "azure-devops": "ado:acme/Payments/payments"}[platform]
        return world(scenario).call("doctor", f"{home}{sign}{number}", environ={"COLUMNS": "4000", **environ})

    return examine


def line(ended: Ended, begins: str) -> str:
    """The one line that begins so, with its detail."""
    lines = ended.out.splitlines()
    (at,) = (at for at, one in enumerate(lines) if one.startswith(begins))
    return " ".join([lines[at], *(one.strip() for one in lines[at + 1 : at + 2] if one.startswith("    "))])


BOTH = pytest.mark.parametrize("platform", ["github", "azure-devops"])


@BOTH
@pytest.mark.parametrize("via", ["classic", "ruleset"])
def test_it_binds_where_its_own_identity_alone_posts_it(doctor: Doctor, platform: str, via: str) -> None:
    ended = doctor(platform, scenario({"via": via, "checks": [GATE]}))
    posted = {"github": "'almguard'", "azure-devops": "'almguard/almguard'"}[platform]
    said = line(ended, "✔ it binds: ")
    assert f"requires {posted} on main, from " in said
    assert said.endswith(" alone")
    if platform == "azure-devops":
        assert "from Gatekeeper alone" in said
    assert "advice only" not in ended.out
    assert ended.code == 0, ended.out + ended.err


@BOTH
def test_nothing_requires_it(doctor: Doctor, platform: str) -> None:
    ended = doctor(platform, scenario({}))
    said = line(ended, "! advice only: the check ")
    assert "is not required on main" in said
    assert {"github": "ALMGUARD_APP_ID", "azure-devops": "status policy"}[platform] in said
    assert ended.code == 0


@BOTH
@pytest.mark.parametrize("name", ["Almguard", "almguard ", "almgard", "almguard gate"])
def test_another_name_is_required(doctor: Doctor, platform: str, name: str) -> None:
    ended = doctor(platform, scenario({"checks": [GATE | {"name": name}]}))
    required, posted = (
        (name, "almguard") if platform == "github" else (f"almguard/{name}", "almguard/almguard")
    )  # fmt: skip
    said = line(ended, "! advice only: ")
    assert f"requires {required!r}, the gate posts {posted!r}" in said
    assert f"set gate.context to {name!r}" in said


def test_the_genre_is_missing(doctor: Doctor) -> None:
    ended = doctor("azure-devops", scenario({"checks": [{"name": "almguard"}]}))
    said = line(ended, "! advice only: ")
    assert "requires 'almguard', the gate posts 'almguard/almguard'" in said
    assert "give it the genre 'almguard'" in said


@BOTH
def test_the_name_by_the_configuration_is_what_counts(doctor: Doctor, platform: str) -> None:
    config = "gate: {context: {main: merge-gate, '**': almguard}}\n"
    ended = doctor(platform, scenario({"checks": [GATE | {"name": "merge-gate"}]}, config=config))
    assert "merge-gate' on main" in line(ended, "✔ it binds: ")
    ended = doctor(platform, scenario({"checks": [GATE]}, config=config))
    assert "the gate posts" in line(ended, "! advice only: ")
    assert "merge-gate" in ended.out


@BOTH
def test_a_second_name_that_nothing_posts(doctor: Doctor, platform: str) -> None:
    ended = doctor(platform, scenario({"checks": [GATE, GATE | {"name": "Almguard"}]}))
    assert "✔ it binds: " in ended.out
    assert "Merging into main waits for " in ended.out


@BOTH
def test_anybody_may_post_it(doctor: Doctor, platform: str) -> None:
    check = {"name": "almguard", "genre": "almguard"}
    said = line(doctor(platform, scenario({"checks": [check]})), "! advice only: ")
    assert "but whoever may" in said
    assert {"github": "Pin the check to the GitHub App", "azure-devops": "Authorized account"}[platform] in said


def test_pinned_to_github_actions(doctor: Doctor) -> None:
    for via in ("classic", "ruleset"):
        said = line(
            doctor("github", scenario({"via": via, "checks": [GATE | {"app": "github-actions"}]})), "! advice only: "
        )
        assert "it is pinned to GitHub Actions, and every workflow posts as that" in said
        assert "ruleset of the organisation" in said


def test_pinned_to_another_app_than_posts(doctor: Doctor) -> None:
    ended = doctor("github", scenario({"checks": [GATE]}), number="1", ALMGUARD_APP_ID="7")
    assert "and this run posts as app 7, which does not count" in line(ended, "! advice only: ")


def test_a_workflow_that_the_organisation_requires(doctor: Doctor) -> None:
    def ruleset(workflow: str) -> list[dict[str, Any]]:
        return [{"branch": "main", "name": "base", "workflows": [workflow]}]

    ended = doctor("github", scenario(own=ruleset(f"acme/governance:{WORKFLOW}@v1")))
    assert line(ended, "✔ it binds: ") == (
        f"✔ it binds: organisation ruleset “base” requires the workflow {WORKFLOW} at refs/tags/v1 on main"
    )
    ended = doctor("github", scenario(own=ruleset(f"acme/payments:{WORKFLOW}")))
    assert "which is in this repository itself" in line(ended, "! advice only: ")
    ended = doctor("github", scenario(own=ruleset("acme/governance:.github/workflows/ci.yml")))
    assert "! advice only: the check 'almguard' is not required on main" in ended.out
    assert "requires the workflow .github/workflows/ci.yml" in line(ended, "• organisation ruleset")


def test_the_organisations_ruleset_counts(doctor: Doctor) -> None:
    own = [{"branch": "main", "name": "base", "checks": [GATE]}]
    assert "organisation ruleset “base” requires 'almguard'" in line(
        doctor("github", scenario(own=own)), "✔ it binds: "
    )
    assert "✔ it binds: " in doctor("azure-devops", scenario(own=own)).out


@BOTH
def test_what_is_tried_is_not_in_force(doctor: Doctor, platform: str) -> None:
    ended = doctor(platform, scenario({}, {"name": "trial", "enforcement": "evaluate", "checks": [GATE]}))
    assert "! advice only: the check " in ended.out
    assert {"github": "trial", "azure-devops": "does not block"}[platform] in line(ended, "• not in force on main: ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keeps_on_push": True}, "a verdict on an older push still counts"),
        ({"conditional": True}, "a pull request that nothing was posted to needs none"),
        ({"paths": ["/src/*", "!/docs/*"]}, "only pull requests that change /src/*, !/docs/* need it"),
        ({"app": "builds"}, "every pipeline of the project posts as Payments Build Service (acme)"),
    ],
)
def test_a_status_policy_that_can_be_got_round(doctor: Doctor, changes: dict[str, Any], words: str) -> None:
    said = line(doctor("azure-devops", scenario({"checks": [GATE | changes]})), "! advice only: ")
    assert words in said
    both = line(doctor("azure-devops", scenario({"checks": [GATE | changes | {"app": None}]})), "! advice only: ")
    assert "whoever may contribute" in both


@pytest.mark.parametrize(
    ("protection", "pipelines", "words"),
    [
        (
            {"checks": [GATE, {"name": "gate", "pipeline": "gate"}]},
            True,
            "✔ the build validation 'gate' starts the gate",
        ),
        (
            {"checks": [GATE, {"name": "gate", "pipeline": "gate", "paths": ["/src/*"]}]},
            True,
            "! the build validation 'gate' starts the gate only where",
        ),
        ({"checks": [GATE]}, True, "! nothing starts the gate: 'gate' runs it, and is no build validation of main"),
        ({"checks": [GATE]}, False, "• no pipeline was recognised as running the gate on main"),
    ],
)
def test_what_starts_the_gate(doctor: Doctor, protection: dict[str, Any], pipelines: bool, words: str) -> None:
    named = [{"name": "gate", "azure_path": "gate.yml"}] if pipelines else []
    assert words in doctor("azure-devops", scenario(protection, pipelines=named)).out


def test_an_optional_build_validation(doctor: Doctor) -> None:
    optional = {"enforcement": "evaluate", "checks": [{"name": "gate", "pipeline": "gate"}]}
    named = [{"name": "gate", "azure_path": "gate.yml"}]
    ended = doctor("azure-devops", scenario({"checks": [GATE]}, optional, pipelines=named))
    assert "starts the gate, and is optional" in line(ended, "! the build validation 'gate' ")


@BOTH
def test_who_may_bypass(doctor: Doctor, platform: str) -> None:
    ended = doctor(platform, scenario({"checks": [GATE], "bypass": ["team:ops"]}))
    assert "ops" in line(ended, "• may bypass the protection of main: ")


@BOTH
def test_every_branch_that_pull_requests_go_into(doctor: Doctor, platform: str) -> None:
    branches = {"release/1": [{"message": "Begin"}]}
    ended = doctor(platform, scenario({"checks": [GATE]}, branches=branches, pull={"target": "release/1"}))
    assert "on main" in line(ended, "✔ it binds: ")
    assert "is not required on release/1" in line(ended, "! advice only: ")
    ended = doctor(platform, scenario({"checks": [GATE]}, branches=branches, pull={"target": "release/1"}), number="1")
    assert "it binds" not in ended.out
    assert "is not required on release/1" in ended.out


def test_protected_branches_without_pull_requests(doctor: Doctor) -> None:
    """Azure DevOps lists every branch; GitHub's are known by the pull requests that go into them."""
    branches = {"release/1": [{"message": "Begin"}], "ana/try": [{"message": "Try"}]}
    protection = {"checks": [GATE]}, {"branch": "release/*", "checks": [GATE | {"name": "Almguard"}]}
    ended = doctor("azure-devops", scenario(*protection, branches=branches))
    assert "the gate posts 'almguard/almguard'" in line(ended, "! advice only: ")
    assert "ana/try" not in ended.out


def test_what_cannot_be_seen_is_not_known(doctor: Doctor) -> None:
    tokens = {"partly": {"person": "ana", "github": {"metadata": "read", "contents": "read", "pull_requests": "read",
                                                    "checks": "read", "statuses": "read", "issues": "read"}}}  # fmt: skip
    world = scenario({"via": "classic", "checks": [GATE]}, tokens=tokens)
    ended = doctor("github", world, number="1", GITHUB_TOKEN="partly")
    assert "! advice only, as far as this token sees: the check 'almguard' is not required on main" in ended.out
    assert "administration: read" in line(
        ended, "? whether classic protection requires 'almguard' on main is not visible"
    )
    assert ended.code == 3
    bound = scenario({"checks": [GATE]}, tokens=tokens)
    ended = doctor("github", bound, number="1", GITHUB_TOKEN="partly")
    assert "✔ it binds: " in ended.out, "what is seen proves it, whatever is not"
    assert "? whether" not in ended.out
    ended = doctor("azure-devops", scenario({"checks": [GATE]}, tokens={"partly": {"azure": ["vso.project"]}}),
                   AZURE_DEVOPS_EXT_PAT="partly")  # fmt: skip
    assert ended.code == 3


@BOTH
def test_it_says_what_was_tried(doctor: Doctor, world: Callable[[dict[str, Any]], World], platform: str) -> None:
    pull = {"github": "acme/payments#1", "azure-devops": "acme/Payments/payments!1"}[platform]
    said = line(doctor(platform, scenario({"checks": [GATE]})), "• the rules on pull requests ")
    assert said.startswith(f"• the rules on pull requests were tried on {pull} alone")
    assert "were tried on" not in doctor(platform, scenario({"checks": [GATE]}), number="1").out
    organization = {"github": "github:acme", "azure-devops": "ado:acme"}[platform]
    ended = world(scenario({"checks": [GATE]})).call("doctor", organization, environ={"COLUMNS": "4000"})
    assert "whether the gate binds, were not tried" in ended.out
    assert "no pull request is open" not in ended.out
