"""The page: what it is made of, and, in Chromium, what a reader sees and does with it.

The tests in a browser need Chromium on the PATH and the ``dev`` extra. Without them they are skipped, but not where
ALMGUARD_SKIP_NOTHING is set, as it is in ``.ci/run``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from bot.model.findings import Evidence, Finding
from bot.model.results import Enforcement, Member, Outcome, Run
from bot.report import html_report
from tests.report import runs
from tests.report.hostile import texts
from tests.report.test_formats import WAIVER, every

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BROWSABLE = CHROMIUM is not None and importlib.util.find_spec("playwright") is not None


def embedded(page: str) -> dict[str, list[list[object]]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert found
    loaded = json.loads(found[1])
    assert isinstance(loaded, dict)
    flat = loaded["results"]
    loaded["results"] = [flat[at : at + 5] for at in range(0, len(flat), 5)]
    return loaded


@pytest.mark.parametrize("name", runs.ALL)
def test_every_result_is_in_the_page(name: str) -> None:
    run = runs.ALL[name]()
    data = embedded(html_report.render(run))
    told = {
        (data["subjects"][s][0], data["entries"][e][0], data["states"][state][0])
        for s, e, state, _, _ in data["results"]
    }  # type: ignore[call-overload]
    judged = [result for result in run.results if result.enforcement is not Enforcement.DISABLED]
    assert told == {(result.subject.name, result.key, html_report.state(result)) for result in judged}
    assert len(data["results"]) == len(judged)


def test_each_outcome_has_a_state_of_its_own() -> None:
    assert {result.rule: html_report.state(result) for result in every().results} == {
        "secret-scanning": "blocks",
        "approvals": "waits",
        "requirement-link": "warns",
        "branch-protection": "excused",
        "rollback-ready": "unknown",
        "static-analysis-passed": "error",
        "static-analysis-configured": "not-applicable",
        "any_of": "passes",
    }


def test_a_waiver_within_a_group_is_in_force_too() -> None:
    """The group passes by it: without it the page would show no reason why."""
    member = Member("lint", "static-analysis-passed", Outcome.FAIL, (Finding("it failed", ""),), waiver=WAIVER)
    inner = Member("either", "all_of", Outcome.PASS, members=(member,))
    group = runs.result("any_of", Outcome.PASS, members=(inner,))
    assert group.waived_within
    page = html_report.render(runs.run(group))
    assert "<td>lint</td>" in page
    assert "the vendor is slow" in page
    assert "members" in str(embedded(page)["details"])
    direct = html_report.render(runs.run(replace(group, members=(member,))))
    assert "waived until 2027-03-01" in str(embedded(direct)["details"])


@given(texts)
def test_nothing_of_a_report_becomes_markup(text: str) -> None:
    subject = replace(runs.pull_request(), name=text, url=text)
    finding = Finding(text, text, evidence=(Evidence(text, text, text),))
    made = runs.result("approvals", Outcome.FAIL, subject, findings=(finding,), title=text, key=text)
    page = html_report.render(replace(runs.blocked(), subjects=(subject,), results=(made,), notices=(text,)))
    assert page.count("<script") == page.count("</script") == 2
    assert "<!--" not in page
    assert "##vso[" not in page
    embedded(page)


def test_each_result_tells_what_became_of_it() -> None:
    run = runs.followed()
    data = embedded(html_report.render(run))
    told = {
        (data["subjects"][s][0], data["entries"][e][0]): data["changes"][change]  # type: ignore[call-overload]
        for s, e, _, _, change in data["results"]
        if change != -1  # type: ignore[comparison-overlap]
    }
    assert run.changes is not None
    assert told == {
        (changed.after.subject.name, changed.after.key): changed.change.value
        for changed in run.changes
        if changed.after is not None
    }


def test_the_trend_ends_with_this_run_and_is_a_table_too() -> None:
    page = html_report.render(runs.followed())
    assert "From 2026-12-25 to 2027-01-15: 9 failing became 2, 3 not decided became 3." in page
    assert re.findall(r'<th scope="row">(202\S+) 09:30</th>', page) == [
        "2026-12-25",
        "2027-01-01",
        "2027-01-08",
        "2027-01-15",
    ]
    assert "Trend" not in html_report.render(replace(runs.followed(), history=()))


def test_where_nothing_has_changed_it_says_so() -> None:
    page = html_report.render(replace(runs.followed(), changes=()))
    assert "Nothing has changed." in page
    assert "Since 2027-01-08" in page
    assert "Since" not in html_report.render(runs.survey())


def test_coverage_is_told_with_what_the_platform_counts() -> None:
    page = " ".join(html_report.render(runs.followed()).split())
    assert '<td class="number">9</td><td class="number bad">10</td>' in page
    assert "Skipped: 2 archived, 1 fork." in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not BROWSABLE:
        if os.environ.get("ALMGUARD_SKIP_NOTHING"):
            pytest.fail("Chromium and playwright are needed: apt-get install chromium; pip install -e '.[dev]'")
        pytest.skip("needs Chromium and playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        # Chromium's own sandbox does not start for root, as in a container; the only page it opens is ours.
        opened = player.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield opened
        opened.close()


def show(browser: Browser, run: Run, folder: Path, scheme: str = "light") -> Page:
    """The page, opened; whatever it asks the network for, and whatever it complains about, fails the test."""
    path = folder / "report.html"
    path.write_text(html_report.render(run), encoding="utf-8")
    page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    page.set_default_timeout(10_000)
    page.on("console", lambda said: pytest.fail(said.text))
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("request", lambda asked: None if asked.url == path.as_uri() else pytest.fail(asked.url))
    page.goto(path.as_uri())
    return page


def names(page: Page) -> list[str]:
    return page.locator("#rows button.name").all_inner_texts()


def wait_for_one(page: Page) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#rows button.name")).to_have_count(1)


def test_the_worst_comes_first_and_opens(browser: Browser, tmp_path: Path) -> None:
    page = show(browser, runs.survey(), tmp_path)
    assert names(page)[0] == "acme/ledger"
    assert names(page)[-1] == "acme/docs"
    page.get_by_role("button", name="acme/ledger").click()
    assert "links no work item" in page.locator("#rows").inner_text()
    assert "What to do" in page.evaluate("getComputedStyle(document.querySelector('.fix'), '::before').content")
    page.get_by_role("button", name="acme/ledger").click()
    assert page.locator("#rows tr.opened").count() == 0


def test_it_is_searched_and_filtered_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    page = show(browser, runs.survey(), tmp_path)
    whole = names(page)
    page.keyboard.press("/")
    page.keyboard.type("ledger")
    wait_for_one(page)
    assert names(page) == ["acme/ledger"]
    assert page.locator("#shown").inner_text() == f"1 of {len(whole)}"
    page.keyboard.press("Escape")
    assert names(page) == whole
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    assert page.locator("#rows button.name[aria-expanded=true]").all_inner_texts() == whole[:1]
    page.locator("button.tile.blocks").click()
    assert set(names(page)) == {"acme/ledger", "acme/payments"}
    page.locator("#family").select_option("data security")
    assert names(page) == []


def test_it_is_narrowed_to_what_has_changed(browser: Browser, tmp_path: Path) -> None:
    page = show(browser, runs.followed(), tmp_path)
    page.get_by_role("button", name="1 New").click()
    assert names(page) == ["acme/payments"]
    page.locator("#rows button.name").first.click()
    assert "broke" in page.locator("#rows tr.opened h3").inner_text()
    page.keyboard.press("Escape")
    assert len(names(page)) == 4
    assert page.get_by_role("button", name="0 Fixed").is_disabled()
    page.get_by_text("What has changed, the worst first").click()
    assert page.get_by_role("cell", name="acme/old").is_visible()


def test_ten_thousand_repositories_are_drawn_as_they_are_looked_at(browser: Browser, tmp_path: Path) -> None:
    results = tuple(
        runs.result("approvals", Outcome.PASS, runs.repository(f"service-{number:05}", number))
        for number in range(10_000)
    )
    page = show(browser, replace(runs.survey(), results=results, subjects=()), tmp_path)
    assert len(names(page)) == 100
    page.get_by_role("button", name="Show more").click()
    assert len(names(page)) == 200
    page.locator("#search").fill("service-09999")
    wait_for_one(page)
    assert names(page) == ["acme/service-09999"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("run", [runs.survey, every, runs.excused, runs.followed])
def test_it_is_accessible(browser: Browser, tmp_path: Path, run: object, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    assert callable(run)
    page = show(browser, run(), tmp_path, scheme)
    for name in page.locator("#rows button.name").all():
        name.click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_hostile_text_is_shown_and_does_nothing(browser: Browser, tmp_path: Path) -> None:
    said = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    subject = replace(runs.pull_request(), name=said, url="javascript:alert(1)")
    finding = Finding(said, said, evidence=(Evidence(said, said, "javascript:alert(1)"),))
    made = runs.result("approvals", Outcome.FAIL, subject, findings=(finding,))
    page = show(browser, replace(runs.blocked(), subjects=(subject,), results=(made,)), tmp_path)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.locator("#rows button.name").first.click()
    assert said in page.locator("#rows").inner_text()
    assert page.locator("a[href^=javascript]").count() == 0


def test_it_prints_everything_that_it_lists(browser: Browser, tmp_path: Path) -> None:
    page = show(browser, runs.survey(), tmp_path)
    page.emulate_media(media="print")
    assert not page.locator("#filter").is_visible()
    assert page.locator("#rows").is_visible()
