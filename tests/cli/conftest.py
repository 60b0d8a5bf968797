"""The whole program, in a subprocess, against a sandbox in this process."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
import yaml

from bot.cli import main
from bot.platforms.transport import Transport
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: strict}
rules:
  - {rule: requirement-link, enforce: block}
  - {rule: approvals, enforce: block, with: {minimum: 1}}
  - {rule: static-analysis-passed, enforce: block}
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class World:
    """A running sandbox, and the command line pointed at it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.environ = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("GITHUB_", "SYSTEM_", "BUILD_"))
            },
            "GITHUB_TOKEN": "sandbox-token",
            "GITHUB_API_URL": f"{sandbox.url}/api/v3",
            "GITHUB_GRAPHQL_URL": f"{sandbox.url}/api/graphql",
            "AZURE_DEVOPS_EXT_PAT": "sandbox-token",
            "SYSTEM_COLLECTIONURI": f"{sandbox.url}/acme/",
            "AZURE_DEVOPS_CACHE_DIR": str(folder / "locations"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "ALMGUARD_STORE": str(folder / "runs.db"),
        }

    def run(self, *arguments: str, environ: dict[str, str] | None = None, cwd: Path | None = None) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**self.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT), **(environ or {})},
            cwd=cwd or self.folder,
            timeout=90,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert "Traceback" not in done.stdout, done.stdout
        return Ended(done.returncode, done.stdout, done.stderr)

    def call(self, *arguments: str, environ: dict[str, str] | None = None, cwd: Path | None = None) -> Ended:
        """The command line in this process: quicker, for where the process itself is not the point."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, {**self.environ, **(environ or {})}, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(cwd or Path.cwd()),
        ):
            code = main.run(list(arguments))
        assert "error in almguard itself" not in err.getvalue(), err.getvalue()
        return Ended(code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self.environ, "PYTHONPATH": str(ROOT)},
            cwd=self.folder,
        )

    def fault(self, **fault: Any) -> None:
        requests.post(f"{self.sandbox.url}/_sandbox/faults", json=fault, timeout=10).raise_for_status()

    def state(self) -> Any:
        return requests.get(f"{self.sandbox.url}/_sandbox/state", timeout=10).json()

    def ledger(self) -> list[dict[str, Any]]:
        asked = requests.get(f"{self.sandbox.url}/_sandbox/requests", timeout=10).json()
        return asked if isinstance(asked, list) else asked["requests"]

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    @property
    def policy(self) -> str:
        return self.write("strict.yml", POLICY)


ROOT = Path(__file__).resolve().parents[2]


DEMO = ROOT / "bot" / "sandbox" / "scenarios" / "demo.yml"


@functools.cache
def _demo_scenario() -> dict[str, Any]:
    scenario: dict[str, Any] = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    return scenario


def demo_scenario() -> dict[str, Any]:
    """The demo's scenario, to be changed."""
    return copy.deepcopy(_demo_scenario())


def serve(scenario: Scenario | Path, folder: Path) -> Iterator[World]:
    with Sandbox(scenario) as sandbox:
        yield World(sandbox, folder)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transport of this process that waits for nothing: how long it would is tested where it is made."""
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "sleep", lambda _seconds: None)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[World]:
    """The demo's world."""
    yield from serve(DEMO, tmp_path)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[[dict[str, Any]], World]]:
    """Serves a scenario of one's own."""
    with contextlib.ExitStack() as open_ones:

        def start(scenario: dict[str, Any]) -> World:
            sandbox = open_ones.enter_context(Sandbox(Scenario.model_validate(scenario)))
            return World(sandbox, tmp_path)

        yield start
