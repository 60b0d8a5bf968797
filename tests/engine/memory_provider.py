"""A platform that is a dictionary: what a provider promises, kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from bot.engine.ports import ConfigurationFile, Known
from bot.engine.targets import Search, Target
from bot.model.facts import Answer, Fact, FactRequest, Loaded
from bot.model.results import Gap
from bot.model.subjects import Branch, Platform, PullRequest, Repository, Subject
from bot.policy.references import Fetched, Reference

NOW = datetime(2026, 11, 2, tzinfo=UTC)

Round = dict[type[Fact], list[str]]


class MemoryProvider:
    """Answers from what it was given; what it was not given stays unanswered. Remembers what it was asked, round by round."""

    platform = Platform.GITHUB

    def __init__(
        self,
        answers: Mapping[tuple[type[Fact], str], Answer | Fact],
        dependencies: Mapping[type[Fact], tuple[FactRequest, ...]] | None = None,
    ) -> None:
        self.answers = {
            key: Loaded(answer, "", NOW) if isinstance(answer, Fact) else answer for key, answer in answers.items()
        }
        self.needed = dependencies or {}
        self.rounds: list[Round] = []
        self.asked: list[FactRequest] = []
        self.known: list[frozenset[type[Fact]]] = []

    def resolve(self, target: Target) -> Subject:
        """Nothing has a name here."""
        raise KeyError(target)

    def discover(self, root: Subject, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        """The root alone."""
        yield from [root] if type(root) in kinds else []

    def dependencies(self, request: FactRequest) -> tuple[FactRequest, ...]:
        """As given."""
        return self.needed.get(request.type, ())

    def load(
        self, needs: Mapping[FactRequest, Sequence[Subject]], known: Known
    ) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        """Whatever there is an answer for."""
        self.rounds.append({request.type: [s.id for s in subjects] for request, subjects in needs.items()})
        self.asked += needs
        self.known.append(frozenset(kind for kind, _ in known.answers))
        for request, subjects in needs.items():
            for subject in subjects:
                if (request.type, subject.id) in self.answers:
                    yield request, subject, self.answers[request.type, subject.id]

    def counted(self, root: Subject) -> int | None:
        """Nobody counts here."""
        return None

    def unpushed(self, repositories: Sequence[Repository], since: datetime) -> frozenset[str]:
        """Not told."""
        return frozenset()

    def release(self, subjects: Sequence[Subject]) -> None:
        """Everything stays."""

    def configuration(self, subject: Subject, paths: Sequence[str]) -> ConfigurationFile | None:
        """There is none."""
        return None

    def same_head(self, subject: PullRequest) -> Sequence[Target]:
        """No other."""
        return ()

    def guarded(self, branch: Branch) -> bool:
        """No branch is."""
        del branch
        return False

    def landing(self, subject: PullRequest) -> None:
        """Nothing is stacked."""

    def find(self, search: Search) -> Sequence[Target]:
        """None."""
        return ()

    def paths(self, subject: Subject) -> Sequence[str]:
        """No files."""
        return ()

    def fetch(self, reference: Reference) -> Fetched:
        """There is no other repository."""
        raise KeyError(reference)

    def requests(self) -> int:
        """One for each round."""
        return len(self.rounds)

    def round_trips(self) -> int:
        """The same: each waits for the one before."""
        return len(self.rounds)

    def close(self) -> None:
        """Nothing to end."""
