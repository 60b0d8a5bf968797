"""A scan under a storm of faults, beside the same scan in fair weather: which results differ, and whether a gap names each.

Every request meets a fault of some kind at the given rate. A result may become unknown where a gap says why; none may pass that
failed, or fail that passed, or be lost. Exits 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from served import Served, served

TARGETS = {"GitHub": "github:grown", "Azure DevOps": "ado:grown"}
NOW = "2026-11-02T09:00:00Z"


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=500)
    parser.add_argument("--rate", type=float, default=0.2, help="the share of requests that meet a fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--no-bound", action="store_true", help="some requests are never answered, however often they are sent"
    )
    parser.add_argument("--moving", type=float, default=0.0, help="the share of repositories that go away meanwhile")
    parser.add_argument("--max-wait", help="passed on to the scan")
    arguments = parser.parse_args()
    storm: dict[str, Any] = {"kind": "storm", "rate": arguments.rate, "seed": arguments.seed, "seconds": 0.02}
    if arguments.no_bound:
        storm["in_a_row"] = None
    options = ["--max-wait", arguments.max_wait] if arguments.max_wait else []
    print(f"{arguments.repositories} repositories, {arguments.rate:.0%} of requests spoilt, seed {arguments.seed}")
    print("platform       wall s   requests   faults   results   equal   unknown, named   wrong   complete")
    wrong_in_all = 0
    for platform, target in TARGETS.items():
        with served("--repositories", str(arguments.repositories)) as sandbox:
            fair, _, _ = scanned(sandbox, target, "fair", options)
            sandbox.fault(**storm)
            if arguments.moving:
                for kind in ("moved", "deleted"):
                    sandbox.fault(kind=kind, rate=arguments.moving / 2, seed=arguments.seed)
            foul, wall, ledger = scanned(sandbox, target, "foul", options)
            faults = Counter(str(entry["fault"]) for entry in ledger if entry.get("fault"))
        same, named, wrong = compared(fair, foul)
        wrong_in_all += len(wrong)
        print(
            f"{platform:<13} {wall:>7.1f} {len(ledger):>10} {sum(faults.values()):>8} {len(fair['results']):>9} {same:>7} "
            f"{named:>16} {len(wrong):>7} {foul['run']['complete']!s:>10}"
        )
        print(f"    faults: {', '.join(f'{kind} {count}' for kind, count in sorted(faults.items()))}")
        for reason, count in Counter(
            gap["kind"] + ": " + gap["reason"][:110] for gap in foul["run"]["gaps"]
        ).most_common(5):
            print(f"    {count} gaps: {reason}")
        for line in wrong[:10]:
            print(f"    WRONG: {line}")
    return 1 if wrong_in_all else 0


def scanned(
    sandbox: Served, target: str, name: str, options: list[str]
) -> tuple[dict[str, Any], float, list[dict[str, Any]]]:
    """A scan's report, its wall time, and the requests that it took. It keeps nothing and knows nothing of earlier ones."""
    report = sandbox.folder / f"{name}.json"
    sandbox.clear()
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "bot", "scan", target, "--no-cache", "--no-store", "--now", NOW, "--output", f"json:{report}",
         *options],
        env=sandbox.environ(name), capture_output=True, text=True, check=False,
    )  # fmt: skip
    wall = time.perf_counter() - began
    if not report.exists():
        raise SystemExit(f"the scan exited {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(Path(report).read_text(encoding="utf-8")), wall, sandbox.ledger()


def compared(fair: dict[str, Any], foul: dict[str, Any]) -> tuple[int, int, list[str]]:
    """How many results are equal, how many are unknown now and named by a gap, and what is neither."""
    gaps = foul["run"]["gaps"]
    places = {gap["subject"] for gap in gaps}
    reasons = {gap["reason"] for gap in gaps}
    listed = {
        gap["subject"] for gap in gaps if gap["fact"] in ("listing", "repositories", "projects", "target", "coverage")
    }
    before = {(one["key"], one["subject"]): one for one in fair["results"]}
    after = {(one["key"], one["subject"]): one for one in foul["results"]}
    names = {one["id"]: one["name"] for report in (foul, fair) for one in report["subjects"]}
    same, named, wrong = 0, 0, []
    for key, one in before.items():
        other = after.get(key)
        if other is not None and outcome(one) == outcome(other):
            same += 1
        elif (other is None and listed) or (
            other is not None
            and other["outcome"] == "unknown"
            and (other["subject"] in places or (other.get("unknown") or {}).get("reason") in reasons or places)
        ):
            named += 1
        else:
            wrong.append(
                f"{key[0]} of {names.get(key[1])}: {one['outcome']} became {(other or {}).get('outcome', 'lost')}"
            )
    wrong += [f"{key[0]} of {names.get(key[1], key[1])} is new" for key in after.keys() - before.keys()]
    return same, named, wrong


def outcome(one: dict[str, Any]) -> tuple[str, list[str]]:
    """What a result says, times aside."""
    return one["outcome"], sorted(finding["message"] for finding in one["findings"])


if __name__ == "__main__":
    sys.exit(main())
