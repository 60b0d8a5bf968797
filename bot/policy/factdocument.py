"""A subject and its facts as the plain document that ``factfile`` and ``subjectfile`` read back as the same."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as AnyMapping
from typing import Any

from bot.model.facts import Fact, NotSupported, Unavailable
from bot.model.facts.change import Change, ChangedFile, Commit, ReviewerPermissions
from bot.model.people import Person, Signature
from bot.model.subjects import Branch, Organization, Platform, PullRequest, Repository, Subject, WorkItem
from bot.policy.factfile import NOT_SUPPORTED, UNAVAILABLE, Facts, Given, Told
from bot.policy.forms import Form, Kind, fields_of
from bot.policy.nodes import Json
from bot.policy.subjectfile import account, login_id

Document = dict[str, Json]

INJECTED = frozenset({"default_branch", "project", "environment", "release_kind", "scope", "type"})
"""Keys of subjects that have another value than the dataclass's own where a file leaves them out: always written."""


def document(given: Given) -> Document:
    """The keys ``subject`` and ``facts`` of a case."""
    writer = _Writer(given.subject.platform)
    return {"subject": writer.subject(given.subject), "facts": writer.facts(given.facts)}


class _Writer:
    """Writes what belongs to a subject of one platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.own: AnyMapping[type, Callable[[Any], Json]] = {
            Person: self.person,
            Signature: self.signature,
            ChangedFile: self.file,
            Commit: self.commit,
            ReviewerPermissions: self.permissions,
            WorkItem: lambda item: self.filled(item, {}),
        }

    def subject(self, subject: Subject) -> Document:
        """The keys of the subject, with its kind."""
        head: Document = {"kind": subject.kind}
        if subject.platform is not Platform.GITHUB:
            head["platform"] = subject.platform.value
        match subject:
            case Branch():
                return {**head, "repository": self.repository(subject.repository), "branch": subject.branch}
            case Repository():
                return head | self.repository(subject)
            case PullRequest():
                held: Document = {"repository": self.repository(subject.repository), "base": subject.base.branch}
            case Organization() | WorkItem():
                held = {}
            case _:
                held = {"repository": self.repository(subject.repository)}  # type: ignore[attr-defined]
        return head | self.filled(subject, held)

    def repository(self, repository: Repository) -> Document:
        """A repository with its organisation."""
        return self.filled(repository, {"organization": self.filled(repository.organization, {})})

    def filled(self, subject: Subject, held: Document) -> Document:
        """A subject's own keys; ``held`` are those of the subjects that it belongs to."""
        written: Document = {}
        for name, field in fields_of(type(subject)).items():
            value = getattr(subject, name)
            if isinstance(value, Subject) or (name == "url" and not value):
                continue
            if name == "platform" and not isinstance(subject, WorkItem) and value is self.platform:
                continue
            if name in INJECTED or value != field.absent:
                written[name] = self.value(field.form, value)
        return written | held

    def facts(self, facts: Facts) -> Document:
        """Every fact by its name, in the order of the alphabet."""
        return {kind.name: self.told(told) for kind, told in sorted(facts.items(), key=lambda pair: pair[0].name)}

    def told(self, told: Told) -> Json:
        """What is known of one fact."""
        match told:
            case Unavailable():
                return {UNAVAILABLE: self.record(told)}
            case NotSupported():
                return {NOT_SUPPORTED: told.reason}
            case Fact():
                return self.value(Form(Kind.RECORD, type=type(told)), told)

    def value(self, form: Form, value: Any) -> Json:
        """A value as YAML has it."""
        if value is None:
            return None
        match form.kind:
            case Kind.MOMENT:
                return str(value.isoformat()).replace("+00:00", "Z")
            case Kind.CHOICE:
                return str(value.value)
            case Kind.LIST:
                return [self.value(form.inner[0], item) for item in value]
            case Kind.ROW:
                return [self.value(each, item) for each, item in zip(form.inner, value, strict=True)]
            case Kind.SET:
                return [self.value(form.inner[0], item) for item in sorted(value)]
            case Kind.MAPPING:
                return {key: self.value(form.inner[0], item) for key, item in value.items()}
            case Kind.RECORD:
                return self.own.get(form.type, self.record)(value)
            case _:
                return value  # type: ignore[no-any-return]

    def record(self, value: Any) -> Document:
        """The keys of a dataclass, without those that need not be said."""
        return {
            name: self.value(field.form, held)
            for name, field in fields_of(type(value)).items()
            if (held := getattr(value, name)) != field.absent
        }

    def person(self, person: Person) -> Json:
        """A bare login, where that says all."""
        return person.login if person == account(person.login, self.platform) else self.record(person)

    def signature(self, signature: Signature) -> Json:
        """A bare login, where that says all."""
        plain = Signature(signature.name, "", account(signature.name, self.platform))
        return signature.name if signature == plain else self.record(signature)

    def file(self, file: ChangedFile) -> Json:
        """A bare path, where it was modified and nothing else is known."""
        return file.path if file == ChangedFile(file.path, Change.MODIFIED) else self.record(file)

    def commit(self, commit: Commit) -> Json:
        """Without its committer, where that is its author."""
        written = self.record(commit)
        if commit.committer == commit.author:
            del written["committer"]
        return written

    def permissions(self, permissions: ReviewerPermissions) -> Json:
        """By login, where the id is no more than that."""
        return {"levels": {self.short(identity): level.value for identity, level in permissions.levels.items()}}

    def short(self, identity: str) -> str:
        """The login of an id that is made of it, else the id."""
        login = identity.removeprefix(login_id("", self.platform))
        return login if "/" not in login and login_id(login, self.platform) == identity else identity
