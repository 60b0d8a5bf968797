"""A sandbox in a process of its own, and the environment that points at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen


@dataclass(frozen=True)
class Served:
    """Where it answers."""

    url: str
    folder: Path

    def environ(self, cache: str = "locations") -> dict[str, str]:
        """An environment that points at it, with a location cache of that name."""
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("GITHUB_", "SYSTEM_", "BUILD_"))
            },
            "GITHUB_TOKEN": "sandbox-token",
            "GITHUB_API_URL": f"{self.url}/api/v3",
            "GITHUB_GRAPHQL_URL": f"{self.url}/api/graphql",
            "AZURE_DEVOPS_EXT_PAT": "sandbox-token",
            "SYSTEM_COLLECTIONURI": f"{self.url}/acme/",
            "AZURE_DEVOPS_CACHE_DIR": str(self.folder / cache),
            "ALMGUARD_STORE": str(self.folder / "runs.db"),
        }

    def requests(self) -> int:
        """How many requests were asked since the ledger was cleared."""
        return len(self.ledger())

    def ledger(self) -> list[dict[str, Any]]:
        """The requests that were asked since the ledger was cleared."""
        with urlopen(f"{self.url}/_sandbox/requests") as answer:
            asked = json.load(answer)
        found: list[dict[str, Any]] = asked if isinstance(asked, list) else asked["requests"]
        return found

    def clear(self) -> None:
        """Clear the ledger."""
        urlopen(Request(f"{self.url}/_sandbox/requests", method="DELETE")).read()

    def fault(self, **fault: object) -> None:
        """Break something."""
        self._post("faults", fault)

    def change(self, **change: object) -> list[dict[str, str]]:
        """Let a share of the grown organisation change; what happened to which repository."""
        changed: list[dict[str, str]] = self._post("change", change)
        return changed

    def _post(self, what: str, document: object) -> Any:
        body = json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(f"{self.url}/_sandbox/{what}", data=body, headers=headers, method="POST")) as answer:
            return json.load(answer)

    def latency(self, seconds: float) -> None:
        """Let every answer take that much longer."""
        body = json.dumps({"seconds": seconds}).encode()
        headers = {"Content-Type": "application/json"}
        urlopen(Request(f"{self.url}/_sandbox/latency", data=body, headers=headers, method="PUT")).read()


@contextmanager
def served(*options: str, scenario: str = "") -> Iterator[Served]:
    """Start ``almguard sandbox`` with these options, of a scenario of one's own where its text is given; stop it at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if scenario:
            (folder / "scenario.yml").write_text(scenario)
            options = (*options, "--scenario", str(folder / "scenario.yml"))
        ready = folder / "ready.json"
        process = subprocess.Popen([sys.executable, "-m", "bot", "sandbox", "--ready-file", str(ready), *options],
                                   stdout=subprocess.DEVNULL)  # fmt: skip
        try:
            deadline = time.monotonic() + 120
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the sandbox did not start")
                time.sleep(0.05)
            yield Served(json.loads(ready.read_text())["url"], folder)
        finally:
            process.terminate()
            process.wait()
