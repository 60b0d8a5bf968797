"""Loads a configuration: its policies, the packs and files that it names, everything compiled, all mistakes at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from collections.abc import Sequence as AnySequence
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from bot.model.facts import UnknownKind
from bot.model.results import Enforcement, PolicySource
from bot.policy import models
from bot.policy.compiling import compile_policy
from bot.policy.configuration import (
    Comment,
    CompiledPolicy,
    Configuration,
    Connection,
    Files,
    GateSettings,
    OnUnknown,
    SourceFile,
)
from bot.policy.globs import any_glob
from bot.policy.loader import parse_yaml
from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence, Tree
from bot.policy.packaged import data_file, data_folder
from bot.policy.problems import PolicyError, Problem, did_you_mean
from bot.policy.validation import check

PACK = "pack:"
DEFAULT_PACK = "baseline"
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

    def configuration(self) -> Configuration:
        """What was loaded."""
        config = self.config
        seen = [f"{source.name}\0{source.sha256}" for source in self.sources]
        seen += [f"{file.path}\0{_sha256(file.text)}" for file in self.analyzers]
        return Configuration(
            policies=tuple(self.policies),
            gate=_gate(config.gate) if config else GateSettings(),
            connections=_connections(config.connections) if config else (),
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

    def tree(self, text: str, source: str) -> Tree | None:
        """The tree of a file; what is wrong with it as YAML is noted."""
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
            return None
        if not isinstance(version, Scalar) or version.value != models.API_VERSION:
            written = version.text if isinstance(version, Scalar) else "this"
            self.problems.append(
                tree.problem(version.mark, "apiVersion", f"{written!r} is not a version known here; {known}")
            )
            return None
        said = kind.text if isinstance(kind, Scalar) else ""
        if said in kinds:
            return kinds[said]
        wanted = " or ".join(kinds)
        if kind is None:
            self.problems.append(tree.problem(root.mark, "", f"the key 'kind' is missing; it is {wanted}"))
        else:
            message = f"{wanted} is wanted here, and this is {said!r}{did_you_mean(said, kinds)}"
            self.problems.append(tree.problem(kind.mark, "kind", message))
        return None

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
        """One policy, added to those that there are."""
        compiled, problems = compile_policy(tree)
        self.problems += problems
        if compiled is None:
            return
        other = next((policy for policy in self.policies if policy.name == compiled.name), None)
        if other is not None:
            message = f"{other.source} has a policy {compiled.name!r} already"
            self.problems.append(tree.problem(tree.root.mark, "metadata.name", message))
        self.policies.append(compiled)
        self.sources.append(PolicySource(compiled.name, tree.file, _sha256(text)))


def shipped_packs() -> tuple[str, ...]:
    """The names of the policies that are shipped."""
    files = sorted(data_folder("policies").glob("*.yml"))
    return tuple(file.stem for file in files if re.search(r"^kind: Policy$", file.read_text("utf-8"), re.MULTILINE))


def _gate(gate: models.Gate) -> GateSettings:
    contexts = {"**": gate.context} if isinstance(gate.context, str) else gate.context
    unknown: dict[UnknownKind, OnUnknown] = {kind: OnUnknown(word) for kind, word in gate.on_unknown.items()}
    return GateSettings(tuple(contexts.items()), Comment(gate.comment), unknown)


def _connections(written: tuple[models.Connection, ...]) -> tuple[Connection, ...]:
    return tuple(Connection(each.match, each.work_items, each.credential) for each in written)


def _texts(node: Node | None, path: str) -> Iterator[tuple[Mark, str, str]]:
    """The texts of a list, or the one text, each with its place."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        yield node.mark, path, node.value
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                yield item.mark, f"{path}[{index}]", item.value


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
