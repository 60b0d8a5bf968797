from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.engine.ports import Known
from bot.engine.targets import parse
from bot.model.facts import Answer, Fact, FactRequest, Loaded
from bot.model.subjects import Subject
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.sandbox.server import Sandbox

PULL_REQUEST = "ado:acme/Payments/payments!12"


@dataclass
class Reader:
    """A provider, with what it has answered so far."""

    provider: AzureDevOpsProvider
    known: Known

    def subject(self, target: str = PULL_REQUEST, environment: str | None = None) -> Any:
        return self.provider.resolve(parse(target, environment))

    def ask(self, fact: type[Fact], subject: Subject, spec: object = None) -> Answer:
        """One fact, with those that it builds on loaded before."""
        return self.ask_all({FactRequest(fact, spec): [subject]})[0]

    def ask_all(self, needs: dict[FactRequest, list[Any]]) -> list[Answer]:
        for request, subjects in needs.items():
            for earlier in self.provider.dependencies(request):
                for subject in subjects:
                    if self.known.answer(earlier.type, subject) is None:
                        self.ask(earlier.type, subject)
        found = {(r, s.id): a for r, s, a in self.provider.load(needs, self.known)}
        assert len(found) == sum(map(len, needs.values())), "every request is answered exactly once"
        for (request, subject), answer in found.items():
            self.known.answers[(request.type, subject)] = answer
        return [found[(request, subject.id)] for request, subjects in needs.items() for subject in subjects]

    def value(self, fact: type[Fact], subject: Subject, spec: object = None) -> Any:
        answer = self.ask(fact, subject, spec)
        assert isinstance(answer, Loaded), answer
        assert isinstance(answer.value, fact)
        assert answer.url.startswith("http")
        return answer.value


def requested(sandbox: Sandbox) -> list[str]:
    """Method and path of each request so far, in order."""
    return [f"{entry.method} {entry.path}" for entry in sandbox.application.ledger.entries]
