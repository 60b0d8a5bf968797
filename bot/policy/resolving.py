"""Policy files with what they extend: found, read, merged in their order, and compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from bot.policy.compiling import compile_policy
from bot.policy.configuration import CompiledPolicy, Files
from bot.policy.inheriting import allows, merge
from bot.policy.loader import parse_yaml
from bot.policy.models import API_VERSION
from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence, Tree
from bot.policy.packaged import data_file, shipped_packs
from bot.policy.problems import PolicyError, Problem, did_you_mean
from bot.policy.references import Fetcher, FetchError, Reference, parse_reference
from bot.policy.tightening import loosened

PACK = "pack:"
REMOTE = ("github:", "ado:")
DEEPEST = 10
"""How many policies may extend one another in a row."""


class NoFiles:
    """A place with no other files."""

    def read(self, path: str) -> tuple[str, str] | None:  # noqa: ARG002 - the Protocol's
        """Nothing."""
        return None

    def list(self) -> list[str]:
        """Nothing."""
        return []


@dataclass(frozen=True)
class _Elsewhere:
    """The files of another repository, at the ref that it was named with."""

    fetcher: Fetcher
    reference: Reference

    def read(self, path: str) -> tuple[str, str] | None:
        """A file of that repository. Raises ``FetchError``."""
        found = self.fetcher.fetch(replace(self.reference, path=path))
        return found.text, found.source

    def list(self) -> list[str]:
        """Nothing: a glob is for one's own files."""
        return []


@dataclass(frozen=True)
class Opened:
    """A file that was named in another."""

    text: str
    source: str
    beside: Files
    """The place that it comes from, for the files that it names itself."""


@dataclass(frozen=True)
class Resolved:
    """A policy with its parents merged into it."""

    tree: Tree
    policy: CompiledPolicy | None
    """None: it does not hold, and the problems say why."""
    texts: tuple[str, ...]
    """Its text, and those of its parents."""

    @property
    def sha256(self) -> str:
        """The same for the same texts."""
        return hashlib.sha256("\0".join(self.texts).encode()).hexdigest()


@dataclass
class Resolver:
    """Reads the policies of one configuration, and keeps every mistake."""

    files: Files
    fetcher: Fetcher | None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unread: int = 0
    """How many of the problems are files of other repositories that could not be read: they may be well written."""
    _known: dict[str, Resolved | None] = field(default_factory=dict)

    def open(self, tree: Tree, mark: Mark, path: str, name: str, beside: Files) -> Opened | None:
        """What a name in a file stands for: a pack, a file of another repository, or a file of the same place."""
        if name.startswith(PACK):
            return self._pack(tree, mark, path, name)
        if name.startswith(REMOTE):
            return self._remote(tree, mark, path, name)
        if ".." in name.split("/") or name.startswith(("/", "\\")) or ":" in name:
            message = (
                f"{name!r}: a path from the root of the place is wanted; 'pack:NAME' names a shipped policy, "
                "'github:OWNER/REPO//PATH@TAG' a file of another repository"
            )
            self.problems.append(tree.problem(mark, path, message))
            return None
        try:
            found = beside.read(name)
        except FetchError as error:
            self._unread(tree, mark, path, error)
            return None
        if found is None:
            message = f"there is no file {name!r}, looked for from the root of the place"
            self.problems.append(tree.problem(mark, path, message))
            return None
        return Opened(*found, beside)

    def parse(self, text: str, source: str) -> Tree | None:
        """The tree of a file; what is wrong with it as YAML is noted."""
        try:
            tree = parse_yaml(text, source)
        except PolicyError as error:
            self.problems += error.problems
            return None
        self.problems += tree.problems
        return tree

    def kind(self, tree: Tree, *kinds: str) -> str | None:
        """Which of these kinds a file is. An unknown version is refused before anything is made of the rest."""
        root = tree.root
        if not isinstance(root, Mapping):
            message = "a configuration is a mapping: apiVersion, kind, …"
            self.problems.append(tree.problem(root.mark, "", message))
            return None
        version, kind = root.get("apiVersion"), root.get("kind")
        known = f"this almguard knows {API_VERSION}"
        if version is None:
            self.problems.append(tree.problem(root.mark, "", f"the key 'apiVersion' is missing; {known}"))
            return None
        if not isinstance(version, Scalar) or version.value != API_VERSION:
            written = version.text if isinstance(version, Scalar) else "this"
            message = f"{written!r} is not a version known here; {known}"
            self.problems.append(tree.problem(version.mark, "apiVersion", message))
            return None
        said = kind.text if isinstance(kind, Scalar) else ""
        if said in kinds:
            return said
        wanted = " or ".join(kinds)
        if kind is None:
            self.problems.append(tree.problem(root.mark, "", f"the key 'kind' is missing; it is {wanted}"))
        else:
            message = f"{wanted} is wanted here, and this is {said!r}{did_you_mean(said, kinds)}"
            self.problems.append(tree.problem(kind.mark, "kind", message))
        return None

    def policy(self, opened: Opened) -> Resolved | None:
        """A file that has to be a policy, with its parents."""
        tree = self.parse(opened.text, opened.source)
        if tree is None or self.kind(tree, "Policy") is None:
            return None
        return self.resolve(tree, opened, (opened.source,))

    def resolve(self, tree: Tree, opened: Opened, chain: tuple[str, ...]) -> Resolved:
        """A policy laid over its parents: the first is at the bottom, the policy itself on top."""
        below: Resolved | None = None
        partial = False
        for parent in self._parents(tree, opened, chain):
            if parent is None:
                partial = True
            else:
                below = parent if below is None else self._over(below, parent, beside=True)
        above = Resolved(tree, None, (opened.text,))
        if below is not None:
            return self._over(below, above, partial=partial)
        policy, problems = compile_policy(tree, partial=partial)
        self.problems += problems
        return replace(above, policy=policy)

    def _over(self, below: Resolved, above: Resolved, *, beside: bool = False, partial: bool = False) -> Resolved:
        tree = merge(below.tree, above.tree, beside=beside)
        own = (*above.policy.parents, above.policy.source) if above.policy is not None else ()
        parents = (*below.policy.parents, below.policy.source, *own) if below.policy is not None else own
        policy, problems = compile_policy(
            tree, tuple(dict.fromkeys(p for p in parents if p != tree.file)), partial=partial
        )
        self.problems += problems
        # What a parent does not state it would have from the parent before it: so each of them is held to.
        for parent in (below, above) if beside else (below,):
            if policy is not None and parent.policy is not None:
                allowed = isinstance(parent.tree.root, Mapping) and allows(parent.tree.root)
                self.problems += loosened(parent.policy, parent.tree, policy, tree, allowed=allowed)
        return Resolved(tree, policy, tuple(dict.fromkeys((*below.texts, *above.texts))))

    def _parents(self, tree: Tree, opened: Opened, chain: tuple[str, ...]) -> Iterator[Resolved | None]:
        """The parents in their order; None for one that could not be had, which the problems say."""
        node = tree.root.get("extends") if isinstance(tree.root, Mapping) else None
        named: dict[str, int] = {}
        for mark, path, name in texts(node, "extends"):
            named[name] = named.get(name, 0) + 1
            if named[name] == 2:
                self.problems.append(tree.problem(mark, path, f"{name!r} is named twice; take one of them out"))
            if named[name] > 1:
                continue
            found = self.open(tree, mark, path, name, opened.beside)
            if found is None:
                yield None
                continue
            if found.source in chain:
                ring = " -> ".join((*chain[chain.index(found.source) :], found.source))
                self.problems.append(tree.problem(mark, path, f"policies extend one another in a ring: {ring}"))
                yield None
                continue
            if len(chain) >= DEEPEST:
                message = f"more than {DEEPEST} policies extend one another in a row"
                self.problems.append(tree.problem(mark, path, message))
                yield None
                continue
            if found.source not in self._known:
                parsed = self.parse(found.text, found.source)
                is_policy = parsed is not None and self.kind(parsed, "Policy") is not None
                self._known[found.source] = (
                    self.resolve(parsed, found, (*chain, found.source)) if parsed is not None and is_policy else None
                )
            yield self._known[found.source]

    def _unread(self, tree: Tree, mark: Mark, path: str, error: FetchError) -> None:
        self.problems.append(tree.problem(mark, path, str(error)))
        self.unread += error.kind is not None

    def _pack(self, tree: Tree, mark: Mark, path: str, name: str) -> Opened | None:
        packs = shipped_packs()
        wanted = name.removeprefix(PACK)
        if wanted not in packs:
            hint = did_you_mean(wanted, packs) or f"; there is {', '.join(PACK + pack for pack in packs)}"
            self.problems.append(tree.problem(mark, path, f"no pack is called {wanted!r}{hint}"))
            return None
        return Opened(data_file("policies", f"{wanted}.yml").read_text(encoding="utf-8"), name, NoFiles())

    def _remote(self, tree: Tree, mark: Mark, path: str, name: str) -> Opened | None:
        try:
            reference = parse_reference(name)
        except ValueError as error:
            self.problems.append(tree.problem(mark, path, str(error)))
            return None
        if self.fetcher is None:
            message = (
                f"{name!r} is a file of another repository, and nothing is read from elsewhere here; --online does"
            )
            self.problems.append(tree.problem(mark, path, message))
            return None
        try:
            found = self.fetcher.fetch(reference)
        except FetchError as error:
            self._unread(tree, mark, path, error)
            return None
        if not found.pinned:
            self.warnings.append(
                f"{tree.file}:{mark.line}: {name} is pinned to no tag or commit, so whoever may push there changes what "
                "holds here: name a tag or a commit after '@'."
            )
        return Opened(found.text, found.source, _Elsewhere(self.fetcher, reference))


def texts(node: Node | None, path: str) -> Iterator[tuple[Mark, str, str]]:
    """The texts of a list, or the one text, each with its place."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        yield node.mark, path, node.value
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                yield item.mark, f"{path}[{index}]", item.value
