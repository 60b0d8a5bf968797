"""Subjects from YAML: what a file leaves out is that of the pull request ``acme/payments#12`` and what belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as AnyMapping
from datetime import UTC, datetime
from typing import Any

from bot.model.people import Person
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    Platform,
    PullRequest,
    Release,
    Repository,
    Subject,
    WorkItem,
)
from bot.policy.building import WRONG, Builder, Wrong
from bot.policy.forms import Field, Form, Kind, fields_of
from bot.policy.nodes import Mapping, Node, Scalar
from bot.policy.validation import choice, mistyped

SUBJECTS: AnyMapping[str, type[Subject]] = {
    kind.kind: kind
    for kind in (PullRequest, Release, Repository, Branch, Pipeline, Environment, Organization, WorkItem)
}
"""By the word for it."""

HOSTS = {
    Platform.GITHUB: "github.com",
    Platform.AZURE_DEVOPS: "dev.azure.com/acme",
    Platform.LOCAL: "local",
    Platform.JIRA: "acme.atlassian.net",
}
"""What the id of something begins with that a file names without its id."""

WHEN = datetime(2026, 6, 1, 9, tzinfo=UTC)
"""When pull requests were opened and releases made, where a file does not say."""

Values = dict[str, Any]


def login_id(login: str, platform: Platform) -> str:
    """The id of an account that is known by its login alone."""
    return f"{HOSTS[platform]}/login/{login.lower()}"


def account(login: str, platform: Platform) -> Person:
    """Who a bare login is: ``renovate[bot]`` and the like are bots, as on GitHub."""
    return Person(login_id(login, platform), login, is_bot=login.endswith("[bot]"))


def platform_of(node: Node | None, default: Platform = Platform.GITHUB) -> Platform:
    """The platform that a subject's ``platform`` names; one that there is not is noted when the subject is built."""
    word = node.get("platform") if isinstance(node, Mapping) else None
    return next((each for each in Platform if isinstance(word, Scalar) and word.value == each.value), default)


def build_subject(builder: Builder, node: Mapping, path: str, default: type[Subject] = PullRequest) -> Subject | Wrong:
    """The subject, or ``WRONG``; what is wrong is noted. ``default`` is its type where ``kind`` is left out."""
    word = node.get("kind")
    if word is None:
        kind = default
    elif isinstance(word, Scalar) and word.value in SUBJECTS:
        kind = SUBJECTS[str(word.value)]
    else:
        return builder.note(word.mark, f"{path}.kind", choice(word, list(SUBJECTS)))
    built: Subject | Wrong = _Subjects(builder, platform_of(node)).build(kind, node, path)
    return built


def build_work_item(builder: Builder, node: Node, path: str, tracker: Platform) -> WorkItem | Wrong:
    """``{number: 12}`` is an open user story of the project Payments, or an open issue of acme/payments."""
    if not isinstance(node, Mapping):
        return builder.note(node.mark, path, mistyped("dict_type", node))
    built: WorkItem | Wrong = _Subjects(builder, platform_of(node, tracker)).work_item(node, path)
    return built


class _Subjects:
    """Builds subjects of one platform."""

    def __init__(self, builder: Builder, platform: Platform) -> None:
        self.builder, self.platform = builder, platform
        self.azure = platform is Platform.AZURE_DEVOPS
        self.home = "acme/Payments" if self.azure else "acme"
        self.project = f"{self.home}/payments"

    def build(self, kind: type[Subject], node: Mapping, path: str) -> Any:
        """A subject of any type."""
        node = _without(node, "kind")
        if kind is WorkItem:
            return self.work_item(node, path)
        if kind is Organization:
            return self.organization(node, path, self.home)
        if kind is Repository:
            return self.repository(node, path)
        repository = self.home_of(node, path)
        if isinstance(repository, Wrong):
            return WRONG
        if kind is Branch:
            return self.branch(repository, node, path)
        if kind is PullRequest:
            return self.pull_request(repository, node, path)
        return self.held(kind, repository, node, path)

    def organization(self, node: Node, path: str, name: str) -> Any:
        """An organisation; on Azure DevOps, where its name has two parts, a project."""

        def project(values: Values) -> Values:
            return {"project": values["name"].partition("/")[2] or None} if self.azure else {}

        return self.filled(Organization, node, path, {"name": name}, project)

    def home_of(self, node: Mapping, path: str) -> Any:
        """The repository that a subject names: by its name, or key by key."""
        inside = f"{path}.repository"
        home = node.get("repository") or Mapping(node.mark)
        if isinstance(home, Scalar) and isinstance(home.value, str):
            home = Mapping(home.mark, {"name": (home.mark, home)})
        if not isinstance(home, Mapping):
            return self.builder.note(home.mark, inside, mistyped("dict_type", home))
        return self.repository(home, inside)

    def repository(self, node: Mapping, path: str) -> Any:
        """A repository, of the organisation that its name begins with."""
        name = _said(node, "name", self.project)
        above = node.get("organization") or Mapping(node.mark)
        organization = self.organization(above, f"{path}.organization", name.rpartition("/")[0] or name)
        defaults: Values = {"name": name, "short_name": name.rpartition("/")[2], "default_branch": "main"}
        return self.filled(Repository, node, path, defaults, fixed={"organization": organization})

    def branch(self, repository: Repository, node: Mapping, path: str) -> Any:
        """A branch; the default one, where its name is not given."""
        keys = {name: _field(name) for name in ("branch", "platform", "repository")}
        written = self.builder.keys(keys.values(), _without(node, "repository"), path)
        name = written.get("branch", repository.default_branch or "main")
        return WRONG if WRONG in written.values() else repository.branch(name)

    def pull_request(self, repository: Repository, node: Mapping, path: str) -> Any:
        """A pull request into the default branch, by ana."""
        defaults: Values = {
            "number": 12,
            "title": "Raise the limit",
            "body": "",
            "author": account("ana", self.platform),
            "head_sha": "c2",
            "base_sha": "b0",
            "source_branch": "raise-the-limit",
            "created_at": WHEN,
        }
        base = node.get("base")
        into = self.builder.value(TEXT, base, f"{path}.base") if base else repository.default_branch or "main"
        fixed = {"base": WRONG if into is WRONG else repository.branch(into)}
        sign = "!" if self.azure else "#"
        return self.filled(
            PullRequest, node, path, defaults, lambda v: {"name": f"{repository.name}{sign}{v['number']}"}, fixed
        )

    def held(self, kind: type[Subject], repository: Repository, node: Mapping, path: str) -> Any:
        """What a repository has: a pipeline, an environment, a release."""
        pipeline = "azure-pipelines.yml" if self.azure else ".github/workflows/ci.yml"
        defaults: AnyMapping[type[Subject], Values] = {
            Pipeline: {"path": pipeline},
            Environment: {"environment": "prod"},
            Release: {
                "version": "v1.4.0",
                "commit": "d4",
                "created_at": WHEN,
                "environment": "prod",
                "release_kind": "run" if self.azure else "release",
            },
        }

        def name(values: Values) -> Values:
            if kind is Release:
                return {"name": f"{repository.name}@{values['version']}"}
            return {"name": f"{repository.name}: {values['path' if kind is Pipeline else 'environment']}"}

        return self.filled(kind, node, path, defaults[kind], name, {"repository": repository})

    def work_item(self, node: Mapping, path: str) -> Any:
        """A work item of Azure Boards, or an issue."""
        number = node.get("number")
        if isinstance(number, Scalar) and type(number.value) is int:
            texts = {**node.entries, "number": (number.mark, Scalar(number.mark, number.text, number.text))}
            node = Mapping(node.mark, texts)
        if self.platform is Platform.JIRA:
            story: Values = {"number": "PAY-12", "title": "A story", "type": "Story", "state": "In Progress"}
            story |= {"is_closed": False, "scope": "PAY"}
            return self.filled(WorkItem, node, path, story, lambda v: {"name": v["number"]})
        defaults: Values = {
            "number": "12",
            "title": "A story",
            "type": "User Story" if self.azure else None,
            "state": "Active" if self.azure else "open",
            "is_closed": False,
            "scope": "Payments" if self.azure else "acme/payments",
        }
        home = self.home if self.azure else self.project
        return self.filled(WorkItem, node, path, defaults, lambda v: {"name": f"{home}#{v['number']}"})

    def filled(
        self,
        kind: type[Any],
        node: Node,
        path: str,
        defaults: Values,
        derived: Callable[[Values], Values] = dict,
        fixed: Values | None = None,
    ) -> Any:
        """A subject from its keys, what is left out from the defaults, and from what follows of other keys.

        ``fixed`` are the subjects that it belongs to: they have been built from keys of their own.
        """
        if not isinstance(node, Mapping):
            return self.builder.note(node.mark, path, mistyped("dict_type", node))
        fixed = fixed or {}
        known = [field for name, field in fields_of(kind).items() if name not in fixed]
        elsewhere = ("repository", "base") if kind is PullRequest else tuple(fixed)
        written = self.builder.keys([*known, *map(_field, elsewhere)], _without(node, *elsewhere), path)
        if WRONG in written.values() or WRONG in fixed.values():
            return WRONG
        values = {"url": "", "platform": self.platform} | defaults | written
        identity = f"{HOSTS[self.platform]}/{kind.kind}/{values.get('number', 1)}"
        return self.builder.made(kind, {"id": identity} | derived(values) | values | fixed, node, path)


TEXT = Form(Kind.TEXT)


def _field(name: str) -> Field:
    return Field(name, TEXT, "")


def _without(node: Mapping, *keys: str) -> Mapping:
    return Mapping(node.mark, {key: entry for key, entry in node.entries.items() if key not in keys})


def _said(node: Mapping, key: str, default: str) -> str:
    found = node.get(key)
    return found.value if isinstance(found, Scalar) and isinstance(found.value, str) else default
