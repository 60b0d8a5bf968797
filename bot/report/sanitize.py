"""Makes text from platforms harmless before it is shown: titles, branches, paths and comments are written by anybody.

Every report passes every value through one of these. They are pure, and never make a text longer without a bound.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ELLIPSIS = "…"
ZERO_WIDTH_SPACE = "\u200b"
TEXT_LIMIT = 1_000
"""How many characters of one value are shown where nothing else is said."""

# ECMA-48: CSI with its parameters; OSC, DCS, SOS, PM and APC up to their terminator; other two-character escapes.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_SPACES = re.compile(r"[\s\x85\u2028\u2029]+")

# Cf: bidi marks, zero-width characters, tags. Cc: controls. Cs: surrogates. Co: private use. Cn: unassigned.
_UNSEEN = frozenset({"Cf", "Cc", "Cs", "Co", "Cn"})
# Drawn as nothing though they are letters or marks: Hangul fillers, the combining grapheme joiner, Braille blank.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u034f\u2800\u17b4\u17b5")
_MARKS_IN_A_ROW = 3
"""Combining marks on one letter that are shown; more would be drawn over the lines above and below."""

_MARKDOWN = re.compile(r"[\\`*_\[\]()#~!^{}]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "$": "&#36;", '"': "&quot;"}
_ENTITY = re.compile(r'[&<>|$"]')
# What would make a line a list, a quotation, a heading's underline, a rule, a table or a workflow command.
_LINE_START = re.compile(r"^(?:[-+=:]|\d+(?=\.(?:\s|$)))")
# After these a platform makes a mention, a reference or an address: @team, #12, AB#12, !12, GH-12, https://, www.
_REFERENCE = re.compile(r"@|[#!](?=\d)|(?<=gh)-(?=\d)|:(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)


def bounded(text: str, limit: int = TEXT_LIMIT) -> str:
    """At most ``limit`` characters; what is cut is shown as cut."""
    if len(text) <= limit:
        return text
    return text[: max(limit - 1, 0)].rstrip() + ELLIPSIS if limit > 0 else ""


def plain(text: str, limit: int = TEXT_LIMIT) -> str:
    """One line of visible characters: no control characters, terminal escapes, bidi marks or zero-width characters."""
    # What is far beyond the limit is not worth reading: a title may be megabytes long.
    text = text[: limit * 2 + 200]
    if text.isascii() and text.isprintable():
        return bounded(re.sub(" {2,}", " ", text).strip(), limit)
    text = _SPACES.sub(" ", _ESCAPE.sub("", text))
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category in _UNSEEN or character in _BLANK:
            continue
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= _MARKS_IN_A_ROW:
            kept.append(character)
    return bounded(_SPACES.sub(" ", "".join(kept)).strip(), limit)


def log_line(text: str, limit: int = TEXT_LIMIT) -> str:
    """Plain text that a CI system's log reader takes for no command.

    GitHub's runner reads ``::name::`` where a line begins and ``##[name]`` anywhere, the Azure Pipelines agent
    ``##vso[…]`` anywhere. Where lines begin is decided later, by wrapping; so both are taken apart everywhere.
    """
    text = plain(text, limit)
    text = re.sub(r":(?=:)", ": ", text)
    return bounded(re.sub(r"#(?=#)", "# ", text), limit)


def markdown(text: str, limit: int = TEXT_LIMIT) -> str:
    """Text that Markdown, HTML, and the mentions and references of both platforms leave alone.

    ``limit`` counts characters as they are seen, so that no escape is ever cut in two.
    """
    return _markdown(plain(text, limit))


@lru_cache(maxsize=2_048)
def _markdown(text: str) -> str:
    # The same titles and reasons stand in thousands of results.
    start = _LINE_START.match(text)
    text = _REFERENCE.sub(lambda found: found[0] + ZERO_WIDTH_SPACE, text)
    text = _MARKDOWN.sub(lambda found: "\\" + found[0], text)
    text = _ENTITY.sub(lambda found: _ENTITIES[found[0]], text)
    if start is not None:
        cut = start.end() if start[0].isdigit() else 0
        text = text[:cut] + "\\" + text[cut:]
    return text


def code(text: str, limit: int = TEXT_LIMIT) -> str:
    """A Markdown code span that nothing in the text can end; empty for an empty text."""
    text = plain(text, limit)
    if not text:
        return ""
    # A publisher looks for its marker in the raw comment, and a log reader for commands in the raw file.
    text = re.sub(r"<(?=!--)|#(?=#)", lambda found: found[0] + ZERO_WIDTH_SPACE, text)
    # In a table a cell ends at a pipe, even in code; the full-width form reads the same.
    text = text.replace("|", "\uff5c")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    padding = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def address(url: str) -> str | None:
    """The address, if a browser may be sent there: http or https, and nothing that ends a Markdown link or a tag."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-]+(?::\d+)?(?:[/?#][!-~]*)?", url) or len(url) > 2_000:
        return None
    unsafe = {
        "(": "%28",
        ")": "%29",
        "<": "%3C",
        ">": "%3E",
        '"': "%22",
        "'": "%27",
        "\\": "%5C",
        "`": "%60",
        "|": "%7C",
    }
    unsafe |= {"[": "%5B", "]": "%5D", "{": "%7B", "}": "%7D", "*": "%2A", "@": "%40", "^": "%5E"}
    # A second '#' is no part of any address, and '##vso[' in one is a command to the Azure Pipelines agent.
    before, first, after = url.partition("#")
    safe = before + first + after.replace("#", "%23")
    return "".join(unsafe.get(character, character) for character in safe)
