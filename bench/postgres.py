"""A private PostgreSQL with its defaults, fsync included: what is acknowledged is durable."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import psycopg
from psycopg import sql

BINARIES = Path("/usr/lib/postgresql/15/bin")
VERSION = "15"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster, reached over a socket and, for programs that need it, on a port."""

    home: Path
    port: int

    def database(self, name: str) -> str:
        """Makes an empty database and gives its URL."""
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._address(name)

    @property
    def pid(self) -> int:
        """Gives the process id of the server, whose children do the work."""
        return int((self.home / "data" / "postmaster.pid").read_text().split()[0])

    def _address(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


@contextmanager
def running_postgres(port: int) -> Iterator[Cluster]:
    """Starts a cluster on a port of loopback and stops it at the end, whatever happened."""
    home = Path(mkdtemp(prefix="bench-pg-"))
    _as_postgres_owns(home)
    data = str(home / "data")
    try:
        _run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"-k {home} -c listen_addresses=127.0.0.1 -p {port}"
        _run("pg_ctl", "-D", data, "-l", str(home / "log"), "-o", settings, "-w", "start")
        try:
            yield Cluster(home, port)
        finally:
            _run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _as_postgres_owns(folder: Path) -> None:
    """Lends the folder to the user `postgres`: its programs refuse to run as root."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")


def _run(program: str, *arguments: str) -> None:
    command = [str(BINARIES / program), *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    quiet = subprocess.DEVNULL  # pg_ctl's server would keep a pipe open for ever
    subprocess.run(command, check=True, cwd="/", stdout=quiet, stderr=quiet)
