"""``almguard test`` on generated cases: process start to exit, all cases of given facts.

The cases go through approvals, documentation, links and checks, on both platforms, and each expects a verdict, so that every
entry of the policy is judged in each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: payments}
rules:
  - {rule: requirement-link, enforce: block}
  - name: change-approval
    enforce: block
    any_of:
      - {rule: approvals, with: {minimum: 2}}
      - {rule: approvals, name: docs-approval, when: 'files.all(f, f.path.startsWith("docs/"))', with: {minimum: 1}}
  - {name: described, subject: pull_request, assert: pr.title.size() > 5, message: "{{ pr.title }} says little", enforce: warn}
"""
HEAD = """
apiVersion: almguard/v1
kind: Tests
policy: ../payments.yml
facts:
  commits: [{sha: c2, message: Raise the limit, author: ana}]
  pushes: [{person: ana, head: c2}]
  former_commits: {}
  reviewer_permissions: {levels: {ana: write, bo: write, cy: write}}
  work_items: [{source: azure-boards, form: keyword, text: AB#12, where: title, item: {number: 12}}]
cases:
"""
CASE = """
  - name: case {number}
    subject: {{platform: {platform}, number: {number}}}
    facts:
      files: [{path}]
      reviews: [{reviews}]
    expect: {{verdict: {verdict}, entries: {{change-approval: {outcome}}}}}
"""
IN_A_FILE = 100


def main() -> None:
    """Write the cases, run them several times, and print the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="almguard-benchmark-") as folder:
        write(Path(folder), chosen.cases)
        runs = [run(folder) for _ in range(chosen.runs)]
    wall, processor = (statistics.median(each) for each in zip(*runs, strict=True))
    print(
        f"{chosen.cases} cases, medians of {chosen.runs} runs: {wall:.2f} s, of which {processor:.2f} s on the processor"
    )


def write(folder: Path, cases: int) -> None:
    """A policy, and files of cases that all pass."""
    (folder / "payments.yml").write_text(POLICY, encoding="utf-8")
    (folder / "tests").mkdir()
    texts = [case(number) for number in range(1, cases + 1)]
    for start in range(0, cases, IN_A_FILE):
        text = HEAD + "".join(texts[start : start + IN_A_FILE])
        (folder / "tests" / f"{start:05}.yml").write_text(text, encoding="utf-8")


def case(number: int) -> str:
    """One of twelve kinds of case."""
    people = ("bo", "cy")[: number % 3]
    docs = number % 2 == 0
    approved = len(people) >= (1 if docs else 2)
    return CASE.format(
        number=number,
        platform=("github", "azure-devops")[number % 4 // 2],
        path="docs/a.md" if docs else "src/a.py",
        reviews=", ".join(f"{{person: {one}, opinion: approved, commit: c2}}" for one in people),
        verdict="passed" if approved else "waiting",
        outcome="pass" if approved else "fail",
    )


def run(folder: str) -> tuple[float, float]:
    """The time of one run, by the clock and on the processor: they differ where other programs run."""
    root = Path(__file__).resolve().parents[1]
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-m", "bot", "test", "tests"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    seconds, after = time.perf_counter() - started, os.times()
    if done.returncode != 0:
        raise SystemExit(f"some case did not end as expected:\n{done.stdout}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used


if __name__ == "__main__":
    main()
