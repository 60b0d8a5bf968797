"""Which of a commit's tags is its release's."""

from __future__ import annotations

from typing import Any

import pytest

from bot.engine.ports import PlatformError
from bot.engine.targets import parse
from bot.model.facts import UnknownKind
from bot.platforms.github import tags
from bot.platforms.github.query import Found, Piece

from .conftest import House

TARGET = parse("github:acme/payments@v1.1.0")
NAMES = ["v1.1.0.1", "v1.1.0"]


def chosen(house: House, monkeypatch: pytest.MonkeyPatch, **answer: Any) -> str:
    client = house.provider().client
    monkeypatch.setattr(tags, "ask", lambda _client, _pieces: [Found(client, Piece((), ""), **answer)])
    return tags._released(client, "acme/payments", TARGET, NAMES)


def test_a_draft_is_not_published(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    draft, published = {"isDraft": True}, {"isDraft": False}
    assert chosen(house, monkeypatch, node={"r0_": draft, "r1_": published}) == "v1.1.0"
    assert chosen(house, monkeypatch, node={"r0_": published, "r1_": published}) == "v1.1.0.1"
    assert chosen(house, monkeypatch, node={"r0_": None, "r1_": None}) == "v1.1.0.1"


def test_what_cannot_be_read_is_not_guessed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = PlatformError("GitHub could not answer", UnknownKind.TRANSIENT)
    with pytest.raises(PlatformError, match="could not answer"):
        chosen(house, monkeypatch, node=None, failure=failure)
