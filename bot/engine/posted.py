"""What a verdict that stands on the platform rests on: kept with what is posted, and read back by later runs.

It goes where the platform keeps a text of ours beside a verdict (a check run's ``external_id`` on GitHub, a status's properties
on Azure DevOps), so that a run that judges many pull requests knows which of them moved, and one that was overtaken knows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.model.results import Verdict

DIGEST_LENGTH = 16
"""Characters of a digest that are kept: enough to tell two states of one pull request apart."""
_INSTANT = "%Y%m%dT%H%M%S%fZ"
_FORM = re.compile(r"^(?P<verdict>[a-z]+):(?P<facts>[0-9a-f]{16}):(?P<policy>[0-9a-f]{16}):(?P<at>\d{8}T\d{12}Z)$")


@dataclass(frozen=True, slots=True)
class Posted:
    """A verdict, what it rests on, and as of when."""

    verdict: Verdict
    facts_digest: str
    """Of the facts of every pull request that the check tells about, and of what came out of each entry: time alone may
    change that."""
    policy_digest: str
    read_at: datetime
    """When reading the facts began: of two verdicts on one head the one that was read later is the newer."""

    def says_as(self, other: Posted | None) -> bool:
        """Whether the other says the same for the same reasons, whenever it was read."""
        return other is not None and (self.verdict, self.facts_digest, self.policy_digest) == (
            other.verdict,
            other.facts_digest,
            other.policy_digest,
        )

    def __str__(self) -> str:
        at = self.read_at.astimezone(UTC).strftime(_INSTANT)
        return f"{self.verdict.value}:{self.facts_digest}:{self.policy_digest}:{at}"


def read_posted(text: str) -> Posted | None:
    """What was kept; None for a text that is none of ours, or of another version."""
    found = _FORM.match(text)
    if found is None or found["verdict"] not in {verdict.value for verdict in Verdict}:
        return None
    try:
        at = datetime.strptime(found["at"], _INSTANT).replace(tzinfo=UTC)
    except ValueError:  # the thirteenth month
        return None
    return Posted(Verdict(found["verdict"]), found["facts"], found["policy"], at)
