"""Conditions in CEL. The only module that knows the CEL library.

An expression compiles against the types of subject that it is tried on (``compile_expression``), says which facts it needs,
and is evaluated on a document of one subject (``document``). What is unavailable or unset stays unbound there: an
expression that depends on it is ``Undecided``, and one that does not (``unbound && false``) is decided all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]
from cel_expr_python.ext import ext_strings  # type: ignore[import-untyped]

from bot.model import globs
from bot.model.facts import Fact, FactRequest, UnknownKind
from bot.model.facts.change import ChangedFiles
from bot.model.subjects import Subject
from bot.policy.explanation import HAS, explained
from bot.policy.syntax_tree import Mistake, SyntaxTree, check
from bot.policy.vocabulary import Kind, Name, Shape, by_type, plain, request, vocabulary


class ExpressionError(ValueError):
    """An expression does not compile. Its mistakes carry lines and columns within the expression, from 1."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(mistake.message for mistake in self.mistakes))


@dataclass(frozen=True, slots=True)
class Undecided:
    """Neither true nor false, because something that it depends on is not known."""

    reason: str
    kind: UnknownKind = UnknownKind.UNREADABLE
    missing: str = ""
    """The name of the fact that was not loaded, where that is why: ``files``."""


class Document:
    """One subject and its facts, as expressions see them. Values are converted when they are first asked for, once."""

    __slots__ = ("_values", "facts", "now", "subject")

    def __init__(self, subject: Subject, facts: Mapping[str, Fact], now: datetime) -> None:
        self.subject = subject
        self.facts = facts
        self.now = now
        self._values: dict[str, object] = {"now": now}

    @property
    def no_files(self) -> bool:
        """The change is known, and empty."""
        files = self.facts.get(ChangedFiles.name)
        return isinstance(files, ChangedFiles) and not files.files

    def bindings(self, names: Iterable[str]) -> dict[str, object]:
        """Those of the names that have a value."""
        known = self._values
        for name in names:
            if name not in known:
                known[name] = self._value(name)
        return {name: value for name in names if (value := known[name]) is not None}

    def _value(self, name: str) -> object:
        if name.startswith(HAS):
            holder = self._raw(name.removeprefix(HAS))
            return holder is not None
        value = self._raw(name)
        # A name of its own may have the type of time; inside lists times are text.
        return value if isinstance(value, datetime) else plain(value)

    def _raw(self, name: str) -> object:
        known = vocabulary(type(self.subject))[name]
        value: object = self.subject if known.fact is None else self.facts.get(name)
        for attribute in known.path:
            if value is None:
                return None
            value = getattr(value, attribute)
        return value


@dataclass(frozen=True, slots=True)
class _Program:
    """An expression, compiled for one type of subject."""

    expression: cel.Expression
    environment: cel.Env
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled condition."""

    text: str
    names: frozenset[str]
    """What stands before the first dot of every name that it uses: ``pr``, ``files``."""
    _facts: frozenset[type[Fact]]
    _programs: Mapping[type[Subject], _Program] = field(compare=False)

    def facts(self) -> frozenset[type[Fact]]:
        """The facts that it names; each is about the subject judged or one that is reached from it."""
        return self._facts

    def requests(self) -> frozenset[FactRequest]:
        """The same, as they are asked for."""
        return frozenset(request(fact) for fact in self._facts)

    def lacks_files(self, document: Document) -> bool:
        """Whether it is not met because it names ``files`` and the change is empty."""
        return ChangedFiles.name in self.names and document.no_files

    def evaluate(self, document: Document) -> bool | Undecided:
        """Whether it holds. A condition that names ``files`` is not met on an empty change."""
        if self.lacks_files(document):
            return False
        program = self._programs[type(document.subject)]
        activation = program.environment.Activation(document.bindings(program.names))
        try:
            value = program.expression.eval(activation).value()
        except RuntimeError as error:
            return _undecided(str(error), document)
        if value is True or value is False:
            return bool(value)
        # What goes wrong inside an expression is not raised: it is the value, of CEL's type ERROR.
        return _undecided(str(value), document)


def compile_expression(text: str, subjects: Iterable[type[Subject]]) -> Expression:
    """Compile a condition for each of these types of subject. Raises ``ExpressionError``."""
    programs: dict[type[Subject], _Program] = {}
    mistakes: dict[type[Subject], tuple[Mistake, ...]] = {}
    for subject in subjects:
        try:
            programs[subject] = _compile(text, subject)  # type: ignore[arg-type]  # mypy hashes an instance, not its class
        except ExpressionError as error:
            mistakes[subject] = error.mistakes
    if mistakes:
        raise ExpressionError(dict.fromkeys(_where_several(mistakes, programs)))
    names: set[str] = set()
    facts: set[type[Fact]] = set()
    for subject, program in programs.items():
        known = vocabulary(subject)
        used = {name.removeprefix(HAS) for name in program.names}
        names |= {name.split(".", 1)[0] for name in used}
        facts |= {fact for name in used if name in known and (fact := known[name].fact) is not None}
    return Expression(text, frozenset(names), frozenset(facts), programs)


def _where_several(
    mistakes: Mapping[type[Subject], Iterable[Mistake]], programs: Mapping[type[Subject], _Program]
) -> Iterator[Mistake]:
    """What holds for one type of subject and not for another needs the other's name."""
    for subject, found in mistakes.items():
        also = f" (the rule judges a {subject.kind.replace('_', ' ')} as well)" if programs else ""
        yield from (replace(mistake, message=f"{mistake.message}{also}") for mistake in found)


def document(subject: Subject, facts: Mapping[str, Fact], now: datetime) -> Document:
    """What expressions see of a subject. ``facts``: those that were loaded, by their names; others are left out."""
    return Document(subject, facts, now)


ASKED = re.compile(
    r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|//[^\n]*|(?<![\w.])has\(\s*([A-Za-z_][\w]*(?:\.[\w]+)+)\s*\)"""
)
"""Texts and comments, which are left alone, and what ``has()`` asks for."""


@lru_cache(maxsize=1024)
def _compile(text: str, subject: type[Subject]) -> _Program:
    known, environment = vocabulary(subject), _environment(subject)
    try:
        program = environment.compile(_asked(text, known))
    except RuntimeError as error:
        raise ExpressionError(explained(str(error), known)) from error
    tree = SyntaxTree.decode(program.serialize())
    mistakes = check(tree, text, known)
    if not mistakes and program.return_type().name() not in ("BOOL", "DYN"):
        mistakes = [Mistake(1, 1, f"a condition is true or false, and this is {program.return_type().name().lower()}")]
    mistakes += _failing_constants(tree, text, environment)
    if mistakes:
        raise ExpressionError(mistakes)
    return _Program(program, environment, tuple(sorted(tree.names())))


def _failing_constants(tree: SyntaxTree, text: str, environment: cel.Env) -> Iterator[Mistake]:
    """A time, a duration or a time zone that is none: it would be undecided each time, and only then be noticed."""
    for node, call in tree.constant_calls():
        answer = environment.compile(call).eval()
        if answer.type() == cel.Type.ERROR:
            yield tree.mistake(node, text, f"{call} fails: {str(answer.value()).removeprefix('INVALID_ARGUMENT: ')}")


def _asked(text: str, known: Mapping[str, Name]) -> str:
    """``has(release.author.login)`` becomes the name ``has.release.author.login``, of the same length: CEL's own macro does
    not see that a name with dots is unbound."""

    def replace(found: re.Match[str]) -> str:
        name = found[1]
        if name is None or name not in known:
            return found[0]
        return f"{HAS}{name}".ljust(len(found[0]))

    return ASKED.sub(replace, text)


@by_type
def _environment(subject: type[Subject]) -> cel.Env:
    variables = {name.name: _type(name.shape) for name in vocabulary(subject).values()}
    variables |= {f"{HAS}{name}": cel.Type.BOOL for name in variables if "." in name}
    variables["now"] = cel.Type.TIMESTAMP
    return cel.NewEnv(variables=variables, extensions=[ext_strings.ExtStrings()], functions=_functions())


def _type(shape: Shape | None) -> cel.Type:
    if shape is None:
        return cel.Type.DYN
    match shape.kind:
        case Kind.TEXT:
            return cel.Type.STRING
        case Kind.INTEGER:
            return cel.Type.INT
        case Kind.NUMBER:
            return cel.Type.DOUBLE
        case Kind.BOOLEAN:
            return cel.Type.BOOL
        case Kind.TIME:
            return cel.Type.TIMESTAMP
        case Kind.LIST:
            return cel.Type.List(_type(shape.element))
        case Kind.MAPPING:
            return cel.Type.Map(cel.Type.STRING, _type(shape.element))
        case Kind.RECORD:
            return cel.Type.Map(cel.Type.STRING, cel.Type.DYN)


def _functions() -> list[cel.FunctionDecl]:
    """Functions for long lists of files: a loop in CEL ends after 9,999 steps."""
    files = cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN))
    declared = []
    for name, function in (("any_match", _any_match), ("all_match", _all_match)):
        overloads = [
            cel.Overload(
                f"{name}_{suffix}",
                return_type=cel.Type.BOOL,
                parameters=[files, patterns],
                is_member=True,
                impl=function,
            )
            for suffix, patterns in (("text", cel.Type.STRING), ("list", cel.Type.List(cel.Type.STRING)))
        ]
        declared.append(cel.FunctionDecl(name, overloads))
    return declared


def _any_match(files: list[dict[str, Any]], patterns: str | list[str]) -> bool:
    wanted = [patterns] if isinstance(patterns, str) else patterns
    return any(globs.matches(file["path"], wanted) for file in files)


def _all_match(files: list[dict[str, Any]], patterns: str | list[str]) -> bool:
    wanted = [patterns] if isinstance(patterns, str) else patterns
    return bool(files) and all(globs.matches(file["path"], wanted) for file in files)


UNBOUND = re.compile(r'No value with name "([^"]+)"')


def _undecided(error: str, document: Document) -> Undecided:
    unbound = UNBOUND.search(error)
    if unbound:
        name = unbound[1].removeprefix(HAS)
        if name in vocabulary(type(document.subject)) and vocabulary(type(document.subject))[name].fact is not None:
            return Undecided(f"{name} could not be read", missing=name)
        return Undecided(f"{name} is not set here; ask has({name}) first")
    if "budget" in error.lower():
        return Undecided("the lists are too long for a loop in a condition", UnknownKind.TRUNCATED)
    return Undecided(error)
