"""What a gate tells the CI job that it runs in, besides its report: findings in the log, outputs for later steps, a summary.

On GitHub Actions findings go to the log only where no check run shows them. On Azure Pipelines a status holds no findings,
so the log is where they are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bot.cli.judgement import Judging
    from bot.model.annotations import Annotation
    from bot.model.results import Gate, Run

SUMMARY_LIMIT = 1024 * 1024
"""Bytes that GitHub takes of a step's summary: of a longer one it shows nothing at all."""


def for_the_log(
    judging: Judging, run: Run, gates: Sequence[Gate], environ: Mapping[str, str]
) -> tuple[Annotation, ...]:
    """The findings at lines that nothing else shows; to be found out while the platform can still be asked."""
    from bot.cli.annotating import annotations_of
    from bot.cli.ci import in_ci

    unseen = [gate for gate in gates if gate.target.id not in judging.annotated] if in_ci(environ) else []
    return tuple(one for gate in unseen for one in annotations_of(judging, run, gate))


def tell_job(
    run: Run,
    gates: Sequence[Gate],
    in_log: Sequence[Annotation],
    outputs: Sequence[tuple[str, Path]],
    environ: Mapping[str, str],
    *,
    code: int,
    format_: str,
    dry_run: bool,
) -> None:
    """Tell the job of GitHub Actions or Azure Pipelines that this is; anywhere else nothing."""
    from bot.cli.ci import on_azure, on_github

    lines: list[str] = []
    if on_github(environ):
        lines += _github(run, gates, in_log, outputs, environ, code)
    if on_azure(environ):
        lines += _azure(run, gates, in_log, outputs, environ, code, dry_run=dry_run)
    if lines:
        # Both systems read both streams. A report that a program reads is on stdout, and stays whole.
        sys.stdout.flush()
        click.echo("\n".join(lines), err=format_ != "terminal")


def _github(
    run: Run,
    gates: Sequence[Gate],
    in_log: Sequence[Annotation],
    outputs: Sequence[tuple[str, Path]],
    environ: Mapping[str, str],
    code: int,
) -> Iterator[str]:
    from bot.report.json_report import one_line
    from bot.report.log_commands import github_annotations

    if path := environ.get("GITHUB_STEP_SUMMARY"):
        _append(Path(path), _summary(run, SUMMARY_LIMIT - _size(Path(path))))
    if path := environ.get("GITHUB_OUTPUT"):
        told = {
            "verdict": _verdict(run),
            "exit-code": str(code),
            "report": next(_reports(outputs), ""),
            "summary": one_line(run, gates, code),
        }
        # A value of several lines would be several outputs.
        lines = (f"{name}={value}\n" for name, value in told.items() if len(value.splitlines()) == 1)
        _append(Path(path), "".join(lines))
    yield from github_annotations(in_log)


def _azure(
    run: Run,
    gates: Sequence[Gate],
    in_log: Sequence[Annotation],
    outputs: Sequence[tuple[str, Path]],
    environ: Mapping[str, str],
    code: int,
    *,
    dry_run: bool,
) -> Iterator[str]:
    from bot.cli.output import write_whole
    from bot.report.json_report import one_line
    from bot.report.log_commands import azure_command, azure_issues, azure_variable

    yield from azure_issues(in_log)
    if folder := environ.get("AGENT_TEMPDIRECTORY"):
        path = Path(folder).absolute() / f"almguard-{run.id}" / "almguard.md"
        write_whole(path, _summary(run, SUMMARY_LIMIT))
        yield azure_command("task.uploadsummary", str(path))
    verdict = _verdict(run)
    # A classic release is no build, and has no tags.
    if not dry_run and verdict and environ.get("SYSTEM_HOSTTYPE", "build") == "build":
        yield azure_command("build.addbuildtag", f"almguard-{verdict}")
    yield azure_variable("verdict", verdict)
    yield azure_variable("exitCode", str(code))
    yield azure_variable("summary", one_line(run, gates, code))
    for report in _reports(outputs):
        yield azure_variable("report", report)


def _verdict(run: Run) -> str:
    return run.gate.verdict.value if run.gate is not None else ""


def _reports(outputs: Sequence[tuple[str, Path]]) -> Iterator[str]:
    """Where the JSON report is."""
    return (str(path.absolute()) for kind, path in outputs if kind == "json")


def _summary(run: Run, limit: int) -> str:
    """The report in Markdown, or, where steps have said too much already, the one line that matters."""
    from bot.cli.failures import redacted
    from bot.report import markdown

    shortest = 4 * markdown.COMMENT_LIMIT
    said = markdown.report(run, min(limit, markdown.REPORT_LIMIT)) if limit > shortest else markdown.title(run) + "\n"
    return redacted(said) + "\n"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(path: Path, text: str) -> None:
    from bot.cli.failures import Refusal

    try:
        with path.open("a", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise Refusal(f"{path}: it cannot be written: {error.strerror or error}") from None
