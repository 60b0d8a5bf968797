from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.targets import Target, TargetError, parse
from bot.model.subjects import Platform

GITHUB, AZURE = Platform.GITHUB, Platform.AZURE_DEVOPS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("github:acme", Target("", GITHUB, "acme")),
        ("github:acme/payments", Target("", GITHUB, "acme", repository="payments")),
        ("github:acme/payments#12", Target("", GITHUB, "acme", repository="payments", pull_request=12)),
        ("github:acme/pay.ments@v1.2.3", Target("", GITHUB, "acme", repository="pay.ments", release="v1.2.3")),
        ("github:acme/payments@release/2", Target("", GITHUB, "acme", repository="payments", release="release/2")),
        ("ado:acme", Target("", AZURE, "acme")),
        ("ado:acme/My Project", Target("", AZURE, "acme", "My Project")),
        ("ado:acme/Payments/payments", Target("", AZURE, "acme", "Payments", "payments")),
        ("ado:acme/Payments/payments!12", Target("", AZURE, "acme", "Payments", "payments", 12)),
        (
            "ado:acme/Payments/payments@20261101.1",
            Target("", AZURE, "acme", "Payments", "payments", release="20261101.1"),
        ),
        ("ado:acme/Payments#45", Target("", AZURE, "acme", "Payments", work_item=45)),
        ("https://github.com/acme/payments/pull/12/files", Target("", GITHUB, "acme", None, "payments", 12)),
        ("https://github.com/acme/payments.git", Target("", GITHUB, "acme", repository="payments")),
        (
            "https://ghe.example/acme/payments/releases/tag/v1",
            Target("", GITHUB, "acme", None, "payments", release="v1"),
        ),
        (
            "https://dev.azure.com/acme/My%20Project/_git/pay/pullrequest/7",
            Target("", AZURE, "acme", "My Project", "pay", 7),
        ),
        ("https://acme.visualstudio.com/Pay/_git/pay", Target("", AZURE, "acme", "Pay", "pay")),
        ("https://dev.azure.com/acme/Pay/_workitems/edit/45", Target("", AZURE, "acme", "Pay", work_item=45)),
        (".", Target("", Platform.LOCAL, path=".")),
        ("C:/work", Target("", Platform.LOCAL, path="C:/work")),
    ],
)
def test_every_form(text: str, expected: Target) -> None:
    parsed = parse(text)
    assert parsed.text == text
    for field in ("platform", "organization", "project", "repository", "pull_request", "work_item", "release", "path"):
        assert getattr(parsed, field) == getattr(expected, field), field


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("github:", "after 'github:'"),
        ("github:acme/payments#x", "after 'github:'"),
        ("github:acme/payments!12", "after 'github:'"),
        ("ado:acme/Pay/pay#12", "after 'ado:'"),
        ("gitlab:acme", "no platform 'gitlab'"),
        ("https://github.com/acme/payments/wiki", "names nothing that can be judged"),
        ("https://github.com/", "names nothing that can be judged"),
    ],
)
def test_what_cannot_be_understood_is_said(text: str, words: str) -> None:
    with pytest.raises(TargetError, match=re.escape(words)):
        parse(text)


def test_an_environment_narrows() -> None:
    assert parse("github:acme/payments@v1", "production").environment == "production"


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_an_error(text: str) -> None:
    try:
        assert parse(text).text == text.strip()
    except TargetError:
        pass
