"""Runs a composite action as GitHub's runner does: its steps in order, each in a shell of its own.

What the runner does and this does not: it knows the few contexts that the action uses (``inputs``, ``github``, ``steps``) and
no functions, and a name that is none of these fails the test. A composite action gets no ``INPUT_`` variables, on GitHub
neither: an input reaches a step through its ``env`` alone.

Source: https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{\s*(?P<text>.*?)\s*\}\}")
PATH = re.compile(r"[a-z_]+(?:\.[\w-]+)+")
COMMAND = re.compile(r"^::(?P<name>[a-z-]+)(?: (?P<properties>[^:]*))?::(?P<text>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Ran:
    """How the action's run ended."""

    code: int
    """The exit code of the step that failed; 0."""
    outputs: dict[str, str]
    """The action's."""
    log: str
    summary: str
    """The job's, in Markdown."""
    ran: tuple[str, ...]
    """The steps that were run."""

    def commands(self, name: str) -> list[str]:
        """The texts of the workflow commands of this name that the log holds: the runner would have obeyed them."""
        return [found["text"] for found in COMMAND.finditer(self.log) if found["name"] == name]


class Runner:
    """A machine that runs jobs, with the action checked out."""

    def __init__(self, action: Path, temp: Path, workspace: Path) -> None:
        loaded = yaml.load(action.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        assert loaded["runs"]["using"] == "composite"
        self.action: dict[str, Any] = loaded
        self.folder = action.parent
        self.temp = temp
        self.workspace = workspace

    def run(
        self,
        github: Mapping[str, str],
        environ: Mapping[str, str],
        inputs: Mapping[str, str] | None = None,
        *,
        done: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Ran:
        """Run the steps.

        Args:
            github: the context ``github``, as far as the action reads it.
            environ: the job's variables.
            inputs: what the workflow gives under ``with``.
            done: outputs of steps that need not be run, by their ids.
        """
        unknown = set(inputs or {}) - set(self.action["inputs"])
        assert not unknown, f"Unexpected input(s) {unknown}"
        context: dict[str, Any] = {"github": {**github, "action_path": str(self.folder)}, "steps": {}}
        defaults = {name: str(one.get("default", "")) for name, one in self.action["inputs"].items()}
        context["inputs"] = {name: evaluated(text, context) for name, text in {**defaults, **(inputs or {})}.items()}
        variables = dict(environ)
        summary, log, ran, code = "", "", [], 0
        for position, step in enumerate(self.action["runs"]["steps"]):
            ident = step.get("id", str(position))
            if ident in (done or {}):
                context["steps"][ident] = {"outputs": dict((done or {})[ident])}
                continue
            ran.append(ident)
            files = {name: self.temp / f"{name.lower()}-{position}" for name in ("GITHUB_OUTPUT", "GITHUB_ENV")}
            files["GITHUB_STEP_SUMMARY"] = self.temp / f"summary-{position}"
            for file in files.values():
                file.write_text("", encoding="utf-8")
            code, said = self._step(step, context, {**variables, **{k: str(v) for k, v in files.items()}}, position)
            log += said
            summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
            variables |= assignments(files["GITHUB_ENV"].read_text(encoding="utf-8"))
            context["steps"][ident] = {"outputs": assignments(files["GITHUB_OUTPUT"].read_text(encoding="utf-8"))}
            if code:
                break
        outputs = {name: evaluated(one["value"], context) for name, one in self.action["outputs"].items()}
        return Ran(code, outputs, log, summary, tuple(ran))

    def _step(
        self, step: Mapping[str, Any], context: Mapping[str, Any], environ: Mapping[str, str], position: int
    ) -> tuple[int, str]:
        assert set(step) <= {"name", "id", "shell", "env", "run"}, f"this runner does not know all of {set(step)}"
        assert step["shell"] == "bash"
        script = self.temp / f"step-{position}.sh"
        script.write_text(evaluated(step["run"], context), encoding="utf-8")
        own = {name: evaluated(text, context) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.workspace,
            env={**environ, "RUNNER_TEMP": str(self.temp), "GITHUB_ACTION_PATH": str(self.folder), **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=600,
        )
        assert "Traceback" not in done.stdout, done.stdout
        return done.returncode, done.stdout


def evaluated(text: str, context: Mapping[str, Any]) -> str:
    """A text with its expressions replaced."""

    def value(found: re.Match[str]) -> str:
        assert PATH.fullmatch(found["text"]), f"this runner cannot evaluate {found['text']!r}"
        first, *rest = found["text"].split(".")
        assert first in context, f"Unrecognized named-value: {first!r}"
        here: Any = context[first]
        for key in rest:
            # What is not there is empty text, as GitHub has it; but an input that is not declared is a mistake.
            assert first != "inputs" or key in here, f"there is no input {key}"
            here = here.get(key, {}) if isinstance(here, Mapping) else {}
        return here if isinstance(here, str) else ""

    return EXPRESSION.sub(value, text)


def assignments(text: str) -> dict[str, str]:
    """What a step wrote to GITHUB_OUTPUT or GITHUB_ENV: ``name=value``, or ``name<<END`` with lines up to END."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        many = re.fullmatch(r"([^=]+?)<<(.+)", line)
        if many is not None:
            value = []
            for inner in lines:
                if inner == many[2]:
                    break
                value.append(inner)
            else:
                raise AssertionError(f"Matching delimiter not found {many[2]!r}")
            found[many[1]] = "\n".join(value)
        elif line:
            name, equals, value_ = line.partition("=")
            assert equals, f"Invalid format {line!r}"
            found[name] = value_
    return found
