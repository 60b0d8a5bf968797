"""The GraphQL API: a subset of GitHub's public schema, every field of it answered, with GitHub's limits and errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from bot.sandbox.github.graphql.thing import SCHEMA_FILE

if TYPE_CHECKING:
    from bot.sandbox.server import Sandbox

OURS = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))

NEWER = {"IssueType", "Issue.issueType", "Release.immutable", "ReleaseAsset.digest", "BypassActor: User"}
"""On github.com today, and younger than the schema that the sandbox is compared with."""


def query(sandbox: Sandbox, text: str, token: str = "app-token", **variables: Any) -> dict[str, Any]:
    answer = requests.post(
        sandbox.github_graphql,
        json={"query": text, "variables": variables},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def differences(ours: GraphQLSchema, theirs: GraphQLSchema) -> set[str]:
    """Whatever ours has that theirs has not, or has otherwise."""
    found: set[str] = set()
    for name, mine in ours.type_map.items():
        if name.startswith("__"):
            continue
        other = theirs.type_map.get(name)
        if type(other) is not type(mine):
            found.add(name)
        elif isinstance(mine, GraphQLObjectType | GraphQLInterfaceType):
            assert isinstance(other, GraphQLObjectType | GraphQLInterfaceType)
            found |= {
                f"{name} is no {each.name}"
                for each in mine.interfaces
                if each.name not in {i.name for i in other.interfaces}
            }
            for field_name, field in mine.fields.items():
                public = other.fields.get(field_name)
                if public is None or str(public.type) != str(field.type):
                    found.add(f"{name}.{field_name}")
                    continue
                for argument_name, argument in field.args.items():
                    if argument_name not in public.args or str(public.args[argument_name].type) != str(argument.type):
                        found.add(f"{name}.{field_name}({argument_name})")
                needed = {
                    each
                    for each, argument in public.args.items()
                    if str(argument.type).endswith("!") and argument.default_value in (None, ...)
                }
                found |= {f"{name}.{field_name} lacks {each}" for each in needed - set(field.args)}
        elif isinstance(mine, GraphQLInputObjectType):
            assert isinstance(other, GraphQLInputObjectType)
            found |= {
                f"{name}.{each}"
                for each, field in mine.fields.items()
                if each not in other.fields or str(other.fields[each].type) != str(field.type)
            }
        elif isinstance(mine, GraphQLEnumType):
            assert isinstance(other, GraphQLEnumType)
            found |= {f"{name}: {each}" for each in set(mine.values) - set(other.values)}
        elif isinstance(mine, GraphQLUnionType):
            assert isinstance(other, GraphQLUnionType)
            found |= {f"{name}: {each.name}" for each in mine.types if each.name not in {t.name for t in other.types}}
    return found


def test_the_schema_is_a_subset_of_githubs(shared_data: Path) -> None:
    text = (shared_data / "github" / "schema.graphql").read_text(encoding="utf-8")
    # The public file defines two fields twice, which strict reading refuses.
    theirs = build_schema(text, assume_valid_sdl=True)
    assert differences(OURS, theirs) == NEWER


def test_a_difference_would_be_seen(shared_data: Path) -> None:
    theirs = build_schema(
        (shared_data / "github" / "schema.graphql").read_text(encoding="utf-8"), assume_valid_sdl=True
    )
    text = SCHEMA_FILE.read_text(encoding="utf-8")
    changed = text.replace("  isDraft: Boolean!", "  isDraft: Boolean", 1).replace(
        "  oid: GitObjectID!", "  oid: GitObjectID!\n  odd: Int", 1
    )
    assert len(differences(build_schema(changed), theirs) - NEWER) >= 2


ARGUMENTS = {
    "Query.node": '(id: "REPOSITORY")',
    "Query.nodes": '(ids: ["REPOSITORY"])',
    "Query.repository": '(owner: "acme", name: "pay")',
    "Query.organization": '(login: "acme")',
    "Query.user": '(login: "ana")',
    "Organization.repository": '(name: "pay")',
    "Organization.ruleset": "(databaseId: 1)",
    "Organization.team": '(slug: "ops")',
    "Repository.ref": '(qualifiedName: "refs/heads/main")',
    "Repository.refs": '(first: 3, refPrefix: "refs/")',
    "Repository.object": '(expression: "main")',
    "Repository.ruleset": "(databaseId: 1)",
    "Repository.environment": '(name: "production")',
    "Repository.release": '(tagName: "v1.0.0")',
    "Repository.label": '(name: "bug")',
    "Repository.issue": "(number: 7)",
    "Repository.issueOrPullRequest": "(number: 2)",
    "Repository.discussion": "(number: 99)",
    "Repository.pullRequest": "(number: 2)",
    "Commit.file": '(path: "src")',
    "RepositoryRuleset.rules": "(first: 9)",
    "Status.context": '(name: "lint")',
    "Ref.compare": '(headRef: "release/1")',
}

DEEPEST = 7


def everything(kind: Any, depth: int, above: tuple[str, ...]) -> str:
    """A selection of every field of a type, and of theirs, each type once on the way down."""
    if is_abstract_type(kind):
        members = OURS.get_possible_types(kind)
        parts = [f"... on {each.name} {everything(each, depth, above)}" for each in members if each.name not in above]
        return "{ __typename " + " ".join(parts) + " }"
    parts = ["__typename"]
    for name, field in kind.fields.items():
        below = get_named_type(field.type)
        arguments = ARGUMENTS.get(f"{kind.name}.{name}", "(first: 3)" if "first" in field.args else "")
        # Two members of a union may have a field of one name and two types: an alias keeps them apart.
        alias = f"{kind.name}_{name}: "
        if is_leaf_type(below):
            parts.append(alias + name + arguments)
        elif depth < DEEPEST and below.name not in above:
            parts.append(f"{alias}{name}{arguments} {everything(below, depth + 1, (*above, kind.name))}")
    return "{ " + " ".join(parts) + " }"


def started(kind: str) -> str:
    return everything(OURS.type_map[kind], 4, ("Query",))


@pytest.mark.parametrize(
    "start",
    [
        "rateLimit RateLimit",
        "viewer User",
        'organization(login: "acme") Organization',
        'user(login: "ana") User',
        *[f'repository(owner: "acme", name: "{name}") Repository' for name in ("pay", "web", "attic", "blank")],
    ],
)
def test_every_field_answers(shop: Sandbox, start: str) -> None:
    field, _, kind = start.rpartition(" ")
    found = query(shop, f"{{ {field} {started(kind)} }}")
    # What is not there is an answer too; what the sandbox could not do is not.
    blank = {error["message"] for error in found.get("errors", []) if error["type"] != "NOT_FOUND"}
    assert blank == set()
    assert found["data"]


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ("pullRequest(number: 2)", "PullRequest"),
        ("pullRequest(number: 1)", "PullRequest"),
        ("pullRequest(number: 3)", "PullRequest"),
        ("issue(number: 7)", "Issue"),
        ("discussion(number: 99)", "Discussion"),
        ('release(tagName: "v1.0.0")', "Release"),
        ('environment(name: "production")', "Environment"),
        ('ref(qualifiedName: "refs/heads/release/1")', "Ref"),
        ('object(expression: "feature/change-2") { ... on Commit', "Commit"),
        ('object(expression: "main:src/app.py") { ... on Blob', "Blob"),
        ('ref(qualifiedName: "refs/tags/audited")', "Ref"),
    ],
)
def test_every_field_of_what_is_named_answers(shop: Sandbox, start: str, kind: str) -> None:
    selection = everything(OURS.type_map[kind], 3, ("Query", "Repository", "Organization"))
    closing = " }" if "{" in start else ""
    found = query(shop, f'{{ repository(owner: "acme", name: "pay") {{ {start} {selection}{closing} }} }}')
    assert [error for error in found.get("errors", []) if error["type"] != "NOT_FOUND"] == []
    (value,) = found["data"]["repository"].values()
    assert value["__typename"] == kind


def test_a_pull_request_as_a_gate_asks_for_it(shop: Sandbox) -> None:
    text = """query($number: Int!) { rateLimit { cost nodeCount remaining }
      repository(owner: "acme", name: "pay") { pullRequest(number: $number) {
        baseRef { target { ... on Commit { file(path: "CODEOWNERS") { object { ... on Blob { text } } } } } }
        latestOpinionatedReviews(first: 10, writersOnly: true) { nodes { author { login } state commit { oid } } }
        reviewRequests(first: 10) { nodes { requestedReviewer { ... on User { login } ... on Team { slug } } } }
        reviewThreads(first: 10) { nodes { isResolved } }
        closingIssuesReferences(first: 10) { nodes { number issueType { name } } }
        files(first: 10) { nodes { path changeType } }
        commits(last: 1) { totalCount nodes { commit { oid statusCheckRollup { state contexts(first: 20) { nodes {
          __typename ... on CheckRun { name conclusion checkSuite { app { slug } workflowRun { workflow { name } } } }
          ... on StatusContext { context state } } } } } } } } } }"""
    data = query(shop, text, number=2)["data"]
    assert data["rateLimit"]["nodeCount"] == 71
    pull = data["repository"]["pullRequest"]
    assert pull["baseRef"]["target"]["file"]["object"]["text"].startswith("* @acme/ops\n")
    reviews = pull["latestOpinionatedReviews"]["nodes"]
    assert [(each["author"]["login"], each["state"]) for each in reviews] == [
        ("cat", "APPROVED"),
        ("ana", "CHANGES_REQUESTED"),
    ]
    assert pull["reviewRequests"]["nodes"] == [
        {"requestedReviewer": {"login": "cat"}},
        {"requestedReviewer": {"slug": "ops"}},
    ]
    assert [each["isResolved"] for each in pull["reviewThreads"]["nodes"]] == [False, True]
    assert pull["closingIssuesReferences"]["nodes"] == [{"number": 7, "issueType": {"name": "User Story"}}]
    assert {each["path"]: each["changeType"] for each in pull["files"]["nodes"]} == {
        "docs/guide.md": "DELETED",
        "src/main.py": "RENAMED",
        "src/new.py": "ADDED",
    }
    assert pull["commits"]["totalCount"] == 3
    rollup = pull["commits"]["nodes"][0]["commit"]["statusCheckRollup"]
    assert rollup["state"] == "PENDING"  # scan still runs
    assert [(each.get("name") or each["context"]) for each in rollup["contexts"]["nodes"]] == ["ci", "scan", "lint"]
    assert rollup["contexts"]["nodes"][0]["checkSuite"]["workflowRun"]["workflow"]["name"] == "CI"


def test_pages_go_forward_and_back(shop: Sandbox) -> None:
    text = """query($first: Int, $after: String, $last: Int, $before: String) { organization(login: "acme") {
      repositories(first: $first, after: $after, last: $last, before: $before, orderBy: {field: NAME, direction: ASC}) {
        totalCount nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""

    def page(**variables: Any) -> dict[str, Any]:
        found: dict[str, Any] = query(shop, text, **variables)["data"]["organization"]["repositories"]
        return found

    one = page(first=3)
    two = page(first=3, after=one["pageInfo"]["endCursor"])
    assert [each["name"] for each in one["nodes"] + two["nodes"]] == ["attic", "blank", "pay", "web"]
    assert (one["pageInfo"]["hasNextPage"], two["pageInfo"]["hasNextPage"], one["totalCount"]) == (True, False, 4)
    back = page(last=2, before=two["pageInfo"]["startCursor"])
    assert [each["name"] for each in back["nodes"]] == ["blank", "pay"]
    assert back["pageInfo"]["hasPreviousPage"]


@pytest.mark.parametrize(
    ("selection", "kind", "words"),
    [
        ("repositories(first: 101) { totalCount }", "EXCESSIVE_PAGINATION", "exceeds the `first` limit of 100 records"),
        ("repositories { totalCount }", "MISSING_PAGINATION_BOUNDARIES", "You must provide a `first` or `last`"),
        (
            "repositories(first: 100) { nodes { pullRequests(first: 100) { nodes { commits(first: 51) { totalCount } } } } }",
            "MAX_NODE_LIMIT_EXCEEDED",
            "up to 520,100 possible nodes",
        ),
    ],
)
def test_what_is_too_large_is_not_run(shop: Sandbox, selection: str, kind: str, words: str) -> None:
    found = query(shop, f'{{ organization(login: "acme") {{ {selection} }} }}')
    assert found["data"] is None
    (error,) = found["errors"]
    assert error["type"] == kind
    assert words in error["message"]


def test_variables_count_in_the_size(shop: Sandbox) -> None:
    text = """query($n: Int = 5) { rateLimit { nodeCount }
      organization(login: "acme") { repositories(first: $n) { totalCount } } }"""
    assert query(shop, text)["data"]["rateLimit"]["nodeCount"] == 5
    assert query(shop, text, n=9)["data"]["rateLimit"]["nodeCount"] == 9
    assert query(shop, text, n=200)["errors"][0]["type"] == "EXCESSIVE_PAGINATION"


@pytest.mark.parametrize(
    ("token", "selection", "path", "kind"),
    [
        ("app-token", 'repository(owner: "acme", name: "none") { name }', ["repository"], "NOT_FOUND"),
        ("app-token", 'organization(login: "none") { name }', ["organization"], "NOT_FOUND"),
        (
            "app-token",
            "r: PAY { pullRequest(number: 99) { id } }",
            ["r", "pullRequest"],
            "NOT_FOUND",
        ),
        ("app-token", 'node(id: "odd") { id }', ["node"], "NOT_FOUND"),
        ("narrow-token", 'repository(owner: "acme", name: "attic") { name }', ["repository"], "NOT_FOUND"),
        (
            "workflow-token",
            "r: PAY { name branchProtectionRules(first: 5) { totalCount nodes { pattern } } }",
            ["r", "branchProtectionRules", "nodes", 0],
            "FORBIDDEN",
        ),
        (
            "workflow-token",
            "r: PAY { name vulnerabilityAlerts(first: 5) { totalCount } }",
            ["r", "vulnerabilityAlerts"],
            "FORBIDDEN",
        ),
        (
            "workflow-token",
            "r: PAY { name rulesets(first: 1) { nodes { name bypassActors(first: 1) { totalCount } } } }",
            ["r", "rulesets", "nodes", 0, "bypassActors"],
            "FORBIDDEN",
        ),
        (
            "workflow-token",
            'o: organization(login: "acme") { login team(slug: "ops") { name } }',
            ["o", "team"],
            "FORBIDDEN",
        ),
        (
            "narrow-token",
            "r: PAY { pullRequest(number: 2) { statusCheckRollup { contexts(first: 1) { nodes { __typename } } } } }",
            ["r", "pullRequest", "statusCheckRollup", "contexts", "nodes", 0],
            "FORBIDDEN",
        ),
    ],
)
def test_what_may_not_be_read_is_null_beside_the_rest(
    shop: Sandbox, token: str, selection: str, path: list[str | int], kind: str
) -> None:
    selection = selection.replace("PAY", 'repository(owner: "acme", name: "pay")')
    found = query(shop, "{ viewer { login } " + selection + " }", token)
    (error,) = found["errors"]
    assert (error["type"], error["path"]) == (kind, path)
    value: Any = found["data"]
    assert value["viewer"]["login"]
    for step in path:
        value = value[step]
    assert value is None


def test_a_document_that_is_wrong_has_no_data(shop: Sandbox) -> None:
    found = query(shop, "{ viewer { nothing } }")
    assert "data" not in found
    assert "nothing" in found["errors"][0]["message"]
    assert "Syntax Error" in query(shop, "{ viewer { ")["errors"][0]["message"]
    answer = requests.post(shop.github_graphql, json={"query": "{ viewer { login } }"}, timeout=10)
    assert answer.status_code == 401


def test_node_ids_are_rests_and_lead_back(shop: Sandbox) -> None:
    headers = {"Authorization": "Bearer app-token"}
    for path in (
        "pay",
        "pay/pulls/2",
        "pay/issues/7",
        "pay/commits/main",
        "pay/releases/latest",
        "pay/git/ref/heads/main",
        f"pay/git/tags/{shop.world.repository('acme', 'pay').git.tags['refs/tags/audited'].sha}",
    ):
        ident = requests.get(f"{shop.github_api}/repos/acme/{path}", headers=headers, timeout=10).json()["node_id"]
        assert query(shop, "query($id: ID!) { node(id: $id) { id } }", id=ident)["data"]["node"]["id"] == ident


def test_points_are_spent_and_told(shop: Sandbox) -> None:
    text = "{ rateLimit { cost remaining used limit } }"
    one, two = (query(shop, text, "owner-token")["data"]["rateLimit"] for _ in range(2))
    assert one["remaining"] - two["remaining"] == two["cost"] == 1
    assert two["limit"] == two["remaining"] + two["used"] == 5000


NEVER = {"Mannequin", "MergeQueue", "MergeQueueEntry", "MergeQueueEntryConnection", "MergeQueueEntryEdge"} | {
    "BypassForcePushAllowance",
    "PushAllowance",
    "ReviewDismissalAllowance",
    "BaseRefForcePushedEvent",
    "ReopenedEvent",
}
"""Types that no scenario has anything of."""


def test_every_type_was_among_the_answers(shop: Sandbox) -> None:
    seen: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            seen.add(value.get("__typename", ""))
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)

    look(query(shop, f'{{ rateLimit {started("RateLimit")} organization(login: "acme") {started("Organization")} }}'))
    look(query(shop, f'{{ repository(owner: "acme", name: "pay") {started("Repository")} }}'))
    for start, kind in (
        ("pullRequest(number: 1)", "PullRequest"),
        ("pullRequest(number: 2)", "PullRequest"),
        ("pullRequest(number: 4)", "PullRequest"),
        ("pullRequest(number: 4) { timelineItems(last: 30)", "PullRequestTimelineItemsConnection"),
        ("issue(number: 7)", "Issue"),
        ("codeowners", "RepositoryCodeowners"),
        ('ref(qualifiedName: "refs/tags/audited")', "Ref"),
        ("rulesets(first: 3)", "RepositoryRulesetConnection"),
        ("branchProtectionRules(first: 3)", "BranchProtectionRuleConnection"),
        ("environments(first: 3)", "EnvironmentConnection"),
        ("vulnerabilityAlerts(first: 3)", "RepositoryVulnerabilityAlertConnection"),
        ("collaborators(first: 9)", "RepositoryCollaboratorConnection"),
        ('object(expression: "feature/change-2") { ... on Commit', "Commit"),
    ):
        # What a pull request leads to is most of the time of this test: a step less of it shows no type less.
        depth = 2 if kind == "RepositoryRulesetConnection" else 3
        selection = everything(OURS.type_map[kind], depth, ("Query", "Repository", "Organization"))
        closing = " }" if "{" in start else ""
        look(query(shop, f'{{ repository(owner: "acme", name: "pay") {{ {start} {selection}{closing} }} }}'))
    kinds = {
        name
        for name, kind in OURS.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }
    assert kinds - seen - {"Query"} == NEVER
