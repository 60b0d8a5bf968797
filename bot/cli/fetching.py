"""Fetches what policies extend from the platforms, with the run's own credentials and providers."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.cli.failures import Refusal, redacted
from bot.cli.session import Session
from bot.engine.ports import PlatformError
from bot.engine.targets import Target
from bot.model.subjects import Platform
from bot.policy.references import Fetched, FetchError, Reference


@dataclass
class PlatformFetcher:
    """The ``Fetcher`` of a run. Make one and keep it: what it has fetched, or could not, it does not ask for again."""

    session: Session
    _kept: dict[Reference, Fetched | FetchError] = field(default_factory=dict)

    def fetch(self, reference: Reference) -> Fetched:
        """The file. Raises ``FetchError``."""
        if reference not in self._kept:
            self._kept[reference] = self._read(reference)
        answer = self._kept[reference]
        if isinstance(answer, FetchError):
            raise FetchError(str(answer), answer.kind)
        return answer

    def _read(self, reference: Reference) -> Fetched | FetchError:
        try:
            provider = self.session.provider(target(reference))
        except Refusal as refusal:  # there is no token; it says which variable is lacking
            return FetchError(redacted(f"{reference} cannot be read: {refusal.message}"))
        except PlatformError as error:
            return FetchError(redacted(f"{reference} cannot be read: {error}"), error.kind)
        try:
            return provider.fetch(reference)
        except PlatformError as error:
            return FetchError(redacted(str(error)), error.kind)


def target(reference: Reference) -> Target:
    """The repository of a reference, as a target."""
    *above, repository = reference.repository.split("/")
    organization, project = above[0], above[1] if reference.platform is Platform.AZURE_DEVOPS else None
    return Target(reference.place, reference.platform, organization, project, repository)
