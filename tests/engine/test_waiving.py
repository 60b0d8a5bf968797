"""Waivers and the baseline lie over results: what they cover does not count, what lapsed or is not needed is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from bot.engine.judging import Judged, judge
from bot.engine.verdict import decide
from bot.engine.waiving import Met, over_all
from bot.model.facts import Fact, Unavailable, UnknownKind
from bot.model.facts.change import ChangedFiles
from bot.model.results import Enforcement, Member, Outcome, Result, Verdict
from bot.model.subjects import Subject
from bot.policy.load import load_configuration
from bot.report.grouping import grouped
from tests.engine.memory_provider import MemoryProvider
from tests.policy.examples import ADO_REPOSITORY, REPOSITORY, pull_request

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
PULL = pull_request()
OTHER = pull_request(ADO_REPOSITORY.branch("main"), id="ado.test/pull_request/7", name="acme/Payments/payments-web!7")
HIDDEN = Unavailable(UnknownKind.SCOPE, "the token may not read it")

RULES = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: p}
waivers: {max_days: 90, notice_days: 10}
rules:
  - {name: fails, enforce: block, subject: pull_request, message: It is wrong., assert: 'false'}
  - {name: holds, enforce: block, subject: pull_request, message: m, assert: 'true'}
  - {name: doubt, enforce: audit, subject: pull_request, message: m, assert: 'files.size() == 1'}
  - {name: sometimes, enforce: block, subject: repository, message: m, assert: 'repository.name != "acme/second"'}
  - {name: owned, enforce: block, subject: organization, message: m, assert: 'false'}
  - {name: lasting, enforce: block, subject: repository, message: m, assert: 'true'}
  - name: g
    enforce: block
    all_of:
      - {name: inner, subject: pull_request, message: Inside it is wrong., assert: 'false'}
      - {name: fine, subject: pull_request, message: m, assert: 'true'}
"""
CONFIG = """
apiVersion: almguard/v1
kind: Config
policies: [p.yml]
waivers: [w.yml]
"""


class Place:
    def __init__(self, **files: str) -> None:
        self.files = {f"{name}.yml": text for name, text in files.items()}

    def read(self, path: str) -> tuple[str, str] | None:
        return (self.files[path], path) if path in self.files else None

    def list(self) -> list[str]:
        return list(self.files)


def waiver(entry: str, subject: str = "acme/payments-api", expires: str = "2026-12-31", **more: str) -> str:
    written = {"reason": "The vendor mends it.", "owner": "ana", "approver": "bo", **more}
    rest = "".join(f"    {key}: {value}\n" for key, value in written.items())
    return f"  - entry: {entry}\n    subject: '{subject}'\n    expires: {expires}\n{rest}"


def judged(
    *waivers: str,
    subjects: tuple[Subject, ...] = (PULL,),
    answers: dict[tuple[type[Fact], str], Any] | None = None,
    whole: bool = False,
    part_of: Subject | None = None,
) -> Judged:
    text = "apiVersion: almguard/v1\nkind: Waivers\nwaivers:\n" + "".join(waivers) if waivers else ""
    config = CONFIG if waivers else CONFIG.replace("waivers: [w.yml]\n", "")
    configuration = load_configuration(config, "c.yml", Place(p=RULES, w=text))
    provider = MemoryProvider({(ChangedFiles, PULL.id): HIDDEN, (ChangedFiles, OTHER.id): HIDDEN} | (answers or {}))
    return judge(configuration, subjects, provider, {datetime: NOW}, whole=whole, part_of=part_of)


def result(of: Judged, name: str, subject: Subject = PULL) -> Result:
    return next(each for each in of.results if each.key == f"p/{name}" and each.subject.id == subject.id)


def test_a_waived_fail_stays_a_fail_and_does_not_count() -> None:
    found = result(judged(waiver("p/fails", ticket="PAY-3", compensating_control="A nightly check.")), "fails")
    assert found.outcome is Outcome.FAIL
    assert [finding.message for finding in found.findings] == ["It is wrong."]
    assert found.waiver is not None
    assert (found.waiver.reason, found.waiver.owner, found.waiver.approver) == ("The vendor mends it.", "ana", "bo")
    assert (found.waiver.expires, found.waiver.ticket) == (date(2026, 12, 31), "PAY-3")
    assert found.waiver.source == "w.yml:4"
    assert decide([found], {}) is Verdict.PASSED
    assert decide([result(judged(), "fails")], {}) is Verdict.BLOCKED


def test_a_waiver_turns_nothing_but_its_own_target() -> None:
    without, with_one = judged(subjects=(PULL, OTHER)), judged(waiver("p/fails"), subjects=(PULL, OTHER))
    changed = {
        (one.key, one.subject.id) for one in with_one.results if one not in without.results and one.rule != "waivers"
    }
    assert changed == {("p/fails", PULL.id)}


def test_a_waived_member_counts_as_a_pass_and_the_tree_keeps_its_fail() -> None:
    found = result(judged(waiver("p/inner")), "g")
    assert (found.outcome, found.waiver) == (Outcome.PASS, None)
    inner = found.members[0]
    assert (inner.outcome, inner.waiver is not None) == (Outcome.FAIL, True)
    assert decide([found], {}) is Verdict.PASSED


def test_an_unknown_can_be_waived_and_a_pass_needs_no_waiver() -> None:
    found = result(judged(waiver("p/doubt")), "doubt")
    assert (found.outcome, found.waiver is not None) == (Outcome.UNKNOWN, True)
    assert result(judged(waiver("p/holds")), "holds").waiver is None


def test_an_expired_waiver_does_not_apply_and_is_a_finding() -> None:
    of = judged(waiver("p/fails", expires="2026-11-01"))
    assert result(of, "fails").waiver is None
    told = result(of, "waivers")
    assert (told.outcome, told.enforcement) == (Outcome.FAIL, Enforcement.WARN)
    assert "p/fails does not apply: it ended on 2026-11-01, 1 day ago" in told.findings[0].message
    assert told.findings[0].location is not None
    assert (told.findings[0].location.path, told.findings[0].location.line) == ("w.yml", 4)
    assert decide(of.results, {}) is Verdict.BLOCKED
    last_day = judged(waiver("p/fails", expires="2026-11-02"))
    assert result(last_day, "fails").waiver is not None


def test_a_waiver_that_would_last_longer_than_the_policy_allows_does_not_apply() -> None:
    of = judged(waiver("p/fails", expires="2027-06-01"))
    assert result(of, "fails").waiver is None
    assert "the policy allows 90 days" in result(of, "waivers").findings[0].message


def test_a_waiver_that_ends_soon_is_announced() -> None:
    of = judged(waiver("p/fails", expires="2026-11-09"))
    (notice,) = [notice for waiving in of.waiving for notice in waiving.notices()]
    assert "p/fails (w.yml:4) ends soon: it ends in 7 days, on 2026-11-09" in notice
    assert not [n for waiving in judged(waiver("p/fails")).waiving for n in waiving.notices()]


def test_a_waiver_of_just_this_subject_that_nothing_needs_is_a_finding() -> None:
    told = result(judged(waiver("p/holds", subject="acme/payments-api#12")), "waivers")
    assert "p/holds is not needed" in told.findings[0].message


def test_a_waiver_that_others_may_need_is_not_told_unneeded_by_one_pull_request() -> None:
    for subject in ("acme/payments-api", "acme/*"):
        assert not [each for each in judged(waiver("p/holds", subject=subject)).results if each.rule == "waivers"]


def test_a_waivers_condition_decides_and_one_in_doubt_does_not_apply() -> None:
    assert result(judged(waiver("p/fails", when="pr.author.login == 'ana'")), "fails").waiver is not None
    assert result(judged(waiver("p/fails", when="pr.author.login == 'bo'")), "fails").waiver is None
    doubtful = result(judged(waiver("p/fails", when="files.size() == 1")), "fails")
    assert doubtful.waiver is None
    assert "whether the waiver w.yml:4 applies: files could not be read" in doubtful.unknown[0].reason
    assert decide([doubtful], {}) is Verdict.BLOCKED


def test_a_waiver_that_covers_nothing_of_a_whole_scan_is_a_finding_on_it() -> None:
    of = judged(waiver("p/lasting", subject="acme/renamed"), waiver("p/lasting", subject="other/x"), whole=True)
    told = of.waiving[0].idle(REPOSITORY.organization)
    assert told is not None
    assert [finding.message for finding in told.findings] == [
        "The waiver of p/lasting covers nothing here: nothing that it judges is called acme/renamed"
    ]


def test_a_waiver_for_pull_requests_is_needed_by_those_to_come() -> None:
    """A scan may see none of them, or none of that repository's."""
    for entry in ("p/holds", "p/g", "p/inner"):
        of = judged(waiver(entry, subject="acme/renamed"), whole=True)
        assert of.waiving[0].idle(REPOSITORY.organization) is None


def told_over(*waivers: str, batches: Sequence[tuple[Subject, ...]], whole: bool = True) -> list[str]:
    """What is said of waivers in batches and after all of them, but that one covers nothing."""
    root = REPOSITORY.organization
    met: dict[int, Met] = {}
    said: list[Result] = []
    for subjects in batches:
        of = judged(*waivers, subjects=subjects, part_of=root)
        said += [each for each in of.results if each.rule == "waivers"]
        for at, flags in of.waiving[0].met(root).items():
            met[at] = met.get(at, Met(0)) | flags
    last = over_all(of.waiving[0].policy, met, root, NOW, whole=whole)
    said += [last] if last is not None else []
    assert len({(each.subject.id, each.key) for each in said}) == len(said)
    return [f"{each.subject.name}: {finding.message}" for each in said for finding in each.findings]


SECOND = replace(REPOSITORY, id="github.test/repository/99", name="acme/second")


def test_what_a_waiver_met_is_added_up_over_batches() -> None:
    apart = [(REPOSITORY,), (SECOND,)]
    for one, other in (apart, reversed(apart)):
        assert not told_over(waiver("p/sometimes", subject="acme/*"), batches=[one, other])
        (said,) = told_over(waiver("p/lasting", subject="acme/*"), batches=[one, other])
        assert said.startswith("acme: The waiver of p/lasting is not needed")
        assert not told_over(waiver("p/lasting", subject="acme/*"), batches=[one, other], whole=False)
        (said,) = told_over(waiver("p/lasting", subject="acme/second"), batches=[one, other])
        assert said.startswith("acme/second: The waiver of p/lasting is not needed"), "it names the subject itself"
        (said,) = told_over(waiver("p/lasting", subject="acme/gone"), batches=[one, other])
        assert said.startswith("acme: The waiver of p/lasting covers nothing here")
        (said,) = told_over(waiver("p/sometimes", subject="acme/*", expires="2020-01-01"), batches=[one, other])
        assert said.startswith("acme/second: The waiver of p/sometimes does not apply")
    assert not told_over(waiver("p/lasting", subject="**"), batches=apart), "it is for others as well"


def test_what_lapsed_on_the_organisation_itself_is_said_with_the_rest() -> None:
    given = (waiver("p/owned", subject="acme", expires="2020-01-01"), waiver("p/lasting", subject="acme/gone"))
    lapsed, idle = told_over(*given, batches=[(REPOSITORY.organization,), (REPOSITORY,)])
    assert lapsed.startswith("acme: The waiver of p/owned does not apply")
    assert idle.startswith("acme: The waiver of p/lasting covers nothing here")


def baseline(*fingerprints: str) -> str:
    rows = ", ".join(
        f'{{"fingerprint": "{each}", "key": "p/fails", "subject": "s", "subject_name": "s", "message": "m"}}'
        for each in fingerprints
    )
    return f'{{"schema": "almguard.baseline/v1", "created_at": "2026-01-01T00:00:00Z", "findings": [{rows}]}}'


def test_a_finding_of_the_baseline_is_shown_and_does_not_block() -> None:
    before = result(judged(), "fails")
    config = CONFIG.replace("waivers: [w.yml]", "baseline: b.yml")

    def again(*known: str, rules: str = RULES) -> Result:
        configuration = load_configuration(config, "c.yml", Place(p=rules, b=baseline(*known)))
        provider = MemoryProvider({(ChangedFiles, PULL.id): HIDDEN})
        of = judge(configuration, [PULL], provider, {datetime: NOW})
        return result(of, "fails")

    known = again(*before.fingerprints)
    assert (known.outcome, known.baseline, len(known.findings)) == (Outcome.FAIL, True, 1)
    assert decide([known], {}) is Verdict.PASSED
    assert not again(
        *before.fingerprints, rules=RULES.replace("{max_days: 90", "{allowed: false, max_days: 90")
    ).baseline
    new = again("0" * 32)
    assert not new.baseline
    assert decide([new], {}) is Verdict.BLOCKED


def test_the_baseline_excuses_nothing_that_is_not_known_beside_its_findings() -> None:
    unknown = "- {name: unseen, subject: pull_request, message: m, assert: 'files.size() == 1'}"
    config = CONFIG.replace("waivers: [w.yml]", "baseline: b.yml")

    def group(*known: str, rules: str, **answers: Any) -> Result:
        configuration = load_configuration(config, "c.yml", Place(p=rules, b=baseline(*known)))
        provider = MemoryProvider({(ChangedFiles, PULL.id): answers.get("files", HIDDEN)})
        return result(judge(configuration, [PULL], provider, {datetime: NOW}), "g")

    rules = RULES.replace("- {name: fine,", f"{unknown}\n      - {{name: fine,")
    before = group(rules=rules)
    half = group(*before.fingerprints, rules=rules)
    assert (half.outcome, half.baseline, half.half_known) == (Outcome.FAIL, True, True)
    assert decide([half], {}) is Verdict.INCONCLUSIVE
    assert decide([half], {UnknownKind.SCOPE: "warn"}) is Verdict.PASSED
    (told,) = grouped([half]).unknowns
    assert told.blocks
    known = group(*before.fingerprints, rules=RULES)
    assert decide([known], {}) is Verdict.PASSED


def test_the_baseline_excuses_no_error_beside_its_findings() -> None:
    before = result(judged(), "g")
    broken = Member("p/fine", "fine", Outcome.ERROR, reason="it broke")
    excused = replace(before, known=frozenset(before.fingerprints))
    assert decide([excused], {}) is Verdict.PASSED
    erred = replace(excused, members=(before.members[0], broken))
    assert decide([erred], {}) is Verdict.INCONCLUSIVE
