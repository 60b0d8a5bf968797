"""A view of facts at a moment: a merged pull request as it stood when it was merged.

What came later is left out, and undone where the platform tells how it was. What only the present can tell (who may do what,
who is in a team, what is set) is unknown, or taken from today by whoever says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.engine.ports import Known
from bot.model.facts import Answer, Fact, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.change import (
    ChangedFiles,
    Checks,
    Comments,
    Commits,
    FormerCommits,
    LinkedWorkItems,
    LinkForm,
    LinkSource,
    Pushes,
    Reviews,
    WorkItemLink,
)
from bot.model.rehearsal import Merged
from bot.model.subjects import Platform, Subject, WorkItem

OF_THE_CHANGE: frozenset[type[Fact]] = frozenset({ChangedFiles, Commits, FormerCommits})
"""What belongs to the head and its base: git keeps it as it was."""

TEXTS = ("title", "body")
"""The fields of a pull request that links may stand in."""
NAMES = {"title": "title", "body": "description"}


class Past:
    """A source of facts about one merged pull request, as of its merge, from what was loaded of the present."""

    def __init__(self, merged: Merged, present: Known, platform: Platform, *, assume_today: bool) -> None:
        self.platform = platform
        self._merged = merged
        self._present = present
        self._assume_today = assume_today

    def dependencies(self, request: FactRequest) -> tuple[FactRequest, ...]:
        """None: everything is loaded already."""
        del request
        return ()

    def load(
        self, needs: Mapping[FactRequest, Sequence[Subject]], known: Known
    ) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        """Each fact as of the merge."""
        del known
        for request, subjects in needs.items():
            for subject in subjects:
                answer = self._present.answer(request.type, subject)
                if answer is None:
                    answer = Unavailable(UnknownKind.TRANSIENT, f"{request.type.name} of {subject.name} was not read")
                yield request, subject, as_of(answer, request.type, self._merged, assume_today=self._assume_today)


def as_of(answer: Answer, kind: type[Fact], merged: Merged, *, assume_today: bool) -> Answer:
    """A fact as of a merge. What could not be read now, and what the platform does not have, stays as it is."""
    if not isinstance(answer, Loaded):
        return answer
    value: Fact = answer.value
    match value:
        case Reviews():
            return _reviews(answer, value, merged, assume_today=assume_today)
        case Pushes():
            pushes = tuple(push for push in value.pushes if push.at is None or push.at <= merged.at)
            return replace(answer, value=Pushes(pushes))
        case Comments():
            said = tuple(one for one in value.comments if one.at is not None and one.at <= merged.at)
            return replace(answer, value=Comments(said))
        case Checks():
            checks = tuple(check for check in value.checks if check.at is None or check.at <= merged.at)
            return replace(answer, value=Checks(checks))
        case LinkedWorkItems():
            return replace(answer, value=_links(value, merged, assume_today=assume_today))
        case _ if assume_today or kind in OF_THE_CHANGE:
            return answer
        case _:
            name = kind.name.replace("_", " ")
            reason = (
                f"what it said at the merge on {merged.at:%Y-%m-%d} is not told: {name} can be read as of today alone"
            )
            return Unavailable(UnknownKind.UNREADABLE, reason, answer.url)


def _reviews(answer: Loaded[Fact], value: Reviews, merged: Merged, *, assume_today: bool) -> Answer:
    """The reviews that there were. One without a time may have come later."""
    if not assume_today and (undated := [review for review in value.reviews if review.at is None]):
        who = ", ".join(sorted({str(review.person) for review in undated}))
        reason = f"when {who} voted is not told, so it may have been after the merge"
        return Unavailable(UnknownKind.UNREADABLE, reason, answer.url)
    given = tuple(review for review in value.reviews if review.at is None or review.at <= merged.at)
    return replace(answer, value=replace(value, reviews=given))


def _links(value: LinkedWorkItems, merged: Merged, *, assume_today: bool) -> LinkedWorkItems:
    """Links as they were; of a text that is not known, that it may have held any."""
    unknown = merged.unknown(assume_today=assume_today)
    lost = {name for name in TEXTS if name in unknown}
    is_github = merged.subject.platform is Platform.GITHUB
    if "body" in lost and is_github:
        lost.add("relation")  # closing keywords in the description make relations
    links = [_link(link, merged, assume_today=assume_today) for link in value.links if link.where not in lost]
    # Whichever trackers an entry takes links to: the lost text may have held one to each.
    links += [
        WorkItemLink(
            source,
            LinkForm.KEYWORD,
            f"what the {NAMES[name]} linked",
            name,
            unreadable=unknown[name],
            unreadable_kind=UnknownKind.UNREADABLE,
        )
        for name in TEXTS
        if name in unknown
        for source in LinkSource
    ]
    return LinkedWorkItems(tuple(links))


def _link(link: WorkItemLink, merged: Merged, *, assume_today: bool) -> WorkItemLink:
    """A link, and its item as it was: to what did not exist yet it led nowhere."""
    item = link.item
    if item is None:
        return link
    if item.created_at is not None and item.created_at > merged.at:
        return replace(link, item=None, missing=True)
    if item.platform is not merged.subject.platform and not assume_today:
        why = f"how it stood on {merged.at:%Y-%m-%d} is not told here"
        return replace(link, item=None, unreadable=why, unreadable_kind=UnknownKind.UNREADABLE)
    return replace(link, item=_item(item, merged.at))


def _item(item: WorkItem, at: datetime) -> WorkItem:
    """An issue that the merge closed, or that was closed later, was open."""
    if item.platform is Platform.GITHUB and item.is_closed and item.closed_at is not None and item.closed_at >= at:
        return replace(item, state="open", is_closed=False, closed_at=None)
    return item
