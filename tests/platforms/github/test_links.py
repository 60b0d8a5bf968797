"""What a pull request is linked to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.engine.ports import PlatformError
from bot.model.facts import FactRequest, Unavailable, UnknownKind
from bot.model.facts.change import LinkedWorkItems, LinkForm, LinkSource, LinkSpec, WorkItemLink
from bot.model.subjects import Platform, WorkItem
from bot.platforms.github.reading import Connected

from .conftest import House, value

IT = "github:acme/payments#12"
ASKED = FactRequest(LinkedWorkItems, LinkSpec(frozenset({"PAY"})))


def links(house: House, request: FactRequest = ASKED, **options: object) -> dict[tuple[str, str], WorkItemLink]:
    found = value(house.provider(**options), IT, request).links
    return {(one.where.partition(" ")[0], one.text): one for one in found}


def item(number: int) -> WorkItem:
    return WorkItem(f"ado/{number}", f"AB#{number}", Platform.AZURE_DEVOPS, "", number=str(number), title="", type="Bug",
                    state="Active", is_closed=False)  # fmt: skip


def test_every_form(house: House) -> None:
    found = links(house)
    related = found["relation", "acme/payments#7"]
    assert (related.form, related.source) == (LinkForm.RELATION, LinkSource.GITHUB_ISSUES)
    closing = found["body", "Closes #7"]
    assert closing.form is LinkForm.KEYWORD
    assert closing.item is not None
    assert (closing.item.number, closing.item.type, closing.item.state) == ("7", "Bug", "open")
    assert closing.item.scope == "acme/payments"
    assert not closing.item.is_pull_request
    mention = found["body", "#8"]
    assert mention.form is LinkForm.MENTION
    assert mention.item is not None
    assert mention.item.is_closed
    assert mention.item.closed_at is not None
    assert found["body", "#4711"].missing
    hidden = found["body", "acme/hidden#1"]
    assert not hidden.missing
    assert "not there for this token" in hidden.unreadable
    jira = found["commit", "PAY-9"]
    assert jira.unchecked
    assert jira.source is LinkSource.JIRA
    assert not any("#99" in text for _, text in found)


def test_boards_need_a_connection(house: House) -> None:
    board = links(house)["body", "AB#45"]
    assert board.source is LinkSource.AZURE_BOARDS
    assert board.unreadable_kind is UnknownKind.SCOPE
    assert "connections" in board.unreadable


def test_boards_are_read_through_a_connection(house: House) -> None:
    asked: list[tuple[str, Sequence[int]]] = []

    def read(project: str, numbers: Sequence[int]) -> dict[int, WorkItem | Unavailable | None]:
        asked.append((project, numbers))
        return {45: item(45)}

    connection = (Connected("acme/*", "ado:acme/Payments"),)
    board = links(house, connections=connection, work_item_reader=read)["body", "AB#45"]
    assert asked == [("ado:acme/Payments", [45])]
    assert board.item == item(45)


@pytest.mark.parametrize(
    ("address", "read"),
    [
        ("https://dev.azure.com/acme/Payments/_workitems/edit/45", True),
        ("https://dev.azure.com/acme/_workitems/edit/45", True),
        ("https://dev.azure.com/acme/Other/_workitems/edit/45", False),
        ("https://dev.azure.com/evil/_workitems/edit/45", False),
        ("https://dev.azure.com/acme2/_workitems/edit/45", False),
    ],
)
def test_an_address_of_another_organisation_is_no_item_of_the_connection(build, address: str, read: bool) -> None:
    pull = {"number": 1, "author": "ana", "body": address}
    house = build({"repositories": [{"name": "app", "pull_requests": [pull]}]})
    connection = (Connected("acme/*", "ado:acme/Payments"),)
    provider = house.provider("sandbox-token", connections=connection, work_item_reader=lambda *_: {45: item(45)})
    (only,) = value(provider, "github:acme/app#1", LinkedWorkItems).links
    assert (only.item is not None, "needs a connection" in only.unreadable) == (read, not read)


def test_boards_that_fail_are_unreadable(house: House) -> None:
    def read(project: str, numbers: Sequence[int]) -> dict[int, WorkItem | Unavailable | None]:
        raise PlatformError("the server is away", UnknownKind.TRANSIENT)

    connection = (Connected("acme/*", "ado:acme/Payments"),)
    board = links(house, connections=connection, work_item_reader=read)["body", "AB#45"]
    assert (board.unreadable, board.unreadable_kind) == ("the server is away", UnknownKind.TRANSIENT)


def test_pull_requests_of_an_item_are_counted_when_asked(house: House) -> None:
    found = links(house, FactRequest(LinkedWorkItems, LinkSpec(count_pull_requests=True)))
    assert found["body", "Closes #7"].item.linked_pull_requests is not None  # type: ignore[union-attr]
    assert links(house)["body", "Closes #7"].item.linked_pull_requests is None  # type: ignore[union-attr]


def test_a_number_may_be_a_pull_request(build) -> None:
    house = build(
        {
            "repositories": [
                {"name": "app", "pull_requests": [
                    {"number": 1, "author": "ana", "body": "See #2"}, {"number": 2, "author": "ana"}]},
            ]
        }
    )  # fmt: skip
    found = value(house.provider("sandbox-token"), "github:acme/app#1", LinkedWorkItems).links
    assert found[0].item is not None
    assert found[0].item.is_pull_request


def test_a_text_full_of_mentions_is_not_read_to_the_end(build) -> None:
    body = " ".join(f"#{number}" for number in range(10, 200))
    house = build({"repositories": [{"name": "app", "pull_requests": [{"number": 1, "author": "ana", "body": body}]}]})
    provider = house.provider("sandbox-token")
    found = value(provider, "github:acme/app#1", LinkedWorkItems).links
    assert len(found) == 190
    assert sum(one.missing for one in found) == 50
    assert {one.unreadable_kind for one in found if one.unreadable} == {UnknownKind.TRUNCATED}
    assert provider.requests() < 60


def test_a_number_that_no_item_can_have_leads_nowhere_and_spoils_nothing(build) -> None:
    pull = {"number": 1, "author": "ana", "body": "Fixes #7. Call #5551234567 or acme/app#9999999999, not #2147483647."}
    house = build({"repositories": [{"name": "app", "pull_requests": [pull]}], "work_items": [{"id": 7}]})
    found = value(house.provider("sandbox-token"), "github:acme/app#1", LinkedWorkItems).links
    assert [(one.text, one.missing, one.unreadable) for one in found if one.form is not LinkForm.RELATION] == [
        ("Fixes #7", False, ""),
        ("#5551234567", True, ""),
        ("acme/app#9999999999", True, ""),
        ("#2147483647", True, ""),
    ]


def test_a_keyword_in_a_title_is_only_a_mention(build) -> None:
    """GitHub reads closing keywords in descriptions and commit messages alone."""
    pull = {
        "number": 1, "author": "ana", "title": "Fixes #7, closes acme/app#8, AB#9", "body": "Fixes #7",
        "pushes": [{"commits": [{"message": "Fixes #8", "files": {"a": "1"}}]}],
    }  # fmt: skip
    house = build({"repositories": [{"name": "app", "pull_requests": [pull]}], "work_items": [{"id": 7}, {"id": 8}]})
    found = value(house.provider("sandbox-token"), "github:acme/app#1", LinkedWorkItems).links
    assert [
        (one.where.partition(" ")[0], one.text, one.form) for one in found if one.form is not LinkForm.RELATION
    ] == [
        ("title", "Fixes #7", LinkForm.MENTION),
        ("title", "closes acme/app#8", LinkForm.REFERENCE),
        ("title", "AB#9", LinkForm.KEYWORD),
        ("body", "Fixes #7", LinkForm.KEYWORD),
        ("commit", "Fixes #8", LinkForm.KEYWORD),
    ]


def test_a_transferred_issue_is_found_by_its_old_number(build) -> None:
    house = build(
        {
            "repositories": [
                {"name": "app", "pull_requests": [{"number": 1, "author": "ana", "body": "Fixes #7, fixes #8"}]},
                {"name": "backlog"},
            ],
            "work_items": [
                {"id": 70, "repository": "backlog", "transferred_from": ["acme/app#7"], "title": "Limit"},
            ],
        }
    )  # fmt: skip
    first, second = value(house.provider("sandbox-token"), "github:acme/app#1", LinkedWorkItems).links
    assert first.item is not None
    assert (first.item.name, first.item.scope, first.item.number) == ("acme/backlog#70", "acme/backlog", "70")
    assert second.missing


def test_the_number_of_a_discussion_names_no_item(build) -> None:
    scenario = {
        "tokens": {"all": {}, "some": {"github": {"metadata": "read", "contents": "read", "pull_requests": "read",
                                                  "issues": "read"}}},
        "repositories": [
            {"name": "app", "discussions": [7], "pull_requests": [{"number": 1, "author": "ana", "body": "See #7 and #9"}]},
            {"name": "quiet", "pull_requests": [{"number": 1, "author": "ana", "body": "See #7"}]},
        ],
    }  # fmt: skip
    house = build(scenario)
    (only,) = value(house.provider("all"), "github:acme/app#1", LinkedWorkItems).links
    assert (only.text, only.missing) == ("#9", True)
    hidden, _ = value(house.provider("some"), "github:acme/app#1", LinkedWorkItems).links
    assert not hidden.missing
    assert (hidden.unreadable_kind, "discussions: read" in hidden.unreadable) == (UnknownKind.SCOPE, True)
    (wrong,) = value(house.provider("some"), "github:acme/quiet#1", LinkedWorkItems).links
    assert wrong.missing, "without discussions a number that is no issue's is nobody's"
