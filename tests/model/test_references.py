"""What counts as a reference in a title, a body or a commit message."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.facts.change import LinkForm, LinkSource
from bot.model.references import Reference, find_references

GITHUB, BOARDS, JIRA = LinkSource.GITHUB_ISSUES, LinkSource.AZURE_BOARDS, LinkSource.JIRA
KEYWORD, REFERENCE, MENTION, KEY = LinkForm.KEYWORD, LinkForm.REFERENCE, LinkForm.MENTION, LinkForm.KEY
PAY = frozenset({"PAY"})
CLOSING = ("close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved")


def summary(text: str) -> list[tuple[LinkSource, LinkForm, str]]:
    return [(found.source, found.form, found.number) for found in find_references(text, jira_projects=PAY)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AB#12", [(BOARDS, KEYWORD, "12")]),
        ("feat: pay (AB#12, AB#13)", [(BOARDS, KEYWORD, "12"), (BOARDS, KEYWORD, "13")]),
        ("Fixes AB#12", [(BOARDS, KEYWORD, "12")]),
        ("fixes #3", [(GITHUB, KEYWORD, "3")]),
        ("FIXED: #3", [(GITHUB, KEYWORD, "3")]),
        ("closes:#3", [(GITHUB, KEYWORD, "3")]),
        ("Resolves GH-3", [(GITHUB, KEYWORD, "3")]),
        ("Closes #1, #2", [(GITHUB, KEYWORD, "1"), (GITHUB, MENTION, "2")]),
        ("prefixes #3", [(GITHUB, MENTION, "3")]),
        ("fixes nothing, see #3", [(GITHUB, MENTION, "3")]),
        ("see (#3).", [(GITHUB, MENTION, "3")]),
        ("acme/payments#7", [(GITHUB, REFERENCE, "7")]),
        ("Closes acme/payments#7", [(GITHUB, KEYWORD, "7")]),
        ("https://github.com/acme/payments/issues/7", [(GITHUB, REFERENCE, "7")]),
        ("[it](https://github.com/acme/payments/issues/7#issuecomment-1)", [(GITHUB, REFERENCE, "7")]),
        ("resolves: https://github.com/acme/payments/issues/7.", [(GITHUB, KEYWORD, "7")]),
        ("https://dev.azure.com/acme/Payments/_workitems/edit/9", [(BOARDS, REFERENCE, "9")]),
        ("https://dev.azure.com/acme/Payments/_workitems?id=9&_a=edit", [(BOARDS, REFERENCE, "9")]),
        ("https://dev.azure.com/acme/P/_boards/board/t/T/Stories/?workitem=9", [(BOARDS, REFERENCE, "9")]),
        ("PAY-12: limit", [(JIRA, KEY, "PAY-12")]),
        ("[PAY-12]", [(JIRA, KEY, "PAY-12")]),
        ("Fixes PAY-12", [(JIRA, KEY, "PAY-12")]),
        ("https://acme.atlassian.net/browse/PAY-12", [(JIRA, KEY, "PAY-12")]),
        ("https://acme.atlassian.net/jira/software/c/projects/PAY/issues/PAY-12", [(JIRA, KEY, "PAY-12")]),
        (
            "https://acme.atlassian.net/jira/software/projects/PAY/boards/1?selectedIssue=PAY-12",
            [(JIRA, KEY, "PAY-12")],
        ),
        ("feature/PAY-12-limit", [(JIRA, KEY, "PAY-12")]),
        *((f"{word} #3", [(GITHUB, KEYWORD, "3")]) for word in CLOSING),
        *((f"{word.upper()}:  acme/app#3", [(GITHUB, KEYWORD, "3")]) for word in CLOSING),
        (
            "Closes #1, fixes #2 and resolves GH-3",
            [(GITHUB, KEYWORD, "1"), (GITHUB, KEYWORD, "2"), (GITHUB, KEYWORD, "3")],
        ),
        ("https://acme.visualstudio.com/Pay/_boards/board/t/T/Stories?workitem=9", [(BOARDS, REFERENCE, "9")]),
        ("https://dev.azure.com/acme/Pay/_sprints/taskboard/T/Pay/S%201?workitem=9", [(BOARDS, REFERENCE, "9")]),
        # Not references at all.
        ("https://github.com/acme/payments/pull/7", []),
        ("https://github.com/acme/payments/discussions/7", []),
        ("https://github.com/acme/payments/tree/feature/PAY-12", []),
        # An address that would have something else asked for than an issue.
        ("https://github.com/acme/payments%2Fpulls%2F7%3F/issues/3", []),
        ("https://github.com/acme/x%2F..%2F..%2Fevil%2Fx%2Fmilestones%2F1%3F/issues/3", []),
        ("https://github.com/..%2F..%2Fuser%23/x/issues/3", []),
        ("https://github.com/acme/x%22%29%7Bid%7D/issues/3", []),
        ("https://github.com/acme/%2E%2E/issues/3", []),
        ("acme/..#3 acme/.#3", []),
        ("https://acme.atlassian.net/browse/OPS-12", []),
        ("https://acme.atlassian.net/jira/software/projects/PAY/boards/1?selectedIssue=12", []),
        ("Fixes\n3, closing #x, fixing#3x", []),
        ("https://github.com/acme/payments/issues", []),
        ("https://dev.azure.com/acme/Payments/_workitems/recentlyupdated", []),
        ("UTF-8, XPAY-12, REPAY-12, PAY-0, pay-12, PAY-12x", []),
        ("issue#3 &#39; \\#3 #3px #0 #-1 ##3", []),
        ("AB#0 XAB#12 AB#12a AB# 12", []),
        ("https://example.org/page#12", []),
        ("#１２", []),
        # Not said by the writer.
        ("`AB#12`", []),
        ("``a ` AB#12``", []),
        ("`over\ntwo AB#12 lines`", []),
        ("```\nAB#12\n```", []),
        ("~~~ text\nAB#12\n```\nAB#13\n~~~~", []),
        ("```\nAB#12", []),
        ("- item\n    ```\n    AB#12\n    ```", []),
        ("<!-- AB#12\n\nAB#13 --> ", []),
        ("<!-- AB#12", []),
        ("<!-- ``` -->\nAB#12", [(BOARDS, KEYWORD, "12")]),
        ("> AB#12\n  > Fixes #3", []),
        ("Fixes `the limit` #3", [(GITHUB, MENTION, "3")]),
        # And said after all.
        ("```\ncode\n```\nAB#12", [(BOARDS, KEYWORD, "12")]),
        ("> quoted\n\nAB#12", [(BOARDS, KEYWORD, "12")]),
        ("a lone ` tick\n\nAB#12 and another ` tick", [(BOARDS, KEYWORD, "12")]),
        ("- a lone ` tick\n- AB#12 `", [(BOARDS, KEYWORD, "12")]),
        ("`code` AB#12 `code`", [(BOARDS, KEYWORD, "12")]),
        ("`<!--` AB#12", [(BOARDS, KEYWORD, "12")]),
        ("a lone ` tick\r\n\r\nAB#12 `", [(BOARDS, KEYWORD, "12")]),
        ("a > b, AB#12", [(BOARDS, KEYWORD, "12")]),
        ("```inline``` AB#12", [(BOARDS, KEYWORD, "12")]),
    ],
)
def test_what_is_found(text: str, expected: list[tuple[LinkSource, LinkForm, str]]) -> None:
    assert summary(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Closes acme/pay.ments#7",
            Reference(GITHUB, KEYWORD, "Closes acme/pay.ments#7", "7", owner="acme", repository="pay.ments"),
        ),
        (
            "see https://GitHub.example/acme/pay/issues/7, please",
            Reference(
                GITHUB,
                REFERENCE,
                "https://GitHub.example/acme/pay/issues/7",
                "7",
                owner="acme",
                repository="pay",
                host="github.example",
            ),
        ),
        (
            "https://dev.azure.com/acme/My%20Project/_workitems/edit/9/",
            Reference(
                BOARDS,
                REFERENCE,
                "https://dev.azure.com/acme/My%20Project/_workitems/edit/9/",
                "9",
                organization="acme",
                project="My Project",
                host="dev.azure.com",
            ),
        ),
        (
            "https://acme.visualstudio.com/DefaultCollection/Pay/_workitems/edit/9",
            Reference(
                BOARDS,
                REFERENCE,
                "https://acme.visualstudio.com/DefaultCollection/Pay/_workitems/edit/9",
                "9",
                organization="acme",
                project="Pay",
                host="acme.visualstudio.com",
            ),
        ),
        (
            "https://tfs.acme.example/tfs/Main/Pay/_workitems/edit/9",
            Reference(
                BOARDS,
                REFERENCE,
                "https://tfs.acme.example/tfs/Main/Pay/_workitems/edit/9",
                "9",
                organization="Main",
                project="Pay",
                host="tfs.acme.example",
            ),
        ),
        (
            "https://dev.azure.com/acme/_workitems/edit/9",
            Reference(
                BOARDS,
                REFERENCE,
                "https://dev.azure.com/acme/_workitems/edit/9",
                "9",
                organization="acme",
                host="dev.azure.com",
            ),
        ),
        ("PAY-7", Reference(JIRA, KEY, "PAY-7", "PAY-7", project="PAY")),
    ],
)
def test_where_it_points(text: str, expected: Reference) -> None:
    assert find_references(text, jira_projects=PAY) == [expected]


def test_jira_keys_only_of_the_given_projects() -> None:
    assert find_references("PAY-1 OPS-2 UTF-8", jira_projects=frozenset({"OPS"})) == [
        Reference(JIRA, KEY, "OPS-2", "OPS-2", project="OPS")
    ]
    assert find_references("PAY-1") == []


def test_each_is_told_once() -> None:
    assert len(find_references("AB#12 AB#12 AB#12")) == 1


HOSTILE = {
    "backticks": "`" * 60_000,
    "lone backticks": "` " * 30_000,
    "backticks of every length": "".join("`" * n + " " for n in range(1, 345)),
    "comments": "<!--" * 15_000,
    "fences": "```\n" * 15_000,
    "unclosed spans": "a`\n" * 20_000,
    "quotes": ">" * 60_000,
    "slashes": "a/" * 30_000,
    "owners": "a" * 60_000,
    "hashes": "#" * 60_000,
    "keywords": "fixes " * 10_000,
    "keyword and blanks": ("fixes" + " " * 95) * 600,
    "addresses": "https://" * 7_500,
    "pages": "https://a/" + "/_workitems" * 5_400,
    "queries": "https://a/_workitems?" + "id=x&" * 11_900,
    "newlines": "\n" * 60_000,
    "blanks": " " * 60_000,
    "tabs before text": "\t" * 59_999 + "x",
    "keys": "PAY-" * 15_000,
    "definitions": "[a]: b 'c\n" * 6_500,
    "labels": "[" * 60_000,
    "long labels": ("[" + "a" * 990 + "\n") * 60,
    "titles": '[a]: b\n"' * 6_500,
    "tags": "<code>" * 10_000,
    "tags that close": "<pre>" * 6_000 + "</pre>" * 5_000,
    "unclosed tags": "<pre " * 12_000,
    "markers": "- " * 30_000,
    "nested lists": "\n".join(" " * depth + "- a" for depth in range(340)),
    "quotes with fences": "> ```\n" * 10_000,
    "escapes": "\\`" * 30_000,
    "returns": "\r" * 60_000,
    "references": " ".join(f"AB#{n}" for n in range(1, 7_000)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_linear_time(text: str) -> None:
    """A pattern that is retried over the rest of the text needs minutes for these; the bound is generous on purpose."""
    started = time.perf_counter()
    find_references(text, jira_projects=PAY)
    assert time.perf_counter() - started < 2


PIECES = [*"`~<!->#/ABaf12 \n.:\\", "https://", "fixes ", "PAY-", "AB#", "\u0661"]
markdown = st.lists(st.sampled_from(PIECES)).map("".join)


@given(markdown)
def test_any_text_is_read(text: str) -> None:
    for found in find_references(text, jira_projects=PAY):
        assert found.text in text
        assert found.number.removeprefix("PAY-").isascii()


@given(st.text())
def test_any_unicode_is_read(text: str) -> None:
    find_references(text + " https://" + text, jira_projects=PAY)


@given(markdown)
def test_nothing_in_a_fence_is_found(text: str) -> None:
    assert find_references("`" * 60 + "\n" + text, jira_projects=PAY) == []


@given(markdown)
def test_nothing_quoted_is_found(text: str) -> None:
    assert find_references("\n".join("> " + line for line in text.split("\n"))) == []


@given(markdown)
def test_a_reference_before_any_text_is_found(text: str) -> None:
    assert summary("AB#77\n\n" + text)[0] == (BOARDS, KEYWORD, "77")


def test_a_fence_that_opens_on_the_line_of_a_list_holds_code() -> None:
    assert [found.text for found in find_references("1. ```\n   Fixes #7\n   ```\n\nFixes #8")] == ["Fixes #8"]
    assert [found.text for found in find_references("- a\n- ```sh\n  Fixes #7\n  ```\nFixes #8")] == ["Fixes #8"]
