"""What has changed between two runs, as the reports and ``almguard report diff`` tell it."""

from __future__ import annotations

from collections.abc import Mapping

from bot.model.json_fields import JsonValue
from bot.model.results import Change, Changed, Result

WORSE = (Change.BROKE, Change.APPEARED, Change.LOST, Change.MOVED)
"""What somebody has to look at, the gravest first."""
BETTER = (Change.FIXED, Change.REGAINED, Change.GONE)
MEANINGS: Mapping[Change, str] = {
    Change.BROKE: "it fails now, and did not",
    Change.APPEARED: "it was not judged before, and fails",
    Change.LOST: "it could be decided, and cannot now",
    Change.MOVED: "it fails in both, with other findings",
    Change.FIXED: "it failed, and does not now",
    Change.REGAINED: "it could not be decided, and does not fail now",
    Change.GONE: "it failed, and is not judged now",
}


def changed_document(changed: Changed) -> dict[str, JsonValue]:
    """One entry on one subject that is not as it was."""
    result = changed.after or changed.before
    assert result is not None
    return {
        "change": changed.change.value,
        "key": result.key,
        "subject": result.subject.id,
        "name": result.subject.name,
        "before": _ended(changed.before),
        "after": _ended(changed.after),
    }


def _ended(result: Result | None) -> JsonValue:
    if result is None:
        return None
    return {
        "outcome": result.outcome.value,
        "enforcement": result.enforcement.value,
        "waived": result.waiver is not None,
        "baseline": result.baseline,
        "findings": [finding.message for finding in result.findings],
    }
