"""The comment on a deployment that waits for a verdict: GitHub takes 1,024 characters of Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.results import Run
from bot.report import sanitize
from bot.report.overview import headline, overview, sentence

LIMIT = 1_024
_LINE = 220
_MORE = "\n- …"


def comment(run: Run, page: str | None) -> str:
    """The verdict, what stands in its way and the lines of evidence, as far as there is room."""
    return _fitted([f"**{_text(headline(run))}**: {_text(sentence(run))}", *_reasons(run)], page)


def not_judged(reason: str, page: str | None) -> str:
    """Why there is no verdict, and what becomes of the deployment."""
    said = _text(" ".join(reason.split()), LIMIT // 2)
    return _fitted(
        [f"**Not judged**: {said}", "The deployment waits. Once that is put right, send the event again."], page
    )


def _reasons(run: Run) -> Iterator[str]:
    groups = overview(run).groups
    for result in (*groups.blocking, *groups.awaiting):
        yield from (f"- ❌ {_text(finding.message)}" for finding in result.findings)
    for unknown in groups.unknowns:
        if unknown.blocks:
            yield f"- ❔ {_text(unknown.reason)}"
    for result in run.results:
        for item in result.evidence:
            if item.ok is not None:
                yield f"- {'✅' if item.ok else '❌'} {_text(item.what, 40)}: {_text(item.value, 100)}"


def _fitted(lines: list[str], page: str | None) -> str:
    there = sanitize.address(page) if page else None
    link = f"\n\n[The whole report]({there})" if there and len(there) < LIMIT // 4 else ""
    text = ""
    for line in lines:
        if len(text) + len(line) + len(_MORE) + len(link) + 2 > LIMIT:
            return f"{text}{_MORE}{link}"
        text += ("\n\n" if text and not line.startswith("- ") else "\n") + line if text else line
    return text + link


def _text(value: str, limit: int = _LINE) -> str:
    return sanitize.markdown(value, limit)
