"""Which facts are needed, and their loading in rounds: what builds on another fact waits for it."""

from __future__ import annotations

from collections.abc import Iterable

from bot.engine.ports import FactSource, Known, Progress, Silence
from bot.engine.reach import reach
from bot.model.facts import Fact, FactRequest, Unavailable, UnknownKind
from bot.model.results import Gap
from bot.model.subjects import Subject


class Needs:
    """Requests for facts, each type once: specs of one type are united."""

    def __init__(self) -> None:
        self._specs: dict[type[Fact], object] = {}
        self._subjects: dict[type[Fact], dict[str, Subject]] = {}

    def add(self, request: FactRequest, subjects: Iterable[Subject]) -> None:
        """Ask for a fact about what each subject is, or belongs to."""
        known = self._subjects.setdefault(request.type, {})
        for subject in subjects:
            holder = reach(subject, request.type.subject)
            if holder is not None:
                known.setdefault(holder.id, holder)
        before = self._specs.get(request.type)
        if request.spec is not None and before is not None:
            self._specs[request.type] = before.unite(request.spec)  # type: ignore[attr-defined]
        elif request.spec is not None or before is None:
            self._specs[request.type] = request.spec

    def requests(self) -> dict[FactRequest, list[Subject]]:
        """What is asked for, with whom it is about."""
        return {
            FactRequest(kind, spec): list(self._subjects[kind].values())
            for kind, spec in self._specs.items()
            if self._subjects[kind]
        }


def load(needs: Needs, provider: FactSource, known: Known, progress: Progress | None = None) -> tuple[Gap, ...]:
    """Load all that is needed and not known yet into ``known``; returns what could not be read.

    Raises ``RuntimeError`` when a provider leaves a request unanswered, or when facts wait for each other in a ring:
    both are errors of the provider.
    """
    progress = progress or Silence()
    _close(needs, provider)
    waiting = {
        request: missing
        for request, subjects in needs.requests().items()
        if (missing := [s for s in subjects if (request.type, s.id) not in known.answers])
    }
    gaps: list[Gap] = []
    progress.total("facts", sum(len(subjects) for subjects in waiting.values()))
    while waiting:
        types = {request.type for request in waiting}
        ready = {
            request: subjects
            for request, subjects in waiting.items()
            if not any(needed.type in types for needed in provider.dependencies(request))
        }
        if not ready:
            raise RuntimeError(f"facts wait for each other: {sorted(kind.name for kind in types)}")
        for request, subject, answer in provider.load(ready, known):
            known.answers[request.type, subject.id] = answer
            progress.advance("facts")
            if isinstance(answer, Unavailable):
                gaps.append(Gap(subject.id, subject.name, request.type.name, answer.kind, answer.reason))
        for request, subjects in ready.items():
            del waiting[request]
            for subject in subjects:
                if (request.type, subject.id) not in known.answers:
                    missing_answer = _unanswered(request, subject)
                    known.answers[request.type, subject.id] = missing_answer
                    gaps.append(
                        Gap(subject.id, subject.name, request.type.name, missing_answer.kind, missing_answer.reason)
                    )
    return tuple(gaps)


def _close(needs: Needs, provider: FactSource) -> None:
    """Add what the requests build on, and what that builds on."""
    done: set[FactRequest] = set()
    while todo := [(request, s) for request, s in needs.requests().items() if request not in done]:
        for request, subjects in todo:
            done.add(request)
            for needed in provider.dependencies(request):
                needs.add(needed, subjects)


def _unanswered(request: FactRequest, subject: Subject) -> Unavailable:
    return Unavailable(UnknownKind.TRANSIENT, f"{request.type.name} of {subject.name} was asked for and not answered")
