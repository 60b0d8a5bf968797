"""The short forms in which people, files, commits and links may be written in facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from bot.model.facts.change import Change, ChangedFile, Commit, LinkSource, ReviewerPermissions, WorkItemLink
from bot.model.people import Person, Signature
from bot.model.subjects import Platform, WorkItem
from bot.policy.building import WRONG, Builder, Own
from bot.policy.forms import fields_of
from bot.policy.nodes import Mapping as MappingNode
from bot.policy.nodes import Node, Scalar
from bot.policy.subjectfile import account, build_work_item, login_id

TRACKERS = {
    LinkSource.AZURE_BOARDS.value: Platform.AZURE_DEVOPS,
    LinkSource.GITHUB_ISSUES.value: Platform.GITHUB,
    LinkSource.JIRA.value: Platform.JIRA,
}


@cache
def shorthands(platform: Platform) -> Mapping[type, Own]:
    """How these are built where people live on that platform."""
    return {
        Person: _or_text(lambda login: account(login, platform), _person(platform)),
        Signature: _or_text(lambda login: Signature(login, "", account(login, platform)), _plainly(Signature)),
        ChangedFile: _or_text(lambda path: ChangedFile(path, Change.MODIFIED), _plainly(ChangedFile)),
        Commit: _commit,
        WorkItemLink: _link,
        WorkItem: lambda builder, node, path: build_work_item(builder, node, path, Platform.AZURE_DEVOPS),
        ReviewerPermissions: _permissions(platform),
    }


def _or_text(short: Callable[[str], object], whole: Own) -> Own:
    """A bare text, or the keys."""

    def build(builder: Builder, node: Node, path: str) -> Any:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return short(node.value)
        return whole(builder, node, path)

    return build


def _plainly(type_: type) -> Own:
    return lambda builder, node, path: builder.record(type_, node, path)


def _person(platform: Platform) -> Own:
    """The id may be left out: it is then that of the login."""

    def build(builder: Builder, node: Node, path: str) -> Any:
        if not isinstance(node, MappingNode):
            return builder.record(Person, node, path)
        built = builder.keys(fields_of(Person).values(), node, path)
        if isinstance(login := built.get("login"), str):
            built = {"id": login_id(login, platform)} | built
        return builder.made(Person, built, node, path)

    return build


def _commit(builder: Builder, node: Node, path: str) -> Any:
    """Who wrote it has committed it too, where nothing else is said."""
    if not isinstance(node, MappingNode):
        return builder.record(Commit, node, path)
    built = builder.keys(fields_of(Commit).values(), node, path)
    if "author" in built:
        built = {"committer": built["author"]} | built
    return builder.made(Commit, built, node, path)


def _link(builder: Builder, node: Node, path: str) -> Any:
    """The item of a link lives in the tracker that the link's source says."""
    if not isinstance(node, MappingNode):
        return builder.record(WorkItemLink, node, path)
    source = node.get("source")
    tracker = TRACKERS.get(source.text if isinstance(source, Scalar) else "", Platform.AZURE_DEVOPS)
    own = {**builder.own, WorkItem: lambda _, item, inside: build_work_item(builder, item, inside, tracker)}
    inner = Builder(builder.tree, own)
    built = inner.record(WorkItemLink, node, path)
    builder.problems += inner.problems
    return built


def _permissions(platform: Platform) -> Own:
    """Levels by login as well as by id: an id has slashes, a login has none."""

    def build(builder: Builder, node: Node, path: str) -> Any:
        built = builder.record(ReviewerPermissions, node, path)
        if built is WRONG:
            return WRONG
        levels = {key if "/" in key else login_id(key, platform): level for key, level in built.levels.items()}
        return ReviewerPermissions(levels)

    return build
