"""The action, the workflows and the templates, as check-jsonschema and zizmor see them.

Both are tools of the ``dev`` extra. Without them these tests are skipped, but not where ALMGUARD_SKIP_NOTHING is set, as it is
in CI.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
ACTION = ROOT / "action.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / "templates" / "pipelines").glob("*.yml"))
GITHUB = [path for path in TEMPLATES if path.name.startswith("github-")]
AZURE = [path for path in TEMPLATES if path.name.startswith("azure-")]


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment."""
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if program is None:
        missing = f"{name} is not installed: pip install -e '.[dev]'"
        if os.environ.get("ALMGUARD_SKIP_NOTHING"):
            pytest.fail(missing)
        pytest.skip(missing)
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_every_template_is_of_a_platform() -> None:
    assert GITHUB
    assert AZURE
    assert sorted(GITHUB + AZURE) == TEMPLATES


@pytest.mark.parametrize(
    ("schema", "paths"),
    [("github-actions", [ACTION]), ("github-workflows", WORKFLOWS + GITHUB)],
    ids=["action", "workflows"],
)
def test_github_reads_them(schema: str, paths: list[Path]) -> None:
    checked = tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, paths))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", AZURE, ids=lambda path: path.name)
def test_azure_pipelines_reads_them(path: Path, tmp_path: Path) -> None:
    # The service reads every scalar as text (``default: false`` is no boolean yet), and its schema knows nothing else.
    copy = tmp_path / f"{path.stem}.json"
    text = json.dumps(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader))
    # Nor does the schema know what an expression stands for.
    copy.write_text(text.replace('"${{ step }}"', '{"script": "true"}'), encoding="utf-8")
    # Some of the schema's patterns are of .NET, and not of JavaScript with Unicode.
    how = ("--regex-variant", "nonunicode", "--data-transform", "azure-pipelines")
    schema = ("--builtin-schema", "vendor.azure-pipelines", *how)
    checked = tool("check-jsonschema", *schema, str(copy))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_schema_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(
        GITHUB[0].read_text(encoding="utf-8").replace("timeout-minutes", "timeout_minutes"), encoding="utf-8"
    )
    checked = tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(wrong))
    assert checked.returncode == 1
    assert "timeout_minutes" in checked.stdout


def test_zizmor_finds_nothing() -> None:
    found = tool("zizmor", "--offline", "--no-progress", "--no-config", *map(str, [ACTION, *WORKFLOWS, *GITHUB]))
    assert found.returncode == 0, found.stdout + found.stderr
    assert "No findings to report" in found.stdout + found.stderr
    # It looks at all of this: an ignored finding has a comment that says so.
    told = tool("zizmor", "--offline", "--no-progress", "--no-config", "--no-ignores", *map(str, GITHUB))
    assert "dangerous-triggers" in told.stdout + told.stderr
