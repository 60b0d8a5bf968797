from __future__ import annotations

import re

import pytest
from hypothesis import given

from bot.model.annotations import Annotation, Level
from bot.report import log_commands
from tests.report.hostile import texts

GITHUB = re.compile(r"^::(?P<name>[a-z-]+)(?: (?P<properties>[^:\n]*))?::(?P<text>.*)$")
AZURE = re.compile(r"^##vso\[(?P<name>[a-z.]+)(?: (?P<properties>[^\]]*))?\](?P<text>.*)$")


def annotation(
    level: Level = Level.FAILURE, path: str = "src/a.py", message: str = "Wrong.\nWhat to do: Right."
) -> Annotation:
    return Annotation(path, 3, level, "p/alerts", "p/alerts (high)", message, message, "k-1")


def test_github_shows_a_finding_at_its_line() -> None:
    (line,) = log_commands.github_annotations([annotation()])
    assert line == "::error file=src/a.py,line=3,title=p/alerts (high)::Wrong.%0AWhat to do: Right."


def test_azure_pipelines_counts_it_among_its_issues() -> None:
    (line,) = log_commands.azure_issues([annotation(Level.WARNING)])
    assert line == (
        "##vso[task.logissue type=warning;sourcepath=src/a.py;linenumber=3;columnnumber=1;code=p/alerts;]"
        "Wrong. What to do: Right."
    )
    assert list(log_commands.azure_issues([annotation(Level.NOTICE)])) == []


def test_variables_and_tags() -> None:
    assert log_commands.azure_variable("verdict", "blocked") == (
        "##vso[task.setvariable variable=verdict;isOutput=true;]blocked"
    )
    assert log_commands.azure_command("build.addbuildtag", "almguard-blocked") == (
        "##vso[build.addbuildtag]almguard-blocked"
    )


def test_no_more_than_are_shown() -> None:
    many = [annotation()] * 30 + [annotation(Level.WARNING)] * 30
    assert [line.split(" ")[0] for line in log_commands.github_annotations(many)] == ["::error"] * 10 + [
        "::warning"
    ] * 10


@pytest.mark.parametrize("text", ["100% sure", "a;b]c:d,e", "%0A%25%AZP25"])
def test_what_is_escaped_is_read_back(text: str) -> None:
    (github,) = log_commands.github_annotations([annotation(path=text, message=text)])
    found = GITHUB.match(github)
    assert found
    told = dict(one.split("=", 1) for one in found["properties"].split(","))

    def github_value(escaped: str) -> str:
        for sign, code in ((":", "%3A"), (",", "%2C"), ("\n", "%0A"), ("%", "%25")):
            escaped = escaped.replace(code, sign)
        return escaped

    assert (github_value(told["file"]), github_value(found["text"])) == (text, text)
    (azure,) = log_commands.azure_issues([annotation(path=text, message=text)])
    found = AZURE.match(azure)
    assert found
    told = dict(one.split("=", 1) for one in found["properties"].split(";") if one)

    def azure_value(escaped: str) -> str:
        for sign, code in ((";", "%3B"), ("]", "%5D"), ("%", "%AZP25")):
            escaped = escaped.replace(code, sign)
        return escaped

    assert (azure_value(told["sourcepath"]), azure_value(found["text"])) == (text, text)


@given(text=texts)
def test_no_text_makes_a_second_command(text: str) -> None:
    one = annotation(path=text, message=text)
    for line in (*log_commands.github_annotations([one]), log_commands.github_command("notice", text, title=text)):
        assert "\n" not in line
        assert "\r" not in line
        found = GITHUB.match(line)
        assert found
        assert "##" not in line
        assert "::" not in found["text"]
    azure = [*log_commands.azure_issues([one]), log_commands.azure_variable("name", text)]
    for line in azure:
        assert len(line.splitlines()) == 1
        found = AZURE.match(line)
        assert found
        assert "##" not in line[2:]
        assert {part.split("=")[0] for part in found["properties"].split(";")} <= {
            "type", "sourcepath", "linenumber", "columnnumber", "code", "variable", "isOutput", "",
        }  # fmt: skip
