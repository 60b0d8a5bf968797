"""The functions of expressions: what they come to, that they are total, and that constants that cannot work are mistakes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cmp_to_key

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.model.facts import Fact
from bot.model.facts.change import Change, ChangedFile, ChangedFiles, Opinion, Review, Reviews
from bot.model.subjects import PullRequest
from bot.policy import globs
from bot.policy.expressions import ExpressionError, Undecided, compile_expression, document
from bot.policy.functions import FUNCTIONS
from bot.policy.semver import Version
from tests.policy.examples import ANA, NOW, pull_request


def evaluate(
    text: str, facts: Mapping[str, Fact] | None = None, now: datetime = NOW, **changes: object
) -> bool | Undecided:
    subject = pull_request(**changes)
    return compile_expression(text, [PullRequest]).evaluate(document(subject, facts or {}, now))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("repository.name.glob('acme/*')", True),
        ("repository.name.glob('*')", False),
        ("repository.name.glob(['acme/*', '!acme/payments-*'])", False),
        ("repository.name.glob(['!acme/x'])", True),
        ("pr.source_branch.glob('feature/**')", True),
        ("pr.labels.exists(l, l.glob('ur*t'))", False),
        ("pr.title.capture('^([A-Z]\\\\w+) twice') == 'Pay'", True),
        ("pr.title.capture(r'(\\d+)') == ''", True),
        ("pr.title.capture('Pay(x)?') == ''", True),
        ("is_semver('v1.2.3') && is_semver('1.2.3-rc.1+build.5') && !is_semver('1.2')", True),
        ("semver_compare('1.10.0', '1.9.9') > 0", True),
        ("semver_compare('v1.0.0-rc.1', '1.0.0') == -1", True),
        ("semver_compare('1.0.0+a', '1.0.0+b') == 0", True),
        ("days_since(pr.created_at) == 0 && hours_since(pr.created_at) == 0", True),
        ("days_since(timestamp('2026-03-01T12:00:00Z')) == 13", True),
        ("days_since('2026-03-01T12:00:01Z') == 12", True),
        ("days_since('2026-03-14T13:00:00+00:00') == -1 && hours_since('2026-03-14T13:00:00Z') == -1", True),
        ("days_until('2026-03-20T11:00:00Z') == 5 && days_until('2026-03-14T11:59:59Z') == -1", True),
        ("working_hours(now, 'UTC', 0, 24)", False),  # a Saturday
        ("working_hours('2026-03-13T16:59:59+01:00', 'Europe/Berlin', 9, 17)", True),
        ("working_hours('2026-03-13T17:00:00+01:00', 'Europe/Berlin', 9, 17)", False),
        ("working_hours('2026-03-13T08:59:59+01:00', 'Europe/Berlin', 9, 17)", False),
        ("working_hours('2026-03-13T23:30:00Z', 'Europe/Berlin', 0, 24)", False),  # Saturday there
        ("working_hours('2026-03-16T00:30:00+01:00', 'America/New_York', 0, 24)", False),  # Sunday there
    ],
)
def test_what_functions_come_to(text: str, expected: bool) -> None:
    assert evaluate(text) is expected


def test_times_inside_lists_need_no_conversion() -> None:
    reviews = Reviews(tuple(Review(ANA, Opinion.APPROVED, NOW - timedelta(days=days), None) for days in (2, 5)))
    facts = {"reviews": reviews}
    assert evaluate("reviews.exists(r, days_since(r.at) == 5)", facts) is True
    assert evaluate("reviews.exists(r, working_hours(r.at, 'UTC', 12, 13))", facts) is True
    undated = {"reviews": Reviews((Review(ANA, Opinion.APPROVED, None, None),))}
    assert isinstance(evaluate("reviews.exists(r, days_since(r.at) == 5)", undated), Undecided)


def test_each_evaluation_has_its_own_now() -> None:
    text = "days_since(pr.created_at) == 3"
    assert compile_expression(text, [PullRequest]).names == {"pr", "now"}
    assert evaluate(text, now=NOW + timedelta(days=3)) is True
    assert evaluate(text, now=NOW) is False
    assert evaluate(text, now=NOW + timedelta(days=3, hours=23)) is True


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("semver_compare(pr.title, '1.0.0') > 0", "'Pay twice' is no semantic version; it has three numbers"),
        ("days_since(pr.title) > 0", "'Pay twice' is no time; write date, time and zone"),
        ("days_since(pr.body + '2026-03-01T12:00:00') > 0", "'2026-03-01T12:00:00' is no time"),
        ("pr.title.capture(pr.body + '(') == ''", "not a pattern that RE2 reads"),
        ("pr.title.capture(pr.body + 'a') == ''", "the pattern 'a' has no group"),
        ("pr.title.glob(pr.body + 'a[')", "'a[': '[' opens a set of characters"),
        ("pr.title.glob(pr.labels)", "there is no pattern"),
        ("working_hours(now, pr.title, 9, 17)", "there is no time zone 'Pay twice'; they are named by continent"),
        ("working_hours(now, 'UTC', 9, pr.number - 12)", "working hours from 9 to 0"),
        ("working_hours(timestamp('9999-12-31T23:59:59Z'), 'Asia/Tokyo', 9, 17)", "the time is out of range"),
        ("[1].any_match(pr.title)", "the list has no paths in it"),
    ],
)
def test_what_makes_no_sense_is_undecided_and_says_why(text: str, reason: str) -> None:
    answer = evaluate(text)
    assert isinstance(answer, Undecided)
    assert answer.reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("pr.title.glob('a[')", 15, "'a[': '[' opens a set of characters, and no ']' closes it"),
        ("pr.title.glob(['a', '***'])", 15, "'***': '***' means nothing"),
        ("pr.title.glob([])", 15, "there is no pattern"),
        ("pr.title.capture('(') == ''", 18, "not a pattern that RE2 reads"),
        ("pr.title.capture('a') == ''", 18, "the pattern 'a' has no group: put round brackets around what is wanted"),
        ("semver_compare(pr.title, '1.0') > 0", 26, "'1.0' is no semantic version"),
        ("semver_compare('x', pr.title) > 0", 16, "'x' is no semantic version"),
        ("days_since('2026-13-01T00:00:00Z') > 0", 12, "'2026-13-01T00:00:00Z' is no time"),
        ("days_until('2026-12-01') > 0", 12, "'2026-12-01' is no time; write date, time and zone"),
        ("working_hours(now, 'Europe/Berln', 9, 17)", 20, "no time zone 'Europe/Berln', did you mean 'Europe/Berlin'"),
        ("working_hours(now, '../etc/passwd', 9, 17)", 20, "there is no time zone '../etc/passwd'"),
        ("working_hours(now, 'UTC', 9, 25)", 30, "working hours from 0 to 25"),
        ("working_hours(now, 'UTC', 17, 9)", 31, "working hours from 17 to 9: write two hours from 0 to 24"),
        ("files.any_match('#a')", 17, "'#a' is a pattern that covers nothing"),
        ("files.any_match('[z-a]')", 17, "not a pattern: bad character range z-a"),
        ("files.any_match('!')", 17, "Invalid git pattern: '!'"),
        ("files.any_match(['a', ''])", 17, "'' is a pattern that covers nothing"),
        ("pr.assignees.any_match('a')", 1, "any_match looks at files or paths, and this list has none"),
        ("commits.all_match('a')", 1, "all_match looks at files or paths, and this list has none"),
        ("semver_compare(1, 'x') == 0", 15, "found no matching overload for 'semver_compare'"),
        ("days_since(pr.number) == 0", 11, "found no matching overload for 'days_since'"),
        ("commits.exists(c, c.committed_at > now)", 20, "inside a list a time is text"),
        ("working_hours(now, 'UTC', -1, 5)", 27, "working hours from -1 to 24"),
    ],
)
def test_constants_that_cannot_work_are_mistakes_with_their_place(text: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, [PullRequest])
    found = caught.value.mistakes[0]
    assert message in found.message
    assert found.column == column


def test_every_wrong_constant_is_told() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("semver_compare('x', 'y') == 0", [PullRequest])
    assert [mistake.column for mistake in caught.value.mistakes] == [16, 21]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_documented(name: str) -> None:
    function = FUNCTIONS[name]
    assert function.meaning.endswith(".")
    assert function.signature.partition("(")[0].rpartition(".")[2] == name


def test_paths_of_any_length() -> None:
    many = ChangedFiles(tuple(ChangedFile(f"src/{number}.py", Change.MODIFIED) for number in range(10_050)))
    assert evaluate("files.all_match('src/**') && files.any_match(['*', '!src/*'])", {"files": many}) is False
    assert evaluate("['a.md', 'b/c.md'].all_match('*.md')") is True
    assert evaluate("pr.labels.all_match('*')") is False


HOSTILE = "a" * 20_000


def test_no_pattern_takes_more_than_linear_time() -> None:
    """With a backtracking matcher this test would not end."""
    glob, pattern = "*a" * 25 + "b", "(a*)*(a*)*b"
    assert evaluate(f"pr.title.glob('{glob}') || pr.title.glob('{'**a' * 25}b')", title=HOSTILE) is False
    assert evaluate(f"pr.title.capture('{pattern}') == ''", title=HOSTILE) is True
    assert evaluate("is_semver('1.0.0-' + pr.title + '..') || is_semver(pr.title + '1.0.0')", title=HOSTILE) is False
    assert evaluate(f"[pr.title].any_match('{glob}')", title=HOSTILE) is False
    assert evaluate("semver_compare(pr.title + '.0.0', '1.0.0') > 0", title="9" * 20_000) is True


WORDS = st.text(max_size=30) | st.text(alphabet="v0123456789.-+abZ", max_size=20)


@given(WORDS, WORDS)
def test_functions_are_total(title: str, body: str) -> None:
    for text in (
        "pr.title.glob(pr.body)",
        "pr.title.glob([pr.body, '!' + pr.body])",
        "pr.title.capture(pr.body) == ''",
        "is_semver(pr.title)",
        "semver_compare(pr.title, pr.body) == 0",
        "days_since(pr.title) + hours_since(pr.body) + days_until(pr.title) == 0",
        "working_hours(pr.created_at, pr.title, size(pr.title), size(pr.body))",
        "[pr.title].any_match(pr.body)",
        "[pr.title].all_match([pr.body, pr.title])",
    ):
        answer = evaluate(text, title=title, body=body)
        assert isinstance(answer, bool | Undecided)
        assert not isinstance(answer, Undecided) or "RuntimeError" not in answer.reason


IDENTIFIER = st.integers(0, 10**20).map(str) | st.from_regex(r"[0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z-]*", fullmatch=True)
NUMBERS = st.lists(st.integers(0, 10**20), min_size=3, max_size=3).map(lambda each: ".".join(map(str, each)))
VERSIONS = st.builds(
    lambda core, words, build: core + ("-" + ".".join(words) if words else "") + build,
    NUMBERS,
    st.lists(IDENTIFIER, max_size=3),
    st.sampled_from(["", "+b1"]),
)


def version(text: str) -> Version:
    read = Version.parse(text)
    assert read is not None
    return read


@given(VERSIONS, VERSIONS, VERSIONS)
def test_versions_are_in_a_total_order(a: str, b: str, c: str) -> None:
    one, two, three = version(a), version(b), version(c)
    assert (one < two) + (one == two) + (two < one) == 1
    assert one == version(a) == version("v" + a)
    if one <= two and two <= three:
        assert one <= three
    assert (one == two) == (hash(one) == hash(two) and not one < two and not two < one)


def test_versions_are_ordered_as_the_specification_says() -> None:
    words = ["-alpha", "-alpha.1", "-alpha.beta", "-beta", "-beta.2", "-beta.11", "-rc.1", ""]
    ordered = [f"1.0.0{word}" for word in words] + ["1.0.1", "1.1.0", "1.9.0", "1.10.0", "2.0.0"]
    shuffled = ordered[::-1]
    assert sorted(shuffled, key=version) == ordered
    compare = FUNCTIONS["semver_compare"].run
    assert sorted(shuffled, key=cmp_to_key(compare)) == ordered  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["1", "1.0", "01.0.0", "1.0.0-01", "1.0.0-", "1.0.0+", "V1.0.0", "1.0.0-a..b", "1.0.0 ", "١.0.0"]
)
def test_what_is_no_version(text: str) -> None:
    assert Version.parse(text) is None


GLOBS = st.text(alphabet="ab/*?[]!-.é", min_size=1, max_size=12)


@given(GLOBS, st.text(alphabet="ab/-.é\n", max_size=12), st.booleans())
def test_both_matchers_of_globs_agree(glob: str, name: str, ignore_case: bool) -> None:
    assume(globs.mistake(glob) is None and not glob.startswith("!"))
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        backtracking = re.compile(globs._expression(glob), re.IGNORECASE if ignore_case else 0)
    assert bool(globs._Linear(glob, ignore_case).fullmatch(name)) == bool(backtracking.fullmatch(name))
    assert globs.any_glob(name, [glob], ignore_case=ignore_case) == bool(backtracking.fullmatch(name))


# The CEL library hands times of far centuries to functions with an error of some microseconds.
SECONDS = st.integers(0, 300_000_000_000).map(lambda s: datetime(2, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


@given(SECONDS, SECONDS)
def test_days_are_whole_and_signed(time: datetime, now: datetime) -> None:
    text = (
        f"days_since(pr.created_at) == {(now - time).days} && (days_since(pr.created_at) < 0) == (pr.created_at > now)"
    )
    assert evaluate(text, now=now, created_at=time) is True
