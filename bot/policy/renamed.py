"""Rules that a policy still calls by a former name: it goes on meaning the same, and its owner is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.policy.configuration import CompiledPolicy
from bot.policy.nodes import Mapping, Scalar, Sequence, Tree
from bot.rules.registry import canonical


def renamed(policies: Iterable[CompiledPolicy]) -> Iterator[str]:
    """A notice for each place that has a rule's former name."""
    for policy in policies:
        if policy.tree is not None and isinstance(policy.tree.root, Mapping):
            yield from _below(policy.tree, policy.tree.root, ("rules",))


def _below(tree: Tree, node: Mapping, forms: tuple[str, ...]) -> Iterator[str]:
    for form in forms:
        listed = node.get(form)
        for item in listed.items if isinstance(listed, Sequence) else ():
            if isinstance(item, Mapping):
                yield from _notice(tree, item)
                yield from _below(tree, item, ("any_of", "all_of"))


def _notice(tree: Tree, entry: Mapping) -> Iterator[str]:
    named = entry.get("rule")
    if not isinstance(named, Scalar) or canonical(named.text) == named.text:
        return
    kept = (
        ""
        if "name" in entry.entries
        else f" and 'name: {named.text}', so that its waivers and its baseline stay its own"
    )
    yield (
        f"{named.mark.file or tree.file}:{named.mark.line}: the rule {named.text} is called {canonical(named.text)} now; "
        f"write 'rule: {canonical(named.text)}'{kept}."
    )
