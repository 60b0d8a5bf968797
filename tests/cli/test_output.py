"""Files are written whole or not at all, in pieces, and without credentials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli.failures import Refusal
from bot.cli.options import FORMATS
from bot.cli.output import AT_ONCE, emit, pieces_of, show, text_of, write_whole
from bot.model.findings import Evidence, Finding
from bot.model.results import Outcome
from bot.platforms import redaction
from tests.report import runs


def test_a_file_whose_text_breaks_off_is_not_written(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield "x" * AT_ONCE * 2
        raise RuntimeError("the store went away")

    path = tmp_path / "new" / "report.json"
    with pytest.raises(RuntimeError):
        write_whole(path, broken())
    assert not path.parent.exists()
    write_whole(path, "old\n")
    with pytest.raises(RuntimeError):
        write_whole(path, broken())
    assert [(each.name, each.read_text()) for each in path.parent.iterdir()] == [("report.json", "old\n")]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal, match="cannot be written"):
        write_whole(tmp_path / "file" / "report.json", iter(["a"]))


def test_a_text_in_pieces_ends_with_one_new_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for pieces in (["a", "b\n"], ["a", "b"]):
        show(pieces)
        assert capsys.readouterr().out == "ab\n"
        write_whole(tmp_path / "file", iter(pieces))
        assert (tmp_path / "file").read_text() == "ab\n"


@pytest.mark.parametrize("kind", FORMATS)
def test_no_piece_of_any_format_tells_a_credential(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", ())
    redaction.register("s3cret-of-acme")
    token = "ghp_" + "a" * 36
    said = f"s3cret-of-acme and {token}"
    finding = Finding(said, said, (Evidence(said, said, f"https://e.example/?token={token}"),))
    subject = replace(runs.repository(), name=said)
    made = [
        runs.result("approvals", Outcome.FAIL, replace(subject, id=f"github.com/repository/{n}"), findings=(finding,))
        for n in range(40)
    ]
    run = runs.run(*made, notices=(said,), command="scan")
    pieces = list(pieces_of(run, kind, verbose=True))
    assert all("s3cret" not in piece and "ghp_" not in piece for piece in pieces)
    assert "s3cret" not in text_of(run, kind)


def test_printed_and_written_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("json", "jsonl", "sarif", "junit", "csv", "markdown", "html"):
        emit(runs.survey(), kind, [(kind, tmp_path / kind)], verbose=False)
        printed = capsys.readouterr().out
        assert printed.replace("\r\n", "\n") == (tmp_path / kind).read_text(encoding="utf-8")
