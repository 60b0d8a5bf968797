from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.model.facts.change import Commit, Commits, Opinion, Review, Reviews
from bot.model.people import Person, Signature
from bot.platforms.patches import MOST_LINES, difference, heads_in_question, may_be_a_rebase, patch_id

DIFF = """\
diff --git a/a.py b/a.py
index 1111111..2222222 100644
--- a/a.py
+++ b/a.py
@@ -1,3 +1,4 @@ def above():
 one
+two
 three
"""
NOBODY = Signature("", "")
BO, CY = Person("h/user/1", "bo"), Person("h/user/2", "cy")


def commit(sha: str, *parents: str, merge: bool | None = False) -> Commit:
    return Commit(sha, "m", NOBODY, NOBODY, parents=parents, is_update_merge=merge)


def review(person: Person, opinion: Opinion, sha: str | None) -> Review:
    return Review(person, opinion, datetime(2026, 1, 1, tzinfo=UTC), sha)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@@ -1,3 +1,4 @@ def above():", "@@ -71,3 +72,4 @@ def elsewhere():"),
        ("index 1111111..2222222 100644", "index 3333333..4444444 100644"),
    ],
)
def test_where_it_is_does_not_matter(old: str, new: str) -> None:
    assert old in DIFF
    assert patch_id(DIFF.replace(old, new)) == patch_id(DIFF)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+two", "+zwei"),
        ("+two", "+ two"),
        ("+two", "-two"),
        (" three", " four"),
        ("a.py", "b.py"),
        ("index ", "old mode 100644\nnew mode 100755\nindex "),
    ],
)
def test_what_it_does_matters(old: str, new: str) -> None:
    assert patch_id(DIFF.replace(old, new)) != patch_id(DIFF)


def test_what_the_text_does_not_hold_proves_nothing() -> None:
    assert patch_id("diff --git a/x b/x\nindex 1..2\nBinary files a/x and b/x differ\n") is None
    assert patch_id(DIFF + "+Binary files are text here\n") is not None


def test_hunks_of_two_texts() -> None:
    hunks = difference("-- a\nb\n", "b\n")
    assert hunks is not None
    assert [line for line in hunks if line[0] in "+-"] == ["--- a"]
    assert difference("", "x\n" * (MOST_LINES + 1)) is None


def test_heads_that_somebody_approved_and_that_are_gone() -> None:
    commits = Commits((commit("c1", "b"), commit("c2", "c1")))
    assert (
        heads_in_question(Reviews((review(BO, Opinion.APPROVED, "c1"), review(CY, Opinion.APPROVED, "c2"))), commits)
        == ()
    )
    gone = Reviews(
        (
            review(BO, Opinion.APPROVED, "old"),
            review(BO, Opinion.COMMENTED, "c1"),
            review(CY, Opinion.APPROVED, "older"),
            review(CY, Opinion.CHANGES_REQUESTED, "older"),
        )
    )
    assert heads_in_question(gone, commits) == ("old",)
    assert heads_in_question(Reviews((review(BO, Opinion.APPROVED, None),)), commits) == ()


def test_as_many_patches_then_as_now_and_no_merges() -> None:
    then = [commit("o1", "b")]
    assert may_be_a_rebase(then, [commit("c1", "b")])
    assert may_be_a_rebase(then, [commit("c1", "b"), commit("c2", "c1", "b", merge=True)])
    assert not may_be_a_rebase(then, [commit("c1", "b"), commit("c2", "c1")])
    assert not may_be_a_rebase(then, [commit("c1", "b", "x", merge=None)])
    assert not may_be_a_rebase([], [])
