"""Hypothesis strategies for every subject and every fact, made from their annotations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from bot.model.facts import Fact, NotSupported, Unavailable, UnknownKind, fact_types
from bot.model.facts.change import ReviewerPermissions
from bot.model.people import Permission, Person
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
from bot.policy.factfile import Given, fits
from bot.policy.forms import Form, Kind, fields_of

TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ["no", "12", "3.10", "012", "1e5", "0o7", "12:30", "2026-01-01", "null", "<<", "a\nb ", "- x", "a: b"]
    ),
)
LOGINS = st.one_of(TEXTS, st.sampled_from(["ana", "bo", "Renovate[bot]", "ana@acme.example"]))
IDS = st.builds("/".join, st.lists(st.sampled_from(["github.com", "login", "user", "Ana", "bo", "7"]), min_size=2))
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def values(form: Form) -> st.SearchStrategy[Any]:
    """Values of a form."""
    made = _values(form)
    return st.none() | made if form.optional else made


def _values(form: Form) -> st.SearchStrategy[Any]:
    match form.kind:
        case Kind.TEXT:
            return TEXTS
        case Kind.WHOLE:
            return st.integers(-(10**6), 10**9)
        case Kind.NUMBER:
            return st.floats(allow_nan=False, allow_infinity=False)
        case Kind.TRUTH:
            return st.booleans()
        case Kind.MOMENT:
            return TIMES
        case Kind.CHOICE:
            return st.sampled_from(list(form.type))
        case Kind.LIST:
            return st.lists(values(form.inner[0]), max_size=2).map(tuple)
        case Kind.SET:
            return st.frozensets(values(form.inner[0]), max_size=3)
        case Kind.ROW:
            return st.tuples(*map(values, form.inner))
        case Kind.MAPPING:
            return st.dictionaries(TEXTS, values(form.inner[0]), max_size=2)
        case Kind.RECORD:
            return st.deferred(lambda: records(form.type))


def records(type_: type) -> st.SearchStrategy[Any]:
    """Values of a dataclass; people now and then as a bare login would make them."""
    if type_ is ReviewerPermissions:
        return st.builds(ReviewerPermissions, st.dictionaries(IDS, st.sampled_from(Permission), max_size=3))
    whole = st.builds(type_, **{name: values(field.form) for name, field in fields_of(type_).items()})
    if type_ is Person:
        return whole | LOGINS.map(lambda login: Person(f"github.com/login/{login.lower()}", login))
    return whole


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    """Subjects of every type."""
    platform = draw(st.sampled_from(Platform))

    def filled(kind: type[Any], **held: Subject) -> Any:
        rest = {name: field.form for name, field in fields_of(kind).items() if name not in held}
        own = {name: draw(values(form)) for name, form in rest.items() if name != "platform"}
        return kind(**own, platform=draw(st.sampled_from(Platform)) if kind is WorkItem else platform, **held)

    kind = draw(
        st.sampled_from([Organization, Repository, Branch, PullRequest, Pipeline, Environment, Release, WorkItem])
    )
    if kind in (Organization, WorkItem):
        return filled(kind)
    repository = filled(Repository, organization=filled(Organization))
    if kind is Repository:
        return repository
    branch = repository.branch(draw(TEXTS))
    if kind is Branch:
        return branch
    return filled(kind, base=branch) if kind is PullRequest else filled(kind, repository=repository)


UNREAD = st.one_of(st.builds(Unavailable, st.sampled_from(UnknownKind), TEXTS, TEXTS), st.builds(NotSupported, TEXTS))


@st.composite
def givens(draw: st.DrawFn) -> Given:
    """A subject with some of the facts that can be about it."""
    subject = draw(subjects())
    known: dict[type[Fact], None] = dict.fromkeys(fact_types().values())
    fitting = [fact for fact in known if fits(fact, type(subject))]
    chosen = draw(st.lists(st.sampled_from(fitting), unique=True, max_size=2)) if fitting else []
    return Given(subject, {fact: draw(UNREAD | records(fact)) for fact in chosen})
