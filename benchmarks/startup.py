"""``almguard --help`` as a multiple of a bare interpreter: pairs of runs, the median of the ratios."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    runs = parser.parse_args().runs
    pairs = [(once("-m", "bot", "--help"), once("-c", "pass")) for _ in range(runs + 1)][1:]
    helped, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"--help {helped * 1000:.0f} ms, a bare interpreter {bare * 1000:.0f} ms: {ratio:.1f} times (median of {runs} pairs)"
    )


def once(*arguments: str) -> float:
    """How long one process takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
