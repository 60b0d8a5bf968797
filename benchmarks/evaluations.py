"""Entry evaluations a second on one core: the baseline pack's rules on facts that were loaded once from the sandbox.

What is timed is what a scan repeats for every repository: from loaded facts to results, conditions included. Loading is
not; ``scan.py`` times it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from datetime import datetime

from served import Served, served

from bot.cli.judgement import Judging, target
from bot.cli.session import session
from bot.engine.evaluation import Evaluator
from bot.engine.judging import judge
from bot.engine.ports import Known, Silence
from bot.model.analyzers import AnalyzerCatalogue
from bot.model.subjects import Subject
from bot.policy.catalogue import load_catalogue


def main() -> None:
    """Measure, and print a line for each rule and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each rule is repeated")
    seconds = parser.parse_args().seconds
    with served("--repositories", "40") as sandbox:
        evaluators = loaded(sandbox)
    print("rule                            subjects   evaluations a second   microseconds each")
    each = []
    for name, (evaluator, subjects, known) in sorted(evaluators.items()):
        cost = statistics.median(round_of(evaluator, subjects, known) for _ in range(rounds(seconds, subjects)))
        each.append((cost, len(subjects)))
        print(f"{name:<30} {len(subjects):>9} {1 / cost:>22,.0f} {cost * 1e6:>19.1f}")
    total = sum(cost * amount for cost, amount in each) / sum(amount for _, amount in each)
    print(f"{'all, as often as they occur':<30} {sum(n for _, n in each):>9} {1 / total:>22,.0f} {total * 1e6:>19.1f}")


def loaded(sandbox: Served) -> dict[str, tuple[Evaluator, list[Subject], Known]]:
    """Each rule with subjects whose facts are known: a grown organisation's repositories, and the demo's pull requests."""
    found: dict[str, tuple[Evaluator, list[Subject], Known]] = {}
    with session(None, sandbox.environ()) as opened:
        values: dict[type, object] = {datetime: opened.now, AnalyzerCatalogue: load_catalogue()}
        for names in (["github:grown"], [f"github:acme/payments#{n}" for n in (12, 13, 14)]):
            judging = Judging(opened, "audit")
            configuration = judging.configuration_for_scan()
            subjects: list[Subject] = []
            for name in names:
                provider, root = judging.resolve(target(name))
                subjects += judging.below(provider, root, configuration)
            known = judge(configuration, subjects, provider, values, Silence()).known
            counts = Counter(type(subject) for subject in subjects)
            for entry in configuration.policies[0].entries:
                for check in entry.rules():
                    for kind, variant in check.rule.variants.items():
                        if counts[kind]:
                            evaluator = Evaluator(check.rule, variant, check.params, values)
                            mine = [s for s in subjects if type(s) is kind and not getattr(s, "archived", False)]
                            found[check.rule.id] = (evaluator, mine, known)
    return found


def rounds(seconds: float, subjects: list[Subject]) -> int:
    """How many rounds over the subjects about fill the time, at a guess of 50 microseconds each."""
    return max(5, int(seconds / (50e-6 * len(subjects))))


def round_of(evaluator: Evaluator, subjects: list[Subject], known: Known) -> float:
    """Seconds for one evaluation, over one round of the subjects."""
    began = time.perf_counter()
    for subject in subjects:
        evaluator(subject, known)
    return (time.perf_counter() - began) / len(subjects)


if __name__ == "__main__":
    main()
