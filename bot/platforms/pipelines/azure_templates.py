"""Puts the templates of an Azure pipeline in place, so that one tree holds everything that would run.

What the file alone decides is decided: parameters, their defaults, ``${{ if }}`` over them, ``${{ each }}`` over them.
What rests on anything else is kept: a step that is there under an undecided condition is there. Everything that comes from
a template carries the line of the ``template:`` that brings it, so that every line belongs to the pipeline's own file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.platforms.pipelines.azure_expressions import Scope, evaluate, truth
from bot.platforms.pipelines.yaml_tree import MAX_NODES, Entries, Items, Node, Scalar, TreeError, load

MAX_TEMPLATE_DEPTH = 20
MAX_TEMPLATES = 100
LISTS = ("stages", "jobs", "steps", "variables")
"""What a template may bring: the list of that name in the template takes the place of the ``template:`` item."""

_DIRECTIVE = re.compile(r"\$\{\{\s*(?P<word>if|elseif|else|each|insert)\b(?P<rest>.*)\}\}\s*", re.DOTALL)
_EACH = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s+in\s+(?P<list>\S.*)", re.DOTALL)
_COMMIT = re.compile(r"[0-9a-fA-F]{40}")

Reader = Callable[[str], str | None]


@dataclass(slots=True)
class Expansion:
    """One pipeline being expanded, and what could not be."""

    read: Reader
    repositories: Mapping[str, tuple[str, str]]
    """Alias of a repository resource: its name and its ref."""
    unexpanded: list[str] = field(default_factory=list)
    floating: list[str] = field(default_factory=list)
    _files: dict[str, Node | str] = field(default_factory=dict)
    _budget: int = 2 * MAX_NODES

    def pipeline(self, path: str, document: Entries) -> Entries:
        """The pipeline of that file with every template that can be read in place."""
        filled = self._fill_document(document, parameters_of(document, Entries(0)), None)
        return self._place(filled, (normal(path),))

    # Templates

    def _place(self, document: Entries, chain: tuple[str, ...]) -> Entries:
        """The document with the items of its lists, and what it extends, replaced by what their templates bring."""
        extends = document.get("extends")
        if isinstance(extends, Entries) and extends.text("template"):
            base = self._template(extends, chain)
            if base is not None:
                kept = tuple(entry for entry in document if entry[0].text not in ("extends", *LISTS))
                taken = tuple(entry for entry in base if entry[0].text in ("extends", *LISTS[:3]))
                variables = Items(document.line, (*base.items("variables"), *document.items("variables")))
                return Entries(document.line, (*kept, *taken, (Scalar(document.line, "variables"), variables)))
        return Entries(document.line, tuple((key, self._placed(key.text, value, chain)) for key, value in document))

    def _placed(self, key: str, value: Node, chain: tuple[str, ...]) -> Node:
        match value:
            case Items() if key in LISTS:
                return Items(value.line, tuple(each for item in value for each in self._items(key, item, chain)))
            case Items():
                return Items(value.line, tuple(self._placed("", item, chain) for item in value))
            case Entries() if key not in ("inputs", "env", "parameters"):
                return self._place(value, chain)
            case _:
                return value

    def _items(self, key: str, item: Node, chain: tuple[str, ...]) -> Iterator[Node]:
        if not isinstance(item, Entries):
            yield item
        elif not item.text("template"):
            yield self._place(item, chain)
        else:
            brought = self._template(item, chain)
            if brought is None:
                yield item
            elif key == "variables" and isinstance(brought.get(key), Entries):
                yield brought.mapping(key)
            else:
                yield from brought.items(key)

    def _template(self, item: Entries, chain: tuple[str, ...]) -> Entries | None:
        """The template that an item names, filled and expanded; None (and noted) where it cannot be."""
        reference = item.text("template").strip()
        path, _, alias = reference.partition("@")
        if alias and alias.lower() != "self":
            self._foreign(path, alias, reference)
            return None
        where, document = self._document(path, chain)
        if not isinstance(document, Entries):
            self._note(f"{reference} ({document})")
            return None
        if where in chain:
            self._note(f"{reference} (includes itself)")
            return None
        if len(chain) > MAX_TEMPLATE_DEPTH:
            self._note(f"{reference} (more than {MAX_TEMPLATE_DEPTH} templates deep)")
            return None
        parameters = parameters_of(document, item.mapping("parameters"))
        return self._place(self._fill_document(document, parameters, item.line), (*chain, where))

    def _document(self, path: str, chain: tuple[str, ...]) -> tuple[str, Node | str]:
        """A template's tree, or why there is none. Relative to the file that names it, else to the pipeline's own file:
        a step that was handed down as a parameter names its template from where it was written.
        """
        if "${{" in path or "$(" in path:
            return path, "its path is computed"
        folders = [""] if path.startswith("/") else [posixpath.dirname(chain[-1]), posixpath.dirname(chain[0])]
        problem = "not found"
        for where in dict.fromkeys(normal(posixpath.join(folder, path.lstrip("/"))) for folder in folders):
            if where.startswith("../") or where == "..":
                problem = "outside the repository"
                continue
            if where not in self._files:
                self._files[where] = self._load(where)
            found = self._files[where]
            if not isinstance(found, str):
                return where, found
            problem = found
        return path, problem

    def _load(self, where: str) -> Node | str:
        if len(self._files) >= MAX_TEMPLATES:
            return f"more than {MAX_TEMPLATES} templates"
        text = self.read(where)
        if text is None:
            return "not found"
        try:
            document = load(text)
        except TreeError as error:
            return str(error)
        return document if isinstance(document, Entries) else "not a template"

    def _foreign(self, path: str, alias: str, reference: str) -> None:
        name, ref = self.repositories.get(alias.lower(), ("", ""))
        self._note(reference)
        if not (ref.startswith("refs/tags/") or _COMMIT.fullmatch(ref)):
            text = f"{path}@{name or alias} ({ref or 'default branch'})"
            if text not in self.floating:
                self.floating.append(text)

    def _note(self, text: str) -> None:
        if text not in self.unexpanded:
            self.unexpanded.append(text)

    # Expressions

    def _fill_document(self, document: Entries, parameters: Entries, line: int | None) -> Entries:
        own = Entries(document.line, tuple(entry for entry in document if entry[0].text != "parameters"))
        filled = self._fill(own, {"parameters": parameters}, line)
        return filled if isinstance(filled, Entries) else own

    def _fill(self, node: Node, scope: Scope, line: int | None) -> Node:
        """The node with its expressions replaced by what they give, where that is known."""
        self._budget -= 1
        if self._budget < 0:
            raise TreeError("it is too large once its templates and loops are expanded", line or node.line)
        match node:
            case Scalar():
                value = _whole(node.text, scope)
                if value is not None:
                    return Scalar(line or node.line, value.text) if isinstance(value, Scalar) else value
                return Scalar(line or node.line, _embedded(node.text, scope))
            case Items():
                return Items(line or node.line, tuple(self._fill_items(node, scope, line)))
            case Entries():
                return Entries(line or node.line, tuple(self._fill_entries(node, scope, line)))

    def _fill_items(self, node: Items, scope: Scope, line: int | None) -> Iterator[Node]:
        chain = _Chain()
        for item in node:
            if isinstance(item, Entries) and len(item.entries) == 1:
                key, value = item.entries[0]
                directive = _DIRECTIVE.fullmatch(key.text)
                if directive is not None:
                    for body, inner in self._bodies(directive, value, scope, chain):
                        filled = self._fill(body, inner, line)
                        yield from filled if isinstance(filled, Items) else (filled,)
                    continue
            chain.reset()
            filled = self._fill(item, scope, line)
            # "- ${{ parameters.steps }}" puts the list's items in its place
            yield from filled if isinstance(item, Scalar) and isinstance(filled, Items) else (filled,)

    def _fill_entries(self, node: Entries, scope: Scope, line: int | None) -> Iterator[tuple[Scalar, Node]]:
        chain = _Chain()
        for key, value in node:
            directive = _DIRECTIVE.fullmatch(key.text)
            if directive is None:
                chain.reset()
                name = self._fill(key, scope, line)
                yield (name if isinstance(name, Scalar) else key), self._fill(value, scope, line)
                continue
            for body, inner in self._bodies(directive, value, scope, chain):
                filled = self._fill(body, inner, line)
                if isinstance(filled, Entries):
                    yield from filled

    def _bodies(
        self, directive: re.Match[str], value: Node, scope: Scope, chain: _Chain
    ) -> Iterator[tuple[Node, Scope]]:
        """What stands under a directive, as often as it is to be taken, each with its scope."""
        word, rest = directive["word"], directive["rest"]
        if word == "each":
            chain.reset()
            yield from ((value, inner) for inner in _loop(rest, scope))
        elif word == "insert":
            chain.reset()
            yield value, scope
        elif chain.takes(word, truth(evaluate(rest, scope)) if word != "else" else True):
            yield value, scope


@dataclass(slots=True)
class _Chain:
    """One run of if, elseif, else: a branch is taken unless it, or one before it, is known to decide otherwise."""

    decided: bool = False

    def reset(self) -> None:
        self.decided = False

    def takes(self, word: str, condition: bool | None) -> bool:
        if word == "if":
            self.decided = False
        if self.decided or condition is False:
            return False
        self.decided = condition is True
        return True


def parameters_of(document: Entries, given: Entries) -> Entries:
    """A template's parameters: what it was given, else their defaults."""
    declared = document.get("parameters")
    defaults: list[tuple[Scalar, Node]] = []
    if isinstance(declared, Entries):
        defaults = list(declared)
    elif isinstance(declared, Items):
        for each in declared:
            if isinstance(each, Entries) and each.text("name"):
                default = each.get("default")
                defaults.append((Scalar(each.line, each.text("name")), default or Scalar(each.line, "")))
    return Entries(given.line, (*defaults, *given))


def normal(path: str) -> str:
    """A path from the repository's root, without ``./`` and ``..``."""
    return posixpath.normpath(path.replace("\\", "/").lstrip("/"))


def _loop(rest: str, scope: Scope) -> Iterator[Scope]:
    """A scope for each turn; one turn with the variable unknown where the list is not known."""
    match = _EACH.fullmatch(rest)
    if match is None:
        yield scope
        return
    values = evaluate(match["list"].strip(), scope)
    without = {name: node for name, node in scope.items() if name != match["name"]}
    match values:
        case Items():
            yield from ({**without, match["name"]: item} for item in values)
        case Entries():
            for key, value in values:
                pair = Entries(key.line, ((Scalar(key.line, "key"), key), (Scalar(key.line, "value"), value)))
                yield {**without, match["name"]: pair}
        case Scalar():
            return  # an empty parameter: no turn
        case None:
            yield without


def _whole(text: str, scope: Scope) -> Node | None:
    """The value of a text that is one expression; None where it is something else, or not known."""
    stripped = text.strip()
    if not stripped.startswith("${{") or not stripped.endswith("}}") or stripped.count("${{") != 1:
        return None
    return evaluate(stripped[3:-2].strip(), scope)


def _embedded(text: str, scope: Scope) -> str:
    """The text with every expression that gives a text replaced by it."""
    if "${{" not in text:
        return text
    first, *rest = text.split("${{")
    pieces = [first]
    for each in rest:
        expression, end, after = each.partition("}}")
        value = evaluate(expression.strip(), scope) if end else None
        pieces.append(value.text + after if isinstance(value, Scalar) else "${{" + each)
    return "".join(pieces)
