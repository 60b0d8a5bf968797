"""Two clients for the tests beside this: a plain one, and Microsoft's own."""

from __future__ import annotations

import base64
import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The SDK makes its cache folder when it is imported, and fails where it cannot.
os.environ.setdefault("AZURE_DEVOPS_CACHE_DIR", tempfile.mkdtemp(prefix="almguard-ado-"))

from bot.sandbox.server import Sandbox

SCENARIO = Path(__file__).with_name("scenario.yaml")


@dataclass
class Reply:
    """An answer, as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Ask = Callable[..., Reply]


def ask(base: str, token: str | None = "all") -> Ask:
    """A plain client: ``get("git/…", method=…, body=…, version=…)``."""

    def request(
        path: str, *, method: str = "GET", body: object = None, version: str = "7.1-preview", **headers: str
    ) -> Reply:
        url = path if path.startswith("http") else f"{base}/{path}"
        sent = {"Accept": f"application/json;api-version={version}" if version else "application/json"}
        if token:
            sent["Authorization"] = "Basic " + base64.b64encode(f":{token}".encode()).decode()
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(url, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
        except urllib.error.HTTPError as refused:
            return Reply(refused.code, {k.lower(): v for k, v in refused.headers.items()}, refused.read())

    return request


def connect(sandbox: Sandbox, token: str = "all", organization: str = "acme") -> Any:
    """The SDK's connection to an organisation of a sandbox."""
    from azure.devops import _file_cache
    from azure.devops.client import Client
    from azure.devops.connection import Connection
    from msrest.authentication import BasicAuthentication

    # The SDK keeps in the process and on disk what it learned of an address, and another sandbox may have had this port before.
    for url in [url for url in Client._locations_cache if url.startswith(sandbox.url)]:
        del Client._locations_cache[url]
    _file_cache.OPTIONS_CACHE.clear()
    _file_cache.RESOURCE_CACHE.clear()
    return Connection(base_url=f"{sandbox.url}/{organization}", creds=BasicAuthentication("", token))
