"""What a CI run is about: reads the event that GitHub Actions or Azure Pipelines started the job for."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cli.ci_azure import azure_event
from bot.cli.ci_event import NAME_TARGET, CiError, CiEvent
from bot.cli.ci_github import github_event

__all__ = ["CiError", "CiEvent", "in_ci", "read_event"]


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of GitHub Actions or Azure Pipelines."""
    return _on_github(environ) or _on_azure(environ)


def read_event(environ: Mapping[str, str]) -> CiEvent:
    """The event that this job was started for. Raises ``CiError``."""
    if _on_github(environ):
        return github_event(environ)
    if _on_azure(environ):
        return azure_event(environ)
    raise CiError(
        f"This is neither a job of GitHub Actions nor one of Azure Pipelines, so there is no event. {NAME_TARGET}"
    )


def _on_github(environ: Mapping[str, str]) -> bool:
    return environ.get("GITHUB_ACTIONS", "").lower() == "true"


def _on_azure(environ: Mapping[str, str]) -> bool:
    return environ.get("TF_BUILD", "").lower() == "true"
