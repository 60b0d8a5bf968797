"""One world, served as GitHub and as Azure DevOps, and judged on both by the same policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.cli.judgement import Judging, target
from bot.cli.session import Session
from bot.engine.ports import Silence
from bot.engine.verdict import decide
from bot.model.results import Result, Verdict
from bot.policy.load import load_configuration
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox


@dataclass(frozen=True)
class Judged:
    """One target, judged."""

    verdict: Verdict
    results: dict[str, Result]

    @property
    def outcomes(self) -> dict[str, str]:
        return {name: result.outcome.value for name, result in self.results.items()}

    def messages(self, rule: str) -> str:
        result = self.results[rule]
        said = [finding.message for finding in result.findings] + [u.reason for u in result.unknown]
        return "\n".join([*said, result.reason])


class NoFiles:
    def read(self, path: str) -> None:
        return None

    def list(self) -> list[str]:
        return []


Gate = Callable[..., Judged]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, Any]], Gate]]:
    """Serve a scenario; returns what judges a target of it by a policy's text."""
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path / "locations"))
    running: list[Sandbox] = []

    def start(scenario: dict[str, Any], token: str = "sandbox-token") -> Gate:
        sandbox = Sandbox(Scenario.model_validate(scenario))
        sandbox.start()
        running.append(sandbox)
        environ = {
            "GITHUB_TOKEN": token,
            "GITHUB_API_URL": f"{sandbox.url}/api/v3",
            "GITHUB_GRAPHQL_URL": f"{sandbox.url}/api/graphql",
            "AZURE_DEVOPS_EXT_PAT": token,
            "SYSTEM_COLLECTIONURI": f"{sandbox.url}/acme/",
        }

        def gate(text: str, policy: str) -> Judged:
            session = Session(environ=environ, now=sandbox.world.now)
            try:
                configuration = load_configuration(policy, "policy.yml", files=NoFiles())
                judging = Judging(session, "gate", configuration)
                provider, subject = judging.resolve(target(text))
                results = judging.judge(judging.configuration_for(provider, subject), provider, [subject], Silence())
                verdict = judging.gates[-1].verdict if judging.gates else decide(results, {})  # only some have a gate
                return Judged(verdict, {result.key.partition("/")[2]: result for result in results})
            finally:
                session.close()

        return gate

    yield start
    for sandbox in running:
        sandbox.stop()
