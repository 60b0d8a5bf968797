"""What proves a rebase, whatever the platform: which former heads are in question, and when two patches are the same."""

from __future__ import annotations

import difflib
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from bot.model.facts.change import Comments, Commit, Commits, Opinion, Pushes, Reviews
from bot.model.facts.lines import LineRange

MOST_HEADS = 3
MOST_COMMITS = 50
"""Of a former head; longer changes are not compared: approving again costs less."""
MOST_LINES = 5_000
"""Of one version of a file whose difference is computed here."""

_WITHOUT_MEANING = ("index ", "similarity index ", "dissimilarity index ")
"""Lines of a diff that name blobs, or count: a rebase changes them."""


def heads_in_question(
    reviews: Reviews, commits: Commits, comments: Comments | None = None, pushes: Pushes | None = None
) -> tuple[str, ...]:
    """The heads that somebody's newest opinion approved and that are gone from the change's history, newest first.

    Of an approval of what is still among the commits nothing has to be proven by patches. Comments were asked for where they
    may approve: each of them, on the head of its time.
    """
    newest = {review.person.id: review for review in reviews.reviews if review.opinion is not Opinion.COMMENTED}
    approved = [one.commit for one in newest.values() if one.opinion is Opinion.APPROVED and one.commit]
    approved = [*_commented_on(reviews, comments, pushes), *approved]
    present = {commit.sha for commit in commits.commits}
    gone = [sha for sha in dict.fromkeys(reversed(approved)) if sha not in present]
    return tuple(gone[:MOST_HEADS])


def _commented_on(reviews: Reviews, comments: Comments | None, pushes: Pushes | None) -> Iterator[str]:
    if comments is None:
        return
    for review in reviews.reviews:
        if review.opinion is Opinion.COMMENTED and review.commit:
            yield review.commit
    for comment in comments.comments:
        before = [push.head for push in (pushes.pushes if pushes else ()) if _no_later(push.at, comment.at)]
        yield from before[-1:]


def _no_later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one <= other


def may_be_a_rebase(former: Sequence[Commit], present: Sequence[Commit]) -> bool:
    """Whether the patches are worth reading: as many of them then as now, and none of a merge."""
    then, now = patched(former), patched(present)
    return 0 < len(then) == len(now) <= MOST_COMMITS and all(len(one.parents) == 1 for one in (*then, *now))


def patched(commits: Sequence[Commit]) -> list[Commit]:
    """Those that have a patch of their own: all but proven merges of the base."""
    return [commit for commit in commits if not commit.is_update_merge]


def patch_id(diff: str) -> str | None:
    """Equal for two diffs in git's format that differ in line numbers alone. None where a change is not in the text.

    In the spirit of ``git patch-id``, with its ``--verbatim``: a rebase does not change whitespace, and in some languages
    whitespace is meaning. https://git-scm.com/docs/git-patch-id
    """
    digest = hashlib.sha256()
    for line in diff.split("\n"):
        if line.startswith(("Binary files ", "GIT binary patch")):
            return None
        if line.startswith(_WITHOUT_MEANING):
            continue
        digest.update((b"@@" if line.startswith("@@ ") else line.encode()) + b"\n")
    return digest.hexdigest()


def difference(old: str, new: str) -> Iterator[str] | None:
    """The hunks between two texts, as a diff has them. None where they are too long to compare."""
    before, after = old.split("\n"), new.split("\n")
    if max(len(before), len(after)) > MOST_LINES:
        return None
    return itertools.islice(difflib.unified_diff(before, after, lineterm=""), 2, None)  # after the names of the files


def written_lines(hunks: Iterable[str]) -> tuple[LineRange, ...]:
    """The lines that a diff's hunks have added or changed, as the new text counts them. Raises ``ValueError``."""
    found: list[LineRange] = []
    at = 0
    for line in hunks:
        if line.startswith("@@ "):
            at = int(line.split("+", 1)[1].split(" ", 1)[0].split(",", 1)[0])
        elif line.startswith("+"):
            if found and found[-1].last == at - 1:
                found[-1] = LineRange(found[-1].first, at)
            else:
                found.append(LineRange(at, at))
            at += 1
        elif not line.startswith(("-", "\\")):
            at += 1
    return tuple(found)
