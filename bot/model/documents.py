"""Results and what stands beside them as the JSON documents of ``almguard.report/v1``, and back.

Reading back what was written gives an equal value. Fields are added to the documents, never changed: one that is added gets a
default where it is read, so that what an earlier version wrote is read as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.model.facts import UnknownKind
from bot.model.findings import Evidence, Finding, Location, Reviewer, ReviewWanted, Severity
from bot.model.json_fields import (
    Document,
    DocumentError,
    JsonValue,
    day,
    flag,
    maybe_flag,
    maybe_number,
    maybe_part,
    maybe_text,
    maybe_time,
    number,
    part,
    parts,
    text,
    texts,
    time_of,
    word,
)
from bot.model.results import (
    AppliedWaiver,
    Condition,
    Coverage,
    Enforcement,
    Gap,
    Gate,
    Member,
    Outcome,
    PolicySource,
    Result,
    Skip,
    Unknowing,
    Verdict,
)
from bot.model.subject_documents import subject_document, subject_from
from bot.model.subjects import PullRequest, Release, Subject


def result_document(result: Result) -> dict[str, JsonValue]:
    """One entry, as it ended; its subject is named by its id."""
    return {
        "key": result.key,
        "policy": result.policy,
        "rule": result.rule,
        "title": result.title,
        "subject": result.subject.id,
        "outcome": result.outcome.value,
        "unknown": _unknown(result.unknown[0]) if result.unknown else None,
        "unknowns": [_unknown(unknown) for unknown in result.unknown],
        "reason": result.reason,
        "enforcement": result.enforcement.value,
        "severity": result.severity.value,
        "awaiting": result.awaiting,
        "findings": [_told(result, at, finding) for at, finding in enumerate(result.findings)],
        "evidence": [_evidence(evidence) for evidence in result.evidence],
        "conditions": [_condition(condition) for condition in result.conditions],
        "waiver": None if result.waiver is None else _waiver(result.waiver),
        "baseline": result.baseline,
        "tree": _tree(result.rule, result.members) if result.members else None,
    }


def result_from(document: Document, subject: Subject) -> Result:
    """The result that a document was made of."""
    told = parts(document, "findings", lambda finding: (maybe_text(finding, "fingerprint"), finding))
    known = (fingerprint for fingerprint, finding in told if fingerprint and flag(finding, "baseline"))
    return Result(
        key=text(document, "key"),
        policy=text(document, "policy"),
        rule=text(document, "rule"),
        title=text(document, "title"),
        subject=subject,
        outcome=word(document, "outcome", Outcome),
        unknown=parts(document, "unknowns", _unknown_from),
        reason=text(document, "reason"),
        enforcement=word(document, "enforcement", Enforcement),
        severity=word(document, "severity", Severity),
        findings=tuple(_finding_from(finding) for _, finding in told),
        evidence=parts(document, "evidence", _evidence_from),
        conditions=parts(document, "conditions", _condition_from),
        waiver=_waiver_from(maybe_part(document, "waiver")),
        members=_members_from(maybe_part(document, "tree")),
        fingerprints=_fingerprints(fingerprint for fingerprint, _ in told),
        known=frozenset(known),
    )


def gap_document(gap: Gap) -> dict[str, JsonValue]:
    """What could not be read."""
    return {"subject": gap.subject, "name": gap.name, "fact": gap.fact, "kind": gap.kind.value, "reason": gap.reason}


def gap_from(document: Document) -> Gap:
    """The gap that a document was made of."""
    return Gap(
        text(document, "subject"),
        text(document, "name"),
        text(document, "fact"),
        word(document, "kind", UnknownKind),
        text(document, "reason"),
    )


def skip_document(skip: Skip) -> dict[str, JsonValue]:
    """What a scan left out."""
    return {"subject": skip.subject, "name": skip.name, "reason": skip.reason}


def skip_from(document: Document) -> Skip:
    """The skip that a document was made of."""
    return Skip(text(document, "subject"), text(document, "name"), text(document, "reason"))


def coverage_document(coverage: Coverage) -> dict[str, JsonValue]:
    """How a target of a scan is accounted for."""
    return {
        "target": coverage.target,
        "listed": coverage.listed,
        "counted": coverage.counted,
        "judged": coverage.judged,
        "skipped": coverage.skipped,
        "unknown": coverage.unknown,
    }


def coverage_from(document: Document) -> Coverage:
    """The coverage that a document was made of."""
    return Coverage(
        text(document, "target"),
        listed=number(document, "listed"),
        counted=maybe_number(document, "counted"),
        judged=number(document, "judged"),
        skipped=number(document, "skipped"),
        unknown=number(document, "unknown"),
    )


def policy_document(policy: PolicySource) -> dict[str, JsonValue]:
    """A policy that was applied."""
    return {"name": policy.name, "source": policy.source, "sha256": policy.sha256}


def policy_from(document: Document) -> PolicySource:
    """The policy that a document was made of."""
    return PolicySource(text(document, "name"), text(document, "source"), text(document, "sha256"))


def gate_document(gate: Gate) -> dict[str, JsonValue]:
    """The decision on a pull request or release."""
    target = gate.target
    change = target if isinstance(target, PullRequest) else None
    return {
        "target": subject_document(target),
        "head": target.head_sha if isinstance(target, PullRequest) else target.commit,
        "base": None if change is None else change.base_sha,
        "base_branch": None if change is None else change.base.branch,
        "verdict": gate.verdict.value,
        "policy_digest": gate.policy_digest,
        "facts_digest": gate.facts_digest,
        "note": gate.note,
    }


def gate_from(document: Document) -> Gate:
    """The gate that a document was made of."""
    target = subject_from(part(document, "target"))
    if not isinstance(target, PullRequest | Release):
        raise DocumentError(f"'target' should be a pull request or a release, not a {target.kind}")
    return Gate(
        target,
        word(document, "verdict", Verdict),
        text(document, "policy_digest"),
        text(document, "facts_digest"),
        text(document, "note"),
    )


def _told(result: Result, at: int, finding: Finding) -> JsonValue:
    """A finding of an entry, with what tells it from others, and whether it was there before."""
    fingerprint = result.fingerprints[at] if result.fingerprints else None
    return {**_finding(finding), "fingerprint": fingerprint, "baseline": fingerprint in result.known}


def _fingerprints(read: Iterable[str | None]) -> tuple[str, ...]:
    every = tuple(read)
    if None in every and any(every):
        raise DocumentError("'findings' should all have a fingerprint, or none of them")
    return tuple(fingerprint for fingerprint in every if fingerprint is not None)


def _finding(finding: Finding) -> dict[str, JsonValue]:
    place = finding.location
    return {
        "message": finding.message,
        "fix": finding.fix,
        "awaiting": finding.awaiting,
        "location": None if place is None else {"path": place.path, "line": place.line},
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "discriminator": finding.discriminator,
        "review": None if finding.review is None else _review(finding.review),
        "checks": list(finding.checks),
    }


def _finding_from(document: Document) -> Finding:
    place = maybe_part(document, "location")
    review = maybe_part(document, "review")
    return Finding(
        message=text(document, "message"),
        fix=text(document, "fix"),
        evidence=parts(document, "evidence", _evidence_from),
        location=None if place is None else Location(text(place, "path"), maybe_number(place, "line")),
        awaiting=flag(document, "awaiting"),
        discriminator=text(document, "discriminator"),
        review=None if review is None else _review_from(review),
        checks=texts(document, "checks"),
    )


def _review(review: ReviewWanted) -> JsonValue:
    candidates: list[JsonValue] = [{"name": one.name, "is_team": one.is_team} for one in review.candidates]
    return {"candidates": candidates, "asked": review.asked}


def _review_from(document: Document) -> ReviewWanted:
    candidates = parts(document, "candidates", lambda one: Reviewer(text(one, "name"), flag(one, "is_team")))
    return ReviewWanted(candidates, number(document, "asked"))


def _evidence(evidence: Evidence) -> JsonValue:
    return {
        "what": evidence.what,
        "value": evidence.value,
        "url": evidence.url or None,
        "read_at": time_of(evidence.read_at),
        "ok": evidence.ok,
    }


def _evidence_from(document: Document) -> Evidence:
    return Evidence(
        text(document, "what"),
        text(document, "value"),
        maybe_text(document, "url") or "",
        maybe_time(document, "read_at"),
        maybe_flag(document, "ok"),
    )


def _unknown(unknown: Unknowing) -> JsonValue:
    return {"kind": unknown.kind.value, "reason": unknown.reason, "fact": unknown.fact}


def _unknown_from(document: Document) -> Unknowing:
    return Unknowing(word(document, "kind", UnknownKind), text(document, "reason"), text(document, "fact"))


def _condition(condition: Condition) -> JsonValue:
    return {"word": condition.word, "text": condition.text, "value": condition.value, "reason": condition.reason}


def _condition_from(document: Document) -> Condition:
    return Condition(
        text(document, "word"), text(document, "text"), maybe_flag(document, "value"), text(document, "reason")
    )


def _waiver(waiver: AppliedWaiver) -> JsonValue:
    return {
        "reason": waiver.reason,
        "compensating_control": waiver.compensating_control,
        "owner": waiver.owner,
        "approver": waiver.approver,
        "ticket": waiver.ticket,
        "expires": waiver.expires.isoformat(),
        "source": waiver.source,
    }


def _waiver_from(document: Document | None) -> AppliedWaiver | None:
    if document is None:
        return None
    return AppliedWaiver(
        reason=text(document, "reason"),
        owner=text(document, "owner"),
        approver=text(document, "approver"),
        expires=day(document, "expires"),
        ticket=text(document, "ticket"),
        compensating_control=text(document, "compensating_control"),
        source=text(document, "source"),
    )


def _tree(how: str, members: Sequence[Member]) -> JsonValue:
    return {"how": how, "members": [_member(member) for member in members]}


def _member(member: Member) -> JsonValue:
    return {
        "key": member.key,
        "rule": member.rule,
        "title": member.title,
        "outcome": member.outcome.value,
        "unknowns": [_unknown(unknown) for unknown in member.unknown],
        "reason": member.reason,
        "awaiting": member.awaiting,
        "findings": [_finding(finding) for finding in member.findings],
        "evidence": [_evidence(evidence) for evidence in member.evidence],
        "conditions": [_condition(condition) for condition in member.conditions],
        "waiver": None if member.waiver is None else _waiver(member.waiver),
        "tree": _tree(member.rule, member.members) if member.members else None,
    }


def _members_from(tree: Document | None) -> tuple[Member, ...]:
    return () if tree is None else parts(tree, "members", _member_from)


def _member_from(document: Document) -> Member:
    return Member(
        key=text(document, "key"),
        rule=text(document, "rule"),
        title=text(document, "title"),
        outcome=word(document, "outcome", Outcome),
        findings=parts(document, "findings", _finding_from),
        unknown=parts(document, "unknowns", _unknown_from),
        reason=text(document, "reason"),
        evidence=parts(document, "evidence", _evidence_from),
        conditions=parts(document, "conditions", _condition_from),
        members=_members_from(maybe_part(document, "tree")),
        waiver=_waiver_from(maybe_part(document, "waiver")),
    )
