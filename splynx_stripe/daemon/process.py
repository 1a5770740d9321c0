"""The process: sockets, signals, systemd, and the house that is in force.

On SIGHUP a new house is built beside the old one and listens on the same sockets before the old
one finishes its work, so a reload loses no request. So it is when settings change on the settings
page. The store and the sockets outlive the houses.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable

from splynx_stripe import __version__
from splynx_stripe.config import ConfigError, Settings
from splynx_stripe.daemon.house import Foundation, House
from splynx_stripe.daemon.listener import ask_ourselves, bind, name_of
from splynx_stripe.daemon.settings_in_force import (
    SettingsWatch,
    read_settings_in_force,
    tell_doubts,
)
from splynx_stripe.kit import systemd
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.store.daemon_lock import only_daemon
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit

log = logging.getLogger(__name__)

_PATIENCE_EVERY_S = 10.0
_PATIENCE_S = 60.0
"""How much longer systemd shall wait, told again and again while a migration runs."""


class Daemon:
    """The process: sockets, signals, systemd, and the house that is in force."""

    def __init__(self, settings: Settings, load_again: Callable[[], Settings]) -> None:
        self._written = settings
        self._settings = settings  # with what the database holds, as soon as it is open
        self._load_again = load_again
        self._clock = SystemClock()
        self._ids = RandomIds()
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Lock()

    async def run(self) -> None:
        """Runs until SIGTERM or SIGINT. Ready is said only after we have answered ourselves."""
        url = self._settings.database.url
        with only_daemon(url) as is_alone:
            await self._run_on(url, is_alone=is_alone)
        log.info("daemon.stopped")

    async def _run_on(self, url: str, *, is_alone: bool) -> None:
        await self._migrate(url)
        store = open_store(url, clock=self._clock, ids=self._ids)
        async with Supervisor() as tasks:
            try:
                if is_alone:
                    await store.run(_release_claims)
                await self._run_with(store, tasks)
            finally:
                await store.close()

    async def _migrate(self, url: str) -> None:
        """Brings the database up to date; systemd's patience is extended as long as it takes."""
        async with Supervisor() as tasks:
            tasks.keep("patience", self._ask_for_patience)
            await asyncio.to_thread(migrate, url, clock=self._clock)

    async def _ask_for_patience(self) -> None:
        while True:
            await self._clock.sleep(_PATIENCE_EVERY_S)
            systemd.notify(
                "STATUS=bringing the database up to date",
                f"EXTEND_TIMEOUT_USEC={round(_PATIENCE_S * 1e6)}",
            )

    async def _run_with(self, store: SqlStore, tasks: Supervisor) -> None:
        installation = await store.read(lambda unit: unit.installation())
        self._watch = SettingsWatch(store)
        self._foundation = Foundation(
            store, installation, self._clock, self._ids, self._watch.changed
        )
        self._settings, self._watch.known = await read_settings_in_force(store, self._written)
        tell_doubts(self._written, self._settings)
        self._sockets = systemd.inherited_sockets() or [bind(self._settings)]
        self._house = House(self._settings, self._foundation, self._written)
        await self._house.start(self._sockets)
        await ask_ourselves(self._sockets[0], self._settings)
        self._listen_to_signals(tasks)
        _leave_what_stays_alone()
        self._tell_ready()
        tasks.keep("settings", lambda: self._watch.run(self._take_up_page))
        watchdog_s = systemd.watchdog_interval_s()
        if watchdog_s is not None:
            tasks.keep("watchdog", lambda: self._watchdog(store.ping, watchdog_s / 2))
        await self._stopping.wait()
        systemd.notify("STOPPING=1")
        await self._house.stop()
        for listening in self._sockets:
            listening.close()

    def _listen_to_signals(self, tasks: Supervisor) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.start("reload", self._reload()))

    async def _reload(self) -> None:
        async with self._reloading:
            systemd.notify("RELOADING=1", f"MONOTONIC_USEC={round(self._clock.monotonic() * 1e6)}")
            try:
                written = self._load_again()
            except ConfigError as error:
                for problem in error.problems:
                    log.error("reload.refused", extra={"problem": str(problem)})  # noqa: TRY400 - an answer, not a crash
                systemd.notify("READY=1", f"STATUS={self._status()}, {_OLD_SETTINGS}")
            else:
                await self._reload_to(written)
                self._tell_ready()

    async def _reload_to(self, written: Settings) -> None:
        try:
            await self._move_to(written)
        except StoreUnavailableError as error:
            log.error("reload.refused", extra={"problem": str(error)})  # noqa: TRY400 - an answer, not a crash

    async def _take_up_page(self) -> None:
        """Takes up what was changed in the database; the files are not read again for that."""
        async with self._reloading:
            await self._move_to(self._written)

    async def _move_to(self, written: Settings) -> None:
        settings, version = await read_settings_in_force(self._foundation.store, written)
        tell_doubts(written, settings)
        _tell_what_needs_a_restart(self._settings, settings)
        house = House(settings, self._foundation, written)
        try:
            await house.start(self._sockets)
        except BaseException:
            await house.stop()
            raise
        old, self._house, self._settings = self._house, house, settings
        self._written, self._watch.known = written, version
        await old.stop()
        log.info("daemon.reloaded")

    def _tell_ready(self) -> None:
        status = self._status()
        systemd.notify("READY=1", f"STATUS={status}")
        log.info(
            "daemon.ready",
            extra={"version": __version__, "status": status, "listen": name_of(self._sockets[0])},
        )
        for sentence in self._settings.missing:
            log.warning("daemon.not_connected", extra={"missing": sentence, "next": _NEXT})

    def _status(self) -> str:
        return "serving" if self._settings.connected else f"not connected: run {_NEXT}"

    async def _watchdog(self, ping: Callable[[], Awaitable[None]], every_s: float) -> None:
        """Gives a sign of life while the loop turns and the database's writer answers."""
        while True:
            async with asyncio.timeout(every_s * 2):
                await ping()
            systemd.notify("WATCHDOG=1")
            await self._clock.sleep(every_s)


def _leave_what_stays_alone() -> None:
    """Keeps Python's collector from looking again and again through all that was imported.

    What a request leaves behind is freed by counting references; cycles are few, so looking for
    them less often costs little memory and saves a good part of each burst. The writing thread
    gets the interpreter back within a millisecond, or a commit would wait for requests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY, 20, 20)
    sys.setswitchinterval(_SWITCH_S)


_COLLECT_EVERY = 10_000
"""New containers between two looks for cycles; Python's own 700 is for short scripts."""

_SWITCH_S = 0.001
"""How long one thread may keep the interpreter while another waits for it; Python's own: 0.005."""

_NEXT = "splynx-stripe setup"
"""What an administrator runs next while something is missing."""

_OLD_SETTINGS = (
    "with the settings of before: the new ones have mistakes, see splynx-stripe config check"
)
"""What `systemctl status` says after a reload that was refused."""


def _release_claims(unit: SqlUnit) -> None:
    """Takes back what the last daemon held when it ended, so that its work goes on at once."""
    unit.release_effects()
    unit.release_inbox()


def _tell_what_needs_a_restart(old: Settings, new: Settings) -> None:
    for name, changed in (
        ("listen", old.listen != new.listen),
        ("database", old.database != new.database),
    ):
        if changed:
            log.warning("reload.needs_restart", extra={"section": name})
