"""From a subject to the others that belong to it, by fixed paths."""

from __future__ import annotations

from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    PullRequest,
    Release,
    Repository,
    Subject,
    WorkItem,
)


def reach(subject: Subject, kind: type[Subject]) -> Subject | None:
    """The subject of type ``kind`` that ``subject`` is, or belongs to.

    A pull request's branch is its base; a repository's, a release's, a pipeline's and an environment's is the default
    branch. None: there is no such path, or the repository is empty.
    """
    if isinstance(subject, kind):
        return subject
    if kind is Branch:
        return _branch(subject)
    repository = _repository(subject)
    if kind is Repository:
        return repository
    if kind is Organization and repository is not None:
        return repository.organization
    return None


def can_reach(start: type[Subject], kind: type[Subject]) -> bool:
    """Whether there is a path at all, for any subject of the type."""
    if start is kind:
        return True
    if start in (Organization, WorkItem):
        return False
    return kind in (Branch, Repository, Organization)


def _branch(subject: Subject) -> Branch | None:
    if isinstance(subject, PullRequest):
        return subject.base
    repository = _repository(subject)
    return None if repository is None else repository.default


def _repository(subject: Subject) -> Repository | None:
    if isinstance(subject, Repository):
        return subject
    if isinstance(subject, Branch | Pipeline | Environment | Release | PullRequest):
        return subject.repository
    return None
