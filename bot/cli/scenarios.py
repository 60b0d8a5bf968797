"""Judges cases that are read from scenarios: each scenario is served once, over HTTP, for as long as the command runs."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from bot.cli.session import Session
from bot.engine.cases import CaseOutcome, CaseResult, Seen, compared, narrowed
from bot.engine.ports import Silence
from bot.engine.verdict import decide
from bot.policy.casefile import Case, Served
from bot.policy.configuration import Configuration

if TYPE_CHECKING:
    from bot.sandbox.scenario import Scenario
    from bot.sandbox.server import Sandbox

TOKEN = "sandbox-token"  # noqa: S105 - opens nothing but the sandbox
LOCATIONS = "AZURE_DEVOPS_CACHE_DIR"


class Scenarios:
    """The sandboxes that are running. A context manager: they end with it."""

    def __init__(self) -> None:
        self._loaded: dict[str, Scenario] = {}
        self._running: dict[str, Sandbox] = {}
        self._sessions: dict[tuple[str, datetime], Session] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def load(self, name: str) -> None:
        """Read a scenario. Raises ``ScenarioError`` with everything that is wrong with it."""
        from bot.sandbox.server import load_scenario

        self._loaded[name] = load_scenario(Path(name))

    def judge(self, case: Case, configuration: Configuration) -> CaseResult:
        """Judge what a case names in its scenario as a gate or an audit does, and compare."""
        from bot.cli.judgement import Judging, target

        about = case.about
        assert isinstance(about, Served)
        sandbox = self._serve(about.scenario)
        session = self._session(sandbox, about.scenario, case.now or sandbox.world.now)
        concerned = narrowed(configuration, case.expected)
        judging = Judging(session, "audit", concerned)
        try:
            provider, root = judging.resolve(target(about.target, about.environment))
            subjects = judging.below(provider, root, judging.using(concerned))
            results = judging.judge(concerned, provider, subjects, Silence())
        except click.ClickException as refused:
            return CaseResult(case, CaseOutcome.ERROR, error=refused.message)
        return compared(case, Seen(results, decide(results, configuration.gate.on_unknown)))

    def _serve(self, name: str) -> Sandbox:
        from bot.sandbox.server import Sandbox

        if not self._running:
            # The SDK keeps what it learns of an address on disk: a sandbox's is of no use to anybody.
            self._open.callback(_set, LOCATIONS, os.environ.get(LOCATIONS))
            _set(LOCATIONS, _locations())
        if name not in self._running:
            self._running[name] = self._open.enter_context(Sandbox(self._loaded[name]))
        return self._running[name]

    def _session(self, sandbox: Sandbox, name: str, now: datetime) -> Session:
        if (name, now) not in self._sessions:
            session = Session(environ=_environ(sandbox), now=now)
            self._open.callback(session.close)
            self._sessions[name, now] = session
        return self._sessions[name, now]


@cache
def _locations() -> str:
    """A folder that lasts as long as the process: the SDK asks once where it may write, and goes on writing there."""
    folder = tempfile.mkdtemp(prefix="almguard-test-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _environ(sandbox: Sandbox) -> Mapping[str, str]:
    """An environment that points at the sandbox alone, with its first token where it has not the usual one."""
    tokens = sandbox.world.tokens
    token = TOKEN if TOKEN in tokens else next(iter(tokens), TOKEN)
    jira = sandbox.world.scenario.jira
    credential: dict[str, str] = {}
    for secret, one in jira.tokens.items() if jira is not None and jira.tokens else ():
        credential = {"JIRA_EMAIL": one.email, "JIRA_API_TOKEN": secret} if one.email else {"JIRA_TOKEN": secret}
        credential["JIRA_URL"] = sandbox.jira
        break
    return {
        **credential,
        "GITHUB_TOKEN": token,
        "GITHUB_API_URL": sandbox.github_api,
        "GITHUB_GRAPHQL_URL": sandbox.github_graphql,
        "AZURE_DEVOPS_EXT_PAT": token,
        "SYSTEM_COLLECTIONURI": f"{sandbox.azure_devops}acme/",
    }


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
