"""Which code-scanning results were uploaded: of a repository's default branch and of its pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.scenario import AnalysisPart

if TYPE_CHECKING:
    from bot.sandbox.world import Repository


def analyses(each: Repository) -> list[AnalysisPart]:
    """What was uploaded; where the scenario is silent, everything by every tool."""
    if each.part.analyses is not None:
        return each.part.analyses
    tools = dict.fromkeys(["CodeQL", *(part.tool for part in each.part.alerts if part.kind == "code")])
    return [
        AnalysisPart(tool=tool, pull_request=number) for tool in tools for number in (None, *sorted(each.pull_requests))
    ]
