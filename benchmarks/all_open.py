"""``gate --all-open`` over 50 open pull requests: what it asks the first time, when one of them moved, and when none did.

Prints for each platform the requests that the sandbox saw and how many of them wrote, the depth that the report gives, and the
wall time of the process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from urllib.request import Request, urlopen

import yaml
from served import Served, served

TARGETS = {"GitHub": "github:acme/payments", "Azure DevOps": "ado:acme/Payments/payments"}
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: gate}
rules:
  - {rule: requirement-link, enforce: block}
  - {rule: approvals, enforce: block}
  - {rule: static-analysis-passed, enforce: block}
"""
CI = """\
name: ci
on: {pull_request: {}}
jobs:
  lint: {runs-on: ubuntu-24.04, steps: [{run: ruff check .}]}
"""
AZURE_CI = "steps:\n  - {script: ruff check ., displayName: lint}\n"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pull-requests", type=int, default=50)
    parser.add_argument("--by-path", action="store_true", help="Print the requests of the second run by their paths.")
    options = parser.parse_args()
    print("platform       when             requests  of them writes   depth   wall s")
    for platform, target in TARGETS.items():
        with served(scenario=yaml.safe_dump(scenario(options.pull_requests))) as sandbox:
            policy = sandbox.folder / "policy.yml"
            policy.write_text(POLICY)
            measure(platform, "the first time", target, sandbox)
            happen(sandbox, pull_request=7, review={"by": "cleo", "state": "approved"})
            asked = measure(platform, "one moved", target, sandbox)
            measure(platform, "none moved", target, sandbox)
            if options.by_path:
                for path, count in asked.most_common():
                    print(f"    {count:>5} {path}")


def scenario(amount: int) -> dict[str, object]:
    """One repository with so many open pull requests, each linked, reviewed by one and checked."""
    people = ["olga", "ana", "bo", "cleo"]
    pulls = [
        {
            "number": number, "title": f"Change {number}", "body": f"Fixes #{500 + number}", "author": "ana",
            "source": f"change/{number}",
            "links": {"work_items": [500 + number]},
            "pushes": [{"at": "-2d", "commits": [{"message": f"Change {number}", "author": "ana", "at": "-2d",
                                                  "files": {f"src/{number}.py": "X = 1\n"}}]}],
            "reviews": [{"by": "bo", "state": "approved", "at": "-1d"}],
            "checks": [{"name": "lint", "conclusion": "success", "at": "-1d", "pipeline": "ci"}],
        }
        for number in range(1, amount + 1)
    ]  # fmt: skip
    return {
        "apiVersion": "almguard.sandbox/v1", "kind": "Scenario", "description": "Many open pull requests.",
        "people": {who: {"name": who, "email": f"{who}@acme.example"} for who in people},
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Payments"}]}],
        "repositories": [{
            "name": "payments", "permissions": dict.fromkeys(people, "write"),
            "files": {"README.md": "x", ".github/workflows/ci.yml": CI, "azure-pipelines.yml": AZURE_CI},
            "pipelines": [{"name": "ci", "path": ".github/workflows/ci.yml", "azure_path": "azure-pipelines.yml"}],
            "protection": [{"branch": "main", "checks": [{"name": "lint", "app": "github-actions", "pipeline": "ci"}]}],
            "pull_requests": pulls,
        }],
        "work_items": [{"id": 500 + number, "title": "Charge", "type": "User Story"} for number in range(1, amount + 1)],
    }  # fmt: skip


def happen(sandbox: Served, **event: object) -> None:
    """Let the sandbox's world move on."""
    body = json.dumps(event).encode()
    urlopen(Request(f"{sandbox.url}/_sandbox/events", body, {"Content-Type": "application/json"})).read()


def measure(platform: str, when: str, target: str, sandbox: Served) -> Counter[str]:
    """One run; its requests by method and path."""
    sandbox.clear()
    report = sandbox.folder / "report.json"
    command = [
        sys.executable,
        "-m",
        "bot",
        "gate",
        "--all-open",
        target,
        "--config",
        str(sandbox.folder / "policy.yml"),
    ]
    began = time.perf_counter()
    done = subprocess.run([*command, "--output", f"json:{report}"], env=sandbox.environ(), capture_output=True, text=True,
                          check=False)  # fmt: skip
    wall = time.perf_counter() - began
    if done.returncode not in (0, 1, 5):
        raise SystemExit(f"exited {done.returncode}: {done.stderr}")
    told = json.loads(report.read_text())
    asked: Counter[str] = Counter()
    for one in sandbox.ledger():
        pieces = ["N" if piece.isdigit() or len(piece) >= 32 else piece for piece in one["path"].split("/")]
        asked[f"{one['method']} {'/'.join(pieces)}"] += 1
    questions = ("graphql", "batch", "query", "changes")
    writes = sum(n for path, n in asked.items() if not path.startswith("GET") and not path.lower().endswith(questions))
    print(f"{platform:<13}  {when:<15} {sum(asked.values()):>9} {writes:>16} {told['run']['depth']:>7} {wall:>8.1f}")
    print(f"    {told['gate']['verdict']}; {told['notices'][-1]}")
    return asked


if __name__ == "__main__":
    main()
