"""The baseline: what a finding is recognised by, and the file of those that were there."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.findings import Evidence, Finding, Location
from bot.policy.baseline import Baseline, KnownFinding, fingerprint, read_baseline
from bot.policy.loader import PolicyError
from tests.policy.examples import NOW, REPOSITORY

LATER = NOW + timedelta(days=1)
MISSING = Finding("0 of 2 approvals, 2 missing.", "Ask Bo.", discriminator="missing")


def of(finding: Finding, key: str = "payments/approvals", subject: str = "github.test/repository/1") -> str:
    return fingerprint(key, subject, finding)


def known(number: int, key: str = "payments/approvals", subject: str = "h/repository/1") -> KnownFinding:
    return KnownFinding(
        fingerprint=f"{number:032x}",
        key=key,
        subject=subject,
        subject_name=f"acme/{subject[-1]}",
        message=f"No. {number}.",
    )


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as raised:
        read_baseline(text, "baseline.json")
    return [str(problem) for problem in raised.value.problems]


def test_a_fingerprint_is_for_ever():
    """Those that lie in repositories stand or fall with this very value."""
    assert of(MISSING) == "2e9e2ef20fe5cf3f29ae580354bc9087"
    assert of(Finding("Secret scanning is off.", "")) == "daef7596ccc9bcfd8373d56d8863d7ca"


def test_a_finding_stays_the_same_in_other_words():
    assert of(replace(MISSING, message="1 of 2 approvals, 1 missing. Counted: Bo.", fix="x")) == of(MISSING)
    assert of(replace(MISSING, evidence=(Evidence("a", "b"),), awaiting=True)) == of(MISSING)
    assert of(replace(MISSING, location=Location("CODEOWNERS", 3))) == of(MISSING)
    bare = Finding("Deployed 3 days ago from 1a2b3c4d5e.", "", location=Location("ci.yml", 4))
    assert of(replace(bare, message="deployed 12 days ago from ffff0001ab.", location=Location("ci.yml", 9))) == of(
        bare
    )


def test_another_finding_is_another():
    bare = Finding("Secret scanning is off.", "")
    different = {
        of(MISSING),
        of(replace(MISSING, discriminator="owners")),
        of(MISSING, key="payments/others"),
        of(MISSING, subject="github.test/repository/2"),
        of(bare),
        of(replace(bare, message="Secret scanning is on without push protection.")),
        of(replace(bare, location=Location("ci.yml"))),
        of(replace(bare, message="missing")),
        of(replace(bare, message="A defaced feedbed of decades.")),
        of(replace(bare, message="A facade of decades.")),
        of(replace(bare, message="", discriminator="missing", location=None), key="payments/approvals2"),
    }
    assert len(different) == 11


@given(st.text(), st.text(), st.text(), st.text())
def test_parts_do_not_run_into_one_another(key: str, subject: str, one: str, other: str):
    finding = Finding("m", "", discriminator=one or "x")
    moved = Finding("m", "", discriminator=other + (one or "x"))
    assert (fingerprint(key, subject + other, finding) == fingerprint(key, subject, moved)) is (other == "")


def test_the_file_has_one_line_for_each_finding_in_a_stable_order():
    made = Baseline(NOW, (known(2, subject="h/repository/2"), known(3), known(1)))
    text = made.render()
    assert text == Baseline(NOW, made.findings[::-1]).render()
    assert text.splitlines() == [
        "{",
        '  "schema": "almguard.baseline/v1",',
        '  "created_at": "2026-03-14T12:00:00Z",',
        '  "findings": [',
        *(
            f'    {{"fingerprint": "{number:032x}", "key": "payments/approvals", "subject": "h/repository/{repository}", '
            f'"subject_name": "acme/{repository}", "message": "No. {number}."}}{comma}'
            for number, repository, comma in ((1, 1, ","), (3, 1, ","), (2, 2, ""))
        ),
        "  ]",
        "}",
    ]
    read = read_baseline(text, "baseline.json")
    assert set(read.findings) == set(made.findings)
    assert read.created_at == NOW
    assert read.fingerprints == {f"{number:032x}" for number in (1, 2, 3)}
    assert json.loads(Baseline(NOW).render())["findings"] == []


@given(
    st.lists(st.tuples(st.integers(0, 99), st.text(), st.text(), st.text()), max_size=5, unique_by=lambda each: each[0])
)
def test_what_is_written_is_read(written: list[tuple[int, str, str, str]]):
    found = tuple(
        KnownFinding.of(f"{number:032x}", "p/e", replace(REPOSITORY, name=name), message)
        for number, _, name, message in written
    )
    read = read_baseline(Baseline(NOW, found).render(), "baseline.json")
    assert set(read.findings) == set(found)


def test_half_a_character_does_not_break_the_file():
    made = KnownFinding.of("0" * 32, "p/e", replace(REPOSITORY, name="a\ud800"), "b\udfff")
    assert read_baseline(Baseline(NOW, (made,)).render(), "baseline.json").findings == (made,)


def test_adding_keeps_what_there_is():
    here = Baseline(NOW, (known(1), known(2)))
    more = here.with_added([known(2), known(3), known(3)], LATER)
    assert [each.fingerprint[-1] for each in more.findings] == ["1", "2", "3"]
    assert more.created_at == LATER
    assert here.with_added([known(1)], LATER) is here


def test_pruning_drops_only_what_was_looked_for_and_is_gone():
    there = Baseline(NOW, (known(1), known(2), known(3, key="payments/other"), known(4, subject="h/repository/2")))
    decided = {("h/repository/1", "payments/approvals")}
    left = there.pruned([known(1), known(9)], decided, LATER)
    assert [each.fingerprint[-1] for each in left.findings] == ["1", "3", "4"]
    assert left.created_at == LATER
    assert left.pruned([known(1)], decided, LATER + timedelta(days=1)) is left


KEYS = st.sampled_from(["p/a", "p/b"])
SUBJECTS = st.sampled_from(["h/repository/1", "h/repository/2"])
FINDINGS = st.lists(
    st.builds(known, st.integers(0, 9), KEYS, SUBJECTS), max_size=8, unique_by=lambda each: each.fingerprint
)


@given(FINDINGS, FINDINGS, st.sets(st.tuples(SUBJECTS, KEYS)))
def test_pruning_never_adds_and_adding_never_drops(
    before: list[KnownFinding], today: list[KnownFinding], decided: set[tuple[str, str]]
):
    baseline = Baseline(NOW, tuple(before))
    added, pruned = baseline.with_added(today, LATER), baseline.pruned(today, decided, LATER)
    assert added.fingerprints == baseline.fingerprints | {each.fingerprint for each in today}
    assert pruned.fingerprints <= baseline.fingerprints
    for gone in set(baseline.findings) - set(pruned.findings):
        assert (gone.subject, gone.key) in decided
        assert gone.fingerprint not in {each.fingerprint for each in today}
    assert added.with_added(today, LATER) is added
    assert pruned.pruned(today, decided, LATER) is pruned


ONE = Baseline(NOW, (known(1), known(2))).render()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("/v1", "/v2", "2:13: schema: 'almguard.baseline/v1' is wanted here, and this is 'almguard.baseline/v2', "
         "did you mean 'almguard.baseline/v1'"),
        ('"key"', '"kee"', "5:57: findings[0].kee: unknown key 'kee', did you mean 'key'"),
        (f'"{1:032x}"', '"1"', "5:21: findings[0].fingerprint: '1' does not have the form ^[0-9a-f]{32}$"),
        ('"No. 2."', "2", '6:152: findings[1].message: text is wanted here, and this is the number 2; for the text write "2" '
         "in quotes"),
        ('"message": "No. 2."', '"key": "x/y"', "6:141: the key 'key' is here twice; the first is on line 6"),
        (",\n    {", "\n    {", "6:5: not valid JSON: Expecting ',' delimiter"),
        ("12:00:00Z", "12:00:00", "3:17: created_at: it should have timezone info, and this is '2026-03-14T12:00:00'"),
    ],
)  # fmt: skip
def test_every_mistake_is_told_at_its_place(old: str, new: str, told: str):
    assert old in ONE
    assert f"baseline.json:{told}" in problems(ONE.replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 100_000, "1" * 5_000, "{", '"\ud800"'])
def test_what_is_no_baseline_is_refused(text: str):
    assert problems(text)


def test_a_byte_order_mark_does_no_harm():
    assert read_baseline("\ufeff" + ONE, "baseline.json") == read_baseline(ONE, "baseline.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["schema", "created_at", "findings", "x"]), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_is_read_or_refused(document: Any):
    for text in (json.dumps(document), json.dumps(document, indent=1, ensure_ascii=False)):
        with suppress(PolicyError):
            read_baseline(text, "baseline.json")


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str):
    with suppress(PolicyError):
        read_baseline(text, "baseline.json")
