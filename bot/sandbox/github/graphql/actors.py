"""People, bots, apps, teams and organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.sandbox.github.graphql.thing import Context, Denied, Many, Thing, make
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import APP_NAMES, app_id
from bot.sandbox.github.rulesets import Bypass, organization_rulesets
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.world import Organization, Repository, Team


def actor(c: Context, login: str | None) -> Any:
    """A user or a bot; null for nobody."""
    if not login:
        return None
    person = c.world.people.get(login)
    is_bot = person.bot if person else login.endswith("[bot]")
    return make(c, "Bot" if is_bot else "User", login)


def user_only(c: Context, login: str | None) -> Any:
    """A user; null for nobody and for bots, where the schema has only room for users."""
    found = actor(c, login)
    return found if found is not None and found.typename == "User" else None


def bypass_actor(c: Context, bypass: Bypass) -> Any:
    """An actor among those who may bypass; null for roles."""
    if bypass.kind == "Team" and bypass.name in c.world.teams:
        return make(c, "Team", c.world.teams[bypass.name])
    if bypass.kind == "Integration":
        return make(c, "App", bypass.name)
    return actor(c, bypass.name) if bypass.kind == "User" else None


class Account(Thing):
    """What users and bots have in common."""

    def __init__(self, c: Context, login: str) -> None:
        super().__init__(c)
        self.login = login

    @property
    def id(self) -> str:
        """Its node id."""
        return encode(self.typename, self.login)

    @property
    def database_id(self) -> int:
        """Its number."""
        person = self.c.world.people.get(self.login)
        return person.id if person else number("person", self.login)

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.c.html}/{self.login}"

    @property
    def avatar_url(self) -> str:
        """Its picture."""
        return f"{self.c.html}/avatars/{self.database_id}"


class UserThing(Account, of="User"):
    """A person."""

    @property
    def name(self) -> str | None:
        """The name."""
        person = self.c.world.people.get(self.login)
        return person.name if person else None

    @property
    def email(self) -> str:
        """The public e-mail."""
        person = self.c.world.people.get(self.login)
        return person.email if person else ""

    def repositories(self, **_asked: Any) -> Many:
        """A user's repositories: in a scenario, organisations own them all."""
        return Many([], lambda each: each)


class BotThing(Account, of="Bot"):
    """An App's user. GraphQL leaves ``[bot]`` off the login."""

    def __init__(self, c: Context, login: str) -> None:
        super().__init__(c, login)
        self.full_login = login
        self.login = login.removesuffix("[bot]")

    @property
    def id(self) -> str:
        """Its node id."""
        return encode("Bot", self.full_login)

    @property
    def database_id(self) -> int:
        """Its number."""
        person = self.c.world.people.get(self.full_login)
        return person.id if person else number("person", self.full_login)

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.c.html}/apps/{self.login}"


class MannequinThing(Account, of="Mannequin"):
    """An imported account; no scenario has any."""


class AppThing(Thing, of="App"):
    """A GitHub App."""

    def __init__(self, c: Context, slug: str) -> None:
        super().__init__(c)
        self.slug = slug
        self.id = encode("App", slug)
        self.database_id = app_id(slug)
        self.name = APP_NAMES.get(slug, slug.replace("-", " ").title())
        self.url = f"{c.html}/apps/{slug}"


class TeamThing(Thing, of="Team"):
    """A team."""

    def __init__(self, c: Context, team: Team) -> None:
        super().__init__(c)
        self.team = team
        self.id = encode("Team", team.name)
        self.database_id = team.id
        self.slug = team.slug
        self.name = team.name
        self.combined_slug = f"{team.organization}/{team.slug}"
        self.url = f"{c.html}/orgs/{team.organization}/teams/{team.slug}"

    def organization(self) -> Any:
        """Whose team it is."""
        return self.new("Organization", self.c.world.organizations[self.team.organization])

    def members(self) -> Many:
        """Its people; each of them denied to a token that may not read members."""
        allowed = self.c.may("members")
        return Many(self.team.members, lambda login: actor(self.c, login) if allowed else self.c.denied())


class OrganizationThing(Thing, of="Organization"):
    """An organisation."""

    def __init__(self, c: Context, organization: Organization) -> None:
        super().__init__(c)
        self.it = organization
        self.id = encode("Organization", organization.name)
        self.database_id = organization.id
        self.login = self.name = organization.name
        self.url = f"{c.html}/{organization.name}"
        self.avatar_url = f"{c.html}/avatars/{organization.id}"

    def requires_two_factor_authentication(self) -> bool:
        """For owners only."""
        self.c.need("organization_administration")
        return self.it.part.two_factor_required

    def repository(self, name: str) -> Any:
        """One of its repositories."""
        found = self.c.world.repository(self.it.name, name)
        if found is None or not self.c.access.sees(found):
            raise Denied("NOT_FOUND", f"Could not resolve to a Repository with the name '{self.it.name}/{name}'.")
        return self.new("Repository", found)

    def repositories(
        self,
        order_by: dict[str, str] | None = None,
        is_archived: bool | None = None,
        is_fork: bool | None = None,
        privacy: str | None = None,
        visibility: str | None = None,
        owner_affiliations: list[str] | None = None,
    ) -> Many:
        """Its repositories, by name unless asked otherwise."""
        del owner_affiliations  # an organisation's are all its own
        found = [each for each in self.c.world.repositories_of(self.it.name) if self.c.access.sees(each)]
        if is_archived is not None:
            found = [each for each in found if each.face.archived == is_archived]
        if is_fork is not None:
            found = [each for each in found if each.face.fork == is_fork]
        if privacy is not None:
            found = [each for each in found if (each.face.visibility == "public") == (privacy == "PUBLIC")]
        if visibility is not None:
            found = [each for each in found if each.face.visibility.upper() == visibility]
        order = order_by or {"field": "NAME", "direction": "ASC"}

        def key(each: Repository) -> Any:
            return each.pushed_at if order["field"] in ("PUSHED_AT", "UPDATED_AT") else each.name.lower()

        found.sort(key=key, reverse=order["direction"] == "DESC")
        return Many(found, lambda each: self.new("Repository", each))

    def rulesets(self) -> Many:
        """Its rulesets."""
        self.c.need("organization_administration")
        found = organization_rulesets(self.c.world, self.it.name)
        return Many(found, lambda each: self.new("RepositoryRuleset", each, None))

    def ruleset(self, database_id: int) -> Any:
        """One of them."""
        self.c.need("organization_administration")
        for each in organization_rulesets(self.c.world, self.it.name):
            if each.id == database_id:
                return self.new("RepositoryRuleset", each, None)
        return None

    def members_with_role(self) -> Many:
        """Its members; each of them denied to a token that may not read them."""
        allowed = self.c.may("members")
        return Many(
            self.c.world.members(self.it.name),
            lambda login: actor(self.c, login) if allowed else self.c.denied(),
            edge=lambda login: {
                "role": "ADMIN" if login in self.it.part.owners else "MEMBER",
                "hasTwoFactorEnabled": None,
            },
        )

    def team(self, slug: str) -> Any:
        """One of its teams; null when there is none."""
        self.c.need("members")
        for each in self.c.world.teams_of(self.it.name):
            if each.slug == slug:
                return self.new("Team", each)
        return None

    def teams(self, query: str | None = None) -> Many:
        """Its teams."""
        allowed = self.c.may("members")
        found = [each for each in self.c.world.teams_of(self.it.name) if not query or query in each.slug]
        return Many(found, lambda each: self.new("Team", each) if allowed else self.c.denied())
