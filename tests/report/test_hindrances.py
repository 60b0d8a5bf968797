"""What stands in the way, on a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from bot.model.facts import UnknownKind
from bot.model.findings import Finding
from bot.model.results import Condition, Enforcement, Member, Outcome, Result, Run, Unknowing, Verdict
from bot.policy.configuration import CompiledPolicy
from bot.policy.load import load_configuration
from bot.report import hindrances
from tests.report import golden, runs
from tests.report.hostile import HOSTILE
from tests.report.test_terminal import assert_harmless, hostile_run

POLICY = """\
apiVersion: almguard/v1
kind: Policy
metadata: {name: payments, owner: platform-governance}
rules:
  - rule: requirement-link
    enforce: block
  - name: change-approval
    enforce: block
    any_of:
      - rule: approvals
        with: {minimum: 2}
      - rule: approvals
        name: docs-approval
        when: files.all(f, f.path.startsWith("docs/"))
"""
POLICIES = load_configuration(POLICY, ".github/almguard.yml").policies
MISSING = Finding("0 of 2 approvals, 2 missing.", "Can still approve: bo, team payments-team.", awaiting=True)
ONE = Finding("0 of 1 approvals, 1 missing.", "Can still approve: bo.", awaiting=True)
DOCS = Condition("when", 'files.all(f, f.path.startsWith("docs/"))', value=False)
NO_LINK = runs.result(
    "requirement-link",
    Outcome.FAIL,
    key="payments/requirement-link",
    title="The pull request links a requirement.",
    findings=(Finding("No requirement is linked.", "Write Fixes #12 in the description."),),
)


def group(how: str = "any_of", **changes: object) -> Result:
    members = (
        Member("payments/approvals", "approvals", Outcome.FAIL, (MISSING,)),
        Member(
            "payments/docs-approval", "approvals", Outcome.NOT_APPLICABLE, reason=f"when: {DOCS.text} does not hold",
            conditions=(DOCS,),
        ),
        Member("payments/other", "other", Outcome.PASS),
    )  # fmt: skip
    return runs.result(
        how, Outcome.FAIL, key="payments/change-approval", members=members, title="any of: approvals", findings=(MISSING,),
        **changes,
    )  # fmt: skip


def shown(run: Run, width: int = 90, encoding: str = "utf-8", policies: Sequence[CompiledPolicy] = POLICIES) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\n")
    hindrances.render(run, lambda _: policies, Console(file=file, width=width))
    file.flush()
    return "\n".join(line.rstrip() for line in raw.getvalue().decode(encoding).split("\n"))


def test_as_it_was_looked_at() -> None:
    golden.check("hindrances.txt", shown(runs.run(NO_LINK, group(), verdict=Verdict.BLOCKED)))


@pytest.mark.parametrize("name", runs.ALL)
def test_of_every_kind_of_run(name: str) -> None:
    run = runs.ALL[name]()
    said = shown(run, policies=())
    found = hindrances.hindrances(run)
    assert all(result.key in said for result in found)
    quiet = [r.key for r in run.results if r.outcome is Outcome.PASS and r.key not in {one.key for one in found}]
    assert not any(f" {key} " in said for key in quiet)


@pytest.mark.parametrize("width", [20, 40, 60, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_narrow_terminals_and_old_encodings(width: int, encoding: str) -> None:
    said = shown(runs.run(NO_LINK, group(), verdict=Verdict.BLOCKED), width, encoding)
    assert all(cell_len(line) <= width for line in said.split("\n"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    assert_harmless(shown(hostile_run(text), 60))


def test_where_it_is_asked_for_and_by_whom() -> None:
    said = shown(runs.run(NO_LINK, verdict=Verdict.BLOCKED))
    assert ".github/almguard.yml:5 (policy payments, owned by platform-governance)" in said
    assert "This alone stands in the way." in said


def test_of_a_group_those_members_that_could_lift_it() -> None:
    said = shown(runs.run(group(), verdict=Verdict.WAITING))
    assert "any one of these would do:" in said
    assert ".github/almguard.yml:10" in said
    assert "Can still approve: bo, team payments-team." in said
    assert 'when: files.all(f, f.path.startsWith("docs/")) → does not hold' in said
    assert "other" not in said.partition("any one of")[2]
    assert "This alone waits for people or checks." in said
    assert "each of these must pass:" in shown(runs.run(group("all_of"), verdict=Verdict.WAITING))


def test_what_could_not_be_decided_stands_in_the_way_too() -> None:
    unknown = runs.result(
        "approvals", Outcome.UNKNOWN, unknown=(Unknowing(UnknownKind.SCOPE, "the token needs members: read"),)
    )
    error = runs.result("other", Outcome.ERROR, reason="it broke")
    warned = replace(unknown, key="p/warned", enforcement=Enforcement.WARN)
    said = shown(runs.run(unknown, error, warned, verdict=Verdict.INCONCLUSIVE))
    assert "undecided, and so it blocks" in said
    assert "the token needs members: read (scope)" in said
    assert "it broke" in said
    assert "p/warned" not in said
    assert "2 entries stand in the way." in said


def test_nothing_in_the_way() -> None:
    warning = replace(NO_LINK, enforcement=Enforcement.WARN)
    assert "Nothing stands in the way. 1 finding does not block." in shown(runs.run(warning, verdict=Verdict.PASSED))
    assert "see almguard explain --match" in shown(runs.run(verdict=Verdict.EMPTY))


def test_many_findings_are_counted() -> None:
    many = replace(NO_LINK, findings=tuple(Finding(f"wrong {at}", "") for at in range(25)))
    assert "and 5 more findings: see --format json" in shown(runs.run(many, verdict=Verdict.BLOCKED))
