"""The analyzer catalogue: what ships, what a user adds, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.analyzers import AnalysisKind
from bot.model.globs import matches
from bot.policy.catalogue import WAYS, load_catalogue, parse_catalogue
from bot.policy.loader import PolicyError

MINE = """\
analyzers:
  - id: house-scan
    name: House scan
    kinds: [sast]
    url: https://example.org/scan
    commands: [house scan]
"""


def test_the_shipped_catalogue_covers_every_kind():
    catalogue = load_catalogue()
    assert len(catalogue.analyzers) > 100
    for kind in AnalysisKind:
        assert len(catalogue.of_kind(kind)) >= 5, kind


def test_every_way_of_recognising_leads_to_one_tool():
    """Two tools with one name would each count as the other."""
    for way in WAYS:
        owners: dict[str, str] = {}
        for analyzer in load_catalogue().analyzers:
            if way == "apps" and analyzer.checks:
                continue  # an app may report for several tools: there the check's name tells which
            for value in getattr(analyzer, way):
                other = owners.setdefault(value.lower(), analyzer.id)
                assert other == analyzer.id, f"{way}: {value} is both {other} and {analyzer.id}"


def test_names_are_written_as_they_are_matched():
    for analyzer in load_catalogue().analyzers:
        assert all("@" not in name and "/" in name for name in analyzer.actions), analyzer.id
        assert all("@" not in task for task in analyzer.tasks), analyzer.id
        assert all(command == " ".join(command.split()) for command in analyzer.commands), analyzer.id


@pytest.mark.parametrize(
    ("tool", "path", "covered"),
    [
        ("ruff", "src/app/main.py", True),
        ("ruff", "docs/index.md", False),
        ("codeql", "README.md", False),
        ("codeql", "web/src/app.tsx", True),
        ("hadolint", "images/api/Dockerfile.dev", True),
        ("actionlint", ".github/workflows/ci.yml", True),
        ("actionlint", "deploy/values.yml", False),
        ("npm-audit", "web/package-lock.json", True),
    ],
)
def test_what_a_tool_covers(tool: str, path: str, covered: bool):
    analyzer = next(each for each in load_catalogue().analyzers if each.id == tool)
    assert matches(path, analyzer.covers) is covered


def test_a_users_file_adds_and_replaces(tmp_path: Path):
    mine = tmp_path / "mine.yml"
    mine.write_text(MINE + MINE.partition("\n")[2].replace("house-scan", "ruff"))
    shipped, both = load_catalogue(), load_catalogue([mine])
    assert len(both.analyzers) == len(shipped.analyzers) + 1
    assert {each.id: each for each in both.analyzers}["ruff"].commands == ("house scan",)


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("kinds: [sast]", "kinds: [sats]"), 4, "did you mean 'sast'"),
        (("commands: [house scan]", "command: [house scan]"), 6, "did you mean 'commands'"),
        (("    commands: [house scan]\n", ""), 2, "nothing would recognise"),
        (("id: house-scan", "id: House Scan"), 2, "form"),
        (("    name: House scan\n", ""), 2, "the key 'name' is missing"),
        (("commands: [house scan]", "checks: ['[a']"), 6, "no ']' closes"),
        (("commands: [house scan]", "covers: ['!']"), 6, "gitignore"),
        (("url: https", "url: http"), 5, "form"),
    ],
)
def test_mistakes_have_their_place(change: tuple[str, str], line: int, said: str):
    with pytest.raises(PolicyError) as caught:
        parse_catalogue(MINE.replace(*change), "mine.yml")
    assert any(problem.line == line and said in problem.message for problem in caught.value.problems), caught.value


def test_an_id_given_twice_is_refused():
    with pytest.raises(PolicyError, match=r"mine.yml:7:5: analyzers\[1\].id: the tool 'house-scan' is already"):
        parse_catalogue(MINE + MINE.partition("\n")[2], "mine.yml")


def test_mistakes_of_all_files_are_told_at_once(tmp_path: Path):
    broken = tmp_path / "broken.yml"
    broken.write_text("analyzers: [\n")
    with pytest.raises(PolicyError) as caught:
        load_catalogue([broken, tmp_path / "gone.yml"])
    assert len({problem.file for problem in caught.value.problems}) == 2
