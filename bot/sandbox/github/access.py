"""What a token may see and do on GitHub, for REST and GraphQL alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.identity import Token
    from bot.sandbox.scenario import Access as Level
    from bot.sandbox.world import Repository, World

LEVELS: tuple[Level, ...] = ("none", "read", "write", "admin")

OTHER_NAMES = {
    "security_events": "code_scanning_alerts",
    "vulnerability_alerts": "dependabot_alerts",
    "secret_scanning": "secret_scanning_alerts",
    "attestations": "contents",
    "organization_custom_properties": "organization_administration",
}
"""GitHub's names of permissions whose scenario name differs."""

WORKFLOW_TOKEN = frozenset(
    {
        "metadata",
        "contents",
        "pull_requests",
        "issues",
        "checks",
        "statuses",
        "actions",
        "code_scanning_alerts",
        "deployments",
    }
)
"""All that a workflow's own GITHUB_TOKEN can ever be given."""

OPEN_TO_ALL = frozenset(
    {"metadata", "contents", "pull_requests", "issues", "checks", "statuses", "actions", "deployments"}
)
"""What anybody may read of a public repository."""


@dataclass(frozen=True)
class Access:
    """The reach of one token."""

    token: Token
    world: World

    def level(self, permission: str) -> Level:
        """How far one permission of the token goes."""
        name = OTHER_NAMES.get(permission, permission)
        if self.token.kind == "actions" and name not in WORKFLOW_TOKEN:
            return "none"
        if self.token.github == "all":
            return "admin"
        given = self.token.github.get(name) or self.token.github.get(permission)
        if given is None and name == "metadata":
            return "read"
        return given or "none"

    def holds(self, permission: str, wanted: Level) -> bool:
        """Whether the token has at least this level of a permission."""
        return LEVELS.index(self.level(permission)) >= LEVELS.index(wanted)

    def sees(self, repository: Repository) -> bool:
        """Whether the repository exists for this token at all."""
        if "github" not in repository.face.platforms:
            return False
        if repository.face.visibility == "public":
            return True
        if not self.holds("metadata", "read"):
            return False
        if self.token.kind == "pat" and self.token.github != "all":
            return self.world.permission(self.token.login, repository) is not None
        return True

    def may(self, permission: str, wanted: Level, repository: Repository | None = None) -> bool:
        """Whether the token may do this, to this repository."""
        public = repository is not None and repository.face.visibility == "public"
        if public and wanted == "read" and permission in OPEN_TO_ALL:
            return True
        return self.holds(permission, wanted)

    def administers(self, repository: Repository) -> bool:
        """Whether settings of the repository show: an administrator's token."""
        if not self.holds("administration", "read"):
            return False
        if self.token.kind == "pat" and self.token.github != "all":
            return self.world.permission(self.token.login, repository) == "admin"
        return True

    def person_may_push(self, repository: Repository) -> bool:
        """Whether the token's owner could push."""
        if self.token.kind == "pat" and self.token.github != "all":
            return self.world.permission(self.token.login, repository) in ("write", "maintain", "admin")
        return True
