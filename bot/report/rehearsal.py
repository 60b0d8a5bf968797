"""What all reports of a rehearsal agree on: how verdicts are counted, which rows come first, and what decides each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bot.model.rehearsal import Judged, Rehearsal, Rehearsed, Trial
from bot.model.results import Enforcement, Outcome, Result, Verdict

WORDS = {
    Verdict.BLOCKED: "blocked",
    Verdict.WAITING: "waiting",
    Verdict.INCONCLUSIVE: "unknown",
    Verdict.EMPTY: "no entry",
    Verdict.PASSED: "passed",
}
"""The verdicts as a rehearsal calls them, the worst first."""
WORST_FIRST = tuple(WORDS)


@dataclass(frozen=True, slots=True)
class Change:
    """An entry that ends otherwise under the rehearsed policy than under the one in force."""

    key: str
    before: str
    """How it ended; empty: the policy in force has no such entry."""
    after: str
    """Empty: the rehearsed policy has none."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one entry did to all the pull requests."""

    key: str
    enforcement: Enforcement
    counts: Counter[str]
    """Of ``blocks``, ``waits``, ``unknown``, ``passes``, ``does not apply``: how many pull requests."""


def verdicts(rehearsal: Rehearsal, judged: Sequence[Judged]) -> Counter[Verdict]:
    """How many pull requests there are of each verdict."""
    return Counter(rehearsal.trial(one).verdict for one in judged)


def counted(rehearsal: Rehearsal, tally: Counter[Verdict]) -> str:
    """``4 blocked, 2 waiting, 20 unknown, 4 passed``: what would have been."""
    return _listed(tally) or f"no merged pull request of {rehearsal.target}"


def rows(rehearsal: Rehearsal) -> list[Rehearsed]:
    """Those whose verdict changes first, then the worst, then the newest."""
    return sorted(
        rehearsal.rehearsed,
        key=lambda one: (
            not changes_verdict(rehearsal, one),
            WORST_FIRST.index(rehearsal.trial(one.by).verdict),
            -one.merged_at.timestamp(),
            one.subject.id,
        ),
    )


def changes_verdict(rehearsal: Rehearsal, one: Rehearsed) -> bool:
    """Whether the two policies end in different verdicts."""
    return one.before is not None and rehearsal.trial(one.before).verdict is not rehearsal.trial(one.by).verdict


def resting_on_today(rehearsal: Rehearsal) -> list[Rehearsed]:
    """Those whose verdict depends on people and settings that only today tells."""
    return [one for one in rehearsal.rehearsed if one.by.rests_on_today]


def today_sentence(rehearsal: Rehearsal) -> str:
    """What people and settings of today do to the verdicts; empty: nothing."""
    resting = resting_on_today(rehearsal)
    if not resting:
        return ""
    total = len(rehearsal.rehearsed)
    if rehearsal.assume_today:
        proven = _listed(Counter(one.by.proven.verdict for one in resting))
        return f"{len(resting)} of {total} verdicts take people, settings and texts from today; proven: {proven}."
    # What is proven to wait may turn out to be blocked besides.
    unknown = sum(one.by.proven.verdict is Verdict.INCONCLUSIVE for one in resting)
    assumed = _listed(Counter(one.by.assumed.verdict for one in resting))
    noun = "verdict is" if unknown == 1 else "verdicts are"
    others = f", and {len(resting) - unknown} may be worse," if len(resting) > unknown else ""
    return (
        f"{unknown} {noun} unknown{others} because the past does not tell who may do what or what was set; with people, "
        f"settings and texts as they are today: {assumed} (--assume-today)."
    )


def _listed(tally: Counter[Verdict]) -> str:
    return ", ".join(f"{tally[verdict]} {word}" for verdict, word in WORDS.items() if tally[verdict])


def deciding(trial: Trial) -> list[Result]:
    """The entries that make the verdict what it is."""
    blocking = [one for one in trial.results if one.enforcement is Enforcement.BLOCK and not one.excused]
    failed = [one for one in blocking if one.outcome is Outcome.FAIL]
    match trial.verdict:
        case Verdict.BLOCKED:
            return [one for one in failed if not one.awaiting]
        case Verdict.WAITING:
            return failed
        case Verdict.INCONCLUSIVE:
            return [one for one in blocking if one.outcome in (Outcome.UNKNOWN, Outcome.ERROR)]
        case _:
            return []


def why(result: Result) -> str:
    """Its first reason, in words."""
    if result.outcome is Outcome.FAIL and result.findings:
        return result.findings[0].message
    if result.unknown:
        return result.unknown[0].reason
    return result.reason or result.title


def changes(rehearsal: Rehearsal, one: Rehearsed) -> list[Change]:
    """The entries that end otherwise."""
    if one.before is None:
        return []
    before = {result.key: ending(result) for result in rehearsal.trial(one.before).results}
    after = {result.key: ending(result) for result in rehearsal.trial(one.by).results}
    return [
        Change(key, before.get(key, ""), after.get(key, ""))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def ending(result: Result) -> str:
    """What an entry did: ``blocks``, ``waits``, ``warns``, ``records``, ``unknown``, ``passes``, ``does not apply``."""
    if result.excused:
        return "is excused"
    if result.outcome in (Outcome.UNKNOWN, Outcome.ERROR):
        return "unknown"
    if result.outcome is Outcome.PASS:
        return "passes"
    if result.outcome is Outcome.NOT_APPLICABLE:
        return "does not apply"
    if result.enforcement is Enforcement.BLOCK:
        return "waits" if result.awaiting else "blocks"
    return "warns" if result.enforcement is Enforcement.WARN else "records"


ENDINGS = ("blocks", "waits", "unknown", "warns", "records", "is excused", "passes", "does not apply")
"""The worst first."""


def by_entry(rehearsal: Rehearsal, *, before: bool = False) -> list[Tally]:
    """What each entry did, the one that stops most first."""
    found: dict[str, Tally] = {}
    for one in rehearsal.rehearsed:
        judged = one.before if before else one.by
        for result in () if judged is None else rehearsal.trial(judged).results:
            tally = found.setdefault(result.key, Tally(result.key, result.enforcement, Counter()))
            tally.counts[ending(result)] += 1
    return sorted(found.values(), key=lambda tally: (*(-tally.counts[word] for word in ENDINGS[:5]), tally.key))


def tallied(tally: Tally | None) -> str:
    """``blocks 3, waits 2, passes 25``."""
    if tally is None:
        return "not judged"
    return ", ".join(f"{word} {tally.counts[word]}" for word in ENDINGS if tally.counts[word])


def span(rehearsal: Rehearsal) -> str:
    """``30 merged pull requests of acme/payments, 2026-09-01 to 2026-11-02``."""
    amount = len(rehearsal.rehearsed)
    said = f"{amount} merged pull {'request' if amount == 1 else 'requests'} of {rehearsal.target}"
    if not rehearsal.rehearsed:
        return said
    first, last = (f"{pick(one.merged_at for one in rehearsal.rehearsed):%Y-%m-%d}" for pick in (min, max))
    return f"{said}, {first}" if first == last else f"{said}, {first} to {last}"


def policies(rehearsal: Rehearsal) -> str:
    """Which policy is judged, and which it is compared with."""
    new = ", ".join(sorted({source.name for source in rehearsal.policies})) or "no policy"
    if not rehearsal.compares:
        return new
    old = ", ".join(sorted({source.name for source in rehearsal.in_force}))
    return f"{old} (in force) against {new} (rehearsed)"
