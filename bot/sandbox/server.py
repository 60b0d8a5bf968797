"""The sandbox over HTTP: GitHub under ``/api/v3`` and ``/api/graphql``, Jira under ``/jira``, Azure DevOps everywhere else.

TCP_NODELAY and one write per answer, because otherwise the pause between Nagle's algorithm and delayed acknowledgements
(40 ms a request) would be what a benchmark measures.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import struct
import threading
import time
import traceback
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bot.sandbox.faults import Faults, Ledger, answer, spoil
from bot.sandbox.github.meters import Meters
from bot.sandbox.limits import Accounts
from bot.sandbox.loading import ScenarioError, load_scenario
from bot.sandbox.scenario import Scenario
from bot.sandbox.wire import NotJson, Request, Response
from bot.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from bot.sandbox.faults import Fault, Host

__all__ = ["Application", "Request", "Response", "Sandbox", "ScenarioError", "load_scenario", "serve"]

REST = "/api/v3"
GRAPHQL = "/api/graphql"
JIRA = "/jira"
LONGEST_LINE = 65_536
PIECES = 4
"""In how many a slow body comes."""


class Application:
    """Hands every request to the platform that it is for."""

    def __init__(self, world: World, base_url: str) -> None:
        self.world = world
        self.base_url = base_url
        self.ledger = Ledger()
        self.faults = Faults()
        self.accounts = Accounts()
        self.meters = Meters(self.accounts, world)
        self._handlers: dict[str, Callable[[Request], Response]] = {}
        self._lock = threading.Lock()

    def host(self, path: str) -> Host:
        """Which platform a path belongs to."""
        if path == GRAPHQL:
            return "graphql"
        if path.startswith(JIRA + "/") and self.world.scenario.jira is not None:
            return "jira"
        return "github" if path == REST or path.startswith(REST + "/") else "azure_devops"

    def handle(self, request: Request) -> Response:
        """The answer to a request, faults aside."""
        if request.path.startswith("/_sandbox"):
            return self._handler("control")(request)
        return self._handler(self.host(request.path))(request)

    def token_kind(self, request: Request) -> str:
        """What the ledger says of a credential."""
        if not request.secret:
            return "none"
        jira = self.world.scenario.jira
        if jira is not None and self.host(request.path) == "jira":
            return "jira" if request.secret in jira.tokens else "unknown"
        token = self.world.token(request.secret)
        return token.kind if token else "unknown"

    def _handler(self, name: str) -> Callable[[Request], Response]:
        """A platform's handler, imported when it is first needed."""
        handler = self._handlers.get(name)
        if handler is None:
            with self._lock:
                handler = self._handlers.get(name) or self._make(name)
                self._handlers[name] = handler
        return handler

    def _make(self, name: str) -> Callable[[Request], Response]:
        match name:
            case "control":
                from bot.sandbox.control import Control

                return Control(self).handle
            case "github":
                from bot.sandbox.github.rest import Rest

                return Rest(self.world, self.base_url + REST, self.meters).handle
            case "graphql":
                from bot.sandbox.github.graphql.endpoint import GraphQL

                return GraphQL(self.world, self.base_url + REST, self.meters).handle
            case "jira":
                from bot.sandbox.jira.api import Jira

                return Jira(self.world, self.base_url + JIRA).handle
            case _:
                from bot.sandbox.azure_devops.api import AzureDevOps

                return AzureDevOps(self.world, self.base_url, self.accounts).handle


class _Connection(socketserver.StreamRequestHandler):
    """One connection, kept alive over many requests."""

    disable_nagle_algorithm = True
    rbufsize = 65_536
    server: _Server

    def handle(self) -> None:
        self.server.connections.add(self.connection)
        try:
            while self._one():
                pass
        except (ConnectionError, TimeoutError):
            return  # the client went away: nobody is left to tell
        finally:
            self.server.connections.discard(self.connection)

    def _one(self) -> bool:
        """Serve one request; whether another may follow."""
        line = self.rfile.readline(LONGEST_LINE)
        if not line.strip():
            return False
        try:
            method, target, version = line.decode("latin-1").split()
        except ValueError:
            self._send(Response(400, "This is not a request line."), alive=False)
            return False
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(LONGEST_LINE)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        if "transfer-encoding" in headers:
            self._send(Response(411, "Send a Content-Length."), alive=False)
            return False
        length = headers.get("content-length", "0")
        if not length.isdigit():
            self._send(Response(400, "The Content-Length is not a number."), alive=False)
            return False
        body = self.rfile.read(int(length)) if length != "0" else b""
        alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        return self._serve(Request.of(method, target, headers, body), alive=alive)

    def _serve(self, request: Request, *, alive: bool) -> bool:
        application = self.server.application
        if request.path.startswith("/_sandbox"):
            self._send(_guarded(application, request), alive=alive)
            return alive
        host = application.host(request.path)
        token = application.world.token(request.secret) if host in ("github", "graphql") else None
        with application.accounts.under_way(token):
            return self._answer(request, host, alive=alive)

    def _answer(self, request: Request, host: Host, *, alive: bool) -> bool:
        """Serve one request to a platform; whether another may follow."""
        application = self.server.application
        fault = application.faults.take(request, host)
        pause = application.faults.latency + (fault.seconds if fault and fault.kind == "slow" else 0)
        if pause:
            time.sleep(pause)
        if fault and fault.kind == "hold":
            application.faults.hold()
        if fault and fault.kind == "reset":
            self._record(request, host, 0, 0, fault)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return False
        if fault and fault.kind == "token_expires" and not application.world.expire(request.secret):
            fault = None  # only what can be renewed expires
        response = (answer(fault, host) if fault else None) or _guarded(application, request)
        if fault:
            spoil(fault, request, response)
        body = response.encoded()
        self._record(request, host, response.status, len(body), fault)
        if fault and fault.kind == "cut":
            self._send(response, alive=False, body=body, cut=True)
            return False
        pause = fault.seconds if fault and fault.kind == "slow_body" else 0.0
        self._send(response, alive=alive, body=body, head_only=request.method == "HEAD", pause=pause)
        return alive

    def _record(self, request: Request, host: Host, status: int, size: int, fault: Fault | None) -> None:
        application = self.server.application
        application.ledger.record(request, host, status, application.token_kind(request), size, fault)

    def _send(
        self,
        response: Response,
        *,
        alive: bool,
        body: bytes | None = None,
        cut: bool = False,
        head_only: bool = False,
        pause: float = 0.0,
    ) -> None:
        if body is None:
            body = response.encoded()
        lines = [
            f"HTTP/1.1 {response.status} {response.reason}",
            f"Date: {format_datetime(datetime.now(UTC), usegmt=True)}",
        ]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if response.status not in (204, 304):
            lines.append(f"Content-Length: {len(body)}")
        if not alive:
            lines.append("Connection: close")
        if cut:
            body = body[: len(body) // 2]
        if head_only or response.status in (204, 304):
            body = b""
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        if not pause:
            self.connection.sendall(head + body)
            return
        self.connection.sendall(head)
        size = max(1, -(-len(body) // PIECES))
        for start in range(0, len(body), size):
            time.sleep(pause / PIECES)
            self.connection.sendall(body[start : start + size])


def _guarded(application: Application, request: Request) -> Response:
    """The answer; a mistake of the sandbox's own is a 500 that says where it was made."""
    try:
        return application.handle(request)
    except NotJson:
        return Response(400, {"message": "Problems parsing JSON", "status": "400"})
    except Exception as wrong:
        last = traceback.extract_tb(wrong.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        message = f"The sandbox failed on {request.method} {request.path}: {type(wrong).__name__}: {wrong} ({place})"
        return Response(500, {"message": message})


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    application: Application

    def __init__(self, port: int) -> None:
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)


class Sandbox:
    """A running sandbox; a context manager. ``url`` is its address."""

    def __init__(self, scenario: Scenario | World | str | Path, port: int = 0) -> None:
        if not isinstance(scenario, (Scenario, World)):
            scenario = load_scenario(scenario)
        self.world = scenario if isinstance(scenario, World) else World(scenario)
        self._server = _Server(port)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.application = Application(self.world, self.url)
        self._server.application = self.application
        self._thread: threading.Thread | None = None

    @property
    def github_api(self) -> str:
        """The base of GitHub's REST API."""
        return self.url + REST

    @property
    def github_graphql(self) -> str:
        """GitHub's GraphQL endpoint."""
        return self.url + GRAPHQL

    @property
    def azure_devops(self) -> str:
        """What organisations' addresses begin with."""
        return self.url + "/"

    @property
    def jira(self) -> str:
        """The address of Jira's site, where the scenario has one."""
        return self.url + JIRA

    def start(self) -> Self:
        """Serve in the background."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and close every connection."""
        if self._thread:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        for connection in list(self._server.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed already, which is what was wanted

    def run(self) -> None:
        """Serve until interrupted."""
        try:
            self._server.serve_forever(0.1)
        finally:
            self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()


def serve(scenario: Scenario | World | str | Path, port: int = 0, ready_file: Path | None = None) -> None:
    """Serve until interrupted. The ready file appears, complete, once the sandbox answers."""
    sandbox = Sandbox(scenario, port)
    if ready_file is not None:
        ready = {
            "url": sandbox.url,
            "github_api": sandbox.github_api,
            "github_graphql": sandbox.github_graphql,
            "azure_devops": sandbox.azure_devops,
            "jira": sandbox.jira,
            "pid": os.getpid(),
        }
        unfinished = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(ready) + "\n", encoding="utf-8")
        unfinished.replace(ready_file)
    sandbox.run()
