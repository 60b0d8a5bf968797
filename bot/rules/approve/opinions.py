"""What each person thinks of a change: their newest word for or against it, be it a review, a vote or a comment."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import re2

from bot.model.facts.change import Comments, Opinion, Review, Reviews
from bot.model.prose import said_by_the_writer

_EVER = datetime.min.replace(tzinfo=UTC)


@lru_cache(maxsize=64)
def compiled(pattern: str) -> re2._Regexp:
    """The pattern of an approving comment. Raises ``re2.error`` where it is none."""
    options = re2.Options()
    options.log_errors = False  # The mistake is told with its place; the library would write it to stderr as well.
    return re2.compile(pattern, options)


def approves(review: Review, comment_pattern: str | None) -> bool:
    """Whether a review is for the change: by what it is, or where it only comments by what it says."""
    if review.opinion is Opinion.COMMENTED:
        said = comment_pattern is not None and compiled(comment_pattern).search(said_by_the_writer(review.body))
        return bool(said)
    return review.opinion is Opinion.APPROVED


def newest_opinions(reviews: Reviews, comments: object, comment_pattern: str | None) -> list[Review]:
    """The newest review of each person that says anything for or against; a comment leaves the opinion as it was.

    ``comments`` is the fact, or whatever came instead of it.
    """
    given = list(reviews.reviews)
    if isinstance(comments, Comments):
        given += [
            Review(one.person, Opinion.COMMENTED, one.at, None, one.url, body=one.body)
            for one in comments.comments
            if not one.edited_by_another
        ]
        # A vote of which no time is told is the one that stands: no comment takes its place.
        given.sort(key=lambda review: (review.at is None, review.at or _EVER))
    newest: dict[str, Review] = {}
    for review in given:
        if review.opinion is not Opinion.COMMENTED or approves(review, comment_pattern):
            newest[review.person.id] = review
    return list(newest.values())
