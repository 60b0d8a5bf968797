"""The files that ``almguard init`` writes, from templates and from what a checkout tells of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot import __version__
from bot.cli.detection import Checkout
from bot.model.results import Enforcement
from bot.model.subjects import Platform
from bot.policy.configuration import CompiledEntry, CompiledPolicy
from bot.policy.load import load_configuration
from bot.policy.packaged import data_file

SCHEMAS = "https://raw.githubusercontent.com/almguard/almguard/main/docs/schema"
"""Where editors find the schemas of the files."""
WARN_DAYS = 30
"""How many days what will block only warns."""
CASE = "requirement-link"
"""The rule that the first test is about: every pack has it, and it needs the fewest facts."""
WORKFLOWS = re.compile(r"^    workflows: \[ci\]$", re.MULTILINE)
"""The line of the workflow's template that names the workflows whose end judges again."""
STEPS = "almguard-gate.yml"
AZURE_FOLDER = ".azuredevops"


def starter(found: Checkout, pack: str, now: datetime) -> Mapping[str, str]:
    """The files by their paths from the root of the repository."""
    text = data_file("policies", f"{pack}.yml").read_text(encoding="utf-8")
    (policy,) = load_configuration(text, f"pack:{pack}").policies
    github = found.platform is Platform.GITHUB
    place = f"policies/{found.name}.yml"
    values = {
        "schemas": SCHEMAS,
        "github": github,
        "repository": found.target or found.name,
        "name": found.name,
        "glob": _owner(found) + "/*",
        "subject": (found.target or f":OWNER/{found.name}").partition(":")[2],
        "branch": found.branch,
        "policy": place,
        "waivers": "waivers.yml",
        "pack": {"name": policy.source, "description": _description(policy)},
        "eased": [
            entry.name for entry in policy.entries if entry.override and entry.schedule.at(now) is Enforcement.BLOCK
        ],
        "block_from": (now + timedelta(days=WARN_DAYS)).date().isoformat(),
        "entry": next(entry.name for entry in policy.entries if entry.rule_id == CASE),
        "created_at": "2026-05-20T09:00:00Z",
        "analysis": found.analysis,
        "not_gating": found.not_gating,
        "code_owners": found.code_owners if any(_approvals(entry) for entry in policy.entries) else None,
        "steps": STEPS,
        "version": __version__,
    }
    return {
        ".github/almguard.yml" if github else "almguard.yml": _rendered("config.yml.j2", values),
        place: _rendered("policy.yml.j2", values),
        "waivers.yml": _rendered("waivers.yml.j2", values),
        f"policies/tests/{found.name}.yml": _rendered("tests.yml.j2", values),
        **(_github(found) if github else _azure(values)),
    }


def _approvals(entry: CompiledEntry) -> bool:
    """Whether it asks for approvals, and lets a policy say whose."""
    return entry.override and entry.name == entry.rule_id == "approvals"


def _github(found: Checkout) -> dict[str, str]:
    text = _shipped("github-gate.yml")
    if found.workflows:
        named = ", ".join(json.dumps(name, ensure_ascii=False) for name in found.workflows)
        text = WORKFLOWS.sub(lambda _: f"    workflows: [{named}]", text)
    return {".github/workflows/almguard.yml": text}


def _azure(values: Mapping[str, object]) -> dict[str, str]:
    return {
        f"{AZURE_FOLDER}/almguard.yml": _rendered("azure-pipeline.yml.j2", values),
        f"{AZURE_FOLDER}/{STEPS}": _shipped("azure-gate.yml"),
        f"{AZURE_FOLDER}/almguard-again.yml": _again(values),
    }


def _again(values: Mapping[str, object]) -> str:
    """The pipeline that judges the open ones again, beside the steps as they are called here, and of this version."""
    text = _shipped("azure-again.yml").replace("azure-gate.yml", STEPS)
    text = text.replace("include: [main]", f"include: [{json.dumps(values['branch'])}]")
    return re.sub(r"almguard==[0-9.]+", f"almguard=={values['version']}", text)


def _owner(found: Checkout) -> str:
    """The organisation; a word that stands for one where no remote tells it."""
    return (found.target or "").partition(":")[2].partition("/")[0] or "OWNER"


def _description(policy: CompiledPolicy) -> str:
    described = policy.tree.root.plain() if policy.tree is not None else {}
    metadata = described.get("metadata") if isinstance(described, dict) else None
    said = metadata.get("description") if isinstance(metadata, dict) else None
    return said if isinstance(said, str) else ""


def _shipped(name: str) -> str:
    return data_file("templates", f"pipelines/{name}").read_text(encoding="utf-8")


def _rendered(name: str, values: Mapping[str, object]) -> str:
    text = _environment().get_template(name).render(values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FunctionLoader(lambda name: data_file("templates", f"init/{name}").read_text(encoding="utf-8")),
        autoescape=False,  # YAML, no HTML; what it prints is made one line below
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_one_line,
    )


def _one_line(value: object) -> str:
    """What a checkout's files are called is anybody's to choose, and most of it stands in comments."""
    text = str(value)
    return text if text.isprintable() else repr(text)
