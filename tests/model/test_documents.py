"""What is written as JSON is read back as it was."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import documents
from bot.model.findings import Evidence, Finding, Location, Reviewer, ReviewWanted
from bot.model.json_fields import DocumentError
from bot.model.people import Person
from bot.model.results import (
    AppliedWaiver,
    Condition,
    Coverage,
    Gap,
    Gate,
    Member,
    PolicySource,
    Result,
    Skip,
    Unknowing,
)
from bot.model.subject_documents import subject_document, subject_from
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    Platform,
    PullRequest,
    Release,
    Repository,
    Subject,
    WorkItem,
)
from tests.report import runs

TEXT = st.one_of(st.sampled_from(["", "a", "\x00", "\ud800", "é漢", '"\\', "##vso["]), st.text(max_size=8))
TIMES = st.datetimes(timezones=st.just(UTC))
PEOPLE = st.builds(Person, TEXT, TEXT, TEXT, emails=st.just(frozenset()), is_bot=st.booleans())
ORGANIZATIONS = st.builds(Organization, TEXT, TEXT, st.sampled_from(Platform), TEXT, project=st.none() | TEXT)


def some(kind: type, **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Every field by its type, but those that are given."""
    return st.builds(kind, **{one.name: given.get(one.name, ...) for one in fields(kind)})


for kind, strategy in [(str, TEXT), (datetime, TIMES), (Person, PEOPLE), (Organization, ORGANIZATIONS)]:
    st.register_type_strategy(kind, strategy)
TUPLES = {"topics": st.lists(TEXT, max_size=2).map(tuple), "labels": st.lists(TEXT, max_size=2).map(tuple)}
REPOSITORIES = some(Repository, topics=TUPLES["topics"])
BRANCHES = some(Branch, repository=REPOSITORIES)
PULL_REQUESTS = some(
    PullRequest,
    base=BRANCHES,
    body=st.just(""),
    labels=TUPLES["labels"],
    assignees=st.lists(PEOPLE, max_size=2).map(tuple),
)
RELEASES = some(Release, repository=REPOSITORIES)
SUBJECTS = st.one_of(
    ORGANIZATIONS,
    REPOSITORIES,
    BRANCHES,
    PULL_REQUESTS,
    RELEASES,
    some(Pipeline, repository=REPOSITORIES),
    some(Environment, repository=REPOSITORIES),
    some(WorkItem),
)

FEW = {"max_size": 2}
EVIDENCE = st.lists(some(Evidence), **FEW).map(tuple)
WAIVERS = st.none() | some(AppliedWaiver)
CONDITIONS = st.lists(some(Condition), **FEW).map(tuple)
UNKNOWNS = st.lists(some(Unknowing), **FEW).map(tuple)
REVIEWS = some(ReviewWanted, candidates=st.lists(some(Reviewer), **FEW).map(tuple))
FINDINGS = st.lists(
    some(
        Finding,
        evidence=EVIDENCE,
        location=st.none() | some(Location),
        review=st.none() | REVIEWS,
        checks=st.lists(TEXT, **FEW).map(tuple),
    ),
    **FEW,
).map(tuple)
ENDED = {
    "findings": FINDINGS,
    "unknown": UNKNOWNS,
    "evidence": EVIDENCE,
    "conditions": CONDITIONS,
    "waiver": WAIVERS,
}
LEAVES = some(Member, **ENDED, members=st.just(()))
MEMBERS = st.lists(LEAVES | some(Member, **ENDED, members=st.lists(LEAVES, **FEW).map(tuple)), **FEW).map(tuple)


@st.composite
def results(draw: st.DrawFn) -> Result:
    empty = st.just(())
    result = draw(
        some(
            Result,
            **ENDED,
            subject=st.just(runs.repository()),
            members=MEMBERS,
            fingerprints=empty,
            known=st.just(frozenset()),
        )
    )
    if not draw(st.booleans()):
        return result
    amount = len(result.findings)
    fingerprints = tuple(draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=amount, max_size=amount)))
    known = draw(st.frozensets(st.sampled_from(fingerprints))) if fingerprints else frozenset()
    return replace(result, fingerprints=fingerprints, known=known)


def same(one: object, other: object) -> bool:
    """Field by field: subjects are equal by their ids alone."""
    if is_dataclass(one) and not isinstance(one, type):
        names = [field.name for field in fields(one)]
        return type(one) is type(other) and all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def through(document: object) -> Any:
    """As a file has it."""
    return json.loads(json.dumps(document))


@settings(max_examples=150)
@given(subject=SUBJECTS)
def test_a_subject_is_read_back_whole(subject: Subject) -> None:
    assert same(subject_from(through(subject_document(subject))), subject)


@settings(max_examples=80)
@given(result=results())
def test_a_result_is_read_back_whole(result: Result) -> None:
    read = documents.result_from(through(documents.result_document(result)), result.subject)
    assert same(read, result)


@settings(max_examples=30)
@given(
    gap=some(Gap),
    skip=some(Skip),
    coverage=some(Coverage),
    policy=some(PolicySource),
    gate=some(Gate, target=PULL_REQUESTS | RELEASES),
)
def test_what_stands_beside_results_is_read_back(
    gap: Gap, skip: Skip, coverage: Coverage, policy: PolicySource, gate: Gate
) -> None:
    assert documents.gap_from(through(documents.gap_document(gap))) == gap
    assert documents.skip_from(through(documents.skip_document(skip))) == skip
    assert documents.coverage_from(through(documents.coverage_document(coverage))) == coverage
    assert documents.policy_from(through(documents.policy_document(policy))) == policy
    assert same(documents.gate_from(through(documents.gate_document(gate))), gate)


def test_neither_a_body_nor_an_address_is_written() -> None:
    author = Person("github.com/user/7", "ada", emails=frozenset({"ada@acme.example"}))
    change = replace(runs.pull_request(), body="a secret", author=author)
    written = json.dumps(subject_document(change))
    assert "a secret" not in written
    assert "ada@acme.example" not in written


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("outcome", "skipped", "'outcome' should be one of pass, fail, not_applicable, unknown, error, not 'skipped'"),
        ("title", 12, "'title' should be a text, not '12'"),
        ("findings", {}, "'findings' should be a list, not '{}'"),
        ("findings", ["a"], "'findings' should be a list of objects, not \"['a']\""),
        ("waiver", "yes", "'waiver' should be an object, not 'yes'"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object, said: str) -> None:
    document = documents.result_document(runs.LINK)
    with pytest.raises(DocumentError, match="^" + said.replace("[", r"\[").replace("{", r"\{")):
        documents.result_from({**document, field: value}, runs.LINK.subject)  # type: ignore[dict-item]


def test_a_missing_field_is_named() -> None:
    document = subject_document(runs.release())
    del document["commit"]
    with pytest.raises(DocumentError, match="'commit' is missing; it should be a text"):
        subject_from(document)
    with pytest.raises(DocumentError, match="'galaxy' is no kind of subject"):
        subject_from({**document, "kind": "galaxy"})


def test_what_was_written_before_a_field_was_added_is_read() -> None:
    document: Any = documents.result_document(runs.APPROVALS)
    for finding in document["findings"]:
        del finding["review"], finding["checks"]
    assert documents.result_from(document, runs.APPROVALS.subject) == runs.APPROVALS
