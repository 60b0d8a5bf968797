"""A sandbox, a runner and an agent; and an environment in which the checkout is installed already."""

from __future__ import annotations

import fcntl
import json
import os
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from bot.sandbox.scenario import Scenario
from tests.action.azure_agent import Agent
from tests.action.azure_agent import Ran as AgentRan
from tests.action.github_runner import Ran, Runner
from tests.cli.conftest import ROOT, World, demo_scenario, serve

RULE = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: %s}\nrules: [{rule: %s, enforce: block}]\n"
QUEUE = f"gh-readonly-queue/main/pr-14-{'0' * 40}"
READS = dict.fromkeys(("metadata", "contents", "pull_requests", "issues", "checks", "statuses", "actions"), "read")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with this checkout and what it needs, as the action's first step leaves one.

    That step takes half a minute and a package index: one test runs it, where CI asks for it. Here the environment finds
    the packages of the one that runs the tests.
    """
    base = tmp_path_factory.getbasetemp()
    session = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    shared = session / "almguard-installed"
    with (session / "almguard-installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one for all workers
        if not (shared / "done").exists():
            subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", "--clear", str(shared)], check=True)
            (packages,) = shared.glob("lib/python*/site-packages")
            places = [str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
            packages.joinpath("almguard.pth").write_text("\n".join(dict.fromkeys(places)) + "\n", encoding="utf-8")
            (shared / "done").touch()
    return str(shared / "bin" / "python")


def scenario() -> dict[str, Any]:
    """The demo's world with a policy on the base branch, a merge queue, a pull request from a fork, and a token that reads."""
    made = demo_scenario()
    payments = made["repositories"][0]
    payments["files"] |= {
        ".github/almguard.yml": "apiVersion: almguard/v1\nkind: Config\npolicies: ['policies/*.yml']\n",
        "policies/plan.yml": RULE % ("plan", "requirement-link"),
        "policies/review.yml": RULE % ("review", "approvals"),
        "policies/release.yml": (RULE % ("release", "rollback-ready")).replace(
            "block}", "block, with: {require: [previous, artifacts, procedure, rehearsed, migrations, immutable]}}"
        ),
    }
    payments["branches"] = {QUEUE: [{"message": "Merge 14", "files": {"src/merged.py": "M = 1\n"}}]}
    payments["pull_requests"].append(
        {
            "number": 16, "title": "From afar", "body": "Fixes #103", "author": "rita", "source": "afar", "fork": "rita",
            "links": {"work_items": [103]},
        }
    )  # fmt: skip
    payments["runs"].append(
        {"id": 815, "pipeline": "deploy", "commit": "r14", "branch": "v1.4.0", "by": "ana", "at": "-1h"}
    )
    payments["deployments"].append(
        {"environment": "production", "release": "v1.4.0", "run": 815, "at": "-1h", "status": "waiting"}
    )
    made["tokens"] = {"sandbox-token": {}, "token-of-a-fork": {"kind": "actions", "github": READS}}
    return made


@dataclass
class Machine:
    """A machine of one's own: it runs jobs of GitHub Actions and builds of Azure Pipelines against a sandbox."""

    world: World
    python: str
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    """Outputs of the action's steps that need not be run: the installation."""

    def get(self, path: str) -> Any:
        """Something of the repository payments from GitHub's REST API."""
        address = f"{self.world.sandbox.url}/api/v3/repos/acme/payments/{path}"
        found = requests.get(address, headers={"Authorization": "Bearer sandbox-token"}, timeout=10)
        found.raise_for_status()
        return found.json()

    def job(self, event: str, payload: object, *, token: str = "sandbox-token", **inputs: str) -> Ran:
        """A job of GitHub Actions that uses the action. An input's ``-`` is written ``_``; in capitals it is a variable."""
        temp, workspace = self.world.folder / "runner", self.world.folder / "workspace"
        for folder in (temp, workspace):
            folder.mkdir(exist_ok=True)
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.world.folder),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": self.world.write("event.json", json.dumps(payload)),
            "GITHUB_REPOSITORY": "acme/payments",
            "GITHUB_REPOSITORY_OWNER": "acme",
            "GITHUB_RUN_ID": "814",
            "GITHUB_SERVER_URL": self.world.sandbox.url,
            "GITHUB_API_URL": f"{self.world.sandbox.url}/api/v3",
            "GITHUB_GRAPHQL_URL": f"{self.world.sandbox.url}/api/graphql",
            "GITHUB_WORKSPACE": str(workspace),
            **{name: value for name, value in inputs.items() if name.isupper()},
        }
        given = {name.replace("_", "-"): value for name, value in inputs.items() if not name.isupper()}
        return Runner(ROOT / "action.yml", temp, workspace).run({"token": token}, environ, given, done=self.steps)

    def on_pull_request(self, number: int, event: str = "pull_request", **given: Any) -> Ran:
        """A job that a pull request started."""
        pull = self.get(f"pulls/{number}")
        return self.job(
            event, {"action": "synchronize", "pull_request": pull, "repository": pull["base"]["repo"]}, **given
        )

    def build(self, template: str, parameters: dict[str, object], **environ: str) -> AgentRan:
        """A build of Azure Pipelines that uses one of the shipped templates; its package is installed already."""
        temp, sources = self.world.folder / "agent", self.world.folder / "sources"
        for folder in (temp, sources):
            folder.mkdir(exist_ok=True)
        place = temp / "almguard" / "python"
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            place.symlink_to(Path(self.python).parents[1])
        build = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.world.folder),
            "TF_BUILD": "True",
            "BUILD_BUILDID": "900",
            "BUILD_REPOSITORY_PROVIDER": "TfsGit",
            "BUILD_REPOSITORY_NAME": "payments",
            "BUILD_REPOSITORY_URI": f"{self.world.sandbox.url}/acme/Payments/_git/payments",
            "SYSTEM_TEAMPROJECT": "Payments",
            "SYSTEM_COLLECTIONURI": f"{self.world.sandbox.url}/acme/",
            "AZURE_DEVOPS_CACHE_DIR": str(self.world.folder / "locations"),
        }
        variables = {"System.AccessToken": "sandbox-token"}
        return Agent(temp, sources).run(
            ROOT / "templates" / "pipelines" / template,
            {**({} if template == "azure-release.yml" else {"package": "almguard==0"}), **parameters},
            variables,
            {**build, **environ},
            without=frozenset({"Install almguard"}),
        )

    def posts(self) -> list[dict[str, Any]]:
        """What was posted on GitHub."""
        repository = self.world.state()["repositories"].get("acme/payments")
        if repository is None:
            return []
        return [
            one for kind in ("check_runs", "statuses", "issue_comments") for one in repository[kind] if one["posted"]
        ]


@pytest.fixture
def machine(tmp_path: Path, installed: str) -> Iterator[Machine]:
    """A machine before the world of ``scenario``."""
    for world in serve(Scenario.model_validate(scenario()), tmp_path):
        yield Machine(world, installed, {"install": {"python": installed}})
