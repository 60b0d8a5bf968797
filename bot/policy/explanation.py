"""What CEL says of an expression that does not compile, told in the words of the policy language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.policy.problems import did_you_mean
from bot.policy.syntax_tree import Mistake
from bot.policy.vocabulary import HAS, Name

MESSAGE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?: \[[A-Z_]+\])?$", re.MULTILINE)
UNDECLARED = re.compile(r"^undeclared reference to '([^']+)'")


def explained(error: str, known: Mapping[str, Name]) -> list[Mistake]:
    """CEL's messages, a name that it does not know told in our words."""
    if "recursion" in error:
        return [Mistake(1, 1, "the expression is nested more than 32 levels deep")]
    found = [Mistake(int(line), int(column), message) for line, column, message in MESSAGE.findall(error)]
    mistakes = [_unknown_name(mistake, known) for mistake in found if "*error*" not in mistake.message]
    return mistakes or [Mistake(1, 1, " ".join(error.split()))]


def _unknown_name(mistake: Mistake, known: Mapping[str, Name]) -> Mistake:
    unknown = UNDECLARED.match(mistake.message)
    if unknown is None:
        return replace(mistake, message=mistake.message.replace(" (in container '')", ""))
    name = unknown[1].removeprefix(HAS)
    parts = name.split(".")
    message = f"{name!r} alone is no value; it has {', '.join(_below(name, known))}"
    for depth, part in enumerate(parts):
        holder = ".".join(parts[:depth])
        there = _below(holder, known)
        if part not in there:
            start = f"{holder}." if holder else ""
            close = did_you_mean(f"{start}{part}", [f"{start}{word}" for word in there])
            hint = close or f"; there is {', '.join(there)}"
            message = f"there is no {'.'.join(parts[: depth + 1])!r} here{hint}"
            break
    # CEL points at the last dot of a name.
    return Mistake(mistake.line, max(1, mistake.column - name.rfind(".")) if "." in name else mistake.column, message)


def _below(holder: str, known: Mapping[str, Name]) -> list[str]:
    """The words that may follow a name and a dot; with no name, those that may begin one."""
    if not holder:
        return sorted({name.root for name in known.values()} | {"now"})
    start = f"{holder}."
    return list(dict.fromkeys(name[len(start) :].split(".", 1)[0] for name in known if name.startswith(start)))
