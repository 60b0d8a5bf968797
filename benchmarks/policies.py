"""500 rules of policies: ``almguard validate`` as a process, start to exit, and loading in a process that is warm.

A fifth are groups of two members with a condition, a fifth rules of one's own with a message, the rest rules with parameters
and a condition; each has conditions of its own, so that none is compiled for another.
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

from bot.policy.load import load_configuration

HEAD = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: big}\nrules:\n"
GROUP = """  - name: group{n}
    enforce: block
    any_of:
      - {{rule: approvals, name: two{n}, with: {{minimum: 2}}}}
      - {{rule: approvals, name: docs{n}, when: 'files.all(f, f.path.startsWith("docs{n}/"))'}}
"""
OWN = """  - name: own{n}
    enforce: warn
    subject: pull_request
    assert: pr.title.startsWith("{n}") || pr.author.is_bot
    message: "{{{{ pr.title }}}} does not begin with {n}."
"""
RULE = """  - rule: requirement-link
    name: link{n}
    enforce: block
    with: {{types: [Bug], states: [Active, Resolved]}}
    unless: pr.author.is_bot && pr.title.startsWith("{n}")
"""


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=500)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    text = HEAD + "".join((GROUP, OWN, RULE, RULE, RULE)[n % 5].format(n=n) for n in range(options.rules))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.yml"
        path.write_text(text, encoding="utf-8")
        bare = statistics.median(_process("-c", "pass") for _ in range(options.runs))
        cold = [_process("-m", "bot", "validate", str(path)) for _ in range(options.runs)]
    warm = []
    for run in range(options.runs):
        # Other texts each time: what was compiled before is kept.
        other = text.replace('startsWith("', f'startsWith("{run}-')
        began = time.perf_counter()
        load_configuration(other, "big.yml")
        warm.append(time.perf_counter() - began)
    median = statistics.median(cold)
    print(f"almguard validate, {options.rules} entries, {len(text):,} characters, {options.runs} runs:")
    print(f"  process    {median:.2f} s (lowest {min(cold):.2f} s), {median / bare:.0f} times a bare interpreter")
    print(f"  load warm  {statistics.median(warm):.2f} s")


def _process(*arguments: str) -> float:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, env=environ, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
