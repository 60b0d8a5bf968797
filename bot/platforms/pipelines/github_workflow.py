"""Reads a GitHub Actions workflow file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.model.facts.pipelines import Job, PipelineDefinition, Step, Trigger
from bot.platforms.pipelines.yaml_tree import Entries, Items, Node, Scalar, TreeError, load

EVERYTHING = "**"

_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+){0,3}(?:[-+][0-9A-Za-z.+-]*)?")


def parse(path: str, text: str, url: str = "", enabled: bool | None = True) -> PipelineDefinition:
    """The workflow that a file defines. What cannot be read gives a definition with an ``error``; nothing is raised."""
    try:
        return _workflow(path, load(text), url, enabled)
    except TreeError as error:
        return PipelineDefinition(
            path=path, name=path, url=url, enabled=enabled, error=f"{path}: {error}", error_line=error.line
        )


def _workflow(path: str, document: Node, url: str, enabled: bool | None) -> PipelineDefinition:
    if not isinstance(document, Entries):
        raise TreeError("not a pipeline: a workflow is a mapping with 'on' and 'jobs'", document.line)
    missing = [key for key in ("on", "jobs") if document.get(key) is None]
    if missing:
        raise TreeError(f"not a pipeline: a workflow needs {' and '.join(repr(key) for key in missing)}", document.line)
    jobs = document.get("jobs")
    if not isinstance(jobs, Entries) or not jobs.entries:
        raise TreeError("not a pipeline: 'jobs' is a mapping of at least one job", jobs.line if jobs else document.line)
    defaults = document.mapping("defaults").mapping("run")
    parsed = tuple(_job(key, value, defaults) for key, value in jobs)
    templates, floating = _references(parsed)
    return PipelineDefinition(
        path=path,
        name=document.text("name") or path,
        url=url,
        format="github",
        enabled=enabled,
        triggers=tuple(_triggers(document.get("on"))),
        jobs=parsed,
        templates=templates,
        floating_references=floating,
    )


def _triggers(on: Node | None) -> Iterator[Trigger]:
    match on:
        case Scalar():
            yield Trigger(on.text)
        case Items():
            yield from (Trigger(event.text) for event in on if isinstance(event, Scalar))
        case Entries():
            for event, details in on:
                yield _trigger(event.text, details if isinstance(details, Entries) else Entries(event.line))


def _trigger(event: str, details: Entries) -> Trigger:
    branches = _filter(details, "branches")
    if not branches and (details.get("tags") or details.get("tags-ignore")):
        branches = ("!" + EVERYTHING,)  # a push filter of tags alone leaves every branch out
    return Trigger(
        event=event,
        branches=branches,
        paths=_filter(details, "paths"),
        inputs=details.mapping("inputs").keys,
        types=details.texts("types"),
    )


def _filter(details: Entries, key: str) -> tuple[str, ...]:
    """``branches`` or ``branches-ignore``; to ignore some is to take everything and then exclude them."""
    ignored = details.texts(f"{key}-ignore")
    return details.texts(key) or ((EVERYTHING, *(f"!{each}" for each in ignored)) if ignored else ())


def _job(key: Scalar, value: Node, defaults: Entries) -> Job:
    if not isinstance(value, Entries):
        raise TreeError(f"the job {key.text!r} is not a mapping", key.line)
    condition = value.text("if")
    own = value.mapping("defaults").mapping("run")
    nearest = Entries(defaults.line, (*defaults, *own))
    return Job(
        name=key.text,
        line=key.line,
        steps=tuple(_step(step, nearest) for step in value.items("steps")),
        uses=value.text("uses") or None,
        never_runs=is_false(condition),
        continues_on_error=is_true(value.text("continue-on-error")),
        environment=_named(value, "environment", "name"),
        condition=condition,
        container=_named(value, "container", "image"),
        check_name=value.text("name") or key.text,
    )


def _step(value: Node, defaults: Entries) -> Step:
    if not isinstance(value, Entries):
        raise TreeError("a step is not a mapping", value.line)
    return Step(
        line=value.line,
        name=value.text("name"),
        uses=value.text("uses") or None,
        inputs=texts(value.mapping("with")),
        run=value.text("run") or None,
        shell=value.text("shell") or defaults.text("shell") or None,
        never_runs=is_false(value.text("if")),
        continues_on_error=is_true(value.text("continue-on-error")),
        working_directory=value.text("working-directory") or defaults.text("working-directory") or None,
        condition=value.text("if"),
    )


def _named(value: Entries, key: str, inner: str) -> str | None:
    """A value that is either a name or a mapping that holds the name."""
    return value.text(key) or value.mapping(key).text(inner) or None


def _references(jobs: tuple[Job, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the workflow calls and this file does not show, and which of it follows a branch.

    A tag and a branch cannot be told apart by their names: what looks like a version is taken for a tag.
    """
    called = [job.uses for job in jobs if job.uses]
    actions = [step.uses for job in jobs for step in job.steps if step.uses]
    unseen = [each for each in called if not each.startswith("./")] + [
        each for each in actions if each.startswith("./")
    ]
    floating = [each for each in called if not each.startswith("./") and not _is_pinned(each.partition("@")[2])]
    return tuple(dict.fromkeys(unseen)), tuple(dict.fromkeys(floating))


def _is_pinned(ref: str) -> bool:
    return bool(_COMMIT.fullmatch(ref) or _VERSION.fullmatch(ref) or ref.startswith("refs/tags/"))


def texts(entries: Entries) -> dict[str, str] | None:
    """Inputs as text; lists and mappings among them as their scalars, one to a line. None where there are none."""
    return {key.text: flat(value) for key, value in entries} or None


def flat(node: Node) -> str:
    """All the text in a node, one scalar to a line."""
    match node:
        case Scalar():
            return node.text
        case Items():
            return "\n".join(flat(item) for item in node)
        case Entries():
            return "\n".join(f"{key.text}: {flat(value)}" for key, value in node)


def unwrapped(text: str) -> str:
    """An expression without its ``${{ }}``."""
    stripped = text.strip()
    if stripped.startswith("${{") and stripped.endswith("}}") and stripped.count("${{") == 1:
        return stripped[3:-2].strip()
    return stripped


def is_false(condition: str) -> bool:
    """Whether a condition is the constant false."""
    return unwrapped(condition).lower() == "false"


def is_true(value: str) -> bool:
    """Whether a setting is the constant true."""
    return unwrapped(value).lower() == "true"
