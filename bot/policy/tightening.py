"""What a policy that inherits may change: only what makes it stricter, unless the parent says ``override: allow``.

Every other change is an error that names both places: where the child says it, and what the parent said.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel

from bot.model.results import Combination
from bot.policy.compiling import SEVERITIES, judges
from bot.policy.configuration import Assertion, CompiledEntry, CompiledMember, CompiledPolicy, Group, RuleCheck
from bot.policy.expressions import Expression
from bot.policy.inheriting import FORMS, by_name, named
from bot.policy.models import Match, WaiverLimits
from bot.policy.nodes import Mapping, Mark, Node, Tree
from bot.policy.problems import Problem
from bot.rules.declaration import RuleParams, Tighter

ALLOW = "only an entry with 'override: allow' may be changed like that"
ALLOW_POLICY = "only a policy with 'override: allow' may be changed like that"
CHANGES = {
    Tighter.MORE: "may only be raised",
    Tighter.LESS: "may only be lowered",
    Tighter.SUBSET: "may only lose values",
    Tighter.SUPERSET: "may only gain values",
    Tighter.TRUE: "may only be turned on",
    Tighter.FALSE: "may only be turned off",
    Tighter.NEVER: "may not be changed",
}


def loosened(
    below: CompiledPolicy, below_tree: Tree, above: CompiledPolicy, above_tree: Tree, *, allowed: bool
) -> list[Problem]:
    """Where a merged policy is not at least as strict as the parent in it. ``allowed``: whether the parent's policy allows
    changes to what stands outside of its entries.
    """
    checker = _Checker(below_tree, above_tree)
    if not allowed:
        checker.policy(below, above)
    merged = {entry.name: entry for entry in above.entries}
    lower, upper = (by_name(_child(tree.root, "rules")) for tree in (below_tree, above_tree))
    for entry in below.entries:
        if entry.name in merged and entry.name in lower and entry.name in upper and not entry.override:
            checker.entry(entry, merged[entry.name], lower[entry.name], upper[entry.name])
    return checker.problems


def loosens(params: type[BaseModel], old: BaseModel, new: BaseModel) -> Iterator[tuple[tuple[str, ...], str]]:
    """The parameters that a change makes looser: the keys to each, and what would be allowed."""
    yield from _fields(params, old, new, (), Tighter.NEVER)


class _Checker:
    """Collects what is looser, each with the places of both sides."""

    def __init__(self, below: Tree, above: Tree) -> None:
        self.below, self.above = below, above
        self.problems: list[Problem] = []

    def report(self, lower: Mapping, upper: Mapping, keys: tuple[str, ...], path: str, message: str) -> None:
        """Note that what stands at ``keys`` below an entry is looser than what the parent says."""
        here, there = _mark(upper, keys), _mark(lower, keys)
        where = f"{there.file or self.below.file}:{there.line}:{there.column}"
        self.problems.append(self.above.problem(here, path, f"{message}; it is inherited from {where}"))

    def policy(self, below: CompiledPolicy, above: CompiledPolicy) -> None:
        """What stands outside of the entries."""
        lower, upper = _mapping(self.below.root), _mapping(self.above.root)
        if "match" in lower.entries:
            for key, message in _narrowed(below.match, above.match):
                self.report(lower, upper, ("match", key), f"match.{key}", f"{message}; {ALLOW_POLICY}")
        for key, message in _limits(below.limits, above.limits):
            self.report(lower, upper, ("waivers", key), f"waivers.{key}", f"{message}; {ALLOW_POLICY}")

    def entry(self, below: CompiledEntry, above: CompiledEntry, lower: Mapping, upper: Mapping) -> None:
        """One entry that both have."""
        path = f"rules[{below.name}]"
        if not above.schedule.covers(below.schedule):
            self.report(
                lower, upper, ("enforce",), f"{path}.enforce", f"the enforcement may only become stricter; {ALLOW}"
            )
        if SEVERITIES.index(above.severity) < SEVERITIES.index(below.severity):
            self.report(lower, upper, ("severity",), f"{path}.severity", f"the severity may only be raised; {ALLOW}")
        lost = below.kinds - above.kinds
        if lost and isinstance(below.check, Group) and isinstance(above.check, Group):
            form = above.check.how.value
            message = f"with these members {named(upper)!r} no longer {judges(lost)}; {ALLOW}"
            self.report(lower, upper, (form,), f"{path}.{form}", message)
        if above.override:
            message = "the parent does not let its entry be loosened, so neither may this policy"
            self.report(lower, upper, ("override",), f"{path}.override", message)
        self.member(below, above, lower, upper, path)

    def member(self, below: CompiledMember, above: CompiledMember, lower: Mapping, upper: Mapping, path: str) -> None:
        """A check and its conditions."""
        for key, one, other in (("when", below.when, above.when), ("unless", below.unless, above.unless)):
            if _text(one) != _text(other):
                said = "changed" if one is not None else "added"
                self.report(lower, upper, (key,), f"{path}.{key}", f"a condition may not be {said}; {ALLOW}")
        match below.check, above.check:
            case RuleCheck() as old, RuleCheck() as new if old.rule.id == new.rule.id:
                for keys, message in loosens(old.rule.params, old.params, new.params):
                    where = ".".join((path, "with", *keys))
                    self.report(lower, upper, ("with", *keys), where, f"{'.'.join(keys)} {message}; {ALLOW}")
            case Assertion() as old_assertion, Assertion() as new_assertion:
                if (old_assertion.subject, old_assertion.expression.text) != (
                    new_assertion.subject,
                    new_assertion.expression.text,
                ):
                    self.report(
                        lower, upper, ("assert",), f"{path}.assert", f"an assertion may not be changed; {ALLOW}"
                    )
            case Group() as old_group, Group() as new_group if old_group.how is new_group.how:
                self.group(old_group, new_group, lower, upper, path)
            case _:
                form = next(form for form in FORMS if form in upper.entries)
                self.report(lower, upper, (form,), f"{path}.{form}", f"an entry may not become another check; {ALLOW}")

    def group(self, below: Group, above: Group, lower: Mapping, upper: Mapping, path: str) -> None:
        """The members of a group that both have. One more way to pass loosens ``any_of``, and not ``all_of``."""
        form = below.how.value
        lower_nodes, upper_nodes = by_name(lower.get(form)), by_name(upper.get(form))
        held = {member.name: member for member in below.members}
        for member in above.members:
            node = upper_nodes[member.name]
            if member.name in held:
                at = f"{path}.{form}[{member.name}]"
                self.member(held[member.name], member, lower_nodes[member.name], node, at)
            elif below.how is Combination.ANY_OF:
                message = f"{member.name!r} would be one more way to pass the group {named(lower)!r}; {ALLOW}"
                self.report(lower, node, (), f"{path}.{form}[{member.name}]", message)


def _narrowed(below: Match, above: Match) -> Iterator[tuple[str, str]]:
    """Keys of a match by which fewer subjects are selected than before."""
    for key in Match.model_fields:
        old, new = getattr(below, key), getattr(above, key)
        if old == new or new is None or (key == "archived" and new == "any"):
            continue
        if old is None or key in ("archived", "fork"):
            yield key, "an inherited 'match' may not be narrowed"
        elif key == "properties":
            if any(name not in old or not _wider(old[name], globs) for name, globs in new.items()):
                yield key, "an inherited 'match' may not be narrowed"
        elif not _wider(old, new) or (key == "path" and not _in_order(old, new)):
            yield key, "an inherited 'match' may only gain values, and lose exclusions"


def _wider(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    """Whether a list of globs selects all that another did: nothing included is lost, nothing excluded is new."""

    def split(globs: tuple[Any, ...]) -> tuple[set[str], set[str]]:
        texts = {str(glob) for glob in globs}
        excluded = {text for text in texts if text.startswith("!")}
        return texts - excluded, excluded

    (was, was_not), (now, now_not) = split(old), split(new)
    # Exclusions alone mean everything else.
    return now_not <= was_not and (not now or (bool(was) and was <= now))


def _in_order(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    """Whether the globs of paths that both have stand in one order: what a later ``!`` takes out depends on it."""
    return [glob for glob in old if glob in new] == [glob for glob in new if glob in old]


def _limits(below: WaiverLimits, above: WaiverLimits) -> Iterator[tuple[str, str]]:
    if above.allowed and not below.allowed:
        yield "allowed", "waivers that the parent does not allow may not be allowed"
    if below.max_days is not None and (above.max_days is None or above.max_days > below.max_days):
        yield "max_days", "how long a waiver lasts may only be shortened"


def _fields(
    params: type[BaseModel], old: BaseModel, new: BaseModel, keys: tuple[str, ...], around: Tighter
) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, field in params.model_fields.items():
        tighter = next((extra for extra in field.metadata if isinstance(extra, Tighter)), around)
        was, now = getattr(old, name), getattr(new, name)
        here = (*keys, field.alias or name)
        if isinstance(was, RuleParams) and isinstance(now, RuleParams) and type(was) is type(now):
            yield from _fields(type(was), was, now, here, tighter)
        elif was != now and not _tighter(tighter, was, now):
            yield here, CHANGES[tighter]
    if isinstance(old, RuleParams) and isinstance(new, RuleParams) and old != new:
        reason = old.loosened_by(new)
        if reason:
            yield keys, reason


def _tighter(tighter: Tighter, was: Any, now: Any) -> bool:
    """Whether a changed value is stricter. An optional value that is unset asks for nothing."""
    if tighter is Tighter.NEVER or now is None:
        return False
    if was is None:
        return True
    match tighter:
        case Tighter.MORE:
            return bool(_rank(now) > _rank(was))
        case Tighter.LESS:
            return bool(_rank(now) < _rank(was))
        case Tighter.SUBSET:
            return set(now) <= set(was)
        case Tighter.SUPERSET:
            return set(now) >= set(was)
        case Tighter.TRUE:
            return now is True
        case Tighter.FALSE:
            return now is False


def _rank(value: Any) -> Any:
    """What is compared: of a choice its place among the others, which stand from least to most."""
    return list(type(value)).index(value) if isinstance(value, Enum) else value


def _text(expression: Expression | None) -> str | None:
    return None if expression is None else expression.text


def _mark(node: Mapping, keys: tuple[str, ...]) -> Mark:
    """The place of what stands at some keys; the nearest that there is above it."""
    here: Node = node
    mark = node.mark
    for key in keys:
        if not isinstance(here, Mapping) or key not in here.entries:
            break
        mark, here = here.entries[key]
    return mark


def _child(node: Node, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Mapping) else None


def _mapping(node: Node) -> Mapping:
    return node if isinstance(node, Mapping) else Mapping(node.mark)
