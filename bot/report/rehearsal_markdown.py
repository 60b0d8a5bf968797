"""A rehearsal in Markdown: to be pasted into the pull request that changes the policy, or for a job's summary."""

from __future__ import annotations

from bot.model.rehearsal import Rehearsal, Rehearsed
from bot.model.results import Verdict
from bot.report import rehearsal as told
from bot.report.grouping import counted
from bot.report.markdown import SIGNS
from bot.report.sanitize import address, code, markdown

ROWS = 100
GAPS = 20
WHY = 200


def render(rehearsal: Rehearsal) -> str:
    """The whole report."""
    tally = told.verdicts(rehearsal, [one.by for one in rehearsal.rehearsed])
    lines = [f"## Rehearsal: {markdown(told.counted(rehearsal, tally))}", "", f"{markdown(told.span(rehearsal))}, as "]
    lines[-1] += "they stood when they were merged. Nothing was posted."
    lines += ["", f"Policy: {markdown(told.policies(rehearsal))}."]
    if rehearsal.compares:
        before = told.verdicts(rehearsal, [one.before for one in rehearsal.rehearsed if one.before is not None])
        lines += ["", f"In force today: {markdown(told.counted(rehearsal, before))}."]
    if said := told.today_sentence(rehearsal):
        lines += ["", f"> {markdown(said)}"]
    lines += [line for notice in rehearsal.notices for line in ("", f"> {markdown(notice)}")]
    shown = [one for one in told.rows(rehearsal) if _matters(rehearsal, one)]
    if shown:
        lines += [
            "",
            f"| pull request | merged | {_verdict_heading(rehearsal)} | by | why |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [_row(rehearsal, one) for one in shown[:ROWS]]
    if len(shown) > ROWS:
        lines += ["", f"… and {len(shown) - ROWS} more."]
    lines += _entries(rehearsal)
    if rehearsal.gaps:
        lines += ["", f"### Not read: {counted(len(rehearsal.gaps), 'thing')}", ""]
        lines += [f"- {markdown(gap.name, 100)}: {markdown(gap.reason, 300)}" for gap in rehearsal.gaps[:GAPS]]
        lines += [f"- … and {len(rehearsal.gaps) - GAPS} more"] if len(rehearsal.gaps) > GAPS else []
    requests = counted(sum(rehearsal.requests.values()), "request")
    lines += ["", f"<sub>{requests} · as of {rehearsal.now:%Y-%m-%d %H:%M} UTC · almguard {rehearsal.version}</sub>"]
    return "\n".join(lines) + "\n"


def _matters(rehearsal: Rehearsal, one: Rehearsed) -> bool:
    return told.changes_verdict(rehearsal, one) or rehearsal.trial(one.by).verdict is not Verdict.PASSED


def _verdict_heading(rehearsal: Rehearsal) -> str:
    return "in force → rehearsed" if rehearsal.compares else "verdict"


def _row(rehearsal: Rehearsal, one: Rehearsed) -> str:
    subject, trial = one.subject, rehearsal.trial(one.by)
    label, url = markdown(subject.name, 80), address(subject.url)
    name = f"[{label}]({url})" if url else label
    verdict = f"{SIGNS[trial.verdict]} {told.WORDS[trial.verdict]}"
    if one.before is not None:
        before = rehearsal.trial(one.before).verdict
        verdict = f"{SIGNS[before]} {told.WORDS[before]} → {verdict}"
    deciding = told.deciding(trial)
    keys = "<br>".join(code(result.key, 100) for result in deciding)
    why = "<br>".join(markdown(told.why(result), WHY) for result in deciding)
    return f"| {name} {markdown(subject.title, 80)} | {one.merged_at:%Y-%m-%d} | {verdict} | {keys} | {why} |"


def _entries(rehearsal: Rehearsal) -> list[str]:
    tallies = told.by_entry(rehearsal)
    if not tallies:
        return []
    if not rehearsal.compares:
        lines = ["", "| entry | enforced | pull requests |", "| --- | --- | --- |"]
        return lines + [f"| {code(one.key, 100)} | {one.enforcement.value} | {told.tallied(one)} |" for one in tallies]
    before = {one.key: one for one in told.by_entry(rehearsal, before=True)}
    after = {one.key: one for one in tallies}
    lines = ["", "| entry | in force | rehearsed |", "| --- | --- | --- |"]
    keys = [*after, *(key for key in before if key not in after)]
    return lines + [
        f"| {code(key, 100)} | {told.tallied(before.get(key))} | {told.tallied(after.get(key))} |" for key in keys
    ]
