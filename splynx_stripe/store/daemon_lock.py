"""Keeps a second daemon from one SQLite file, which has one writer (fault 8).

On PostgreSQL several daemons may share a database: claims and fencing tokens keep them apart.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from splynx_stripe.store.engine import parse_url
from splynx_stripe.store.errors import StoreUnavailableError


@contextmanager
def only_daemon(url: str) -> Iterator[bool]:
    """Holds the database for this process and says whether nobody else can use it as a daemon.

    The lock ends with the process, however it ends.

    Raises:
        StoreUnavailableError: another daemon holds it, or its directory cannot be written.
    """
    parsed = parse_url(url)
    if parsed.drivername != "sqlite":
        yield False
        return
    descriptor = _open_lock(f"{parsed.database}.daemon-lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreUnavailableError(
            f"another daemon is running on {parsed.database}. Stop it first, or use PostgreSQL,"
            " which several daemons can share. No money was touched."
        ) from None
    try:
        yield True
    finally:
        os.close(descriptor)


def _open_lock(file: str) -> int:
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreUnavailableError(
            f"The database cannot be used ({error.strerror}: {error.filename}). No money was touched."
            " The daemon must be able to write that directory: check that it exists, whom it belongs"
            " to, and that its disk is not read-only."
        ) from error
