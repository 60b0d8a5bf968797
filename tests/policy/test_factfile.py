"""Facts as YAML: there and back, and every mistake with its place."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, given, settings

from bot.model.facts import Fact, NotSupported, Unavailable, UnknownKind, fact_types
from bot.model.facts.change import (
    Change,
    ChangedFile,
    ChangedFiles,
    Checks,
    CodeOwners,
    Commits,
    LinkedWorkItems,
    Pushes,
    ReviewerPermissions,
)
from bot.model.people import Permission, Person
from bot.model.subjects import Branch, Platform, PullRequest, Subject
from bot.policy.factdocument import document
from bot.policy.factfile import Given, build_facts, builder_for, refuse_unfitting
from bot.policy.forms import fields_of
from bot.policy.loader import parse_yaml
from bot.policy.nodes import Mapping
from bot.policy.subjectfile import build_subject, platform_of
from bot.policy.yaml_text import to_yaml
from tests.policy.fact_values import givens


def read(text: str) -> Given:
    tree = parse_yaml(text, "case.yml")
    assert not tree.problems
    assert isinstance(tree.root, Mapping)
    subject = tree.root.get("subject") or Mapping(tree.root.mark)
    assert isinstance(subject, Mapping)
    builder = builder_for(tree, platform_of(subject))
    built = build_subject(builder, subject, "subject")
    facts = build_facts(builder, tree.root.get("facts"), "facts")
    assert not builder.problems, builder.problems
    assert isinstance(built, Subject)
    return Given(built, facts)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(givens())
def test_what_is_written_is_read_back_as_the_same(given_: Given) -> None:
    found = read(to_yaml(document(given_)))
    assert type(found.subject) is type(given_.subject)
    assert asdict(found.subject) == asdict(given_.subject)  # subjects are equal by their ids alone
    assert {kind: asdict(told) for kind, told in found.facts.items()} == {
        kind: asdict(told) for kind, told in given_.facts.items()
    }


@pytest.mark.parametrize("fact", fact_types().values(), ids=fact_types())
def test_every_fact_has_a_form(fact: type[Fact]) -> None:
    assert fields_of(fact)


def mistakes(text: str) -> list[str]:
    tree = parse_yaml(text, "case.yml")
    assert isinstance(tree.root, Mapping)
    subject = tree.root.get("subject") or Mapping(tree.root.mark)
    assert isinstance(subject, Mapping)
    builder = builder_for(tree, platform_of(subject))
    build_subject(builder, subject, "subject")
    build_facts(builder, tree.root.get("facts"), "facts")
    return [str(problem) for problem in builder.problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("facts:\n  reviws: {}", "case.yml:2:3: facts.reviws: there is no fact 'reviws', did you mean 'reviews'"),
        (
            "facts:\n  reviews:\n    reviews: [{person: bo, opinion: aproved}]",
            "case.yml:3:37: facts.reviews.reviews[0].opinion: one of approved, changes_requested, commented, dismissed, "
            "waiting is wanted here, and this is 'aproved', did you mean 'approved'",
        ),
        (
            "facts:\n  reviews: [{opinion: approved}]",
            "case.yml:2:13: facts.reviews.reviews[0]: the key 'person' is missing",
        ),
        (
            "facts:\n  reviews: [{person: bo, opinion: approved, comit: c2}]",
            "case.yml:2:45: facts.reviews.reviews[0].comit: unknown key 'comit', did you mean 'commit'",
        ),
        (
            "facts: {pushes: [{head: 123}]}",
            "case.yml:1:25: facts.pushes.pushes[0].head: text is wanted here, and this is the number 123; for the text "
            'write "123" in quotes',
        ),
        (
            "facts: {pushes: [{head: c2, at: 2026-06-01T09:00:00}]}",
            "case.yml:1:33: facts.pushes.pushes[0].at: an instant with its zone is wanted here, such as "
            "2026-06-01T09:00:00Z",
        ),
        ("facts: {pushes: [{head: c2, forced: 1}]}", "facts.pushes.pushes[0].forced: true or false is wanted here"),
        ("facts: {files: 3}", "case.yml:1:16: facts.files: a mapping is wanted here, and this is the number 3"),
        ("facts: {files: {files: docs/a.md}}", "facts.files.files: a list is wanted here, and this is 'docs/a.md'"),
        ("facts: {detected_tools: [[CodeQL]]}", "facts.detected_tools.checks[0]: a list of 2 values is wanted here"),
        ("facts: {properties: {values: {tier: 1}}}", "facts.properties.values.tier: text is wanted here"),
        ("facts: {reviews: {unavailable: {kind: scop, reason: r}}}", "did you mean 'scope'"),
        (
            "facts: {reviews: {unavailable: r, reviews: []}}",
            "facts.reviews.reviews: beside 'unavailable' nothing is known",
        ),
        ("facts: {reviews: {not_supported: 1}}", "facts.reviews.not_supported: text is wanted here"),
        ("facts: []", "case.yml:1:8: facts: a mapping is wanted here, and this is a list"),
        ("subject: {kind: pr}", "subject.kind: one of pull_request, "),
        ("subject: {titel: x}", "case.yml:1:11: subject.titel: unknown key 'titel', did you mean 'title'"),
        ("subject: {platform: gitlab}", "subject.platform: one of github, azure-devops, local, jira is wanted here"),
        (
            "subject: {number: '12'}",
            "subject.number: a whole number is wanted here, and this is '12'; write it without",
        ),
        ("subject: {base: 1}", "subject.base: text is wanted here"),
        ("subject: {repository: []}", "subject.repository: a mapping is wanted here, and this is a list"),
        ("subject: {repository: {organization: x}}", "subject.repository.organization: a mapping is wanted here"),
        ("subject: {kind: branch, brunch: x}", "subject.brunch: unknown key 'brunch', did you mean 'branch'"),
        ("subject: {kind: work_item, number: true}", "subject.number: text is wanted here, and this is true"),
        ("facts: {work_items: [{source: jira, form: key, text: PAY-1, where: title, item: {numer: 1}}]}", "'number'"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, said: str) -> None:
    (found,) = mistakes(text)
    assert said in found


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        "subject: {numbr: 1, base: 2}\nfacts: {x: 1, reviews: [{person: 1, opinion: 2}], files: [{path: 1, change: 2}]}"
    )
    assert len(mistakes(text)) == 7


def test_what_is_left_out_is_that_of_one_pull_request() -> None:
    found = read("facts: {}").subject
    assert isinstance(found, PullRequest)
    assert (found.name, found.author.login, found.base.name) == ("acme/payments#12", "ana", "acme/payments@main")
    assert found.repository.organization.name == "acme"


def test_on_azure_devops_names_have_a_project() -> None:
    found = read("subject: {platform: azure-devops, number: 7, base: release/1}").subject
    assert isinstance(found, PullRequest)
    assert found.name == "acme/Payments/payments!7"
    assert found.base.branch == "release/1"
    assert (found.repository.organization.name, found.repository.organization.project) == ("acme/Payments", "Payments")
    assert found.author.id == "dev.azure.com/acme/login/ana"


def test_a_repository_may_be_named_alone() -> None:
    found = read("subject: {kind: branch, repository: globex/shop}").subject
    assert isinstance(found, Branch)
    assert found.name == "globex/shop@main"
    assert found.repository.short_name == "shop"
    assert found.repository.organization.name == "globex"


def test_short_forms() -> None:
    found = read(
        """
        facts:
          files: [docs/a.md, {path: src/b.py, change: added}]
          commits: [{sha: c1, message: m, author: ana}]
          reviewer_permissions: {levels: {Bo: write, github.com/user/7: read}}
          work_items: [{source: github-issues, form: keyword, text: "Fixes #7", where: body, item: {number: 7}}]
          checks: {unavailable: needs the scope repo}
          code_owners: {not_supported: none here}
          pushes:
        """
    ).facts
    assert found[ChangedFiles] == ChangedFiles(
        (ChangedFile("docs/a.md", Change.MODIFIED), ChangedFile("src/b.py", Change.ADDED))
    )
    commits = found[Commits]
    assert isinstance(commits, Commits)
    assert commits.commits[0].committer == commits.commits[0].author
    assert commits.commits[0].author.person == Person("github.com/login/ana", "ana")
    assert found[ReviewerPermissions] == ReviewerPermissions(
        {"github.com/login/bo": Permission.WRITE, "github.com/user/7": Permission.READ}
    )
    links = found[LinkedWorkItems]
    assert isinstance(links, LinkedWorkItems)
    assert links.links[0].item is not None
    assert (links.links[0].item.platform, links.links[0].item.scope) == (Platform.GITHUB, "acme/payments")
    assert found[Checks] == Unavailable(UnknownKind.SCOPE, "needs the scope repo")
    assert found[CodeOwners] == NotSupported("none here")
    assert found[Pushes] == Pushes(())


def test_a_fact_about_another_subject_is_refused() -> None:
    tree = parse_yaml("facts:\n  release_record: {not_supported: none}\n  branch_rules: []", "case.yml")
    assert isinstance(tree.root, Mapping)
    builder = builder_for(tree, Platform.GITHUB)
    node = tree.root.get("facts")
    facts = build_facts(builder, node, "facts")
    refuse_unfitting(builder, facts, PullRequest, node, "facts")
    assert [str(problem) for problem in builder.problems] == [
        "case.yml:2:3: facts.release_record: it is a fact about a release, and the subject is a pull request"
    ]
