"""Whether a pipeline stands on the way into a branch: its triggers, their filters, and whether it is enabled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import re2

from bot.model.facts.pipelines import PipelineDefinition, Trigger

ON_THE_WAY = ("pull_request", "pull_request_target", "merge_group")
"""Events that judge a change before it is in the branch."""
PUSH_TYPE = "synchronize"
"""The activity type of a pull request that gets new commits; a trigger without it does not see them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How a pipeline meets a change on its way into one branch."""

    events: tuple[str, ...]
    """The events that start it for such a change."""
    paths: tuple[str, ...] = ()
    """It starts only for changes to these; empty: for every change."""
    filters: tuple[tuple[str, ...], ...] = ()
    """The path filters of the triggers that pull requests have, each enough by itself; empty: every pull request starts it."""
    obstacle: str = ""
    """Why it does not gate, although (or because) of how it starts."""
    unclear: str = ""
    """What cannot be told about it from here."""


def entry(definition: PipelineDefinition, branch: str) -> Entry:
    """How a pipeline meets a change into the branch."""
    triggers = [trigger for trigger in definition.triggers if trigger.event in ON_THE_WAY]
    open_to = [trigger for trigger in triggers if covers(definition, trigger, branch)]
    events = tuple(dict.fromkeys(trigger.event for trigger in open_to))
    if not triggers:
        return Entry((), obstacle=_never(definition))
    if not open_to:
        return Entry((), obstacle=f"its branch filter leaves out {branch}, or it does not start on new commits")
    paths = tuple(dict.fromkeys(path for each in _filters(open_to) for path in each))
    filters = _filters([trigger for trigger in open_to if trigger.event != "merge_group"])
    if definition.enabled is False:
        return Entry(events, paths, filters, obstacle="the pipeline is disabled")
    if definition.format == "azure" and not any(trigger.blocking for trigger in open_to):
        if any(trigger.blocking is None for trigger in open_to):
            return Entry(
                events,
                paths,
                filters,
                unclear=f"whether a build validation runs {definition.path} cannot be told from here",
            )
        return Entry(events, paths, filters, obstacle="its build validation is optional")
    return Entry(events, paths, filters)


def covers(definition: PipelineDefinition, trigger: Trigger, branch: str) -> bool:
    """Whether the trigger's filters let changes into the branch start the pipeline."""
    if trigger.types and trigger.event != "merge_group" and PUSH_TYPE not in trigger.types:
        return False
    if definition.format == "azure":
        # Azure's * crosses "/"; and its filters may give the full name of the ref
        patterns = tuple(_azure_pattern(pattern) for pattern in trigger.branches)
    else:
        patterns = trigger.branches
    return not patterns or filtered(branch, patterns)


def touches(paths: Iterable[str], patterns: tuple[str, ...], format_: str = "github") -> bool:
    """Whether some changed path passes a path filter; an empty filter lets everything through."""
    if format_ == "azure":
        patterns = tuple(_azure_pattern(pattern) for pattern in patterns)
        if patterns and all(pattern.startswith("!") for pattern in patterns):
            patterns = ("**", *patterns)  # to exclude alone is to include the rest
    rooted = tuple(("!" if p.startswith("!") else "") + p.removeprefix("!").lstrip("/") for p in patterns)
    return not patterns or any(filtered(path.lstrip("/"), rooted) for path in paths)


def filtered(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether ordered filters take a name in: the last pattern that matches decides, ``!`` takes out.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
    """
    taken = False
    for pattern in patterns:
        excludes = pattern.startswith("!")
        if taken is excludes and _compiled(pattern.removeprefix("!")).fullmatch(name):
            taken = not excludes
    return taken


def _filters(triggers: list[Trigger]) -> tuple[tuple[str, ...], ...]:
    """The path filters of triggers; none where one of them has none."""
    return () if any(not trigger.paths for trigger in triggers) else tuple(trigger.paths for trigger in triggers)


def _never(definition: PipelineDefinition) -> str:
    if definition.format == "azure":
        return "no build validation of the branch runs it"
    return "no pull request and no merge queue starts it"


def _azure_pattern(pattern: str) -> str:
    sign = "!" if pattern.startswith("!") else ""
    return sign + pattern.removeprefix("!").removeprefix("refs/heads/").replace("**", "*").replace("*", "**")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re2._Regexp[str]:
    """A filter pattern as a regular expression of linear time: ``*`` stays within a part, ``?`` and ``+`` repeat what is
    before them.
    """
    expression: list[str] = []
    index = 0
    while index < len(pattern):
        character = pattern[index]
        if pattern.startswith("**", index):
            index += 3 if pattern.startswith("**/", index) else 2
            expression.append(
                "(?:.*/)?" if pattern.startswith("/", index - 1) and pattern[index - 3 : index] == "**/" else ".*"
            )
            continue
        if character == "*":
            expression.append("[^/]*")
        elif character in "?+" and expression:
            expression.append(character)
        elif character == "[" and "]" in pattern[index + 2 :]:
            close = pattern.index("]", index + 2)
            expression.append("[" + pattern[index + 1 : close].replace("\\", "\\\\").replace("[", "\\[") + "]")
            index = close
        elif character == "\\" and index + 1 < len(pattern):
            index += 1
            expression.append(re2.escape(pattern[index]))
        else:
            expression.append(re2.escape(character))
        index += 1
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile("(?s)" + "".join(expression), options)
    except re2.error:
        return re2.compile(re2.escape(pattern))
