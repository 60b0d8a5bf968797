"""A gate as a process: from its start to the verdict posted, on the sandbox without latency.

Prints for each platform the median, least and most wall time over the runs, the requests that the sandbox saw, the
depth that the report gives, and where the time of one run goes: imports, waiting for answers, the rest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

from served import Served, served

TARGETS = {"GitHub": "github:acme/payments#12", "Azure DevOps": "ado:acme/Payments/payments!12"}

SHARES = """
import builtins, importlib, json, sys, threading, time
began = time.perf_counter()
importing, requesting, here = [], [], threading.local()
real = builtins.__import__
def timed(*args, **kwargs):
    here.depth = getattr(here, "depth", 0) + 1
    start = time.perf_counter()
    try:
        return real(*args, **kwargs)
    finally:
        here.depth -= 1
        if here.depth == 0:
            importing.append((start, time.perf_counter()))
builtins.__import__ = timed
real_module = importlib.import_module
def timed_module(*args, **kwargs):
    here.depth = getattr(here, "depth", 0) + 1
    start = time.perf_counter()
    try:
        return real_module(*args, **kwargs)
    finally:
        here.depth -= 1
        if here.depth == 0:
            importing.append((start, time.perf_counter()))
importlib.import_module = timed_module
from requests.adapters import HTTPAdapter
send = HTTPAdapter.send
def watched(self, request, *args, **kwargs):
    start = time.perf_counter()
    try:
        return send(self, request, *args, **kwargs)
    finally:
        requesting.append((start, time.perf_counter()))
HTTPAdapter.send = watched
import io, contextlib
from bot.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    if run(sys.argv[1:]) != 1:
        raise SystemExit("the gate should block")
total = time.perf_counter() - began
def covered(spans):
    total, until = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
print(json.dumps({"total": total, "imports": covered(importing), "requests": covered(requesting)}))
"""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    print("platform       median s   least   most   requests   depth   imports   requests   the rest")
    for platform, target in TARGETS.items():
        with served() as sandbox:
            policy = sandbox.folder / "policy.yml"
            policy.write_text(POLICY)
            command = ["gate", target, "--config", str(policy)]
            measure(platform, command, sandbox, runs)


def measure(platform: str, command: list[str], sandbox: Served, runs: int) -> None:
    """Time the whole process, each time with a cold location cache; the first run warms the disk and is not counted."""
    walls, asked, depths = [], [], []
    for number in range(runs + 1):
        sandbox.clear()
        report = sandbox.folder / "report.json"
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "bot", *command, "--output", f"json:{report}"],
                              env=sandbox.environ(f"cold-{number}"), capture_output=True, text=True, check=False)  # fmt: skip
        wall = time.perf_counter() - began
        if done.returncode != 1:
            raise SystemExit(f"the gate should block, and exited {done.returncode}: {done.stderr}")
        asked.append(
            sandbox.requests()
        )  # the uncounted first run too: it alone posts to a pull request without a check
        if number:
            walls.append(wall)
            depths.append(json.loads(report.read_text())["run"]["depth"])
    shares = json.loads(
        subprocess.run([sys.executable, "-c", SHARES, *command], env=sandbox.environ("shares"),
                       capture_output=True, text=True, check=True).stdout
    )  # fmt: skip
    imports, requests = shares["imports"] / shares["total"], shares["requests"] / shares["total"]
    print(
        f"{platform:<13} {statistics.median(walls):>9.2f} {min(walls):>7.2f} {max(walls):>6.2f} "
        f"{max(asked):>10} {max(depths):>7} {imports:>9.0%} {requests:>10.0%} {1 - imports - requests:>10.0%}"
    )


POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: gate}
rules:
  - {rule: requirement-link, enforce: block}
  - {rule: approvals, enforce: block}
  - {rule: static-analysis-passed, enforce: block}
"""

if __name__ == "__main__":
    main()
