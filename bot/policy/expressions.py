"""Conditions: expressions that are true or false."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.model.facts.change import ChangedFiles
from bot.model.subjects import Subject
from bot.policy.checking import Wanted
from bot.policy.document import Document, Undecided, document
from bot.policy.program import Compiled, ExpressionError, compile_for

__all__ = ["Document", "Expression", "ExpressionError", "Undecided", "compile_expression", "document"]


@dataclass(frozen=True, slots=True)
class Expression(Compiled):
    """A compiled condition."""

    def lacks_files(self, document: Document) -> bool:
        """Whether it is not met because it names ``files`` and the change is empty."""
        return ChangedFiles.name in self.names and document.no_files

    def evaluate(self, document: Document) -> bool | Undecided:
        """Whether it holds. A condition that names ``files`` is not met on an empty change."""
        if self.lacks_files(document):
            return False
        value = self.value(document)
        if value is True or value is False or isinstance(value, Undecided):
            return value
        return Undecided(f"a condition is true or false, and here it came to {value!r}")


def compile_expression(text: str, subjects: Iterable[type[Subject]]) -> Expression:
    """Compile a condition for each of these types of subject. Raises ``ExpressionError``."""
    compiled = compile_for(text, subjects, Wanted.CONDITION)
    return Expression(compiled.text, compiled.names, compiled._requests, compiled._programs)
