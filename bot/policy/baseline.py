"""The baseline: findings that were there when it was written. They are shown and do not block; only new ones do."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from bot.model.findings import Finding
from bot.model.subjects import Subject
from bot.policy.json_tree import parse_json
from bot.policy.models import Strict
from bot.policy.problems import PolicyError, Problem
from bot.policy.validation import validate

SCHEMA = "almguard.baseline/v1"
MAX_SIZE = 50_000_000
VARYING = re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{7,}\b|[0-9]+")
"""Parts of a message that change while the finding stays the same: counts, ages, commits."""


def fingerprint(key: str, subject_id: str, finding: Finding) -> str:
    """What stays the same as long as a finding does: in other words, after a rename, at another count.

    Where the rule says what tells its findings apart (``discriminator``) that alone does; else the file and the message do.
    """
    if finding.discriminator:
        own = ["discriminator", finding.discriminator]
    else:
        path = finding.location.path if finding.location is not None else ""
        own = ["message", path, VARYING.sub("#", finding.message.casefold())]
    said = json.dumps([key, subject_id, *own], ensure_ascii=False)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class KnownFinding(Strict):
    """A finding that was there. What people read is for them alone: it is recognised by its fingerprint."""

    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    """What it is recognised by."""
    key: str
    """The entry that found it, `policy/name`."""
    subject: str
    """The id of what it was found on."""
    subject_name: str
    """The same, for people."""
    message: str
    """What was found, for people."""

    @classmethod
    def of(cls, fingerprint: str, key: str, subject: Subject, message: str) -> KnownFinding:
        """A finding of today. Characters that no file can hold are replaced."""
        name, said = (text.encode(errors="replace").decode() for text in (subject.name, message))
        return cls(fingerprint=fingerprint, key=key, subject=subject.id, subject_name=name, message=said)


class BaselineFile(Strict):
    """A baseline, as ``almguard baseline`` writes it."""

    schema_: Literal["almguard.baseline/v1"] = Field(alias="schema")
    """The version of this format."""
    created_at: AwareDatetime
    """When it was last changed."""
    findings: tuple[KnownFinding, ...]
    """What was there."""


@dataclass(frozen=True)
class Baseline:
    """The findings that were there."""

    created_at: datetime
    """When it was last changed."""
    findings: tuple[KnownFinding, ...] = ()

    @cached_property
    def fingerprints(self) -> frozenset[str]:
        """What its findings are recognised by."""
        return frozenset(each.fingerprint for each in self.findings)

    def with_added(self, today: Iterable[KnownFinding], now: datetime) -> Baseline:
        """The same with those of today's findings that it does not have."""
        new = {each.fingerprint: each for each in today if each.fingerprint not in self.fingerprints}
        return replace(self, findings=(*self.findings, *new.values()), created_at=now) if new else self

    def pruned(self, today: Iterable[KnownFinding], decided: Collection[tuple[str, str]], now: datetime) -> Baseline:
        """The same without what is gone: what was not found today, though its entry (by subject id and key) was decided."""
        found = {each.fingerprint for each in today}
        kept = tuple(
            each for each in self.findings if each.fingerprint in found or (each.subject, each.key) not in decided
        )
        return self if len(kept) == len(self.findings) else replace(self, findings=kept, created_at=now)

    def render(self) -> str:
        """The file: in a stable order, one finding to a line, so that a difference shows what has come and gone."""
        ordered = sorted(self.findings, key=lambda each: (each.subject_name, each.key, each.message, each.fingerprint))
        lines = [json.dumps(each.model_dump(), ensure_ascii=False) for each in ordered]
        created = self.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        findings = "[\n" + ",\n".join(f"    {line}" for line in lines) + "\n  ]" if lines else "[]"
        return f'{{\n  "schema": "{SCHEMA}",\n  "created_at": "{created}",\n  "findings": {findings}\n}}\n'


def read_baseline(text: str, source: str) -> Baseline:
    """The baseline that a file is. Raises ``PolicyError`` with everything that is wrong with it."""
    if len(text) > MAX_SIZE:
        message = f"the file has {len(text):,} characters; at most {MAX_SIZE:,} are read"
        raise PolicyError([Problem(source, 1, 1, "", message)])
    try:
        json.loads(text, object_pairs_hook=_once)
        document = BaselineFile.model_validate_json(text, strict=True)
    except (ValueError, RecursionError):
        # Reading it again with the place of every value takes ten times as long, and only a mistake needs that.
        document = validate(BaselineFile, parse_json(text, source))
    return Baseline(document.created_at, document.findings)


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key is given twice")
