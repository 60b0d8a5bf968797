"""Makes a policy's file ready to be used: its rules found, their parameters checked, its conditions compiled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.model.subjects import Organization, WorkItem
from bot.policy import models
from bot.policy.configuration import CompiledEntry, CompiledPolicy
from bot.policy.expressions import Expression, ExpressionError, compile_expression
from bot.policy.matching import selects_repositories
from bot.policy.nodes import Mapping, Node, Scalar, Sequence, Tree
from bot.policy.problems import Problem, did_you_mean
from bot.policy.validation import check
from bot.rules import registry
from bot.rules.declaration import Rule


def compile_policy(tree: Tree) -> tuple[CompiledPolicy | None, list[Problem]]:
    """The policy, and everything that is wrong with it. There is none where the file as a whole is not one; where a rule
    or a parameter is wrong, it lacks that entry.
    """
    written, problems = check(models.Policy, tree, tree.root)
    nodes = list(_entry_nodes(tree.root))
    problems += _same_names(tree, nodes)
    entries: list[CompiledEntry] = []
    for index, node in nodes:
        compiler = _EntryCompiler(tree, node, f"rules[{index}]")
        entry = compiler.compile(written, index)
        problems += compiler.problems
        entries += [entry] if entry is not None else []
    if written is None:
        return None, problems
    return CompiledPolicy(written.metadata.name, tree.file, written.match, tuple(entries)), problems


class _EntryCompiler:
    """Compiles one entry, and collects what is wrong with it."""

    def __init__(self, tree: Tree, node: Mapping, path: str) -> None:
        self.tree, self.node, self.path = tree, node, path
        self.problems: list[Problem] = []

    def compile(self, policy: models.Policy | None, index: int) -> CompiledEntry | None:
        """The entry. None where its policy does not hold, or its rule or parameters are wrong."""
        rule = self.rule()
        if rule is None:
            return None
        params = None
        given = self.node.get("with")
        if given is None or isinstance(given, Mapping):
            params, problems = check(rule.params, self.tree, given or Mapping(self.node.mark), f"{self.path}.with")
            self.problems += problems
        when, unless = self.condition("when", rule), self.condition("unless", rule)
        if policy is None or params is None:
            return None
        self.reach(rule, policy.match)
        written = policy.rules[index]
        return CompiledEntry(
            key=f"{policy.metadata.name}/{written.name or rule.id}",
            rule=rule,
            params=params,
            enforcement=written.enforce,
            severity=written.severity or rule.severity,
            when=when,
            unless=unless,
            line=self.node.mark.line,
        )

    def rule(self) -> Rule | None:
        """The rule that it names."""
        node = self.node.get("rule")
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return None
        found = registry.find(node.value)
        if found is None:
            hint = did_you_mean(node.value, registry.rules()) or "; 'almguard rules' lists them"
            self.report(node, "rule", f"no rule is called {node.value!r}{hint}")
        return found

    def condition(self, key: str, rule: Rule) -> Expression | None:
        """A condition, for every type of subject that the rule judges."""
        node = self.node.get(key)
        if isinstance(node, Scalar) and node.value is None:
            # Nothing after the colon would be no condition at all, and the entry would apply everywhere.
            self.report(node, key, "the condition is empty; write one, or take the key out")
            return None
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.value:
            return None
        try:
            return compile_expression(node.value, rule.variants)
        except ExpressionError as error:
            for mistake in error.mistakes:
                mark = self.tree.inside(node, mistake.line, mistake.column)
                self.problems.append(self.tree.problem(mark, f"{self.path}.{key}", mistake.message))
            return None

    def reach(self, rule: Rule, match: models.Match) -> None:
        """An entry that could never be applied is a mistake: nothing above a repository is selected by repositories."""
        if selects_repositories(match) and not set(rule.variants) - {Organization, WorkItem}:
            judged = " and ".join(sorted(kind.kind.replace("_", " ") + "s" for kind in rule.variants))
            message = f"{rule.id} judges {judged}, and 'match' selects repositories, so it would never be applied"
            self.report(self.node, "", f"{message}; move it to a policy that matches by organization or project")

    def report(self, node: Node, key: str, message: str) -> None:
        """Note a mistake."""
        path = f"{self.path}.{key}" if key else self.path
        self.problems.append(self.tree.problem(node.mark, path, message))


def _entry_nodes(root: Node) -> Iterator[tuple[int, Mapping]]:
    rules = root.get("rules") if isinstance(root, Mapping) else None
    for index, node in enumerate(rules.items if isinstance(rules, Sequence) else ()):
        if isinstance(node, Mapping):
            yield index, node


def _same_names(tree: Tree, nodes: Iterable[tuple[int, Mapping]]) -> Iterator[Problem]:
    """Two entries of one policy with one name: waivers and results could not tell them apart."""
    seen: dict[str, int] = {}
    for index, node in nodes:
        named = node.get("name") or node.get("rule")
        if not isinstance(named, Scalar):
            continue
        if named.text in seen:
            first = f"the entry on line {seen[named.text]}"
            message = f"the name {named.text!r} is taken by {first}; give one of them a 'name' of its own"
            yield tree.problem(node.mark, f"rules[{index}]", message)
        seen.setdefault(named.text, node.mark.line)
