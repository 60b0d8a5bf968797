"""Makes a policy's tree ready to be used: its rules found, their parameters checked, its conditions compiled."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from typing import Protocol, TypeVar

from bot.model.findings import Severity
from bot.model.results import Combination, Enforcement
from bot.model.subjects import Organization, Subject, WorkItem
from bot.policy import models, schedule
from bot.policy.configuration import (
    Assertion,
    Check,
    CompiledEntry,
    CompiledMember,
    CompiledPolicy,
    Group,
    RuleCheck,
)
from bot.policy.expressions import ExpressionError, compile_expression
from bot.policy.inheriting import FORMS
from bot.policy.matching import selects_repositories
from bot.policy.message import compile_message
from bot.policy.nodes import Mapping, Node, Scalar, Sequence, Tree
from bot.policy.problems import Problem, did_you_mean
from bot.policy.schedule import Schedule
from bot.policy.validation import check
from bot.rules import registry
from bot.rules.declaration import Rule

Kinds = frozenset[type[Subject]]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

OWN = ("subject", "message", "fix", "location")
"""The keys of a rule of one's own."""
ENTRY = re.compile(r"rules\[\d+\]")
RESERVED = "waivers"
"""The name under which a policy's waivers are reported."""
KINDS: dict[str, type[Subject]] = {kind.kind: kind for kind in Subject.__subclasses__()}
PLURALS = {
    "organization": "organizations",
    "repository": "repositories",
    "branch": "branches",
    "pull_request": "pull requests",
    "pipeline": "pipelines",
    "environment": "environments",
    "release": "releases",
    "work_item": "work items",
}
SEVERITIES = list(Severity)


def compile_policy(
    tree: Tree, parents: tuple[str, ...] = (), *, partial: bool = False
) -> tuple[CompiledPolicy | None, list[Problem]]:
    """The policy, and everything that is wrong with it. There is none where the tree as a whole is not one; where a rule
    or a parameter is wrong, it lacks that entry. ``parents``: the sources of what was merged into the tree. ``partial``:
    not every parent could be had, so that what an entry lacks may stand there.
    """
    written, problems = check(models.Policy, tree, tree.root)
    nodes = list(_mappings(tree.root.get("rules") if isinstance(tree.root, Mapping) else None, "rules"))
    problems += _same_names(tree, nodes)
    problems += _without_value(tree)
    entries: list[CompiledEntry] = []
    for (path, node), entry in zip(nodes, written.rules if written else [None] * len(nodes), strict=False):
        compiler = _Compiler(tree, written, partial=partial)
        compiled = compiler.entry(node, path, entry)
        problems += compiler.problems
        entries += [compiled] if compiled is not None else []
    problems = [_own_path(problem, tree, nodes) for problem in problems]
    if written is None:
        return None, problems
    policy = CompiledPolicy(
        name=written.metadata.name,
        source=tree.file,
        match=written.match,
        entries=tuple(entries),
        limits=written.waivers,
        parents=parents,
        tree=tree,
    )
    return policy, problems


class _Compiler:
    """Compiles one entry, and collects what is wrong with it."""

    def __init__(self, tree: Tree, policy: models.Policy | None, *, partial: bool) -> None:
        self.tree, self.policy, self.partial = tree, policy, partial
        self.problems: list[Problem] = []

    def entry(self, node: Mapping, path: str, written: models.Entry | None) -> CompiledEntry | None:
        """An entry. None where its policy does not hold, or something in it is wrong."""
        if "enforce" not in node.entries and not self.partial:
            self.report(node, path, "the key 'enforce' is missing: audit, warn, block or disabled")
        enforced = self.schedule(node, path, written) if written is not None else None
        member = self.member(node, path, written, None)
        if self.policy is None or written is None or member is None or enforced is None:
            return None
        self.reach(node, path, member)
        return CompiledEntry(
            key=member.key,
            check=member.check,
            when=member.when,
            unless=member.unless,
            line=member.line,
            source=member.source,
            schedule=enforced,
            severity=written.severity or _severity(member),
            override=(written.override or self.policy.override) is models.Override.ALLOW,
        )

    def member(
        self, node: Mapping, path: str, written: models.Member | None, judged: Kinds | None
    ) -> CompiledMember | None:
        """An entry's check and conditions. ``judged``: the types of subject that the group around it judges."""
        forms = [form for form in FORMS if form in node.entries]
        if not forms and self.partial:
            return None
        if not forms:
            wanted = "a rule ('rule'), a group ('any_of', 'all_of') or a rule of one's own ('assert')"
            inherited = " No policy that this one extends has an entry of that name." if "name" in node.entries else ""
            self.report(node, path, f"an entry is {wanted}, and this is none.{inherited}".rstrip("."))
            return None
        if len(forms) > 1:
            self.report(node, f"{path}.{forms[1]}", f"an entry has {forms[0]!r} or {forms[1]!r}, not both", forms[1])
            return None
        (form,) = forms
        self.misfits(node, path, form)
        kinds = self.kinds(node, path)
        if kinds is None:
            return None
        kinds = kinds if judged is None else kinds & judged
        compiled = self.check(form, node, path, written, kinds)
        when = self.compiled(node, path, "when", kinds, compile_expression)
        unless = self.compiled(node, path, "unless", kinds, compile_expression)
        name = written.name or written.rule if written is not None else None
        if compiled is None or self.policy is None or name is None:
            return None
        key = f"{self.policy.metadata.name}/{name}"
        mark = node.mark
        return CompiledMember(key, compiled, when, unless, mark.line, mark.file or self.tree.file)

    def misfits(self, node: Mapping, path: str, form: str) -> None:
        """Keys without a value, keys that go with another form of entry, and names that are missing."""
        for key, (_, value) in node.entries.items():
            if isinstance(value, Scalar) and value.value is None:
                # Nothing after the colon would be no condition at all, and the entry would apply everywhere.
                what = "the condition" if key in ("when", "unless") else "it"
                message = f"{what} is empty; write one, or take the key out"
                self.problems.append(self.tree.problem(value.mark, f"{path}.{key}", message))
        if "with" in node.entries and form != "rule":
            self.report(
                node, f"{path}.with", "'with' gives the parameters of a rule, and this entry names none", "with"
            )
        for key in OWN:
            if key in node.entries and form != "assert":
                self.report(node, f"{path}.{key}", f"{key!r} belongs to a rule of one's own ('assert')", key)
        if form == "assert":
            for key in ("subject", "message"):
                if key not in node.entries:
                    self.report(node, path, f"the key {key!r} is missing; a rule of one's own has it")
        if form != "rule" and "name" not in node.entries:
            kind = "a rule of one's own" if form == "assert" else "a group"
            self.report(node, path, f"the key 'name' is missing: {kind} needs one, waivers and results go by it")

    def kinds(self, node: Mapping, path: str) -> Kinds | None:
        """The types of subject that an entry judges; None where that cannot be told, and is told elsewhere."""
        if "rule" in node.entries:
            rule = self.rule(node, path)
            return None if rule is None else frozenset(rule.variants)
        if "assert" in node.entries:
            subject = node.get("subject")
            found = KINDS.get(subject.text) if isinstance(subject, Scalar) else None
            return None if found is None else frozenset({found})
        form = "any_of" if "any_of" in node.entries else "all_of"
        members = list(_mappings(node.get(form), f"{path}.{form}"))
        inner = [self.kinds(member, at) for at, member in members]
        known = [kinds for kinds in inner if kinds is not None]
        if not members or len(known) < len(inner):
            for at, member in members:  # Each still says what is wrong with it.
                self.member(member, at, None, None)
            return None
        common = frozenset.intersection(*known)
        if not common:
            each = ", ".join(
                f"{_name(member)!r} {judges(kinds)}" for (_, member), kinds in zip(members, known, strict=True)
            )
            self.report(node, f"{path}.{form}", f"its members have no type of subject in common: {each}", form)
            return None
        return common

    def check(self, form: str, node: Mapping, path: str, written: models.Member | None, kinds: Kinds) -> Check | None:
        """What the entry checks."""
        match form:
            case "rule":
                return self.rule_check(node, path)
            case "assert":
                return self.assertion(node, path, kinds)
            case _:
                return self.group(form, node, path, written, kinds)

    def rule_check(self, node: Mapping, path: str) -> RuleCheck | None:
        """A rule with its parameters."""
        rule = self.rule(node, path)
        given = node.get("with")
        if rule is None or not (given is None or isinstance(given, Mapping)):
            return None
        params, problems = check(rule.params, self.tree, given or Mapping(node.mark), f"{path}.with")
        self.problems += problems
        return None if params is None else RuleCheck(rule, params)

    def assertion(self, node: Mapping, path: str, kinds: Kinds) -> Assertion | None:
        """A rule of one's own."""
        expression = self.compiled(node, path, "assert", kinds, compile_expression)
        message, fix, location = (
            self.compiled(node, path, key, kinds, compile_message) for key in ("message", "fix", "location")
        )
        if expression is None or message is None:
            return None
        (subject,) = kinds or (None,)
        return None if subject is None else Assertion(subject, expression, message, fix, location)

    def group(self, form: str, node: Mapping, path: str, written: models.Member | None, kinds: Kinds) -> Group | None:
        """A group of members."""
        nodes = list(_mappings(node.get(form), f"{path}.{form}"))
        inner = getattr(written, form) if written is not None else None
        each: list[models.Member | None] = list(inner) if inner else [None] * len(nodes)
        members = [self.member(member, at, one, kinds) for (at, member), one in zip(nodes, each, strict=False)]
        found = [member for member in members if member is not None]
        return Group(Combination(form), tuple(found)) if found and len(found) == len(members) else None

    def rule(self, node: Mapping, path: str) -> Rule | None:
        """The rule that an entry names."""
        named = node.get("rule")
        if not isinstance(named, Scalar) or not isinstance(named.value, str):
            return None
        found = registry.find(named.value)
        if found is None:
            hint = did_you_mean(named.value, registry.rules()) or "; 'almguard rules' lists them"
            problem = self.tree.problem(named.mark, f"{path}.rule", f"no rule is called {named.value!r}{hint}")
            if problem not in self.problems:
                self.problems.append(problem)
        return found

    def compiled(self, node: Mapping, path: str, key: str, kinds: Kinds, compile_: _Compile[T]) -> T | None:
        """An expression, or a text with expressions, for every type of subject that the entry judges."""
        text = node.get(key)
        if not isinstance(text, Scalar) or not isinstance(text.value, str) or not text.value or not kinds:
            return None
        try:
            return compile_(text.value, kinds)
        except ExpressionError as error:
            for mistake in error.mistakes:
                mark = self.tree.inside(text, mistake.line, mistake.column)
                self.problems.append(self.tree.problem(mark, f"{path}.{key}", mistake.message))
            return None

    def schedule(self, node: Mapping, path: str, written: models.Entry) -> Schedule | None:
        """How an entry is enforced, and when."""
        enforce = written.enforce
        if enforce is None:
            return None
        if isinstance(enforce, Enforcement):
            return Schedule.always(enforce)
        steps: list[tuple[Enforcement, date | None]] = []
        for step in enforce:
            steps += [(step, None)] if isinstance(step, Enforcement) else list(step.items())
        wrong = schedule.mistake(steps)
        if wrong is not None:
            index, message = wrong
            listed = node.get("enforce")
            place = listed.items[index] if isinstance(listed, Sequence) else node
            self.problems.append(self.tree.problem(place.mark, f"{path}.enforce[{index}]", message))
            return None
        return Schedule(tuple(schedule.Step(enforcement, since) for enforcement, since in steps))

    def reach(self, node: Mapping, path: str, member: CompiledMember) -> None:
        """An entry that could never be applied is a mistake: nothing above a repository is selected by repositories."""
        assert self.policy is not None
        kinds = member.kinds
        if selects_repositories(self.policy.match) and not kinds - {Organization, WorkItem}:
            message = (
                f"{member.rule_id} {judges(kinds)}, and 'match' selects repositories, so it would never be applied"
            )
            self.report(node, path, f"{message}; move it to a policy that matches by organization or project")

    def report(self, node: Mapping, path: str, message: str, key: str = "") -> None:
        """Note a mistake, at the entry or at one of its keys."""
        mark = node.entries[key][0] if key else node.mark
        self.problems.append(self.tree.problem(mark, path, message))


class _Compile(Protocol[T_co]):
    """``compile_expression``, ``compile_message``."""

    def __call__(self, text: str, subjects: Collection[type[Subject]], /) -> T_co:
        """What the text compiles to. Raises ``ExpressionError``."""
        ...


def _own_path(problem: Problem, tree: Tree, nodes: Collection[tuple[str, Mapping]]) -> Problem:
    """A problem whose path counts an entry as its own file does, not as the policy that it was merged into."""
    found = ENTRY.match(problem.path)
    node = dict(nodes).get(found[0]) if found is not None else None
    if found is None or node is None or not tree.inherited:
        return problem
    beside = sorted((other.mark.line, other.mark.column) for _, other in nodes if other.mark.file == node.mark.file)
    index = beside.index((node.mark.line, node.mark.column))
    return replace(problem, path=f"rules[{index}]{problem.path[found.end() :]}")


def _severity(member: CompiledMember) -> Severity:
    """The rule's own; of a group the gravest of its rules'."""
    found = [one.rule.severity for one in member.rules()]
    return max(found, key=SEVERITIES.index, default=Severity.MEDIUM)


def _name(node: Mapping) -> str:
    named = node.get("name") or node.get("rule")
    return named.text if isinstance(named, Scalar) else "?"


def judges(kinds: Kinds) -> str:
    """``judges pull requests and repositories``."""
    return "judges " + " and ".join(sorted(PLURALS[kind.kind] for kind in kinds))


def _mappings(node: Node | None, path: str) -> Iterator[tuple[str, Mapping]]:
    """The mappings of a list, each with its path."""
    for index, item in enumerate(node.items if isinstance(node, Sequence) else ()):
        if isinstance(item, Mapping):
            yield f"{path}[{index}]", item


def _all(nodes: Collection[tuple[str, Mapping]]) -> Iterator[tuple[str, Mapping]]:
    for path, node in nodes:
        yield path, node
        for form in ("any_of", "all_of"):
            yield from _all(list(_mappings(node.get(form), f"{path}.{form}")))


def _without_value(tree: Tree) -> Iterator[Problem]:
    """Keys of ``match`` and ``waivers`` with nothing after the colon, which would select everything, or limit nothing."""
    for key in ("match", "waivers"):
        found = tree.root.get(key) if isinstance(tree.root, Mapping) else None
        for name, (_, value) in found.entries.items() if isinstance(found, Mapping) else ():
            if isinstance(value, Scalar) and value.value is None:
                yield tree.problem(value.mark, f"{key}.{name}", "it is empty; write a value, or take the key out")


def _same_names(tree: Tree, nodes: Collection[tuple[str, Mapping]]) -> Iterator[Problem]:
    """Two entries of one policy with one name: waivers and results could not tell them apart."""
    seen: dict[str, str] = {}
    for path, node in _all(nodes):
        named = node.get("name") or node.get("rule")
        if not isinstance(named, Scalar):
            continue
        if named.text == RESERVED:
            yield tree.problem(named.mark, path, f"the name {RESERVED!r} is taken: waivers are reported under it")
        if named.text in seen:
            message = f"the name {named.text!r} is taken by {seen[named.text]}; give one of them a 'name' of its own"
            yield tree.problem(node.mark, path, message)
        elsewhere = f" of {node.mark.file}" if node.mark.file not in ("", tree.file) else ""
        seen.setdefault(named.text, f"the entry on line {node.mark.line}{elsewhere}")
