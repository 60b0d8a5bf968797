"""What a token sees of an organisation, or of a project of it, in one request."""

from __future__ import annotations

from bot.engine.verdict import digest
from bot.platforms.answers import TokenRefused
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Client, rows_of
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.credentials import Sight


def sight(client: Client, project: str | None) -> Sight:
    """Of one token. Raises ``PlatformError``."""
    route = {"project": project} if project else {}
    try:
        rows = rows_of(client.get(endpoints.REPOSITORIES, route), endpoints.REPOSITORIES)
    except Refused as wrong:
        if wrong.anonymous:
            raise TokenRefused(str(wrong), wrong.kind) from wrong
        return Sight(client.principal(), "a token", 0, f"refused with {wrong.status}")
    return Sight(client.principal(), "a token", len(rows), digest(sorted(str(row.get("id")) for row in rows)))
