"""One run of several: the shards of a scan, or scans of other targets that were judged alike.

The shards together give what one scan would have: each repository is judged by one of them, and what all of them say of the
whole (how many repositories there are) is said once.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import repeat

from bot.engine.sharding import ELSEWHERE, Shard, shard
from bot.model.facts import UnknownKind
from bot.model.ordering import results_in_order
from bot.model.results import Coverage, Gap, PolicySource, Result, Run, Spent


class MergeError(ValueError):
    """The runs cannot be one; the text says which do not fit, and why."""


@dataclass(frozen=True, slots=True)
class Part:
    """A run, and what it is called: its file."""

    name: str
    run: Run


def merged(parts: Sequence[Part], *, partial: bool = False) -> Run:
    """The runs as one. ``partial``: shards may be missing; what they would have judged is a gap. Raises ``MergeError``."""
    if not parts:
        raise MergeError("there is nothing to merge")
    _alike(parts)
    missing = _missing(parts)
    if missing and not partial:
        names = ", ".join(map(str, missing[:10])) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise MergeError(
            f"the {'shard' if len(missing) == 1 else 'shards'} {names} {'is' if len(missing) == 1 else 'are'} missing: give "
            "every report, or --partial for a run that says what it lacks"
        )
    runs = [part.run for part in parts]
    results = tuple(_once(parts))
    gaps = {gap for run in runs for gap in run.gaps} | {_gap(each) for each in missing} | set(_moved(runs))
    skips = {skip.subject: skip for run in runs for skip in run.skipped if skip.reason != ELSEWHERE}
    policies = {(policy.name, policy.source, policy.sha256): policy for run in runs for policy in run.policies}
    platforms = sorted({name for run in runs for name in run.spent})
    requests: Counter[str] = Counter()
    for run in runs:
        requests.update(run.requests)
    return replace(
        runs[0],
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, " ".join(sorted(run.id for run in runs)))),
        started_at=min(run.started_at for run in runs),
        finished_at=max(run.finished_at for run in runs),
        requests=dict(requests),
        spent={name: sum((run.spent.get(name, Spent()) for run in runs), Spent()) for name in platforms},
        depth=max(run.depth for run in runs),
        policies=tuple(policies[key] for key in sorted(policies)),
        subjects=tuple({subject.id: subject for run in runs for subject in run.subjects}.values()),
        results=results,
        gaps=tuple(gaps),
        notices=tuple(dict.fromkeys(notice for run in runs for notice in run.notices)),
        coverage=tuple(_coverage(runs)),
        skipped=tuple(skips.values()),
        targets=tuple(sorted({target for run in runs for target in run.targets})),
        shard=None,
        lenient=frozenset.intersection(*(run.lenient for run in runs)),
    )


def shard_of(part: Part) -> Shard | None:
    """The shard that a run is; None: it is whole. Raises ``MergeError``."""
    if part.run.shard is None:
        return None
    try:
        return shard(part.run.shard)
    except ValueError as error:
        raise MergeError(f"{part.name}: {error}") from None


def _alike(parts: Sequence[Part]) -> None:
    """That all were judged by the same rules, at the same moment, by the same program."""
    first = parts[0]
    for part in parts:
        if part.run.gate is not None:
            raise MergeError(f"{part.name} is the report of a gate, which decides on one change alone")
        for what, one, other in (
            ("a report of", first.run.command, part.run.command),
            ("made by almguard", first.run.version, part.run.version),
            ("judged as of", f"{first.run.now:%Y-%m-%dT%H:%M:%S%z}", f"{part.run.now:%Y-%m-%dT%H:%M:%S%z}"),
        ):
            if one != other:
                hint = ": give every scan the same --now" if what == "judged as of" else ""
                raise MergeError(f"{first.name} is {what} {one}, and {part.name} {what} {other}{hint}")
        if first.run.now != part.run.now:
            raise MergeError(
                f"{first.name} and {part.name} are not judged as of the same instant: give each the same --now"
            )
        _by_the_same(first, part)


def _by_the_same(first: Part, part: Part) -> None:
    """That no policy differs. Repositories may have policies of their own, which only one of the runs has seen."""
    known = {(policy.name, policy.source): policy for policy in first.run.policies}
    for policy in part.run.policies:
        other = known.get((policy.name, policy.source), policy)
        if other.sha256 != policy.sha256:
            raise MergeError(f"{first.name} and {part.name} are judged by different texts of the policy {policy.name}")
    if not set(map(_text_of, first.run.policies)) & set(map(_text_of, part.run.policies)) and known:
        raise MergeError(f"{first.name} and {part.name} are judged by different policies")


def _text_of(policy: PolicySource) -> tuple[str, str]:
    return policy.name, policy.sha256


def _missing(parts: Sequence[Part]) -> list[Shard]:
    """The shards that nobody gave. Raises ``MergeError`` where the parts are not shards of one scan."""
    given: dict[Shard, Part] = {}
    first = parts[0]
    for part in parts:
        found, wanted = shard_of(part), shard_of(first)
        if found is None or wanted is None:
            if found is not wanted:
                whole, shards = (part, first) if found is None else (first, part)
                raise MergeError(f"{shards.name} is the shard {shards.run.shard}, and {whole.name} is no shard")
            continue
        if found.of != wanted.of:
            raise MergeError(f"{first.name} is one of {wanted.of} shards, and {part.name} one of {found.of}")
        if part.run.targets != first.run.targets:
            raise MergeError(f"{first.name} and {part.name} are shards of scans of different targets")
        if found in given:
            raise MergeError(f"{given[found].name} and {part.name} are the same shard, {found}")
        given[found] = part
    if not given:
        _of_other_targets(parts)
        return []
    of = next(iter(given)).of
    return [each for each in (Shard(number, of) for number in range(1, of + 1)) if each not in given]


def _of_other_targets(parts: Sequence[Part]) -> None:
    seen: dict[str, Part] = {}
    for part in parts:
        for target in part.run.targets:
            if target in seen:
                raise MergeError(f"{seen[target].name} and {part.name} are both scans of {target}, and no shards")
            seen[target] = part


def _once(parts: Sequence[Part]) -> Iterable[Result]:
    """The results in order; one that two parts have, and not alike, is a mistake."""
    named = [zip(results_in_order(part.run.results), repeat(part.name)) for part in parts]
    before: tuple[Result, str] | None = None
    for result, name in merge(*named, key=lambda item: (item[0].subject.id, item[0].key)):
        if before is not None and name != before[1] and _place(result) == _place(before[0]):
            if result == before[0]:
                continue
            raise MergeError(f"{result.key} was judged on {result.subject.name} in both {before[1]} and {name}")
        before = (result, name)
        yield result


def _place(result: Result) -> tuple[str, str]:
    return result.subject.id, result.key


def _coverage(runs: Sequence[Run]) -> Iterable[Coverage]:
    """Every shard lists all, and judges its own."""
    for target, of_it in _by_target(runs).items():
        judged, unknown = sum(one.judged for one in of_it), sum(one.unknown for one in of_it)
        listed = max(max(one.listed for one in of_it), judged + unknown)
        counted = max((one.counted for one in of_it if one.counted is not None), default=None)
        yield Coverage(target, listed, counted, judged, listed - judged - unknown, unknown)


def _by_target(runs: Sequence[Run]) -> Mapping[str, list[Coverage]]:
    found: dict[str, list[Coverage]] = {}
    for run in runs:
        for one in run.coverage:
            found.setdefault(one.target, []).append(one)
    return found


def _moved(runs: Sequence[Run]) -> Iterable[Gap]:
    """The targets of which shards listed different repositories: one may be in neither's share."""
    for target, of_it in _by_target(runs).items():
        least, most = min(one.listed for one in of_it), max(one.listed for one in of_it)
        if least != most:
            reason = f"the shards listed from {least} to {most} repositories: some came or went meanwhile; scan again"
            yield Gap(target, target, "target", UnknownKind.TRUNCATED, reason)


def _gap(missing: Shard) -> Gap:
    name = f"shard {missing}"
    return Gap(name, name, "shard", UnknownKind.TRANSIENT, "its report is missing, and with it what it judges")
