"""Loads a configuration: its policies, the packs and files that it names, everything compiled, all mistakes at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as AnySequence
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from bot.model.facts import UnknownKind
from bot.model.results import Enforcement, PolicySource
from bot.model.subjects import Organization, WorkItem
from bot.policy import globs, models
from bot.policy.configuration import (
    Comment,
    CompiledEntry,
    CompiledPolicy,
    Configuration,
    Connection,
    Files,
    GateSettings,
    OnUnknown,
    SourceFile,
)
from bot.policy.expressions import Expression, ExpressionError, compile_expression
from bot.policy.globs import any_glob
from bot.policy.loader import parse_yaml
from bot.policy.matching import selects_repositories
from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence, Tree
from bot.policy.packaged import data_file, data_folder
from bot.policy.problems import PolicyError, Problem, did_you_mean
from bot.policy.validation import check
from bot.rules import registry
from bot.rules.declaration import Rule

PACK = "pack:"
DEFAULT_PACK = "baseline"
GLOB_KEYS = frozenset({"organization", "project", "repository", "branch", "topics", "language"})
M = TypeVar("M", bound=BaseModel)
KINDS: dict[str, type[BaseModel]] = {"Policy": models.Policy, "Config": models.Config}


class NoFiles:
    """A place with no other files."""

    def read(self, path: str) -> tuple[str, str] | None:  # noqa: ARG002 - the Protocol's
        """Nothing."""
        return None

    def list(self) -> AnySequence[str]:
        """Nothing."""
        return ()


def load_configuration(text: str, source: str, files: Files | None = None) -> Configuration:
    """The configuration that a file is: a policy, or a ``Config`` that names policies. Raises ``PolicyError``.

    ``source`` is the file's name for people; ``files`` the place that it comes from, for the files that it names.
    """
    loading = _Loading(files or NoFiles())
    loading.start(text, source)
    if loading.problems:
        raise PolicyError(loading.problems)
    return loading.configuration()


def default_configuration() -> Configuration:
    """What is applied where nobody has configured anything: the shipped baseline, which then only records."""
    text = data_file("policies", f"{DEFAULT_PACK}.yml").read_text(encoding="utf-8")
    loaded = load_configuration(text, f"{PACK}{DEFAULT_PACK}")
    return replace(loaded, policies=tuple(audited(policy) for policy in loaded.policies))


def audited(policy: CompiledPolicy) -> CompiledPolicy:
    """The same policy, with nothing shown and nothing blocked: every enforcement is audit."""
    entries = (
        entry if entry.enforcement is Enforcement.DISABLED else replace(entry, enforcement=Enforcement.AUDIT)
        for entry in policy.entries
    )
    return replace(policy, entries=tuple(entries))


class _Loading:
    """One load: what was found so far, and every mistake."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.problems: list[Problem] = []
        self.policies: list[CompiledPolicy] = []
        self.analyzers: list[SourceFile] = []
        self.sources: list[PolicySource] = []
        self.config: models.Config | None = None
        self.named: dict[str, str] = {}
        """The policies' names, with the source that has each."""

    def configuration(self) -> Configuration:
        """What was loaded."""
        config = self.config
        seen = [f"{source.name}\0{source.sha256}" for source in self.sources]
        seen += [f"{file.path}\0{_sha256(file.text)}" for file in self.analyzers]
        return Configuration(
            policies=tuple(self.policies),
            gate=_gate(config.gate) if config else GateSettings(),
            connections=tuple(Connection(c.match, c.work_items, c.credential) for c in config.connections)
            if config
            else (),
            analyzers=tuple(self.analyzers),
            sources=tuple(self.sources),
            digest=_sha256("\n".join(seen) + (config.model_dump_json() if config else "")),
        )

    def start(self, text: str, source: str) -> None:
        """The file that the run was given."""
        tree = self.tree(text, source)
        kind = self.kind(tree, KINDS) if tree else None
        if tree is None or kind is None:
            return
        if kind is models.Policy:
            self.policy(tree, text)
            return
        self.config = self.part(models.Config, tree, tree.root)
        assert isinstance(tree.root, Mapping)
        self.others(tree, tree.root)
        self.problems += _config_glob_mistakes(tree, tree.root)

    def tree(self, text: str, source: str) -> Tree | None:
        try:
            tree = parse_yaml(text, source)
        except PolicyError as error:
            self.problems += error.problems
            return None
        self.problems += tree.problems
        return tree

    def kind(self, tree: Tree, kinds: dict[str, type[BaseModel]]) -> type[BaseModel] | None:
        """The model that a file is to be read by. An unknown version is refused before anything is made of the rest."""
        root = tree.root
        if not isinstance(root, Mapping):
            self.problems.append(tree.problem(root.mark, "", "a configuration is a mapping: apiVersion, kind, …"))
            return None
        version, kind = root.get("apiVersion"), root.get("kind")
        known = f"this almguard knows {models.API_VERSION}"
        if version is None:
            self.problems.append(tree.problem(root.mark, "", f"the key 'apiVersion' is missing; {known}"))
        elif not isinstance(version, Scalar) or version.value != models.API_VERSION:
            said = version.text if isinstance(version, Scalar) else "this"
            self.problems.append(
                tree.problem(version.mark, "apiVersion", f"{said!r} is not a version known here; {known}")
            )
            return None
        said = kind.text if isinstance(kind, Scalar) else ""
        if said not in kinds:
            wanted = " or ".join(kinds)
            message = f"{wanted} is wanted here, and this is {said!r}{did_you_mean(said, kinds)}"
            mark = root.mark if kind is None else kind.mark
            self.problems.append(
                tree.problem(mark, "kind" if kind else "", message if kind else f"the key 'kind' is missing: {wanted}")
            )
            return None
        return kinds[said]

    def part(self, model: type[M], tree: Tree, node: Node, path: str = "") -> M | None:
        """A part of a file by its model, its mistakes noted."""
        found, problems = check(model, tree, node, path)
        self.problems += problems
        return found

    def others(self, tree: Tree, root: Mapping) -> None:
        """The policies and catalogues that a configuration names, as far as they can be made out."""
        for mark, path, name in _texts(root.get("policies"), "policies"):
            if name.startswith(PACK):
                self.pack(tree, mark, path, name)
            else:
                self.named_files(tree, mark, path, name)
        for mark, path, name in _texts(root.get("analyzers"), "analyzers"):
            found = self.read(tree, mark, path, name)
            if found is not None:
                self.analyzers.append(SourceFile(name, *found))

    def pack(self, tree: Tree, mark: Mark, path: str, name: str) -> None:
        """A shipped policy."""
        packs = shipped_packs()
        wanted = name.removeprefix(PACK)
        if wanted not in packs:
            hint = did_you_mean(wanted, packs) or f"; there is {', '.join(PACK + pack for pack in packs)}"
            self.problems.append(tree.problem(mark, path, f"no pack is called {wanted!r}{hint}"))
            return
        self.policy_file(data_file("policies", f"{wanted}.yml").read_text(encoding="utf-8"), name)

    def named_files(self, tree: Tree, mark: Mark, path: str, name: str) -> None:
        """One policy file, or all that a glob finds."""
        if not any(character in name for character in "*?["):
            found = self.read(tree, mark, path, name)
            if found is not None:
                self.policy_file(*found)
            return
        paths = sorted(file for file in self.files.list() if any_glob(file, (name,)))
        if not paths:
            self.problems.append(
                tree.problem(mark, path, f"no file matches {name!r}, looked for from the root of the place")
            )
        for file in paths:
            found = self.read(tree, mark, path, file)
            if found is not None:
                self.policy_file(*found)

    def read(self, tree: Tree, mark: Mark, path: str, name: str) -> tuple[str, str] | None:
        """A file of the same place."""
        found = None
        if ".." in name.split("/") or name.startswith(("/", "\\")) or ":" in name:
            message = f"{name!r}: a path from the root of the place is wanted; 'pack:NAME' names a shipped policy"
        else:
            found = self.files.read(name)
            message = f"there is no file {name!r}, looked for from the root of the place"
        if found is None:
            self.problems.append(tree.problem(mark, path, message))
        return found

    def policy_file(self, text: str, source: str) -> None:
        """A file that has to be a policy."""
        tree = self.tree(text, source)
        if tree is not None and self.kind(tree, {"Policy": models.Policy}) is not None:
            self.policy(tree, text)

    def policy(self, tree: Tree, text: str) -> None:
        """One policy: the file as a whole, then what only the rules know."""
        written = self.part(models.Policy, tree, tree.root)
        nodes = list(_entry_nodes(tree.root))
        compiled = [self.entry(tree, node, f"rules[{index}]", written, index) for index, node in nodes]
        self.problems += _glob_mistakes(tree, tree.root)
        self.problems += _same_keys(tree, nodes)
        if written is None:
            return
        name = written.metadata.name
        if name in self.named:
            mark = _at(tree.root, "metadata", "name").mark
            self.problems.append(
                tree.problem(mark, "metadata.name", f"{self.named[name]} has a policy {name!r} already")
            )
        self.named[name] = tree.file
        self.policies.append(
            CompiledPolicy(name, tree.file, written.match, tuple(entry for entry in compiled if entry))
        )
        self.sources.append(PolicySource(name, tree.file, _sha256(text)))

    def entry(
        self, tree: Tree, node: Mapping, path: str, policy: models.Policy | None, index: int
    ) -> CompiledEntry | None:
        """One entry: its rule, its parameters and its conditions. None where something is wrong with it."""
        rule = self.rule(tree, node.get("rule"), f"{path}.rule")
        if rule is None:
            return None
        given = node.get("with")
        params = None
        if given is None or isinstance(given, Mapping):
            params = self.part(rule.params, tree, given or Mapping(node.mark), f"{path}.with")
        when = self.condition(tree, node.get("when"), f"{path}.when", rule)
        unless = self.condition(tree, node.get("unless"), f"{path}.unless", rule)
        if policy is None or params is None:
            return None
        written = policy.rules[index]
        self.reachable(tree, node, path, rule, policy.match)
        return CompiledEntry(
            key=f"{policy.metadata.name}/{written.name or rule.id}",
            rule=rule,
            params=params,
            enforcement=written.enforce,
            severity=written.severity or rule.severity,
            when=when,
            unless=unless,
            line=node.mark.line,
        )

    def rule(self, tree: Tree, node: Node | None, path: str) -> Rule | None:
        """The rule that an entry names."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return None
        found = registry.find(node.value)
        if found is None:
            hint = did_you_mean(node.value, registry.rules()) or "; 'almguard rules' lists them"
            self.problems.append(tree.problem(node.mark, path, f"no rule is called {node.value!r}{hint}"))
        return found

    def condition(self, tree: Tree, node: Node | None, path: str, rule: Rule) -> Expression | None:
        """A condition, for every type of subject that the rule judges."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.value:
            return None
        try:
            return compile_expression(node.value, rule.variants)
        except ExpressionError as error:
            for mistake in error.mistakes:
                mark = tree.inside(node, mistake.line, mistake.column)
                self.problems.append(tree.problem(mark, path, mistake.message))
            return None

    def reachable(self, tree: Tree, node: Mapping, path: str, rule: Rule, match: models.Match) -> None:
        """An entry that could never be applied is a mistake: nothing above a repository is selected by repositories."""
        if selects_repositories(match) and not set(rule.variants) - {Organization, WorkItem}:
            judged = " and ".join(sorted(kind.kind.replace("_", " ") + "s" for kind in rule.variants))
            message = (
                f"{rule.id} judges {judged}, and 'match' selects repositories, so it would never apply; move it to"
            )
            self.problems.append(
                tree.problem(node.mark, path, f"{message} a policy that matches by organization or project")
            )


def shipped_packs() -> tuple[str, ...]:
    """The names of the policies that are shipped."""
    files = sorted(data_folder("policies").glob("*.yml"))
    return tuple(file.stem for file in files if re.search(r"^kind: Policy$", file.read_text("utf-8"), re.MULTILINE))


def _gate(gate: models.Gate) -> GateSettings:
    contexts = {"**": gate.context} if isinstance(gate.context, str) else gate.context
    unknown: dict[UnknownKind, OnUnknown] = {kind: OnUnknown(word) for kind, word in gate.on_unknown.items()}
    return GateSettings(tuple(contexts.items()), Comment(gate.comment), unknown)


def _entry_nodes(root: Node) -> Iterator[tuple[int, Mapping]]:
    rules = root.get("rules") if isinstance(root, Mapping) else None
    for index, node in enumerate(rules.items if isinstance(rules, Sequence) else ()):
        if isinstance(node, Mapping):
            yield index, node


def _same_keys(tree: Tree, nodes: Iterable[tuple[int, Mapping]]) -> Iterator[Problem]:
    """Two entries of one policy with one name: waivers and results could not tell them apart."""
    seen: dict[str, int] = {}
    for index, node in nodes:
        named = node.get("name") or node.get("rule")
        if not isinstance(named, Scalar):
            continue
        if named.text in seen:
            message = f"the name {named.text!r} is taken by the entry on line {seen[named.text]}; give one a 'name' of its own"
            yield tree.problem(node.mark, f"rules[{index}]", message)
        seen.setdefault(named.text, node.mark.line)


def _glob_mistakes(tree: Tree, root: Node) -> Iterator[Problem]:
    match = root.get("match") if isinstance(root, Mapping) else None
    for key, (_, node) in match.entries.items() if isinstance(match, Mapping) else ():
        if key in GLOB_KEYS:
            yield from _bad_globs(tree, node, f"match.{key}")
        elif key == "properties" and isinstance(node, Mapping):
            for name, (_, values) in node.entries.items():
                yield from _bad_globs(tree, values, f"match.properties.{name}")


def _config_glob_mistakes(tree: Tree, root: Mapping) -> Iterator[Problem]:
    connections = root.get("connections")
    for index, node in enumerate(connections.items if isinstance(connections, Sequence) else ()):
        if isinstance(node, Mapping):
            yield from _bad_globs(tree, node.get("match"), f"connections[{index}].match")
    context = _at(root, "gate", "context")
    for glob, (mark, _) in context.entries.items() if isinstance(context, Mapping) and context is not root else ():
        message = globs.mistake(glob)
        if message is not None:
            yield tree.problem(mark, "gate.context", f"{glob!r} is no pattern: {message}")


def _bad_globs(tree: Tree, node: Node | None, path: str) -> Iterator[Problem]:
    for mark, where, text in _texts(node, path):
        message = globs.mistake(text)
        if message is not None:
            yield tree.problem(mark, where, f"{text!r} is no pattern: {message}")


def _texts(node: Node | None, path: str) -> Iterator[tuple[Mark, str, str]]:
    """The texts of a list, or the one text, each with its place."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        yield node.mark, path, node.value
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                yield item.mark, f"{path}[{index}]", item.value


def _at(node: Node, *keys: str) -> Node:
    for key in keys:
        found = node.get(key) if isinstance(node, Mapping) else None
        node = found if found is not None else node
    return node


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
