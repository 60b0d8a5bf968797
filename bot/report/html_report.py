"""A run as one HTML file that needs nothing else: no request leaves it, and what is in it is data, never markup.

The page is made of what the run holds, packed so that ten thousand repositories open at once: entries, subjects and details
stand once each, and results point at them. Everything from outside reaches the page as text of that data.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from functools import cache

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from bot.model.findings import Evidence, Finding
from bot.model.json_fields import JsonValue
from bot.model.results import AppliedWaiver, Enforcement, Member, Outcome, Result, Run
from bot.policy.packaged import data_file
from bot.report.grouping import counted, owner
from bot.report.overview import headline, sentence
from bot.report.sanitize import address, log_line, plain
from bot.report.survey import NO_RULES
from bot.rules.registry import find

STATES = ("blocks", "waits", "error", "unknown", "warns", "recorded", "excused", "passes", "not-applicable")
"""How a result ended, the worst first: what a reader sees of outcome, enforcement, waiver and baseline."""
TITLES = ("Blocks", "Waits", "Error", "Unknown", "Warns", "Recorded", "Waived or known", "Passes", "Not applicable")
OWN = "own rules"
"""Where groups and rules of one's own stand among the families."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A family in the chart: how many of its results ended in each state, and where each piece is drawn."""

    name: str
    total: int
    pieces: tuple[tuple[str, int, float, float], ...]
    """State, amount, and where it begins and how wide it is, in percent."""


@dataclass(frozen=True, slots=True)
class Waived:
    """A waiver in force, as the page lists it."""

    expires: date
    days: int
    key: str
    subject: str
    reason: str
    owner: str
    approver: str
    ticket: str


def pieces(run: Run) -> Iterator[str]:
    """The page, piece by piece."""
    yield render(run)


def render(run: Run) -> str:
    """The page."""
    script, style = _file("report.js"), _file("report.css")
    counts = Counter(state(result) for result in run.results if result.enforcement is not Enforcement.DISABLED)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=run,
            headline=log_line(headline(run)),
            sentence=log_line(sentence(run)),
            policy=f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'",
            style=Markup(style),  # noqa: S704 - a file of ours
            script=Markup(script),  # noqa: S704 - a file of ours
            data=Markup(_embedded(data(run))),  # noqa: S704 - escaped for where it stands
            tiles=[(name, title, counts[name]) for name, title in zip(STATES, TITLES, strict=True)],
            families=_bars(run),
            waivers=_waivers(run),
            gaps=[(log_line(gap.name), log_line(gap.fact), gap.kind.value, log_line(gap.reason)) for gap in run.gaps],
            seconds=f"{(run.finished_at - run.started_at).total_seconds():.1f}",
            requests=counted(sum(run.requests.values()), "request"),
            moment=run.now.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            homes=counted(len({owner(result.subject).id for result in run.results}), "repository", "repositories"),
        )
    )


def state(result: Result) -> str:
    """How a result ended, as one of ``STATES``."""
    if result.half_known:
        return "unknown"
    if result.excused or result.waived_within:
        return "excused"
    match result.outcome, result.enforcement:
        case Outcome.FAIL, Enforcement.BLOCK:
            return "waits" if result.awaiting else "blocks"
        case Outcome.FAIL, Enforcement.WARN:
            return "warns"
        case Outcome.FAIL, _:
            return "recorded"
        case Outcome.PASS, _:
            return "passes"
        case Outcome.NOT_APPLICABLE, _:
            return "not-applicable"
        case outcome, _:
            return outcome.value


def data(run: Run) -> dict[str, JsonValue]:
    """What the page's script works on; every text is plain, every address one that a browser may be sent to."""
    entries: dict[tuple[str, ...], int] = {}
    homes: dict[str, tuple[int, JsonValue]] = {}
    subjects: dict[str, tuple[int, JsonValue]] = {}
    details: dict[str, int] = {}
    results: list[JsonValue] = []
    for result in run.results:
        if result.enforcement is Enforcement.DISABLED:
            continue
        home = owner(result.subject)
        if home.id not in homes:
            homes[home.id] = (len(homes), [plain(home.name), address(home.url), home.platform.value])
        subject = result.subject
        if subject.id not in subjects:
            about: JsonValue = [plain(subject.name), subject.kind, address(subject.url), homes[home.id][0]]
            subjects[subject.id] = (len(subjects), about)
        entry = (result.key, result.rule, family(result.rule), result.severity.value, plain(result.title, 300))
        told = _detail(result)
        results.append(
            [
                subjects[subject.id][0],
                entries.setdefault(entry, len(entries)),
                STATES.index(state(result)),
                details.setdefault(json.dumps(told), len(details)) if told else -1,
            ]
        )
    return {
        "states": [list(pair) for pair in zip(STATES, TITLES, strict=True)],
        "entries": [list(entry) for entry in entries],
        "homes": [about for _, about in homes.values()],
        "subjects": [about for _, about in subjects.values()],
        "details": [json.loads(text) for text in details],
        "results": results,
    }


@cache
def family(rule_id: str) -> str:
    """The family of a rule."""
    rule = find(rule_id) if rule_id not in NO_RULES else None
    return OWN if rule is None else rule.family.replace("_", " ")


def _detail(result: Result) -> dict[str, JsonValue]:
    """What is told of a result when it is opened; nothing of one that simply passes."""
    told: dict[str, JsonValue] = {}
    if result.findings:
        told["findings"] = [_finding(finding) for finding in result.findings]
    if result.unknown:
        told["unknown"] = [[unknown.kind.value, plain(unknown.reason)] for unknown in result.unknown]
    if result.reason:
        told["reason"] = plain(result.reason)
    if result.evidence and result.outcome is not Outcome.PASS:
        told["evidence"] = [_evidence(item) for item in result.evidence]
    if result.members and (result.outcome is not Outcome.PASS or result.waived_within):
        told["members"] = [_member(member) for member in result.members]
    if result.waiver is not None:
        waiver = result.waiver
        told["waiver"] = plain(f"{waiver.reason} (until {waiver.expires}; approved by {waiver.approver})")
    if result.baseline:
        told["known"] = True
    return told


def _finding(finding: Finding) -> JsonValue:
    place = finding.location
    line = f":{place.line}" if place is not None and place.line is not None else ""
    return {
        "message": plain(finding.message),
        "fix": plain(finding.fix),
        "place": "" if place is None else plain(f"{place.path}{line}"),
        "evidence": [_evidence(item) for item in finding.evidence],
    }


def _evidence(item: Evidence) -> JsonValue:
    return [plain(item.what, 200), plain(item.value), address(item.url) if item.url else None, item.ok]


def _member(member: Member) -> JsonValue:
    said = member.reason or "; ".join(finding.message for finding in member.findings)
    if (waiver := member.waiver) is not None:
        said = f"waived until {waiver.expires}: {waiver.reason}; {said}"
    return [plain(member.key), member.outcome.value, plain(said)]


def _bars(run: Run) -> Sequence[Bar]:
    """The families, the one with most that blocks first."""
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for result in run.results:
        if result.enforcement is not Enforcement.DISABLED and (said := state(result)) != "not-applicable":
            tallies[family(result.rule)][said] += 1
    ordered = sorted(tallies.items(), key=lambda item: ([-item[1][name] for name in STATES[:-2]], item[0]))
    return [_bar(name, tally) for name, tally in ordered]


def _bar(name: str, tally: Mapping[str, int]) -> Bar:
    total, begins, pieces = sum(tally.values()), 0.0, []
    for each in STATES:
        if amount := tally.get(each, 0):
            width = 100 * amount / total
            pieces.append((each, amount, round(begins, 2), round(width, 2)))
            begins += width
    return Bar(name, total, tuple(pieces))


def _waivers(run: Run) -> Sequence[Waived]:
    """What waivers cover, the one that ends first at the top."""
    today = run.now.astimezone(UTC).date()
    listed = []
    for result in run.results:
        for key, waiver in _in_force(result):
            words = (key, result.subject.name, waiver.reason, waiver.owner, waiver.approver, waiver.ticket)
            listed.append(Waived(waiver.expires, (waiver.expires - today).days, *(log_line(word) for word in words)))
    return sorted(listed, key=lambda each: (each.expires, each.key, each.subject))


def _in_force(one: Result | Member) -> Iterator[tuple[str, AppliedWaiver]]:
    """The waiver of an entry and those of its members, each with the key of what it covers."""
    if one.waiver is not None:
        yield one.key, one.waiver
    for member in one.members:
        yield from _in_force(member)


def _embedded(value: JsonValue) -> str:
    """JSON that can stand in a script element: nothing in it ends the element, or begins a comment."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").replace("##", "\\u0023\\u0023")


def _digest(text: str) -> str:
    """A source that the page's own policy lets run: https://www.w3.org/TR/CSP3/#grammardef-hash-source"""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _file(name: str) -> str:
    return data_file("templates/html", name).read_text(encoding="utf-8")


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_file),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["shown"] = log_line
    return environment
