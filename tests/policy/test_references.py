"""References to files of other repositories: what is understood, and what is refused in words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.subjects import Platform
from bot.policy.references import FORMS, Reference, parse_reference

SHA = "0123456789abcdef0123456789ABCDEF01234567"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (
            "github:acme/governance//policies/base.yml@v3",
            Reference(Platform.GITHUB, "acme/governance", "policies/base.yml", "v3"),
        ),
        ("github:acme/.github//base.yml", Reference(Platform.GITHUB, "acme/.github", "base.yml")),
        ("github:a-b_c/d.e//x y.yml@release/1.0", Reference(Platform.GITHUB, "a-b_c/d.e", "x y.yml", "release/1.0")),
        ("github:acme/g//p.yml@pkg@1.0.0", Reference(Platform.GITHUB, "acme/g", "p.yml", "pkg@1.0.0")),
        (f"github:acme/g//p.yml@{SHA}", Reference(Platform.GITHUB, "acme/g", "p.yml", SHA)),
        (
            "ado:acme/My Platform/governance//base.yml@main",
            Reference(Platform.AZURE_DEVOPS, "acme/My Platform/governance", "base.yml", "main"),
        ),
        ("ado:acme/Přehled/g//ü/ß.yml@v1", Reference(Platform.AZURE_DEVOPS, "acme/Přehled/g", "ü/ß.yml", "v1")),
    ],
)
def test_what_is_understood(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert parse_reference(str(reference)) == reference


def test_only_a_whole_hash_is_a_commit() -> None:
    assert parse_reference(f"github:a/b//c@{SHA}").commit == SHA.lower()
    for ref in (SHA[:39], SHA + "0", "v3", "g" * 40):
        assert parse_reference(f"github:a/b//c@{ref}").commit is None
    assert parse_reference("github:a/b//c").commit is None


def test_it_reads_as_it_was_written() -> None:
    for text in ("github:acme/governance//policies/base.yml@v3", "ado:acme/Platform/governance//base.yml"):
        assert str(parse_reference(text)) == text
    assert parse_reference("ado:acme/Platform/governance//base.yml").place == "ado:acme/Platform/governance"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a reference"),
        ("policies/base.yml", "is not a reference"),
        ("gitlab:acme/g//p.yml@v3", FORMS),
        ("github:acme/governance", "names no file"),
        ("github:acme/governance/policies/base.yml@v3", "names no file"),
        ("github:acme/governance//@v3", "names no file"),
        ("github:acme//p.yml@v3", "comes OWNER/REPO"),
        ("github:acme/a/b//p.yml@v3", "comes OWNER/REPO"),
        ("github:acme/..//p.yml@v3", "comes OWNER/REPO"),
        ("github:-acme/g//p.yml@v3", "comes OWNER/REPO"),
        ("github:acme/g?x=1//p.yml@v3", "comes OWNER/REPO"),
        ("ado:acme/governance//p.yml@v3", "comes ORG/PROJECT/REPO"),
        ("ado:acme/P/../g//p.yml@v3", "comes ORG/PROJECT/REPO"),
        ("ado:acme/../g//p.yml@v3", "comes ORG/PROJECT/REPO"),
        ("ado:acme.evil.example/P/g//p.yml@v3", "comes ORG/PROJECT/REPO"),
        ("ado:acme/ P/g//p.yml@v3", "comes ORG/PROJECT/REPO"),
        (f"ado:acme/{'P' * 257}/g//p.yml@v3", "comes ORG/PROJECT/REPO"),
        ("github:acme/g///p.yml@v3", "from the repository's root"),
        ("github:acme/g//../p.yml@v3", "from the repository's root"),
        ("github:acme/g//a/../../p.yml", "from the repository's root"),
        ("github:acme/g//a//p.yml@v3", "from the repository's root"),
        ("github:acme/g//a/@v3", "from the repository's root"),
        ("github:acme/g//policies/*.yml@v3", "one file, not a pattern"),
        ("github:acme/g//a\\b.yml@v3", "one file, not a pattern"),
        ("github:acme/g//p.yml@", "cannot be a version"),
        ("github:acme/g//p.yml@v3 ", "cannot be a version"),
        ("github:acme/g//p.yml@v3..v4", "cannot be a version"),
        ("github:acme/g//p.yml@main:other.yml", "cannot be a version"),
        ("github:acme/g//p.yml@main^{tree}", "cannot be a version"),
        ("github:acme/g//p.yml@main@{1}", "cannot be a version"),
        ("github:acme/g//p.yml@-x", "cannot be a version"),
        ("github:acme/g//p.yml@a.lock", "cannot be a version"),
        ("github:acme/g//p.yml@refs/tags/v3", "cannot be a version"),
        (f"github:acme/g//p.yml@{'v' * 251}", "cannot be a version"),
        ("github:acme/g//p.yml@v3\n", "cannot be seen"),
        ("github:acme/g//p\x00.yml@v3", "cannot be seen"),
        ("github:acme/g//p\u202e.yml@v3", "cannot be seen"),
        (f"github:acme/g//{'p' * 1000}@v3", "longer than"),
    ],
)
def test_what_is_refused_says_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as refused:
        parse_reference(text)
    message = str(refused.value)
    assert message.isprintable()
    assert len(message) < 1500


@given(
    st.text(max_size=60).map("github:acme/g//".__add__)
    | st.text(max_size=80)
    | st.text(max_size=40).map("ado:".__add__)
)
def test_any_text_is_a_reference_that_reads_back_or_is_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except ValueError as error:
        refusal = str(error)
        assert refusal.isprintable()
        return
    assert parse_reference(str(reference)) == reference
    assert ".." not in reference.path.split("/")
    assert not {"\n", "\r", "\0"} & set(str(reference))
