"""What the documents show is true: policies load, scenarios are valid, commands exist, links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from bot.cli.main import almguard, run
from bot.policy.casefile import load_cases
from bot.policy.configuration import Configuration
from bot.policy.frameworks import parse_framework
from bot.policy.load import load_configuration
from bot.policy.loader import parse_yaml
from bot.policy.references import Fetched, Reference
from bot.policy.waivers import bind, read_waivers
from bot.sandbox.scenario import Scenario

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAME = re.compile(r"# ([\w./-]+\.ya?ml)\n")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Example:
    """The files of the example that the guides speak of."""

    root = ROOT / "docs" / "examples" / "payments"

    def read(self, path: str) -> tuple[str, str] | None:
        found = self.root / path
        return (found.read_text(encoding="utf-8"), path) if found.is_file() else None

    def list(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())


class Elsewhere:
    """Another repository, whose every policy is empty."""

    def fetch(self, reference: Reference) -> Fetched:
        text = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: base}\noverride: allow\nrules: []\n"
        return Fetched(text, str(reference), True)


class Around:
    """What the policy tests in the guides refer to: packs, and files that a block of the guides is."""

    def find(self, path: str) -> str | None:
        return os.path.normpath(f"policies/tests/{path}")

    def read(self, name: str) -> str:
        case = "{name: as it was, facts: {reviews: []}, expect: {verdict: waiting}}"
        recorded = f"apiVersion: almguard/v1\nkind: Tests\npolicy: ../payments.yml\ncases: [{case}]"
        return recorded if name == "policies/tests/pr-12.yml" else files()[name]

    def configuration(self, name: str) -> Configuration:
        if name.startswith("pack:"):
            config = f"apiVersion: almguard/v1\nkind: Config\npolicies: ['{name}']"
            return load_configuration(config, name)
        return load_configuration(files()[name], name)


def files() -> dict[str, str]:
    """The blocks of YAML that begin with the name of a file."""
    named = ((NAME.match(text), text) for text in YAML.values())
    return {match[1]: text for match, text in named if match is not None}


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for number, match in enumerate(BLOCK.finditer(document.read_text(encoding="utf-8"))):
            if match[1] == language:
                yield f"{document.relative_to(ROOT)}[{number}]", match[2]


def commands() -> Iterator[tuple[str, str]]:
    for where, text in [*blocks("console"), *blocks("sh")]:
        for line in text.splitlines():
            for part in line.removeprefix("$ ").split("&&"):
                words = part.split()
                if words and words[0].endswith("almguard"):
                    yield f"{where}: {part.strip()}", part.strip()


YAML = dict(blocks("yaml"))
COMMANDS = dict(commands())


@pytest.mark.parametrize("where", YAML)
def test_every_yaml_example_is_valid(where: str) -> None:
    text = YAML[where]
    document = yaml.safe_load(text)
    if isinstance(document, dict) and document.get("kind") == "Scenario":
        Scenario.model_validate(document)
    elif isinstance(document, dict) and document.get("kind") == "Waivers":
        written, problems = read_waivers(parse_yaml(text, where))
        members = [policy.members() for policy in example().policies]
        _, unbound = bind(written, {key: each.kinds for of in members for key, each in of.items()})
        assert written
        assert not [*problems, *unbound]
    elif isinstance(document, dict) and document.get("kind") == "Tests":
        assert load_cases(text, "policies/tests/a.yml", Around()).cases
    elif isinstance(document, dict) and "apiVersion" in document:
        assert load_configuration(text, where, Example(), Elsewhere()).policies
    elif isinstance(document, dict) and "controls" in document:
        assert parse_framework(text, where).controls
    elif isinstance(document, list):
        indented = "".join(f"  {line}\n" for line in text.splitlines())
        policy = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: example}\nrules:\n" + indented
        assert load_configuration(policy, where, Example(), Elsewhere()).policies
    else:
        assert document is not None


def test_the_first_policy_tests_end_as_the_guide_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("policies/payments.yml", "policies/tests/payments.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(files()[name], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    ((command, shown),) = (
        text.removeprefix("$ almguard ").split("\n", 1)
        for where, text in blocks("console")
        if where.startswith("docs/testing.md") and "4 cases" in text
    )
    assert run(shlex.split(command)) == 0
    assert capsys.readouterr().out == shown


def test_the_waivers_of_the_example_are_listed_as_the_guide_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Example.root)
    monkeypatch.setenv("COLUMNS", "100")
    ((command, shown),) = (
        text.removeprefix("$ almguard ").split("\n", 1)
        for where, text in blocks("console")
        if where.startswith("docs/waivers.md") and "1 waiver" in text
    )
    assert run(shlex.split(command)) == 0
    assert capsys.readouterr().out == shown


def example() -> Configuration:
    text = (Example.root / "almguard.yml").read_text(encoding="utf-8")
    return load_configuration(text, "almguard.yml", Example(), Elsewhere())


def test_the_example_of_a_whole_configuration_loads_and_is_the_one_in_the_guide() -> None:
    text = (Example.root / "almguard.yml").read_text(encoding="utf-8")
    assert [(policy.name, len(policy.waivers)) for policy in example().policies] == [("payments", 1)]
    shown = next(
        block for where, block in YAML.items() if where.startswith("docs/policy.md") and "kind: Config" in block
    )
    assert yaml.safe_load(shown) == yaml.safe_load(text)


@pytest.mark.parametrize("where", COMMANDS)
def test_every_command_shown_exists_and_takes_these_options(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(COMMANDS[where])[1:]
    for word in words:
        if word.endswith(".yml") and not word.startswith("-"):
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).write_text("")
    group = click.Context(almguard)
    name, command, rest = almguard.resolve_command(group, words)
    assert command is not None
    command.make_context(name, list(rest), parent=group)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_project_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_there_are_examples_to_check() -> None:
    assert len(YAML) >= 3
    assert len(COMMANDS) > 8


def test_the_readme_names_every_rule() -> None:
    named = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    assert sorted(named) == sorted(page.stem for page in (ROOT / "docs" / "rules").glob("[!R]*.md"))
