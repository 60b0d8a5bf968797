"""Finds which analyzers a repository's pipelines run, where, and whether each of them gates.

A tool gates where its failure fails a check of a change on its way in. Why one does not is said with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bot.model.analyzers import Analyzer
from bot.model.facts.pipelines import Job, PathSpec, PipelineDefinition, Step
from bot.rules.build_test import task_files
from bot.rules.build_test.entry import Entry, entry
from bot.rules.build_test.launchers import launched, program
from bot.rules.build_test.shell_commands import Command, commands
from bot.rules.build_test.sightings import Recognition, Sighting
from bot.rules.build_test.task_files import Task, UnreadableFileError
from bot.rules.build_test.tools import (
    Tools,
    missing_input,
    missing_option,
    reports,
    tolerance,
    tolerant_input,
    tools,
)

MAX_CALLS = 5
"""How deep one task may call another, and one workflow another."""
MAX_COMMANDS = 20_000
"""How many commands of one repository are looked at: tasks that call tasks must not multiply without bounds."""

PRE_COMMIT_APP = "pre-commit-ci"
NPM_SHORT = {"test": "test", "t": "test", "tst": "test", "start": "start"}
STRICT_SHELLS = (None, "bash", "sh")
ASKS_ONLY = frozenset({"--version", "--help", "-V", "-h"})

_ONLY_EVENT = re.compile(r"github\.event_name\s*==\s*'(?P<event>\w+)'|'(?P<other>\w+)'\s*==\s*github\.event_name\b")
_NEVER = re.compile(r"(?:^|&&|\{\{)\s*(?:false|!\s*true)\s*(?:&&|\}\}|$)")
_ON_FAILURE = re.compile(r"(?<![\w!.])(?:failure|cancelled)\(\)")
_EXITS = re.compile(r"^(?:bash|sh)\s(?:.*\s)?-[a-df-z]*e")
_NOT_EVENT = re.compile(r"github\.event_name\s*!=\s*'pull_request'")
_ONLY_REF = re.compile(r"github\.ref\s*==\s*'refs/(?:heads|tags)/")


def task_file_paths(params: object) -> PathSpec:
    """The files that pipelines hand work to; the same for all parameters."""
    del params
    return PathSpec(frozenset(task_files.FILES))


def recognise(
    definitions: Iterable[PipelineDefinition], texts: Mapping[str, str], analyzers: Iterable[Analyzer], branch: str
) -> Recognition:
    """The analyzers that run in these pipelines, for changes into the branch."""
    return _Recogniser(tuple(definitions), texts, tuple(analyzers), branch).run()


def recognise_apps(
    checks: Iterable[tuple[str, str]], texts: Mapping[str, str], analyzers: Iterable[Analyzer]
) -> Recognition:
    """The analyzers behind checks that apps reported; (name of the check, app; empty: none)."""
    known = tools(tuple(analyzers))
    sightings: list[Sighting] = []
    unread: list[str] = []
    for name, app in dict.fromkeys(checks):
        for analyzer in known.analyzers:
            if reports(analyzer, name, app):
                sightings.append(Sighting(analyzer, "", None, f"reports the check {name!r}", check_name=name, app=app))
        if app == PRE_COMMIT_APP:
            try:
                hooks = list(_hooks(texts, known))
            except UnreadableFileError as error:
                unread.append(str(error))
                continue
            sightings.extend(
                Sighting(analyzer, "", None, f"the hook {hook}", check_name=name, app=app) for analyzer, hook in hooks
            )
    return Recognition(tuple(sightings), tuple(unread), tuple(unread))


def _hooks(texts: Mapping[str, str], known: Tools, only: str = "") -> Iterator[tuple[Analyzer, str]]:
    """The analyzers that pre-commit's hooks are."""
    for hook in task_files.pre_commit(texts):
        if not only or hook.id == only:
            by_entry = known.of_command(launched(tuple(hook.entry.split())))
            for analyzer in dict.fromkeys([*known.hooks.get(hook.id.lower(), ()), *by_entry]):
                yield analyzer, hook.id


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a step stands, and all that is known to keep it from gating."""

    pipeline: PipelineDefinition
    path: str
    line: int
    job: str
    check_name: str
    entry: Entry
    obstacles: tuple[str, ...]
    via: str = ""
    files: tuple[str, ...] = ()

    def but(self, obstacle: str) -> _Place:
        return replace(self, obstacles=(*self.obstacles, obstacle)) if obstacle else self

    def sighting(self, analyzer: Analyzer, how: str) -> Sighting:
        told = f"{how}, by way of {self.via}" if self.via else how
        return Sighting(
            analyzer,
            self.path,
            self.line,
            told,
            self.pipeline,
            self.job,
            self.check_name,
            self.entry.events,
            self.entry.paths,
            self.entry.filters,
            tuple(dict.fromkeys(self.obstacles)),
            files=tuple(dict.fromkeys((self.pipeline.path, self.path, *self.files))),
        )


class _Recogniser:
    """Walks pipelines, jobs, steps and commands."""

    def __init__(
        self,
        definitions: tuple[PipelineDefinition, ...],
        texts: Mapping[str, str],
        analyzers: tuple[Analyzer, ...],
        branch: str,
    ) -> None:
        self.definitions = definitions
        self.texts = texts
        self.branch = branch
        self.by_path = {definition.path: definition for definition in definitions}
        self.tools = tools(analyzers)
        self.sightings: dict[tuple[str, str, int | None, str, str], Sighting] = {}
        self.unread: list[str] = []
        self.broken: list[str] = []
        self.opaque: list[str] = []
        self.left = MAX_COMMANDS

    def run(self) -> Recognition:
        for definition in self.definitions:
            if self.left < 0:
                break
            if definition.error:
                self._broken(definition.error)
                continue
            found = entry(definition, self.branch)
            if found.unclear:
                self.unread.append(found.unclear)
            if found.events:
                self._unexpanded(definition)
            obstacle = found.obstacle or found.unclear
            self._jobs(definition, found, (obstacle,) if obstacle else (), "", (definition.path,), definition)
        unread, broken = tuple(dict.fromkeys(self.unread)), tuple(dict.fromkeys(self.broken))
        return Recognition(tuple(self.sightings.values()), unread, broken, tuple(dict.fromkeys(self.opaque)))

    def _broken(self, problem: str) -> None:
        self.unread.append(problem)
        self.broken.append(problem)

    def _unexpanded(self, definition: PipelineDefinition) -> None:
        for each in definition.templates:
            if not each.startswith("./.github/workflows/") and each.partition("@")[0].lower() not in self.tools.actions:
                self.unread.append(f"{definition.path} uses {each}, which was not read")

    def _jobs(
        self,
        definition: PipelineDefinition,
        found: Entry,
        obstacles: tuple[str, ...],
        prefix: str,
        chain: tuple[str, ...],
        root: PipelineDefinition,
    ) -> None:
        for job in definition.jobs:
            name = f"{prefix}{job.check_name or job.name}"
            kept = (*obstacles, *_job_obstacles(job, found, definition.format))
            place = _Place(root, definition.path, job.line, job.name, name, found, kept)
            if job.uses and definition.format == "github":
                self._called(job.uses, place, chain)
            for step in job.steps:
                self._step(step, replace(place, line=step.line), definition.format)

    def _called(self, uses: str, place: _Place, chain: tuple[str, ...]) -> None:
        for analyzer in self.tools.actions.get(uses.partition("@")[0].lower(), ()):
            self._see(place.sighting(analyzer, f"calls {uses}"))
        if not uses.startswith("./"):
            return
        path = uses.removeprefix("./")
        callee = self.by_path.get(path)
        if callee is None:
            self.unread.append(f"{place.path} calls {path}, which was not read")
        elif path not in chain and len(chain) <= MAX_CALLS and not callee.error:
            if place.entry.events:
                self._unexpanded(callee)
            self._jobs(callee, place.entry, place.obstacles, f"{place.check_name} / ", (*chain, path), place.pipeline)

    def _step(self, step: Step, place: _Place, format_: str) -> None:
        place = place.but("its step never runs" if step.never_runs else "")
        place = place.but("its step continues on error" if step.continues_on_error else "")
        if format_ == "github" and (why := _left_out(step.condition, place.entry.events)):
            place = place.but(f"its step {why}")
        inputs = {key.lower(): value for key, value in (step.inputs or {}).items()}
        if step.uses:
            name = step.uses.partition("@")[0].lower()
            tolerant = tolerant_input(inputs)
            known = self.tools.actions if format_ == "github" else self.tools.tasks
            for analyzer in known.get(name) or known.get(name.rpartition(".")[2], ()):
                here = place.but(f"it is used with {tolerant}" if tolerant else missing_input(analyzer, inputs))
                self._see(here.sighting(analyzer, f"uses {step.uses}"))
            if name == "pre-commit/action":
                self._pre_commit(place, ())
            if name.startswith("docker://"):
                words = ("docker", "run", step.uses.removeprefix("docker://"), *inputs.get("args", "").split())
                self._command(Command(words, 0), place, {}, 0)
        if step.run:
            strict = format_ == "github" and _is_strict(step.shell)
            self._script(
                step.run, place, strict, format_ == "github" and step.shell == "bash", step.working_directory or "", 0
            )

    def _script(self, script: str, place: _Place, strict: bool, pipefail: bool, folder: str, depth: int) -> None:
        inside = folder.strip("./ ")
        for command in commands(script, stops_on_error=strict, pipefail=pipefail):
            if command.words[0] == "cd":
                inside = " ".join(command.words[1:2]).strip("./")
            texts = {} if inside else self.texts
            self._command(command, place, texts, depth)

    def _command(self, command: Command, place: _Place, texts: Mapping[str, str], depth: int) -> None:
        words = launched(command.words)
        self.left -= 1
        if not words or self.left < 0:
            if self.left == -1:
                self.unread.append(f"the pipelines run more than {MAX_COMMANDS:,} commands; the rest was not read")
            return
        if ASKS_ONLY.intersection(words[1:]):
            return  # it tells its version or its options, and looks at nothing
        place = place.but(command.lost)
        tolerant = tolerance(words)
        for analyzer in self.tools.of_command(words):
            here = place.but(f"it is run with {tolerant}" if tolerant else missing_option(analyzer, words))
            self._see(here.sighting(analyzer, f'runs "{_shown(words)}"'))
        if depth >= MAX_CALLS:
            return
        try:
            self._delegated(words, place, texts, depth)
        except UnreadableFileError as error:
            self._broken(str(error))

    def _delegated(self, words: tuple[str, ...], place: _Place, texts: Mapping[str, str], depth: int) -> None:
        """Commands whose work is named elsewhere."""
        name, rest = words[0], words[1:]
        plain = tuple(word for word in rest if not word.startswith("-") and "=" not in word)
        match name:
            case "make" | "gmake":
                if not _present(texts, task_files.MAKEFILES) or "-C" in rest or "-f" in rest:
                    self.opaque.append(_shown(words))
                self._tasks(task_files.make({} if "-C" in rest or "-f" in rest else texts, plain), place, texts, depth)
            case "npm" | "yarn" | "pnpm" | "bun":
                self._package_script(name, plain, rest, words, place, texts, depth)
            case "run-s" | "run-p" | "npm-run-all":
                for script in plain:
                    self._tasks(task_files.npm(texts, script), place, texts, depth)
            case "tox":
                self._tasks(task_files.tox(texts, _named(rest, "-e")), place, texts, depth)
            case "nox":
                self._tasks(task_files.nox(texts, _named(rest, "-s", "--session", "--sessions")), place, texts, depth)
            case "pre-commit" | "prek":
                if plain[:1] == ("run",):
                    self._pre_commit(place, plain[1:2], texts)
            case "bash" | "sh" | "zsh" | "dash":
                self._shell(rest, place, texts, depth)
            case "just" | "task" | "poe" | "invoke" | "inv" | "mage" | "bazel" | "nx" | "turbo" | "lerna" | "earthly":
                self.opaque.append(_shown(words))
            case _ if name.endswith((".sh", ".py", ".pl", ".rb", ".js")):
                self.opaque.append(_shown(words))
            case _:
                pass

    def _package_script(
        self,
        name: str,
        plain: tuple[str, ...],
        rest: tuple[str, ...],
        words: tuple[str, ...],
        place: _Place,
        texts: Mapping[str, str],
        depth: int,
    ) -> None:
        """``npm run lint``, ``npm test``, ``yarn lint``; what yarn and pnpm do not find among the scripts is a program."""
        if plain[:1] in (("run",), ("run-script",)):
            script = "".join(plain[1:2])
        elif plain and plain[0] in NPM_SHORT:
            script = NPM_SHORT[plain[0]]
        elif name in ("yarn", "pnpm", "bun") and plain:
            script = plain[0]
        else:
            return
        tasks = list(task_files.npm(texts, script))
        if tasks:
            self._tasks(tasks, place, texts, depth)
        elif name in ("yarn", "pnpm", "bun") and plain[0] == script:
            self._command(Command(rest[rest.index(script) :], 0), place, {}, depth + 1)
        elif not _present(texts, (task_files.PACKAGE,)):
            self.opaque.append(_shown(words))

    def _shell(self, rest: tuple[str, ...], place: _Place, texts: Mapping[str, str], depth: int) -> None:
        for index, word in enumerate(rest):
            if word.startswith("-") and word.endswith("c") and not word.startswith("--"):
                script = rest[index + 1] if index + 1 < len(rest) else ""
                for command in commands(script, stops_on_error="e" in word):
                    self._command(command, place, texts, depth + 1)
                return
            if not word.startswith("-"):
                self.opaque.append(word)
                return

    def _tasks(self, tasks: Iterable[Task], place: _Place, texts: Mapping[str, str], depth: int) -> None:
        for task in tasks:
            via = f"{place.via}, {task.where}" if place.via else task.where
            inside = replace(place, via=via, files=(*place.files, task.where.partition(":")[0])).but(task.forgiven)
            for command in commands(task.script, stops_on_error=False):
                self._command(command, inside, texts, depth + 1)

    def _pre_commit(self, place: _Place, only: tuple[str, ...], texts: Mapping[str, str] | None = None) -> None:
        place = replace(place, files=(*place.files, task_files.PRE_COMMIT))
        try:
            for analyzer, hook in _hooks(self.texts if texts is None else texts, self.tools, "".join(only)):
                self._see(place.sighting(analyzer, f"the pre-commit hook {hook}"))
        except UnreadableFileError as error:
            self._broken(str(error))

    def _see(self, sighting: Sighting) -> None:
        """One sighting for each place; of two in one step that which gates."""
        root = sighting.pipeline.path if sighting.pipeline else ""
        key = (sighting.analyzer.id, sighting.path, sighting.line, sighting.check_name, root)
        if key not in self.sightings or (sighting.gates and not self.sightings[key].gates):
            self.sightings[key] = sighting


def _is_strict(shell: str | None) -> bool:
    """Whether GitHub's shell ends at the first failing command: its own bash and sh do, a template of one's own where it
    says ``-e``. https://docs.github.com/en/actions/reference/workflow-syntax-for-github-actions#jobsjob_idstepsshell
    """
    return shell in STRICT_SHELLS or bool(_EXITS.search(shell or ""))


def _job_obstacles(job: Job, found: Entry, format_: str) -> Iterator[str]:
    if job.never_runs:
        yield f"the job {job.name} never runs"
    if job.continues_on_error:
        yield f"the job {job.name} continues on error"
    if format_ == "github" and (why := _left_out(job.condition, found.events)):
        yield f"the job {job.name} {why}"


def _left_out(condition: str, events: Iterable[str]) -> str:
    """Why a condition keeps a job or a step from running on the pull requests that start it; empty: it does not, as far as
    the common forms tell. Nothing is said of a condition with an alternative, for the other half may hold.
    """
    started = set(events)
    if not started or "||" in condition:
        return ""
    if _NEVER.search(condition):
        return "never runs"
    if _ON_FAILURE.search(condition):
        return "runs after a failure alone"
    only = _ONLY_EVENT.search(condition)
    if only and (only["event"] or only["other"]) not in started:
        return f"runs on {only['event'] or only['other']} alone"
    if (_NOT_EVENT.search(condition) or _ONLY_REF.search(condition)) and started == {"pull_request"}:
        return "has a condition that leaves pull requests out"
    return ""


def _named(words: tuple[str, ...], *options: str) -> tuple[str, ...]:
    """The values of an option, separated by commas or spaces."""
    found: list[str] = []
    taking = False
    for word in words:
        if word in options:
            taking = True
        elif word.startswith("-"):
            taking = False
            for option in options:
                if word.startswith(option) and len(word) > len(option):
                    found.extend(word[len(option) :].lstrip("=").split(","))
        elif taking:
            found.extend(word.split(","))
            taking = options[0] == "-s"  # nox takes several after one option, tox one
    return tuple(name for name in found if name)


def _present(texts: Mapping[str, str], names: Iterable[str]) -> bool:
    return any(name in texts for name in names)


def _shown(words: tuple[str, ...]) -> str:
    text = " ".join((program(words[0]), *words[1:]))
    return text if len(text) <= 60 else f"{text[:57]}..."
