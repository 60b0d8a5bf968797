"""Whom a gate asks for a review: those who can still approve, once there is nothing else to do."""

from __future__ import annotations

from collections.abc import Iterable

from bot.engine.ports import ReviewRequest
from bot.model.findings import Finding
from bot.model.results import Enforcement, Gate, Outcome, Result, Verdict
from bot.model.subjects import PullRequest

_THAT_COUNT = (Enforcement.BLOCK, Enforcement.WARN)


def review_request(gate: Gate, results: Iterable[Result], most: int) -> ReviewRequest | None:
    """Whom to ask for a review of the gate's pull request; None: nobody.

    People are asked only where nothing but people and running checks are missing (the verdict is waiting), and never about a
    draft. ``most`` is how many may be asked at the same time, so those who have yet to answer count.
    """
    subject = gate.target
    if not isinstance(subject, PullRequest) or subject.draft or gate.verdict is not Verdict.WAITING:
        return None
    wanted = [finding.review for finding in _findings(subject, results) if finding.review is not None]
    room = most - max((one.asked for one in wanted), default=0)
    candidates = tuple(dict.fromkeys(reviewer for one in wanted for reviewer in one.candidates))
    return ReviewRequest(candidates, room) if candidates and room > 0 else None


def _findings(subject: PullRequest, results: Iterable[Result]) -> Iterable[Finding]:
    for result in results:
        if result.subject.id != subject.id or result.outcome is not Outcome.FAIL or result.waiver is not None:
            continue
        if result.enforcement in _THAT_COUNT:
            yield from (finding for finding in result.new_findings if finding.awaiting)
