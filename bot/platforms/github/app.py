"""A GitHub App's token: from its id and private key to what one installation of it may do, for an hour at a time."""

from __future__ import annotations

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.platforms.github.client import API_URL, GitHubClient, Refused
from bot.platforms.redaction import register
from bot.platforms.transport import Transport


class InstallationToken:
    """Gives a token of the App's installation at an owner; called again, a new one. Hand it to the provider as its token."""

    def __init__(
        self,
        app_id: str,
        private_key: str,
        owner: str | None = None,
        *,
        otherwise: str | None = None,
        api_url: str = API_URL,
        transport: Transport,
    ) -> None:
        """Say whose token.

        Args:
            app_id: the App's id (or client id).
            private_key: its private key, PEM.
            owner: the organisation or user where it is installed; None: where it has only one installation.
            otherwise: whose installation is taken where the owner has none: what is public can be read with any.
            api_url: the address of the REST API.
            transport: sends the requests.
        """
        self._app_id = app_id
        self._key = private_key
        self._owners = [each for each in dict.fromkeys((owner, otherwise)) if each]
        self._api_url = api_url
        self._transport = transport
        register(private_key)

    def __call__(self) -> str:
        """A fresh token. Raises ``PlatformError``."""
        from github import Auth

        try:
            signed = str(Auth.AppAuth(self._app_id, self._key).create_jwt())
        except Exception as wrong:  # PyJWT and cryptography raise of many types, with the key's text in none of them
            raise PlatformError(
                f"The GitHub App's private key cannot be used ({type(wrong).__name__}). ALMGUARD_APP_PRIVATE_KEY takes the "
                "whole PEM file, with its BEGIN and END lines."
            ) from None
        client = GitHubClient(signed, self._api_url, transport=self._transport)
        try:
            number = self._installation(client)
            answer = client.rest("POST", f"/app/installations/{number}/access_tokens")
        except Refused as wrong:
            raise PlatformError(f"GitHub gave the App {self._app_id} no token: {wrong}", UnknownKind.SCOPE) from wrong
        token = str(answer["token"])
        permissions = ",".join(f"{name}:{level}" for name, level in sorted((answer.get("permissions") or {}).items()))
        self._transport.principals.learn(token, f"app {self._app_id} installation {number} {permissions}")
        return token

    def _installation(self, client: GitHubClient) -> int:
        for owner in self._owners:
            for kind in ("orgs", "users"):
                try:
                    return int(client.rest("GET", f"/{kind}/{owner}/installation")["id"])
                except Refused as wrong:
                    if not wrong.is_missing:
                        raise
        if self._owners:
            where = " or ".join(map(repr, self._owners))
            raise PlatformError(f"The GitHub App {self._app_id} is not installed at {where}. Install it there.")
        installed = list(client.pages("/app/installations"))
        if len(installed) != 1:
            names = ", ".join(str(one["account"]["login"]) for one in installed) or "nowhere"
            raise PlatformError(f"The GitHub App {self._app_id} is installed at: {names}. Name an owner in the target.")
        return int(installed[0]["id"])
