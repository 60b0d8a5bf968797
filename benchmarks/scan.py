"""Scans of generated repositories by the baseline pack: cold, again unchanged, and again with one in a hundred changed.

Prints for each the requests by kind (from the sandbox's ledger), GraphQL's points, wall time and peak memory of the scan's own
process, then whether the budgets of the design are met, and beside it what others send for a repository.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from served import Served, served

TARGETS = {"github": "github:grown", "azure": "ado:grown"}
IN_A_PROJECT = 20
REQUESTS, PER_PROJECT, SECONDS, MEGABYTES = 0.5, 50.0, 60.0, 300.0
"""The budgets: per repository on GitHub, per project of twenty on Azure DevOps, for 1,000 at 100 ms, for 10,000."""

HEAD = "platform  latency  scan        repos   REST 200   304   other   GraphQL   points  per repo   wall s  peak MB  complete"

OTHERS = (
    ("OpenSSF Scorecard", "66 REST + 4 GraphQL", "told, not measured here"),
    ("Eclipse Otterdog", "16-17 REST", "told, not measured here"),
    ("Legitify", "8 REST + 1 GraphQL", "told, not measured here"),
)
"""What others are said to send for one repository. Nothing here has measured it."""


@dataclass(frozen=True)
class Measured:
    """One scan."""

    kinds: Counter[str]
    points: int
    wall: float
    peak: float
    repositories: int
    complete: bool

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.kinds.values())


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=1000)
    parser.add_argument("--platform", choices=[*TARGETS, "both"], default="both")
    parser.add_argument("--latency", type=float, nargs="*", default=[0.0, 0.1], help="seconds added to every answer")
    parser.add_argument("--cold-only", action="store_true")
    arguments = parser.parse_args()
    verdicts: list[str] = []
    print(HEAD)
    for platform in TARGETS if arguments.platform == "both" else [arguments.platform]:
        for latency in arguments.latency:
            with served("--repositories", str(arguments.repositories)) as sandbox:
                sandbox.latency(latency)
                for name in ("cold",) if arguments.cold_only else ("cold", "unchanged", "1 % changed"):
                    if name == "1 % changed":
                        sandbox.change(share=0.01)
                    found = scanned(sandbox, TARGETS[platform], platform)
                    show(platform, latency, name, found)
                    verdicts += judged(platform, latency, name, found)
    print("\n".join(["", *verdicts, "", "what others are said to send for a repository:"]))
    for who, what, source in OTHERS:
        print(f"    {who:<20} {what:<20} ({source})")


def scanned(sandbox: Served, target: str, platform: str) -> Measured:
    """A scan with the sandbox's own folder for what is kept between runs."""
    report = sandbox.folder / "report.json"
    report.unlink(missing_ok=True)
    sandbox.clear()
    before = spent(sandbox) if platform == "github" else 0
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WITH_PEAK, "scan", target, "--cache", str(sandbox.folder / "cache"), "--no-store",
         "--output", f"json:{report}"],
        env=sandbox.environ(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    wall = time.perf_counter() - began
    if not report.exists():
        raise SystemExit(f"the scan exited {done.returncode}: {done.stderr[-2000:]}")
    ledger = sandbox.ledger()
    points = spent(sandbox) - before - 1 if platform == "github" else 0  # to ask costs one
    said = json.loads(report.read_text())
    return Measured(
        Counter(map(kind, ledger)),
        points,
        wall,
        int(done.stderr.split()[-1]) / 1024,
        sum(subject["kind"] == "repository" for subject in said["subjects"]),
        said["run"]["complete"],
    )


def kind(entry: dict[str, Any]) -> str:
    """What a request was, as its cost goes."""
    if entry["host"] == "graphql":
        return "graphql"
    return {200: "200", 304: "304"}.get(entry["status"], "other")


def spent(sandbox: Served) -> int:
    """The points of GraphQL that the token has used in the hour."""
    asked = Request(
        f"{sandbox.url}/api/graphql",
        data=json.dumps({"query": "query { rateLimit { used } }"}).encode(),
        headers={"Authorization": "bearer sandbox-token", "Content-Type": "application/json"},
    )
    with urlopen(asked) as answer:
        return int(answer.headers["x-ratelimit-used"])


def show(platform: str, latency: float, name: str, one: Measured) -> None:
    """A line of the table."""
    kinds = one.kinds
    print(
        f"{platform:<9} {latency * 1000:>4.0f} ms  {name:<11} {one.repositories:>5} {kinds['200']:>10} {kinds['304']:>5} "
        f"{kinds['other']:>7} {kinds['graphql']:>9} {one.points:>8} {one.requests / one.repositories:>9.2f} "
        f"{one.wall:>8.1f} {one.peak:>8.0f} {one.complete!s:>9}",
        flush=True,
    )


def judged(platform: str, latency: float, name: str, one: Measured) -> list[str]:
    """Which budgets a scan keeps to."""
    said = []

    def budget(what: str, found: float, most: float) -> None:
        verdict = "met   " if found <= most else "MISSED"
        said.append(f"{verdict} {platform}, {name}, {latency * 1000:.0f} ms: {what}: {found:.2f} of {most:g}")

    if name == "cold" and not latency:
        if platform == "github":
            budget("requests per repository", one.requests / one.repositories, REQUESTS)
            each = one.points / one.repositories
            said.append(
                f"       github, cold: {each:.2f} points of GraphQL per repository; of 5,000 an hour {5000 / each:,.0f}"
            )
        else:
            budget(
                f"requests per project of {IN_A_PROJECT}", one.requests * IN_A_PROJECT / one.repositories, PER_PROJECT
            )
    if name == "cold" and latency and one.repositories <= 1000:
        budget("seconds", one.wall, SECONDS)
    if name == "unchanged" and platform == "github" and not latency:
        budget("REST answers that are no 304", one.kinds["200"] + one.kinds["other"], 0)
    budget("megabytes at the peak", one.peak, MEGABYTES)
    return said


WITH_PEAK = """
import io, contextlib, resource, sys
from bot.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""

if __name__ == "__main__":
    main()
