"""What a policy test expects, and of which entries."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass

from bot.model.results import Verdict
from bot.policy.casemodel import Ending, Expect
from bot.policy.compiling import RESERVED
from bot.policy.configuration import Configuration
from bot.policy.nodes import Mapping, Mark, Sequence, Tree, is_text
from bot.policy.problems import Problem, did_you_mean


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a case expects, by the keys of entries."""

    verdict: Verdict | None
    entries: AnyMapping[str, Ending]
    findings: AnyMapping[str, tuple[str, ...]]
    unknown: AnyMapping[str, tuple[str, ...]]
    waived: tuple[str, ...]

    @property
    def keys(self) -> frozenset[str]:
        """Every entry that something is expected of."""
        return frozenset((*self.entries, *self.findings, *self.unknown, *self.waived))


class EntryNames:
    """The entries of a configuration and the members of its groups, by their keys and by their names."""

    def __init__(self, configuration: Configuration | None) -> None:
        policies = configuration.policies if configuration is not None else ()
        self.keys = [key for policy in policies for key in policy.members()]
        self.keys += [f"{policy.name}/{RESERVED}" for policy in policies if policy.waivers]
        self.by_name: dict[str, list[str]] = {}
        for key in self.keys:
            self.by_name.setdefault(key.partition("/")[2], []).append(key)

    def key(self, word: str) -> str:
        """The key of an entry that is named by it, or by its name."""
        return word if word in self.keys else self.by_name[word][0]

    def expectation(self, expect: Expect) -> Expectation:
        """What is expected, by keys."""
        return Expectation(
            expect.verdict,
            {self.key(word): ending for word, ending in expect.entries.items()},
            {self.key(word): texts for word, texts in expect.findings.items()},
            {self.key(word): texts for word, texts in expect.unknown.items()},
            tuple(self.key(word) for word in expect.waived),
        )

    def mistakes(self, tree: Tree, path: str, expect: Mapping) -> Iterator[Problem]:
        """Entries that there are not, or that several policies have; and a case that expects nothing."""
        named = list(_named(expect, path))
        if not named and expect.get("verdict") is None:
            message = "nothing is expected: name a verdict, entries, findings, unknown or waived"
            yield tree.problem(expect.mark, path, message)
        for mark, where, word in named:
            if word in self.keys:
                continue
            meant = self.by_name.get(word, [])
            if not meant:
                hint = did_you_mean(word, [*self.by_name, *self.keys]) or f"; there are {', '.join(self.keys)}"
                yield tree.problem(mark, where, f"the policy has no entry {word!r}{hint}")
            elif len(meant) > 1:
                yield tree.problem(mark, where, f"{word!r} is the name of several; write the key: {', '.join(meant)}")


def _named(expect: Mapping, path: str) -> Iterator[tuple[Mark, str, str]]:
    """Every entry that something is expected of, with its place."""
    for key in ("entries", "findings", "unknown"):
        node = expect.get(key)
        if isinstance(node, Mapping):
            for word, (mark, _) in node.entries.items():
                yield mark, f"{path}.{key}.{word}", word
    waived = expect.get("waived")
    for node in waived.items if isinstance(waived, Sequence) else [waived]:
        if is_text(node):
            yield node.mark, f"{path}.waived", str(node.value)
