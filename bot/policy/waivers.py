"""Waivers: who lets an entry's failure stand, on which subjects, why, and until when.

They are read in two steps: ``read_waivers`` takes a file for what it says, ``bind`` holds it against the entries there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from bot.model.subjects import Subject
from bot.policy import models
from bot.policy.expressions import Expression, ExpressionError, compile_expression
from bot.policy.globs import any_glob
from bot.policy.identities import Identities, account
from bot.policy.matching import repository_of
from bot.policy.models import Strict, WaiverLimits
from bot.policy.nodes import Mapping as MappingNode
from bot.policy.nodes import Node, Scalar, Sequence, Tree
from bot.policy.problems import Problem, did_you_mean
from bot.policy.validation import check
from bot.rules.registry import canonical

KEY = r"^[a-z0-9]+([._-][a-z0-9]+)*/[a-z0-9]+([._-][a-z0-9]+)*$"
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _key(value: str) -> str:
    if not re.fullmatch(KEY, value):
        raise ValueError("the key of an entry is wanted here, policy/name, such as baseline/approvals")
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty")
    return value


def _condition(value: object) -> object:
    if value is None:
        # Nothing after the colon would be no condition at all, and the waiver would be for everything.
        raise ValueError("the condition is empty; write one, or take the key out")
    return value


def _day(value: object) -> date:
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise ValueError("a day is wanted here, such as 2027-01-31")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value} is no day of the calendar") from None


def _including(globs: tuple[str, ...]) -> tuple[str, ...]:
    if all(glob.startswith("!") for glob in globs):
        raise ValueError("these are exclusions alone, and would waive it for everything else; say for what it is meant")
    return globs


Words = Annotated[models.Text, AfterValidator(_said)]


class WaiverEntry(Strict):
    """One waiver."""

    entry: Annotated[str, AfterValidator(_key), Field(max_length=201, json_schema_extra={"pattern": KEY})]
    """The key of the entry that is waived, `policy/name`; a member of a group has a key of its own."""
    subject: Annotated[models.Globs, AfterValidator(_including)]
    """For what: globs of names (`acme/payments`, `acme/payments#12`, `acme/*`) or of ids; `!` takes out again. A repository's
    name stands for all that belongs to it."""
    when: Annotated[models.Expression | None, BeforeValidator(_condition)] = None
    """A condition (CEL): the waiver is only for subjects where it holds."""
    reason: Words
    """Why it is waived."""
    compensating_control: Words | None = None
    """What guards against the harm meanwhile."""
    owner: Words
    """Who answers for it: a login, a unique name or an e-mail address."""
    approver: Words
    """Who has approved it: another person than the owner."""
    ticket: Words | None = None
    """Where it was asked for."""
    expires: Annotated[date, BeforeValidator(_day)]
    """The last day on which it applies; a day ends at midnight UTC."""

    @field_validator("approver")
    @classmethod
    def _another(cls, approver: str, info: ValidationInfo) -> str:
        if account(approver) == account(info.data.get("owner", "")):
            raise ValueError(f"the approver is another person than the owner, and both are {approver}")
        return approver


class WaiversFile(Strict):
    """A file of waivers."""

    api_version: Literal["almguard/v1"] = Field(alias="apiVersion")
    """The version of this format."""
    kind: Literal["Waivers"]
    """What this file is."""
    waivers: tuple[WaiverEntry, ...]
    """The waivers."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver, ready to be applied."""

    entry: str
    subjects: tuple[str, ...]
    """Globs of names or ids."""
    condition: Expression | None
    reason: str
    compensating_control: str | None
    owner: str
    approver: str
    ticket: str | None
    expires: date
    """The last day on which it applies."""
    source: str
    """The file, for people."""
    line: int

    def covers(self, subject: Subject) -> bool:
        """Whether it is for a subject, the condition aside: by the subject's own name or id, or by its repository's."""
        repository = repository_of(subject)
        names = [name for one in (subject, repository) if one is not None for name in (one.name, one.id)]

        def found(globs: Iterable[str]) -> bool:
            return any(any_glob(name, (glob,), ignore_case=True) for glob in globs for name in names)

        excluded = [glob[1:] for glob in self.subjects if glob.startswith("!")]
        return found(glob for glob in self.subjects if not glob.startswith("!")) and not found(excluded)


@dataclass(frozen=True, slots=True)
class WrittenWaiver:
    """A waiver as its file has it; nobody has asked yet whether there is such an entry."""

    written: WaiverEntry
    tree: Tree
    node: MappingNode
    path: str

    @property
    def source(self) -> str:
        """The file, for people."""
        return self.tree.file

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.node.mark.line

    def waiver(self, condition: Expression | None = None) -> Waiver:
        """As it is applied."""
        said = self.written.model_dump(exclude={"subject", "when"})
        return Waiver(**said, subjects=self.written.subject, condition=condition, source=self.source, line=self.line)

    def problem(self, key: str, message: str) -> Problem:
        """A mistake at one of its keys."""
        return self.tree.problem((self.node.get(key) or self.node).mark, f"{self.path}.{key}", message)


def read_waivers(tree: Tree) -> tuple[list[WrittenWaiver], list[Problem]]:
    """The waivers of a file, and what is wrong with it; none where the file as a whole does not hold."""
    written, problems = check(WaiversFile, tree, tree.root)
    listed = tree.root.get("waivers") if isinstance(tree.root, MappingNode) else None
    if written is None or not isinstance(listed, Sequence):
        return [], problems
    found = [
        WrittenWaiver(each, tree, node, f"waivers[{index}]")
        for index, (each, node) in enumerate(zip(written.waivers, listed.items, strict=True))
        if isinstance(node, MappingNode)
    ]
    return found, [*problems, *duplicates(found)]


def duplicates(waivers: Iterable[WrittenWaiver]) -> Iterator[Problem]:
    """Waivers of one entry for the same subjects under the same condition: which of them holds would be a matter of chance."""
    first: dict[tuple[object, ...], WrittenWaiver] = {}
    for each in waivers:
        written = each.written
        subjects = frozenset(glob.casefold() for glob in written.subject)
        other = first.setdefault((written.entry, subjects, written.when and written.when.strip()), each)
        if other is not each:
            place = f"line {other.line}" if other.source == each.source else f"{other.source}:{other.line}"
            yield each.problem("entry", f"{written.entry} is waived for the same subjects on {place} already; keep one")


def bind(
    waivers: Iterable[WrittenWaiver],
    kinds: Mapping[str, frozenset[type[Subject]]],
    identities: Identities | None = None,
) -> tuple[tuple[Waiver, ...], list[Problem]]:
    """The waivers, made ready for the entries that there are; ``kinds`` has what each entry judges, by its key."""
    ready: list[Waiver] = []
    problems: list[Problem] = []
    for each in waivers:
        written, condition = each.written, None
        if identities is not None and identities.same(written.owner, written.approver):
            message = f"{written.approver} and the owner {written.owner} are one person; another one has to approve"
            problems.append(each.problem("approver", message))
        entry = _present(written.entry, kinds)
        if entry not in kinds:
            hint = did_you_mean(written.entry, kinds) or "; the reports show each entry's key, policy/name"
            problems.append(each.problem("entry", f"no policy has the entry {written.entry!r}{hint}"))
            continue
        if written.when is not None:
            condition, mistakes = _compiled(each, written.when, kinds[entry])
            problems += mistakes
        ready.append(replace(each.waiver(condition), entry=entry))
    return tuple(ready), problems


def _present(entry: str, kinds: Mapping[str, object]) -> str:
    """The key as it is today: of an entry that is named as its rule, a waiver may have the rule's former name."""
    policy, _, name = entry.partition("/")
    today = f"{policy}/{canonical(name)}" if entry not in kinds else entry
    return today if today in kinds else entry


def _compiled(
    waiver: WrittenWaiver, text: str, kinds: frozenset[type[Subject]]
) -> tuple[Expression | None, list[Problem]]:
    node: Node | None = waiver.node.get("when")
    assert isinstance(node, Scalar)
    try:
        return compile_expression(text, kinds), []
    except ExpressionError as error:
        tree, path = waiver.tree, f"{waiver.path}.when"
        return None, [tree.problem(tree.inside(node, m.line, m.column), path, m.message) for m in error.mistakes]


class Standing(StrEnum):
    """Whether a waiver applies, and why not."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    """It applies, and not for long."""
    EXPIRED = "expired"
    TOO_LONG = "too_long"
    """It would end later than the policy lets a waiver last."""
    NOT_ALLOWED = "not_allowed"
    """The policy lets nobody waive its entries."""

    @property
    def words(self) -> str:
        """For people."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Held:
    """How a waiver stands at a moment."""

    standing: Standing
    days_left: int
    """How many days it has after today; below zero: it has ended."""
    sentence: str
    """For people, in the place of "It …": ``it ended on 2026-10-31, 3 days ago``."""

    @property
    def applies(self) -> bool:
        """Whether it covers what it is for."""
        return self.standing in (Standing.ACTIVE, Standing.EXPIRING)


def standing(waiver: Waiver, now: datetime, limits: WaiverLimits) -> Held:
    """How a waiver stands. What the policy does not allow does not apply, whatever the waiver says."""
    today = now.astimezone(UTC).date()
    left = (waiver.expires - today).days

    def held(standing: Standing, sentence: str) -> Held:
        return Held(standing, left, sentence)

    if not limits.allowed:
        return held(Standing.NOT_ALLOWED, "the policy allows no waivers of its entries")
    if left < 0:
        return held(Standing.EXPIRED, f"it ended on {waiver.expires}, {_days(-left)} ago")
    if limits.max_days is not None and left > limits.max_days:
        last = today + timedelta(days=limits.max_days)
        message = f"it would last until {waiver.expires}, and the policy allows {_days(limits.max_days)}, until {last}"
        return held(Standing.TOO_LONG, message)
    if left <= limits.notice_days:
        when = f"in {_days(left)}, on {waiver.expires}" if left else f"today, {waiver.expires}"
        return held(Standing.EXPIRING, f"it ends {when}")
    return held(Standing.ACTIVE, f"it applies until {waiver.expires}, {_days(left)} from now")


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"
