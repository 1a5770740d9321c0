"""The start: broken settings, a taken port, no settings yet, systemd's sockets and notices."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.daemon_process import DaemonProcess
from tests.acceptance.town import Town
from tests.acceptance.waiting import until

_BROKEN = """\
listen: {host: 127.0.0.1, port: http}
public_url: http://isp.example.net/stripe
pollling: {interval_s: 1}
settings: {payment_types: [card, ach, becs]}
partners:
  default:
    currency: EUR
    country: CZ
    publishable_key: pk_test_1
    secret_key_file: there-is-none.secret
"""

_ACTIVATED = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); "
    "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); "
    "os.execv(sys.executable, [sys.executable, '-m', 'splynx_stripe', *sys.argv[2:]])"
)
"""Passes a socket on as systemd does: as descriptor 3, to this very process id."""


async def test_broken_settings_end_the_start_with_every_problem_at_its_place(
    quiet_town: Town,
) -> None:
    quiet_town.config_path.write_text(_BROKEN)

    await quiet_town.daemon.launch()

    assert await quiet_town.daemon.ended() == 2
    lines = quiet_town.daemon.output.splitlines()
    for line, key in ((1, "port"), (2, "public_url"), (3, "pollling"), (4, "payment_types")):
        assert any(f"config.yaml:{line}:" in text and key in text for text in lines), lines
    assert any(":10:" in text and "there-is-none.secret" in text for text in lines), lines
    assert lines[-1] == "5 problems. Nothing was changed."


async def test_a_taken_port_is_told_in_a_sentence(quiet_town: Town) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        quiet_town.settings["listen"]["port"] = taken.getsockname()[1]
        quiet_town.write_settings()

        await quiet_town.daemon.launch()
        code = await quiet_town.daemon.ended()

    assert code == 1
    assert "The daemon does not start" in quiet_town.daemon.output
    assert "another daemon may be running already" in quiet_town.daemon.output
    assert "Traceback" not in quiet_town.daemon.output


async def test_a_fresh_installation_serves_and_says_what_is_missing(quiet_town: Town) -> None:
    town = quiet_town
    for section in ("public_url", "splynx", "stripe", "settings", "partners"):
        del town.settings[section]
    town.write_settings()

    await town.start()
    status, body = await town.daemon.get("/stripe/readyz")

    assert status == 503
    reasons = json.loads(body)["reasons"]
    assert reasons
    assert all(reason.startswith("Not connected yet: ") for reason in reasons)
    assert (await town.daemon.get("/stripe/healthz"))[0] == 200
    assert await town.daemon.stop() == 0


async def test_a_connected_daemon_says_that_it_is_ready(town: Town) -> None:
    async def ready() -> tuple[int, str]:
        return await town.daemon.get("/stripe/readyz")

    assert await ready() == (200, json.dumps({"ready": True, "reasons": [], "notes": []}))


class NotifySocket:
    """The socket on which systemd listens to a service."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.heard: list[str] = []

    def hears(self, assignment: str) -> bool:
        """Reads what has come and says whether `assignment` was among it, now or before."""
        try:
            while True:
                self.heard += self._socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return assignment in self.heard

    def close(self) -> None:
        """Ends listening."""
        self._socket.close()


@pytest.fixture
def notices(tmp_path: Path) -> Iterator[NotifySocket]:
    with closing(NotifySocket(tmp_path / "notify")) as listening:
        yield listening


async def test_systemd_is_told_ready_only_after_the_daemon_has_answered_itself(
    quiet_town: Town, notices: NotifySocket
) -> None:
    daemon = quiet_town.daemon
    await daemon.launch(environment={"NOTIFY_SOCKET": str(notices.path)})

    await until(lambda: notices.hears("READY=1"), lambda: (notices.heard, daemon.output))

    assert await daemon.get("/stripe/healthz") == (200, "ok\n"), "ready means ready"
    printed = daemon.output
    assert "route=healthz status=200" in printed.partition("daemon.ready")[0]
    assert "STATUS=serving" in notices.heard
    assert "STOPPING=1" not in notices.heard
    daemon.signal(signal.SIGTERM)
    await until(lambda: notices.hears("STOPPING=1"), lambda: notices.heard)
    assert await daemon.ended() == 0


async def test_systemd_gets_signs_of_life_when_it_wants_them(
    quiet_town: Town, notices: NotifySocket
) -> None:
    environment = {"NOTIFY_SOCKET": str(notices.path), "WATCHDOG_USEC": "400000"}
    await quiet_town.start(environment=environment)

    await until(
        lambda: notices.hears("WATCHDOG=1") and notices.heard.count("WATCHDOG=1") >= 3,
        lambda: notices.heard,
    )

    assert notices.heard.index("READY=1") < notices.heard.index("WATCHDOG=1")


async def test_systemd_is_told_of_a_reload_and_of_its_end(
    quiet_town: Town, notices: NotifySocket
) -> None:
    await quiet_town.start(environment={"NOTIFY_SOCKET": str(notices.path)})
    await until(lambda: notices.hears("READY=1"), lambda: notices.heard)

    quiet_town.daemon.signal(signal.SIGHUP)

    await until(
        lambda: notices.hears("RELOADING=1") and notices.heard.count("READY=1") == 2,
        lambda: notices.heard,
    )


async def test_a_socket_passed_by_systemd_is_used_instead_of_the_configured_one(
    quiet_town: Town,
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as passed:
        host, port = passed.getsockname()
        descriptor = passed.fileno()

        await quiet_town.start(program=("-c", _ACTIVATED, str(descriptor)), pass_fds=(descriptor,))

        assert quiet_town.daemon.url == f"http://{host}:{port}"
        assert await quiet_town.daemon.stop() == 0


async def test_a_second_daemon_on_the_same_sqlite_file_does_not_start_and_leaves_the_first_alone(
    town: Town, outputs: Path
) -> None:
    second = DaemonProcess(town.config_path, outputs)

    await second.launch()

    assert await second.ended() == 3
    assert "another daemon is running" in second.output
    assert "Traceback" not in second.output
    assert await town.daemon.answers()
