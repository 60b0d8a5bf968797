"""A scan of generated repositories by the baseline pack, cold: wall time, and requests per repository."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

from served import served

TARGETS = {"GitHub": "github:grown", "Azure DevOps": "ado:grown"}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to every answer")
    arguments = parser.parse_args()
    print("platform       repositories   wall s   requests   per repository   results   complete   peak MB")
    for platform, target in TARGETS.items():
        with served("--repositories", str(arguments.repositories)) as sandbox:
            if arguments.latency:
                sandbox.latency(arguments.latency)
            report = sandbox.folder / "report.json"
            sandbox.clear()
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", WITH_PEAK, "scan", target, "--output", f"json:{report}"],
                env=sandbox.environ(), capture_output=True, text=True, check=False,
            )  # fmt: skip
            wall = time.perf_counter() - began
            if not report.exists():
                raise SystemExit(f"the scan exited {done.returncode}: {done.stderr}")
            said = json.loads(report.read_text())
            repositories = sum(subject["kind"] == "repository" for subject in said["subjects"])
            requests = sandbox.requests()
            print(
                f"{platform:<13} {repositories:>13} {wall:>8.1f} {requests:>10} {requests / repositories:>16.2f} "
                f"{len(said['results']):>9} {said['run']['complete']!s:>10} {int(done.stderr.split()[-1]) / 1024:>9.0f}"
            )


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
