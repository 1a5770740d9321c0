"""Joins the settings of the files with those that the database holds, and notices changes there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from splynx_stripe.config import Settings
from splynx_stripe.flows.page_settings import settings_in_force
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.store import SqlStore

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
"""How soon a change that another daemon has committed is taken up here."""


async def read_settings_in_force(store: SqlStore, written: Settings) -> tuple[Settings, int]:
    """Gives the settings in force, and the number of the last change that is in them.

    Raises:
        StoreUnavailableError: the database cannot be read; keep the settings of before.
    """
    return await settings_in_force(store, written, written.key_file.sealer())


def tell_doubts(written: Settings, settings: Settings) -> None:
    """Says in the log what the database holds but cannot be."""
    for warning in settings.warnings[len(written.warnings) :]:
        log.warning("settings.doubtful", extra={"warning": str(warning)})


class SettingsWatch:
    """Tells when the settings in the database have changed: ours at once, others' soon."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._changed = asyncio.Event()
        self.known = 0
        """The number of the last change that is in force here."""

    def changed(self) -> None:
        """Says that a change of this daemon's own pages is committed."""
        self._changed.set()

    async def run(self, take_up: Callable[[], Awaitable[None]]) -> None:
        """Calls `take_up` for each change, for ever."""
        while True:
            with suppress(TimeoutError):  # then it is time to look for changes of others
                await asyncio.wait_for(self._changed.wait(), LOOK_EVERY_S)
            self._changed.clear()
            try:
                version = await self._store.read(lambda unit: unit.settings_version())
                if version != self.known:
                    await take_up()
            except StoreUnavailableError as error:
                log.warning("settings.unread", extra={"error": str(error)})
