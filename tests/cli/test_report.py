"""``almguard report``: what is kept is listed, shown, compared, merged and forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from bot.cli.main import run as almguard
from bot.cli.options import FORMATS
from bot.engine.runs import Batch, Closing, Order
from bot.engine.sharding import ELSEWHERE, Shard
from bot.model.facts import UnknownKind
from bot.model.findings import Finding, Unknown
from bot.model.results import Coverage, Enforcement, Gap, Outcome, Result, Run, Skip
from bot.report import json_report, json_schema
from bot.store import opened
from tests.report import runs


@dataclass
class Said:
    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("ALMGUARD_STORE", str(tmp_path / "store.db"))
    monkeypatch.setenv("COLUMNS", "160")

    def called(*arguments: str) -> Said:
        code = almguard(["report", *arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return called


def keep(folder: Path, *made: Run) -> list[Run]:
    """Keep runs as a scan does, one after the other."""
    kept = []
    with opened(folder / "store.db") as store:
        for run in made:
            options = (("shard", run.shard),) if run.shard else ()
            begun = store.begin(Order(run.targets, "p" * 64, options), "scan", run.now)
            homes = tuple(sorted({result.subject.id for result in run.results}))
            begun.keep(Batch(homes, tuple(run.subjects), tuple(run.results), tuple(run.gaps), {"github": 9}))
            closing = Closing(
                finished_at=run.finished_at,
                version=run.version,
                depth=run.depth,
                policies=run.policies,
                coverage=run.coverage,
                skipped=tuple(run.skipped),
                notices=run.notices,
            )
            kept.append(begun.finish(closing))
    return kept


def scan(*results: Result, day: int = 0, **changes: object) -> Run:
    made = runs.run(*results, command="scan", targets=("github:acme",), depth=1)
    later = timedelta(days=day)
    return replace(made, now=made.now + later, finished_at=made.finished_at + later, **changes)  # type: ignore[arg-type]


REPOSITORIES = [runs.repository(f"service-{number:02}", number) for number in range(1, 13)]
FAILS = [replace(runs.LINK, subject=each, fingerprints=(f"f{each.id}",)) for each in REPOSITORIES]
PASSES = [runs.result("requirement-link", Outcome.PASS, each) for each in REPOSITORIES]
BROKEN = (*FAILS[:3], *PASSES[3:])
MENDED = (*PASSES[:2], FAILS[2], *PASSES[3:11], FAILS[11])


def test_runs_are_listed_the_newest_first(call: Call, tmp_path: Path) -> None:
    assert "No finished run is kept" in call("list").out
    first, second = keep(tmp_path, scan(*BROKEN), scan(*MENDED, day=1))
    said = call("list").out
    assert said.index(second.id[:8]) < said.index(first.id[:8])
    assert max(len(line.rstrip()) for line in said.splitlines()) <= 80, said
    assert "github:acme" in said
    listed = json.loads(call("list", "--format", "json", "--limit", "1").out)
    assert [(each["id"], each["outcomes"]["fail"], each["requests"]) for each in listed] == [
        (second.id, 2, {"github": 9})
    ]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_kept_run_is_shown_in_every_format(call: Call, tmp_path: Path, kind: str) -> None:
    first, _ = keep(tmp_path, scan(*BROKEN), scan(*MENDED, day=1))
    said = call("show", "--format", kind, "--output", f"{kind}:{tmp_path / 'file'}")
    assert said.code == 0
    assert "acme/service-12" in said.out
    assert "acme/service-12" in (tmp_path / "file").read_text(encoding="utf-8")
    assert "acme/service-02" in call("show", first.id[:8], "--format", kind).out


def test_the_newest_tells_what_has_changed(call: Call, tmp_path: Path) -> None:
    first, _ = keep(tmp_path, scan(*BROKEN), scan(*MENDED, day=1))
    document = json.loads(call("show", "--format", "json").out)
    jsonschema.Draft7Validator(json_schema.schema()).validate(document)
    assert document["changes"]["since"]["run"] == first.id
    assert {name: amount for name, amount in document["changes"]["counts"].items() if amount} == {
        "broke": 1,
        "fixed": 2,
    }
    assert "1 broke, 2 fixed since" in call("show").out
    assert json.loads(call("show", first.id, "--format", "json").out)["changes"] is None


@pytest.mark.parametrize("of", ["store", "files"])
def test_two_runs_are_compared(call: Call, tmp_path: Path, of: str) -> None:
    first, second = keep(tmp_path, scan(*BROKEN), scan(*MENDED, day=1))
    names = [first.id[:8], second.id]
    if of == "files":
        for name in names:
            call("show", name, "--output", f"json:{tmp_path / name}.json")
        names = [f"{tmp_path / name}.json" for name in names]
    said = call("diff", *names)
    assert said.code == 1
    assert "1 broke, 2 fixed" in said.out
    assert "acme/service-12" in said.out
    back = call("diff", *names[::-1], "--format", "markdown")
    assert back.code == 1
    assert "## Broke (2)" in back.out
    document = json.loads(call("diff", *names, "--format", "json", "--exit-zero").out)
    assert document["schema"] == "almguard.changes/v1"
    assert [(item["change"], item["name"]) for item in document["items"]] == [
        ("fixed", "acme/service-01"),
        ("broke", "acme/service-12"),
        ("fixed", "acme/service-02"),
    ]


def test_without_names_the_newest_is_compared_with_the_one_before(call: Call, tmp_path: Path) -> None:
    first, second = keep(tmp_path, scan(*BROKEN), scan(*MENDED, day=1))
    said = json.loads(call("diff", "--format", "json").out)
    assert (said["before"]["id"], said["after"]["id"]) == (first.id, second.id)
    assert call("diff", "latest", "latest").code == 0


LOST = [runs.result("requirement-link", Outcome.UNKNOWN, each, unknown=(runs.SCOPE,)) for each in REPOSITORIES]


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (PASSES, FAILS, 1),
        (FAILS, PASSES, 0),
        ([], FAILS[:1], 1),
        (PASSES, [replace(each, enforcement=Enforcement.WARN) for each in FAILS], 0),
        (FAILS, LOST, 3),
        (LOST, LOST, 0),
        ([replace(FAILS[0], fingerprints=("a",))], [replace(FAILS[0], fingerprints=("b",))], 1),
        (
            [replace(FAILS[0], findings=FAILS[0].findings * 2, fingerprints=("a", "b"))],
            [replace(FAILS[0], fingerprints=("a",))],
            0,
        ),
    ],
)
def test_the_exit_code_says_whether_something_that_blocks_got_worse(
    call: Call, tmp_path: Path, before: Sequence[Result], after: Sequence[Result], code: int
) -> None:
    write(tmp_path / "a.json", scan(*before))
    write(tmp_path / "b.json", scan(*after))
    assert call("diff", str(tmp_path / "a.json"), str(tmp_path / "b.json")).code == code
    assert call("diff", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--exit-zero").code == 0


def test_a_comparison_says_what_else_differs(call: Call, tmp_path: Path) -> None:
    write(tmp_path / "a.json", scan(*PASSES))
    other = replace(runs.blocked().policies[0], sha256="cd" * 32)
    write(tmp_path / "b.json", scan(*PASSES, policies=(other,), version="9", targets=("ado:acme",), gaps=GAPS))
    said = call("diff", str(tmp_path / "a.json"), str(tmp_path / "b.json")).out
    for piece in ("policies are not the same (payments)", "the second by 9", "same targets", "second is incomplete"):
        assert piece in said


GAPS = (Gap("github.com/repository/99", "acme/x", "reviews", UnknownKind.SCOPE, "no scope"),)


def write(path: Path, run: Run) -> str:
    path.write_text(json_report.render(run), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no JSON"),
        ("{", "cut off"),
        ("[" * 100_000, "nests too deep"),
        ("[1]", "no report of almguard"),
        ('{"schema": "almguard.rehearsal/v1"}', "schema 'almguard.rehearsal/v1'"),
        ('{"schema": "almguard.report/v1"}', "'run' is missing"),
    ],
)
def test_a_file_that_is_no_report_is_told_as_such(call: Call, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "a.json").write_text(content)
    for arguments in (["show", "a.json"], ["diff", "a.json", "a.json"], ["merge", "a.json"]):
        ended = call(*(str(tmp_path / each) if each.endswith(".json") else each for each in arguments))
        assert ended.code == 2
        assert said in ended.err


def broken(document: dict[str, object]) -> list[tuple[str, object]]:
    whole = json.dumps(document)
    return [
        (whole[:-40], "cut off"),
        (whole.replace('"outcome": "fail"', '"outcome": "fine"', 1), "results[0]: 'outcome'"),
        (whole.replace('"complete": true', '"complete": false', 1), "disagree"),
        (whole.replace('"total": 12', '"total": 11', 1), "as many"),
        (whole.replace('"subject": "github.com/repository/1"', '"subject": "else"', 1), "none of the subjects"),
        (whole.replace('"outcome": "fail"', '"outcome": "pass"', 1), "other outcomes"),
        (re.sub('"now": "[^"]*"', '"now": "9999-12-31T23:59:59-14:00"', whole, count=1), "'now'"),
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_report_that_somebody_changed_is_not_taken_for_one(call: Call, tmp_path: Path, number: int) -> None:
    whole = json.loads(json_report.render(scan(*BROKEN)))
    content, said = broken(whole)[number]
    (tmp_path / "a.json").write_text(str(content))
    ended = call("show", str(tmp_path / "a.json"))
    assert (ended.code, str(said) in ended.err) == (2, True), ended.err


def test_hostile_names_command_nothing(call: Call, tmp_path: Path) -> None:
    said = "::error::x\x1b[31m##vso[task.complete]"
    subject = replace(REPOSITORIES[0], name=said)
    finding = Finding(said, said)
    before = scan(runs.result("approvals", Outcome.PASS, subject, key=said), id=said, targets=(said,))
    after = scan(
        runs.result("approvals", Outcome.FAIL, subject, key=said, findings=(finding,)), id=said, targets=(said,)
    )
    names = write(tmp_path / "a.json", before), write(tmp_path / "b.json", after)
    for kind in ("terminal", "markdown", "json"):
        out = call("diff", *names, "--format", kind).out
        assert "##vso" not in out
        assert "\x1b" not in out
        assert not any(line.lstrip().startswith("::") for line in out.splitlines())
    assert call("show", said).code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show"], "no finished run"),
        (["show", "previous"], "no finished run"),
        (["show", "12345678"], "no run"),
        (["show", "nothing.json"], "cannot be read"),
        (["forget"], "say what to forget"),
        (["diff", "--output", "sarif:x"], "json, markdown or terminal"),
    ],
)
def test_what_is_not_there_is_told(call: Call, arguments: list[str], said: str) -> None:
    ended = call(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_the_first_run_has_no_previous_one(call: Call, tmp_path: Path) -> None:
    keep(tmp_path, scan(*BROKEN))
    ended = call("diff")
    assert ended.code == 2
    assert "the first of its targets" in ended.err


def test_old_runs_are_forgotten(call: Call, tmp_path: Path) -> None:
    keep(tmp_path, *(scan(*BROKEN, day=day) for day in range(3)))
    assert "2 runs were forgotten" in call("forget", "--runs", "1").out
    assert len(json.loads(call("list", "--format", "json").out)) == 1


def shards(whole: Run, of: int) -> list[Run]:
    """What each shard of a scan would report, in its own words and times."""
    parts = []
    for number in range(1, of + 1):
        shard = Shard(number, of)
        own = [result for result in whole.results if shard.holds(result.subject.id)]
        others = [s for s in whole.subjects if not shard.holds(s.id)]
        skipped = tuple(Skip(s.id, s.name, ELSEWHERE) for s in others)
        skipped += tuple(skip for skip in whole.skipped if shard.holds(skip.subject))
        skipped += tuple(Skip(s.subject, s.name, ELSEWHERE) for s in whole.skipped if not shard.holds(s.subject))
        (coverage,) = whole.coverage
        judged = len({result.subject.id for result in own})
        parts.append(
            replace(
                whole,
                id=f"part-{number}",
                started_at=whole.started_at + timedelta(minutes=number),
                requests={"github": number},
                results=tuple(own),
                subjects=tuple(s for s in whole.subjects if shard.holds(s.id)),
                gaps=tuple(gap for gap in whole.gaps if shard.holds(gap.subject)),
                skipped=skipped,
                coverage=(replace(coverage, judged=judged, skipped=coverage.listed - judged - 0),),
                shard=str(shard),
            )
        )
    return parts


def a_whole_scan() -> Run:
    skipped = (Skip("github.com/repository/80", "acme/old", "archived"),)
    coverage = (Coverage("github:acme", 13, 13, 12, 1, 0),)
    return scan(*MENDED, subjects=tuple(REPOSITORIES), gaps=GAPS, skipped=skipped, coverage=coverage)


@pytest.mark.parametrize("of", [1, 3, 7])
def test_the_shards_together_equal_the_one_run(call: Call, tmp_path: Path, of: int) -> None:
    whole = a_whole_scan()
    files = [write(tmp_path / f"{run.id}.json", run) for run in shards(whole, of)]
    said = call(
        "merge", *files[::-1], "--output", f"json:{tmp_path / 'all.json'}", "--output", f"sarif:{tmp_path / 's'}"
    )
    assert said.code == 1
    merged = json.loads((tmp_path / "all.json").read_text())
    one = json.loads(json_report.render(whole))
    for document in (merged, one):
        for name in ("id", "started_at", "finished_at", "requests"):
            document["run"].pop(name)
    assert merged == one
    assert call("merge", *files).out.splitlines()[:4] == call("merge", *files[::-1]).out.splitlines()[:4]


def test_what_cannot_be_merged_is_refused_in_words(call: Call, tmp_path: Path) -> None:
    whole = a_whole_scan()
    parts = shards(whole, 3)
    good = [write(tmp_path / f"{run.id}.json", run) for run in parts]
    other = replace(whole.policies[0], sha256="cd" * 32)
    otherwise = replace(next(iter(parts[0].results)), reason="it was judged otherwise")
    cases: list[tuple[list[Run], str]] = [
        ([parts[0], parts[0]], "the same shard, 1/3"),
        ([parts[0], parts[1]], "the shard 3/3 is missing"),
        ([parts[0]], "the shards 2/3, 3/3 are missing"),
        ([*parts[:2], replace(parts[2], now=whole.now + timedelta(seconds=1))], "the same --now"),
        ([*parts[:2], replace(parts[2], policies=(other,))], "different texts of the policy payments"),
        ([*parts[:2], replace(parts[2], policies=(replace(other, name="x", source="y"),))], "different policies"),
        ([*parts[:2], replace(parts[2], version="9")], "made by almguard"),
        ([*parts[:2], replace(parts[2], shard="3/4")], "one of 4"),
        ([*parts[:2], replace(parts[2], shard="three")], "no shard"),
        ([*parts[:2], replace(parts[2], shard=None)], "is no shard"),
        ([*parts[:2], replace(parts[2], targets=("github:other",))], "different targets"),
        ([*parts[:2], replace(parts[2], results=(*parts[2].results, otherwise))], "judged on"),
        ([whole, whole], "both scans of github:acme"),
        ([replace(runs.blocked(), version=whole.version)], "report of a gate"),
        ([*parts[:2], replace(parts[2], command="audit")], "a report of"),
    ]
    for number, (bad, said) in enumerate(cases):
        files = [write(tmp_path / f"{number}-{at}.json", run) for at, run in enumerate(bad)]
        ended = call("merge", *files, "--output", f"json:{tmp_path / 'never'}")
        assert (ended.code, said in ended.err) == (2, True), (said, ended)
    assert not (tmp_path / "never").exists()
    assert call("merge", *good).code == 1


@pytest.mark.parametrize(("let_through", "code"), [((True, True), 0), ((True, False), 3)])
def test_what_the_policies_let_through_is_let_through_when_merged(
    call: Call, tmp_path: Path, let_through: tuple[bool, bool], code: int
) -> None:
    first, *others = PASSES
    unread = replace(
        first, enforcement=Enforcement.BLOCK, outcome=Outcome.UNKNOWN, unknown=(Unknown(UnknownKind.SCOPE, "no"),)
    )
    parts = shards(replace(a_whole_scan(), gaps=(), results=(unread, *others)), 2)
    parts = [
        replace(p, lenient=frozenset({UnknownKind.SCOPE} if yes else ()))
        for p, yes in zip(parts, let_through, strict=True)
    ]
    files = [write(tmp_path / f"{run.id}.json", run) for run in parts]
    assert call("merge", *files).code == code


def test_with_partial_a_missing_shard_is_a_gap(call: Call, tmp_path: Path) -> None:
    parts = shards(replace(a_whole_scan(), gaps=(), results=tuple(PASSES)), 3)
    files = [write(tmp_path / f"{run.id}.json", run) for run in parts[:2]]
    ended = call("merge", "--partial", *files, "--format", "json")
    document = json.loads(ended.out)
    assert ended.code == 3
    assert document["run"]["complete"] is False
    assert [gap["subject"] for gap in document["run"]["gaps"]] == ["shard 3/3"]
    assert call("merge", *(write(tmp_path / f"{r.id}.json", r) for r in parts)).code == 0


def test_scans_of_other_targets_are_put_together(call: Call, tmp_path: Path) -> None:
    one = scan(*PASSES[:6], coverage=(Coverage("github:acme", 6, 6, 6, 0, 0),))
    two = scan(*PASSES[6:], targets=("ado:acme",), coverage=(Coverage("ado:acme", 6, None, 6, 0, 0),))
    ended = call("merge", write(tmp_path / "a.json", one), write(tmp_path / "b.json", two), "--format", "json")
    document = json.loads(ended.out)
    assert (ended.code, document["run"]["targets"]) == (0, ["ado:acme", "github:acme"])
    assert len(document["results"]) == 12


def test_shards_that_listed_otherwise_are_told(call: Call, tmp_path: Path) -> None:
    parts = shards(a_whole_scan(), 2)
    (coverage,) = parts[1].coverage
    parts[1] = replace(parts[1], coverage=(replace(coverage, listed=coverage.listed + 1),))
    ended = call("merge", *(write(tmp_path / f"{r.id}.json", r) for r in parts), "--format", "json")
    assert "listed from 13 to 14" in ended.out
