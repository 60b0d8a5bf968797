"""The documents that expressions see: one for each subject and set of facts, made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from bot.engine.ports import Known
from bot.engine.reach import can_reach, reach
from bot.model.facts import Fact, FactRequest, Loaded, NotSupported, Unavailable
from bot.model.results import Unknowing
from bot.model.subjects import Subject
from bot.policy.expressions import Document, Expression, Undecided, document
from bot.policy.message import Message


class Documents:
    """What is known, as expressions see it."""

    def __init__(
        self,
        known: Known,
        values: Mapping[type, object],
        untold: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        now = values[datetime]
        assert isinstance(now, datetime)
        self._known, self._now = known, now
        self._untold = untold
        self._made: dict[tuple[str, frozenset[type[Fact]]], Document] = {}

    def of(self, subject: Subject, *texts: Expression | Message) -> Document:
        """The document with the facts that these name, as far as they are known."""
        wanted = frozenset[type[Fact]]().union(*(text.facts() for text in texts))
        if (subject.id, wanted) not in self._made:
            facts = {
                fact.name: answer.value
                for fact in wanted
                if (holder := reach(subject, fact.subject)) is not None
                and isinstance(answer := self._known.answer(fact, holder), Loaded)
            }
            self._made[subject.id, wanted] = document(subject, facts, self._now, self._untold.get(subject.id))
        return self._made[subject.id, wanted]

    def doubts(self, expression: Expression, answer: Undecided, subject: Subject, word: str) -> Iterator[Unknowing]:
        """Why an expression is not decided: what could not be read, or the expression's own error."""
        text = " ".join(expression.text.split())
        unread = [
            Unknowing(missing.kind, f"{word}: {text} rests on {name}: {missing.reason}", name)
            for name, missing in self.unread(expression, subject).items()
        ]
        yield from unread or [Unknowing(answer.kind, f"{word}: {text}: {answer.reason}")]

    def unread(self, expression: Expression, subject: Subject) -> Mapping[str, Unavailable]:
        """The facts that the expression names and that could not be read, by name."""
        answers = {fact.name: self._answer(fact, subject) for fact in expression.facts()}
        return {name: answer for name, answer in sorted(answers.items()) if isinstance(answer, Unavailable)}

    def unsupported(self, expression: Expression, subject: Subject) -> str:
        """Why the platform has nothing that the expression names; empty: it has everything."""
        for fact in sorted(expression.facts(), key=lambda fact: fact.name):
            answer = self._answer(fact, subject)
            if isinstance(answer, NotSupported):
                return answer.reason
        return ""

    def _answer(self, fact: type[Fact], subject: Subject) -> object:
        holder = reach(subject, fact.subject)
        return None if holder is None else self._known.answer(fact, holder)


def requests(kind: type[Subject], *texts: Expression | Message) -> Iterator[FactRequest]:
    """The facts that expressions need about subjects of a type."""
    for text in texts:
        yield from (request for request in text.requests() if can_reach(kind, request.type.subject))
