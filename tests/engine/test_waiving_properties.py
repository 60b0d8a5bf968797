"""A waiver turns nothing but its own target: everything else is the same with it and without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.model.results import Member, Outcome, Result
from bot.model.subjects import Subject
from tests.engine.told import SAYS, config, declare, loaded, policy, results
from tests.policy.examples import REPOSITORY, pull_request

OTHER = replace(REPOSITORY, id="github.test/repository/3", name="acme/ledger", short_name="ledger")
SUBJECTS: tuple[Subject, ...] = (
    pull_request(),
    pull_request(OTHER.branch("main"), id="github.test/pull_request/13", name="acme/ledger#13", number=13, draft=True),
    REPOSITORY,
    OTHER,
)
NAMES = {subject.id: subject.name for subject in SUBJECTS}
NOW = datetime(2026, 11, 2, tzinfo=UTC)
GLOBS = [
    "acme/payments-api",
    "acme/payments-api#12",
    "acme/*",
    "*",
    "acme/ledger",
    "ACME/LEDGER#13",
    "!acme/ledger",
    "other",
]
GLOBS += ["github.test/pull_request/12", "!*#13"]
KEYS = ["p/a", "p/b", "p/g", "p/g.x", "p/g.y", "q/a"]


@pytest.fixture(scope="module", autouse=True)
def rules() -> Iterator[None]:
    yield from declare()


def told(name: str, word: str) -> dict[str, Any]:
    return {"name": name, "rule": "told", "with": {"says": word}}


WORDS = st.sampled_from(SAYS)
POLICIES = st.tuples(WORDS, WORDS, st.sampled_from(["any_of", "all_of"]), WORDS, WORDS, WORDS).map(
    lambda w: {
        "p.yml": policy(
            "p",
            {**told("a", w[0]), "enforce": "block"},
            {**told("b", w[1]), "enforce": "warn"},
            {"name": "g", "enforce": "block", w[2]: [told("g.x", w[3]), told("g.y", w[4])]},
        ),
        "q.yml": policy("q", {**told("a", w[5]), "enforce": "block"}, waivers={"max_days": 30}),
    }
)
WAIVER = st.fixed_dictionaries(
    {
        "entry": st.sampled_from(KEYS),
        "subject": st.lists(st.sampled_from(GLOBS), min_size=1, max_size=3, unique=True).filter(
            lambda globs: any(not glob.startswith("!") for glob in globs)
        ),
        "expires": st.sampled_from(["2026-10-01", "2026-11-01", "2026-11-02", "2026-11-20", "2027-11-02"]),
        "reason": st.just("r"),
        "owner": st.just("ana"),
        "approver": st.just("bo"),
    },
)


def told_of(files: dict[str, Any], waivers: list[dict[str, Any]]) -> dict[tuple[str, str], Result]:
    """The results by key and subject, those about waivers themselves aside."""
    written = {"apiVersion": "almguard/v1", "kind": "Waivers", "waivers": waivers}
    whole = {**files, "w.yml": written, "c.yml": config(policies=["p.yml", "q.yml"], waivers=["w.yml"])}
    found = results(loaded("c.yml", whole), *SUBJECTS, now=NOW)
    return {(result.key, result.subject.id): result for result in found if result.rule != "waivers"}


def covers(waiver: dict[str, Any], subject: Subject) -> bool:
    """Whether a waiver is for a subject, by these few globs read one by one."""
    repository = subject if subject in (REPOSITORY, OTHER) else subject.repository  # type: ignore[attr-defined]

    def meant(glob: str) -> bool:
        names = {subject.name, subject.id, repository.name, repository.id}
        match glob.casefold():
            case "*#13":
                return any(name.endswith("#13") and "/" not in name for name in names)
            case "*":
                return any("/" not in name for name in names)
            case "acme/*":
                return True
            case exact:
                return exact in names

    globs = waiver["subject"]
    return any(meant(g) for g in globs if g[0] != "!") and not any(meant(g[1:]) for g in globs if g[0] == "!")


def applies(waiver: dict[str, Any]) -> bool:
    """Whether it holds today, by what its policy allows."""
    last = "2026-12-02" if waiver["entry"].startswith("q/") else "9999-12-31"
    return "2026-11-02" <= waiver["expires"] <= last


@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(
    POLICIES,
    st.lists(WAIVER, max_size=3, unique_by=lambda w: (w["entry"], frozenset(g.casefold() for g in w["subject"]))),
    WAIVER,
)
def test_one_more_waiver_changes_its_own_target_alone(
    files: dict[str, Any], others: list[dict[str, Any]], one: dict[str, Any]
) -> None:
    same = {(one["entry"], frozenset(g.casefold() for g in one["subject"]))}
    others = [w for w in others if (w["entry"], frozenset(g.casefold() for g in w["subject"])) not in same]
    without, with_it = told_of(files, others), told_of(files, [*others, one])
    assert without.keys() == with_it.keys()
    top = one["entry"].partition(".")[0]
    for (key, subject), before in without.items():
        after = with_it[key, subject]
        target = next(s for s in SUBJECTS if s.id == subject)
        if key != top or not covers(one, target) or not applies(one):
            assert after == replace(before) or _same(before, after), (key, NAMES[subject])
            continue
        if key == one["entry"]:
            assert (after.outcome, after.findings, after.members) == (before.outcome, before.findings, before.members)
            covered = before.outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.ERROR)
            assert (after.waiver is not None) is (covered or before.waiver is not None)
        else:
            for old, new in zip(before.members, after.members, strict=True):
                assert new.outcome is old.outcome
                if old.key != one["entry"]:
                    assert new == old
                else:
                    covered = old.outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.ERROR)
                    assert (new.waiver is not None) is (covered or old.waiver is not None)


def _same(before: Result | Member, after: Result | Member) -> bool:
    """Equal but for where a waiver stands in its file."""
    return before == after
