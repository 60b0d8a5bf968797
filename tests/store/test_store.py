"""What is kept is what was found; on both databases."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text

from bot.engine.runs import Batch, Closing, Order, StoreError
from bot.model.findings import Evidence, Finding
from bot.model.results import Change, Outcome, Result, Run, Spent
from bot.report import json_report
from bot.store import reading
from tests.model.test_documents import same
from tests.report import runs
from tests.report.hostile import HOSTILE
from tests.store.postgres import Server
from tests.store.world import ORDER, POLICIES, Clock, batch, closing, repository, results_of, scanned, store


def of_memory(run: Run) -> Run:
    """The same run, held by memory."""
    return replace(
        run,
        subjects=tuple(run.subjects),
        results=tuple(run.results),
        gaps=tuple(run.gaps),
        skipped=tuple(run.skipped),
    )


def test_a_run_is_read_back_as_it_was_found(address: str) -> None:
    """Everything that a run can hold: groups, waivers, a baseline, gaps, a release, a pull request."""
    clock = Clock()
    every = [*runs.excused().results, *runs.survey().results, runs.ROLLBACK, runs.UNKNOWN, runs.ERROR]
    results = [replace(result, key=f"own/{number:03}") for number, result in enumerate(every)]
    subjects = {result.subject.id: result.subject for result in results}
    gaps = tuple(runs.survey().gaps)
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", runs.NOW)
        run.keep(Batch(("a",), tuple(subjects.values()), tuple(results[:10]), gaps[:1], {"github": 2}))
        run.keep(Batch(("b",), (), tuple(results[10:]), gaps[1:], {"github": 3}))
        finished = run.finish(closing(clock.now + timedelta(hours=1)))
    with store(address, clock) as kept:
        read = kept.run(run.id)
        for one in (finished, read):
            assert len(one.results) == len(results)
            found = sorted(results, key=lambda result: (result.subject.id, result.key))
            assert all(same(left, right) for left, right in zip(one.results, found, strict=True))
            ids = sorted(subjects)
            assert all(same(left, subjects[id_]) for left, id_ in zip(one.subjects, ids, strict=True))
            assert tuple(one.gaps) == gaps
            assert not one.complete
            assert one.requests == {"github": 10, "azure_devops": 1}
            assert (one.id, one.command, one.now, one.depth) == (run.id, "scan", runs.NOW, 3)
            assert (one.started_at, one.finished_at) == (clock.now, clock.now + timedelta(hours=1))
            assert (one.policies, one.targets, one.shard) == (POLICIES, ("github:acme",), None)
            assert [skip.reason for skip in one.skipped] == ["archived"]
            assert one.coverage[0].listed == 3
            assert one.notices == ("Something is deprecated.",)
            assert (one.history, one.changes) == ((), None)
        assert json.loads(json_report.render(read)) == json.loads(json_report.render(of_memory(finished)))
        assert results[3] in read.results
        assert runs.LINK not in read.results


def test_what_anybody_may_write_is_kept(address: str) -> None:
    clock = Clock()
    subject = repository(1)
    texts = [text for text in HOSTILE if text]
    results = tuple(
        runs.result(
            f"rule-{number:03}",
            Outcome.FAIL,
            replace(subject, name=text),
            findings=(Finding(text, text, (Evidence(text, text),)),),
            title=text,
        )
        for number, text in enumerate(texts)
    )
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        run.keep(Batch((subject.id,), (replace(subject, name="\x00\ud800"),), results, memo="\x00\ud800"))
        assert run.memos() == ["\x00\ud800"]
        read = run.finish(closing(clock.now))
        assert [result.findings for result in read.results] == [result.findings for result in results]
        assert [each.name for each in read.subjects] == ["\x00\ud800"]


def test_the_order_is_the_models_whatever_language_the_server_sorts_in(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE", 2)
    clock = Clock()
    names = ["a", "B", "Ä", "_", "b", "A", "é", "-", "10", "9"]
    subject = repository(1)
    results = tuple(runs.result(name, Outcome.PASS, subject) for name in names)
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        run.keep(Batch((subject.id,), (subject,), results))
        # Two of one place: nothing forbids two policies of one name.
        run.keep(Batch(("other",), (), results[:1]))
        read = run.finish(closing(clock.now))
        assert [each.key for each in read.results] == sorted(f"payments/{name}" for name in [*names, "a"])
        assert len(read.results) == len(names) + 1


def test_a_batch_that_was_kept_is_not_kept_twice(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        run.keep(batch(1))
        run.keep(batch(1))
        assert run.memos() == ["m1"]
    with store(address, clock) as kept:
        again = kept.begin(ORDER, "scan", clock.now)
        assert again.resumed
        again.keep(batch(1))
        again.keep(batch(2))
        read = again.finish(closing(clock.now))
        assert (len(read.results), len(read.subjects)) == (4, 2)
        assert read.requests["github"] == 2 + 2 + 5
        # Azure DevOps was not counted by kind.
        assert read.spent == {"github": Spent(9, 2, 4, 10)}


def test_an_organisation_may_come_with_several_batches(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        for number in (1, 2):
            one = batch(number)
            run.keep(replace(one, homes=(*one.homes, runs.ACME.id), subjects=(*one.subjects, runs.ACME)))
        assert run.done() == {repository(1).id, repository(2).id, runs.ACME.id}
        assert len(run.finish(closing(clock.now)).subjects) == 3


def test_an_unfinished_run_is_taken_on(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        assert (run.resumed, run.done(), run.memos()) == (False, frozenset(), [])
        run.keep(batch(1))
    clock.later(hours=23)
    with store(address, clock) as kept:
        other = kept.begin(Order(("github:acme",), "policy-2"), "scan", clock.now)
        assert not other.resumed
        again = kept.begin(ORDER, "scan", clock.now)
        assert (again.id, again.resumed, again.now, again.started_at) == (run.id, True, run.now, run.started_at)
        assert again.done() == {repository(1).id}
        again.finish(closing(clock.now))
        assert not kept.begin(ORDER, "scan", clock.now).resumed


def test_a_run_is_not_taken_on_that_is_old_or_not_wanted(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
    with store(address, clock) as kept:
        fresh = kept.begin(ORDER, "scan", clock.now, fresh=True)
        assert not fresh.resumed
    clock.later(hours=24)
    with store(address, clock) as kept:
        late = kept.begin(ORDER, "scan", clock.now)
        assert late.id not in (run.id, fresh.id)


def test_a_run_that_another_version_began_is_left_to_it(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        kept.begin(ORDER, "scan", clock.now)
    monkeypatch.setattr("bot.store.store.__version__", "99.0.0")
    with store(address, clock) as kept:
        assert not kept.begin(ORDER, "scan", clock.now).resumed


def test_who_begins_what_somebody_works_at_begins_anew(address: str) -> None:
    clock = Clock()
    with store(address, clock) as one, store(address, clock) as other:
        first, second = one.begin(ORDER, "scan", clock.now), other.begin(ORDER, "scan", clock.now)
        assert first.id != second.id
        first.keep(batch(1))
        second.keep(batch(1))
        assert second.done() == {repository(1).id}
        assert len(first.finish(closing(clock.now)).results) == len(second.finish(closing(clock.now)).results) == 2


def test_history_and_changes(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        first = scanned(kept, clock)
        # Neither another series nor an unfinished run is one of them.
        scanned(kept, clock, Order(("github:acme",), "policy-1", (("shard", "1/2"),)))
        kept.begin(ORDER, "scan", clock.now)
        second = scanned(kept, clock, Order(("github:acme",), "policy-2"), (2, 3))
        third = scanned(kept, clock, numbers=(2, 3), failing=False)
        assert [each.id for each in third.history] == [first.id, second.id]
        assert [each.policy_digest for each in third.history] == ["policy-1", "policy-2"]
        summary = third.history[0]
        assert summary.outcomes == {
            Outcome.PASS: 2,
            Outcome.FAIL: 2,
            Outcome.NOT_APPLICABLE: 0,
            Outcome.UNKNOWN: 0,
            Outcome.ERROR: 0,
        }
        assert (summary.complete, summary.judged, summary.waived) == (True, 2, 0)
        assert summary.requests == {"github": 9, "azure_devops": 1}
        assert second.changes is not None
        assert {change.change for change in second.changes} == {Change.APPEARED, Change.GONE}
        assert third.changes is not None
        assert [change.change for change in third.changes] == [Change.FIXED, Change.FIXED]
        before = kept.before(third)
        assert before is not None
        assert before.id == second.id
        assert kept.before(first) is None
        assert [each.id for each in kept.runs(limit=2)] == [third.id, second.id]
        shard = kept.runs(Order(("github:acme",), "x", (("shard", "1/2"),)).series)
        assert len(shard) == 1
        assert kept.run(shard[0].id).shard == "1/2"


def test_what_is_excused_is_not_among_the_fails(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        run.keep(Batch(("a",), (), tuple(runs.excused().results)))
        run.finish(closing(clock.now))
        (summary,) = kept.runs()
        assert summary.outcomes[Outcome.FAIL] == 2
        assert summary.outcomes[Outcome.PASS] == 3
        assert summary.waived == 2


def test_a_run_is_found_by_the_beginning_of_its_id(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        ids = [scanned(kept, clock, numbers=(1,)).id for _ in range(2)]
        assert kept.run(ids[0][:30]).id == ids[0]
        unfinished = kept.begin(ORDER, "scan", clock.now)
        with pytest.raises(StoreError, match=r"there is no run 'zzz' in "):
            kept.run("zzz")
        # What has a meaning in LIKE has none here.
        for wild in ("%", "_", ""):
            with pytest.raises(StoreError, match=r"there is no run"):
                kept.run(wild)
        with pytest.raises(StoreError, match=r"is not finished: scan again to go on with it"):
            kept.run(unfinished.id)


def test_a_beginning_that_several_runs_have_is_no_name(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    ids = iter(["abc-1", "abc-2"])
    monkeypatch.setattr("bot.store.store.uuid4", lambda: next(ids))
    with store(address, clock) as kept:
        scanned(kept, clock, numbers=(1,))
        scanned(kept, clock, numbers=(1,))
        with pytest.raises(
            StoreError, match=r"several runs in .* begin with 'abc' \(abc-2, abc-1, …\): write more of it"
        ):
            kept.run("abc")


def test_old_runs_are_deleted_and_the_newest_of_a_series_stays(address: str) -> None:
    clock = Clock()
    other = Order(("ado:acme",), "policy-1")
    with store(address, clock) as kept:
        alone = scanned(kept, clock, other)
        ids = []
        for _ in range(4):
            clock.later(days=1)
            ids.append(scanned(kept, clock).id)
        assert kept.retain() == 0
        assert kept.retain(runs=3) == 1
        assert kept.retain(days=2) == 1
        assert {each.id for each in kept.runs()} == {alone.id, *ids[2:]}
        clock.later(days=400)
        assert kept.retain(days=30) == 1
        assert kept.retain(runs=0) == 0
        assert {each.id for each in kept.runs()} == {alone.id, ids[-1]}
        assert len(list(kept.run(ids[-1]).results)) == 4


def test_nothing_is_left_of_a_deleted_run(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        first = scanned(kept, clock)
        scanned(kept, clock)
        part = iter(first.results)
        next(part)
        kept.retain(runs=1)
        for items in (first.results, first.subjects, first.skipped):
            with pytest.raises(StoreError, match=r"the run was deleted from the store .* while it was read"):
                list(items)


def test_unfinished_runs_that_nobody_works_at_are_deleted_when_they_are_old(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        kept.begin(ORDER, "scan", clock.now).keep(batch(1))
    with store(address, clock) as working, store(address, clock) as kept:
        run = working.begin(Order(("github:other",), "p"), "scan", clock.now)
        assert kept.retain() == 0
        clock.later(hours=25)
        assert kept.retain() == 1
        assert kept.retain() == 0
        run.keep(batch(2))
        assert len(run.finish(closing(clock.now)).results) == 2


def test_who_begins_clears_away_what_is_too_old_to_be_taken_on(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        kept.begin(ORDER, "scan", clock.now)
    clock.later(hours=25)
    with store(address, clock) as kept:
        kept.begin(Order(("github:other",), "p"), "scan", clock.now)
        assert kept.retain() == 0


def test_a_page_is_read_by_the_key_though_the_server_knows_nothing_of_the_table(postgres: Server) -> None:
    statements: list[str] = []
    clock = Clock()
    with store(postgres.address(postgres.new_database()), clock) as kept:
        run = scanned(kept, clock)
        event.listen(kept._engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
        list(run.results)
        with kept._engine.connect() as connection:
            connection.execute(text("SET LOCAL enable_sort = off"))
            plan = connection.scalars(
                text("EXPLAIN SELECT * FROM results WHERE run = 1 ORDER BY subject, key LIMIT 500")
            )
            assert "Sort" not in " ".join(plan)
    pages = [at for at, statement in enumerate(statements) if "LIMIT" in statement]
    assert pages
    assert all(statements[at - 1] == "SET LOCAL enable_sort = off" for at in pages)


def test_a_run_that_is_let_go_of_takes_nothing_more(address: str) -> None:
    clock = Clock()
    kept = store(address, clock)
    run = kept.begin(ORDER, "scan", clock.now)
    kept.close()
    with pytest.raises(StoreError, match=r"the run is no longer held in the store .*: run the same command again"):
        run.keep(batch(1))


def test_memory_does_not_grow_with_the_run(address: str) -> None:
    """Of a long run no more is held than a page."""
    clock = Clock()
    held: list[Result] = []
    subject = repository(1)
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        amount = reading.PAGE * 2 + 1
        run.keep(
            Batch((subject.id,), (subject,), tuple(runs.result(f"r{n}", Outcome.PASS, subject) for n in range(amount)))
        )
        read = run.finish(closing(clock.now))
        held.extend(read.results)
        assert len({result.key for result in held}) == amount
        # One subject, decoded once a page.
        assert len({id(result.subject) for result in held}) == 3


def test_lock_files_are_cleaned_up(tmp_path: Path) -> None:
    clock = Clock()
    address = str(tmp_path / "a[b]*.db")
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        assert [path.name for path in tmp_path.glob("*.lock")] == [f"a[b]*.db.{run.id}.lock"]
    left = tmp_path / "a[b]*.db.11111111.lock"
    other = tmp_path / "b.db.11111111.lock"
    for path in (left, other):
        path.write_text("")
    with store(address, clock) as kept:
        again = kept.begin(ORDER, "scan", clock.now)
        assert again.id == run.id
        again.finish(closing(clock.now))
        kept.retain()
        assert [path.name for path in tmp_path.glob("*.lock")] == [other.name]


def test_findings_are_recognised_from_run_to_run(address: str) -> None:
    from sqlalchemy import select

    from bot.store.tables import FINDINGS, WAIVERS

    clock = Clock()
    with store(address, clock) as kept:
        for _ in range(2):
            scanned(kept, clock)
        run = kept.begin(ORDER, "scan", clock.now)
        run.keep(Batch(("x",), (), (replace(runs.LINK, waiver=runs.WAIVER), *results_of(repository(1))[1:])))
        run.finish(closing(clock.now))
        with kept._engine.connect() as connection:
            rows = connection.execute(select(FINDINGS)).all()
            waivers = connection.execute(select(WAIVERS)).all()
    assert len(rows) == 5
    assert len({row.fingerprint for row in rows}) == 3
    assert [row.excused for row in sorted(rows, key=lambda row: row.run)] == [False] * 4 + [True]
    assert rows[0].message == runs.LINK.findings[0].message
    (waiver,) = waivers
    assert (waiver.entry, waiver.owner, waiver.expires) == (runs.LINK.key, "ada", "2027-03-31")


def test_closing_results_have_their_subjects(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        end: Closing = replace(closing(clock.now), results=(runs.ROLLBACK,))
        assert [same(result, runs.ROLLBACK) for result in run.finish(end).results] == [True]
