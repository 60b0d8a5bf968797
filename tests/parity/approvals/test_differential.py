"""Generated pull requests, judged by the product over HTTP on both platforms, and by the model.

Twenty worlds of a hundred pull requests, each judged by eight sets of parameters. ``ALMGUARD_SEED`` chooses others,
``ALMGUARD_WORLDS`` how many.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
import yaml

from bot.cli.judgement import target
from bot.engine.judging import judge
from bot.engine.ports import Provider
from bot.model.results import Outcome, Result
from bot.model.subjects import Platform, PullRequest
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.github.provider import GitHubProvider
from bot.platforms.transport import Transport
from bot.policy.load import load_configuration
from bot.sandbox.github.graphql import endpoint
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from tests.parity.approvals import generate, serving
from tests.parity.approvals.model import Change, Host, Rules, World, decide
from tests.parity.approvals.serving import unique_name
from tests.parity.approvals.telling import Case, smaller, told
from tests.parity.conftest import NoFiles

SEED = int(os.environ.get("ALMGUARD_SEED", "1"))
WORLDS = int(os.environ.get("ALMGUARD_WORLDS", "20"))
CHANGES = 100
ENTRIES = 8


def made(seed: str) -> tuple[World, list[Change], list[Rules]]:
    random = Random(seed)
    world = generate.world(random)
    changes = [generate.change(random, number) for number in range(1, CHANGES + 1)]
    return world, changes, [generate.rules(random, world) for _ in range(ENTRIES)]


def said(result: Result) -> str:
    if result.outcome is Outcome.FAIL:
        return "waiting" if all(finding.awaiting for finding in result.findings) else "blocked"
    return str(result.outcome.value)


def judged(
    tmp_path: Path, world: World, changes: Sequence[Change], rules: Sequence[Rules], hosts: Sequence[Host] = tuple(Host)
) -> Iterator[tuple[Case, Result]]:
    """What the product says of each pull request by each set of parameters: read over HTTP, judged in one run."""
    os.environ["AZURE_DEVOPS_CACHE_DIR"] = str(tmp_path / "locations")
    sandbox = Sandbox(Scenario.model_validate(serving.scenario(world, changes))).start()
    transport = Transport(rates=dict.fromkeys(Platform, (1e6, 10**6)))
    try:
        serving.require(sandbox.azure_devops, world)
        text = yaml.safe_dump(serving.policy(world, rules))
        configuration = load_configuration(text, "policy.yml", files=NoFiles())
        for host in hosts:
            provider, address = provider_of(sandbox, host, transport)
            subjects = list(found_by(provider, address, changes))
            numbered = {subject.id: next(c for c in changes if c.number == subject.number) for subject in subjects}
            assert len(subjects) == len(changes)
            found = judge(configuration, subjects, provider, {datetime: sandbox.world.now})
            for result in found.results:
                at = int(result.key.rpartition("-")[2])
                yield Case(world, numbered[result.subject.id], rules[at], host), result
    finally:
        transport.close()
        sandbox.stop()


def found_by(provider: Provider, address: str, changes: Sequence[Change]) -> Iterator[PullRequest]:
    """The pull requests: many as the open ones of their repository, which is quick, and a few each by its number."""
    if len(changes) > 5:
        root = provider.resolve(target(address[:-1]))
        yield from (one for one in provider.discover(root, frozenset({PullRequest})) if isinstance(one, PullRequest))
        return
    for change in changes:
        subject = provider.resolve(target(f"{address}{change.number}"))
        assert isinstance(subject, PullRequest)
        yield subject


def provider_of(sandbox: Sandbox, host: Host, transport: Transport) -> tuple[Provider, str]:
    """Who reads the platform, and how its pull requests are called."""
    now = sandbox.world.now
    if host is Host.GITHUB:
        api, graphql = sandbox.github_api, sandbox.github_graphql
        return GitHubProvider("sandbox-token", api, graphql, now=now, transport=transport), "github:acme/pay#"
    organization = f"{sandbox.azure_devops}acme"
    return AzureDevOpsProvider("sandbox-token", organization, now=now, transport=transport), "ado:acme/Pay/pay!"


def counted(world: World, result: Result) -> frozenset[str]:
    """Whose approvals the product says have counted, by the names that the model has for them."""
    evidence = [*result.evidence, *(each for finding in result.findings for each in finding.evidence)]
    names = {unique_name(world, login).lower(): login for login in world.people} | {p.lower(): p for p in world.people}
    return frozenset(names[str(each.value).lower()] for each in evidence if each.what == "approved, counted")


def wrong(case: Case, result: Result) -> str:
    """How the product and the model disagree; nothing where they do not."""
    expected = decide(case.world, case.change, case.rules, case.host)
    found = counted(case.world, result)
    if said(result) == expected.outcome and (expected.counted is None or found == expected.counted):
        return ""
    reasons = [*(finding.message for finding in result.findings), *(unknown.reason for unknown in result.unknown)]
    return (
        f"the model: {expected.outcome}, counting {sorted(expected.counted or ())}\n"
        f"the product: {said(result)}, counting {sorted(found)}: {' / '.join(reasons)}"
    )


def disagreeing(tmp_path: Path, case: Case) -> bool:
    """Whether they disagree about a case alone in its world."""
    return any(
        wrong(one, result) for one, result in judged(tmp_path, case.world, [case.change], [case.rules], [case.host])
    )


def test_generated_changes_come_to_everything() -> None:
    """Worlds in which nothing can go wrong would prove nothing."""
    found: Counter[tuple[Host, str]] = Counter()
    kinds: Counter[str] = Counter()
    for at in range(3):
        world, changes, rules = made(f"{SEED}/{at}")
        kinds.update(push.what.partition(",")[0] for change in changes for push in change.pushes)
        kinds.update(opinion.state for change in changes for opinion in change.opinions)
        cases = ((change, one, host) for change in changes for one in rules for host in Host)
        found.update((host, decide(world, change, one, host).outcome) for change, one, host in cases)
    assert all(found[host, outcome] >= 300 for host in Host for outcome in ("pass", "waiting", "blocked")), found
    assert found[Host.AZURE, "unknown"] >= 10, found
    assert len(kinds) == 18, kinds
    assert min(kinds.values()) >= 5, kinds


@pytest.mark.parametrize("at", range(WORLDS))
def test_product_and_model_agree(tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every other test has the product's queries validated. Those of a hundred pull requests at once are long, and no different.
    monkeypatch.setattr(endpoint, "validate", lambda *_: [])
    world, changes, rules = made(f"{SEED}/{at}")
    found = [case for case, result in judged(tmp_path, world, changes, rules) if wrong(case, result)]
    if not found:
        return
    case = smaller(found[0], lambda each: disagreeing(tmp_path, each))
    [(_, result)] = judged(tmp_path, case.world, [case.change], [case.rules], [case.host])
    pytest.fail(
        f"{len(found)} of {len(Host) * CHANGES * ENTRIES} decisions differ (ALMGUARD_SEED={SEED}, world {at}). The first, "
        f"made small:\n{told(case)}\n{wrong(case, result)}",
        pytrace=False,
    )
