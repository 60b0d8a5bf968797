"""What conditions cost: compiling 500 of them, and evaluating some kinds of them on documents of their own.

Times are of the processor, so that other programs disturb them less; of several rounds the best one counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from bot.model.facts.change import Change, ChangedFile, ChangedFiles
from bot.model.subjects import PullRequest
from bot.policy.document import Document
from bot.policy.expressions import compile_expression
from bot.policy.sample import NOW, sample

FILES = ChangedFiles(tuple(ChangedFile(f"src/{number}.py", Change.MODIFIED) for number in range(20)))
CONDITIONS = (
    "!pr.draft",
    "pr.author.is_bot && pr.title.startsWith('chore(deps)')",
    "days_since(pr.created_at) > 30",
    "branch.name.glob(['release/*', 'main'])",
    "files.all(f, f.path.startsWith('docs/'))",
    "files.any_match('docs/**')",
)


def main() -> None:
    """Measure, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured")
    rounds = parser.parse_args().rounds
    pull_request = sample(PullRequest).subject
    assert isinstance(pull_request, PullRequest)

    cold = seconds(lambda: compile_many("cold", 1))
    warm = min(seconds(lambda mark=f"{number}": compile_many(mark, 500)) for number in range(rounds))
    print(f"the first condition compiled      {cold * 1e3:>9.1f} ms")
    print(f"500 more conditions compiled      {warm * 1e3:>9.1f} ms")
    print(f"{'evaluated a second':<58} {'same document':>14} {'one each':>14}")
    for text in CONDITIONS:
        expression = compile_expression(text, [PullRequest])
        document = Document(pull_request, {"files": FILES}, NOW)
        same = rate(lambda e=expression, d=document: e.evaluate(d), rounds)
        each = rate(lambda e=expression: e.evaluate(Document(pull_request, {"files": FILES}, NOW)), rounds)
        print(f"{text:<58} {same:>14,.0f} {each:>14,.0f}")
    in_python = rate(lambda: pull_request.author.is_bot and pull_request.title.startswith("chore(deps)"), rounds)
    print(f"{'the second one, written in Python':<58} {in_python:>14,.0f}")


def compile_many(mark: str, count: int) -> None:
    """Conditions that were not compiled before."""
    for number in range(count):
        compile_expression(f"pr.author.is_bot && pr.title.startsWith('{mark} {number}')", [PullRequest])


def seconds(run: Callable[[], object]) -> float:
    """Processor time of one run."""
    began = time.process_time()
    run()
    return time.process_time() - began


def rate(run: Callable[[], object], rounds: int, count: int = 5_000) -> float:
    """Runs a second, in the best round."""
    return count / min(seconds(lambda: [run() for _ in range(count)]) for _ in range(rounds))


if __name__ == "__main__":
    main()
