from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.engine.past import as_of
from bot.model.facts import Fact, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import (
    Comment,
    Comments,
    LinkedWorkItems,
    LinkForm,
    LinkSource,
    Opinion,
    Review,
    ReviewerPermissions,
    Reviews,
    WorkItemLink,
)
from bot.model.people import Person
from bot.model.rehearsal import Merged
from bot.model.subjects import Platform, PullRequest, WorkItem
from bot.policy.sample import sample
from tests.engine.memory_provider import NOW

BO = Person("github.com/user/2", "bo")


def merged(**more: object) -> Merged:
    subject = sample(PullRequest).subject
    assert isinstance(subject, PullRequest)
    return Merged(replace(subject, platform=Platform.GITHUB), NOW, **more)  # type: ignore[arg-type]


def told(value: Fact, one: Merged, *, assume_today: bool = False) -> Fact | Unavailable | NotSupported:
    answer = as_of(Loaded(value, "", NOW), type(value), one, assume_today=assume_today)
    return answer.value if isinstance(answer, Loaded) else answer


def test_a_review_without_a_time_makes_them_unknown_unless_today_is_assumed() -> None:
    undated = Reviews((Review(BO, Opinion.APPROVED, None, None),))
    answer = told(undated, merged())
    assert isinstance(answer, Unavailable)
    assert "when bo voted is not told" in answer.reason
    assert told(undated, merged(), assume_today=True) == undated


def test_comments_of_later_are_left_out() -> None:
    said = [Comment(BO, NOW + timedelta(days=day), "yes") for day in (-1, 0, 1)]
    assert told(Comments(tuple(said)), merged()) == Comments(tuple(said[:2]))


def test_what_only_today_tells_is_unknown_and_what_the_platform_lacks_stays_so() -> None:
    levels = ReviewerPermissions({})
    answer = told(levels, merged())
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.UNREADABLE
    assert told(levels, merged(), assume_today=True) == levels
    absent = NotSupported("there is none")
    assert as_of(absent, ReviewerPermissions, merged(), assume_today=False) is absent


def item(platform: Platform = Platform.GITHUB, **more: object) -> WorkItem:
    made = WorkItem(
        "h/work_item/7", "acme/pay#7", platform, "", number="7", title="", type=None, state="closed", is_closed=True
    )
    return replace(made, **more)  # type: ignore[arg-type]


def link(to: WorkItem | None, where: str = "title") -> WorkItemLink:
    return WorkItemLink(LinkSource.GITHUB_ISSUES, LinkForm.KEYWORD, "#7", where, to)


def only(links: LinkedWorkItems, one: Merged, *, assume_today: bool = False) -> WorkItemLink:
    found = told(links, one, assume_today=assume_today)
    assert isinstance(found, LinkedWorkItems)
    return found.links[0]


def test_an_issue_that_the_merge_closed_was_open_and_one_made_later_was_not_there() -> None:
    closed = only(LinkedWorkItems((link(item(closed_at=NOW)),)), merged()).item
    assert closed is not None
    assert (closed.state, closed.is_closed, closed.closed_at) == ("open", False, None)
    before = item(closed_at=NOW - timedelta(seconds=1))
    assert only(LinkedWorkItems((link(before),)), merged()).item == before
    assert only(LinkedWorkItems((link(item(created_at=NOW + timedelta(seconds=1))),)), merged()).missing


def test_an_item_of_another_host_is_not_told() -> None:
    links = LinkedWorkItems((link(item(Platform.AZURE_DEVOPS)),))
    assert "not told here" in only(links, merged()).unreadable
    assert only(links, merged(), assume_today=True).item is not None


def test_of_a_lost_description_every_tracker_is_unknown_and_its_relations_too() -> None:
    lost = merged(changed={"body": "it was edited"})
    links = LinkedWorkItems((link(item(), "body"), link(item(), "relation"), link(item(), "title")))
    found = told(links, lost, assume_today=True)
    assert isinstance(found, LinkedWorkItems)
    assert [each.where for each in found.links if not each.unreadable] == ["title"]
    assert {each.source for each in found.links if each.unreadable} == set(LinkSource)
