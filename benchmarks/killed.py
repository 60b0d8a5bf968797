"""Scans that are killed at random moments and taken on again, each compared with one that nobody killed.

A scan of grown repositories is killed (SIGKILL) once to three times, each time at a random moment of its life, and then left
alone. What it says must be what the undisturbed scan says, but for ids, instants, and what was spent; and nothing in it may be
there twice.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from served import Served, served

TARGETS = {"GitHub": "github:grown", "Azure DevOps": "ado:grown"}
NOW = "2026-11-02T09:00:00Z"


def main() -> None:
    """Kill, take on, compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=300)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    kept = Path(tempfile.mkdtemp(prefix="killed-"))
    kills = differing = 0
    print("platform       scans   kills   resumed   the same")
    with served("--repositories", str(arguments.repositories), "--seed", str(arguments.seed)) as sandbox:
        for at, (platform, target) in enumerate(TARGETS.items()):
            whole, _ = finished(sandbox, target, f"{at}-whole", arguments.batch)
            began = time.perf_counter()
            finished(sandbox, target, f"{at}-warm", arguments.batch)  # The sandbox has grown the repositories by now.
            wall = time.perf_counter() - began
            scans = here = resumed = same = 0
            while here < arguments.kills * (at + 1) // len(TARGETS) - kills:
                store = f"{at}-{scans}"
                for _ in range(min(dice.randint(1, 3), arguments.kills * (at + 1) // len(TARGETS) - kills - here)):
                    here += killed(sandbox, target, store, arguments.batch, dice.uniform(0.2, 1.0) * wall)
                report, said = finished(sandbox, target, store, arguments.batch)
                scans += 1
                resumed += "resumed" in said
                keys = [(each["subject"], each["key"]) for each in report["results"]]
                if comparable(report) == comparable(whole) and len(keys) == len(set(keys)):
                    same += 1
                else:
                    (kept / f"differs-{store}.json").write_text(json.dumps([comparable(whole), comparable(report)]))
            print(f"{platform:<13} {scans:>6} {here:>7} {resumed:>9} {same:>7} of {scans}", flush=True)
            kills += here
            differing += scans - same
    print(f"{kills} kills; {f'{differing} differ, see {kept}' if differing else 'all were the same'}")
    sys.exit(1 if differing else 0)


def process(sandbox: Served, target: str, store: str, batch: int, *more: str) -> subprocess.Popen[str]:
    """A scan, started."""
    command = [sys.executable, "-m", "bot", "scan", target, "--now", NOW, "--batch", str(batch), *more]
    environ = sandbox.environ() | {
        "ALMGUARD_STORE": str(sandbox.folder / f"{store}.db"),
        "XDG_CACHE_HOME": str(sandbox.folder / f"{store}-cache"),
    }
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finished(sandbox: Served, target: str, store: str, batch: int) -> tuple[Any, str]:
    """A scan that is left alone: its report, and what it says on stderr."""
    report = sandbox.folder / f"{store}.json"
    _, said = (scan := process(sandbox, target, store, batch, "--output", f"json:{report}")).communicate()
    if scan.returncode not in (0, 1, 3) or not report.exists():
        raise SystemExit(f"the scan exited {scan.returncode}: {said}")
    return json.loads(report.read_text()), said


def killed(sandbox: Served, target: str, store: str, batch: int, after: float) -> bool:
    """Whether a scan was still alive after so many seconds; then it is not any more."""
    scan = process(sandbox, target, store, batch)
    try:
        scan.wait(after)
    except subprocess.TimeoutExpired:
        scan.send_signal(signal.SIGKILL)
    scan.communicate()
    return scan.returncode == -signal.SIGKILL


def comparable(report: Any) -> Any:
    """A report without what is another's each time."""
    kept = {key: report[key] for key in ("results", "subjects", "summary", "policies")}
    run = report["run"]
    kept |= {key: run[key] for key in ("complete", "coverage", "skipped")} | {"gaps": sorted(run["gaps"], key=str)}
    return json.loads(json.dumps(kept, sort_keys=True))


if __name__ == "__main__":
    main()
