"""What systemd gives a service: readiness, watchdog, sockets, and the journal."""

from __future__ import annotations

import logging
import os
import socket
import stat
import sys

from systemd.daemon import listen_fds, notify as tell_systemd
from systemd.journal import send

IDENTIFIER = "splynx-stripe"


def notify(*assignments: str) -> None:
    """Tells systemd (`READY=1`, `STATUS=…`, `WATCHDOG=1`); nothing happens without systemd."""
    tell_systemd("\n".join(assignments))


def inherited_sockets() -> list[socket.socket]:
    """Takes over the listening sockets of the socket unit, if there is one."""
    return [socket.socket(fileno=descriptor) for descriptor in listen_fds(True)]


def watchdog_interval_s() -> float | None:
    """Gives how often systemd wants a sign of life, in seconds; None when it wants none."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    meant_for = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or meant_for != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000


def stderr_is_journal() -> bool:
    """Says whether stderr ends in the journal, by the test that systemd documents."""
    stream = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return stat.S_ISSOCK(status.st_mode) and stream == f"{status.st_dev}:{status.st_ino}"


_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_DEBUG_PRIORITY = 7


def priority_of(level: int) -> int:
    """Translates a logging level into syslog's priority; error means that a person must look."""
    return next((priority for least, priority in _PRIORITIES if level >= least), _DEBUG_PRIORITY)


def send_to_journal(message: str, fields: dict[str, str]) -> None:
    """Writes one entry with its fields; names are upper case."""
    send(message, SYSLOG_IDENTIFIER=IDENTIFIER, **fields)
