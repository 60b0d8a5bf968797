"""What a checkout tells of itself: its platform, its repository, who owns what, and the analysis that it has already."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from bot.cli.failures import Refusal
from bot.engine.ports import Known, PlatformError
from bot.engine.targets import Target
from bot.model.facts import FactRequest, Loaded
from bot.model.facts.pipelines import FileContents, Pipelines
from bot.model.subjects import Platform
from bot.platforms.local.git import Git, GitError
from bot.platforms.local.provider import LocalProvider
from bot.platforms.local.remote import host_of, platform_of, target_of
from bot.policy.catalogue import load_catalogue
from bot.rules.build_test.recognition import recognise, task_file_paths
from bot.rules.build_test.sightings import Sighting

CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks for it, in its order."""
AZURE_SIGNS = ("azure-pipelines.yml", "azure-pipelines.yaml", ".azure-pipelines", ".azuredevops")
GITHUB_SIGNS = (".github",)
BRANCH = "main"
"""What the default branch is called where nothing tells."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """What was found out about a folder."""

    root: Path
    platform: Platform
    told_by: str
    """What the platform was seen by, for people."""
    target: str | None
    """``github:acme/payments``; None: no remote names it, or one on a server of one's own."""
    name: str
    """The repository's short name, fit for a policy's."""
    branch: str
    """The default branch."""
    code_owners: str | None = None
    """The path of the file, on GitHub."""
    analysis: tuple[str, ...] = ()
    """The tools that gate changes already, each with its place."""
    not_gating: tuple[str, ...] = ()
    """Those that run and are not seen to gate, each with why."""
    workflows: tuple[str, ...] = ()
    """The names of the GitHub workflows that run them."""


def look_at(folder: Path, asked: Platform | None, now: datetime) -> Checkout:
    """Find out what can be found out about a folder. ``asked``: the platform, where somebody has named it."""
    git = Git(folder)
    top = git.working_tree()
    if top is not None and top.resolve() != folder.resolve():
        raise Refusal(f"{folder} is inside the checkout {top}, and a gate looks in its root: almguard init {top}")
    remote = _remote(git)
    platform, told_by = _platform(folder, asked, remote)
    branch = (git.default_branch() if top is not None else None) or BRANCH
    found = _analysis(folder, branch, now) if top is not None else ()
    owners = next((path for path in CODEOWNERS if (folder / path).is_file()), None)
    definitions = [each.pipeline for each in found if each.pipeline is not None and each.pipeline.format == "github"]
    return Checkout(
        root=folder,
        platform=platform,
        told_by=told_by,
        target=target_of(remote),
        name=_slug(remote, folder),
        branch=branch,
        code_owners=owners if platform is Platform.GITHUB else None,
        analysis=tuple(dict.fromkeys(str(each) for each in found if each.gates)),
        not_gating=tuple(dict.fromkeys(f"{each}: {each.obstacles[0]}" for each in found if not each.gates)),
        workflows=tuple(dict.fromkeys(definition.name or definition.path for definition in definitions)),
    )


def _remote(git: Git) -> str:
    """The address of ``origin``, or of the only other remote that there is; empty: there is none."""
    origin = git.line("config", "--get", "remote.origin.url")
    if origin:
        return origin
    try:
        names = git.run("remote").decode(errors="replace").splitlines()
    except GitError:
        return ""
    return git.line("config", "--get", f"remote.{names[0]}.url") if len(names) == 1 else ""


def _platform(folder: Path, asked: Platform | None, remote: str) -> tuple[Platform, str]:
    if asked is not None:
        return asked, "--platform"
    seen = platform_of(remote)
    if seen is not None:
        return seen, f"the remote on {host_of(remote)}"
    signs = {
        Platform.GITHUB: [name for name in GITHUB_SIGNS if (folder / name).exists()],
        Platform.AZURE_DEVOPS: [name for name in AZURE_SIGNS if (folder / name).exists()],
    }
    found = [platform for platform, names in signs.items() if names]
    if len(found) == 1:
        return found[0], signs[found[0]][0]
    named = " and ".join(name for names in signs.values() for name in names[:1])
    why = f"it has {named}, of both" if found else "it has neither .github nor azure-pipelines.yml"
    host = host_of(remote) or "this machine"
    where = f"its remote is on {host}, which tells no platform, and " if remote else "it has no git remote, and "
    raise Refusal(
        f"{folder}: which platform it is for cannot be told: {where}{why}. Say --platform github or --platform azure-devops."
    )


def _slug(remote: str, folder: Path) -> str:
    """The repository's name as a policy may be called: words in lower case, joined by dashes."""
    last = unquote(remote.strip().rstrip("/").removesuffix(".git").rpartition("/")[2])
    words = re.findall(r"[a-z0-9]+", (last or folder.resolve().name).lower())
    return "-".join(words)[:80].rstrip("-") or "own"


def _analysis(folder: Path, branch: str, now: datetime) -> tuple[Sighting, ...]:
    """The tools in the pipelines of HEAD; none where there is no commit yet."""
    provider = LocalProvider(folder, now)
    try:
        repository = provider.resolve(Target(str(folder), Platform.LOCAL, path=str(folder)))
    except PlatformError:
        return ()
    needs = {FactRequest(Pipelines): [repository], FactRequest(FileContents, task_file_paths(None)): [repository]}
    values = [answer.value for _, _, answer in provider.load(needs, Known()) if isinstance(answer, Loaded)]
    definitions = next((value.definitions for value in values if isinstance(value, Pipelines)), ())
    texts = next((value.texts for value in values if isinstance(value, FileContents)), {})
    return recognise(definitions, texts, load_catalogue().analyzers, branch).sightings
