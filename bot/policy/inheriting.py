"""Inheritance: a policy's tree laid over its parents', key by key. Every value keeps the place that it was written at."""

from __future__ import annotations

from collections.abc import Iterator

from bot.policy.models import Override
from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence, Tree
from bot.rules.registry import canonical

FORMS = ("rule", "any_of", "all_of", "assert")
"""What an entry may be, by the key that makes it so."""
FORM_KEYS = {"rule": ("with",), "assert": ("subject", "message", "fix", "location"), "any_of": (), "all_of": ()}
"""The keys that go with one form alone, and with it are replaced."""


def merge(below: Tree, above: Tree, *, beside: bool = False) -> Tree:
    """The policy ``above`` laid over the policy ``below``, which it inherits from. Neither is changed.

    ``match``, ``waivers`` and an entry's ``with`` are merged by key, entries and the members of groups by name; everything
    else that is stated above takes the place of what is below. What a child may not do is for ``tightening`` to say.

    What comes out may be loosened in its turn where both say so. Where one alone does, that holds for the entries which are
    its own: those that the policy above adds and, where both are parents ``beside`` one another, those that only one has.
    """
    lower, upper = _mapping(below.root), _mapping(above.root)
    allowed = allows(lower) and allows(upper)
    if not allowed and (beside or allows(upper)):
        lower, upper = _own(lower, upper), _own(upper, lower)
    entries = {key: pair for key, pair in lower.entries.items() if key in ("override", "match", "waivers", "rules")}
    for key, (mark, node) in upper.entries.items():
        held = lower.get(key)
        if key in ("match", "waivers") and isinstance(held, Mapping) and isinstance(node, Mapping):
            node = Mapping(node.mark, {**held.entries, **node.entries})
        elif key == "rules" and isinstance(held, Sequence) and isinstance(node, Sequence):
            node = Sequence(node.mark, list(_members(held, node)))
        entries[key] = (mark, node)
    if not allowed and allows(Mapping(upper.mark, entries)):
        del entries["override"]
    lines = {**below.inherited, below.file: below.lines, **above.inherited}
    lines.pop(above.file, None)
    return Tree(above.file, Mapping(upper.mark, entries), above.problems, above.lines, lines)


def allows(policy: Mapping) -> bool:
    """Whether a policy as a whole lets those that inherit it loosen it."""
    said = policy.get("override")
    return isinstance(said, Scalar) and said.text == Override.ALLOW.value


def named(node: Node) -> str | None:
    """The name of an entry: its own, or its rule's. None where it has none that can be read."""
    if not isinstance(node, Mapping):
        return None
    found = node.get("name") or node.get("rule")
    return found.text if isinstance(found, Scalar) and isinstance(found.value, str) else None


def by_name(node: Node | None) -> dict[str, Mapping]:
    """The entries of a list, by name."""
    items = node.items if isinstance(node, Sequence) else []
    return {name: item for item in items if isinstance(item, Mapping) and (name := named(item)) is not None}


def _members(lower: Sequence, upper: Sequence) -> Iterator[Node]:
    """The entries below in their order, each with what is stated above; then those that are only above."""
    rest = list(upper.items)
    for item in lower.items:
        name = named(item)
        over = next((each for each in rest if isinstance(each, Mapping) and name and named(each) == name), None)
        if isinstance(item, Mapping) and over is not None:
            rest = [each for each in rest if each is not over]
            yield _entry(item, over)
        else:
            yield item
    yield from rest  # Also a second one of a name, which is a mistake that must not go unnoticed.


def _entry(lower: Mapping, upper: Mapping) -> Mapping:
    entries = dict(lower.entries)
    form = next((form for form in FORMS if form in upper.entries), None)
    if form is not None and not _same_form(form, lower, upper):
        dropped = {key for other in FORMS for key in (other, *FORM_KEYS[other])}
        entries = {key: pair for key, pair in entries.items() if key not in dropped}
    for key, (mark, node) in upper.entries.items():
        entries[key] = (mark, _value(key, entries.get(key), node))
    return Mapping(upper.mark, entries)


def _same_form(form: str, lower: Mapping, upper: Mapping) -> bool:
    if form not in lower.entries:
        return False
    if form != "rule":
        return True
    one, other = lower.get("rule"), upper.get("rule")
    if not isinstance(one, Scalar) or not isinstance(other, Scalar):
        return False
    return one.text == other.text or canonical(one.text) == canonical(other.text)


def _value(key: str, below: tuple[Mark, Node] | None, above: Node) -> Node:
    if below is None:
        return above
    _, held = below
    if key in ("any_of", "all_of") and isinstance(held, Sequence) and isinstance(above, Sequence):
        return Sequence(above.mark, list(_members(held, above)))
    if key == "with" and isinstance(held, Mapping) and isinstance(above, Mapping):
        return _parameters(held, above)
    return above


def _parameters(lower: Mapping, upper: Mapping) -> Mapping:
    """Parameters by key, and those that are mappings themselves by theirs."""
    entries = dict(lower.entries)
    for key, (mark, node) in upper.entries.items():
        held = lower.get(key)
        inner = _parameters(held, node) if isinstance(held, Mapping) and isinstance(node, Mapping) else node
        entries[key] = (mark, inner)
    return Mapping(upper.mark, entries)


def _own(policy: Mapping, other: Mapping) -> Mapping:
    """A policy that allows overriding, with that said for each of the entries which the other one does not have."""
    rules = policy.get("rules")
    if not allows(policy) or not isinstance(rules, Sequence):
        return policy
    known = by_name(other.get("rules"))
    items: list[Node] = []
    for item in rules.items:
        if isinstance(item, Mapping) and "override" not in item.entries and named(item) not in known:
            said = Scalar(item.mark, Override.ALLOW.value, Override.ALLOW.value)
            item = Mapping(item.mark, {**item.entries, "override": (item.mark, said)})
        items.append(item)
    return Mapping(policy.mark, {**policy.entries, "rules": (policy.entries["rules"][0], Sequence(rules.mark, items))})


def _mapping(node: Node) -> Mapping:
    return node if isinstance(node, Mapping) else Mapping(node.mark)
