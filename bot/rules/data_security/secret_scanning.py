"""The rule secret-scanning."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from bot.model.analyzers import AnalysisKind, AnalyzerCatalogue
from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.model.facts.pipelines import DetectedTools, FileContents, Pipelines
from bot.model.facts.protection import SecretScanning
from bot.model.findings import Evidence, Finding, Location, NotApplicable, Statement, Unknown
from bot.model.subjects import Branch, Platform, Repository
from bot.rules import RuleParams, Tighter, needs, rule
from bot.rules.build_test.recognition import recognise, recognise_apps, task_file_paths
from bot.rules.build_test.sightings import Sighting


class Params(RuleParams):
    """What counts as secret scanning."""

    push_protection: Annotated[bool, Tighter.TRUE] = True
    """The platform must also refuse pushes that hold a secret."""
    scanners: Annotated[bool, Tighter.FALSE] = True
    """A scanner that gates pull requests counts as well."""
    tools: Annotated[tuple[str, ...] | None, Tighter.SUBSET] = Field(default=None, min_length=1)
    """Only these scanners count, by their ids in the analyzer catalogue; without it every tool of the kind `secrets` does."""


@rule(
    "secret-scanning",
    severity="high",
    params=Params,
    controls=[
        "CIS-SSC:1.5.1",
        "ISO27001:A.5.17",
        "ISO27001:A.8.12",
        "NIST-SSDF:PW.7.2",
        "OSPS-BASELINE:OSPS-BR-07.01",
        "SOC2:CC6.1",
        "SOC2:CC7.1",
    ],
)
def secret_scanning(
    repository: Repository,
    branch: Branch,
    scanning: SecretScanning | Unavailable | NotSupported,
    pipelines: Pipelines | Unavailable | NotSupported,
    contents: Annotated[FileContents | Unavailable | NotSupported, needs(task_file_paths)],
    detected: DetectedTools | Unavailable | NotSupported,
    params: Params,
    catalogue: AnalyzerCatalogue,
) -> Iterator[Statement]:
    """Secrets are looked for before they are in: by the platform with push protection, or by a scanner that gates.

    One of the two is enough. The platform's own scanning must be on, and refuse pushes where `push_protection` is asked for;
    or a scanner of the analyzer catalogue must run on the way into the default branch and gate, as
    `static-analysis-configured` understands it.

    Why:
        A key that was pushed is to be taken for stolen: it stays in the history, in forks and in clones. Refusing the push
        is the only cure that costs nothing.

    Evidence:
        The repository's security settings, and its pipelines. A platform that does not tell (no licence, no permission)
        is neither a pass nor a fail: without a scanner that gates, the outcome is then unknown. Where the platform has
        no such feature for the repository, the scanner must be there. The number of alerts proves nothing: none are
        raised where nothing is scanned.

    How to fix:
        GitHub: Settings, Advanced Security, turn on secret protection and push protection (or do so for the whole
        organisation with a security configuration). Azure DevOps: turn on Secret Protection for the repository, with
        blocking of pushes. Otherwise run a scanner, for example gitleaks, in a workflow that pull requests start.

    Example:
        - rule: secret-scanning
          enforce: block
          with: {push_protection: true}
    """
    if (
        isinstance(scanning, SecretScanning)
        and scanning.enabled
        and (scanning.push_protection or not params.push_protection)
    ):
        yield Evidence("secret scanning", "on, with push protection" if scanning.push_protection else "on", ok=True)
        return
    sightings, doubts = _scanners(branch, pipelines, contents, detected, params, catalogue)
    gating = [each for each in sightings if each.gates]
    if gating:
        yield from (
            Evidence("scanner", str(each), each.pipeline.url if each.pipeline else "", ok=True) for each in gating
        )
        return
    nothing_there = all(isinstance(each, NotSupported) for each in (scanning, pipelines, contents, detected))
    if isinstance(scanning, NotSupported) and (repository.platform is Platform.LOCAL or nothing_there):
        yield NotApplicable(scanning.reason)
        return
    platform = _platform_doubt(scanning)
    if platform or doubts:
        yield from (platform, *doubts) if platform else doubts
        return
    yield _finding(scanning, sightings, branch, params)


def _scanners(
    branch: Branch,
    pipelines: Pipelines | Unavailable | NotSupported,
    contents: FileContents | Unavailable | NotSupported,
    detected: DetectedTools | Unavailable | NotSupported,
    params: Params,
    catalogue: AnalyzerCatalogue,
) -> tuple[list[Sighting], list[Unknown]]:
    """The scanners that run, and what may hide one."""
    if not params.scanners:
        return [], []
    doubts = [Unknown(f.kind, f.reason) for f in (pipelines, contents, detected) if isinstance(f, Unavailable)]
    texts = contents.texts if isinstance(contents, FileContents) else {}
    analyzers = [a for a in catalogue.of_kind(AnalysisKind.SECRETS) if not params.tools or a.id in params.tools]
    sightings: list[Sighting] = []
    if isinstance(pipelines, Pipelines):
        found = recognise(pipelines.definitions, texts, analyzers, branch.branch)
        sightings.extend(found.sightings)
        doubts.extend(Unknown(UnknownKind.UNREADABLE, each) for each in found.unread)
    if isinstance(detected, DetectedTools):
        apps = recognise_apps(detected.checks, texts, analyzers)
        sightings.extend(apps.sightings)
        doubts.extend(Unknown(UnknownKind.UNREADABLE, each) for each in apps.unread)
    return sightings, doubts


def _platform_doubt(scanning: SecretScanning | Unavailable | NotSupported) -> Unknown | None:
    if isinstance(scanning, Unavailable):
        return Unknown(scanning.kind, scanning.reason)
    if isinstance(scanning, SecretScanning) and scanning.enabled and scanning.push_protection is None:
        return Unknown(UnknownKind.SCOPE, "The platform does not say whether it refuses pushes that hold a secret.")
    return None


def _finding(
    scanning: SecretScanning | Unavailable | NotSupported, sightings: list[Sighting], branch: Branch, params: Params
) -> Finding:
    if isinstance(scanning, NotSupported):
        state, value = "The platform scans nothing here", scanning.reason
    elif isinstance(scanning, SecretScanning) and scanning.enabled:
        state, value = "Secret scanning is on without push protection", "on, pushes are not refused"
    else:
        state, value = "Secret scanning is off", "off"
    fix = "Turn on secret scanning with push protection" if params.push_protection else "Turn on secret scanning"
    if not params.scanners:
        message = f"{state}."
    else:
        told = "".join(f" {each} does not gate: {', '.join(each.obstacles)}." for each in sightings[:3])
        message = f"{state}, and no scanner gates changes into {branch.branch}.{told}"
        fix += ", or run a scanner where pull requests start it and let its failure fail the check"
    place = next((Location(each.path, each.line) for each in sightings if each.path), None)
    return Finding(message, f"{fix}.", (Evidence("secret scanning", value, ok=False),), place, discriminator="secrets")
