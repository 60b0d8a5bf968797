"""Expressions in CEL. The only module that knows the CEL library.

An expression compiles against each type of subject that it may be asked about, says which facts it needs, and has a value
on a document of one subject. What is unavailable or unset stays unbound there: an expression that depends on it is
``Undecided``, and one that does not (``unbound && false``) is decided all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product

from cel_expr_python import cel  # type: ignore[import-untyped]
from cel_expr_python.ext import ext_strings  # type: ignore[import-untyped]

from bot.model.facts import Fact, FactRequest, UnknownKind
from bot.model.subjects import Subject
from bot.policy.checking import Wanted, check, check_value
from bot.policy.document import Document, Undecided
from bot.policy.explanation import explained
from bot.policy.functions import FUNCTIONS, NOW, Function
from bot.policy.sample import sample
from bot.policy.syntax_tree import Mistake, SyntaxTree
from bot.policy.vocabulary import HAS, Kind, Name, Shape, by_type, request, vocabulary


class ExpressionError(ValueError):
    """An expression does not compile. Its mistakes carry lines and columns within the text, from 1."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(mistake.message for mistake in self.mistakes))


@dataclass(frozen=True, slots=True)
class Program:
    """An expression, compiled for one type of subject."""

    expression: cel.Expression
    environment: cel.Env
    names: tuple[str, ...]
    reads_now: bool
    """A function that it calls does; then ``now`` is among its names."""
    requests: tuple[FactRequest, ...]

    def value(self, document: Document) -> object:
        """What it comes to on a document of that type, or an ``Undecided``."""
        if self.reads_now:
            NOW.set(document.now)
        try:
            activation = self.environment.Activation(document.bindings(self.names))
            answer = self.expression.eval(activation)
        except RuntimeError as error:
            return _undecided(str(error), document)
        value = answer.value()
        if value is True or value is False:
            return value
        # What goes wrong inside an expression is not raised: it is the value, a text of CEL's type ERROR.
        if isinstance(value, str) and answer.type() == cel.Type.ERROR:
            return _undecided(value, document)
        return value


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression, compiled for each type of subject that it may be asked about."""

    text: str
    names: frozenset[str]
    """What stands before the first dot of every name that it uses: ``pr``, ``files``."""
    _requests: frozenset[FactRequest]
    _programs: Mapping[type[Subject], Program] = field(compare=False)

    def facts(self) -> frozenset[type[Fact]]:
        """The facts that it names; each is about the subject judged or one that is reached from it."""
        return frozenset(request.type for request in self._requests)

    def requests(self) -> frozenset[FactRequest]:
        """The same, as they are asked for."""
        return self._requests

    def value(self, document: Document) -> object:
        """What it comes to, or why that is not known: an ``Undecided``."""
        return self._programs[type(document.subject)].value(document)


def compile_for(text: str, subjects: Iterable[type[Subject]], wanted: Wanted) -> Compiled:
    """Compile an expression for each of these types of subject. Raises ``ExpressionError``."""
    programs: dict[type[Subject], Program] = {}
    mistakes: dict[type[Subject], tuple[Mistake, ...]] = {}
    for subject in subjects:
        try:
            programs[subject] = _compile(text, subject, wanted)  # type: ignore[arg-type]  # it hashes an instance, not its class
        except ExpressionError as error:
            mistakes[subject] = error.mistakes
    if mistakes:
        raise ExpressionError(dict.fromkeys(_where_several(mistakes, programs)))
    names = frozenset(
        name.removeprefix(HAS).split(".", 1)[0] for program in programs.values() for name in program.names
    )
    requests = frozenset(request for program in programs.values() for request in program.requests)
    return Compiled(text, names, requests, programs)


def _where_several(
    mistakes: Mapping[type[Subject], Iterable[Mistake]], programs: Mapping[type[Subject], Program]
) -> Iterator[Mistake]:
    """What holds for one type of subject and not for another needs the other's name."""
    for subject, found in mistakes.items():
        kind = subject.kind.replace("_", " ")
        also = f" (the rule judges {'an' if kind[0] in 'aeiou' else 'a'} {kind} as well)" if programs else ""
        yield from (replace(mistake, message=f"{mistake.message}{also}") for mistake in found)


ASKED = re.compile(
    r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|//[^\n]*|(?<![\w.])has\(\s*([A-Za-z_][\w]*(?:\.[\w]+)+)\s*\)"""
)
"""Texts and comments, which are left alone, and what ``has()`` asks for."""


@lru_cache(maxsize=4096)
def _compile(text: str, subject: type[Subject], wanted: Wanted) -> Program:
    known, environment = vocabulary(subject), _environment(subject)
    try:
        program = environment.compile(_asked(text, known))
    except RuntimeError as error:
        raise ExpressionError(explained(str(error), known)) from error
    tree = SyntaxTree.decode(program.serialize())
    mistakes = check(tree, text, known, wanted)
    kind = _kind(program.return_type())
    if not mistakes and kind is not None and kind not in wanted.kinds:
        mistakes = [Mistake(1, 1, wanted.refusal(kind))]
    mistakes += _failing_constants(tree, text, environment)
    if mistakes:
        raise ExpressionError(mistakes)
    reads_now = any(FUNCTIONS[name].reads_now for name in tree.functions() & FUNCTIONS.keys())
    names = tree.names() | ({"now"} if reads_now else frozenset())
    made = Program(program, environment, tuple(sorted(names)), reads_now, tuple(_requests(tree, known)))
    mistakes = list(check_value(made.value(sample(subject)), tree, text, wanted))
    if mistakes:
        raise ExpressionError(mistakes)
    return made


def _requests(tree: SyntaxTree, known: Mapping[str, Name]) -> Iterator[FactRequest]:
    """How the facts that an expression names are asked for."""
    used = [known[name] for each in tree.names() if (name := each.removeprefix(HAS)) in known]
    for fact in {name.fact for name in used if name.fact is not None}:
        wanted = [use.key for name in used if name.fact is fact and name.by_name for use in tree.uses(name.name)]
        yield request(fact, frozenset(key for key in wanted if key is not None))


def _failing_constants(tree: SyntaxTree, text: str, environment: cel.Env) -> Iterator[Mistake]:
    """A time, a duration or a time zone that is none: it would be undecided each time, and only then be noticed."""
    for node, call in tree.constant_calls():
        answer = environment.compile(call).eval()
        if answer.type() == cel.Type.ERROR:
            yield tree.mistake(node, text, f"{call} fails: {CODE.sub('', str(answer.value()))}")


def _asked(text: str, known: Mapping[str, Name]) -> str:
    """``has(release.author.login)`` becomes the name ``has.release.author.login``, of the same length: CEL's own macro does
    not see that a name with dots is unbound."""

    def replace(found: re.Match[str]) -> str:
        name = found[1]
        if name is None or name not in known or known[name].by_name:
            return found[0]
        return f"{HAS}{name}".ljust(len(found[0]))

    return ASKED.sub(replace, text)


@by_type
def _environment(subject: type[Subject]) -> cel.Env:
    known = vocabulary(subject).values()
    variables = {name.name: _type(name.shape) for name in known}
    variables |= {f"{HAS}{name.name}": cel.Type.BOOL for name in known if "." in name.name and not name.by_name}
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


KINDS: Mapping[str, Kind] = {
    "BOOL": Kind.BOOLEAN,
    "STRING": Kind.TEXT,
    "INT": Kind.INTEGER,
    "UINT": Kind.INTEGER,
    "DOUBLE": Kind.NUMBER,
    "TIMESTAMP": Kind.TIME,
    "LIST": Kind.LIST,
    "MAP": Kind.MAPPING,
}


def _kind(result: cel.Type) -> Kind | str | None:
    """The kind of an expression's value; a word for what no field has (a duration); None: that shows when it runs."""
    name = result.name().partition("<")[0]
    return None if name == "DYN" else KINDS.get(name, name.lower())


def _functions() -> list[cel.FunctionDecl]:
    return [cel.FunctionDecl(function.name, list(_overloads(function))) for function in FUNCTIONS.values()]


def _overloads(function: Function) -> Iterator[cel.Overload]:
    """One for each choice of its parameters' types."""
    for number, shapes in enumerate(product(*(parameter.shapes for parameter in function.parameters))):
        yield cel.Overload(
            f"{function.name}_{number}",
            return_type=_type(function.returns),
            parameters=[_type(shape) for shape in shapes],
            is_member=function.is_member,
            impl=function.run,
        )


CODE = re.compile(r"^[A-Z_]+: ")
"""The status code that an error of CEL begins with."""
ABSENT = re.compile(r"Key not found in map : (.*)", re.DOTALL)
UNBOUND = re.compile(r'No value with name "([^"]+)"')


def _undecided(error: str, document: Document) -> Undecided:
    unbound = UNBOUND.search(error)
    if unbound:
        name = unbound[1].removeprefix(HAS)
        known = vocabulary(type(document.subject)).get(name)
        if known is not None and known.fact is not None and known.fact.name not in document.facts:
            return Undecided(f"{known.fact.name} could not be read", missing=known.fact.name)
        if known is not None and (why := document.why_untold(known)):
            return Undecided(f"{name} is not known: {why}")
        return Undecided(f"{name} is not set here; ask has({name}) first")
    if "budget" in error.lower():
        return Undecided("the lists are too long for a loop in a condition", UnknownKind.TRUNCATED)
    absent = ABSENT.search(error)
    if absent:
        return Undecided(f"{absent[1]} is not there; ask for it with has() or 'in' first")
    return Undecided(CODE.sub("", error))
