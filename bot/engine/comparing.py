"""What became of each entry on each subject between two runs: a merge of both, in the order of subjects and keys.

What a waiver or the baseline excuses does not fail, as in a verdict; so an entry that failed and is waived now is fixed, and
its result says by what. What cannot be decided now, or whose subject could not be read now, is never fixed: it is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from enum import Enum
from itertools import groupby, zip_longest

from bot.engine.reach import reach
from bot.model.facts import fact_types
from bot.model.ordering import results_in_order
from bot.model.results import Change, Changed, Enforcement, Gap, Outcome, Result, Run
from bot.model.subjects import Repository


class Standing(Enum):
    """How a result counts."""

    ABSENT = "absent"
    """Not judged, or by an entry that is disabled."""
    HOLDS = "holds"
    """It passes, does not apply, or is excused."""
    FAILS = "fails"
    UNDECIDED = "undecided"
    """Unknown, in error, or excused beside something that is unknown."""


class Changes(Collection[Changed]):
    """What changed from one run to another, in the order of subjects and keys.

    Going through it compares the runs; what is found is kept for the next time, unless it is more than memory should hold.
    """

    MOST = 5_000

    def __init__(self, before: Run, after: Run) -> None:
        self.before = before
        self.after = after
        self._amount: int | None = None
        self._kept: tuple[Changed, ...] | None = None

    def __iter__(self) -> Iterator[Changed]:
        return self._compared() if self._kept is None else iter(self._kept)

    def _compared(self) -> Iterator[Changed]:
        kept: list[Changed] = []
        amount = 0
        for changed in compare(self.before, self.after):
            amount += 1
            if amount <= self.MOST:
                kept.append(changed)
            yield changed
        self._amount = amount
        self._kept = tuple(kept) if amount <= self.MOST else None

    def __len__(self) -> int:
        if self._amount is None:
            self._amount = sum(1 for _ in self)
        return self._amount

    def __contains__(self, item: object) -> bool:
        return any(changed == item for changed in self)


def compare(before: Run, after: Run) -> Iterator[Changed]:
    """Every entry on every subject that is not as it was, each once."""
    unread = _Unread(after.gaps)
    for left, right in _side_by_side(_by(_subject, before.results), _by(_subject, after.results)):
        for was_of, is_of in _side_by_side(_by(_key, left), _by(_key, right)):
            # Results of one place are one, save where two policies have the same name.
            for was, is_ in zip_longest(was_of, is_of):
                change = _change(was, is_)
                if not right and was is not None and standing(was) in _DECIDED and unread.may_hold(was):
                    change = Change.LOST
                if change is not None:
                    yield Changed(change, was, is_)


def tally(changes: Iterable[Changed]) -> Counter[Change]:
    """How many there are of each."""
    return Counter(changed.change for changed in changes)


def standing(result: Result | None) -> Standing:
    """How a result counts where two runs are compared."""
    if result is None or result.enforcement is Enforcement.DISABLED:
        return Standing.ABSENT
    if result.half_known:
        return Standing.UNDECIDED
    if result.excused:
        return Standing.HOLDS
    return {
        Outcome.FAIL: Standing.FAILS,
        Outcome.UNKNOWN: Standing.UNDECIDED,
        Outcome.ERROR: Standing.UNDECIDED,
    }.get(result.outcome, Standing.HOLDS)


_CHANGES = {
    (Standing.HOLDS, Standing.FAILS): Change.BROKE,
    (Standing.UNDECIDED, Standing.FAILS): Change.BROKE,
    (Standing.ABSENT, Standing.FAILS): Change.APPEARED,
    (Standing.FAILS, Standing.HOLDS): Change.FIXED,
    (Standing.UNDECIDED, Standing.HOLDS): Change.REGAINED,
    (Standing.FAILS, Standing.UNDECIDED): Change.LOST,
    (Standing.HOLDS, Standing.UNDECIDED): Change.LOST,
    (Standing.FAILS, Standing.ABSENT): Change.GONE,
}
"""What is in neither column did not change in a way that anybody has to know of."""


_DECIDED = (Standing.FAILS, Standing.HOLDS)


def _change(before: Result | None, after: Result | None) -> Change | None:
    was, is_ = standing(before), standing(after)
    if was is Standing.FAILS and is_ is Standing.FAILS and before is not None and after is not None:
        return Change.MOVED if counted_findings(before) != counted_findings(after) else None
    return _CHANGES.get((was, is_))


def counted_findings(result: Result) -> frozenset[tuple[str, ...]]:
    """What tells the findings that count from others."""
    if result.fingerprints:
        return frozenset((each,) for each in result.fingerprints if each not in result.known)
    return frozenset((each.discriminator or each.message,) for each in result.findings)


Group = tuple[str, list[Result]]


def _subject(result: Result) -> str:
    return result.subject.id


def _key(result: Result) -> str:
    return result.key


def _by(what: Callable[[Result], str], results: Collection[Result]) -> Iterator[Group]:
    for name, some in groupby(results_in_order(results), key=what):
        yield name, list(some)


def _side_by_side(left: Iterator[Group], right: Iterator[Group]) -> Iterator[tuple[list[Result], list[Result]]]:
    """The groups of both, those of one name together; an empty one where the other side has none of it."""
    was, is_ = next(left, None), next(right, None)
    while was is not None or is_ is not None:
        if was is None or (is_ is not None and is_[0] < was[0]):
            assert is_ is not None
            yield [], is_[1]
            is_ = next(right, None)
        elif is_ is None or was[0] < is_[0]:
            yield was[1], []
            was = next(left, None)
        else:
            yield was[1], is_[1]
            was, is_ = next(left, None), next(right, None)


class _Unread:
    """What a run could not see, so that what is missing from it need not be gone."""

    def __init__(self, gaps: Iterable[Gap]) -> None:
        self._ids: set[str] = set()
        self._wide: set[str] = set()
        """The hosts of organisations whose repositories could not all be listed; ``""``: anything may be missing."""
        facts = fact_types()
        for gap in gaps:
            self._ids.add(gap.subject)
            host, _, rest = gap.subject.partition("/")
            if rest.startswith("organization/") and gap.fact not in facts:
                self._wide.add(host)
            elif "/" not in gap.subject or gap.fact in ("target", "shard"):
                self._wide.add("")

    def may_hold(self, result: Result) -> bool:
        """Whether the result's subject may be there all the same."""
        subject = result.subject
        if any(home is not None and home.id in self._ids for home in (subject, reach(subject, Repository))):
            return True
        return "" in self._wide or subject.id.partition("/")[0] in self._wide
