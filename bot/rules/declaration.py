"""How a rule is declared: the decorator, its parameters, and what the annotations mean."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict

from bot.model.facts import Fact, FactRequest, NotSupported, Unavailable
from bot.model.findings import Severity, Statement
from bot.model.subjects import Subject

SECTIONS = ("Why", "Evidence", "How to fix", "Example")
RULE_ID = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")


class RuleError(TypeError):
    """A rule is declared wrongly. Raised while its module is imported."""


class Tighter(StrEnum):
    """Which way a parameter may be changed by a policy that inherits it."""

    MORE = "more"
    LESS = "less"
    SUBSET = "subset"
    SUPERSET = "superset"
    TRUE = "true"
    FALSE = "false"
    NEVER = "never"


class RuleParams(BaseModel):
    """A rule's parameters. The docstring under each is its documentation, in the schema and on the rule's page."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, use_attribute_docstrings=True)

    def loosened_by(self, new: Self) -> str:  # noqa: ARG002 - for those that have something to say
        """Why other values, taken together, are looser than these, though each by itself is tighter; empty: they are not."""
        return ""


class NoParams(RuleParams):
    """For a rule without parameters."""


@dataclass(frozen=True, slots=True)
class needs:  # noqa: N801 - reads as a word in an annotation
    """Says how a fact's spec is built from the rule's parameters; None means that it is not needed.

    For a fact without parameters the function returns True where it is needed.
    """

    spec: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Need:
    """One argument of a rule's function that is a fact."""

    argument: str
    fact: type[Fact]
    spec: Callable[[Any], Any] | None
    dispensable: bool
    """The rule takes ``Unavailable`` and ``NotSupported`` too."""

    def request(self, params: RuleParams) -> FactRequest | None:
        """What is asked for with these parameters; None: nothing."""
        if self.spec is None:
            return FactRequest(self.fact)
        spec = self.spec(params)
        if spec is None:
            return None
        return FactRequest(self.fact) if spec is True else FactRequest(self.fact, spec)


RuleFunction = Callable[..., Iterator[Statement]]


@dataclass(frozen=True, slots=True)
class Variant:
    """A rule's function for one type of subject."""

    subject: type[Subject]
    function: RuleFunction
    needs: tuple[Need, ...]
    subjects: Mapping[str, type[Subject]]
    """Arguments that are subjects."""
    values: Mapping[str, type]
    """Arguments that are values of the run: ``datetime``, ``AnalyzerCatalogue``."""
    params_argument: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its meaning, its parameters, and one function for each type of subject that it judges."""

    id: str
    severity: Severity
    params: type[RuleParams]
    controls: tuple[str, ...]
    title: str
    """The first line of the docstring: what holds when it passes."""
    what: str
    """The docstring's text before its first section."""
    sections: Mapping[str, str]
    """Why, Evidence, How to fix, Example."""
    module: str
    aliases: tuple[str, ...] = ()
    variants: Mapping[type[Subject], Variant] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The folder that it lives in: ``approve``; for a module that lies in none, its own name."""
        return self.module.split(".")[-2:][0]


F = TypeVar("F", bound=RuleFunction)
_declared: dict[str, Rule] = {}


def rule(
    id: str,  # noqa: A002 - what everybody calls it
    *,
    severity: str = "medium",
    params: type[RuleParams] = NoParams,
    controls: tuple[str, ...] | list[str] = (),
    aliases: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Declare a function to be a rule.

    The docstring's first line says what holds when it passes; its sections are ``Why``, ``Evidence``, ``How to fix`` and
    ``Example``. A second function with the same id judges another type of subject and needs only a first line.
    """

    def declare(function: F) -> F:
        for name in (id, *aliases):
            if not RULE_ID.fullmatch(name):
                raise RuleError(
                    f"{function.__module__}: a rule's id is words in lower case joined by '-', not {name!r}"
                )
        variant = _variant(function, params)
        known = _declared.get(id)
        if known is not None and known.module == function.__module__ and variant.subject not in known.variants:
            _declared[id] = replace(known, variants={**known.variants, variant.subject: variant})
            return function
        _nothing_else_is_called(id, aliases, function.__module__)
        what, sections = _docstring(function, id)
        _declared[id] = Rule(
            id=id,
            severity=Severity(severity),
            params=params,
            controls=tuple(controls),
            title=what.split("\n", 1)[0].strip(),
            what=what,
            sections=sections,
            module=function.__module__,
            aliases=aliases,
            variants={variant.subject: variant},
        )
        return function

    return declare


def declared() -> Mapping[str, Rule]:
    """The rules of the modules imported so far."""
    return _declared


def withdraw(ids: Iterable[str]) -> None:
    """Forget rules: the module that declared them was not imported to its end."""
    for id_ in tuple(ids):
        del _declared[id_]


def _nothing_else_is_called(rule_id: str, aliases: Iterable[str], module: str) -> None:
    """A name, or a former name, stands for one rule: policies that were written with it must not come to mean another."""
    taken = {name: known for known in _declared.values() for name in (known.id, *known.aliases)}
    for name in (rule_id, *aliases):
        other = taken.get(name)
        if other is None:
            continue
        if other.id == name == rule_id:
            where = f"twice in {module}" if other.module == module else f"twice: in {other.module} and in {module}"
            raise RuleError(f"the rule {name!r} is declared {where}")
        whose = "the id" if other.id == name else "a former id"
        raise RuleError(f"{module}: the rule {rule_id!r} cannot be called {name!r}: that is {whose} of {other.id!r}")


def _docstring(function: RuleFunction, rule_id: str) -> tuple[str, dict[str, str]]:
    text = inspect.getdoc(function)
    if not text:
        raise RuleError(f"the rule {rule_id!r} has no docstring")
    pattern = r"^(" + "|".join(SECTIONS) + r"):[ \t]*$"
    pieces = re.split(pattern, text, flags=re.MULTILINE)
    sections = {
        name: inspect.cleandoc(body) for name, body in zip(pieces[1::2], pieces[2::2], strict=True) if body.strip()
    }
    missing = [name for name in SECTIONS if name not in sections]
    if missing:
        raise RuleError(f"the docstring of the rule {rule_id!r} lacks the section {', '.join(missing)}")
    return pieces[0].strip(), sections


def _variant(function: RuleFunction, params: type[RuleParams]) -> Variant:
    where = f"{function.__module__}.{getattr(function, '__name__', function)}"
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    found: list[Need] = []
    subjects: dict[str, type[Subject]] = {}
    values: dict[str, type] = {}
    params_argument = None
    for argument, hint in hints.items():
        spec = None
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            spec = next((extra.spec for extra in extras if isinstance(extra, needs)), None)
        options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        fact = next((o for o in options if isinstance(o, type) and issubclass(o, Fact)), None)
        if fact is not None:
            dispensable = Unavailable in options and NotSupported in options
            found.append(Need(argument, fact, spec, dispensable))
        elif isinstance(hint, type) and issubclass(hint, Subject):
            subjects[argument] = hint
        elif isinstance(hint, type) and issubclass(hint, RuleParams):
            if hint is not params:
                raise RuleError(
                    f"{where}: the argument {argument!r} is {hint.__name__}, the rule's params are {params.__name__}"
                )
            params_argument = argument
        elif isinstance(hint, type):
            values[argument] = hint
        else:
            raise RuleError(
                f"{where}: the argument {argument!r} is neither a subject, a fact, the parameters nor a value"
            )
    if not subjects:
        raise RuleError(f"{where}: a rule's first argument is the subject that it judges")
    return Variant(next(iter(subjects.values())), function, tuple(found), subjects, values, params_argument)
