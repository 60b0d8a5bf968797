"""A PostgreSQL server of the tests' own, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

PASSWORD = "p@ss/word 1"
QUOTED = "p%40ss%2Fword%201"
_numbers = count(1)


@dataclass(frozen=True)
class Server:
    port: int

    def address(self, database: str = "postgres", user: str = "owner", password: str = QUOTED) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        import psycopg

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def new_database(self) -> str:
        """Its name; it is empty."""
        name = f"store{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return name


def tools() -> Path | None:
    """The folder with initdb and pg_ctl; Debian has it in none of the usual places."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    every = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return every[-1].parent if every else None


@contextmanager
def served(folder_of_tools: Path) -> Iterator[Server]:
    """A server. It refuses to be root's."""
    who = _lesser_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="almguard-postgres-"))
    data, secret = folder / "data", folder / "password"
    secret.write_text(PASSWORD)
    if who is not None:
        shutil.chown(folder, who)
        shutil.chown(secret, who)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(tool: str, *arguments: str) -> None:
        command = [str(folder_of_tools / tool), "-D", str(data), *arguments]
        subprocess.run(command, user=who, cwd=folder, check=True, capture_output=True, timeout=60)

    try:
        # Where it can be, not the order of code points: a test shows whether anything relies on the server's.
        told = subprocess.run([folder_of_tools / "initdb", "--help"], capture_output=True, text=True, check=True).stdout
        sorting = ["--locale-provider=icu", "--icu-locale=en-US"] if "--icu-locale" in told else []
        run("initdb", "-U", "owner", f"--pwfile={secret}", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8",
            "--locale=C.UTF-8", *sorting)  # fmt: skip
        options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c full_page_writes=off -c shared_buffers=16MB"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield Server(port)
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lesser_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
