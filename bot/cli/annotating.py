"""What a gate says at lines of the files that a pull request changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.cli.failures import redacted

if TYPE_CHECKING:
    from bot.cli.judgement import Judging
    from bot.model.annotations import Annotation
    from bot.model.results import Gate, Run
    from bot.model.subjects import PullRequest

MOST = 1_000
"""Annotations of one pull request: twenty requests on GitHub, which allows eighty that write in a minute."""


def annotations_of(judging: Judging, run: Run, gate: Gate) -> tuple[Annotation, ...]:
    """The annotations of a pull request, the gravest first; of more than ``MOST`` the rest is left out, and it says so.

    Which files are changed is asked for only where a finding has a place, and no rule has asked for it already.
    """
    from bot.model.subjects import PullRequest
    from bot.policy.configuration import Annotations
    from bot.report.annotations import annotate, located

    subject = gate.target
    settings = judging.configurations[gate.policy_digest].gate
    if not isinstance(subject, PullRequest) or settings.annotations is Annotations.NEVER:
        return ()
    if subject.id not in judging.annotations:
        found: tuple[Annotation, ...] = ()
        if located(subject, run.results):
            found = annotate(subject, run.results, _changed(judging, subject))
        if len(found) > MOST:
            judging.notices.append(
                f"{subject.name}: {len(found) - MOST} findings beyond {MOST} are shown at no line; the report has them all."
            )
        judging.annotations[subject.id] = tuple(_redacted(one) for one in found[:MOST])
    return judging.annotations[subject.id]


def _changed(judging: Judging, subject: PullRequest) -> frozenset[str]:
    """The paths that the head has and the base has not, or not so."""
    from bot.engine.loading import Needs, load
    from bot.engine.ports import Known
    from bot.model.facts import FactRequest, Loaded
    from bot.model.facts.change import Change, ChangedFiles

    if subject.id not in judging.changed:
        needs, known = Needs(), Known()
        needs.add(FactRequest(ChangedFiles), [subject])
        load(needs, judging.provider_of(subject), known)
        judging.changed[subject.id] = known.answers[ChangedFiles, subject.id]
    answer = judging.changed[subject.id]
    if isinstance(answer, Loaded) and isinstance(answer.value, ChangedFiles):
        return frozenset(file.path for file in answer.value.files if file.change is not Change.DELETED)
    if not isinstance(answer, Loaded):
        judging.notices.append(
            f"{subject.name}: no finding is shown at its line, because the changed files are not known: {answer.reason}"
        )
    return frozenset()


def _redacted(annotation: Annotation) -> Annotation:
    return replace(
        annotation,
        title=redacted(annotation.title),
        message=redacted(annotation.message),
        markdown=redacted(annotation.markdown),
    )
