"""Azure DevOps' throughput units, as "Rate and usage limits" has them: 200 in a sliding five minutes, of one identity.

The service tells of them when usage runs high: X-RateLimit-* and Retry-After beside a right answer. Beyond the limit it
refuses. What a request costs there is nobody's to know; here reads and writes have a price each (limits.Limits).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.identity import Token
    from bot.sandbox.limits import Accounts

HIGH = 0.75
"""The share of the limit from which on answers tell of it."""
RESOURCE = "Account/Overall Consumption"
BLOCKED = (
    "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource 'Concurrency'."
)


def spend(accounts: Accounts, token: Token, method: str) -> tuple[dict[str, str], Response | None]:
    """Count a request: the headers that its answer bears, and what it is told instead where the limit is exceeded."""
    limits, now = accounts.limits, accounts.clock()
    cost = limits.tstu_read if method in ("GET", "HEAD", "OPTIONS") else limits.tstu_write
    with accounts.lock:
        spent = accounts.spent(token)
        window = accounts.of(token, "azure_devops").window("tstu")
        used = window.within(limits.tstu_window, now)
        refused = limits.enforce and used + cost > limits.tstu
        if refused:
            spent.refused += 1
        else:
            window.add(cost, now)
            used += cost
            spent.requests += 1
            spent.tstu += cost
        if not limits.enforce or used < HIGH * limits.tstu:
            return {}, None
        reset = window.newest() + limits.tstu_window
        # Refused: until what was spent first leaves the window. Else: as long as it takes to earn this request back.
        wait = window.oldest() + limits.tstu_window - now if refused else cost * limits.tstu_window / limits.tstu
    headers = {
        "Retry-After": str(max(1, math.ceil(wait))),
        "X-RateLimit-Resource": RESOURCE,
        "X-RateLimit-Delay": "0",
        "X-RateLimit-Limit": f"{limits.tstu:g}",
        "X-RateLimit-Remaining": f"{max(0.0, limits.tstu - used):.0f}" if not refused else "0",
        "X-RateLimit-Reset": str(math.ceil(reset)),
    }
    if not refused:
        return headers, None
    problem = problems.Problem(429, BLOCKED, "RequestBlockedException", problems.FRAMEWORK)
    return headers, Response(429, problem.document())
