"""Reads policy tests: files of cases, each with a subject, what is known about it, and what a policy has to make of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from bot.model.subjects import Platform, PullRequest, Subject
from bot.policy.building import moment
from bot.policy.casemodel import TestsFile
from bot.policy.configuration import Configuration
from bot.policy.expectation import EntryNames, Expectation
from bot.policy.factfile import Facts, Given, build_facts, builder_for, refuse_unfitting
from bot.policy.load import shipped_packs
from bot.policy.loader import parse_yaml
from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence, Tree, is_text
from bot.policy.problems import PolicyError, did_you_mean
from bot.policy.resolving import PACK
from bot.policy.subjectfile import build_subject, platform_of
from bot.policy.validation import check, mistyped

DEFAULT_NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
"""The moment of a case that names none: a day after the default pull request was opened."""


@dataclass(frozen=True, slots=True)
class Served:
    """What is judged is read from a scenario."""

    scenario: str
    """The file, as ``Surroundings`` found it."""
    target: str
    environment: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """One case, ready to be run."""

    name: str
    line: int
    about: Given | Served
    now: datetime | None
    """None: the scenario's own."""
    expected: Expectation


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One file of cases, with what they test."""

    source: str
    policy: str
    """What is tested, as ``Surroundings`` found it; the same for every file that tests it."""
    configuration: Configuration
    cases: tuple[Case, ...]


class Surroundings(Protocol):
    """The files that a file of cases refers to, from where it is."""

    def find(self, path: str) -> str | None:
        """The name of a file, the same wherever it is referred to; None: there is none."""
        ...

    def read(self, name: str) -> str:
        """The text of a file that was found."""
        ...

    def configuration(self, name: str) -> Configuration:
        """A configuration that was found, or ``pack:NAME``. Raises ``PolicyError``."""
        ...


def load_cases(text: str, source: str, around: Surroundings) -> CaseFile:
    """The cases of a file. Raises ``PolicyError`` with every mistake in it, and in what it refers to."""
    return _Loading(parse_yaml(text, source), around).file()


@dataclass(frozen=True, slots=True)
class _Begun:
    """A case without what it expects."""

    line: int
    about: Given | Served
    now: datetime | None


class _Loading:
    """One file in the making, and every mistake in it."""

    def __init__(self, tree: Tree, around: Surroundings) -> None:
        self.tree, self.around = tree, around
        self.problems = list(tree.problems)
        self.root = tree.root if isinstance(tree.root, Mapping) else Mapping(tree.root.mark)
        listed = self.root.get("cases")
        items = listed.items if isinstance(listed, Sequence) else []
        self.nodes = [(f"cases[{index}]", node) for index, node in enumerate(items) if isinstance(node, Mapping)]
        self.now = _moment_of(self.root)
        self._common: dict[Platform, Facts] = {}

    def file(self) -> CaseFile:
        """The file, with what it tests. Raises ``PolicyError``."""
        written, problems = check(TestsFile, self.tree, self.tree.root)
        self.problems += problems
        self.same_names()
        begun = [self.case(path, node) for path, node in self.nodes]
        policy, configuration = self.policy()
        names = EntryNames(configuration)
        for path, node in self.nodes:
            expect = node.get("expect")
            if isinstance(expect, Mapping) and configuration is not None:
                self.problems += names.mistakes(self.tree, f"{path}.expect", expect)
        if self.problems or written is None or configuration is None:
            raise PolicyError(self.problems)
        cases = []
        for entry, each in zip(written.cases, begun, strict=True):
            assert each is not None, "a case that is not there has a problem that is"
            cases.append(Case(entry.name, each.line, each.about, each.now, names.expectation(entry.expect)))
        return CaseFile(self.tree.file, policy, configuration, tuple(cases))

    def report(self, node: Node, path: str, message: str) -> None:
        """Note a mistake."""
        self.problems.append(self.tree.problem(node.mark, path, message))

    def same_names(self) -> None:
        """Two cases of one name could not be told apart."""
        seen: dict[str, int] = {}
        for path, node in self.nodes:
            name = node.get("name")
            if isinstance(name, Scalar) and name.text in seen:
                self.report(name, f"{path}.name", f"the case on line {seen[name.text]} is called {name.text!r} already")
            elif isinstance(name, Scalar):
                seen[name.text] = node.mark.line

    def policy(self) -> tuple[str, Configuration | None]:
        """What is tested."""
        node = self.root.get("policy")
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.value:
            return "", None
        name: str | None = node.value
        if node.value.startswith(PACK):
            packs = [PACK + pack for pack in shipped_packs()]
            if name not in packs:
                hint = did_you_mean(node.value, packs) or f"; there is {', '.join(packs)}"
                self.report(node, "policy", f"no pack is called {node.value!r}{hint}")
                return "", None
        else:
            name = self.found(node, "policy")
        if name is None:
            return "", None
        try:
            return name, self.around.configuration(name)
        except PolicyError as error:
            self.problems += error.problems
            return name, None

    def found(self, node: Node | None, path: str) -> str | None:
        """The name of the file that a path leads to; None: it is no text, or there is no such file, which is noted."""
        text = self.text(node, path)
        name = self.around.find(text) if text else None
        if name is None and node is not None and text:
            self.report(node, path, f"there is no file {text!r}, looked for from where {self.tree.file} is")
        return name

    def text(self, node: Node | None, path: str) -> str:
        """A text, or the empty one where it is something else, which is noted."""
        if is_text(node):
            return str(node.value)
        if node is not None:
            self.report(node, path, mistyped("string_type", node))
        return ""

    def case(self, path: str, node: Mapping) -> _Begun | None:
        """A case without its expectation; None: something is wrong, and noted."""
        line, now = node.mark.line, _moment_of(node)
        written = {key: value for key, (_, value) in node.entries.items()}
        if "scenario" in written or "target" in written:
            served = self.served(path, node)
            return None if served is None else _Begun(line, served, now or self.now)
        if "environment" in written:
            self.report(written["environment"], f"{path}.environment", "it belongs to a 'scenario' and its 'target'")
        if "recorded" in written:
            base = self.recorded(path, node)
            if base is None:
                return None
            if not self.same_kind(path, base.get("subject"), node.get("subject")):
                return None
            subject = _over(base.get("subject"), node.get("subject"))
            given = self.given(path, subject, _over(base.get("facts"), node.get("facts")), None)
            return None if given is None else _Begun(line, given, now or _moment_of(base) or self.now or DEFAULT_NOW)
        given = self.given(path, node.get("subject"), node.get("facts"), self.root.get("facts"))
        return None if given is None else _Begun(line, given, now or self.now or DEFAULT_NOW)

    def same_kind(self, path: str, recorded: Node | None, own: Node | None) -> bool:
        """What differs from a recorded subject says of what type that is, unless it is a pull request."""
        if own is None:
            return True
        was, here = (_word(node, "kind") or PullRequest.kind for node in (recorded, own))
        if was != here:
            self.report(own, f"{path}.subject", f"the recorded subject is a {was}: write kind: {was} here too")
        return was == here

    def served(self, path: str, node: Mapping) -> Served | None:
        """A target of a scenario."""
        for key in ("subject", "facts", "recorded"):
            if (other := node.get(key)) is not None:
                self.report(other, f"{path}.{key}", "beside 'scenario' there is none: all is read from the sandbox")
        scenario, target, environment = (node.get(key) for key in ("scenario", "target", "environment"))
        for key, value in (("scenario", scenario), ("target", target)):
            if value is None:
                self.report(node, path, f"the key {key!r} is missing: a scenario and a target belong together")
        name, judged = self.found(scenario, f"{path}.scenario"), self.text(target, f"{path}.target")
        within = str(environment.value) if is_text(environment) else None
        return Served(name, judged, within) if name and judged else None

    def given(self, path: str, subject: Node | None, facts: Node | None, common: Node | None) -> Given | None:
        """A subject, and its facts over those of the whole file."""
        platform = platform_of(subject)
        builder = builder_for(self.tree, platform)
        if subject is not None and not isinstance(subject, Mapping):
            self.report(subject, f"{path}.subject", mistyped("dict_type", subject))
            return None
        built = build_subject(builder, subject or Mapping(self.root.mark), f"{path}.subject")
        own = build_facts(builder, facts, f"{path}.facts")
        if isinstance(built, Subject):
            refuse_unfitting(builder, own, type(built), facts, f"{path}.facts")
        self.problems += builder.problems
        if builder.problems or not isinstance(built, Subject):
            return None
        return Given(built, {**self.common(platform, common), **own})

    def common(self, platform: Platform, node: Node | None) -> Facts:
        """The facts of the whole file; its people live where the subject does."""
        if node is None:
            return {}
        if platform not in self._common:
            builder = builder_for(self.tree, platform)
            self._common[platform] = build_facts(builder, node, "facts")
            self.problems += builder.problems
        return self._common[platform]

    def recorded(self, path: str, node: Mapping) -> Mapping | None:
        """The one case of another file."""
        reference = node.entries["recorded"][1]
        name = self.found(reference, f"{path}.recorded")
        if name is None:
            return None
        try:
            tree = parse_yaml(self.around.read(name), name)
        except PolicyError as error:
            self.problems += error.problems
            return None
        _, problems = check(TestsFile, tree, tree.root)
        self.problems += [*tree.problems, *problems]
        other = _Loading(tree, self.around)
        if problems or tree.problems:
            return None
        (_, first), *more = other.nodes
        if more or first.get("scenario") is not None or first.get("recorded") is not None:
            self.report(
                reference, f"{path}.recorded", f"a file of one case with its own facts is wanted, and {name} is not"
            )
            return None
        now = _moment_of(first) or other.now
        return first if now is None or "now" in first.entries else _over(first, _only(other.root, "now"))


def _moment_of(node: Mapping) -> datetime | None:
    now = node.get("now")
    return moment(now.text) if isinstance(now, Scalar) else None


def _word(node: Node | None, key: str) -> str:
    found = node.get(key) if isinstance(node, Mapping) else None
    return found.text if isinstance(found, Scalar) else ""


def _only(node: Mapping, key: str) -> Mapping:
    return Mapping(node.mark, {key: node.entries[key]})


def _over(under: Node | None, upper: Node | None) -> Mapping:
    """A mapping with the keys of both, the upper's where both have one."""
    found = [node for node in (under, upper) if isinstance(node, Mapping)]
    entries = {key: entry for node in found for key, entry in node.entries.items()}
    return Mapping(found[-1].mark if found else Mark(1, 1), entries)
