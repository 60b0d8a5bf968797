"""The report on a terminal: what was decided, what to do about it, and only then the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.model.findings import Evidence, Finding, Severity
from bot.model.results import AppliedWaiver, Combination, Condition, Member, Outcome, Result, Run, Verdict
from bot.report.grouping import Groups, UnknownGroup, Worst, counted, waived
from bot.report.overview import (
    changes_line,
    coverage_lines,
    head_of,
    headline,
    is_survey,
    overview,
    sentence,
    unfolded_gaps,
)
from bot.report.sanitize import ELLIPSIS, address, log_line
from bot.report.survey import matrix

ENTRIES_SHOWN = 200
"""Of each section, the gravest; of thousands nobody reads more."""
FINDINGS_SHOWN = 10
EVIDENCE_SHOWN = 5
REASONS_SHOWN = 10
NAMES_SHOWN = 6

VERDICT_STYLES = {
    Verdict.PASSED: "green",
    Verdict.WAITING: "yellow",
    Verdict.BLOCKED: "red",
    Verdict.INCONCLUSIVE: "magenta",
    Verdict.EMPTY: "cyan",
}
_SEVERITY_STYLES = {
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "red",
    Severity.CRITICAL: "bold red",
}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs in use; ASCII ones where the terminal's encoding has no others."""

    passed: str = "✔"
    waiting: str = "⏳"
    blocked: str = "✖"
    inconclusive: str = "?"
    empty: str = "∅"
    warning: str = "!"
    recorded: str = "○"
    waived: str = "⊘"
    arrow: str = "→"
    bullet: str = "·"

    def verdict(self, verdict: Verdict) -> str:
        """The sign of a verdict."""
        return {
            Verdict.PASSED: self.passed,
            Verdict.WAITING: self.waiting,
            Verdict.BLOCKED: self.blocked,
            Verdict.INCONCLUSIVE: self.inconclusive,
            Verdict.EMPTY: self.empty,
        }[verdict]


ASCII_GLYPHS = Glyphs(passed="+", waiting="~", blocked="x", empty="0", recorded="o", waived="w", arrow="->", bullet="-")


def render(run: Run, console: Console, *, verbose: bool = False) -> None:
    """Show the run. The console decides about width, colour and encoding; ``verbose`` unfolds what needs nobody."""
    for part in Page(console, verbose=verbose).parts(run):
        console.print(part, highlight=False, markup=False, emoji=False)


class Page:
    """The parts of the report, for one console."""

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self.verbose = verbose
        self.encoding = console.encoding or "utf-8"
        self.glyphs = Glyphs() if self._shows("✔⏳✖∅○⊘→·│") else ASCII_GLYPHS

    def _shows(self, text: str) -> bool:
        try:
            text.encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def text(self, value: str, style: str = "", limit: int = 600) -> Text:
        """A value from outside, as text that cannot be anything else."""
        safe = log_line(value, limit)
        if not self._shows(safe):
            safe = safe.replace(ELLIPSIS, "...").encode("ascii", "replace").decode("ascii")
        return Text(safe, style=style, overflow="fold")

    def parts(self, run: Run) -> Iterable[RenderableType]:
        """From top to bottom."""
        groups = overview(run).groups
        yield self.banner(run)
        for notice in run.notices:
            yield Text.assemble((f"{self.glyphs.warning} ", "yellow"), self.text(notice))
        if is_survey(run):
            yield from matrix(overview(run).table, self.text, self.glyphs.bullet)
        if self.verbose or not is_survey(run):
            yield from self._entries(groups)
        elif groups.waived:
            yield from self._waivers(groups.waived)
        yield from self._unknowns(groups.unknowns)
        yield from self._gaps(run)
        yield from self._coverage(run)
        if self.verbose:
            yield from self._section("Passing", groups.passing, self.glyphs.passed, "green")
            yield from self._section("Not applicable", groups.not_applicable, self.glyphs.bullet, "dim")
        elif not is_survey(run):
            yield from self._quiet(groups)
        yield self._footer(run)

    def banner(self, run: Run) -> RenderableType:
        """The verdict and what it is about."""
        gate = run.gate
        style = "red" if gate is None and overview(run).groups.blocking else "green"
        if gate is not None:
            style = VERDICT_STYLES[gate.verdict]
        elif not run.complete or not run.results:
            style = "magenta"
        sign = f"{self.glyphs.verdict(gate.verdict)} " if gate is not None else ""
        lines: list[Text] = [Text.assemble((sign + headline(run), f"bold {style}"), "  ", self.text(sentence(run)))]
        if gate is not None:
            target = Text.assemble(self.text(gate.target.name, "bold"))
            title = getattr(gate.target, "title", "")
            if title:
                target = Text.assemble(target, "  ", self.text(title, limit=160))
            head = Text.assemble(("at ", "dim"), self.text(head_of(gate.target)[:12], "dim"))
            lines += [target, head]
        elif not is_survey(run) and run.subjects:
            names = sorted({subject.name for subject in run.subjects})
            lines.append(self.text(_some(names), "bold"))
        if not run.complete:
            told = f"INCOMPLETE: {counted(len(run.gaps), 'thing')} could not be read; see below."
            lines.append(self.text(told, "bold magenta"))
        if changed := changes_line(run):
            lines.append(self.text(changed))
        return Panel(Group(*lines), border_style=style, expand=True)

    def _entries(self, groups: Groups) -> Iterable[RenderableType]:
        signs = self.glyphs
        yield from self._section("Must be fixed", groups.blocking, signs.blocked, "red")
        yield from self._section("Waiting for people or checks", groups.awaiting, signs.waiting, "yellow")
        yield from self._section("Errors", groups.errors, signs.blocked, "magenta")
        yield from self._section("Warnings", groups.warnings, signs.warning, "yellow")
        yield from self._section("Recorded, not enforced", groups.recorded, signs.recorded, "cyan")
        yield from self._section("Waived", groups.waived, signs.waived, "cyan")
        yield from self._section("Known since the baseline", groups.known, signs.recorded, "dim")

    def _waivers(self, results: Worst) -> Iterable[RenderableType]:
        """Under a survey's table: what is waived there, and why."""
        yield Text()
        yield Text(f"Waived ({results.total})", style="bold cyan")
        for result in results[:FINDINGS_SHOWN]:
            waivers = [result.waiver] if result.waiver is not None else list(_within(result.members))
            said = "; ".join(waived(waiver) for waiver in waivers)
            lead = Text.assemble((f"{self.glyphs.waived} ", "cyan"))
            yield hanging(lead, self.text(f"{result.key} {self.glyphs.bullet} {result.subject.name}: {said}"))
        if results.total > FINDINGS_SHOWN:
            yield Text(f"and {results.total - FINDINGS_SHOWN} more: see --verbose", style="dim")

    def _section(self, heading: str, results: Worst, sign: str, style: str) -> Iterable[RenderableType]:
        if not results:
            return
        yield Text()
        yield Text(f"{heading} ({results.total})", style=f"bold {style}")
        for result in results[:ENTRIES_SHOWN]:
            yield self._entry(result, sign, style)
        if (rest := results.total - ENTRIES_SHOWN) > 0:
            yield Text(f"and {counted(rest, 'more entry', 'more entries')}: --format json has every one", style="dim")

    def _entry(self, result: Result, sign: str, style: str) -> RenderableType:
        head = Text.assemble(
            (f"{sign} ", style),
            self.text(result.key, "bold"),
            "  ",
            (str(result.severity), _SEVERITY_STYLES[result.severity]),
            (f" {self.glyphs.bullet} ", "dim"),
            self.text(result.subject.name, "dim", 120),
        )
        body: list[RenderableType] = []
        if result.waiver is not None:
            body.append(self._waiver(result.waiver))
        if self.verbose:
            body += self._conditions(result.conditions)
        if result.members:
            body += self._tree(result.rule, result.members)
        else:
            body += self._said(result)
        if self.verbose and result.title and not result.findings:
            body.append(self.text(result.title, "dim"))
        if self.verbose or result.findings:
            known = {evidence for finding in result.findings for evidence in finding.evidence}
            seen = [evidence for evidence in result.evidence if evidence.ok is None and evidence not in known]
            seen = seen if self.verbose else seen[:EVIDENCE_SHOWN]
            body += [hanging(Text(f"{self.glyphs.bullet} ", style="dim"), self._seen(item)) for item in seen]
        table = self._checked(result.evidence)
        if table is not None:
            body.append(table)
        return Group(head, *(Padding(part, (0, 0, 0, 2)) for part in body))

    def _said(self, judged: Result | Member) -> list[RenderableType]:
        """What a rule says: its findings, or why there are none."""
        body: list[RenderableType] = []
        told = self.verbose and any(condition.text in judged.reason for condition in judged.conditions)
        if judged.reason and not judged.findings and not told:
            body.append(self.text(judged.reason))
        shown = len(judged.findings) if self.verbose else FINDINGS_SHOWN
        new = judged.new_findings if isinstance(judged, Result) else judged.findings
        for finding in judged.findings[:shown]:
            body.append(self._finding(finding))
            if finding not in new and not (isinstance(judged, Result) and judged.baseline):
                body.append(self.text("it was there before, by the baseline", "dim"))
        if len(judged.findings) > shown:
            rest = counted(len(judged.findings) - shown, "more finding")
            body.append(Text(f"and {rest}: see --verbose", style="dim"))
        return body

    def _tree(self, how: str, members: Sequence[Member]) -> list[RenderableType]:
        """The members of a group, each with its sign and what it says."""
        body: list[RenderableType] = [self.text(f"{Combination(how).words}:", "dim")]
        for member in members:
            sign, style = self.sign(member)
            name = member.key.partition("/")[2] or member.key
            head = Text.assemble((f"{sign} ", style), self.text(name, "bold"), "  ", self.text(_ended(member), "dim"))
            inner: list[RenderableType] = []
            if member.waiver is not None:
                inner.append(self._waiver(member.waiver))
            if self.verbose:
                inner += self._conditions(member.conditions)
            if member.members:
                inner += self._tree(member.rule, member.members)
            else:
                inner += self._said(member)
                inner += [self.text(unknown.reason, "magenta") for unknown in member.unknown]
            body.append(Group(head, *(Padding(part, (0, 0, 0, 2)) for part in inner)))
        return body

    def sign(self, member: Member) -> tuple[str, str]:
        """How a member ended, as a sign and its style."""
        if member.waiver is not None:
            return self.glyphs.waived, "cyan"
        if member.outcome is Outcome.FAIL and member.awaiting:
            return self.glyphs.waiting, "yellow"
        return {
            Outcome.PASS: (self.glyphs.passed, "green"),
            Outcome.FAIL: (self.glyphs.blocked, "red"),
            Outcome.NOT_APPLICABLE: (self.glyphs.bullet, "dim"),
            Outcome.UNKNOWN: (self.glyphs.inconclusive, "magenta"),
            Outcome.ERROR: (self.glyphs.blocked, "magenta"),
        }[member.outcome]

    def _waiver(self, waiver: AppliedWaiver) -> RenderableType:
        return self.text(waived(waiver), "cyan")

    def _conditions(self, conditions: Sequence[Condition]) -> list[RenderableType]:
        values = {True: "holds", False: "does not hold", None: "not known"}
        return [
            self.text(
                f"{one.word}: {one.text} {self.glyphs.arrow} {values[one.value]}{': ' + one.reason if one.reason else ''}",
                "dim",
            )
            for one in conditions
        ]

    def _finding(self, finding: Finding) -> RenderableType:
        where = ""
        if finding.location is not None:
            line = "" if finding.location.line is None else f":{finding.location.line}"
            where = f"{finding.location.path}{line}: "
        lines: list[RenderableType] = [
            Text.assemble(self.text(where, "bold"), " " if where else "", self.text(finding.message))
        ]
        if finding.fix:
            lines.append(hanging(Text(f"{self.glyphs.arrow} ", style="green"), self.text(finding.fix, "green")))
        seen = [evidence for evidence in finding.evidence if evidence.ok is None]
        seen = seen if self.verbose else seen[:EVIDENCE_SHOWN]
        lines += [hanging(Text(f"{self.glyphs.bullet} ", style="dim"), self._seen(item)) for item in seen]
        table = self._checked(finding.evidence)
        if table is not None:
            lines.append(table)
        return Group(*lines)

    def _seen(self, evidence: Evidence) -> Text:
        said = Text.assemble(self.text(f"{evidence.what}: {evidence.value}", "dim", 300))
        url = address(evidence.url)
        if url is not None:
            said = Text.assemble(said, "  ", self.text(url, "dim underline", 300))
        return said

    def _checked(self, evidence: Sequence[Evidence]) -> RenderableType | None:
        """The lines of evidence that are right or wrong, as a table."""
        lines = [item for item in evidence if item.ok is not None]
        if not lines:
            return None
        table = Table.grid(padding=(0, 1), expand=False)
        table.add_column(no_wrap=True)
        table.add_column(style="bold", overflow="fold")
        table.add_column(overflow="fold", ratio=1)
        for item in lines:
            sign = Text(self.glyphs.passed, "green") if item.ok else Text(self.glyphs.blocked, "red")
            table.add_row(sign, self.text(item.what, limit=40), self._value(item))
        return table

    def _value(self, evidence: Evidence) -> Text:
        url = address(evidence.url)
        said = self.text(evidence.value, limit=300)
        return said if url is None else Text.assemble(said, "  ", self.text(url, "dim underline", 300))

    def _unknowns(self, unknowns: Sequence[UnknownGroup]) -> Iterable[RenderableType]:
        if not unknowns:
            return
        yield Text()
        yield Text(f"Not known ({len(unknowns)})", style="bold magenta")
        for group in unknowns if self.verbose else unknowns[:REASONS_SHOWN]:
            rules = _some([key.partition("/")[2] or key for key in group.keys])
            lead = Text.assemble((f"{self.glyphs.inconclusive} ", "magenta"), (f"{group.kind} ", "bold magenta"))
            reason = self.text(group.reason)
            concerned = self.text(f"{counted(len(group.keys), 'rule')}: {rules}", "dim")
            amount = f", {counted(group.subjects, 'subject')}" if group.subjects > 1 else ""
            blocks = ("; undecided, though it blocks", "bold magenta") if group.blocks else ""
            yield hanging(lead, Text.assemble(reason, " (", concerned, (amount, "dim"), blocks, ")"))
        yield from self._rest(len(unknowns))

    def _gaps(self, run: Run) -> Iterable[RenderableType]:
        gaps = unfolded_gaps(run)
        if not gaps:
            return
        yield Text()
        yield Text(f"INCOMPLETE: also not read ({len(gaps)})", style="bold magenta")
        folded: dict[tuple[str, str, str], list[str]] = {}
        for gap in gaps:
            folded.setdefault((str(gap.kind), gap.fact, gap.reason), []).append(gap.name)
        for (kind, fact, reason), names in sorted(folded.items())[: None if self.verbose else REASONS_SHOWN]:
            lead = Text.assemble((f"{self.glyphs.inconclusive} ", "magenta"), (f"{kind} ", "bold magenta"))
            yield hanging(
                lead, Text.assemble(self.text(f"{fact}: {reason}"), " (", self.text(_some(sorted(names)), "dim"), ")")
            )
        yield from self._rest(len(folded))

    def _coverage(self, run: Run) -> Iterable[RenderableType]:
        """That every repository is accounted for."""
        lines = list(coverage_lines(run))
        if not lines:
            return
        yield Text()
        yield Text("Accounted for", style="bold")
        for line in lines[: None if self.verbose else REASONS_SHOWN]:
            yield hanging(Text(f"{self.glyphs.bullet} ", style="dim"), self.text(line))
        if len(lines) > REASONS_SHOWN and not self.verbose:
            yield Text(f"and {counted(len(lines) - REASONS_SHOWN, 'more line')}: see --verbose", style="dim")

    def _rest(self, amount: int) -> Iterable[RenderableType]:
        if amount > REASONS_SHOWN and not self.verbose:
            yield Text(f"and {counted(amount - REASONS_SHOWN, 'more reason')}: see --verbose", style="dim")

    def _quiet(self, groups: Groups) -> Iterable[RenderableType]:
        """What needs nobody: one line each."""
        if not (groups.passing or groups.not_applicable):
            return
        yield Text()
        if groups.passing:
            lead = Text(f"{self.glyphs.passed} {groups.passing.total} passing: ", style="green")
            yield Text.assemble(lead, self.text(", ".join(_names(groups.passing)), "", 2_000))
        for result in groups.passing:
            table = self._checked(result.evidence)
            if table is not None:
                yield Padding(Group(self.text(result.key, "bold"), Padding(table, (0, 0, 0, 2))), (0, 0, 0, 2))
        if groups.not_applicable:
            lead = Text(f"{self.glyphs.bullet} {groups.not_applicable.total} not applicable: ", style="dim")
            told = [
                f"{name} ({result.reason})" if result.reason and len(groups.not_applicable) <= NAMES_SHOWN else name
                for name, result in zip(_names(groups.not_applicable), groups.not_applicable, strict=False)
            ]
            yield Text.assemble(lead, self.text(", ".join(told), "dim", 2_000))

    def _footer(self, run: Run) -> RenderableType:
        sent = counted(sum(run.requests.values()), "request") + _by_kind(run)
        seconds = max((run.finished_at - run.started_at).total_seconds(), 0)
        policies = _some([policy.name for policy in run.policies]) or "no policy"
        as_of = run.now.strftime("%Y-%m-%d %H:%M %Z").strip()
        pieces = [
            policies,
            sent,
            f"{seconds:.1f} s",
            f"as of {as_of}",
            f"almguard {run.version}",
        ]
        return Group(Text(), self.text(f" {self.glyphs.bullet} ".join(pieces), "dim"))


def _by_kind(run: Run) -> str:
    """Which of the requests cost little, and what the queries took."""
    unchanged = sum(one.not_modified for one in run.spent.values())
    queries = sum(one.graphql for one in run.spent.values())
    points = sum(one.points for one in run.spent.values())
    told = [f"{unchanged} unchanged"] if unchanged else []
    if queries:
        told.append(f"{queries} GraphQL for {counted(points, 'point')}")
    return f" ({', '.join(told)})" if told else ""


def _within(members: Sequence[Member]) -> Iterable[AppliedWaiver]:
    """The waivers of a group's members."""
    for member in members:
        if member.waiver is not None:
            yield member.waiver
        yield from _within(member.members)


def _ended(member: Member) -> str:
    """How a member ended, in a word."""
    word = str(member.outcome).replace("_", " ")
    return f"{word}, waived" if member.waiver is not None else word


def _names(results: Sequence[Result]) -> list[str]:
    """The entries' names; with their subjects where several are judged."""
    several = len({result.subject.id for result in results}) > 1
    names = [result.key.partition("/")[2] or result.key for result in results]
    return [f"{name} [{result.subject.name}]" if several else name for name, result in zip(names, results, strict=True)]


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(names[:NAMES_SHOWN])
    return f"{shown}, and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else shown


def hanging(lead: Text, body: Text) -> RenderableType:
    """A line whose continuation stands under its text, not under its sign."""
    table = Table.grid(padding=0, expand=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    table.add_row(lead, body)
    return table
