"""A run as one HTML file that needs nothing else: no request leaves it, and what is in it is data, never markup.

The page is made of what the run holds, packed so that ten thousand repositories open at once: entries, subjects and details
stand once each, and results point at them. Everything from outside reaches the page as text of that data.
"""

from __future__ import annotations

import base64
import hashlib
import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from functools import cache
from itertools import islice

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from bot.model.findings import Evidence, Finding
from bot.model.json_fields import JsonValue
from bot.model.ordering import results_in_order
from bot.model.results import AppliedWaiver, Change, Changed, Enforcement, Member, Outcome, Result, Run
from bot.policy.packaged import data_file
from bot.report.grouping import counted, owner
from bot.report.html_history import since, trend
from bot.report.overview import headline, overview, sentence, skipped_for
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

    def order(self) -> tuple[date, str, str]:
        """The one that ends first comes first."""
        return self.expires, self.key, self.subject


def render(run: Run) -> str:
    """The page."""
    return "".join(pieces(run))


def pieces(run: Run) -> Iterator[str]:
    """The page, piece by piece."""
    packed = Packed(run)
    # What stands before is from outside and may be anything; what stands behind is ours alone.
    before, _, after = _frame(run, packed).rpartition(DATA)
    yield before
    for piece in packed.pieces():
        yield _embedded(piece)
    yield after


DATA = "<data>"
"""Where the data goes: in text it would be escaped."""


def _frame(run: Run, packed: Packed) -> str:
    script, style = _file("report.js"), _file("report.css")
    seen = overview(run)
    waivers = packed.waivers
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
            data=Markup(DATA),  # noqa: S704 - a mark of ours
            tiles=[(name, title, packed.counts[name]) for name, title in zip(STATES, TITLES, strict=True)],
            families=packed.bars(),
            by_home=packed.by_home(),
            since=since(run),
            trend=trend(run),
            coverage=sorted(run.coverage, key=lambda one: one.target),
            skipped=skipped_for(run),
            waivers=waivers[:LISTED],
            more_waivers=max(packed.waived - LISTED, 0),
            gaps=[
                (log_line(gap.name), log_line(gap.fact), gap.kind.value, log_line(gap.reason))
                for gap in islice(run.gaps, LISTED)
            ],
            more_gaps=max(len(run.gaps) - LISTED, 0),
            seconds=f"{(run.finished_at - run.started_at).total_seconds():.1f}",
            requests=counted(sum(run.requests.values()), "request"),
            moment=run.now.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            homes=counted(len(seen.table.rows), "repository", "repositories"),
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


LISTED = 500
"""Rows of the page's own tables; the list of repositories has all."""


class Packed:
    """What the page's script works on, in one pass; every text is plain, every address one that a browser may be sent to.

    Entries, homes, subjects and details stand once each, and results, five numbers each, point at them: the subject, the
    entry, the state, the detail (-1: none) and what has changed (-1: nothing).
    """

    def __init__(self, run: Run) -> None:
        self.counts: Counter[str] = Counter()
        self.waivers: list[Waived] = []
        self.waived = 0
        self._entries: dict[tuple[str, ...], int] = {}
        self._homes: dict[str, int] = {}
        self._about: list[str] = []
        """Of the homes, as JSON."""
        self._worst = bytearray()
        """Of the homes, the place in ``STATES``."""
        self._subjects: list[str] = []
        self._details: dict[str, int] = {}
        self._results = array("l")
        self._last = ""
        self._families: dict[str, Counter[str]] = defaultdict(Counter)
        today = run.now.astimezone(UTC).date()
        for result, change in _with_changes(run):
            if result.enforcement is not Enforcement.DISABLED:
                self._add(result, change)
                self._waivers(result, today)
        self.waivers.sort(key=Waived.order)

    def pieces(self) -> Iterator[str]:
        """As JSON, no record in two of them."""
        states: JsonValue = [list(pair) for pair in zip(STATES, TITLES, strict=True)]
        entries: JsonValue = [list(entry) for entry in self._entries]
        changes: JsonValue = [change.value for change in Change]
        yield f'{{"states":{_json(states)},"changes":{_json(changes)},"entries":{_json(entries)}'
        for name, texts in (("homes", self._about), ("subjects", self._subjects), ("details", self._details)):
            yield f',"{name}":['
            for at, text in enumerate(texts):
                yield f",{text}" if at else text
            yield "]"
        yield ',"results":['
        for begin in range(0, len(self._results), AT_ONCE):
            yield ("," if begin else "") + ",".join(map(str, self._results[begin : begin + AT_ONCE]))
        yield "]}"

    def bars(self) -> list[Bar]:
        """The families, the one with most that blocks first."""
        ordered = sorted(self._families.items(), key=lambda item: ([-item[1][name] for name in STATES[:-2]], item[0]))
        return [_bar(name, tally) for name, tally in ordered]

    def by_home(self) -> Bar:
        """The repositories, each by the worst of its results."""
        return _bar("repositories", Counter(STATES[place] for place in self._worst))

    def _add(self, result: Result, change: Change | None) -> None:
        said = state(result)
        place = STATES.index(said)
        self.counts[said] += 1
        if said != "not-applicable":
            self._families[family(result.rule)][said] += 1
        home = owner(result.subject)
        number = self._homes.get(home.id)
        if number is None:
            number = self._homes[home.id] = len(self._homes)
            self._about.append(_json([plain(home.name), address(home.url), home.platform.value]))
            self._worst.append(len(STATES) - 1)
        self._worst[number] = min(self._worst[number], place)
        subject = result.subject
        # Results come subject by subject.
        if subject.id != self._last:
            self._last = subject.id
            self._subjects.append(_json([plain(subject.name), subject.kind, address(subject.url), number]))
        entry = (result.key, result.rule, family(result.rule), result.severity.value, plain(result.title, 300))
        told = _detail(result)
        self._results.extend(
            (
                len(self._subjects) - 1,
                self._entries.setdefault(entry, len(self._entries)),
                place,
                self._details.setdefault(_json(told), len(self._details)) if told else -1,
                _CHANGES.index(change) if change is not None else -1,
            )
        )

    def _waivers(self, result: Result, today: date) -> None:
        """Keep those that end first."""
        for key, waiver in _in_force(result):
            self.waived += 1
            words = (key, result.subject.name, waiver.reason, waiver.owner, waiver.approver, waiver.ticket)
            self.waivers.append(
                Waived(waiver.expires, (waiver.expires - today).days, *(log_line(word) for word in words))
            )
        if len(self.waivers) > 2 * LISTED:
            self.waivers = sorted(self.waivers, key=Waived.order)[:LISTED]


AT_ONCE = 10_000
_CHANGES = tuple(Change)


def _with_changes(run: Run) -> Iterator[tuple[Result, Change | None]]:
    """Each result with what became of it since the run before; both come in the same order."""
    changes = iter(run.changes or ())
    changed = next(changes, None)
    for result in results_in_order(run.results):
        place = (result.subject.id, result.key)
        while changed is not None and _place(changed) < place:
            changed = next(changes, None)
        if changed is not None and _place(changed) == place and changed.after is not None:
            yield result, changed.change
            changed = next(changes, None)
        else:
            yield result, None


def _place(changed: Changed) -> tuple[str, str]:
    result = changed.after or changed.before
    assert result is not None
    return result.subject.id, result.key


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


def _bar(name: str, tally: Mapping[str, int]) -> Bar:
    total, begins, pieces = sum(tally.values()), 0.0, []
    for each in STATES:
        if amount := tally.get(each, 0):
            width = 100 * amount / total
            pieces.append((each, amount, round(begins, 2), round(width, 2)))
            begins += width
    return Bar(name, total, tuple(pieces))


def _in_force(one: Result | Member) -> Iterator[tuple[str, AppliedWaiver]]:
    """The waiver of an entry and those of its members, each with the key of what it covers."""
    if one.waiver is not None:
        yield one.key, one.waiver
    for member in one.members:
        yield from _in_force(member)


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _embedded(text: str) -> str:
    """JSON that can stand in a script element: nothing in it ends the element, or begins a comment."""
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
