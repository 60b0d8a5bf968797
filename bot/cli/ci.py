"""What a CI run is about: reads the event that GitHub Actions or Azure Pipelines started the job for."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cli.ci_azure import azure_event, azure_home
from bot.cli.ci_event import NAME_TARGET, CiError, CiEvent
from bot.cli.ci_github import github_event, github_home, waiting_deployment
from bot.cli.ci_payload import payload_at
from bot.engine.targets import Target

__all__ = ["CiError", "CiEvent", "home_of", "in_ci", "on_azure", "on_github", "read_event", "read_waiting_deployment"]


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of GitHub Actions or Azure Pipelines."""
    return on_github(environ) or on_azure(environ)


def read_event(environ: Mapping[str, str], environment: str | None = None) -> CiEvent:
    """The event that this job was started for; of a release, for this environment. Raises ``CiError``."""
    if on_github(environ):
        return github_event(environ, environment)
    if on_azure(environ):
        return azure_event(environ, environment)
    raise CiError(
        f"This is neither a job of GitHub Actions nor one of Azure Pipelines, so there is no event. {NAME_TARGET}"
    )


def read_waiting_deployment(environ: Mapping[str, str], path: str) -> CiEvent:
    """The deployment that a payload of GitHub's event ``deployment_protection_rule`` is about. Raises ``CiError``."""
    return waiting_deployment(environ, payload_at(path))


def home_of(environ: Mapping[str, str]) -> Target:
    """The repository that this job belongs to. Raises ``CiError``."""
    if on_github(environ):
        return github_home(environ)
    if on_azure(environ):
        return azure_home(environ)
    raise CiError(
        "--all-open outside of GitHub Actions and Azure Pipelines needs to be told where: almguard gate --all-open "
        "github:OWNER/REPO, github:OWNER, ado:ORG/PROJECT/REPO, ado:ORG/PROJECT or ado:ORG."
    )


def on_github(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of GitHub Actions."""
    return environ.get("GITHUB_ACTIONS", "").lower() == "true"


def on_azure(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of Azure Pipelines."""
    return environ.get("TF_BUILD", "").lower() == "true"
