"""What reading a fact takes is declared, and held here to the requests that are sent and to the refusals that come."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from graphql import FieldNode, InlineFragmentNode, OperationDefinitionNode, SelectionSetNode, parse

from bot.engine.loading import Needs, load
from bot.engine.ports import Known, Provider
from bot.engine.targets import parse as parse_target
from bot.model.facts import Answer, Fact, FactRequest, Loaded, NotSupported, Unavailable, UnknownKind, fact_types
from bot.model.facts.change import LinkedWorkItems, LinkSpec, TeamSpec
from bot.model.facts.pipelines import PathSpec
from bot.model.facts.release import GlobSpec
from bot.model.readings import ApiRequest, Per
from bot.model.subjects import Branch, Platform, Repository, Subject
from bot.platforms.azure_devops.provider import LOADERS
from bot.platforms.github.provider import GRAPHQL, REST
from bot.platforms.readings import READINGS
from bot.sandbox.faults import Entry
from tests.cli.conftest import demo_scenario
from tests.conftest import ROOT
from tests.platforms.served import Served

TARGETS = {
    Platform.GITHUB: {
        "pull_request": ["github:acme/payments#14", "github:acme/payments#15", "github:acme/payments#16"],
        "repository": ["github:acme/payments"],
        "branch": ["github:acme/payments", "github:acme/shop", "github:acme/payments#14"],
        "release": ["github:acme/payments@v1.4.0"],
    },
    Platform.AZURE_DEVOPS: {
        "pull_request": ["ado:acme/Payments/payments!14", "ado:acme/Payments/payments!15"],
        "repository": ["ado:acme/Payments/payments"],
        "branch": ["ado:acme/Payments/payments", "ado:acme/Payments/payments!14"],
        "release": ["ado:acme/Payments/payments@v1.4.0", "ado:acme/Payments/billing@R-2"],
    },
}
SPECS = {
    "teams": TeamSpec(frozenset({"payments-team"}), owners=True),
    "contents": PathSpec(frozenset({"README.md", "src/app.py"})),
    "changed_lines": PathSpec(frozenset({"src/later.py", "src/main.py", "src/app.py"})),
    "release_changes": GlobSpec(frozenset({"**/*.py"})),
    "work_items": LinkSpec(count_pull_requests=True),
}
GITHUB = (
    "contents", "pull_requests", "issues", "checks", "statuses", "actions", "administration", "deployments", "members",
    "code_scanning_alerts",
)  # fmt: skip
AZURE = (
    "vso.code", "vso.work", "vso.build", "vso.release", "vso.project", "vso.environment_manage", "vso.advsec",
    "vso.identity", "vso.security_manage",
)  # fmt: skip
TOKENS = {Platform.GITHUB: GITHUB, Platform.AZURE_DEVOPS: AZURE}
NAMES = {"commit_statuses": "statuses", "attestations": "contents"}
"""What the sandbox's tokens call a permission, where it is another word."""

FACTS = [(platform, fact) for platform, readings in READINGS.items() for fact in readings]
EACH = pytest.mark.parametrize(("platform", "fact"), FACTS, ids=[f"{platform}-{fact.name}" for platform, fact in FACTS])


def world() -> dict[str, Any]:
    """The demo's, with a change that has renamed a file, and an approval from before a rebase."""
    scenario = demo_scenario()
    payments = scenario["repositories"][0]
    payments["pull_requests"][-1]["checks"].append({"name": "legacy", "kind": "status", "conclusion": "success"})
    payments["pull_requests"].append(
        {
            "checks": [{"name": "lint"}, {"name": "legacy", "kind": "status"}],
            "number": 15, "title": "Charge later", "body": "AB#101 and acme/hidden#1", "author": "cleo", "source": "cleo/later",
            "pushes": [
                {"at": "-3d", "commits": [{"message": "Later", "author": "cleo", "files": {"src/later.py": "1\n"}}]},
                {"at": "-1d", "force": True, "commits": [
                    {"message": "Later", "author": "cleo", "files": {"src/later.py": "1\n"}}]},
            ],
            "reviews": [
                {"by": name, "state": "approved", "at": "-2d", "push": 1} for name in ("bo", "ana", "olga")
            ],
        }
    )  # fmt: skip
    payments["pull_requests"].append(
        {
            "checks": [{"name": "lint"}, {"name": "legacy", "kind": "status"}],
            "number": 16, "title": "Name it well", "author": "cleo", "source": "cleo/name",
            "pushes": [{"commits": [{"message": "Name", "author": "cleo", "renames": {"src/app.py": "src/main.py"}}]}],
        }
    )  # fmt: skip
    scenario["repositories"].append(
        {
            "name": "billing", "files": {"a.py": "1\n"},
            "commits": [{"id": "b1", "at": "-9d"}, {"id": "b2", "at": "-8d", "files": {"a.py": "2\n", "b.py": "2\n"}}],
            "releases": [
                {"version": f"R-{at}", "commit": f"b{at}", "classic": True, "created_at": f"-{9 - at}d"} for at in (1, 2)
            ],
            "deployments": [{"environment": "shop", "release": f"R-{at}", "at": f"-{7 - at}d"} for at in (1, 2)],
        }
    )  # fmt: skip
    scenario["repositories"] += [{"name": f"small-{at}", "files": {"README.md": f"{at}\n"}} for at in range(20)]
    every: dict[str, Any] = {"github": {**dict.fromkeys(GITHUB, "read"), "administration": "write"}, "azure": [*AZURE]}
    scenario["tokens"] = {
        "all": {},
        "every": every,
        "writer": {"kind": "app", "github": dict.fromkeys(GITHUB, "write")},
    }
    for one in GITHUB:
        scenario["tokens"][f"no-{one}"] = {
            "github": {name: level for name, level in every["github"].items() if name != one}
        }
    for one in AZURE:
        scenario["tokens"][f"no-{one}"] = {"azure": [scope for scope in AZURE if scope != one]}
    return scenario


@dataclass
class House:
    """The served world, with the subjects that were found in it and what was known of them before each reading."""

    served: Served
    found: dict[tuple[str, type[Fact]], tuple[Subject, Known, Provider]]

    def prepared(self, platform: Platform, target: str, fact: type[Fact]) -> tuple[Subject, Known, Provider]:
        """A subject, the facts that come before loaded, and the provider that has done it."""
        key = (target, fact)
        if key not in self.found:
            provider = self.provider(platform, "all")
            subject = provider.resolve(parse_target(target))
            needs, known = Needs(), Known()
            for earlier in provider.dependencies(request(fact)):
                needs.add(earlier, [subject])
            load(needs, provider, known)
            self.found[key] = (subject, known, provider)
        return self.found[key]

    def provider(self, platform: Platform, token: str) -> Provider:
        return self.served.provider("github" if platform is Platform.GITHUB else "azure", token)

    def read(
        self, platform: Platform, target: str, fact: type[Fact], token: str, *, warm: bool = False
    ) -> tuple[Answer, list[Entry]]:
        """The fact alone, by a provider that has read nothing yet (or by that which has found the subject)."""
        subject, before, finder = self.prepared(platform, target, fact)
        known, needs = Known(), Needs()
        known.answers.update(before.answers)
        needs.add(request(fact), [subject])
        ledger = self.served.sandbox.application.ledger
        ledger.clear()
        load(needs, finder if warm else self.provider(platform, token), known)
        (answer,) = (answer for (kind, _), answer in known.answers.items() if kind is fact)
        return answer, list(ledger.entries)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path_factory.mktemp("locations")))
        made = House(Served(world()), {})
        say_on_main(made.served)
        yield made
        made.served.close()


def say_on_main(served: Served) -> None:
    """A check run, and a status of the older kind, on the newest commit: each is told to those who may read its kind."""
    headers = {"Authorization": "token writer"}
    for name in ("payments", "shop"):
        api = f"{served.sandbox.github_api}/repos/acme/{name}"
        sha = requests.get(f"{api}/commits/main", headers=headers, timeout=9).json()["sha"]
        run = {"name": "scan", "head_sha": sha, "conclusion": "success"}
        for path, body in ((f"statuses/{sha}", {"state": "success", "context": "legacy"}), ("check-runs", run)):
            said = requests.post(f"{api}/{path}", json=body, headers=headers, timeout=9)
            assert said.status_code == requests.codes.created, said.text


def request(fact: type[Fact]) -> FactRequest:
    return FactRequest(fact, SPECS.get(fact.name))


def matched(declared: Iterable[ApiRequest], entries: list[Entry]) -> set[ApiRequest]:
    """The declared requests among those that were sent. Fails where something else was sent."""
    seen: set[ApiRequest] = set()
    for entry in entries:
        fitting = {one for one in declared if fits(one, entry)}
        assert fitting, f"not declared: {entry.method} {entry.path} {entry.operation or ''}"
        undeclared = {path for path in leaves(entry.operation or "{x}") - {"x"} if not leads(path, fitting)}
        assert not undeclared, f"not declared: {undeclared}"
        seen |= fitting
    return seen


def leads(path: str, declared: Iterable[ApiRequest]) -> bool:
    """Whether a field of a query is below what is declared, or one that stands beside the way there (``totalCount``)."""
    beside = f"{path.rpartition('.')[0]}."
    return any(path.startswith(f"{one.what}.") or one.what.startswith(beside) for one in declared)


def fits(declared: ApiRequest, entry: Entry) -> bool:
    if entry.operation is not None:
        return declared.is_graphql and any(path.startswith(f"{declared.what}.") for path in leaves(entry.operation))
    method, _, pattern = declared.what.partition(" ")
    route = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(pattern))
    prefix = "/api/v3" if entry.host == "github" else "/acme/"
    return method == entry.method and re.fullmatch(re.escape(prefix) + route, entry.path, re.IGNORECASE) is not None


def leaves(query: str) -> set[str]:
    """The dotted path of every field without fields of its own, aliases and fragments left out."""

    def walk(selections: SelectionSetNode | None, before: tuple[str, ...]) -> Iterator[str]:
        for node in selections.selections if selections else ():
            if isinstance(node, InlineFragmentNode):
                yield from walk(node.selection_set, before)
            elif isinstance(node, FieldNode):
                here = (*before, node.name.value)
                if node.selection_set is None:
                    yield ".".join(here)
                yield from walk(node.selection_set, here)

    found: set[str] = set()
    for operation in parse(query).definitions:
        assert isinstance(operation, OperationDefinitionNode)
        found.update(walk(operation.selection_set, ()))
    return {path for path in found if not path.startswith("rateLimit.")}


def test_every_fact_is_declared_on_both_platforms() -> None:
    assert set(READINGS[Platform.GITHUB]) == {*GRAPHQL, *REST} == set(fact_types().values())
    assert set(READINGS[Platform.AZURE_DEVOPS]) == set(LOADERS) == set(fact_types().values())


@pytest.mark.parametrize("platform", READINGS)
def test_the_guide_to_permissions_names_each(platform: Platform) -> None:
    guide = (ROOT / "docs" / "permissions.md").read_text(encoding="utf-8").replace("-", " ")
    declared = {name for reading in READINGS[platform].values() for one in reading.requests for name in one.permissions}
    assert {name for name in declared if f"`{name.removeprefix('commit ')}`" not in guide} == set()


def test_what_a_pull_request_closes_comes_with_it(house: House) -> None:
    """GitHub alone: the links are in the query that finds the pull request."""
    requests = READINGS[Platform.GITHUB][LinkedWorkItems].requests
    (closing,) = (one for one in requests if one.per is Per.SUBJECT)
    ledger = house.served.sandbox.application.ledger
    ledger.clear()
    house.provider(Platform.GITHUB, "every").resolve(parse_target("github:acme/payments#14"))
    assert any(fits(closing, entry) for entry in ledger.entries)


@EACH
def test_what_is_sent_is_what_is_declared(house: House, platform: Platform, fact: type[Fact]) -> None:
    reading = READINGS[platform][fact]
    for target in TARGETS[platform][fact.subject.kind]:
        answer, entries = house.read(platform, target, fact, "every")
        seen = matched(reading.requests, entries)
        always = {one for one in reading.requests if not one.when and one.per is not Per.SUBJECT}
        assert always <= seen, f"declared, and not sent: {always - seen}"
        assert isinstance(answer, NotSupported if reading.absent else Loaded), answer
        assert bool(reading.absent) is not bool(reading.requests)
        matched(reading.requests, house.read(platform, target, fact, "every", warm=True)[1])


@pytest.mark.parametrize("platform", READINGS)
def test_a_scan_sends_what_is_declared(house: House, platform: Platform) -> None:
    """Of many repositories at once, lists take the place of requests for each."""
    provider = house.provider(platform, "every")
    root = provider.resolve(parse_target({Platform.GITHUB: "github:acme"}.get(platform, "ado:acme/Payments")))
    found = list(provider.discover(root, frozenset({Repository, Branch})))
    ledger = house.served.sandbox.application.ledger
    for fact, reading in READINGS[platform].items():
        if fact.subject not in (Repository, Branch):
            continue
        subjects = [one for one in found if isinstance(one, fact.subject)]
        before, needs, known = Needs(), Needs(), Known()
        for earlier in provider.dependencies(request(fact)):
            before.add(earlier, subjects)
        load(before, provider, known)
        needs.add(request(fact), subjects)
        ledger.clear()
        load(needs, house.provider(platform, "every"), known)
        seen = matched(reading.requests, list(ledger.entries))
        assert {one for one in reading.requests if not one.when} <= seen, fact
        assert len(subjects) > 20
        shared = [one for one in seen if one.per in (Per.PROJECT, Per.ORGANIZATION)]
        for one in shared:
            if fact.name != "bypass_actors" or "Identities" not in one.what:
                assert sum(fits(one, entry) for entry in ledger.entries) == 1, (fact, one)


@EACH
def test_who_lacks_a_declared_permission_lacks_the_fact_and_is_told_so(
    house: House, platform: Platform, fact: type[Fact]
) -> None:
    reading = READINGS[platform][fact]
    for target in TARGETS[platform][fact.subject.kind]:
        whole, entries = house.read(platform, target, fact, "every")
        sent = matched(reading.requests, entries)
        needed: dict[str, set[str]] = {}
        for one in sent:
            for name, named in () if one.without else permissions(one):
                needed.setdefault(name, set()).add(named)
        helpful = {name for one in sent if one.without for name, _ in permissions(one)}
        for lacking in TOKENS[platform]:
            answer, _ = house.read(platform, target, fact, f"no-{lacking}")
            if lacking in needed:
                assert isinstance(answer, Unavailable), (target, lacking, answer)
                assert answer.kind is UnknownKind.SCOPE
                assert any(named in answer.reason for named in needed[lacking]), answer.reason
            elif isinstance(whole, Loaded):
                assert isinstance(answer, Loaded), (target, lacking, answer)
                assert lacking in helpful or answer.value == whole.value, (target, lacking)


def permissions(declared: ApiRequest) -> Iterator[tuple[str, str]]:
    """What tokens of the sandbox call the permissions, and what messages do."""
    for permission in declared.permissions:
        name = permission.partition(":")[0].replace(" ", "_")
        yield NAMES.get(name, name), permission
