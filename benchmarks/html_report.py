"""The HTML report of ten thousand repositories: how long it takes to write, its size, and how long Chromium needs to open it.

Opened means that the list is drawn and can be clicked. Needs Chromium on the PATH, and playwright (the ``dev`` extra).
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from bot.model.findings import Evidence, Finding, Severity
from bot.model.results import Enforcement, Outcome, Result, Run
from bot.model.subjects import Organization, Platform, Repository
from bot.report import html_report

RULES = (
    "branch-protection",
    "secret-scanning",
    "static-analysis-configured",
    "approvals",
    "requirement-link",
    "rollback-ready",
)


def run_of(amount: int) -> Run:
    """A scan of that many repositories; of their results a fifth fails."""
    chance = random.Random(7)
    acme = Organization("github.com/organization/1", "acme", Platform.GITHUB, "https://github.com/acme")
    results = []
    for number in range(amount):
        name = f"acme/service-{number:05}"
        home = Repository(f"github.com/repository/{number}", name, Platform.GITHUB, f"https://github.com/{name}",
                          organization=acme, short_name=name[5:], default_branch="main")  # fmt: skip
        results += [result(home, rule, chance) for rule in RULES]
    now = datetime.now(UTC)
    return Run("1", "scan", "0", now, now, now, {"github": 1}, 1, (), (), tuple(results))


def result(home: Repository, rule: str, chance: random.Random) -> Result:
    """One that passes, mostly."""
    made = Result(f"baseline/{rule}", "baseline", rule, home, Outcome.PASS, Enforcement.BLOCK, Severity.HIGH)
    if chance.random() > 0.2:
        return made
    said = f"{rule} does not hold on {home.name}"
    finding = Finding(said, "Turn it on in the settings.", (Evidence("setting", "off", home.url),))
    return replace(made, outcome=Outcome.FAIL, findings=(finding,), enforcement=chance.choice(list(Enforcement)[1:]))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    run = run_of(given.repositories)
    html_report.render(replace(run, results=tuple(run.results)[:6]))  # what is loaded once is not counted
    began = time.perf_counter()
    page = html_report.render(run)
    wrote = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as player:
        path = Path(folder) / "report.html"
        path.write_text(page)
        browser = player.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        opened, searched = [], []
        for _ in range(given.runs):
            tab = browser.new_page()
            began = time.perf_counter()
            tab.goto(path.as_uri())
            expect(tab.locator("#rows button.name")).to_have_count(100)
            opened.append(time.perf_counter() - began)
            began = time.perf_counter()
            tab.locator("#search").fill("service-00042")
            expect(tab.locator("#rows button.name")).to_have_count(1)
            searched.append(time.perf_counter() - began)
            tab.close()
        browser.close()
    print(
        f"{given.repositories} repositories, {len(run.results)} results: written in {wrote:.2f} s, {len(page) / 1e6:.1f} MB; "
        f"opened in {statistics.median(opened):.2f} s (most {max(opened):.2f}), searched in {statistics.median(searched):.2f} s"
    )


if __name__ == "__main__":
    main()
