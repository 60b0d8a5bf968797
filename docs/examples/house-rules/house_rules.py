"""Rules of our own: how branches are named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from bot.model.findings import Evidence, Finding, NotApplicable, Statement
from bot.model.subjects import PullRequest
from bot.rules import RuleParams, Tighter, rule


class Params(RuleParams):
    """How a branch may be called."""

    prefixes: Annotated[frozenset[str], Tighter.SUBSET] = Field(
        default=frozenset({"chore", "feature", "fix"}), min_length=1
    )
    """What may stand before the first ``/``."""
    longest: Annotated[int | None, Tighter.LESS] = Field(default=None, ge=1)
    """How many characters the whole name may have; without it any number."""
    bots: Annotated[bool, Tighter.TRUE] = False
    """Whether the branches of bots are judged as well."""


@rule("branch-name", severity="low", params=Params, aliases=("source-branch-name",))
def branch_name(pr: PullRequest, params: Params) -> Iterator[Statement]:
    """The branch of a change says what kind of change it is.

    The name of the source branch begins with one of the agreed words and ``/``: ``fix/rounding``.

    Why:
        Release notes are sorted by these words, and a reviewer knows at once what to expect.

    Evidence:
        The name of the pull request's source branch.

    How to fix:
        Push the change again under another branch name, and open a new pull request from that.

    Example:
        - rule: branch-name
          enforce: warn
          with: {prefixes: [feature, fix], longest: 60}
    """
    if pr.author.is_bot and not params.bots:
        yield NotApplicable(f"{pr.author.login} is a bot, which names its branches itself")
        return
    name = pr.source_branch
    prefix, slash, rest = name.partition("/")
    wanted = ", ".join(f"{word}/" for word in sorted(params.prefixes))
    evidence = (Evidence("source branch", name, pr.url),)
    if prefix not in params.prefixes or not (slash and rest):
        yield Finding(
            f"The branch {name} begins with none of {wanted}",
            f"Push the change as a branch that begins with one of {wanted}, and open a pull request from it.",
            evidence,
            discriminator="prefix",
        )
    if params.longest is not None and len(name) > params.longest:
        yield Finding(
            f"The name of the branch {name} has {len(name)} characters; at most {params.longest} are agreed",
            "Push the change as a branch with a shorter name, and open a pull request from it.",
            evidence,
            discriminator="length",
        )
    yield from evidence
