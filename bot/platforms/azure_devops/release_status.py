"""Posts the verdict on a release: a status of its commit."""

from __future__ import annotations

from bot.engine.ports import PlatformError, Published, ReleasePublication
from bot.platforms.azure_devops.files import repository_route
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.azure_devops.publisher import GENRE, LONGEST_DESCRIPTION, STATES


class AzureDevOpsReleasePublisher:
    """Posts through the provider's client."""

    def __init__(self, provider: AzureDevOpsProvider) -> None:
        self._client = provider.client

    def publish_release(self, publication: ReleasePublication) -> Published:
        """Post the status, which takes the place of one of the same name. What the token may not do is told, not raised."""
        from azure.devops.v7_1.git.models import GitStatus, GitStatusContext

        subject = publication.subject
        described = publication.title
        if len(described) > LONGEST_DESCRIPTION:
            described = f"{described[: LONGEST_DESCRIPTION - 1]}…"
        status = GitStatus(
            context=GitStatusContext(genre=GENRE, name=publication.context),
            description=described,
            state=STATES[publication.verdict],
            target_url=publication.details_url,
        )
        route = repository_route(subject.repository)
        try:
            self._client.git().create_commit_status(status, subject.commit, route["repositoryId"], route["project"])
        except PlatformError as wrong:
            return Published(
                (),
                (
                    f"The verdict is not on the commit of {subject.name}: {wrong}. For that the token needs the scope "
                    "vso.code_status, and its owner the permission 'Contribute'.",
                ),
            )
        return Published((f"Posted the status {GENRE}/{publication.context} on {subject.commit[:12]}.",))
