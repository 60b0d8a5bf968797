from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.model.findings import Evidence, Finding, Location
from bot.model.results import Gap, Outcome, Run, Verdict
from bot.report import markdown
from bot.report.sanitize import address
from tests.report import golden, runs
from tests.report.hostile import HOSTILE, texts
from tests.report.test_sanitize import AUTOLINK, MENTION, REFERENCE
from tests.report.test_terminal import hostile_run

COMMONMARK = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = {"<details>", "<summary>", "</summary>", "</details>", "<sub>", "</sub>"}
"""The only tags that the templates write."""
ADDRESSES = ("https://github.com/acme/",)


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    for token in COMMONMARK.parse(text):
        found += [token, *(token.children or ())]
    return found


def assert_inert(text: str, url: str = "") -> None:
    """No link, image, tag, mention, reference or command that is not ours; ``url`` was given as evidence's address."""
    assert "<!--" not in text
    assert "##vso" not in text
    assert not re.search(r"^\s*::", text, re.MULTILINE)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)
    for token in tokens(text):
        assert token.type != "image", token
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith(ADDRESSES) or address(url), token
        if token.type in ("html_inline", "html_block"):
            tags = re.findall(r"<[^>]*>?", token.content)
            assert set(tags) <= OURS, token
        if token.type == "text":
            assert not MENTION.search(token.content), token
            assert not REFERENCE.search(token.content), token
            assert not AUTOLINK.search(token.content), token
    # No fence or code block is opened: everything after it would be swallowed.
    assert not {token.type for token in tokens(text)} & {"fence", "code_block"}


REPORTS: dict[str, Callable[[Run], str]] = {
    "comment": markdown.comment,
    "check": markdown.check_summary,
    "report": markdown.report,
}


@pytest.mark.parametrize("name", [name for name in runs.ALL if name not in ("survey", "followed")])
@pytest.mark.parametrize("kind", REPORTS)
def test_as_it_was_looked_at(kind: str, name: str) -> None:
    said = REPORTS[kind](runs.ALL[name]())
    golden.check(f"{kind}-{name}.md", said)
    assert_inert(said)


@pytest.mark.parametrize("name", ["survey", "followed"])
def test_a_scan_as_it_was_looked_at(name: str) -> None:
    golden.check(f"report-{name}.md", markdown.report(runs.ALL[name]()))


@pytest.mark.parametrize("kind", REPORTS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert(kind: str, text: str) -> None:
    assert_inert(REPORTS[kind](hostile_run(text)), text)


@pytest.mark.parametrize("kind", REPORTS)
def test_any_text_is_inert(kind: str) -> None:
    @given(texts)
    @settings(max_examples=40, deadline=None)
    def holds(text: str) -> None:
        assert_inert(REPORTS[kind](hostile_run(text)), text)

    holds()


def test_headings_are_only_ours() -> None:
    said = tokens(markdown.comment(hostile_run("# heading\n\n## other")))
    headings = [said[i + 1].content for i, token in enumerate(said) if token.type == "heading_open"]
    assert headings == ["❌ Blocked", "What must be fixed", "Errors", "Not known"]


@pytest.mark.parametrize("text", ["x" * 100_000, "&" * 100_000, "`|<" * 40_000, "@" * 5_000, "\U0001f600" * 9_000])
def test_the_comment_keeps_its_limit(text: str) -> None:
    findings = tuple(
        Finding(text, text, tuple(Evidence(text, text, ok=False) for _ in range(13)), Location(text, n))
        for n in range(6)
    )
    results = [runs.result(f"r{n}", Outcome.FAIL, findings=findings, key=f"p/{text}{n}", title=text) for n in range(12)]
    others = [
        runs.result(f"q{n}", outcome, reason=f"{n}{text}", key=f"p/{n}{text}", title=text)
        for outcome in (Outcome.ERROR, Outcome.UNKNOWN, Outcome.PASS, Outcome.NOT_APPLICABLE)
        for n in range(30)
    ]
    run = runs.run(*results, *others, verdict=Verdict.BLOCKED, notices=(text,) * 100)
    run = replace(run, policies=tuple(replace(run.policies[0], name=text) for _ in range(100)))
    for said in (markdown.comment(run), markdown.check_summary(run)):
        assert len(said) <= markdown.COMMENT_LIMIT
        assert "shortened" in said
        assert "Blocked" in said or "must be fixed" in said
    assert len(markdown.report(run).encode()) <= markdown.REPORT_LIMIT


def test_nothing_is_shortened_without_need() -> None:
    said = markdown.comment(runs.blocked())
    assert "shortened" not in said
    assert "more finding" not in said


def test_what_it_tells() -> None:
    said = markdown.comment(runs.blocked())
    for piece in (
        "AB\\#NUMBER",
        "payments-team",
        "2027-01-15 09:30 UTC",
        "`1f1f1f1f1f1f`",
        "`2e2e2e2e2e2e`",
        "`abababababab`",
    ):
        assert piece in said
    assert said.index("What must be fixed") < said.index("What this waits for") < said.index("2 passing")
    assert said.count("The token may not read rulesets") == 1


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (
            "blocked",
            "Blocked: 1 of 7 blocking rules (requirement-link) must be fixed, and 1 other waits for people or checks.",
        ),
        ("waiting", "Waiting: 1 of 3 blocking rules (approvals) waits for people or checks."),
        ("passed", "Passed: 2 rules pass."),
        ("inconclusive", "Inconclusive: 1 of 3 blocking rules (branch-protected) could not be decided."),
        ("empty", "Empty: no policy entry selects this subject, so nothing was judged."),
    ],
)
def test_title(name: str, title: str) -> None:
    run = runs.ALL[name]()
    assert markdown.title(run) == title
    assert markdown.title(run).endswith(markdown.description(run))


def test_when_no_rule_applied_it_says_so() -> None:
    assert (
        markdown.title(runs.run(runs.INAPPLICABLE, verdict=Verdict.PASSED))
        == "Passed: no rule applied (1 rule was looked at)."
    )


def test_a_pass_beside_warnings_says_that_there_are_some() -> None:
    run = runs.run(*runs.PASSES, runs.PINNED, runs.LICENCE, verdict=Verdict.PASSED)
    assert markdown.title(run) == (
        "Passed: 2 rules pass, 1 finding does not block, 1 could not be decided and does not block."
    )


@given(texts)
def test_title_and_description_are_one_short_line(text: str) -> None:
    run = runs.run(*(runs.result(f"r{n}", Outcome.FAIL, key=f"p/{text}{n}") for n in range(5)), verdict=Verdict.BLOCKED)
    run = replace(run, gate=replace(run.gate, note=text))  # type: ignore[type-var]
    for said in (markdown.title(run), markdown.description(run)):
        assert len(said) <= 140
        assert "\n" not in said


def test_templates_are_sandboxed_and_strict() -> None:
    made = markdown.environment()
    with pytest.raises(SecurityError):
        made.from_string("{{ ''.__class__.__mro__ }}").render()
    with pytest.raises(UndefinedError):
        made.from_string("{{ nothing }}").render()
    assert made.from_string("{{ a }} {{ a ~ a }}").render(a="<b>*x*{{ 7 * 7 }}") == (
        "&lt;b&gt;\\*x\\*\\{\\{ 7 \\* 7 \\}\\} &lt;b&gt;\\*x\\*\\{\\{ 7 \\* 7 \\}\\}&lt;b&gt;\\*x\\*\\{\\{ 7 \\* 7 \\}\\}"
    )


def test_what_an_unknown_outcome_tells_is_not_told_again_as_a_gap() -> None:
    run = runs.survey()
    unknown = next(unknown for result in run.results for unknown in result.unknown)
    told = Gap("id", "acme/told", "some fact", unknown.kind, unknown.reason)
    untold = Gap("id", "acme/untold", "some fact", unknown.kind, "Nobody else says this.")
    text = markdown.report(replace(run, gaps=(told, untold)))
    assert "acme/untold" in text
    assert "acme/told" not in text
