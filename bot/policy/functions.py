"""What expressions can ask for beyond CEL's own functions: globs, versions, ages, working hours.

Each function is total: what makes no sense raises ``ValueError``, and the expression is undecided and says why. Each takes
time that grows with the length of its texts, never faster. None reads a clock: ``now`` is the run's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

import re2
from pathspec import GitIgnoreSpec

from bot.model import globs as paths
from bot.policy import globs
from bot.policy.problems import did_you_mean
from bot.policy.semver import Version
from bot.policy.vocabulary import Kind, Shape

NOW: ContextVar[datetime] = ContextVar("now")
"""The instant of the evaluation that is under way."""

TEXT, TIME, INTEGER, BOOLEAN = Shape(Kind.TEXT), Shape(Kind.TIME), Shape(Kind.INTEGER), Shape(Kind.BOOLEAN)
TEXTS = Shape(Kind.LIST, element=TEXT)
ANYTHING = Shape(Kind.LIST)

Constant: TypeAlias = str | int | list[str]
"""An argument as it is written in an expression."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument, or what stands before the dot."""

    name: str
    shapes: tuple[Shape, ...]
    """It may be any of these."""
    sample: object
    """Something that it may be, to try the other arguments with."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that expressions may call."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: Shape
    run: Callable[..., object]
    is_member: bool = False
    """The first parameter stands before the dot."""
    reads_now: bool = False

    @property
    def signature(self) -> str:
        """As it is called: ``text.glob(patterns)``."""
        names = [parameter.name for parameter in self.parameters]
        if self.is_member:
            return f"{names[0]}.{self.name}({', '.join(names[1:])})"
        return f"{self.name}({', '.join(names)})"

    @property
    def meaning(self) -> str:
        """What it comes to, from its docstring."""
        return " ".join((self.run.__doc__ or "").split())

    @property
    def takes_times(self) -> bool:
        """Whether it takes a time also where a time is text, inside a list."""
        return any(TIME in parameter.shapes for parameter in self.parameters)

    @property
    def takes_paths(self) -> bool:
        """Whether what it looks at is a list of files or paths."""
        return self.parameters[0].shapes == (ANYTHING,)

    def mistakes(self, constants: Sequence[Constant | None]) -> Iterator[tuple[int, str]]:
        """What is wrong with the arguments that are constants, and in which place; None stands for the others.

        It is found by running the function: first with each constant alone, then with all of them.
        """
        given = {place: constant for place, constant in enumerate(constants) if constant is not None}
        alone = [(place, wrong) for place in given if (wrong := self._tried({place: given[place]})) is not None]
        yield from alone
        if not alone and (together := self._tried(given)) is not None:
            yield max(given), together

    def _tried(self, given: Mapping[int, Constant]) -> str | None:
        samples = enumerate(parameter.sample for parameter in self.parameters)
        token = NOW.set(SOMETIME)
        try:
            self.run(*(given.get(place, sample) for place, sample in samples))
        except ValueError as error:
            return str(error)
        finally:
            NOW.reset(token)
        return None


def _any_match(files: list[Any], patterns: str | list[str]) -> bool:
    """Whether some path of the list is covered by the patterns, which are gitignore's: ``files.any_match("docs/**")``,
    ``paths.any_match(["*.tf", "!test/**"])``. For lists of any length."""
    wanted = _path_patterns(patterns)
    return any(wanted.match_file(path) for path in _paths(files))


def _all_match(files: list[Any], patterns: str | list[str]) -> bool:
    """Whether the list has paths and all of them are covered by the patterns."""
    wanted = _path_patterns(patterns)
    return bool(files) and all(wanted.match_file(path) for path in _paths(files))


def _glob(text: str, patterns: str | list[str]) -> bool:
    """Whether a name is covered by the patterns, which are those of ``match``: ``*`` stays within one part of a name, ``**``
    crosses ``/``, ``!`` takes out again: ``branch.name.glob(["release/*", "!release/test-*"])``."""
    return globs.any_glob(text, _name_patterns(patterns))


def _capture(text: str, pattern: str) -> str:
    """The part of the text that the first group of a regular expression (RE2) stands for; empty where nothing matches:
    ``pr.title.capture("^([A-Z]+-[0-9]+): ")``."""
    found = _pattern(pattern).search(text)
    return (found.group(1) or "") if found is not None else ""


def _is_semver(text: str) -> bool:
    """Whether it is a semantic version (2.0.0), a leading ``v`` allowed."""
    return Version.parse(text) is not None


def _semver_compare(one: str, other: str) -> int:
    """-1 where one comes before the other by the precedence of semantic versions, 0 where they are equal in it, else 1:
    ``semver_compare(release.version, "2.0.0") < 0``."""
    first, second = _version(one), _version(other)
    return (first > second) - (first < second)


def _days_since(time: datetime | str) -> int:
    """Whole days from a time until now; negative where it is still to come: ``days_since(pr.created_at) > 30``."""
    return (NOW.get() - _moment(time)) // timedelta(days=1)


def _hours_since(time: datetime | str) -> int:
    """Whole hours from a time until now; negative where it is still to come."""
    return (NOW.get() - _moment(time)) // timedelta(hours=1)


def _days_until(time: datetime | str) -> int:
    """Whole days from now until a time; negative where it is past: ``days_until(previous_release.leased_until) < 30``."""
    return (_moment(time) - NOW.get()) // timedelta(days=1)


def _working_hours(time: datetime | str, zone: str, from_hour: int, to_hour: int) -> bool:
    """Whether a time is on a Monday to Friday, at or after one full hour and before another, by the clocks of a time zone:
    ``working_hours(now, "Europe/Berlin", 9, 17)``. It knows no holidays."""
    if not 0 <= from_hour < to_hour <= 24:
        raise ValueError(
            f"working hours from {from_hour} to {to_hour}: write two hours from 0 to 24, the earlier first"
        )
    try:
        local = _moment(time).astimezone(_zone(zone))
    except OverflowError:
        raise ValueError("the time is out of range") from None
    return local.weekday() < 5 and from_hour <= local.hour < to_hour


def _path_patterns(patterns: str | list[str]) -> GitIgnoreSpec:
    return _checked((patterns,) if isinstance(patterns, str) else tuple(patterns))


@lru_cache(maxsize=1024)
def _checked(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    for pattern in patterns:
        if all(compiled.include is None for compiled in paths.compiled((pattern,)).patterns):
            raise ValueError(f"{_quoted(pattern)} is a pattern that covers nothing")
    return paths.compiled(patterns)


def _name_patterns(patterns: str | list[str]) -> tuple[str, ...]:
    each = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    _check_names(each)
    return each


@lru_cache(maxsize=1024)
def _check_names(patterns: tuple[str, ...]) -> None:
    if not patterns:
        raise ValueError("there is no pattern")
    for pattern in patterns:
        wrong = globs.mistake(pattern)
        if wrong is not None:
            raise ValueError(f"{_quoted(pattern)}: {wrong}")


def _paths(files: list[Any]) -> Iterator[str]:
    for file in files:
        path = file.get("path") if isinstance(file, dict) else file
        if not isinstance(path, str):
            raise ValueError("the list has no paths in it")
        yield path.lstrip("/")


def _version(text: str) -> Version:
    version = Version.parse(text)
    if version is None:
        raise ValueError(f"{_quoted(text)} is no semantic version; it has three numbers: 1.4.0, 2.0.0-rc.1")
    return version


def _moment(time: datetime | str) -> datetime:
    if isinstance(time, datetime):
        return time
    try:
        read = datetime.fromisoformat(time)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise ValueError(f"{_quoted(time)} is no time; write date, time and zone: 2026-12-31T12:00:00Z")
    return read


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        hint = did_you_mean(name, available_timezones()) or "; they are named by continent and city: Europe/Berlin"
        raise ValueError(f"there is no time zone {_quoted(name)}{hint}") from None


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> Any:
    wrong = pattern_mistake(pattern)
    if wrong is not None:
        raise ValueError(wrong)
    compiled = re2.compile(pattern, _quiet())
    if not compiled.groups:
        raise ValueError(f"the pattern {_quoted(pattern)} has no group: put round brackets around what is wanted")
    return compiled


def pattern_mistake(pattern: str) -> str | None:
    """What is wrong with a regular expression; None: nothing."""
    try:
        re2.compile(pattern, _quiet())
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        return f"not a pattern that RE2 reads ({reason}); it has no lookaround and no backreferences"
    return None


def _quiet() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


SOMETIME = datetime(2026, 1, 1, tzinfo=UTC)
_TEXT = Parameter("text", (TEXT,), "")
_FILES = Parameter("files", (ANYTHING,), ["a"])
_PATTERNS = Parameter("patterns", (TEXT, TEXTS), "*")
_TIME = Parameter("time", (TIME, TEXT), SOMETIME)
_HOURS = (Parameter("from_hour", (INTEGER,), 0), Parameter("to_hour", (INTEGER,), 24))
_VERSIONS = (Parameter("one", (TEXT,), "1.0.0"), Parameter("other", (TEXT,), "1.0.0"))

FUNCTIONS: Mapping[str, Function] = {
    function.name: function
    for function in (
        Function("any_match", (_FILES, _PATTERNS), BOOLEAN, _any_match, is_member=True),
        Function("all_match", (_FILES, _PATTERNS), BOOLEAN, _all_match, is_member=True),
        Function("glob", (_TEXT, _PATTERNS), BOOLEAN, _glob, is_member=True),
        Function("capture", (_TEXT, Parameter("pattern", (TEXT,), "()")), TEXT, _capture, is_member=True),
        Function("is_semver", (_TEXT,), BOOLEAN, _is_semver),
        Function("semver_compare", _VERSIONS, INTEGER, _semver_compare),
        Function("days_since", (_TIME,), INTEGER, _days_since, reads_now=True),
        Function("hours_since", (_TIME,), INTEGER, _hours_since, reads_now=True),
        Function("days_until", (_TIME,), INTEGER, _days_until, reads_now=True),
        Function("working_hours", (_TIME, Parameter("zone", (TEXT,), "UTC"), *_HOURS), BOOLEAN, _working_hours),
    )
}
"""By name."""
