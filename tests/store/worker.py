"""A process that scans into a store: ``python -m tests.store.worker ADDRESS ORDER BATCHES [stay]``.

It says the run's id and whether it took it on, keeps the batches, and finishes; or stays where it is until it is killed.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from bot.engine.runs import Order
from tests.store.world import batch, closing, store


def main(address: str, order: str, batches: str, *rest: str) -> None:
    amount = int(batches)
    with store(address) as kept:
        run = kept.begin(Order((order,), "policy-1"), "scan", datetime.now(UTC))
        print(run.id, run.resumed, flush=True)
        for number in range(1, amount + 1):
            one = batch(number)
            if one.homes[0] not in run.done():
                run.keep(one)
        if rest:
            print("waiting", flush=True)
            sys.stdin.read()
        run.finish(closing(datetime.now(UTC), amount))


if __name__ == "__main__":
    main(*sys.argv[1:])
