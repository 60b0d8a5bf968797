"""Whether an approval was given on the present head, or on one that differs from it by nothing a person wrote."""

from __future__ import annotations

from enum import StrEnum

from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import Commit, Commits, FormerCommits, Pushes, Review
from bot.model.subjects import PullRequest
from bot.rules.approve.standing import Doubt, Objection, Standing, doubt


class Keep(StrEnum):
    """What may come after an approval without taking it away."""

    UPDATE_MERGE = "update-merge"
    REBASE = "rebase"


def outdated(
    review: Review,
    pr: PullRequest,
    commits: Commits | Unavailable | NotSupported,
    pushes: Pushes | Unavailable | NotSupported,
    former: FormerCommits | Unavailable | NotSupported,
    keep_on: frozenset[Keep],
) -> Standing:
    """What stands against an approval because of pushes after it."""
    head = _reviewed_head(review, pr, pushes)
    if isinstance(head, Doubt):
        return head
    if head == pr.head_sha:
        return None
    if keep_on and not isinstance(commits, Commits):
        return doubt(commits, f"what was pushed after {head[:10]} is not known")
    if isinstance(commits, Commits):
        if Keep.UPDATE_MERGE in keep_on and _only_updated(head, commits):
            return None
        if Keep.REBASE in keep_on and head not in {commit.sha for commit in commits.commits}:
            if isinstance(former, Unavailable):
                return doubt(former, f"whether only a rebase came after {head[:10]} is not known")
            if isinstance(former, FormerCommits) and _only_rebased(head, commits, former, keep_on):
                return None
    return Objection(f"approved {head[:10]}, and the head is now {pr.head_sha[:10]}", curable=True)


def _reviewed_head(review: Review, pr: PullRequest, pushes: Pushes | Unavailable | NotSupported) -> str | Doubt:
    """The head that a review was given on; where the platform does not say, the one of that time."""
    if review.commit is not None:
        return review.commit
    what = f"which commit {review.person} approved is not known"
    if not isinstance(pushes, Pushes):
        return doubt(pushes, what)
    if {push.head for push in pushes.pushes} == {pr.head_sha}:
        return pr.head_sha
    if review.at is None or any(push.at is None for push in pushes.pushes):
        return Doubt(UnknownKind.UNREADABLE, f"{what}: the platform tells neither the commit nor the time")
    before = [push.head for push in pushes.pushes if push.at is not None and push.at <= review.at]
    if not before:
        return Doubt(UnknownKind.UNREADABLE, f"{what}: no push is listed before it")
    return before[-1]


def _only_updated(head: str, commits: Commits) -> bool:
    """Whether every commit that is not in the history of ``head`` is a proven update merge."""
    by_sha = {commit.sha: commit for commit in commits.commits}
    if head not in by_sha:
        return False
    seen, todo = set(), [head]
    while todo:
        sha = todo.pop()
        if sha in by_sha and sha not in seen:
            seen.add(sha)
            todo.extend(by_sha[sha].parents)
    return all(commit.is_update_merge for commit in commits.commits if commit.sha not in seen)


def _only_rebased(head: str, commits: Commits, former: FormerCommits, keep_on: frozenset[Keep]) -> bool:
    """Whether the present commits have the patches of those that the former head consisted of, one by one."""

    def patches(of: tuple[Commit, ...]) -> list[str | None]:
        counted = (commit for commit in of if not (Keep.UPDATE_MERGE in keep_on and commit.is_update_merge))
        return [former.patch_ids.get(commit.sha) for commit in counted]

    before, after = patches(former.former.get(head, ())), patches(commits.commits)
    return bool(before) and None not in before and before == after
