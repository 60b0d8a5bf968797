"""What a rule's facts take to be read, for its page: permissions by fact and platform, and the requests that are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from bot.model.facts import Fact
from bot.model.readings import ApiRequest, FactReading, PlatformReadings, Readings
from bot.model.subjects import Platform
from bot.rules.declaration import Need, Rule

TITLES = {
    Platform.GITHUB: "GitHub",
    Platform.AZURE_DEVOPS: "Azure DevOps",
    Platform.LOCAL: "a checkout",
    Platform.JIRA: "Jira",
}
"""How people write a platform's name."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Permissions, each once: always needed; needed in some cases; and those without which a part of a fact is lacking."""

    needed: tuple[str, ...]
    sometimes: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()

    def words(self) -> str:
        """As Markdown, for a cell of a table."""
        parts = [_codes(self.needed)] if self.needed else []
        parts += [f"in some cases {_codes(self.sometimes)}"] if self.sometimes else []
        parts += [f"in full only with {_codes(self.whole)}"] if self.whole else []
        return "; ".join(parts) or "nothing"


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact, with what each platform asks for it."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """The requests for one fact."""

    fact: str
    requests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlatformRequests:
    """All that is sent to one platform for a rule."""

    title: str
    facts: tuple[Sent, ...]


def permissions(rule: Rule, readings: PlatformReadings) -> tuple[FactRow, ...]:
    """A row for each fact that the rule needs on any platform, those that its facts build on included."""
    named = {fact.name: fact for of in readings.values() for fact, _ in _facts(rule, of)}
    return tuple(
        FactRow(name, tuple(_cell(readings[platform].get(named[name])) for platform in readings))
        for name in sorted(named)
    )


def requests(rule: Rule, readings: PlatformReadings) -> tuple[PlatformRequests, ...]:
    """What is sent to each platform, fact by fact; of facts that need nothing there, nothing."""
    found = []
    for platform, of in readings.items():
        sent = {
            fact.name: Sent(fact.name, tuple(_line(one) for one in of[fact].requests))
            for fact, _ in _facts(rule, of)
            if fact in of and of[fact].requests
        }
        found.append(PlatformRequests(TITLES[platform], tuple(sent[name] for name in sorted(sent))))
    return tuple(found)


def demand(rule: Rule, of: Readings) -> Demand:
    """All permissions that the rule asks of one platform, dispensable facts included."""
    each = [(_demand(of[fact]), certain) for fact, certain in _facts(rule, of) if fact in of]
    needed = [name for one, certain in each if certain for name in one.needed]
    sometimes = [name for one, certain in each for name in (*(() if certain else one.needed), *one.sometimes)]
    return _once(needed, sometimes, [name for one, _ in each for name in one.whole])


def _facts(rule: Rule, of: Readings) -> Iterator[tuple[type[Fact], bool]]:
    """The facts that the rule asks for and those that they build on; and whether it does so with its default parameters."""
    for variant in rule.variants.values():
        for need in variant.needs:
            certain = _is_asked_by_default(rule, need)
            waiting = [need.fact]
            for fact in waiting:
                yield fact, certain
                waiting += of[fact].after if fact in of else ()


def _is_asked_by_default(rule: Rule, need: Need) -> bool:
    try:
        return need.request(rule.params()) is not None
    except ValidationError:  # a parameter that has no default: what it will be is not known here
        return True


def _cell(reading: FactReading | None) -> str:
    if reading is None:
        return "not read"
    return f"not read: {reading.absent}" if reading.absent else _demand(reading).words()


def _demand(reading: FactReading) -> Demand:
    told = [one for one in reading.requests if not one.without]
    either = [one for one in told if one.either]
    return _once(
        [
            name
            for one in told
            for name in one.permissions
            if not one.when or (one.either and all(name in other.permissions for other in either))
        ],
        [name for one in told for name in one.permissions],
        [name for one in reading.requests if one.without for name in one.permissions],
    )


def _once(needed: Iterable[str], sometimes: Iterable[str], whole: Iterable[str]) -> Demand:
    """Each permission where it weighs most."""
    first = dict.fromkeys(needed)
    second = dict.fromkeys(name for name in sometimes if name not in first)
    third = dict.fromkeys(name for name in whole if name not in first and name not in second)
    return Demand(tuple(first), tuple(second), tuple(third))


def _line(request: ApiRequest) -> str:
    what = f"GraphQL `{request.what}`" if request.is_graphql else f"`{request.what}`"
    case = f" ({request.when})" if request.when else ""
    lacking = f"; without {_codes(request.permissions)} {request.without}" if request.without else ""
    return f"{what}, {request.per}{case}{lacking}"


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
