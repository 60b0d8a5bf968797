"""Conditions: what compiles, what they need, and that the unknown stays unknown."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pytest
from cel_expr_python import cel
from hypothesis import given
from hypothesis import strategies as st

from bot.model.facts import Fact, UnknownKind
from bot.model.facts.change import (
    Change,
    ChangedFile,
    ChangedFiles,
    Commit,
    Commits,
    LinkedWorkItems,
    LinkSpec,
    Opinion,
    Review,
    Reviews,
)
from bot.model.facts.repository import Properties
from bot.model.people import Signature
from bot.model.subjects import Environment, Organization, Pipeline, PullRequest, Release, Repository, Subject, WorkItem
from bot.policy.expressions import ExpressionError, Undecided, compile_expression, document
from bot.policy.vocabulary import ROOTS, vocabulary
from tests.policy.examples import BOT, NOW, REPOSITORY, pull_request, release


def files(*paths: str) -> ChangedFiles:
    return ChangedFiles(tuple(ChangedFile(path, Change.MODIFIED, additions=2) for path in paths))


def evaluate(text: str, facts: Mapping[str, Fact] | None = None, subject: Subject | None = None) -> bool | Undecided:
    subject = subject or pull_request()
    return compile_expression(text, [type(subject)]).evaluate(document(subject, facts or {}, NOW))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pr.title == 'Pay twice'", True),
        ("pr.author.is_bot", False),
        ("pr.author.login == 'ana' && pr.number == 12", True),
        ("'ana@acme.test' in pr.author.emails", True),
        ("pr.title.matches('^Pay (twice|once)$')", True),
        ("pr.title.lowerAscii().startsWith('pay')", True),
        ("pr.state == 'open' && !pr.draft", True),
        ("pr.labels.exists(l, l == 'urgent')", False),
        ("branch.name == 'main' && branch.is_default", True),
        ("repository.name == 'acme/payments-api' && organization.name == 'acme'", True),
        ("repository.visibility in ['private', 'internal']", True),
        ("'pci' in repository.topics", True),
        ("pr.created_at == now", True),
        ("now - pr.created_at < duration('1h')", True),
        ("now.getDayOfWeek('Europe/Berlin') in [0, 6]", True),
        ("now.getHours('America/New_York') == 8", True),
        ("// nothing but has(pr.body)\n'has(pr.body)' != pr.title", True),
    ],
)
def test_a_pull_request_in_words(text: str, expected: bool) -> None:
    assert evaluate(text) is expected


@pytest.mark.parametrize(
    ("text", "paths", "expected"),
    [
        ("files.all(f, f.path.startsWith('docs/'))", ["docs/a.md"], True),
        ("files.all(f, f.path.startsWith('docs/'))", ["docs/a.md", "src/a.py"], False),
        ("files.any_match('docs/**')", ["src/a.py", "docs/a.md"], True),
        ("files.any_match(['*.md', '!README.md'])", ["README.md"], False),
        ("files.all_match('docs/**')", ["docs/a.md", "src/a.py"], False),
        ("files.all_match(['docs/**', '*.md'])", ["docs/a.txt", "README.md"], True),
        ("files.exists(f, f.additions > 1 && f.change == 'modified')", ["a"], True),
        ("files.filter(f, f.path.endsWith('.py')).size() == 1", ["a.py", "b.md"], True),
        ("files[0].path == 'a'", ["a"], True),
    ],
)
def test_files(text: str, paths: list[str], expected: bool) -> None:
    assert evaluate(text, {"files": files(*paths)}) is expected


def test_a_rename_touches_both_of_its_paths() -> None:
    moved = ChangedFiles((ChangedFile("docs/a.py", Change.RENAMED, old_path="src/a.py"),))
    assert evaluate("files.all_match('docs/**')", {"files": moved}) is False
    assert evaluate("files.any_match('src/**')", {"files": moved}) is True
    assert evaluate("files.any_match('docs/**')", {"files": moved}) is True
    assert evaluate("files.all(f, f.path.startsWith('docs/'))", {"files": moved}) is False
    assert evaluate("files.exists(f, f.path.startsWith('src/'))", {"files": moved}) is True
    assert evaluate("files.all_match(['docs/**', 'src/**']) && files.size() == 2", {"files": moved}) is True


def test_a_rename_is_the_new_path_added_and_the_old_path_deleted() -> None:
    moved = ChangedFiles((ChangedFile("docs/a.py", Change.RENAMED, "src/a.py", additions=3, deletions=1),))
    for record in (
        "{'path': 'docs/a.py', 'change': 'added', 'additions': 3, 'deletions': 1}",
        "{'path': 'src/a.py', 'change': 'deleted', 'additions': 0, 'deletions': 0}",
    ):
        assert evaluate(f"files.exists(f, f == {record})", {"files": moved}) is True, record


@pytest.mark.parametrize(
    "text",
    ["files.all(f, f.path == 'x')", "files.size() == 0", "!files.exists(f, true)", "true || files.size() == 0"],
)
def test_a_condition_on_files_is_not_met_on_an_empty_change(text: str) -> None:
    assert evaluate(text, {"files": files()}) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("files.any_match('x') && false", False),
        ("false && files.any_match('x')", False),
        ("files.size() > 0 || pr.number == 12", True),
        ("pr.number == 12 || files.size() > 0", True),
        ("files.size() > 0 && pr.number == 13", False),
    ],
)
def test_what_is_decided_all_the_same(text: str, expected: bool) -> None:
    assert evaluate(text) is expected


@pytest.mark.parametrize(
    "text", ["files.size() > 0", "!(files.size() > 0)", "files.size() > 0 && true", "files.size() > 0 || false"]
)
def test_an_unavailable_fact_leaves_it_undecided(text: str) -> None:
    assert evaluate(text) == Undecided("files could not be read", UnknownKind.UNREADABLE, "files")


@pytest.mark.parametrize("text", ["repository.language != 'Go'", "!(repository.language == 'Go')"])
def test_an_unset_field_is_not_null(text: str) -> None:
    answer = evaluate(text)
    assert answer == Undecided("repository.language is not set here; ask has(repository.language) first")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("has(repository.language) && repository.language == 'Go'", False),
        ("!has( repository.language )", True),
        ("has(repository.default_branch)", True),
        ("has(pr.draft)", True),
        ("has(pr.draft) && pr.draft", False),
    ],
)
def test_has_asks_whether_a_field_is_set(text: str, expected: bool) -> None:
    assert evaluate(text) is expected


def test_what_hangs_on_an_unset_field_is_unset() -> None:
    assert evaluate("has(release.author.login)", subject=release()) is False
    assert isinstance(evaluate("release.author.is_bot", subject=release()), Undecided)
    assert evaluate("has(release.author.login) && release.author.is_bot", subject=release(author=BOT)) is True


def test_properties() -> None:
    facts = {"properties": Properties({"tier": "critical"})}
    assert evaluate("properties.tier == 'critical'", facts) is True
    assert evaluate("has(properties.owner)", facts) is False
    absent = Undecided("\"owner\" is not there; ask for it with has() or 'in' first")
    assert evaluate("properties.owner == 'x'", facts) == absent
    assert evaluate("has(properties.tier)") == Undecided("properties could not be read", missing="properties")


def test_times_inside_lists_are_text() -> None:
    someone = Signature("Ana", "ana@acme.test")
    commits = Commits((Commit("1", "x", someone, someone, committed_at=NOW), Commit("2", "y", someone, someone)))
    text = "commits.exists(c, has(c.committed_at) && timestamp(c.committed_at) == now)"
    assert evaluate(text, {"commits": commits}) is True
    assert evaluate("commits.exists(c, has(c.author.person))", {"commits": commits}) is False


def test_a_list_too_long_for_a_loop_is_undecided_and_host_functions_are_not() -> None:
    many = files(*(f"src/{number}.py" for number in range(10_050)))
    answer = evaluate("files.all(f, f.path != '')", {"files": many})
    assert isinstance(answer, Undecided)
    assert answer.kind is UnknownKind.TRUNCATED
    assert evaluate("files.all_match('src/**')", {"files": many}) is True


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("pr.autor.is_bot", 1, 1, "there is no 'pr.autor' here, did you mean 'pr.author'"),
        ("true &&\n  pr.author.is_bod", 2, 3, "there is no 'pr.author.is_bod' here, did you mean 'pr.author.is_bot'"),
        ("fils.size() > 0", 1, 1, "there is no 'fils' here, did you mean 'files'"),
        ("files.all(f, f.pth == 'x')", 1, 15, "there is no field 'pth' here, did you mean 'path'"),
        ("files[0].pth == 'x'", 1, 9, "there is no field 'pth' here, did you mean 'path'"),
        (
            "files.filter(f, f.additions > 1).all(g, g.pth == 'x')",
            1,
            42,
            "there is no field 'pth' here, did you mean 'path'",
        ),
        ("reviews.exists(r, r.person.logn == 'x')", 1, 27, "there is no field 'logn' here, did you mean 'login'"),
        ("pr.labels.exists(l, l.name == 'x')", 1, 22, "cannot be the operand of a select"),
        ("pr.title", 1, 1, "a condition is true or false, and this is text"),
        ("pr.author.name", 1, 1, "a condition is true or false, and this is text"),
        ("files[0].path", 1, 9, "a condition is true or false, and this is text"),
        ("1 + 1", 1, 1, "a condition is true or false, and this is a whole number"),
        ("now - pr.created_at", 1, 1, "a condition is true or false, and this is duration"),
        ("pr.number == 'x'", 1, 11, "found no matching overload for '_==_' applied to '(int, string)'"),
        ("pr.state == 'opened'", 1, 13, "it is never 'opened', only open, merged, closed, did you mean 'open'"),
        ("'opened' != pr.state", 1, 1, "it is never 'opened', only open, merged, closed, did you mean 'open'"),
        ("pr.state in ['open', 'shut']", 1, 22, "it is never 'shut', only open, merged, closed"),
        ("reviews.exists(r, r.opinion == 'approve')", 1, 32, "did you mean 'approved'"),
        ("files.exists(f, f.change == 'renamed')", 1, 29, "it is never 'renamed', only added, modified, deleted"),
        ("files.exists(f, f.old_path == 'a')", 1, 18, "there is no field 'old_path' here"),
        ("pr.title.matches('(?=x)')", 1, 18, "it has no lookaround and no backreferences"),
        ("commits.exists(c, c.committed_at < now)", 1, 20, "inside a list a time is text"),
        ("pr.title ==", 1, 12, "Syntax error"),
        ("release.version == 'x'", 1, 1, "there is no 'release' here"),
        ("now > timestamp('2027-13-01')", 1, 17, 'timestamp("2027-13-01") fails'),
        ("now - pr.created_at > duration('2 days')", 1, 32, 'duration("2 days") fails'),
        ("now.getHours('Europe/Berln') > 3", 1, 14, 'getHours("Europe/Berln") fails'),
        ("commits.all(c, timestamp('x') < now)", 1, 26, 'timestamp("x") fails'),
        ("(" * 300 + "true" + ")" * 300, 1, 1, "nested more than 32 levels deep"),
        ("properties.x" + ".x" * 3000, 1, 1, "nested more than 32 levels deep"),
        ("has(pr)", 1, 5, "has() argument must be a field selection"),
        ("pr == 1", 1, 1, "'pr' alone is no value; it has id, name"),
        ("reviews.exists(r, r.opinion > 3)", 1, 29, "this fails each time: there is no '>' of (string, int64)"),
        ("checks.all(c, !c.name)", 1, 15, "this fails each time: there is no '!' of what stands there"),
        ("files.exists(f, f.path.exists(x, true))", 1, 13, "all, exists, filter and map go over a list"),
        ("files.exists(f, semver_compare(f.additions, '1.0.0') > 0)", 1, 31, "no 'semver_compare' of (int64, string)"),
        ("pr.draft ? dyn(pr.title) : dyn(1)", 1, 10, "a condition is true or false, and this is a whole number"),
        ("work_items.exists(w, w.item.number == 7)", 1, 39, "these are never equal: text and a whole number"),
        ("work_items.exists(w, w.item.number in ['7', 8])", 1, 45, "these are never equal: text and a whole number"),
        ("files[0].path != files[0].additions", 1, 26, "these are never equal: text and a whole number"),
        ("reviews.exists(r, r.person == 'ana')", 1, 31, "these are never equal: a record and text"),
        ("files.any_match(1)", 1, 16, "found no matching overload for 'any_match'"),
    ],
)
def test_mistakes_are_found_before_anything_runs(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, [PullRequest])
    found = caught.value.mistakes[0]
    assert message in found.message
    assert (found.line, found.column) == (line, column)


def test_every_mistake_is_told() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("pr.titel == 'x' && fils.size() > 0", [PullRequest])
    assert [mistake.column for mistake in caught.value.mistakes] == [1, 20]


def test_an_expression_must_hold_for_every_type_of_subject() -> None:
    compile_expression("repository.archived", [PullRequest, Repository])
    with pytest.raises(ExpressionError, match=r"no 'pr' here; .* \(the rule judges a repository as well\)$"):
        compile_expression("pr.draft", [PullRequest, Repository])


@pytest.mark.parametrize(
    ("text", "names", "facts"),
    [
        ("pr.draft && files.size() > 0", {"pr", "files"}, {ChangedFiles}),
        ("[1].exists(files, files == 1)", set(), set()),
        ("files.exists(pr, pr.path == branch.name)", {"files", "branch"}, {ChangedFiles}),
        ("has(repository.language)", {"repository"}, set()),
        ("'files' == pr.title", {"pr"}, set()),
        ("pr.created_at < now", {"pr", "now"}, set()),
        ("{'files': 1}.size() == reviews.size()", {"reviews"}, {Reviews}),
        ("properties.tier == 'x' || commits.map(c, c.sha).exists(s, s == pr.head_sha)", None, {Properties, Commits}),
    ],
)
def test_names_and_facts(text: str, names: set[str] | None, facts: set[type[Fact]]) -> None:
    expression = compile_expression(text, [PullRequest])
    assert expression.facts() == facts
    if names is not None:
        assert expression.names == names


WORDS = st.sampled_from(
    ["pr.draft", "files.size() > 0", "commits.exists(c, c.sha == pr.title)", "[1].exists(files, true)"]
)


@given(st.lists(WORDS, min_size=1, max_size=4), st.sampled_from([" && ", " || "]))
def test_names_are_those_without_which_it_does_not_compile(words: list[str], joint: str) -> None:
    text = joint.join(words)
    variables = dict.fromkeys(("pr", "files", "commits", "reviews"), cel.Type.DYN)
    needed = set()
    for left_out in variables:
        env = cel.NewEnv(variables={name: kind for name, kind in variables.items() if name != left_out})
        try:
            env.compile(text)
        except RuntimeError:
            needed.add(left_out)
    assert compile_expression(text, [PullRequest]).names == needed


def test_work_items_are_asked_for_with_a_spec() -> None:
    expression = compile_expression("work_items.exists(w, w.item.is_closed)", [PullRequest])
    assert [(r.type, r.spec) for r in expression.requests()] == [(LinkedWorkItems, LinkSpec())]


@pytest.mark.parametrize(
    "subject", [Organization, Repository, PullRequest, Pipeline, Environment, Release, WorkItem], ids=lambda s: s.kind
)
def test_every_name_of_every_subject_compiles(subject: type[Subject]) -> None:
    for name, known in vocabulary(subject).items():
        if known.by_name:
            compile_expression(f"'a' in {name}", [subject])
        else:
            compile_expression(f"has({name}) || {name} == {name}" if "." in name else f"{name} == {name}", [subject])
    assert {name.split(".", 1)[0] for name in vocabulary(subject)} >= set(ROOTS[subject])


def test_reviews_and_people_in_them() -> None:
    facts = {"reviews": Reviews((Review(BOT, Opinion.APPROVED, NOW, "a" * 40),))}
    assert evaluate("reviews.exists(r, r.person.is_bot && r.opinion == 'approved')", facts) is True


@given(st.text(max_size=60))
def test_no_text_does_anything_but_compile_or_be_refused(text: str) -> None:
    with suppress(ExpressionError):
        compile_expression(text, [PullRequest]).evaluate(document(pull_request(), {}, NOW))


@pytest.mark.parametrize("title", ["\0pay", "pay\ud800", "pa\0y", "päy\0"])
def test_no_character_of_a_text_is_lost(title: str) -> None:
    one = pull_request(title=title)
    assert evaluate(f"pr.title.size() == {len(title)} && pr.title.contains('?')", subject=one) is True


def test_a_document_serves_several_conditions() -> None:
    one = document(pull_request(REPOSITORY.branch("release/1")), {"files": files("a")}, NOW)
    for text in ("files.size() == 1", "branch.name == 'release/1'", "files.any_match('a')"):
        assert compile_expression(text, [PullRequest]).evaluate(one) is True
