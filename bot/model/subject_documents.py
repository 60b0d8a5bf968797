"""Subjects as JSON, and back. Each holds what it belongs to, so that it can be read by itself.

Two things are left out: the text of a pull request, and people's e-mail addresses. Reports show neither, and are sent around.
"""

from __future__ import annotations

from bot.model.json_fields import (
    Document,
    DocumentError,
    JsonValue,
    flag,
    maybe_number,
    maybe_part,
    maybe_text,
    maybe_time,
    number,
    part,
    parts,
    text,
    texts,
    time,
    time_of,
    word,
)
from bot.model.people import Person
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    Platform,
    PullRequest,
    PullRequestState,
    Release,
    Repository,
    Subject,
    Visibility,
    WorkItem,
)


def subject_document(subject: Subject) -> dict[str, JsonValue]:
    """A subject of any kind."""
    return {
        "kind": subject.kind,
        "id": subject.id,
        "name": subject.name,
        "platform": subject.platform.value,
        "url": subject.url,
        **_particulars(subject),
    }


def _particulars(subject: Subject) -> dict[str, JsonValue]:
    match subject:
        case Organization():
            return {"project": subject.project}
        case Repository():
            return {
                "organization": subject_document(subject.organization),
                "short_name": subject.short_name,
                "default_branch": subject.default_branch,
                "visibility": subject.visibility,
                "archived": subject.archived,
                "is_fork": subject.is_fork,
                "language": subject.language,
                "topics": list(subject.topics),
                "pushed_at": time_of(subject.pushed_at),
            }
        case Branch():
            return {"repository": subject_document(subject.repository), "branch": subject.branch}
        case PullRequest():
            return {
                "base": subject_document(subject.base),
                "number": subject.number,
                "title": subject.title,
                "author": _person(subject.author),
                "head_sha": subject.head_sha,
                "base_sha": subject.base_sha,
                "source_branch": subject.source_branch,
                "created_at": time_of(subject.created_at),
                "state": subject.state.value,
                "draft": subject.draft,
                "from_fork": subject.from_fork,
                "labels": list(subject.labels),
                "assignees": [_person(person) for person in subject.assignees],
                "iteration": subject.iteration,
            }
        case Pipeline():
            return {"repository": subject_document(subject.repository), "path": subject.path}
        case Environment():
            return {"repository": subject_document(subject.repository), "environment": subject.environment}
        case Release():
            return {
                "repository": subject_document(subject.repository),
                "version": subject.version,
                "commit": subject.commit,
                "created_at": time_of(subject.created_at),
                "environment": subject.environment,
                "release_kind": subject.release_kind,
                "author": None if subject.author is None else _person(subject.author),
                "run_id": subject.run_id,
                "deploying": subject.deploying,
            }
        case WorkItem():
            return {
                "number": subject.number,
                "title": subject.title,
                "type": subject.type,
                "state": subject.state,
                "is_closed": subject.is_closed,
                "created_at": time_of(subject.created_at),
                "closed_at": time_of(subject.closed_at),
                "scope": subject.scope,
                "is_pull_request": subject.is_pull_request,
                "linked_pull_requests": subject.linked_pull_requests,
            }
        case _:
            return {}


def subject_from(document: Document) -> Subject:
    """The subject that a document was made of; ``DocumentError`` where it is none."""
    kind = text(document, "kind")
    platform = word(document, "platform", Platform)
    common = (text(document, "id"), text(document, "name"), platform, text(document, "url"))
    match kind:
        case "subject":
            return Subject(*common)
        case "organization":
            return Organization(*common, project=maybe_text(document, "project"))
        case "repository":
            return Repository(
                *common,
                organization=_organization(part(document, "organization")),
                short_name=text(document, "short_name"),
                default_branch=maybe_text(document, "default_branch"),
                visibility=None if document.get("visibility") is None else word(document, "visibility", Visibility),
                archived=flag(document, "archived"),
                is_fork=flag(document, "is_fork"),
                language=maybe_text(document, "language"),
                topics=texts(document, "topics"),
                pushed_at=maybe_time(document, "pushed_at"),
            )
        case "branch":
            return Branch(*common, repository=_repository(document), branch=text(document, "branch"))
        case "pull_request":
            return PullRequest(
                *common,
                base=_base(document),
                number=number(document, "number"),
                title=text(document, "title"),
                body="",
                author=_person_from(part(document, "author")),
                head_sha=text(document, "head_sha"),
                base_sha=text(document, "base_sha"),
                source_branch=text(document, "source_branch"),
                created_at=time(document, "created_at"),
                state=word(document, "state", PullRequestState),
                draft=flag(document, "draft"),
                from_fork=flag(document, "from_fork"),
                labels=texts(document, "labels"),
                assignees=parts(document, "assignees", _person_from),
                iteration=maybe_number(document, "iteration"),
            )
        case "pipeline":
            return Pipeline(*common, repository=_repository(document), path=text(document, "path"))
        case "environment":
            return Environment(*common, repository=_repository(document), environment=text(document, "environment"))
        case "release":
            author = maybe_part(document, "author")
            return Release(
                *common,
                repository=_repository(document),
                version=text(document, "version"),
                commit=text(document, "commit"),
                created_at=time(document, "created_at"),
                environment=maybe_text(document, "environment"),
                release_kind=text(document, "release_kind"),
                author=None if author is None else _person_from(author),
                run_id=maybe_number(document, "run_id"),
                deploying=flag(document, "deploying"),
            )
        case "work_item":
            return WorkItem(
                *common,
                number=text(document, "number"),
                title=text(document, "title"),
                type=maybe_text(document, "type"),
                state=text(document, "state"),
                is_closed=flag(document, "is_closed"),
                created_at=maybe_time(document, "created_at"),
                closed_at=maybe_time(document, "closed_at"),
                scope=text(document, "scope"),
                is_pull_request=flag(document, "is_pull_request"),
                linked_pull_requests=maybe_number(document, "linked_pull_requests"),
            )
        case _:
            raise DocumentError(f"{kind[:60]!r} is no kind of subject")


def _organization(document: Document) -> Organization:
    subject = subject_from(document)
    if not isinstance(subject, Organization):
        raise DocumentError(f"'organization' should be one, not a {subject.kind}")
    return subject


def _repository(document: Document) -> Repository:
    subject = subject_from(part(document, "repository"))
    if not isinstance(subject, Repository):
        raise DocumentError(f"'repository' should be one, not a {subject.kind}")
    return subject


def _base(document: Document) -> Branch:
    subject = subject_from(part(document, "base"))
    if not isinstance(subject, Branch):
        raise DocumentError(f"'base' should be a branch, not a {subject.kind}")
    return subject


def _person(person: Person) -> JsonValue:
    return {"id": person.id, "login": person.login, "name": person.name, "is_bot": person.is_bot}


def _person_from(document: Document) -> Person:
    return Person(
        text(document, "id"), text(document, "login"), text(document, "name"), is_bot=flag(document, "is_bot")
    )
