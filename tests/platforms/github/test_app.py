"""A GitHub App's token, from its key."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.engine.ports import PlatformError
from bot.platforms.github.app import InstallationToken
from bot.platforms.transport import Transport

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


@pytest.fixture
def github() -> Iterator[tuple[str, list[str]]]:
    """As GitHub does: a claim signed by the App's key gets an installation's token; nothing else does."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            seen.append(f"{self.command} {self.path}")
            scheme, _, signed = self.headers["Authorization"].partition(" ")
            claim = jwt.decode(signed, KEY.public_key(), algorithms=["RS256"], options={"verify_aud": False})
            assert (scheme, claim["iss"]) == ("Bearer", "77")
            status, body = {
                "GET /users/ana/installation": (200, {"id": 5}),
                "POST /app/installations/5/access_tokens": (
                    201,
                    {"token": "ghs_" + "n" * 36, "permissions": {"metadata": "read", "contents": "read"}},
                ),
            }.get(seen[-1], (404, {"message": "Not Found"}))
            answer = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = respond  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}", seen
    http.shutdown()
    http.server_close()


def test_the_token_of_an_installation(github: tuple[str, list[str]]) -> None:
    url, seen = github
    transport = Transport()
    assert InstallationToken("77", PEM, "ana", api_url=url, transport=transport)() == "ghs_" + "n" * 36
    assert seen == [
        "GET /orgs/ana/installation", "GET /users/ana/installation", "POST /app/installations/5/access_tokens",
    ]  # fmt: skip
    assert transport.principals.name("ghs_" + "n" * 36) == "app 77 installation 5 contents:read,metadata:read"
    transport.close()


def test_an_app_that_is_not_installed_there(github: tuple[str, list[str]]) -> None:
    url, _ = github
    transport = Transport()
    with pytest.raises(PlatformError, match="not installed at 'ben'"):
        InstallationToken("77", PEM, "ben", api_url=url, transport=transport)()
    transport.close()


def test_a_key_that_is_none(github: tuple[str, list[str]]) -> None:
    url, _ = github
    transport = Transport()
    with pytest.raises(PlatformError, match="ALMGUARD_APP_PRIVATE_KEY") as raised:
        InstallationToken("77", "not-a-private-key", "ana", api_url=url, transport=transport)()
    assert "not-a-private-key" not in str(raised.value)
    transport.close()


def test_where_an_owner_has_no_installation_anothers_is_taken(github: tuple[str, list[str]]) -> None:
    url, seen = github
    transport = Transport()
    assert InstallationToken("77", PEM, "ben", otherwise="ana", api_url=url, transport=transport)() == "ghs_" + "n" * 36
    assert seen[:2] == ["GET /orgs/ben/installation", "GET /users/ben/installation"]
    transport.close()
