"""Loads a configuration: its policies, the packs and files that it names, everything compiled, all mistakes at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from bot.model.facts import UnknownKind
from bot.model.results import Enforcement, PolicySource
from bot.policy import models
from bot.policy.baseline import Baseline, read_baseline
from bot.policy.configuration import (
    Annotations,
    Comment,
    CompiledPolicy,
    Configuration,
    Connection,
    Files,
    GateSettings,
    OnUnknown,
    SourceFile,
    TrackingSettings,
)
from bot.policy.durations import duration
from bot.policy.globs import any_glob
from bot.policy.identities import Identities, read_identities
from bot.policy.inventory import Inventory, read_inventory
from bot.policy.nodes import Mapping, Mark, Scalar, Tree
from bot.policy.packaged import data_file, shipped_packs
from bot.policy.problems import PolicyError
from bot.policy.references import Fetcher
from bot.policy.renamed import renamed
from bot.policy.resolving import PACK, REMOTE, NoFiles, Opened, Resolved, Resolver, texts
from bot.policy.schedule import Schedule
from bot.policy.validation import check
from bot.policy.waivers import Waiver, WrittenWaiver, bind, duplicates, read_waivers

__all__ = ["NoFiles", "audited", "default_configuration", "load_configuration", "shipped_packs"]

DEFAULT_PACK = "baseline"
T = TypeVar("T")


def load_configuration(
    text: str, source: str, files: Files | None = None, fetcher: Fetcher | None = None
) -> Configuration:
    """The configuration that a file is: a policy, or a ``Config`` that names policies. Raises ``PolicyError``.

    ``source`` is the file's name for people; ``files`` the place that it comes from, for the files that it names;
    ``fetcher`` reads files of other repositories, without one they are refused.
    """
    loading = _Loading(files or NoFiles(), fetcher)
    loading.start(text, source)
    if loading.resolver.problems:
        resolver = loading.resolver
        raise PolicyError(resolver.problems, unread=resolver.unread == len(resolver.problems))
    return loading.configuration()


def default_configuration() -> Configuration:
    """What is applied where nobody has configured anything: the shipped baseline, which then only records."""
    text = data_file("policies", f"{DEFAULT_PACK}.yml").read_text(encoding="utf-8")
    loaded = load_configuration(text, f"{PACK}{DEFAULT_PACK}")
    return replace(loaded, policies=tuple(audited(policy) for policy in loaded.policies))


def audited(policy: CompiledPolicy) -> CompiledPolicy:
    """The same policy, with nothing shown and nothing blocked: every enforcement is audit."""
    entries = (
        entry
        if entry.schedule == Schedule.always(Enforcement.DISABLED)
        else replace(entry, schedule=Schedule.always(Enforcement.AUDIT))
        for entry in policy.entries
    )
    return replace(policy, entries=tuple(entries))


class _Loading:
    """One load: what was found so far, and every mistake."""

    def __init__(self, files: Files, fetcher: Fetcher | None) -> None:
        self.files = files
        self.resolver = Resolver(files, fetcher)
        self.policies: list[CompiledPolicy] = []
        self.analyzers: list[SourceFile] = []
        self.sources: list[PolicySource] = []
        self.waivers: list[Waiver] = []
        self.baseline: Baseline | None = None
        self.identities: Identities | None = None
        self.inventory: Inventory | None = None
        self.config: models.Config | None = None
        self.read: list[str] = []
        """The texts of the files besides policies, for the digest."""

    def configuration(self) -> Configuration:
        """What was loaded."""
        config = self.config
        seen = [f"{source.name}\0{source.sha256}" for source in self.sources]
        seen += [f"{file.path}\0{_sha256(file.text)}" for file in self.analyzers]
        seen += [_sha256(text) for text in self.read]
        return Configuration(
            policies=tuple(self.own(policy) for policy in self.policies),
            gate=_gate(config.gate) if config else GateSettings(),
            connections=_connections(config.connections) if config else (),
            analyzers=tuple(self.analyzers),
            sources=tuple(self.sources),
            digest=_sha256("\n".join(seen) + (config.model_dump_json() if config else "")),
            identities=self.identities,
            tracking=_tracking(config.tracking) if config else TrackingSettings(),
            warnings=(*self.resolver.warnings, *renamed(self.policies)),
        )

    def own(self, policy: CompiledPolicy) -> CompiledPolicy:
        """A policy with the waivers of its entries, the baseline and the inventory."""
        keys = policy.members()
        waivers = tuple(waiver for waiver in self.waivers if waiver.entry in keys)
        return replace(policy, waivers=waivers, baseline=self.baseline, inventory=self.inventory)

    def start(self, text: str, source: str) -> None:
        """The file that the run was given."""
        tree = self.resolver.parse(text, source)
        kind = self.resolver.kind(tree, "Policy", "Config") if tree else None
        if tree is None or kind is None:
            return
        if kind == "Policy":
            opened = Opened(text, source, self.files)
            self.add(self.resolver.resolve(tree, opened, (source,)))
            return
        self.config, problems = check(models.Config, tree, tree.root)
        self.resolver.problems += problems
        assert isinstance(tree.root, Mapping)
        self.others(tree, tree.root)

    def others(self, tree: Tree, root: Mapping) -> None:
        """The files that a configuration names, as far as they can be made out."""
        for mark, path, name in texts(root.get("policies"), "policies"):
            for opened in self.named(tree, mark, path, name):
                resolved = self.resolver.policy(opened)
                if resolved is not None:
                    self.add(resolved)
        for mark, path, name in texts(root.get("analyzers"), "analyzers"):
            if opened_file := self.file(tree, mark, path, name):
                self.analyzers.append(SourceFile(name, opened_file.text, opened_file.source))
        for key in ("identities", "inventory", "baseline"):
            node = root.get(key)
            if isinstance(node, Scalar) and isinstance(node.value, str):
                self.beside(key, tree, node.mark, node.value)
        self.waived(tree, root)

    def beside(self, key: str, tree: Tree, mark: Mark, name: str) -> None:
        """The one file of identities, the inventory, or the baseline."""
        opened = self.file(tree, mark, key, name)
        if opened is None:
            return
        self.read.append(opened.text)
        try:
            match key:
                case "identities":
                    self.identities = read_identities(opened.text, opened.source)
                case "inventory":
                    self.inventory = read_inventory(opened.text, opened.source)
                case _:
                    self.baseline = read_baseline(opened.text, opened.source)
        except PolicyError as error:
            self.resolver.problems += error.problems

    def waived(self, tree: Tree, root: Mapping) -> None:
        """The waivers, once it is known which entries there are."""
        kinds = {key: member.kinds for policy in self.policies for key, member in policy.members().items()}
        everything: list[WrittenWaiver] = []
        for mark, path, name in texts(root.get("waivers"), "waivers"):
            for opened in self.named(tree, mark, path, name):
                parsed = self.resolver.parse(opened.text, opened.source)
                if parsed is None or self.resolver.kind(parsed, "Waivers") is None:
                    continue
                self.read.append(opened.text)
                written, problems = read_waivers(parsed)
                everything += written
                self.resolver.problems += [*problems, *duplicates(everything)]
                if not self.resolver.problems:  # Of policies that do not hold, not every entry is known.
                    waivers, problems = bind(written, kinds, self.identities)
                    self.resolver.problems += problems
                    self.waivers += waivers

    def named(self, tree: Tree, mark: Mark, path: str, name: str) -> list[Opened]:
        """One file, or all that a glob finds."""
        if name.startswith((PACK, *REMOTE)) or not any(character in name for character in "*?["):
            opened = self.resolver.open(tree, mark, path, name, self.files)
            return [opened] if opened is not None else []
        paths = sorted(file for file in self.files.list() if any_glob(file, (name,)))
        if not paths:
            message = f"no file matches {name!r}, looked for from the root of the place"
            self.resolver.problems.append(tree.problem(mark, path, message))
        found = (self.resolver.open(tree, mark, path, file, self.files) for file in paths)
        return [opened for opened in found if opened is not None]

    def file(self, tree: Tree, mark: Mark, path: str, name: str) -> Opened | None:
        """A file of the same place."""
        return self.resolver.open(tree, mark, path, name, self.files)

    def add(self, resolved: Resolved) -> None:
        """One policy, added to those that there are."""
        compiled, tree = resolved.policy, resolved.tree
        if compiled is None:
            return
        other = next((policy for policy in self.policies if policy.name == compiled.name), None)
        if other is not None:
            message = f"{other.source} has a policy {compiled.name!r} already"
            self.resolver.problems.append(tree.problem(tree.root.mark, "metadata.name", message))
        self.policies.append(compiled)
        self.sources.append(PolicySource(compiled.name, tree.file, resolved.sha256))


def _gate(gate: models.Gate) -> GateSettings:
    contexts = {"**": gate.context} if isinstance(gate.context, str) else gate.context
    unknown: dict[UnknownKind, OnUnknown] = {kind: OnUnknown(word) for kind, word in gate.on_unknown.items()}
    return GateSettings(
        tuple(contexts.items()),
        Comment(gate.comment),
        unknown,
        Annotations(gate.annotations),
        duration(gate.wait),
        gate.request_reviews,
        gate.follow_stack,
    )


def _tracking(written: models.Tracking) -> TrackingSettings:
    return TrackingSettings(
        Enforcement(written.enforcement),
        written.severity,
        written.label,
        written.labels,
        written.assignees == "owner",
        written.limit,
        written.repository,
        written.project,
        written.work_item_type,
        written.area,
    )


def _connections(written: Sequence[models.Connection]) -> tuple[Connection, ...]:
    return tuple(Connection(each.match, each.work_items, each.credential) for each in written)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
