"""Runs a template's steps as an agent of Azure Pipelines does, and obeys the logging commands that they print.

It knows ``${{ parameters.NAME }}``, ``${{ each step in parameters.NAME }}``, templates beside the template, ``$(variables)``,
``bash`` steps and the conditions succeeded() and always(); tasks are noted and not run. Stages come one after the other, and
after one that failed none is run.

Sources: https://learn.microsoft.com/azure/devops/pipelines/process/runtime-parameters,
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PARAMETER = re.compile(r"\$\{\{\s*parameters\.(\w+)\s*\}\}")
EACH = re.compile(r"\$\{\{\s*each step in parameters\.(\w+)\s*\}\}")
VARIABLE = re.compile(r"\$\(([\w.]+)\)")
COMMAND = re.compile(r"^.*?##vso\[(?P<name>[a-z.]+)\s*(?P<properties>[^\]]*)\](?P<text>.*)$", re.IGNORECASE)


@dataclass
class Ran:
    """How the steps ended."""

    code: int = 0
    log: str = ""
    ran: list[str] = field(default_factory=list)
    """The names of the steps that were run."""
    skipped: list[str] = field(default_factory=list)
    """Tasks, and steps after a failure."""
    summaries: list[str] = field(default_factory=list)
    """The texts that the run's page shows."""
    tags: list[str] = field(default_factory=list)
    issues: list[str] = field(default_factory=list)
    """Warnings and errors."""
    variables: dict[str, str] = field(default_factory=dict)


class Agent:
    """An agent, with its temporary folder and the folder of sources."""

    def __init__(self, temp: Path, sources: Path) -> None:
        self.temp = temp
        self.sources = sources

    def run(
        self,
        template: Path,
        parameters: Mapping[str, object],
        variables: Mapping[str, str],
        environ: Mapping[str, str],
        *,
        without: frozenset[str] = frozenset(),
    ) -> Ran:
        """Run the steps of a template.

        Args:
            template: a steps template, or one with stages, whose steps are run one after the other.
            parameters: what the pipeline gives.
            variables: the build's, such as ``System.AccessToken``: a secret reaches a step only where it is mapped.
            environ: the variables that every step sees.
            without: names of steps that need not be run.
        """
        ran = Ran()
        self._template(template, parameters, variables, environ, without, ran)
        return ran

    def _template(
        self,
        template: Path,
        parameters: Mapping[str, object],
        variables: Mapping[str, str],
        environ: Mapping[str, str],
        without: frozenset[str],
        ran: Ran,
    ) -> None:
        document = yaml.load(template.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        given = self._parameters(document, parameters)
        for step in steps_of(document, parameters):
            if "template" in step:
                inner = {
                    name: PARAMETER.sub(lambda found: given[found[1]], value) if isinstance(value, str) else value
                    for name, value in step.get("parameters", {}).items()
                }
                self._template(template.parent / step["template"], inner, variables, environ, without, ran)
                continue
            name = str(step.get("displayName") or step.get("task") or "")
            always = str(step.get("condition", "succeeded()")) == "always()"
            if "bash" not in step or name in without or (ran.code and not always):
                ran.skipped.append(name)
                continue
            ran.ran.append(name)
            self._step(step, given, variables, {**environ, **ran.variables}, ran)

    @staticmethod
    def _parameters(document: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, str]:
        declared = {one["name"]: one for one in document.get("parameters", ())}
        assert set(given) <= set(declared), f"Unexpected parameter {set(given) - set(declared)}"
        found = {}
        for name, one in declared.items():
            assert name in given or "default" in one, f"A value for the '{name}' parameter must be provided."
            value = given.get(name, one.get("default"))
            # The service writes booleans as .NET does.
            found[name] = str(value).capitalize() if one.get("type") == "boolean" else str(value)
        return found

    def _step(
        self,
        step: Mapping[str, Any],
        parameters: Mapping[str, str],
        variables: Mapping[str, str],
        environ: Mapping[str, str],
        ran: Ran,
    ) -> None:
        def expanded(text: str) -> str:
            text = PARAMETER.sub(lambda found: parameters[found[1]], text)
            assert "${{" not in text, f"this agent cannot evaluate {text!r}"
            # A variable that is not there is left as it stands.
            return VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)

        script = self.temp / f"step-{len(ran.ran)}.sh"
        script.write_text(expanded(str(step["bash"])), encoding="utf-8")
        own = {name: expanded(str(text)) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", str(script)],
            cwd=self.sources,
            env={**environ, "AGENT_TEMPDIRECTORY": str(self.temp), **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=600,
        )
        assert "Traceback" not in done.stdout, done.stdout
        ran.code = ran.code or done.returncode
        ran.log += done.stdout
        for line in done.stdout.splitlines():
            found = COMMAND.match(line)
            if found is not None:
                self._obey(found["name"].lower(), found["properties"], found["text"], ran)

    @staticmethod
    def _obey(name: str, properties: str, text: str, ran: Ran) -> None:
        told = dict(one.split("=", 1) for one in properties.split(";") if "=" in one)
        if name == "task.uploadsummary":
            ran.summaries.append(Path(text).read_text(encoding="utf-8"))
        elif name == "build.addbuildtag":
            ran.tags.append(text)
        elif name == "task.logissue":
            ran.issues.append(f"{told['type']}: {text}")
        elif name == "task.setvariable":
            ran.variables[told["variable"].replace(".", "_").upper()] = text
        elif name == "task.complete" and told.get("result") == "Failed":
            ran.code = ran.code or 1
        else:
            assert name in ("task.complete", "task.setprogress", "task.uploadfile"), f"this agent does not know {name}"


def steps_of(document: object, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a template, those of its stages and jobs among them, in their order."""
    if isinstance(document, list):
        return [step for item in document for step in steps_of(item, parameters)]
    if not isinstance(document, dict):
        return []
    if "bash" in document or "task" in document or "template" in document:
        return [document]
    found: list[dict[str, Any]] = []
    for key, value in document.items():
        each = EACH.fullmatch(key)
        if each is not None:
            found += parameters[each[1]]
        elif key != "parameters":
            found += steps_of(value, parameters)
    return found
