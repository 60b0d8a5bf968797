"""The azure-devops SDK: imported late, given one adapter and plain errors, spared the requests that it would begin with."""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import Platform
from bot.platforms import answers
from bot.platforms.answers import refused_token
from bot.platforms.azure_devops import endpoints
from bot.platforms.redaction import redact

if TYPE_CHECKING:
    from requests import Response, Session


class Refused(PlatformError):  # noqa: N818 - an answer of the platform, not a mistake
    """The platform answered, and the answer was no."""

    def __init__(
        self, message: str, kind: UnknownKind | None, status: int, words: str, *, anonymous: bool = False
    ) -> None:
        super().__init__(message, kind)
        self.status = status
        self.words = words
        """What the server said."""
        self.anonymous = anonymous
        """Whether it knew nobody by the token: else it is refused for what the token, or whose it is, may do."""

    @property
    def is_of_no_repository(self) -> bool:
        """Whether the repository that was asked about does not exist, or is hidden from the token."""
        return self.status == 404 and self.words.startswith("TF401019")

    @property
    def is_of_another_version(self) -> bool:
        """Whether the server does not know the version, or the place, that was asked for."""
        return any(
            said in self.words for said in ("out of range for this server", "under preview", "The controller for path")
        )


def connect(base: str, token: str, bearer: bool, adapter: Any) -> Any:
    """The SDK's client for a base address. An empty list of areas, and locations known beforehand, save asking for both.

    The service's ids and routes never change. A server that is older says so when it is asked, see ``learn``.
    """
    prepare_cache_folder()
    from azure.devops._models import ApiResourceLocation
    from azure.devops.client import Client as SdkClient
    from azure.devops.connection import Connection

    connection = Connection(base_url=base, creds=_credentials(token, bearer, adapter))
    connection._resource_areas = []
    client = connection.clients_v7_1.get_git_client()
    client._handle_error = _refuse
    SdkClient._locations_cache.setdefault(
        client.normalized_url,
        [
            ApiResourceLocation(
                id=endpoint.location,
                area="",
                resource_name="",
                route_template=endpoint.route,
                resource_version=9,
                min_version=1.0,
                max_version=7.2,
                released_version="7.1",
            )
            for endpoint in endpoints.every()
        ],
    )
    return client


def learn(client: Any) -> None:
    """Ask the server itself where its resources are, and in which versions."""
    from azure.devops.client import Client as SdkClient

    SdkClient._locations_cache.pop(client.normalized_url, None)
    try:
        try:
            client._get_resource_location(client.normalized_url, "")
        except OSError:  # the locations are here; only their copy on disk could not be written
            client._get_resource_location(client.normalized_url, "")
    except ValueError as wrong:  # what msrest raises for what it cannot read
        raise refused_token(
            Platform.AZURE_DEVOPS, f"OPTIONS {client.config.base_url}/_apis", "the list of its APIs was not JSON"
        ) from wrong


def prepare_cache_folder() -> None:
    """The SDK's import fails when its folder cannot be made, so it is pointed at one that can."""
    named = os.environ.get("AZURE_DEVOPS_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for folder in filter(None, (named, os.path.join(home, "almguard", "azure-devops"))):
        try:
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            os.environ["AZURE_DEVOPS_CACHE_DIR"] = folder
            return
    os.environ["AZURE_DEVOPS_CACHE_DIR"] = tempfile.mkdtemp(prefix="almguard-azure-devops-")


def authorization(token: str, bearer: bool) -> str:
    """The header that a token is sent in."""
    return f"Bearer {token}" if bearer else f"Basic {base64.b64encode(f':{token}'.encode()).decode()}"


def _credentials(token: str, bearer: bool, adapter: Any) -> Any:
    """Signs the session that msrest made, and mounts the adapter on it: a session of our own would be ignored."""
    from msrest.authentication import Authentication

    header = authorization(token, bearer)

    def sign(request: Any) -> Any:
        request.headers["Authorization"] = header
        return request

    class Credentials(Authentication):
        def signed_session(self, session: Session | None = None) -> Session:
            signed: Session = super().signed_session(session)
            signed.hooks["response"] = [_stay]
            signed.auth = sign  # a session with an authentication of its own is not given what ~/.netrc says
            signed.mount("https://", adapter)
            signed.mount("http://", adapter)
            return signed

    return Credentials()


def _stay(response: Response, *_: object, **__: object) -> Response:
    """A redirect to another host is not followed: what that says was not said by the one that was asked."""
    if not response.is_redirect:
        return response
    here = urlsplit(str(response.url))
    there = urlsplit(urljoin(str(response.url), response.headers["Location"]))
    if (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port):
        return response
    asked = redact(f"{response.request.method} {response.url}")
    if "signin" in there.path.lower():
        raise refused_token(Platform.AZURE_DEVOPS, asked, f"it sends to the sign-in of {there.hostname}")
    raise PlatformError(
        f"{asked}: it sends to {there.scheme}://{there.hostname or '?'}, another host, which is not followed. Give the "
        "organisation's own address in SYSTEM_COLLECTIONURI, and check any proxy.",
        UnknownKind.UNREADABLE,
    )


def _refuse(request: Any, response: Response) -> None:
    """Stands in for the SDK's own, which loses the status."""
    words = ""
    try:
        document = response.json()
        if isinstance(document, dict):
            wrapped = document.get("value")
            words = str(document.get("message") or (wrapped.get("Message") if isinstance(wrapped, dict) else "") or "")
    except ValueError:
        words = response.text if "text/plain" in response.headers.get("Content-Type", "") else ""
    words = redact(" ".join(words.split())[:500])
    status = response.status_code
    asked = redact(f"{request.method} {request.url}")
    kind = {401: UnknownKind.SCOPE, 403: UnknownKind.SCOPE, 404: None}.get(status, UnknownKind.UNREADABLE)
    unknown = answers.is_anonymous(Platform.AZURE_DEVOPS, response)
    raise Refused(f"{asked}: {status} {words or response.reason}", kind, status, words, anonymous=unknown)
