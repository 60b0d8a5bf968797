"""Facts from the short YAML of test cases: what was read, what could not be read, and what there is not."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from typing import Any

from bot.model.facts import Fact, NotSupported, Unavailable, UnknownKind, fact_types
from bot.model.subjects import Branch, Organization, Platform, Repository, Subject, WorkItem
from bot.policy.building import Builder
from bot.policy.forms import Form, Kind, fields_of
from bot.policy.nodes import Mapping, Node, Scalar, Sequence, Tree
from bot.policy.problems import did_you_mean
from bot.policy.shorthand import shorthands
from bot.policy.validation import mistyped

UNAVAILABLE = "unavailable"
NOT_SUPPORTED = "not_supported"
TEXT = Form(Kind.TEXT)

Told = Fact | Unavailable | NotSupported
"""What a file says of one fact."""

Facts = AnyMapping[type[Fact], Told]
"""By the type of fact; each is about the subject, or about what the subject belongs to."""


@dataclass(frozen=True, slots=True)
class Given:
    """One subject, and what is known about it."""

    subject: Subject
    facts: Facts


def builder_for(tree: Tree, platform: Platform) -> Builder:
    """What builds subjects and facts of one platform from a file."""
    return Builder(tree, shorthands(platform))


def build_facts(builder: Builder, node: Node | None, path: str) -> Facts:
    """The facts of a mapping; what is wrong is noted."""
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        builder.note(node.mark, path, mistyped("dict_type", node))
        return {}
    known, found = fact_types(), {}
    for name, (mark, value) in node.entries.items():
        inside = f"{path}.{name}"
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            builder.note(mark, inside, f"there is no fact {name!r}{hint}")
            continue
        told = _told(builder, known[name], value, inside)
        if isinstance(told, Told):
            found[known[name]] = told
    return found


def fits(fact: type[Fact], kind: type[Subject]) -> bool:
    """Whether a fact can be about a subject of that type, or about what one belongs to: the engine's ``can_reach``."""
    belongs = kind not in (Organization, WorkItem) and fact.subject in (Branch, Repository, Organization)
    return fact.subject is kind or belongs


def refuse_unfitting(builder: Builder, facts: Facts, kind: type[Subject], node: Node | None, path: str) -> None:
    """Note each fact of a mapping that is about another type of subject than that of the case."""
    for fact in facts:
        if isinstance(node, Mapping) and fact.name in node.entries and not fits(fact, kind):
            words = (fact.subject.kind.replace("_", " "), kind.kind.replace("_", " "))
            message = f"it is a fact about a {words[0]}, and the subject is a {words[1]}"
            builder.note(node.entries[fact.name][0], f"{path}.{fact.name}", message)


def _told(builder: Builder, fact: type[Fact], node: Node, path: str) -> Any:
    """A fact's keys, the list that is its first key, or that it could not be read, or is not supported."""
    if isinstance(node, Scalar) and node.value is None:
        node = Mapping(node.mark)
    if isinstance(node, Mapping):
        for word, build in ((UNAVAILABLE, _unavailable), (NOT_SUPPORTED, _not_supported)):
            if word in node.entries:
                for other in [key for key in node.entries if key != word]:
                    builder.note(node.entries[other][0], f"{path}.{other}", f"beside {word!r} nothing is known of it")
                return build(builder, node.entries[word][1], f"{path}.{word}")
    first = next(iter(fields_of(fact).values()))
    if isinstance(node, Sequence) and first.form.kind is Kind.LIST:
        node = Mapping(node.mark, {first.name: (node.mark, node)})
    return builder.value(Form(Kind.RECORD, type=fact), node, path)


def _unavailable(builder: Builder, node: Node, path: str) -> Any:
    """A reason alone is that of a missing scope."""
    if isinstance(node, Mapping):
        return builder.record(Unavailable, node, path)
    reason = builder.value(TEXT, node, path)
    return Unavailable(UnknownKind.SCOPE, reason) if isinstance(reason, str) else reason


def _not_supported(builder: Builder, node: Node, path: str) -> Any:
    reason = builder.value(TEXT, node, path)
    return NotSupported(reason) if isinstance(reason, str) else reason
