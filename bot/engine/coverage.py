"""What policy tests have exercised: which entries were seen to fail and to pass, which conditions to hold and not to hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bot.engine.cases import FileResult, by_key
from bot.model.results import Enforcement, Outcome
from bot.policy.casefile import CaseFile
from bot.policy.configuration import CompiledMember
from bot.policy.schedule import Schedule


@dataclass(slots=True)
class ConditionSeen:
    """A condition of an entry, and the values that it had."""

    word: str
    """``when``, ``unless``."""
    text: str
    held: bool = False
    not_held: bool = False

    @property
    def never(self) -> tuple[str, ...]:
        """What was never seen, in words."""
        missing = ((self.held, "held"), (self.not_held, "did not hold"))
        return tuple(f"{self.word}: {self.text} never {words}" for seen, words in missing if not seen)


@dataclass(slots=True)
class EntrySeen:
    """An entry of a policy, or a member of a group, and how it ended."""

    policy: str
    """What is tested: a file, ``pack:NAME``."""
    key: str
    failed: bool = False
    passed: bool = False
    conditions: list[ConditionSeen] = field(default_factory=list)

    @property
    def never(self) -> tuple[str, ...]:
        """What was never seen, in words."""
        missing = ((self.failed, "failed"), (self.passed, "passed"))
        own = tuple(f"never {words}" for seen, words in missing if not seen)
        return own + tuple(words for condition in self.conditions for words in condition.never)


def coverage(files: Iterable[FileResult]) -> tuple[EntrySeen, ...]:
    """Every entry of everything that was tested, in the order of the policies. What is disabled is not judged at all."""
    seen: dict[tuple[str, str], EntrySeen] = {}
    for each in files:
        for member in _members(each.file):
            place = (each.file.policy, member.key)
            if place not in seen:
                conditions = (("when", member.when), ("unless", member.unless))
                known = [ConditionSeen(word, _line(of.text)) for word, of in conditions if of is not None]
                seen[place] = EntrySeen(*place, conditions=known)
        for case in each.cases:
            for key, ended in by_key(case.results).items():
                entry = seen.get((each.file.policy, key))
                if entry is None:  # What is said of waivers themselves is no entry.
                    continue
                for one in ended:
                    entry.failed |= one.outcome is Outcome.FAIL
                    entry.passed |= one.outcome is Outcome.PASS
                    for condition in entry.conditions:
                        values = {c.value for c in one.conditions if c.word == condition.word}
                        condition.held |= True in values
                        condition.not_held |= False in values
    return tuple(seen.values())


def _members(file: CaseFile) -> Iterator[CompiledMember]:
    for policy in file.configuration.policies:
        for entry in policy.entries:
            if entry.schedule != Schedule.always(Enforcement.DISABLED):
                yield from entry.walk()


def _line(text: str) -> str:
    return " ".join(text.split())
