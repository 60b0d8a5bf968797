"""Lines that a CI system's log reader obeys: findings at their places, variables for later steps, tags.

These are the only lines of that kind that this program prints; whatever else it prints is taken apart where it looks like one.
So each value is escaped as the reader unescapes it, and no text of a pull request can end one command and begin another.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands,
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.model.annotations import Annotation, Level
from bot.report.sanitize import log_line

MOST_OF_A_LEVEL = 10
"""GitHub shows no more errors, and no more warnings, of one step."""
LONGEST = 2_000

_GITHUB_COMMANDS = {Level.FAILURE: "error", Level.WARNING: "warning", Level.NOTICE: "notice"}
_AZURE_TYPES = {Level.FAILURE: "error", Level.WARNING: "warning"}
"""Azure Pipelines has no third."""


def github_annotations(annotations: Sequence[Annotation]) -> Iterator[str]:
    """Workflow commands that show findings at their lines, for where no check run does."""
    for one in _the_first(annotations):
        line = {} if one.line is None else {"line": str(one.line)}
        yield github_command(_GITHUB_COMMANDS[one.level], one.message, file=one.path, **line, title=one.title)


def github_command(name: str, text: str, **properties: str) -> str:
    """One workflow command of GitHub Actions."""
    told = ",".join(f"{key}={_github_property(value)}" for key, value in properties.items())
    return f"::{name}{' ' if told else ''}{told}::{_github_data(text)}"


def azure_issues(annotations: Sequence[Annotation]) -> Iterator[str]:
    """Logging commands that show findings among the errors and warnings of a build."""
    for one in _the_first(annotations):
        if one.level in _AZURE_TYPES:
            line = {} if one.line is None else {"linenumber": str(one.line), "columnnumber": "1"}
            yield azure_command(
                "task.logissue",
                one.message.replace("\n", " "),
                type=_AZURE_TYPES[one.level],
                sourcepath=one.path,
                **line,
                code=one.entry,
            )


def azure_command(name: str, text: str, **properties: str) -> str:
    """One logging command of Azure Pipelines."""
    told = "".join(f"{key}={_azure_property(value)};" for key, value in properties.items())
    return f"##vso[{name}{' ' if told else ''}{told}]{_azure_data(text)}"


def azure_variable(name: str, value: str) -> str:
    """What gives a variable to later steps and, by the step's name, to later jobs and stages."""
    return azure_command("task.setvariable", value, variable=name, isOutput="true")


def _the_first(annotations: Sequence[Annotation]) -> Iterator[Annotation]:
    shown = dict.fromkeys(Level, 0)
    for one in annotations:
        shown[one.level] += 1
        if shown[one.level] <= MOST_OF_A_LEVEL:
            yield one


def _one_line(text: str) -> str:
    """Without what a terminal or a log reader would act upon; a path or a title may hold anything."""
    return log_line(text, LONGEST)


def _github_data(text: str) -> str:
    lines = [_one_line(line).replace("%", "%25") for line in re.split(r"\r\n|\r|\n", text)]
    return "%0A".join(lines)


def _github_property(text: str) -> str:
    return _one_line(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def _azure_data(text: str) -> str:
    return _one_line(text).replace("%", "%AZP25")


def _azure_property(text: str) -> str:
    return _azure_data(text).replace(";", "%3B").replace("]", "%5D")
