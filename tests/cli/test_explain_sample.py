"""``almguard explain --sample``."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.cli import main


def test_a_sample_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run(["explain", "--sample", "pull-request"]) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    assert document["pr"]["title"] == "Add refunds"
    assert document["reviews"][0]["opinion"] == "approved"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["explain", "--sample", "pul_request"],
            "There is no kind of subject 'pul_request', did you mean 'pull_request'.",
        ),
        (["explain", "--sample", "x"], "There is no kind of subject 'x'; there are pull_request, branch, repository,"),
        (["explain", "approvals", "--sample", "branch"], "--sample goes with a kind of subject alone"),
        (["explain", "--effective", "--sample", "branch"], "--sample goes with a kind of subject alone"),
    ],
)
def test_what_is_no_kind_of_subject(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
