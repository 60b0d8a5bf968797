from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import pytest
from pydantic import Field

from bot.model.facts import Fact, NotSupported, Unavailable
from bot.model.findings import Severity, Statement
from bot.model.readings import ApiRequest, FactReading, Per
from bot.model.subjects import Branch, Platform, PullRequest
from bot.platforms.readings import READINGS
from bot.report import rule_page
from bot.rules import Rule, RuleParams, Tighter
from bot.rules.declaration import Rule as Declared
from bot.rules.declaration import _docstring, _variant
from bot.rules.registry import rules
from tests.report import golden


class Colours(Fact):
    """The colours of a change | branch."""

    name = "colours"
    subject = PullRequest


class Paint(Fact):
    """What was bought."""

    name = "paint"
    subject = PullRequest


SAID = {
    Platform.GITHUB: {
        Colours: FactReading(
            (
                ApiRequest("repository.pullRequest.colours", ("colours: read", "paint: read"), Per.QUERY),
                ApiRequest("GET /colours/{name}", ("light: read",), Per.COMMIT, "where one is dull"),
                ApiRequest("GET /shades", ("light: read",), Per.COMMIT, "where there are any", "none is told"),
                ApiRequest("GET /tints", ("tints: read",), Per.COMMIT, without="no tint is told"),
            ),
            after=(Paint,),
        ),
        Paint: FactReading(
            (
                ApiRequest("GET /paint", ("paint: read",), Per.REPOSITORY, "of few", either=True),
                ApiRequest("GET /paints", ("paint: read", "list: read"), Per.PROJECT, "of many", either=True),
            )
        ),
    },
    Platform.AZURE_DEVOPS: {Colours: FactReading(absent="it is grey")},
}


class Shades(RuleParams):
    """Shades."""

    dark: Annotated[bool, Tighter.TRUE] = False
    """Whether dark ones count."""


class Params(RuleParams):
    """Parameters."""

    minimum: Annotated[int, Tighter.MORE] = Field(default=1, ge=0, le=9)
    """How many, of ``red`` | blue."""
    names: Annotated[frozenset[str], Tighter.SUBSET] = frozenset({"red", "blue", "green", "amber"})
    """Which."""
    owner: str
    """Whose."""
    limit: int | None = None
    """At most."""
    shades: Annotated[Shades, Tighter.NEVER] = Shades()
    """Shades."""


def colourful(pr: PullRequest, colours: Colours | Unavailable | NotSupported, params: Params) -> Iterator[Statement]:
    """The change has ``minimum`` colours.

    More about it.

    Why:
        Grey is dull.

    Evidence:
        The colours.

    How to fix:
        Paint.

    Example:
        - rule: colourful
          with: {minimum: 2}
    """
    yield from ()


def colourful_branch(branch: Branch, params: Params) -> Iterator[Statement]:
    """The branch has colours."""
    yield from ()


@pytest.fixture
def rule() -> Rule:
    # Put together by hand: a declared rule would stay in the registry of this process.
    what, sections = _docstring(colourful, "colourful")
    return Declared(
        id="colourful",
        severity=Severity.LOW,
        params=Params,
        controls=("SOC2:CC8.1",),
        title=what.split("\n", 1)[0],
        what=what,
        sections=sections,
        module="bot.rules.paint.colourful",
        aliases=("coloured",),
        variants={PullRequest: _variant(colourful, Params), Branch: _variant(colourful_branch, Params)},
    )


def test_as_it_was_looked_at(rule: Rule) -> None:
    golden.check("rule-colourful.md", rule_page.page(rule, SAID))


def test_the_index(rule: Rule) -> None:
    said = rule_page.index([rule], SAID)
    assert "| [colourful](colourful.md) | branch, pull request | low | The change has `minimum` colours. |" in said


def test_sets_are_sorted_whatever_their_hashes(rule: Rule) -> None:
    assert '`["amber", "blue", "green", "red"]`' in rule_page.page(rule, SAID)


@pytest.mark.parametrize("each", rules().values(), ids=lambda each: each.id)
def test_every_rule_has_a_page(each: Rule) -> None:
    said = rule_page.page(each, READINGS)
    for heading in ("Why", "Evidence", "How to fix", "Example", "Parameters", "Facts"):
        assert f"\n## {heading}\n" in said
    assert "``" not in re.sub(r"^```.*$", "", said, flags=re.MULTILINE)
    assert "\n## Requests and permissions\n" in said
    rows = [line for line in said.partition("\n## Facts")[0].splitlines() if line.startswith("| `")]
    assert all(len(re.split(r"(?<!\\)\|", row)) == 7 for row in rows), rows
    for name, parameter in each.params.model_fields.items():
        assert f"`{parameter.alias or name}" in said


def test_the_index_lists_every_rule() -> None:
    said = rule_page.index(rules().values(), READINGS)
    assert all(f"]({name}.md)" in said for name in rules())
