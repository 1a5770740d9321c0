"""A private PostgreSQL for tests: Debian's binaries, a directory of its own, a socket in it.

initdb and postgres refuse to run as root, so root lends them the user `postgres`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

_BINARIES = Path("/usr/lib/postgresql/15/bin")
_numbers = count(1)


@dataclass(frozen=True)
class PostgresCluster:
    """A running cluster. Each test takes a database of its own."""

    socket_dir: Path

    def url(self, database: str) -> str:
        """Gives the URL of a database of this cluster."""
        return f"postgresql://postgres@/{database}?host={self.socket_dir}"

    def create_database(self, *, template: str = "template0") -> str:
        """Makes a database, empty or a copy of `template`, and gives its name."""
        name = f"test_{next(_numbers)}"
        self._command("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop_database(self, name: str) -> None:
        """Removes a database, whoever is still connected to it."""
        self._command("DROP DATABASE {} WITH (FORCE)", name)

    def end_connections(self, database: str) -> int:
        """Cuts all connections to a database, as a restart of the server would."""
        with self._administrator() as connection:
            cursor = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [database],
            )
            return cursor.rowcount

    def _command(self, command: str, *names: str) -> None:
        with self._administrator() as connection:
            connection.execute(sql.SQL(command).format(*(sql.Identifier(name) for name in names)))

    def _administrator(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.socket_dir), user="postgres", dbname="postgres", autocommit=True
        )


@contextmanager
def running_cluster() -> Iterator[PostgresCluster]:
    """Starts a cluster and stops it at the end, whatever happened in between."""
    if not (_BINARIES / "initdb").exists():
        raise RuntimeError(
            "The tests need PostgreSQL 15, which is not installed: apt-get install postgresql"
        )
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    data = home / "data"
    _own(home)
    try:
        _run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        # Tests end connections, never the machine: without fsync a database costs a fifth.
        settings = (
            f"-k {home} -c listen_addresses='' -c max_connections=60 -c fsync=off"
            " -c full_page_writes=off -c autovacuum=off"
        )
        log = str(home / "log")
        _run("pg_ctl", "-D", str(data), "-l", log, "-o", settings, "-w", "start")
        try:
            yield PostgresCluster(home)
        finally:
            _run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _own(directory: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres", "postgres")


def _run(program: str, *arguments: str) -> None:
    command = [str(_BINARIES / program), *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    # pg_ctl's server would keep a pipe open for ever, so the output goes nowhere.
    subprocess.run(
        command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
