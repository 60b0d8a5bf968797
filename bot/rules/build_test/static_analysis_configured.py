"""The rule static-analysis-configured."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from bot.model.analyzers import AnalysisKind, Analyzer, AnalyzerCatalogue
from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.model.facts.pipelines import DetectedTools, FileContents, Pipelines
from bot.model.findings import Evidence, Finding, Location, Statement, Unknown
from bot.model.subjects import Branch, Repository
from bot.rules import RuleParams, Tighter, needs, rule
from bot.rules.build_test.recognition import recognise, recognise_apps, task_file_paths
from bot.rules.build_test.sightings import Recognition, Sighting
from bot.rules.build_test.tools import unknown_tools


class Params(RuleParams):
    """Which analysis is asked for."""

    kinds: Annotated[tuple[AnalysisKind, ...], Field(min_length=1), Tighter.SUPERSET] = (
        AnalysisKind.SAST,
        AnalysisKind.LINT,
    )
    """The kinds of analysis, each of which must gate: `sast`, `lint`, `types`, `dependencies`, `secrets`, `iac`, `container`,
    `licences`."""
    tools: Annotated[tuple[str, ...] | None, Tighter.SUBSET] = Field(default=None, min_length=1)
    """Only these tools count, by their ids in the analyzer catalogue; without it every tool of the kind does."""


@rule(
    "static-analysis-configured",
    severity="high",
    params=Params,
    controls=[
        "ISO27001:A.8.8",
        "ISO27001:A.8.25",
        "ISO27001:A.8.28",
        "ISO27001:A.8.29",
        "ISO27001:A.8.32",
        "NIST-SSDF:PW.4.4",
        "NIST-SSDF:PW.7.2",
        "OSPS-BASELINE:OSPS-VM-05.03",
        "OSPS-BASELINE:OSPS-VM-06.02",
        "SCORECARD:SAST",
        "SOC2:CC7.1",
        "SOC2:CC8.1",
    ],
)
def static_analysis_configured(
    repository: Repository,  # noqa: ARG001 - the subject that is judged
    branch: Branch,
    pipelines: Pipelines,
    contents: Annotated[FileContents | Unavailable | NotSupported, needs(task_file_paths)],
    detected: DetectedTools | Unavailable | NotSupported,
    params: Params,
    catalogue: AnalyzerCatalogue,
) -> Iterator[Statement]:
    """Each required kind of static analysis runs on the way into the default branch, and gates.

    Looked for is what runs before a change is in: workflows started by `pull_request`, `pull_request_target` or `merge_group`
    for the branch, build validations that block, and apps that report checks. A tool gates where its failure fails such a
    check.

    Why:
        A tool that runs after the merge, or whose failure nobody has to mind, finds problems that are already in. Many
        repositories have the tool and lack the gate: an optional build validation, `continue-on-error`, `|| true`.

    Evidence:
        Tools are recognised by the analyzer catalogue: as actions, tasks, pre-commit hooks, apps, and as commands. Commands
        are read as commands: `echo semgrep` is none, `uvx ruff check` and `python -m mypy` are; `make lint`, `npm run lint`,
        `tox -e lint`, `nox -s lint` and `pre-commit run` are followed one level into their files at the repository's root.
        Does not gate: a disabled workflow, a job or step that never runs or continues on error, a command whose failure is
        lost (`|| true`, a pipe without `pipefail`, a command that is not the last in a shell without `-e`, as on Azure
        Pipelines), `--exit-zero` and its like, and tools that succeed unless told otherwise (`trivy` without `--exit-code`).
        A tool that runs only for changes to some paths counts, and the evidence names the paths. Where a pipeline does not
        parse, or a template was not read, a kind that was not found is unknown. Scripts of the repository are not opened.

    How to fix:
        Run a tool of the missing kind in a workflow that `pull_request` starts (on Azure DevOps: in a pipeline that is a
        required build validation of the branch), and let its failure fail the step. If a tool does run and is not
        recognised, add it to a catalogue of your own (`analyzers:` in the configuration).

    Example:
        - rule: static-analysis-configured
          enforce: warn
          with: {kinds: [sast, lint, dependencies]}
    """
    texts = contents.texts if isinstance(contents, FileContents) else {}
    analyzers = _asked(params, catalogue)
    found = recognise(pipelines.definitions, texts, analyzers, branch.branch)
    apps = recognise_apps(detected.checks if isinstance(detected, DetectedTools) else (), texts, analyzers)
    doubts = tuple(_doubts((*found.unread, *apps.unread), contents, detected))
    yield from unknown_tools(params.tools or (), catalogue)
    for kind in params.kinds:
        sightings = [each for each in (*found.sightings, *apps.sightings) if kind in each.analyzer.kinds]
        gating = [each for each in sightings if each.gates]
        if gating:
            yield from (_evidence(kind, each) for each in gating)
        elif doubts:
            yield from doubts
        else:
            yield _missing(kind, sightings, found, branch, params)


def _asked(params: Params, catalogue: AnalyzerCatalogue) -> tuple[Analyzer, ...]:
    return tuple(
        analyzer
        for analyzer in catalogue.analyzers
        if set(params.kinds) & set(analyzer.kinds) and (not params.tools or analyzer.id in params.tools)
    )


def _doubts(
    unread: tuple[str, ...],
    contents: FileContents | Unavailable | NotSupported,
    detected: DetectedTools | Unavailable | NotSupported,
) -> Iterator[Unknown]:
    """What may hide a tool."""
    for each in dict.fromkeys(unread):
        yield Unknown(UnknownKind.UNREADABLE, each)
    for fact in (contents, detected):
        if isinstance(fact, Unavailable):
            yield Unknown(fact.kind, fact.reason)


def _evidence(kind: AnalysisKind, sighting: Sighting) -> Evidence:
    only = f", only for changes to {', '.join(sighting.paths)}" if sighting.paths else ""
    url = sighting.pipeline.url if sighting.pipeline else ""
    return Evidence(kind.value, f"{sighting}{only}", url, ok=True)


def _missing(
    kind: AnalysisKind, sightings: list[Sighting], found: Recognition, branch: Branch, params: Params
) -> Finding:
    of = f" of {', '.join(params.tools)}" if params.tools else ""
    if not sightings:
        message = f"No {kind} tool{of} runs on the way into {branch.branch}."
    else:
        told = "; ".join(f"{each} does not: {', '.join(each.obstacles)}" for each in sightings[:3])
        message = f"No {kind} tool{of} gates changes into {branch.branch}. {told}."
    fix = f"Run a {kind} tool where pull requests into {branch.branch} start it, and let its failure fail the check."
    if found.opaque:
        scripts = ", ".join(found.opaque[:3])
        fix += f" Not opened were {scripts}: if one of them runs a tool, run the tool in the pipeline itself."
    place = next((Location(each.path, each.line) for each in sightings if each.path), None)
    evidence = tuple(
        Evidence(
            kind.value, f"{each}: {', '.join(each.obstacles)}", each.pipeline.url if each.pipeline else "", ok=False
        )
        for each in sightings
    )
    return Finding(message, fix, evidence, place, discriminator=kind.value)
