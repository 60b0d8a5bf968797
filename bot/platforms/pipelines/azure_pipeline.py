"""Reads an Azure Pipelines YAML file, with its templates expanded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bot.model.facts.pipelines import Job, PipelineDefinition, Step, Trigger
from bot.platforms.pipelines.azure_templates import Expansion
from bot.platforms.pipelines.github_workflow import flat, is_false, is_true, texts
from bot.platforms.pipelines.yaml_tree import Entries, Items, Node, Scalar, TreeError, load

WORK = ("stages", "jobs", "steps", "extends")
SCRIPTS = {"script": None, "bash": "bash", "pwsh": "pwsh", "powershell": "powershell"}
"""Keys of a step that hold a script, and the shell that runs it."""
SCRIPT_TASKS = {"bash": "bash", "cmdline": None, "powershell": "powershell", "shellscript": "bash", "azurecli": None}
"""Tasks that run a script of their own, by lower-case name."""
STRATEGIES = ("runOnce", "rolling", "canary")
HOOKS = ("preDeploy", "deploy", "routeTraffic", "postRouteTraffic")


def parse(
    path: str,
    text: str,
    *,
    read: Callable[[str], str | None],
    url: str = "",
    enabled: bool | None = True,
    triggers: tuple[Trigger, ...] = (),
    name: str = "",
    definition_id: int | None = None,
) -> PipelineDefinition:
    """The pipeline that a file defines. What cannot be read gives a definition with an ``error``; nothing is raised.

    ``read`` gives the text of a file of the same repository and commit, by its path from the root; None: no such file.
    ``triggers`` are those that the platform tells (build validation); the file's own ``trigger:`` and ``schedules:`` are
    added, its ``pr:`` is not: Azure Repos ignores it.
    """
    try:
        return _pipeline(path, text, read, url, enabled, triggers, name, definition_id)
    except TreeError as error:
        problem, line = str(error), error.line
    except RecursionError:
        problem, line = "line 1: its templates nest too deep to be followed", 1
    return PipelineDefinition(
        path=path,
        name=name or path,
        url=url,
        format="azure",
        enabled=enabled,
        triggers=triggers,
        error=f"{path}: {problem}",
        error_line=line,
        definition_id=definition_id,
    )


def _pipeline(
    path: str,
    text: str,
    read: Callable[[str], str | None],
    url: str,
    enabled: bool | None,
    triggers: tuple[Trigger, ...],
    name: str,
    definition_id: int | None,
) -> PipelineDefinition:
    document = load(text)
    if not isinstance(document, Entries):
        raise TreeError(
            "not a pipeline: a pipeline is a mapping with 'stages', 'jobs', 'steps' or 'extends'", document.line
        )
    if not any(isinstance(document.get(key), Items | Entries) for key in WORK):
        raise TreeError("not a pipeline: it has no 'stages', 'jobs', 'steps' or 'extends'", document.line)
    resources = document.mapping("resources")
    expansion = Expansion(read, dict(_repositories(resources)))
    expanded = expansion.pipeline(path, document)
    jobs = tuple(_jobs(expanded, dict(_containers(resources))))
    groups = [*_groups(expanded), *(group for job in jobs for group in job.variable_groups)]
    for stage in expanded.items("stages"):
        groups.extend(_groups(stage) if isinstance(stage, Entries) else ())
    return PipelineDefinition(
        path=path,
        name=name or path,
        url=url,
        format="azure",
        enabled=enabled,
        triggers=(*triggers, *_own_triggers(document)),
        jobs=jobs,
        templates=tuple(expansion.unexpanded),
        floating_references=tuple(expansion.floating),
        variable_groups=tuple(dict.fromkeys(groups)),
        definition_id=definition_id,
    )


def _repositories(resources: Entries) -> Iterator[tuple[str, tuple[str, str]]]:
    for each in resources.items("repositories"):
        if isinstance(each, Entries):
            yield each.text("repository").lower(), (each.text("name"), each.text("ref"))


def _containers(resources: Entries) -> Iterator[tuple[str, str]]:
    for each in resources.items("containers"):
        if isinstance(each, Entries) and each.text("image"):
            yield each.text("container"), each.text("image")


def _own_triggers(document: Entries) -> Iterator[Trigger]:
    trigger = document.get("trigger")
    match trigger:
        case Scalar() if trigger.text.lower() == "none":
            pass
        case Items():
            yield Trigger("push", branches=document.texts("trigger"))
        case Entries():
            yield Trigger("push", branches=_filter(trigger, "branches"), paths=_filter(trigger, "paths"))
        case _:
            yield Trigger("push")  # without the key every push to every branch runs it
    for schedule in document.items("schedules"):
        if isinstance(schedule, Entries):
            yield Trigger("schedule", branches=_filter(schedule, "branches"))
    parameters = document.items("parameters")
    names = tuple(each.text("name") for each in parameters if isinstance(each, Entries) and each.text("name"))
    yield Trigger("workflow_dispatch", inputs=names)


def _filter(details: Entries, key: str) -> tuple[str, ...]:
    """Included first, then excluded; to exclude alone is to include the rest."""
    value = details.get(key)
    if isinstance(value, Items):
        return details.texts(key)
    included, excluded = details.mapping(key).texts("include"), details.mapping(key).texts("exclude")
    return (*(included or (("*",) if excluded else ())), *(f"!{each}" for each in excluded))


def _jobs(document: Entries, containers: Mapping[str, str]) -> Iterator[Job]:
    for stage in document.items("stages"):
        if isinstance(stage, Entries):
            off = is_false(stage.text("condition"))
            template = stage.text("template")
            if template:
                yield Job(template, stage.line, uses=template, never_runs=off, check_name=template)
            for job in stage.items("jobs"):
                yield _job(job, containers, stage.text("condition"), off)
    for job in document.items("jobs"):
        yield _job(job, containers, "", False)
    if document.items("steps"):
        yield _job(
            Entries(document.line, (*document, (Scalar(document.line, "job"), Scalar(0, "Job")))), containers, "", False
        )
    extends = document.mapping("extends")
    if extends.text("template"):
        yield Job(
            extends.text("template"), extends.line, uses=extends.text("template"), check_name=extends.text("template")
        )


def _job(value: Node, containers: Mapping[str, str], stage_condition: str, stage_off: bool) -> Job:
    if not isinstance(value, Entries):
        raise TreeError("a job is not a mapping", value.line)
    template = value.text("template")
    name = value.text("job") or value.text("deployment") or template or "Job"
    condition = value.text("condition")
    container = value.text("container") or value.mapping("container").text("image")
    return Job(
        name=name,
        line=value.line,
        steps=tuple(step for each in _all_steps(value) for step in _step(each)),
        uses=template or None,
        never_runs=stage_off or is_false(condition),
        continues_on_error=is_true(value.text("continueOnError")),
        environment=value.text("environment") or value.mapping("environment").text("name") or None,
        condition=condition or stage_condition,
        container=containers.get(container, container) or None,
        variable_groups=tuple(_groups(value)),
        check_name=value.text("displayName") or name,
    )


def _all_steps(job: Entries) -> Iterator[Node]:
    """A job's steps; a deployment's over all the hooks of its strategy."""
    yield from job.items("steps")
    strategy = job.mapping("strategy")
    for kind in STRATEGIES:
        hooks = strategy.mapping(kind)
        for hook in HOOKS:
            yield from hooks.mapping(hook).items("steps")
        for end in ("success", "failure"):
            yield from hooks.mapping("on").mapping(end).items("steps")


def _step(value: Node) -> Iterator[Step]:
    if isinstance(value, Scalar) and "${{" in value.text:
        return  # a list of steps that only the run would know
    if not isinstance(value, Entries):
        raise TreeError("a step is not a mapping", value.line)
    if value.text("template"):
        return
    kind = next((key for key in SCRIPTS if value.get(key) is not None), None)
    inputs = value.mapping("inputs")
    task = value.text("task")
    run, shell = (value.text(kind), SCRIPTS[kind]) if kind else _task_script(task, inputs)
    never = is_false(value.text("condition")) or is_false(value.text("enabled"))
    yield Step(
        line=value.line,
        name=value.text("displayName") or value.text("name"),
        uses=task or None,
        inputs=texts(inputs),
        run=run or None,
        shell=shell,
        never_runs=never,
        continues_on_error=is_true(value.text("continueOnError")),
        working_directory=value.text("workingDirectory") or inputs.text("workingDirectory") or None,
    )


def _task_script(task: str, inputs: Entries) -> tuple[str, str | None]:
    """The script that a task of the kind ``Bash@3`` runs."""
    base = task.partition("@")[0].lower()
    if base not in SCRIPT_TASKS:
        return "", None
    lowered = {key.text.lower(): flat(value) for key, value in inputs}
    return lowered.get("script") or lowered.get("inlinescript") or "", SCRIPT_TASKS[base]


def _groups(value: Entries) -> Iterator[str]:
    for each in value.items("variables"):
        if isinstance(each, Entries) and each.text("group"):
            yield each.text("group")
