"""Releases, environments and deployments."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.sandbox.github.call import stamp
from bot.sandbox.github.graphql.actors import actor, user_only
from bot.sandbox.github.graphql.thing import Context, Many, Thing
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.releases import asset_id, latest_of, release_id
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.github.deployments import Deployment
    from bot.sandbox.scenario import AssetPart, EnvironmentPart, ReleasePart
    from bot.sandbox.world import Repository

DEPLOYMENT_STATES = {
    "success": "ACTIVE",
    "failure": "FAILURE",
    "in_progress": "IN_PROGRESS",
    "waiting": "WAITING",
    "inactive": "INACTIVE",
}
DEFAULT_CREATOR = "github-actions[bot]"


class ReleaseThing(Thing, of="Release"):
    """A release."""

    def __init__(self, c: Context, repository: Repository, part: ReleasePart) -> None:
        super().__init__(c)
        self.it = repository
        self.part = part
        self.id = encode("Release", repository.key, part.version)
        self.database_id = release_id(repository, part)
        self.tag_name = self.name = part.version
        self.is_draft = part.draft
        self.is_prerelease = part.prerelease
        self.is_latest = latest_of(repository) is part
        self.immutable = part.immutable
        self.created_at = self.updated_at = stamp(c.world.at(part.created_at))
        self.published_at = None if part.draft else self.created_at
        self.description = part.notes
        self.url = f"{c.html}/{repository.full_name}/releases/tag/{part.version}"

    def author(self) -> Any:
        """Who made it; null when that was a bot, for the schema has only room for users."""
        return user_only(self.c, self.part.author)

    def tag(self) -> Any:
        """The tag; null for a draft."""
        name = f"refs/tags/{self.part.version}"
        return self.new("Ref", self.it, name) if name in self.it.git.refs else None

    def tag_commit(self) -> Any:
        """Where the tag points now."""
        sha = self.it.git.refs.get(f"refs/tags/{self.part.version}")
        return self.new("Commit", self.it, self.it.git.commits[sha]) if sha else None

    def release_assets(self, name: str | None = None) -> Many:
        """Its files."""
        found = [asset for asset in self.part.assets if name in (None, asset.name)]
        return Many(found, lambda asset: self.new("ReleaseAsset", self.it, self.part, asset))


class AssetThing(Thing, of="ReleaseAsset"):
    """A file of a release."""

    def __init__(self, c: Context, repository: Repository, part: ReleasePart, asset: AssetPart) -> None:
        super().__init__(c)
        self.id = encode("ReleaseAsset", repository.key, part.version, asset.name)
        self.name = asset.name
        self.digest = asset.digest or None
        self.size = 1024
        self.download_url = f"{c.html}/{repository.full_name}/releases/download/{part.version}/{asset.name}"
        self.url = f"{c.html}/{repository.full_name}/assets/{asset_id(repository, part, asset)}"
        self.content_type = "application/octet-stream"
        self.created_at = self.updated_at = stamp(c.world.at(part.created_at))
        self.download_count = 0


class EnvironmentThing(Thing, of="Environment"):
    """An environment."""

    def __init__(self, c: Context, repository: Repository, part: EnvironmentPart) -> None:
        super().__init__(c)
        self.it = repository
        self.part = part
        self.id = encode("Environment", repository.key, part.name)
        self.database_id = number("environment", repository.key, part.name)
        self.name = part.name
        self.is_pinned = False

    def protection_rules(self) -> Many:
        """What a deployment waits for."""
        part = self.part
        rules: list[dict[str, object]] = []

        def rule(kind: str, timeout: int, people: list[str]) -> None:
            rules.append(
                {
                    "databaseId": number("environment-rule", self.it.key, part.name, kind.lower()),
                    "type": kind,
                    "timeout": timeout,
                    "preventSelfReview": part.prevent_self_review if people else None,
                    "reviewers": people,
                }
            )

        if part.wait_minutes:
            rule("WAIT_TIMER", part.wait_minutes, [])
        if part.approvers:
            rule("REQUIRED_REVIEWERS", 0, part.approvers)
        if part.branches:
            rule("BRANCH_POLICY", 0, [])
        return Many(rules, lambda each: self.new("DeploymentProtectionRule", each))


class ProtectionRuleThing(Thing, of="DeploymentProtectionRule"):
    """One thing that a deployment waits for."""

    def __init__(self, c: Context, rule: dict[str, Any]) -> None:
        super().__init__(c)
        self.database_id = rule["databaseId"]
        self.type = rule["type"]
        self.timeout = rule["timeout"]
        self.prevent_self_review = rule["preventSelfReview"]
        self.people: list[str] = rule["reviewers"]

    def reviewers(self) -> Many:
        """Who may approve."""
        return Many(self.people, self._reviewer)

    def _reviewer(self, name: str) -> Any:
        if not name.startswith("team:"):
            return actor(self.c, name)
        team = self.c.world.teams.get(name.removeprefix("team:"))
        return self.new("Team", team) if team else None


class DeploymentThing(Thing, of="Deployment"):
    """A deployment."""

    def __init__(self, c: Context, repository: Repository, deployment: Deployment) -> None:
        super().__init__(c)
        part = deployment.part
        self.it = repository
        self.deployment = deployment
        self.id = encode("Deployment", repository.key, deployment.id)
        self.database_id = deployment.id
        self.environment = self.original_environment = self.latest_environment = part.environment
        self.state = DEPLOYMENT_STATES[deployment.statuses[0][0]]
        self.created_at = stamp(deployment.at)
        self.updated_at = stamp(deployment.statuses[0][1])
        self.commit_oid = deployment.sha
        self.description = None
        self.payload = "{}"
        self.task = "deploy"

    def commit(self) -> Any:
        """What was deployed."""
        return self.new("Commit", self.it, self.it.git.commits[self.deployment.sha])

    def ref(self) -> Any:
        """The tag or branch; null when it was a bare commit."""
        for name in (f"refs/tags/{self.deployment.ref}", f"refs/heads/{self.deployment.ref}"):
            if name in self.it.git.refs:
                return self.new("Ref", self.it, name)
        return None

    def creator(self) -> Any:
        """Who deployed it."""
        return actor(self.c, self.deployment.part.by or DEFAULT_CREATOR)

    def statuses(self) -> Many:
        """What became of it, newest first."""
        return Many(self.deployment.statuses, lambda pair: self._status(*pair))

    def latest_status(self) -> Any:
        """The newest of them."""
        return self._status(*self.deployment.statuses[0])

    def _status(self, state: str, at: datetime) -> Any:
        return self.new("DeploymentStatus", self.it, self.deployment, state, at)


class DeploymentStatusThing(Thing, of="DeploymentStatus"):
    """One step of a deployment."""

    def __init__(self, c: Context, repository: Repository, deployment: Deployment, state: str, at: datetime) -> None:
        super().__init__(c)
        part = deployment.part
        self.login = part.by or DEFAULT_CREATOR
        self.id = encode("DeploymentStatus", repository.key, deployment.id, state)
        self.state = state.upper()
        self.created_at = stamp(at)
        self.updated_at = self.created_at
        self.description = None
        self.environment = part.environment
        self.environment_url = None
        page = f"{c.html}/{repository.full_name}/actions/runs/{part.run}"
        self.log_url = page if part.run is not None else None

    def creator(self) -> Any:
        """Who said so."""
        return actor(self.c, self.login)
