"""Reads a script as commands: which programs run, and whether a failure of each fails the script.

Not a shell: quoting, comments, here-documents, pipes, lists, groups and keywords are read the way bash reads them
(https://www.gnu.org/software/bash/manual/bash.html, "Shell Grammar" and "The Set Builtin"), nothing is expanded or run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

MAX_SCRIPT = 200_000
OPERATORS = ("&&", "||", ";;", "|&", ";", "|", "&", "(", ")", "\n")
CONDITIONS = frozenset({"if", "elif", "while", "until", "!"})
"""Keywords before a command whose failure only decides where to go on."""
SKIPPED = frozenset({"then", "else", "do", "fi", "done", "esac", "{", "}", "time"})
HEADERS = frozenset({"for", "case", "select", "function"})

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_HEREDOC = re.compile(r"<<(?P<dash>-?)[ \t]*(?P<quote>['\"]?)(?P<word>[\w.-]+)(?P=quote)")
_PLAIN = re.compile(r"[^\s;|&()<>'\"\\$`]+")
_REDIRECTION = re.compile(r"(?:\d+|&)?(?:>>|>\||>&|<&|<<<|<>|>|<)")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a script."""

    words: tuple[str, ...]
    line: int
    """From 0, within the script."""
    lost: str = ""
    """Why a failure of it does not fail the script; empty: it does."""


@lru_cache(maxsize=2048)
def commands(script: str, *, stops_on_error: bool = True, pipefail: bool = False) -> tuple[Command, ...]:
    """The commands that a script runs, in order.

    ``stops_on_error``: the shell was started with ``-e``. GitHub does so for sh and bash (with ``pipefail`` only where
    ``shell: bash`` is written); Azure Pipelines, PowerShell and cmd look at the last command alone.
    """
    lists = [each for each in _lists(script[:MAX_SCRIPT]) if _runs(each)]
    found: list[Command] = []
    for index, pipelines in enumerate(lists):
        is_last = index == len(lists) - 1
        forgiven = _forgiven(pipelines)
        for place, pipeline in enumerate(pipelines):
            for part in pipeline.parts:
                if not part.words:
                    continue
                if part.words[0] == "set":
                    stops_on_error, pipefail = _set(part.words, stops_on_error, pipefail)
                lost = _lost(part, pipeline, forgiven[place], is_last, stops_on_error, pipefail)
                found.append(Command(part.words, part.line, lost))
    return tuple(found)


@dataclass(slots=True)
class _Part:
    """One simple command."""

    words: tuple[str, ...]
    line: int
    is_condition: bool = False
    in_background: bool = False


@dataclass(slots=True)
class _Pipeline:
    """Commands joined by pipes, and the operator after them."""

    parts: list[_Part] = field(default_factory=list)
    then: str = ""


def _lost(part: _Part, pipeline: _Pipeline, forgiven: bool, is_last: bool, stops_on_error: bool, pipefail: bool) -> str:
    if part.is_condition:
        return "it is only the condition of an if, a while or a !"
    if pipeline.then == "&":
        return "it runs in the background"
    if part is not pipeline.parts[-1] and not pipefail:
        return "its exit code is lost in a pipe (set -o pipefail keeps it)"
    if forgiven:
        return "what follows it after || succeeds all the same"
    if not is_last and not stops_on_error:
        return "the script goes on after it and only the last command counts (set -e stops it)"
    if not is_last and pipeline.then == "&&":
        return "set -e overlooks what fails before && (only the last command of the list counts)"
    return ""


def _forgiven(pipelines: list[_Pipeline]) -> list[bool]:
    """For each pipeline of a list, whether some ``||`` after it leads to nothing that fails."""
    found: list[bool] = []
    fails_later = forgiven = False
    for index, pipeline in enumerate(reversed(pipelines)):
        forgiven = forgiven or (index > 0 and pipeline.then == "||" and not fails_later)
        fails_later = fails_later or _fails(pipeline)
        found.append(forgiven)
    return found[::-1]


def _runs(pipelines: list[_Pipeline]) -> bool:
    return any(part.words for pipeline in pipelines for part in pipeline.parts)


def _fails(pipeline: _Pipeline) -> bool:
    """Whether the fallback after ``||`` ends in failure."""
    for part in pipeline.parts:
        match part.words:
            case ("false",) | ("exit",) | ("return",):
                return True
            case ("exit" | "return", code, *_):
                return code != "0"
            case _:
                continue
    return False


def _set(words: tuple[str, ...], stops_on_error: bool, pipefail: bool) -> tuple[bool, bool]:
    on = True
    for word in words[1:]:
        if word[:1] in "+-":
            on = word[0] == "-"
            if "e" in word[1:]:
                stops_on_error = on
        elif word == "pipefail":
            pipefail = on
        elif word == "errexit":
            stops_on_error = on
    return stops_on_error, pipefail


def _lists(script: str) -> Iterator[list[_Pipeline]]:
    """The lists of a script: pipelines joined by ``&&`` and ``||``. A group ``{ }`` or ``( )`` after an operator stays in
    its list, so that ``a || { echo b; exit 1; }`` is seen to fail.
    """
    current: list[_Pipeline] = [_Pipeline()]
    words: list[str] = []
    line, depth = 0, 0

    def finish(operator: str) -> None:
        nonlocal words
        pipeline = current[-1]
        if words:
            pipeline.parts.append(_simple(words, line))
        words = []
        if operator not in ("|", "|&") and pipeline.parts:
            pipeline.then = operator
            current.append(_Pipeline())

    for piece, at in _tokens(script):
        if piece in OPERATORS or piece in ("{", "}"):
            joined = current[-1].parts or words or any(pipeline.parts for pipeline in current)
            if piece in ("(", "{"):
                if piece == "(" and words:  # the parentheses of a function's name
                    words = []
                elif piece == "{" and words:
                    words.append(piece)
                elif joined and len(current) > 1 and current[-2].then in ("&&", "||"):
                    depth += 1
                continue
            finish("" if piece in (")", "}") else piece)
            if piece in (")", "}"):
                depth = max(0, depth - 1)
                continue
            if piece in (";", "\n", "&", ";;") and depth == 0:
                yield [pipeline for pipeline in current if pipeline.parts]
                current = [_Pipeline()]
        else:
            if not words:
                line = at
            words.append(piece)
    finish("")
    yield [pipeline for pipeline in current if pipeline.parts]


def _simple(words: list[str], line: int) -> _Part:
    """A command without the keywords and assignments before it."""
    is_condition = False
    start = 0
    while start < len(words) and (words[start] in SKIPPED or words[start] in CONDITIONS):
        is_condition = is_condition or words[start] in CONDITIONS
        start += 1
    if start < len(words) and words[start] in HEADERS:
        return _Part((), line)
    first = start
    while first < len(words) and _ASSIGNMENT.match(words[first]):
        first += 1
    rest = words[first:]
    if not rest and first > start:
        inner = words[-1].partition("=")[2].strip('"')
        if inner.startswith("$(") and inner.endswith(")"):
            rest = [token for token, _ in _tokens(inner[2:-1]) if token not in OPERATORS]
    return _Part(tuple(rest), line, is_condition)


def _tokens(script: str) -> Iterator[tuple[str, int]]:
    """Words and operators, each with its line. Comments, redirections and here-documents are left out."""
    position, line, end = 0, 0, len(script)
    pending: list[tuple[str, bool]] = []
    while position < end:
        character = script[position]
        if character == "\n":
            yield "\n", line
            position, line = position + 1, line + 1
            for word, indented in pending:
                position, line = _after_heredoc(script, position, line, word, indented)
            pending = []
        elif character in " \t\r":
            position += 1
        elif script.startswith("\\\n", position):
            position, line = position + 2, line + 1
        elif character == "#":
            position = _find(script, "\n", position)
        elif heredoc := _HEREDOC.match(script, position):
            pending.append((heredoc["word"], bool(heredoc["dash"])))
            position = heredoc.end()
        elif redirection := _REDIRECTION.match(script, position):
            position = _skip_blanks(script, redirection.end())
            _, position = _word(script, position)
        elif operator := next((each for each in OPERATORS if script.startswith(each, position)), ""):
            yield operator, line
            position += len(operator)
        else:
            word, after = _word(script, position)
            yield word, line
            line += script.count("\n", position, after)
            position = after


def _word(script: str, position: int) -> tuple[str, int]:
    """The word that begins here, without its quotes, and where it ends."""
    pieces: list[str] = []
    end = len(script)
    while position < end:
        plain = _PLAIN.match(script, position)
        if plain:
            pieces.append(plain[0])
            position = plain.end()
            continue
        character = script[position]
        if character in " \t\r\n;|&()<>":
            break
        if character == "'":
            close = _find(script, "'", position + 1)
            pieces.append(script[position + 1 : close])
            position = close + 1
        elif character == '"':
            text, position = _double_quoted(script, position + 1)
            pieces.append(text)
        elif character == "\\" and position + 1 < end:
            # A backslash before a letter is a Windows path more often than an escape
            pieces.append(script[position : position + 2] if script[position + 1].isalnum() else script[position + 1])
            position += 2
        elif script.startswith(("$(", "<("), position):
            close = _balanced(script, position + 1)
            pieces.append(script[position:close])
            position = close
        elif script.startswith("${{", position):
            close = min(_find(script, "}}", position) + 2, end)
            pieces.append(script[position:close])
            position = close
        elif script.startswith("${", position):
            close = min(_find(script, "}", position) + 1, end)
            pieces.append(script[position:close])
            position = close
        elif character == "`":
            close = min(_find(script, "`", position + 1) + 1, end)
            pieces.append(script[position:close])
            position = close
        else:
            pieces.append(character)
            position += 1
    return "".join(pieces), position


def _double_quoted(script: str, position: int) -> tuple[str, int]:
    start, end = position, len(script)
    while position < end and script[position] != '"':
        position += 2 if script[position] == "\\" else 1
    return script[start : min(position, end)], min(position + 1, end)


def _balanced(script: str, position: int) -> int:
    """Past the parenthesis that closes the one here."""
    depth = 0
    for index in range(position, len(script)):
        if script[index] == "(":
            depth += 1
        elif script[index] == ")":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(script)


def _after_heredoc(script: str, position: int, line: int, word: str, indented: bool) -> tuple[int, int]:
    while position < len(script):
        end = _find(script, "\n", position)
        text = script[position:end]
        position, line = end + 1, line + 1
        if (text.strip() if indented else text.rstrip("\r")) == word:
            break
    return min(position, len(script)), line


def _skip_blanks(script: str, position: int) -> int:
    while position < len(script) and script[position] in " \t":
        position += 1
    return position


def _find(script: str, what: str, position: int) -> int:
    found = script.find(what, position)
    return len(script) if found < 0 else found
