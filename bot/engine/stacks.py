"""Stacked pull requests: where the last of a chain will land."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import PullRequest

MOST = 20
"""Pull requests in one stack."""

Under = Callable[[str], Sequence[tuple[int, str]]]
"""The open pull requests whose branch this is: their numbers, and the branches that they go into."""


def landing_branch(subject: PullRequest, under: Under) -> str | None:
    """The branch that the stack under a pull request lands in; None where its base is nobody's, or the stack is a ring.

    Of several pull requests of one branch the one into the default branch counts, else the oldest. What the default branch is
    merged into is no stack. Raises ``PlatformError`` where a stack is too high to be followed.
    """
    default = subject.repository.default_branch
    branch, passed = subject.base.branch, [subject.base.branch]
    while branch != default:
        nexts = [(number, base) for number, base in under(branch) if number != subject.number]
        if not nexts:
            break
        _, branch = min(nexts, key=lambda one: (one[1] != default, one[0]))
        if branch in passed:
            return None
        passed.append(branch)
        if len(passed) > MOST:
            raise PlatformError(
                f"{subject.name} is stacked on more than {MOST} pull requests: where it will land is not looked for.",
                UnknownKind.TRUNCATED,
            )
    return None if branch == subject.base.branch else branch
