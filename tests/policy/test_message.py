"""Messages: what compiles, where mistakes are, and that rendering never fails and is one bounded line."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.facts import Fact
from bot.model.facts.change import Change, ChangedFile, ChangedFiles, Opinion, Review, Reviews
from bot.model.subjects import PullRequest, Release, Repository
from bot.policy.expressions import ExpressionError, document
from bot.policy.message import MESSAGE_LIMIT, VALUE_LIMIT, Message, compile_message
from tests.policy.examples import ANA, NOW, pull_request, release

FILES = ChangedFiles((ChangedFile("src/a.py", Change.MODIFIED, additions=2),))


def rendered(text: str, facts: Mapping[str, Fact] | None = None, subject: PullRequest | Release | None = None) -> str:
    subject = subject or pull_request()
    return compile_message(text, [type(subject)]).render(document(subject, facts or {}, NOW))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nothing to fill in.", "Nothing to fill in."),
        ("", ""),
        ("{{ pr.title }} by {{pr.author.login}}", "Pay twice by ana"),
        ("{{ pr.number }}", "12"),
        ("{{ pr.draft }} and {{ !pr.draft }}", "false and true"),
        ("{{ pr.created_at }}", "2026-03-14 12:00 UTC"),
        ("{{ 1.5 }} {{ 2.0 }} {{ 3u }}", "1.5 2 3"),
        ("{{ {'a': {'b': 'c'}}['a']['b'] }}", "c"),
        ("{{ '}}' }}{{ \"{{\" }}", "}}{{"),
        (r"{{ 'it\'s }}' }}", "it's }}"),
        (r"{{ r'\d' + r'}}' }}", r"\d}}"),
        ("{{ '''a}}'b''' }}", "a}}'b"),
        ('{{ """a}}"b""" }}', 'a}}"b'),
        ("a } b }} c", "a } b }} c"),
        ("line one\n  line {{ 1 + 1 }}\n", "line one line 2"),
        ("{{ pr.draft ? 'a draft' : pr.title.upperAscii() }}", "PAY TWICE"),
        ("{{ ['a', 'b'].join(', ') }}", "a, b"),
    ],
)
def test_what_a_message_says(text: str, expected: str) -> None:
    assert rendered(text) == expected


def test_what_lists_hold() -> None:
    assert rendered("{{ files.size() }} file, {{ files[0].path }}", {"files": FILES}) == "1 file, src/a.py"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ files.size() }} files", "(not known: files could not be read) files"),
        (
            "in {{ repository.language }}",
            "in (not known: repository.language is not set here; ask has(repository.language)",
        ),
        ("{{ 1 / (pr.number - 12) }}", "(not known: divide by zero)"),
        (
            "{{ pr.labels.size() == 0 ? dyn(pr.labels) : dyn(pr.title) }}",
            "(not known: it is no text, no number and no time)",
        ),
    ],
)
def test_what_is_not_known_says_so_in_its_place(text: str, expected: str) -> None:
    assert rendered(text).startswith(expected)


def test_a_message_is_one_bounded_line() -> None:
    hostile = pull_request(title="a\nb\r\n\x1b[31m\u202e\0c" + "x" * 100_000)
    shown = rendered("{{ pr.title }}", subject=hostile)
    assert shown.startswith("a b [31m ?c")
    assert len(shown) == VALUE_LIMIT
    assert len(rendered("{{ pr.title }} " * 20, subject=hostile)) == MESSAGE_LIMIT


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("{{ pr.titel }}", 1, 4, "there is no 'pr.titel' here, did you mean 'pr.title'"),
        ("a {{pr.title}}\nb {{  pr.titel }}", 2, 7, "there is no 'pr.titel' here, did you mean 'pr.title'"),
        ("{{ pr.draft ||\n fils.size() > 0 }}", 2, 2, "there is no 'fils' here, did you mean 'files'"),
        ("x {{ pr.title", 1, 3, "'{{' begins an expression, and no '}}' ends it"),
        ("x {{ pr.title }", 1, 3, "'{{' begins an expression, and no '}}' ends it"),
        ("x {{ '}}", 1, 6, "Syntax error"),
        ("x {{ }}", 1, 3, "there is no expression between '{{' and '}}'"),
        (
            "{{ pr.labels }}",
            1,
            4,
            "a message shows a text, a number, true or false, or a time, and this is a list; write",
        ),
        ("{{ {'a': 1} }}", 1, 4, "and this is a mapping"),
        ("{{ files[0] }}", 1, 9, "and this is a record"),
        ("{{ now - pr.created_at }}", 1, 4, "and this is duration"),
        ("{{ dyn(pr.labels) }}", 1, 7, "and this is a list"),
        ("{{ null }}", 1, 4, "and this is null"),
        ("{{ pr.title + }}", 1, 14, "Syntax error"),
        ("{{ timestamp('x') }}", 1, 14, 'timestamp("x") fails'),
        ("x" * 5_000, 1, 1, "a message of 5,000 characters; it has 4,000 at most"),
    ],
)
def test_mistakes_have_their_place_in_the_whole_text(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_message(text, [PullRequest])
    found = caught.value.mistakes[0]
    assert message in found.message
    assert (found.line, found.column) == (line, column)


def test_every_mistake_is_told() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_message("{{ pr.titel }} {{ }} {{ fils }} {{", [PullRequest])
    assert [mistake.column for mistake in caught.value.mistakes] == [4, 16, 25, 33]


def test_a_message_must_hold_for_every_type_of_subject() -> None:
    compile_message("{{ repository.name }}", [PullRequest, Release])
    with pytest.raises(ExpressionError, match=r"no 'pr' here; .* \(the rule judges a repository as well\)$"):
        compile_message("{{ pr.title }}", [PullRequest, Repository])


def test_names_facts_and_requests() -> None:
    message = compile_message(
        "{{ pr.title }}: {{ files.size() }} of {{ reviews.size() + files.size() }}", [PullRequest]
    )
    assert message.names == {"pr", "files", "reviews"}
    assert message.facts() == {ChangedFiles, Reviews}
    assert {request.type for request in message.requests()} == {ChangedFiles, Reviews}
    plain = compile_message("{ files }", [PullRequest])
    assert (plain.names, plain.facts(), plain.requests()) == (frozenset(), frozenset(), frozenset())


TEXTS = st.text(max_size=40) | st.text(alphabet="{}'\"\\ r\nab[]()", max_size=40)


@given(TEXTS)
def test_no_text_does_anything_but_compile_or_be_refused(text: str) -> None:
    with suppress(ExpressionError):
        assert "\n" not in compile_message(text, [PullRequest]).render(document(pull_request(), {}, NOW))


@given(TEXTS.filter(lambda text: "{{" not in text and len(text.split()) < 3))
def test_what_has_no_placeholder_is_said_as_it_is(text: str) -> None:
    if text.isprintable() and text == " ".join(text.split()):
        assert rendered(text) == text


@given(TEXTS.filter(lambda text: text.isprintable() and text == " ".join(text.split())))
def test_a_text_of_any_characters_is_a_constant(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    assert rendered("{{ '" + quoted + "' }}") == text


EVERYTHING: Message = compile_message(
    "{{ pr.title }}{{ pr.body.size() }}{{ pr.number }}{{ pr.created_at }}{{ pr.labels.join(', ') }}{{ pr.author.name }}"
    "{{ reviews.map(r, r.person.login).join(' ') }}{{ timestamp(reviews[0].at) }}"
    "{{ string(pr.number * pr.number) }}{{ pr.state }}",
    [PullRequest],
)
MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(
    st.builds(
        pull_request,
        title=st.text(st.characters()),
        body=st.text(),
        number=st.integers(),
        created_at=MOMENTS,
        labels=st.lists(st.text(st.characters()), max_size=3).map(tuple),
    ),
    st.lists(st.builds(Review, st.just(ANA), st.sampled_from(Opinion), st.none() | MOMENTS, st.none()), max_size=2),
    st.booleans(),
)
def test_rendering_never_fails(subject: PullRequest, reviews: list[Review], known: bool) -> None:
    facts = {"reviews": Reviews(tuple(reviews))} if known else {}
    shown = EVERYTHING.render(document(subject, facts, NOW))
    assert shown.isprintable()
    assert len(shown) <= MESSAGE_LIMIT


def test_a_release_has_messages_as_well() -> None:
    assert rendered("{{ release.version }} of {{ repository.name }}", subject=release()) == "v1 of acme/payments-api"
    early = release(created_at=datetime(1, 1, 1, tzinfo=UTC))
    assert rendered("{{ release.version }}: {{ release.created_at }}", subject=early).startswith("v1: ")
