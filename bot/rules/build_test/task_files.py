"""Looks one level into the files that name commands: Makefile, package.json, tox, nox, pre-commit."""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
PACKAGE = "package.json"
TOX = "tox.ini"
NOX = "noxfile.py"
PRE_COMMIT = ".pre-commit-config.yaml"
PYPROJECT = "pyproject.toml"
FILES = (*MAKEFILES, PACKAGE, TOX, NOX, PRE_COMMIT, PYPROJECT)
"""Every file that is looked into, at the repository's root."""

MAX_TEXT = 1_000_000
MAX_LINE = 2_000
MAX_VALUE = 1_000
"""Of a line, and of what stands for a variable in it: substitution must not multiply without bounds."""

_RULE = re.compile(r"^(?P<targets>[^\s:=#][^:=#]*):(?!=)(?P<rest>[^=].*|)$")
_VARIABLE = re.compile(r"^(?:export\s+)?(?P<name>[\w.-]+)\s*(?:::?|\?|\+)?=\s*(?P<value>.*)$")
_REFERENCE = re.compile(r"\$[({](?P<name>[\w.-]+)[)}]")
_TOX_REFERENCE = re.compile(r"\{\[(?P<section>[^\]{}]+)\](?P<key>[^{}]+)\}")
_TOX_BRACES = re.compile(r"\{[^{}]*\}")

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnreadableFileError(ValueError):
    """A file is there and cannot be understood."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a name in such a file runs."""

    script: str
    where: str
    """For people: ``Makefile: lint``."""
    forgiven: str = ""
    """Why a failure does not count."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One pre-commit hook that runs."""

    id: str
    entry: str


def make(texts: Mapping[str, str], targets: tuple[str, ...]) -> Iterator[Task]:
    """The recipes of targets (the first of all, where none is named) and of their prerequisites."""
    name = next((each for each in MAKEFILES if each in texts), None)
    if name is None:
        return
    rules, variables = _makefile(texts[name])
    waiting = list(targets) or [each for each in rules if not each.startswith(".")][:1]
    seen: set[str] = set()
    while waiting:
        target = waiting.pop(0)
        if target in seen or target not in rules:
            continue
        seen.add(target)
        prerequisites, recipe = rules[target]
        waiting.extend(prerequisites)
        for line in recipe:
            text = _substituted(line, variables)
            prefix = text[: len(text) - len(text.lstrip("@-+ "))]
            forgiven = "make ignores its failure (the line begins with '-')" if "-" in prefix else ""
            yield Task(text.lstrip("@-+ "), f"{name}: {target}", forgiven)


def npm(texts: Mapping[str, str], script: str) -> Iterator[Task]:
    """A script of package.json, with what is declared to run before and after it."""
    document = _json(texts, PACKAGE)
    scripts = document.get("scripts")
    if isinstance(scripts, dict):
        for name in (f"pre{script}", script, f"post{script}"):
            if isinstance(scripts.get(name), str):
                yield Task(scripts[name], f"{PACKAGE}: {name}")


def tox(texts: Mapping[str, str], environments: tuple[str, ...]) -> Iterator[Task]:
    """The commands of tox's environments; of all that it would run by itself, where none is named."""
    pyproject = _toml(texts, PYPROJECT).get("tool")
    settings = pyproject.get("tox") if isinstance(pyproject, dict) else None
    legacy = settings.get("legacy_tox_ini") if isinstance(settings, dict) else None
    if TOX in texts or isinstance(legacy, str):
        yield from _tox_ini(texts.get(TOX) or str(legacy), TOX if TOX in texts else PYPROJECT, environments)
    elif isinstance(settings, dict):
        yield from _tox_toml(settings, environments)


def nox(texts: Mapping[str, str], sessions: tuple[str, ...]) -> Iterator[Task]:
    """What the sessions of noxfile.py run; of all of them, where none is named."""
    if NOX not in texts:
        return
    try:
        module = ast.parse(texts[NOX][:MAX_TEXT])
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableFileError(f"{NOX} is not Python: {error}") from error
    for function in module.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        name = _session_name(function)
        if name is None or (sessions and name not in sessions):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "run":
                words = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
                if words:
                    yield Task(" ".join(_quoted(word) for word in words), f"{NOX}: {name}")


def pre_commit(texts: Mapping[str, str]) -> Iterator[Hook]:
    """The hooks that ``pre-commit run`` runs: those of no other stage than manual are left out."""
    if PRE_COMMIT not in texts:
        return
    try:
        document = yaml.load(texts[PRE_COMMIT][:MAX_TEXT], Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableFileError(f"{PRE_COMMIT} is not YAML: {error}") from error
    for repository in _listed(document, "repos"):
        for hook in _listed(repository, "hooks"):
            if isinstance(hook, dict) and hook.get("stages") != ["manual"]:
                yield Hook(str(hook.get("id", "")), str(hook.get("entry", "")))


def _listed(value: object, key: str) -> list[object]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _makefile(text: str) -> tuple[dict[str, tuple[list[str], list[str]]], dict[str, str]]:
    rules: dict[str, tuple[list[str], list[str]]] = {}
    variables: dict[str, str] = {}
    current: list[list[str]] = []
    for line in text[:MAX_TEXT].replace("\\\n", " ").splitlines():
        if line.startswith("\t"):
            for recipe in current:
                recipe.append(line.strip())
            continue
        stripped = line.partition("#")[0].rstrip()
        if variable := _VARIABLE.match(stripped):
            variables.setdefault(variable["name"], variable["value"].strip()[:MAX_VALUE])
        elif rule := _RULE.match(stripped):
            current = []
            prerequisites, _, inline = rule["rest"].partition(";")
            for target in rule["targets"].split():
                needed, recipe = rules.setdefault(target, ([], []))
                needed.extend(word for word in prerequisites.split() if word != "|")
                if inline.strip():
                    recipe.append(inline.strip())
                current.append(recipe)
        elif stripped and not stripped.startswith(" "):
            current = []
    return rules, variables


def _substituted(line: str, variables: Mapping[str, str]) -> str:
    line = line[:MAX_LINE]
    for _ in range(5):
        replaced = _REFERENCE.sub(lambda match: variables.get(match["name"], match[0]), line)
        if replaced == line or len(replaced) > MAX_LINE:
            break
        line = replaced
    return line


def _tox_ini(text: str, file: str, environments: tuple[str, ...]) -> Iterator[Task]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text[:MAX_TEXT])
    except configparser.Error as error:
        raise UnreadableFileError(f"{file} is not an INI file: {error.message}") from error
    listed = parser.get("tox", "env_list", fallback="") or parser.get("tox", "envlist", fallback="")
    for name in environments or _expanded(listed) or ("testenv",):
        section = next(
            (s for s in parser.sections() if s.startswith("testenv:") and name in _expanded(s[8:])), "testenv"
        )
        commands = parser.get(section, "commands", fallback=parser.get("testenv", "commands", fallback=""))
        for line in commands.replace("\\\n", " ").splitlines():
            # "py311: pytest" is for some environments alone
            factor, colon, rest = line.strip().partition(": ")
            command = rest if colon and " " not in factor and "/" not in factor else line.strip()
            command = _TOX_REFERENCE.sub(
                lambda match: parser.get(match["section"], match["key"], fallback="")[:MAX_VALUE], command[:MAX_LINE]
            )
            command = _TOX_BRACES.sub("", command)
            for each in command.splitlines():
                forgiven = "tox ignores its failure (the line begins with '-')" if each.startswith("-") else ""
                if each.strip("-! "):
                    yield Task(each.lstrip("-! "), f"{file}: {name}", forgiven)


def _expanded(listed: str) -> tuple[str, ...]:
    """``py{310,311}-lint, docs`` as its names; at most some hundreds of them."""
    names: list[str] = []
    for part in re.split(r"[,\s]+(?![^{}]*\})", listed[:MAX_LINE].strip()):
        found = [""]
        for piece in re.split(r"(\{[^{}]*\})", part):
            options = piece[1:-1].split(",") if piece.startswith("{") else [piece]
            found = [prefix + option.strip() for prefix in found for option in options][:200]
        names.extend(name for name in found if name)
    return tuple(names)


def _tox_toml(settings: Mapping[str, object], environments: tuple[str, ...]) -> Iterator[Task]:
    environment = settings.get("env")
    known = environment if isinstance(environment, dict) else {}
    listed = settings.get("env_list")
    for name in environments or (tuple(listed) if isinstance(listed, list) else ()):
        one = known.get(name) or settings.get("env_run_base")
        for words in _listed(one, "commands"):
            if isinstance(words, list):
                texts = [word for word in words if isinstance(word, str)]
                yield Task(" ".join(_quoted(word) for word in texts), f"{PYPROJECT}: {name}")


def _session_name(function: ast.FunctionDef) -> str | None:
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        target = call.func if call else decorator
        called = target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""
        if called != "session":
            continue
        for keyword in call.keywords if call else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
        return function.name
    return None


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "") + "'" if re.search(r"[\s;|&()<>#]", word) else word


def _json(texts: Mapping[str, str], name: str) -> dict[str, object]:
    try:
        document = json.loads(texts.get(name, "{}"))
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(f"{name} is not JSON: {error}") from error
    return document if isinstance(document, dict) else {}


def _toml(texts: Mapping[str, str], name: str) -> dict[str, object]:
    try:
        return tomllib.loads(texts.get(name, ""))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnreadableFileError(f"{name} is not TOML: {error}") from error
