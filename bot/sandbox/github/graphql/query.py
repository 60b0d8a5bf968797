"""Where a query begins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.sandbox.github.call import stamp
from bot.sandbox.github.graphql.actors import actor
from bot.sandbox.github.graphql.thing import Denied, Thing
from bot.sandbox.github.nodes import decode


class QueryThing(Thing, of="Query"):
    """The top of every query."""

    def rate_limit(self) -> dict[str, object]:
        """What this query costs and what is left."""
        state = self.c.meters.graphql.state(self.c.token)
        return {
            "limit": state["limit"],
            "cost": self.c.cost,
            "remaining": state["remaining"],
            "resetAt": stamp(datetime.fromtimestamp(state["reset"], UTC)),
            "nodeCount": self.c.nodes,
            "used": state["used"],
        }

    def viewer(self) -> Any:
        """Who asks; an App is shown as a user whose login ends in ``[bot]``."""
        return self.new("User", self.c.token.poster)

    def repository(self, owner: str, name: str, follow_renames: bool = True) -> Any:
        """A repository by name, or by one that it had before."""
        found = self.c.world.repository(owner, name)
        if found is not None and self.c.world.fates:
            self.c.world.meet_fate(found)
            found = self.c.world.repository(owner, name)
        if found is None and follow_renames:
            found = self.c.world.former(owner, name)
        if found is None or not self.c.access.sees(found):
            raise Denied("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
        return self.new("Repository", found)

    def organization(self, login: str) -> Any:
        """An organisation."""
        found = self.c.world.organization(login)
        if found is None:
            raise Denied("NOT_FOUND", f"Could not resolve to an Organization with the login of '{login}'.")
        return self.new("Organization", found)

    def user(self, login: str) -> Any:
        """A user."""
        found = actor(self.c, login) if login in self.c.world.people else None
        if found is None or found.typename != "User":
            raise Denied("NOT_FOUND", f"Could not resolve to a User with the login of '{login}'.")
        return found

    def repository_owner(self, login: str) -> Any:
        """Whoever owns repositories: an organisation or a user. Null, without an error, for nobody."""
        organization = self.c.world.organization(login)
        if organization is not None:
            return self.new("Organization", organization)
        found = actor(self.c, login) if login in self.c.world.people else None
        return found if found is not None and found.typename == "User" else None

    def nodes(self, ids: list[str]) -> list[Any]:
        """Several things by their ids; what is not there is null, with an error."""
        found = []
        for each in ids:
            try:
                found.append(self.node(each))
            except Denied as denied:
                found.append(denied)
        return found

    def node(self, id: str) -> Any:  # noqa: A002 - the schema's own name
        """A thing by its id."""
        found = self._node(id)
        if found is None:
            raise Denied("NOT_FOUND", f"Could not resolve to a node with the global id of '{id}'")
        return found

    def _node(self, ident: str) -> Any:
        decoded = decode(ident)
        if decoded is None or not decoded[1]:
            return None
        kind, names = decoded
        world = self.c.world
        if kind in ("User", "Bot"):
            return self.new(kind, names[0]) if names[0] in world.people else None
        if kind == "App":
            return self.new("App", names[0])
        if kind == "Organization":
            organization = world.organizations.get(names[0])
            return self.new("Organization", organization) if organization else None
        if kind == "Team":
            return self.new("Team", world.teams[names[0]]) if names[0] in world.teams else None
        repository = world.by_key(names[0])
        if repository is not None and world.fates:
            world.meet_fate(repository)
            repository = world.by_key(names[0])
        if repository is None or not self.c.access.sees(repository):
            return None
        whole = self.new("Repository", repository)
        if kind == "Repository":
            return whole
        match kind, names[1:]:
            case "PullRequest", [number]:
                return whole.pull_request(int(number))
            case "Issue", [number]:
                return whole.issue(int(number))
            case (("Commit" | "Tree" | "Blob" | "Tag"), [sha]):
                return whole.object(oid=sha)
            case "Ref", [name]:
                return whole.ref(name)
            case "Release", [tag]:
                return whole.release(tag)
            case "Environment", [name]:
                return whole.environment(name)
        return None
