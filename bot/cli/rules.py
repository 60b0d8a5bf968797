"""``almguard rules``: the catalogue, its pages, and what of a control framework it covers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bot.policy.frameworks import Framework


@click.command("rules")
@click.option("--format", "format_", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True)
@click.option(
    "--framework",
    metavar="NAME|FILE",
    help="Show which controls of a framework the rules give evidence for: iso27001, nist-ssdf, osps-baseline, scorecard, "
    "slsa-source, soc2, or a map of your own (my-framework.yml).",
)
@click.option("--write", type=click.Path(file_okay=False, path_type=Path), help="Write each rule's page into a folder.")
@click.option("--check", type=click.Path(file_okay=False, path_type=Path), help="Exit 2 unless the folder is current.")
def command(format_: str, framework: str | None, write: Path | None, check: Path | None) -> int:
    """List the rules, hold them against a control framework, or write their pages (docs/rules/)."""
    from bot.cli.failures import Refusal

    if framework is not None:
        if write is not None or check is not None:
            raise Refusal("--framework shows something; --write and --check are about pages. Give one of them.")
        _print_coverage(framework, format_)
        return 0

    from bot.cli.output import write_whole
    from bot.platforms.readings import READINGS
    from bot.report import rule_page
    from bot.rules.registry import rules

    pages = {f"{rule.id}.md": rule_page.page(rule, READINGS) for rule in rules().values()}
    pages["README.md"] = rule_page.index(tuple(rules().values()), READINGS)
    if write is not None:
        for name, text in pages.items():
            write_whole(write / name, text)
        for stale in sorted(set(write.glob("*.md")) - {write / name for name in pages}):
            stale.unlink()
        return 0
    if check is not None:
        present = {path.name: path.read_text(encoding="utf-8") for path in check.glob("*.md")}
        wrong = sorted(name for name in present.keys() | pages.keys() if present.get(name) != pages.get(name))
        if wrong:
            raise Refusal(f"not current: {', '.join(wrong)}. Run: almguard rules --write {check}")
        return 0
    if format_ == "json":
        _print_json()
    else:
        _print_table()
    return 0


def _print_coverage(name: str, format_: str) -> None:
    from rich.console import Console

    from bot.policy.frameworks import coverage
    from bot.report.coverage import as_json, render

    found = coverage(_framework(name))
    if format_ == "json":
        click.echo(as_json(found))
    else:
        render(found, Console(highlight=False, markup=False))


def _framework(name: str) -> Framework:
    """A shipped map by its id, or the user's own by its path."""
    from bot.cli.failures import Refusal
    from bot.policy.frameworks import read_framework, shipped_framework, shipped_frameworks
    from bot.policy.problems import PolicyError, did_you_mean

    try:
        if name.endswith((".yml", ".yaml")) or Path(name).name != name:
            return read_framework(Path(name))
        known = shipped_frameworks()
        if name.lower() in known:
            return shipped_framework(name.lower())
    except PolicyError as error:
        raise Refusal(f"the framework map does not load:\n{error}") from None
    hint = did_you_mean(name.lower(), known) or f"; there is {', '.join(known)}"
    raise Refusal(f"there is no framework {name!r}{hint}. A map of your own is named by its file: my-framework.yml")


def _print_json() -> None:
    import json

    from bot.rules.registry import rules

    listed = [
        {
            "id": rule.id,
            "title": rule.title,
            "family": rule.family,
            "severity": rule.severity.value,
            "subjects": [kind.kind for kind in rule.variants],
            "controls": list(rule.controls),
        }
        for rule in rules().values()
    ]
    click.echo(json.dumps(listed, indent=2))


def _print_table() -> None:
    from rich.console import Console
    from rich.table import Table

    from bot.rules.registry import rules

    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "judges", "severity", "passes when"):
        table.add_column(heading, no_wrap=heading != "passes when")
    for rule in rules().values():
        subjects = ", ".join(kind.kind.replace("_", " ") for kind in rule.variants)
        table.add_row(rule.id, subjects, rule.severity.value, rule.title)
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print("\nalmguard explain RULE tells everything about one of them.")
