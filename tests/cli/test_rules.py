"""The command ``rules``: the catalogue, and what of a framework it covers."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from bot.cli import main
from bot.cli.rules import command
from bot.policy.frameworks import shipped_frameworks
from bot.rules.registry import rules

MAP = """\
id: acme
name: ACME controls
version: "3"
source: https://acme.example/
scope: Changes.
controls:
  - {id: CHG-1, title: Every change has a reason, rules: [requirement-link]}
  - {id: CHG-2, title: Deployments are announced, rules: []}
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


def test_the_table_lists_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["rules"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{name} " in said for name in rules())


@pytest.mark.parametrize("name", shipped_frameworks())
def test_every_shipped_framework_is_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["rules", "--framework", name, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["framework"]["id"] == name
    assert 0 < said["covered"] < said["listed"] == len(said["controls"])
    assert said["unlisted"] == []
    assert main.run(["rules", "--framework", name]) == 0
    printed = capsys.readouterr().out
    assert f"{said['covered']} of the {said['listed']} controls listed" in printed
    assert all(control["id"] in printed for control in said["controls"])


def test_the_name_may_be_written_in_capitals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["rules", "--framework", "SOC2"]) == 0
    assert "CC8.1" in capsys.readouterr().out


def test_help_names_the_frameworks() -> None:
    option = next(each for each in command.params if each.name == "framework")
    assert isinstance(option, click.Option)
    assert ", ".join(shipped_frameworks()) in (option.help or "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sok2", "there is no framework 'sok2', did you mean 'soc2'"),
        ("pci", "there is iso27001, nist-ssdf, osps-baseline, scorecard, slsa-source, soc2"),
        ("", "there is no framework ''"),
        ("gone.yml", "gone.yml:1:1: the framework map cannot be read: No such file or directory"),
        ("../soc2", "the framework map cannot be read"),
        (".", "the framework map cannot be read"),
    ],
)
def test_an_unknown_framework_is_told(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run(["rules", "--framework", name]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert "error in almguard itself" not in printed.err
    assert printed.out == ""


def test_a_map_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "acme.yml"
    path.write_text(MAP, encoding="utf-8")
    assert main.run(["rules", "--framework", str(path)]) == 0
    assert "1 of the 2 controls listed" in capsys.readouterr().out
    path.write_text(MAP.replace("requirement-link", "requirement-lnk").replace("scope", "scpoe"), encoding="utf-8")
    assert main.run(["rules", "--framework", str(path)]) == 2
    said = capsys.readouterr().err
    assert "acme.yml:5:1" in said
    assert "did you mean 'scope'" in said
    assert "did you mean 'requirement-link'" in said


def test_a_framework_is_shown_and_pages_are_written_but_not_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["rules", "--framework", "soc2", "--write", str(tmp_path)]) == 2
    assert "Give one of them" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
