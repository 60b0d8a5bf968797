"""Runs that overtake one another: of two verdicts on one pull request the one whose facts were read later is to stand.

No platform can be asked to write only where nothing newer stands. So a run looks before it writes and once more after, and all
that it posts carries when its reading began (``posted.Posted.read_at``):

1. where a verdict that was read later stands already, nothing is written;
2. what is to be said is written;
3. where, after that, something moved which the verdict rests on, or what was written last is not what was read last, or this
   cannot be told (the writing took too long, the platform did not answer), it is not the last word.

In each case the pull request is judged again, from facts that are read anew, which makes that reading the newest. It ends:
after a few rounds the newest verdict is written without looking, for whatever still moves starts a run of its own.

One thing is left over. On GitHub an update takes away what stood, so a newer verdict that was written between our look and our
writing, at most ``UNSEEN`` apart, is gone unseen where it rests on what is not the pull request's own (a work item, a team):
what is its own is looked at afterwards. Azure DevOps keeps every status, so there it always shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.engine.ports import PlatformError
from bot.engine.posted import Posted
from bot.model.facts import UnknownKind

UNSEEN = 5.0
"""Seconds that what was seen on the platform is taken to stand still."""
LONGEST_RUN = timedelta(hours=1)
"""No run reads for longer: what claims to be read so much later than another is not believed, or it would stand for ever."""
OVERTAKEN = "a verdict that was read later stands already"
MISPLACED = "a verdict that was read earlier was written last"
SLOW = "writing took so long that a newer verdict may have been written over"
UNTOLD = "whether anything moved meanwhile could not be read"


def unseen(failure: PlatformError) -> tuple[str, ...]:
    """What it means that the look afterwards failed: what passes may be read in the next round, a refusal stays one."""
    return (UNTOLD,) if failure.kind is UnknownKind.TRANSIENT else ()


def overtaken(ours: Posted | None, said: Sequence[Posted | None]) -> bool:
    """Whether any of what was said rests on facts that were read later than ours."""
    return ours is not None and any(_later(one, ours) for one in said)


def misplaced(ours: Posted | None, said: Sequence[Posted | None]) -> bool:
    """Whether what was said last, in the order of saying, is not what was read last; only where we have spoken too.

    A last one that rests on nothing is another run's word that it is judging: that will speak again.
    """
    if ours is None or ours not in said or (last := said[-1]) is None:
        return False
    return any(_later(one, last) for one in said)


def _later(one: Posted | None, other: Posted) -> bool:
    return one is not None and timedelta() < one.read_at - other.read_at <= LONGEST_RUN
