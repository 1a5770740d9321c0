"""What systemd gives a service."""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path

import pytest

from splynx_stripe.kit import systemd


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.CRITICAL, 2),
        (logging.ERROR, 3),
        (logging.WARNING, 4),
        (logging.INFO, 6),
        (logging.DEBUG, 7),
    ],
)
def test_levels_become_syslog_priorities(level: int, priority: int) -> None:
    assert systemd.priority_of(level) == priority


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [("30000000", "own", 30.0), ("30000000", "1", None), ("", "own", None), ("soon", "own", None)],
)
def test_the_watchdog_interval_is_only_believed_when_it_is_meant_for_us(
    monkeypatch: pytest.MonkeyPatch, microseconds: str, pid: str, seconds: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)

    assert systemd.watchdog_interval_s() == seconds


def test_readiness_reaches_the_socket_of_systemd_in_one_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)

        systemd.notify("READY=1", "STATUS=serving")

        assert listening.recv(1000) == b"READY=1\nSTATUS=serving"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"):
        monkeypatch.delenv(name, raising=False)

    systemd.notify("READY=1")

    assert systemd.inherited_sockets() == []


def test_stderr_is_the_journal_only_when_it_is_the_stream_that_systemd_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "log").open("w") as file:
        status = os.fstat(ours.fileno())
        named = f"{status.st_dev}:{status.st_ino}"
        monkeypatch.setattr(sys, "stderr", ours)
        monkeypatch.setenv("JOURNAL_STREAM", named)
        assert systemd.stderr_is_journal()

        monkeypatch.setenv("JOURNAL_STREAM", "1:2")
        assert not systemd.stderr_is_journal()

        monkeypatch.setattr(sys, "stderr", file)
        monkeypatch.setenv("JOURNAL_STREAM", named)
        assert not systemd.stderr_is_journal()
