"""A gate on a small, a usual and a large change, beside a run of Danger that asks the same questions of the same server.

Small: 1 file, 1 commit, 1 review. Usual: 20 files, 5 commits, 3 reviews. Large: 2,900 files, 240 commits, 60 reviews. Each is
judged as a process, from its start to the verdict posted, without latency and with 100 ms before every answer. For each the
median wall time and the requests that the sandbox saw; and with ``--danger``, the same of ``danger ci`` (from npm, installed
into a temporary folder; it knows GitHub alone) and the ratio of the two.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from served import Served, served

DANGER = "danger@14.0.7"


@dataclass(frozen=True)
class Size:
    """How large a change is."""

    number: int
    files: int
    commits: int
    reviews: int


SIZES = {"small": Size(1, 1, 1, 1), "usual": Size(2, 20, 5, 3), "large": Size(3, 2_900, 240, 60)}

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: gate}
rules:
  - {rule: requirement-link, enforce: block}
  - {rule: approvals, enforce: block, with: {minimum: 1}}
  - {rule: static-analysis-passed, enforce: block}
  - name: no-secrets
    subject: pull_request
    enforce: block
    assert: "!files.any_match('**/*.pem')"
    message: A private key is added.
"""

DANGERFILE = """
const { danger, fail, schedule } = require("danger");
schedule(async () => {
  const pull = danger.github.pr;
  if (!/(fixes|closes|resolves) #\\d+|AB#\\d+/i.test(pull.body || "")) fail("No requirement is linked.");
  const standing = {};
  for (const review of danger.github.reviews) standing[review.user.login] = review.state;
  const approved = Object.entries(standing).filter(([who, state]) => state === "APPROVED" && who !== pull.user.login);
  if (approved.length < 1) fail("Nobody else has approved.");
  const paths = [...danger.git.created_files, ...danger.git.modified_files, ...danger.git.deleted_files];
  if (paths.some((path) => path.endsWith(".pem"))) fail("A private key is added.");
  const { owner, repo } = danger.github.thisPR;
  const said = await danger.github.api.checks.listForRef({ owner, repo, ref: pull.head.sha, per_page: 100 });
  for (const name of ["lint", "semgrep"]) {
    const found = said.data.check_runs.find((run) => run.name === name);
    if (!found || found.conclusion !== "success") fail(`${name} has not succeeded.`);
  }
});
"""

WORKFLOW = """
name: ci
on: {pull_request: {branches: [main]}}
jobs:
  lint: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4}, {run: ruff check .}]}
  semgrep: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4}, {run: semgrep scan --error}]}
"""

PIPELINE = """
jobs:
  - {job: lint, steps: [{script: ruff check ., displayName: lint}]}
  - {job: semgrep, steps: [{script: semgrep scan --error, displayName: semgrep}]}
"""


def world() -> dict[str, object]:
    """The scenario with a pull request of each size."""
    people = {f"reviewer-{n}": {"email": f"reviewer-{n}@acme.example"} for n in range(60)}
    return {
        "apiVersion": "almguard.sandbox/v1",
        "kind": "Scenario",
        "people": {"ana": {"email": "ana@acme.example"}, **people},
        "teams": {"developers": {"members": ["ana", *people]}},
        "organizations": [{"name": "acme", "projects": [{"name": "Payments"}]}],
        "repositories": [
            {
                "name": "payments",
                "permissions": {"team:developers": "write"},
                "files": {
                    "README.md": "# Payments\n",
                    ".github/workflows/ci.yml": WORKFLOW,
                    "azure-pipelines.yml": PIPELINE,
                },
                "pipelines": [{"name": "ci", "path": ".github/workflows/ci.yml", "azure_path": "azure-pipelines.yml"}],
                "pull_requests": [pull_request(name, size) for name, size in SIZES.items()],
            }
        ],
        "work_items": [{"id": 101, "title": "Charge a card", "type": "User Story", "state": "Active"}],
    }


def pull_request(name: str, size: Size) -> dict[str, object]:
    """One that is linked, analysed and approved on its head."""
    per_commit = -(-size.files // size.commits)
    paths = [f"src/module_{n % 40}/part_{n}.py" for n in range(size.files)]
    commits = [
        {"message": f"Step {n}", "author": "ana", "at": "-3d",
         "files": dict.fromkeys(paths[n * per_commit:(n + 1) * per_commit], f"value = {n}\n") or {"src/more.py": f"n = {n}\n"}}
        for n in range(size.commits)
    ]  # fmt: skip
    return {
        "number": size.number,
        "title": f"A {name} change",
        "body": "Fixes #101",
        "author": "ana",
        "source": f"ana/{name}",
        "links": {"work_items": [101]},
        "pushes": [{"by": "ana", "at": "-2d", "commits": commits}],
        "reviews": [{"by": f"reviewer-{n}", "state": "approved", "at": "-1d"} for n in range(size.reviews)],
        "checks": [{"name": check, "conclusion": "success", "pipeline": "ci"} for check in ("lint", "semgrep")],
    }


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--danger", action="store_true", help="measure danger ci as well (needs node and npm)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenario = folder / "scenario.yml"
        scenario.write_text(yaml.safe_dump(world(), sort_keys=False))
        (folder / "policy.yml").write_text(POLICY)
        danger = installed(folder) if given.danger else None
        print("change  latency  platform       median s   requests   danger s   requests   ratio of times")
        with served("--scenario", str(scenario)) as sandbox:
            for size in SIZES:
                for latency in (0.0, 0.1):
                    sandbox.latency(latency)
                    measure(size, latency, sandbox, folder, danger, given.runs)


def installed(folder: Path) -> Path:
    """``danger`` in a folder of its own, with the file of its questions."""
    home = folder / "danger"
    home.mkdir()
    (home / "package.json").write_text('{"name": "questions", "private": true}')
    (home / "dangerfile.js").write_text(DANGERFILE)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", DANGER], cwd=home, check=True)
    return home


def measure(name: str, latency: float, sandbox: Served, folder: Path, danger: Path | None, runs: int) -> None:
    """One size at one latency: both platforms, and Danger."""
    number = SIZES[name].number
    for platform, target in (
        ("GitHub", f"github:acme/payments#{number}"),
        ("Azure DevOps", f"ado:acme/Payments/payments!{number}"),
    ):
        command = [sys.executable, "-m", "bot", "gate", target, "--config", str(folder / "policy.yml")]
        cold = [sandbox.environ(f"cold-{platform}-{run}") for run in range(runs + 1)]
        wall, requests = timed(command, Path.cwd(), sandbox, cold)
        beside = ""
        if danger is not None and platform == "GitHub":
            command = [str(danger / "node_modules" / ".bin" / "danger"), "ci"]
            theirs, theirs_asked = timed(command, danger, sandbox, [danger_environ(sandbox, number)] * (runs + 1))
            beside = f"{theirs:>10.2f} {theirs_asked:>10} {wall / theirs:>10.2f}"
        print(f"{name:<7} {latency * 1000:>4.0f} ms  {platform:<13} {wall:>9.2f} {requests:>10} {beside}", flush=True)


def danger_environ(sandbox: Served, number: int) -> dict[str, str]:
    """What tells Danger which pull request to look at, and where."""
    return {
        **os.environ,
        "DANGER_FAKE_CI": "YEP",
        "DANGER_TEST_REPO": "acme/payments",
        "DANGER_TEST_PR": str(number),
        "DANGER_GITHUB_API_TOKEN": "sandbox-token",
        "DANGER_GITHUB_API_BASE_URL": f"{sandbox.url}/api/v3",
        "DANGER_GITHUB_HOST": sandbox.url.removeprefix("http://"),
    }


def timed(
    command: Sequence[str], cwd: Path, sandbox: Served, environs: Sequence[Mapping[str, str]]
) -> tuple[float, int]:
    """Median seconds of the whole process, and the most requests of a run. The first run warms the disk, and is not timed."""
    walls, requests = [], []
    for environ in environs:
        sandbox.clear()
        began = time.perf_counter()
        done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
        walls.append(time.perf_counter() - began)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout}\n{done.stderr}")
        requests.append(sandbox.requests())
    return statistics.median(walls[1:]), max(requests)


if __name__ == "__main__":
    main()
