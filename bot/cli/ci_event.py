"""The event that a CI job was started for, and why one may be refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.engine.targets import Search, Target, TargetError, parse
from bot.model.subjects import Platform
from bot.report.sanitize import log_line

MARKER = "<!-- almguard:"
"""What a comment of the gate begins with, whoever's token it was written with."""
NAME_TARGET = "Name the target instead: almguard gate github:OWNER/REPO#12, or ado:ORG/PROJECT/REPO!12."


class CiError(Exception):
    """This event cannot be judged; the text says why, and what to do instead."""

    def __init__(self, message: str, *, nothing_to_judge: bool = False) -> None:
        super().__init__(log_line(message))
        self.nothing_to_judge = nothing_to_judge
        """The event is understood, and rightly leaves nothing to decide: a closed pull request, a comment on an issue."""


@dataclass(frozen=True, slots=True)
class DeploymentReview:
    """A deployment that waits until a custom deployment protection rule of GitHub is answered."""

    repository: str
    """``owner/name``."""
    run_id: int
    """The workflow run that deploys."""
    environment: str


@dataclass(frozen=True, slots=True)
class CiEvent:
    """What a job was started for."""

    platform: Platform
    """Where the subject lives; a GitHub repository may be built by Azure Pipelines."""
    targets: tuple[Target, ...]
    """What it names; empty where ``search`` says how that is found."""
    event: str
    """``pull_request``, ``merge_group``, ``PullRequest`` (Azure Pipelines)."""
    action: str
    """``opened``; empty where events have none."""
    head_sha: str | None
    """The commit that the event is about, where it says: in a merge queue the group's, not the pull request's."""
    base_branch: str | None
    can_write: bool
    """Whether the job's own token may post: not for a pull request from a fork."""
    run_url: str | None
    fresh: bool = False
    """Whether what stands is about another head or base, so that nothing may rest on it until this is judged: the pull request
    was opened, pushed to, or sent into another branch."""
    review: DeploymentReview | None = None
    """What waits for the verdict; then which release that is, the platform tells."""
    search: Search | None = None
    moved_only: bool = False
    """Whether what stands is left alone where it says the same: the event may have changed a verdict, or nothing. It also
    keeps what the gate posts from starting the gate again, without an end."""

    @property
    def target(self) -> Target:
        """The first target."""
        return self.targets[0]


def own_run(environ: Mapping[str, str]) -> str:
    """How the address of the CI run that this process is a part of ends, whatever server it is on; empty: it is in none."""
    repository, run = environ.get("GITHUB_REPOSITORY"), environ.get("GITHUB_RUN_ID")
    if repository and run:
        return f"/{repository}/actions/runs/{run}"
    build = environ.get("BUILD_BUILDID")
    return f"/_build/results?buildId={build}" if build else ""


def github_target(name: str) -> Target:
    """``OWNER/REPO``, ``OWNER/REPO#12`` or ``OWNER/REPO@TAG`` as a target."""
    return any_target(f"github:{name}")


def any_target(text: str) -> Target:
    """A target that an event names; never a path."""
    try:
        found = parse(text)
        if found.platform is Platform.LOCAL:
            raise TargetError(
                f"{text[:200]!r} is a path, and a gate judges what is on a platform: github:OWNER/REPO#12."
            )
        return found
    except TargetError as error:
        raise CiError(f"The event names something that is no target. {error}") from error
