from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from rich.cells import cell_len
from rich.console import Console

from bot.model.facts import UnknownKind
from bot.model.findings import Evidence, Finding, Location
from bot.model.results import Enforcement, Gap, Member, Outcome, Run, Unknowing, Verdict
from bot.report import terminal
from tests.report import golden, runs
from tests.report.hostile import HOSTILE, texts


def shown(run: Run, width: int = 80, encoding: str = "utf-8", *, verbose: bool = False, color: bool = False) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\n")
    console = Console(file=file, width=width, force_terminal=color, color_system="truecolor" if color else None)
    terminal.render(run, console, verbose=verbose)
    file.flush()
    text = raw.getvalue().decode(encoding)
    return "\n".join(line.rstrip() for line in text.split("\n"))


@pytest.mark.parametrize("name", runs.ALL)
def test_as_it_was_looked_at(name: str) -> None:
    golden.check(f"terminal-{name}.txt", shown(runs.ALL[name]()))


@pytest.mark.parametrize("name", ["blocked", "rollback", "survey"])
def test_narrow_and_ascii_as_it_was_looked_at(name: str) -> None:
    golden.check(f"terminal-{name}-60-ascii.txt", shown(runs.ALL[name](), 60, "ascii"))


def test_verbose_unfolds_what_passes() -> None:
    golden.check("terminal-blocked-verbose.txt", shown(runs.blocked(), verbose=True))


@pytest.mark.parametrize("name", runs.ALL)
@pytest.mark.parametrize("width", [20, 40, 60, 200])
def test_no_line_is_too_long(name: str, width: int) -> None:
    assert all(cell_len(line) <= width for line in shown(runs.ALL[name](), width).split("\n"))


@pytest.mark.parametrize("name", runs.ALL)
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1"])
def test_old_encodings_can_write_it(name: str, encoding: str) -> None:
    assert shown(runs.ALL[name](), encoding=encoding)


def test_colour_is_only_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in shown(runs.blocked())
    assert "\x1b[" in shown(runs.blocked(), color=True)
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    terminal.render(runs.blocked(), Console(file=file, width=80, force_terminal=True))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", file.getvalue())


def test_what_must_be_fixed_comes_before_what_waits_and_what_passes() -> None:
    said = shown(runs.blocked())
    order = [
        "requirement-link  high",
        "payments/approvals",
        "pinned-actions",
        "Not known",
        "2 passing",
        "not applicable",
    ]
    places = [said.index(piece) for piece in order]
    assert places == sorted(places)


def test_several_unknowns_with_one_reason_are_told_once() -> None:
    said = shown(runs.blocked(), 200)
    assert said.count("The token may not read rulesets") == 1
    assert "2 rules: branch-protected, bypass-actors" in said


def test_an_unknown_that_gives_no_reason_is_still_told() -> None:
    said = shown(runs.run(runs.result("approvals", Outcome.UNKNOWN), verdict=Verdict.INCONCLUSIVE))
    assert "Not known (1)" in said
    assert "no reason was given" in said


def test_nothing_is_said_of_disabled_entries() -> None:
    off = replace(runs.LINK, enforcement=Enforcement.DISABLED)
    said = shown(runs.run(off, *runs.PASSES, verdict=Verdict.PASSED))
    assert "requirement-link" not in said


def test_an_incomplete_scan_is_loud() -> None:
    said = shown(runs.survey())
    assert said.count("INCOMPLETE") >= 2
    assert "acme/secret, acme/vault" in said
    assert "INCOMPLETE" not in shown(replace(runs.survey(), gaps=()))


def test_the_worst_repositories_come_first() -> None:
    said = shown(runs.survey())
    names = ["acme/ledger", "acme/payments", "acme/web", "acme/docs"]
    rows = [next(line for line in said.split("\n") if line.strip().startswith(name)) for name in names]
    assert [said.index(row) for row in rows] == sorted(said.index(row) for row in rows)
    assert rows[0].split() == ["acme/ledger", "X", "?", "."]


def test_a_big_scan_is_one_screen() -> None:
    results = [
        runs.result(f"rule-{rule}", Outcome.FAIL if number % 2 else Outcome.PASS, runs.repository(f"r{number}", number))
        for number in range(300)
        for rule in range(20)
    ]
    gaps = tuple(Gap(str(i), f"r{i}", "rulesets", UnknownKind.SCOPE, f"reason {i}") for i in range(300))
    lines = shown(runs.run(*results, command="scan", gaps=gaps)).split("\n")
    assert len(lines) < 90
    assert any("280 better repositories" in line for line in lines)


HOSTILE_COMMAND = re.compile(r"^\s*::|##", re.MULTILINE)


def hostile_run(text: str) -> Run:
    finding = Finding(text, text, (Evidence(text, text, text), Evidence(text, text, ok=False)), Location(text, 1))
    subject = replace(runs.pull_request(text, text), name=text)
    return runs.run(
        runs.result("approvals", Outcome.FAIL, subject, findings=(finding,), key=f"p/{text}", title=text),
        runs.result("other", Outcome.ERROR, subject, reason=text),
        runs.result("third", Outcome.NOT_APPLICABLE, subject, reason=text),
        runs.result("fourth", Outcome.UNKNOWN, subject, unknown=(Unknowing(UnknownKind.SCOPE, text, text),)),
        verdict=Verdict.BLOCKED,
        gaps=(Gap(text, text, text, UnknownKind.LIMIT, text),),
        notices=(text,),
    )


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_hostile_text_stays_text(text: str, encoding: str) -> None:
    assert_harmless(shown(hostile_run(text), 60, encoding))


@given(texts)
@settings(max_examples=40, deadline=None)
def test_any_text_stays_text(text: str) -> None:
    assert_harmless(shown(hostile_run(text), 40, verbose=True))


def assert_harmless(said: str) -> None:
    assert not HOSTILE_COMMAND.search(said)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", said)
    assert len(said) < 60_000


def test_markup_is_shown_as_written() -> None:
    assert "[red]bold[/red]" in shown(hostile_run("[red]bold[/red]"), 200, color=True)


def test_a_hostile_scan_stays_text() -> None:
    results = [runs.result("approvals", Outcome.FAIL, runs.repository(text[:500], i)) for i, text in enumerate(HOSTILE)]
    assert_harmless(shown(runs.run(*results, command="scan"), 60))


def test_what_is_excused_counts_as_that_and_not_as_failing() -> None:
    known = replace(runs.PINNED, fingerprints=("a",) * len(runs.PINNED.findings), known=frozenset({"a"}))
    told = " ".join(shown(runs.run(replace(runs.LINK, waiver=runs.WAIVER), known), 200).split())
    assert "2 results; 1 waived, 1 known before." in told
    assert "failing" not in told


def test_a_group_that_passes_by_a_waiver_is_told_with_it_and_a_survey_tells_every_waiver() -> None:
    member = Member("payments/one", "approvals", Outcome.FAIL, waiver=runs.WAIVER)
    group = replace(runs.LINK, key="payments/g", rule="any_of", outcome=Outcome.PASS, findings=(), members=(member,))
    for results in (
        [group],
        [replace(group, subject=runs.repository("a", 1)), replace(group, subject=runs.repository())],
    ):
        told = " ".join(shown(runs.run(*results), 200).split())
        assert "The vendor mends it in March; owner ada, approved by carol" in told
        assert "passing" not in told


def test_an_all_of_waits_for_people_though_the_baseline_has_another_fail_of_it() -> None:
    old = Finding("An old thing is wrong.", "Mend it.")
    members = (
        Member("payments/old", "secret-scanning", Outcome.FAIL, findings=(old,)),
        Member("payments/new", "approvals", Outcome.FAIL, findings=runs.APPROVALS.findings),
    )
    group = replace(
        runs.LINK,
        rule="all_of",
        members=members,
        findings=(old, *runs.APPROVALS.findings),
        fingerprints=("a", "b"),
        known=frozenset({"a"}),
    )
    assert group.awaiting
    assert not replace(group, known=frozenset()).awaiting
