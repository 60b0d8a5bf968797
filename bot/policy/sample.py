"""A sample of each type of subject with all of its facts: made up, the same each time, every field set.

It is made from the classes themselves, so what is added to them is in it. Expressions are tried on it, and people read it.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from bot.model.facts import Fact, fact_types
from bot.model.subjects import Subject
from bot.policy.document import Document
from bot.policy.vocabulary import ROOTS, SUBJECTS, by_type

NOW = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)
"""The instant of the sample, a Tuesday."""

SHA = "0123456789abcdef0123456789abcdef01234567"

WORDS: Mapping[str, str] = {
    "Analysis.error": "1 result was too long",
    "CodeAlert.dismissal": "false positive: the text is a constant",
    "CodeAlert.key": "31",
    "CodeAlert.message": "A query is built of what a user wrote",
    "CodeAlert.rule": "py/sql-injection",
    "Organization.name": "acme",
    "Repository.name": "acme/payments",
    "Branch.name": "acme/payments@main",
    "PullRequest.name": "acme/payments#12",
    "Pipeline.name": "acme/payments: ci",
    "Pipeline.path": ".github/workflows/ci.yml",
    "Environment.name": "acme/payments: production",
    "Release.name": "acme/payments@v1.4.0",
    "WorkItem.name": "acme/payments#7",
    "WorkItem.number": "7",
    "WorkItem.state": "Active",
    "WorkItem.title": "Customers can be refunded",
    "Person.id": "github.com/user/1",
    "Person.name": "Ana",
    "Signature.name": "Ana",
    "RequiredCheck.name": "build",
    "RequiredWorkflow.path": ".github/workflows/almguard.yml",
    "RequiredWorkflow.ref": "refs/tags/v1",
    "Check.name": "build",
    "Check.state": "success",
    "ReviewerPermissions.levels": "write",
    "Check.detail": "success",
    "PipelineDefinition.path": ".github/workflows/ci.yml",
    "PipelineDefinition.name": "ci",
    "Job.name": "build",
    "Job.uses": "acme/workflows/.github/workflows/build.yml@v2",
    "BypassActor.name": "team ops",
    "BypassActor.kind": "team",
    "Protection.source": "ruleset base",
    "WorkItemLink.text": "AB#7",
    "Artifact.name": "payments.tar.gz",
    "Artifact.kind": "asset",
    "Procedure.kind": "workflow_dispatch",
    "Procedure.name": "Roll back",
    "Procedure.path": ".github/workflows/rollback.yml",
    "CodeOwners.path": ".github/CODEOWNERS",
    "OwnedPaths.patterns": "/src/",
    "OwnedPaths.owners": "acme/payments-team",
    "Step.name": "Test",
    "Trigger.paths": "src/**",
    "Trigger.types": "opened",
    "Reviews.requested": "bo",
    "RollbackProcedures.unreadable": ".github/workflows/old.yml: line 3",
    "app": "github-actions",
    "assets": "payments.tar.gz",
    "part": "/language:python",
    "base_sha": "89abcdef0123456789abcdef0123456789abcdef",
    "body": "Refunds as the customer asked for them. Fixes #7.",
    "branch": "main",
    "branches": "main",
    "check_name": "build",
    "checks": "CodeQL",
    "condition": "success()",
    "container": "python:3.13",
    "default_branch": "main",
    "digest": f"sha256:{SHA}",
    "email": "ana@acme.example",
    "emails": "ana@acme.example",
    "environment": "production",
    "event": "pull_request",
    "floating_references": "acme/templates/build.yml@main",
    "format": "github",
    "input": "version",
    "inputs": "version",
    "labels": "urgent",
    "language": "Python",
    "login": "ana",
    "message": "Add refunds\n\nFixes #7.",
    "missing": "retired-team",
    "not_in_force": "trial ruleset",
    "notes": "Refunds (#7).",
    "paths": "src/refunds.py",
    "path": "src/refunds.py",
    "project": "Payments",
    "release_kind": "release",
    "run": "make test",
    "scope": "acme/payments",
    "shell": "bash",
    "short_name": "payments",
    "siblings": "src/refunds.py",
    "source": "team ops",
    "source_branch": "feature/refunds",
    "tag": "v1.4.0",
    "templates": "templates/build.yml",
    "text": "pass\n",
    "title": "Add refunds",
    "tool": "CodeQL",
    "topics": "pci",
    "type": "User Story",
    "url": "https://github.com/acme/payments",
    "uses": "actions/checkout@v4",
    "variable_groups": "payments-production",
    "version": "v1.4.0",
    "what": "re-deployed v1.3.0 after v1.4.0",
    "where": "title",
    "work_items": "AB#7",
    "workflow": "ci",
    "workflow_path": ".github/workflows/ci.yml",
    "working_directory": ".",
}
"""Texts, by class and field, else by field alone. What is in neither is taken for a commit."""

KEYS: Mapping[str, str] = {
    "former": SHA,
    "inputs": "fetch-depth",
    "levels": "github.com/user/1",
    "members": "payments-team",
    "parts": "src/refunds.py",
    "patch_ids": SHA,
    "texts": "README.md",
    "values": "tier",
}
"""Keys of mappings, by field."""

VALUES: Mapping[str, str] = {"inputs": "0", "texts": "# Payments\n", "values": "critical"}
"""Texts in mappings, by field."""

NUMBERS: Mapping[str, int] = {"number": 12, "approvals": 2, "additions": 20, "deletions": 5, "commits": 3, "line": 4}

LATER = frozenset({"expires_at", "leased_until"})
"""Times that are still to come."""

QUIET = frozenset({"error", "error_line", "unreadable", "artifacts_unreadable", "old_path", "closed_at"})
"""What would not fit the rest: errors, and ends of what is not at its end. It stays unset."""

NO = frozenset({"is_closed", "is_first"})
"""What does not hold, though nothing but the sample says so."""


def sample(subject: type[Subject]) -> Document:
    """The sample of a type of subject, with every fact that conditions about it may name."""
    return _document(subject)


@by_type
def _document(subject: type[Subject]) -> Document:
    return Document(_record(subject), _Facts(subject), NOW)


class _Facts(Mapping[str, Fact]):
    """The facts of a sample, each made when it is first asked for: most expressions name none."""

    def __init__(self, subject: type[Subject]) -> None:
        reached = {SUBJECTS[root] for root in ROOTS[subject]}
        self._types = {name: fact for name, fact in fact_types().items() if fact.subject in reached}
        self._made: dict[str, Fact] = {}

    def __getitem__(self, name: str) -> Fact:
        if name not in self._made:
            self._made[name] = _record(self._types[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)


def _record(record: type[Any]) -> Any:
    """One of a dataclass, with every field set."""
    hints = get_type_hints(record)
    made = {}
    for field in dataclasses.fields(record):
        if isinstance(field.default, bool) or (field.name in QUIET and field.default is not dataclasses.MISSING):
            continue
        made[field.name] = _value(hints[field.name], record.__name__, field.name)
    if issubclass(record, Subject):
        made["id"] = f"github.com/{record.kind}/1"
    return record(**made)


def _value(hint: Any, owner: str, field: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _value(next(each for each in arguments if each is not type(None)), owner, field)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(_value(each, owner, field) for each in arguments)
    if origin in (tuple, frozenset):
        return origin([_value(arguments[0], owner, field)])
    if origin is not None:
        return {
            KEYS[field]: VALUES[field]
            if arguments[1] is str and field in VALUES
            else _value(arguments[1], owner, field)
        }
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _record(hint)
    return _single(hint, owner, field)


def _single(hint: Any, owner: str, field: str) -> object:
    if hint is bool:
        return field not in NO
    if hint is int:
        return NUMBERS.get(field, 1)
    if hint is float:
        return 1.0
    if hint is datetime:
        return NOW + timedelta(days=90) if field in LATER else NOW - timedelta(days=1, hours=3)
    if issubclass(hint, StrEnum):
        named = WORDS.get(f"{owner}.{field}")
        return next(iter(hint)) if named is None else hint(named)
    return WORDS.get(f"{owner}.{field}") or WORDS.get(field) or SHA
