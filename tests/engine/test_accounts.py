"""Every repository is accounted for, and an interrupted scan knows what it had done."""

from __future__ import annotations

import pytest

from bot.engine.accounts import Accounts, Fate, uncounted
from bot.engine.memos import Memo
from bot.engine.sharding import Shard, shard
from bot.engine.waiving import Met
from bot.model.facts import UnknownKind
from bot.model.results import Coverage, Gap, PolicySource, Skip
from tests.engine.test_homes import ACME, repository


def accounts(*without: int) -> Accounts:
    names = {repository(n).id for n in without}
    made = Accounts(lambda home: "in another shard" if home.id in names else "")
    made.begin("github:acme")
    return made


def test_each_repository_is_judged_skipped_or_unknown() -> None:
    ours = accounts(3)
    assert [ours.wanted(repository(n)) for n in (1, 2, 3, 4)] == [True, True, False, True]
    assert ours.wanted(ACME)
    ours.settle({repository(1).id: Fate.JUDGED, repository(2).id: Fate.UNKNOWN, ACME.id: Fate.JUDGED})
    ours.skip(repository(4), "archived")
    assert ours.coverage(4) == Coverage("github:acme", 4, 4, judged=1, skipped=2, unknown=1)
    assert ours.skipped == (
        Skip(repository(3).id, "acme/r3", "in another shard"),
        Skip(repository(4).id, "acme/r4", "archived"),
    )


def test_what_is_listed_again_is_not_judged_again() -> None:
    ours = accounts()
    assert ours.wanted(repository(1))
    assert ours.wanted(repository(1))
    ours.settle({repository(1).id: Fate.JUDGED})
    assert not ours.wanted(repository(1))
    ours.begin("github:acme/r1")
    assert not ours.wanted(repository(1))
    assert ours.coverage(None) == Coverage("github:acme/r1", 1, None, judged=1, skipped=0, unknown=0)


def test_what_another_process_did_counts() -> None:
    ours = accounts()
    ours.done("github:acme", {repository(1).id: Fate.JUDGED, repository(2).id: Fate.UNKNOWN})
    assert [ours.wanted(repository(n)) for n in (2, 3)] == [False, True]
    ours.settle({repository(3).id: Fate.JUDGED})
    assert ours.coverage(3) == Coverage("github:acme", 3, 3, judged=2, skipped=0, unknown=1), (
        "one of them is gone since"
    )


@pytest.mark.parametrize(("counted", "words"), [(4, "may not see"), (2, "removed, or renamed"), (3, ""), (None, "")])
def test_another_number_than_the_platforms_own(counted: int | None, words: str) -> None:
    found = uncounted(ACME, Coverage("github:acme", 3, counted, 3, 0, 0))
    assert (found is None) is not bool(words)
    if found is not None:
        assert (found.kind, found.subject) == (UnknownKind.TRUNCATED, ACME.id)
        assert words in found.reason
        assert f"counts {counted} repositories, and 3 were listed" in found.reason


def test_a_memo_can_be_read_again() -> None:
    memo = Memo(
        "github:acme",
        fates={"h/repository/1": Fate.JUDGED, "h/repository/2": Fate.UNKNOWN},
        met={"p": {0: Met.COVERED | Met.NEEDED, 3: Met.COVERED}},
        listing=(Gap("s", "n", "listing", UnknownKind.LIMIT, "r"),),
        gapped=True,
        notices=("one",),
        policies=(PolicySource("p", "p.yml", "abc"),),
        blocking=frozenset({UnknownKind.SCOPE, UnknownKind.LICENCE}),
    )
    assert Memo.read(memo.text()) == memo
    assert Memo.read(Memo("t").text()) == Memo("t")


def test_shards_divide_everything_and_leave_nothing() -> None:
    ids = [f"github.com/repository/{n}" for n in range(2_000)]
    holders = [[n for n in range(1, 17) if Shard(n, 16).holds(each)] for each in ids]
    assert all(len(each) == 1 for each in holders)
    sizes = [sum(each == [n] for each in holders) for n in range(1, 17)]
    assert min(sizes) > 80, sizes
    # They are the same on every machine and for ever: else shards of two versions would leave something out.
    assert [n for n in range(1, 17) if Shard(n, 16).holds("github.com/repository/1")] == [4]
    assert str(shard(" 3/16 ")) == "3/16"
