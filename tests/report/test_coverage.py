"""What of a framework is covered, as a person and as a program read it."""

from __future__ import annotations

import io
import json

from rich.console import Console

from bot.policy.frameworks import Control, Coverage, Framework
from bot.report import coverage

LINK = Control(id="CHG-1", title="Every change has a reason", rules=("requirement-link",), note="Of code alone.")
ALARM = Control(id="CHG-2", title="An alarm \x1b[31mrings ::error:: — and ##vso[task] is heard", rules=())
FRAMEWORK = Framework(
    id="acme",
    name="ACME controls",
    version="3",
    source="https://acme.example/" + "long/" * 30,
    scope="Changes.",
    controls=(LINK, ALARM),
)


def found(*unlisted: tuple[str, tuple[str, ...]]) -> Coverage:
    return Coverage(FRAMEWORK, ((LINK, ("approvals", "requirement-link")), (ALARM, ())), unlisted)


def shown(what: Coverage, encoding: str = "utf-8") -> str:
    buffer = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    coverage.render(what, Console(file=buffer, width=80, color_system=None))
    buffer.flush()
    buffer.seek(0)
    return buffer.read()


def test_what_is_covered_stands_before_what_is_not() -> None:
    said = shown(found())
    assert [line.split()[0] for line in said.splitlines() if line.startswith("CHG")] == ["CHG-1", "CHG-2"]
    assert said.index("CHG-1") < said.index("No rule covers:") < said.index("CHG-2")
    assert "1 of the 2 controls listed have evidence from a rule, 1 from none." in said
    assert "approvals" in said
    assert "  Of code alone." in said


def test_the_source_stays_on_one_line() -> None:
    assert f"Source: {FRAMEWORK.source}" in shown(found()).splitlines()


def test_what_only_rules_name_is_told() -> None:
    assert "does not list" not in shown(found())
    assert "the map does not list: CHG-9 (approvals, mine)." in shown(found(("CHG-9", ("approvals", "mine")))).replace(
        "\n", " "
    )


def test_words_of_a_map_are_words() -> None:
    said = shown(found(), "ascii")
    assert "\x1b" not in said
    assert "::" not in said
    assert "##vso" not in said
    assert "rings : :error: : ? and" in said.replace("\n", " ")


def test_a_framework_without_a_gap_has_no_such_table() -> None:
    said = shown(Coverage(FRAMEWORK, ((LINK, ("requirement-link",)),), ()))
    assert "No rule covers" not in said
    assert "1 of the 1 control listed" in said


def test_json_has_everything() -> None:
    said = json.loads(coverage.as_json(found(("CHG-9", ("mine",)))))
    assert said["framework"] == {
        "id": "acme",
        "name": "ACME controls",
        "version": "3",
        "source": FRAMEWORK.source,
        "scope": "Changes.",
    }
    assert (said["listed"], said["covered"]) == (2, 1)
    assert said["controls"][0] == {
        "id": "CHG-1",
        "title": "Every change has a reason",
        "rules": ["approvals", "requirement-link"],
        "note": "Of code alone.",
    }
    assert said["controls"][1]["note"] is None
    assert said["unlisted"] == [{"id": "CHG-9", "rules": ["mine"]}]
