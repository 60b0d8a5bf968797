"""What stands between a pull request and a pass, on a terminal: what is missing, who asks for it and who can help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bot.model.findings import Finding
from bot.model.results import Combination, Condition, Enforcement, Member, Outcome, Result, Run, Verdict
from bot.policy.configuration import CompiledMember, CompiledPolicy
from bot.policy.nodes import Mapping as Node
from bot.policy.nodes import is_text
from bot.report.grouping import counted
from bot.report.overview import overview
from bot.report.sanitize import address
from bot.report.terminal import Page

EVIDENCE_SHOWN = 5
FINDINGS_SHOWN = 20

PoliciesOf = Callable[[Result], Sequence[CompiledPolicy]]
"""The policies that a result's subject was judged by."""


def hindrances(run: Run) -> tuple[Result, ...]:
    """The entries that keep a subject from passing: what blocks first, then what waits, then what could not be decided."""
    groups = overview(run).groups
    undecided = [r for r in (*groups.errors, *groups.unknown) if r.enforcement is Enforcement.BLOCK]
    return (*groups.blocking, *groups.awaiting, *undecided, *(r for r in groups.known if r.half_known))


def render(run: Run, policies: PoliciesOf, console: Console) -> None:
    """Show it. The console decides about width, colour and encoding."""
    for part in _Explained(Page(console, verbose=True), policies).parts(run):
        console.print(part, highlight=False, markup=False, emoji=False)


class _Explained:
    def __init__(self, page: Page, policies: PoliciesOf) -> None:
        self.page = page
        self.policies = policies

    def parts(self, run: Run) -> Iterable[RenderableType]:
        yield self.page.banner(run)
        for notice in run.notices:
            yield Text.assemble((f"{self.page.glyphs.warning} ", "yellow"), self.page.text(notice))
        found = hindrances(run)
        for result in found:
            yield Text()
            yield self._entry(result)
        yield Text()
        yield self.page.text(_outlook(run, found), "bold")

    def _entry(self, result: Result) -> RenderableType:
        sign, style, how = self._standing(result)
        head = Text.assemble(
            (f"{sign} ", style),
            self.page.text(result.key, "bold"),
            "  ",
            (how, style),
            (f" {self.page.glyphs.bullet} {result.severity} {self.page.glyphs.bullet} ", "dim"),
            self.page.text(result.subject.name, "dim", 120),
        )
        owned = {key: (policy, one) for policy in self.policies(result) for key, one in policy.members().items()}
        return Group(head, Padding(self._table(result, owned), (0, 0, 0, 2)), *self._members(result, owned, 2))

    def _standing(self, result: Result) -> tuple[str, str, str]:
        glyphs = self.page.glyphs
        if result.outcome is Outcome.FAIL and not result.baseline:
            return (glyphs.waiting, "yellow", "waits") if result.awaiting else (glyphs.blocked, "red", "blocks")
        word = "error" if result.outcome is Outcome.ERROR else "undecided"
        return glyphs.inconclusive, "magenta", f"{word}, and so it blocks"

    def _table(
        self, judged: Result | Member, owned: Mapping[str, tuple[CompiledPolicy, CompiledMember]]
    ) -> RenderableType:
        table = Table.grid(padding=(0, 2), expand=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold", ratio=1)
        for label, text, style in self._rows(judged, owned):
            table.add_row(label, self.page.text(text, style, 2_000))
        return table

    def _rows(
        self, judged: Result | Member, owned: Mapping[str, tuple[CompiledPolicy, CompiledMember]]
    ) -> Iterator[tuple[str, str, str]]:
        if judged.key in owned:
            yield "asked by", _place(*owned[judged.key], whole=isinstance(judged, Result)), ""
        if judged.title and isinstance(judged, Result):
            yield "rule", judged.title if judged.members else f"{judged.rule}: {judged.title}", ""
        yield from (("condition", _said(one, self.page.glyphs.arrow), "") for one in judged.conditions)
        if judged.members:
            return
        findings = judged.new_findings if isinstance(judged, Result) else judged.findings
        for finding in findings[:FINDINGS_SHOWN]:
            yield from _finding(finding)
        if len(findings) > FINDINGS_SHOWN:
            yield "", f"and {counted(len(findings) - FINDINGS_SHOWN, 'more finding')}: see --format json", "dim"
        if judged.outcome is Outcome.ERROR:
            yield "error", judged.reason, "magenta"
        for unknown in judged.unknown:
            yield "not known", f"{unknown.reason} ({unknown.kind})", "magenta"
        if judged.outcome is Outcome.NOT_APPLICABLE and not any(one.text in judged.reason for one in judged.conditions):
            yield "not applicable", judged.reason, "dim"

    def _members(
        self, judged: Result | Member, owned: Mapping[str, tuple[CompiledPolicy, CompiledMember]], depth: int
    ) -> Iterator[RenderableType]:
        """Of a group: those members that could lift it; one that passes has done its part."""
        if not judged.members:
            return
        one = judged.rule == Combination.ANY_OF
        words = "any one of these would do:" if one else "each of these must pass:"
        yield Padding(Text(words, style="dim"), (0, 0, 0, depth))
        for member in judged.members:
            if member.outcome is Outcome.PASS or member.waiver is not None:
                continue
            sign, style = self.page.sign(member)
            name = member.key.partition("/")[2] or member.key
            yield Padding(Text.assemble((f"{sign} ", style), self.page.text(name, "bold")), (0, 0, 0, depth + 2))
            yield Padding(self._table(member, owned), (0, 0, 0, depth + 4))
            yield from self._members(member, owned, depth + 4)


def _finding(finding: Finding) -> Iterator[tuple[str, str, str]]:
    where = ""
    if finding.location is not None:
        line = "" if finding.location.line is None else f":{finding.location.line}"
        where = f"{finding.location.path}{line}: "
    yield "missing" if finding.awaiting else "wrong", where + finding.message, ""
    if finding.fix:
        yield "to pass", finding.fix, "green"
    for one in finding.evidence[:EVIDENCE_SHOWN]:
        url = address(one.url)
        yield "seen", f"{one.what}: {one.value}" + (f"  {url}" if url else ""), "dim"


def _place(policy: CompiledPolicy, member: CompiledMember, *, whole: bool) -> str:
    place = f"{member.source}:{member.line}"
    if not whole:
        return place
    owner = ""
    root = policy.tree.root if policy.tree is not None else None
    metadata = root.get("metadata") if isinstance(root, Node) else None
    if isinstance(metadata, Node) and is_text(named := metadata.get("owner")):
        owner = f", owned by {named.text}"
    return f"{place} (policy {policy.name}{owner})"


def _said(condition: Condition, arrow: str) -> str:
    values = {True: "holds", False: "does not hold", None: "not known"}
    why = f": {condition.reason}" if condition.reason else ""
    return f"{condition.word}: {' '.join(condition.text.split())} {arrow} {values[condition.value]}{why}"


def _outlook(run: Run, found: Sequence[Result]) -> str:
    """What has to happen in all, in one sentence."""
    groups = overview(run).groups
    besides = len(groups.warnings) + len(groups.recorded)
    aside = f" {counted(besides, 'finding does', 'findings do')} not block." if besides else ""
    if run.gate is not None and run.gate.verdict is Verdict.EMPTY:
        return "No policy entry selects this subject, so nothing was judged: see almguard explain --match."
    if not found:
        if run.gate is not None and run.gate.verdict is Verdict.INCONCLUSIVE:
            return f"What was read does not stand in the way, and not everything was read: {run.gate.note}.{aside}"
        return f"Nothing stands in the way.{aside}"
    if len(found) == 1:
        only = "waits for people or checks" if found[0].awaiting else "stands in the way"
        return f"This alone {only}.{aside}"
    waiting = sum(result.awaiting for result in found)
    said = f"{len(found)} entries stand in the way"
    if waiting:
        said += f"; {waiting} of them {'waits' if waiting == 1 else 'wait'} for people or checks alone"
    return f"{said}.{aside}"
