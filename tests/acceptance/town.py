"""A town of three: the small Splynx and the small Stripe in this process, the daemon in its own.

Everything is real but the two foreign servers: the program as it is installed, its settings in
files, its database on the disk, requests over sockets.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Collection as Group
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from sqlalchemy import update

from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe import API_VERSION, HANDLED_EVENT_TYPES
from splynx_stripe.kit.clock import Clock, SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.kit.sealing import new_key_line
from splynx_stripe.sandbox.splynx import SplynxSandbox
from splynx_stripe.sandbox.stripe import StripeSandbox
from splynx_stripe.sandbox.stripe.state import DEFAULT_KEYS, StripeSandboxOptions
from splynx_stripe.sandbox.visitor import Visitor
from splynx_stripe.store import tables
from splynx_stripe.store.store import open_store
from splynx_stripe.store.unit import SqlUnit
from tests.acceptance.daemon_process import DaemonProcess
from tests.acceptance.ledgers import (
    INVOICE,
    Debt,
    ForeignBooks,
    OurBooks,
    our_books,
    problems_of_ours,
)
from tests.acceptance.waiting import PATIENCE_S, until_so

ACCOUNT = StripeAccount("default", livemode=False)
KEYS = DEFAULT_KEYS[0]
PLATFORM_KEYS = next(key for key in DEFAULT_KEYS if key.client_id)
SPLYNX_SECRET = "sandbox-secret"
_CLOCK = SystemClock()
_RETRIES_S = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0)


@dataclass(frozen=True, slots=True)
class PreparedStore:
    """A migrated database of which the installation is known."""

    url: str
    installation: Installation


@dataclass(slots=True)
class Town:
    """A running town. `settings` are those of config.yaml; write them before a (re)start."""

    splynx: SplynxSandbox
    stripe: StripeSandbox
    splynx_url: str
    stripe_url: str
    folder: Path
    settings: dict[str, Any]
    daemon: DaemonProcess
    foreign: ForeignBooks
    webhook_url: str = ""
    webhook_secret: str = ""

    @property
    def addon_url(self) -> str:
        """Gives where browsers reach our pages: behind Splynx's front door."""
        return f"{self.splynx_url}/stripe"

    @property
    def config_path(self) -> Path:
        """Gives the path of config.yaml."""
        return self.folder / "config.yaml"

    def write_settings(self) -> None:
        """Writes config.yaml anew."""
        self.config_path.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    async def start(self, **options: Any) -> None:
        """Starts the daemon and connects the front door with it."""
        await self.daemon.start(**options)
        self.splynx.options.addon_url = self.daemon.url

    async def restart(self, **options: Any) -> None:
        """Starts the daemon again after it has ended, or after ending it."""
        await self.daemon.stop()
        await self.start(**options)

    def visitor(self) -> Visitor:
        """Brings somebody with a cookie jar of their own."""
        return Visitor(
            splynx_url=self.splynx_url, addon_url=self.addon_url, stripe_url=self.stripe_url
        )

    async def ours(self, *debts: Debt) -> OurBooks:
        """Reads our own store; the daemon may run meanwhile."""
        url = self.settings["database"]["url"]
        store = open_store(url, clock=SystemClock(), ids=RandomIds())
        try:
            return await store.read(lambda unit: our_books(unit, debts))
        finally:
            await store.close()

    async def let_claims_expire(self) -> None:
        """Lets minutes pass in the store: work that a killed daemon had claimed is free again."""
        store = open_store(self.settings["database"]["url"], clock=SystemClock(), ids=RandomIds())
        past = SystemClock().now() - timedelta(seconds=1)

        def age(unit: SqlUnit) -> None:
            for table in (tables.effects, tables.inbox):
                claimed = table.c.claimed_until.is_not(None)
                unit._connection.execute(update(table).where(claimed).values(claimed_until=past))

        try:
            await store.run(age)
        finally:
            await store.close()

    async def problems(
        self, *debts: Debt, cases: Group[str] = (), documents_paid: bool = True
    ) -> list[str]:
        """Says where the three ledgers do not agree that each debt was collected once."""
        foreign = [problem for debt in debts for problem in self.foreign.problems_of(debt)]
        foreign += self.foreign.inventions()
        if documents_paid:
            foreign += [it for debt in debts for it in self.foreign.problems_of_document(debt)]
        return foreign or problems_of_ours(await self.ours(*debts), cases)

    async def assert_agree(
        self,
        *debts: Debt,
        cases: Group[str] = (),
        documents_paid: bool = True,
        within_s: float = PATIENCE_S,
    ) -> None:
        """Waits until the ledgers agree, and fails with their differences if they never do."""
        wanted = debts or (INVOICE,)
        last: list[str] = []

        async def agreed() -> bool:
            last[:] = await self.problems(*wanted, cases=cases, documents_paid=documents_paid)
            return not last

        def differences() -> str:
            return "\n".join(["the ledgers disagree", *last, self.daemon.output[-3000:]])

        await until_so(agreed, differences, within_s=within_s)


@asynccontextmanager
async def running_town(
    folder: Path,
    outputs: Path,
    store: PreparedStore,
    adjust: Callable[[dict[str, Any]], None] | None = None,
    *,
    clock: Clock = _CLOCK,
) -> AsyncIterator[Town]:
    """Builds a town whose daemon is not started yet; at the end everything is stopped."""
    async with AsyncExitStack() as stack:
        splynx = SplynxSandbox(clock=clock)
        options = StripeSandboxOptions(webhook_retries_s=_RETRIES_S)
        stripe = StripeSandbox(clock=clock, options=options)
        splynx_url = await _served(stack, splynx.app())
        stripe_url = await _served(stack, stripe.app())
        town = Town(
            splynx=splynx,
            stripe=stripe,
            splynx_url=splynx_url,
            stripe_url=stripe_url,
            folder=folder,
            settings=_settings(splynx_url, stripe_url, store.url),
            daemon=DaemonProcess(folder / "config.yaml", outputs),
            foreign=ForeignBooks(splynx, stripe),
        )
        await _connect(town, store.installation)
        if adjust is not None:
            adjust(town.settings)
        town.write_settings()
        stack.push_async_callback(town.daemon.end)
        yield town


async def _served(stack: AsyncExitStack, app: web.Application) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def _settings(splynx_url: str, stripe_url: str, database_url: str) -> dict[str, Any]:
    return {
        "listen": {"host": "127.0.0.1", "port": 0},
        "public_url": f"{splynx_url}/stripe",
        "splynx": {
            "url": f"{splynx_url}/",
            "api_key": "sandbox-key",
            "api_secret_file": "splynx.secret",
            "timezone": "Europe/Prague",
        },
        "database": {"url": database_url},
        "stripe": {
            "api_base": stripe_url,
            "connect_base": stripe_url,
            "js_url": f"{stripe_url}/v3/",
            "connect_client_id": PLATFORM_KEYS.client_id,
            "platform_secret_key_file": "platform.secret",
        },
        "settings": {"grant_access_to_unauthorized_customers": True},
        "partners": {
            "default": {
                "currency": "EUR",
                "country": "CZ",
                "publishable_key": KEYS.publishable_key,
                "secret_key_file": "stripe.secret",
                "webhook_secret_file": "webhook.secret",
            },
            "2": {"currency": "JPY", "country": "JP"},
        },
        "timing": {
            "polling_interval_s": 1,
            "look_after_first_s": 1,
            "look_every_s": 1,
            "verify_booking_after_s": 1,
        },
        "logging": {"level": "debug"},
    }


async def _connect(town: Town, installation: Installation) -> None:
    """Makes the webhook in Stripe and writes the secret files, as `webhooks init` would."""
    town.webhook_url = f"{town.addon_url}/webhook/{installation.endpoint_name(ACCOUNT)}"
    form = [("url", town.webhook_url), ("api_version", API_VERSION)]
    form += [("enabled_events[]", name) for name in HANDLED_EVENT_TYPES]
    headers = {"Authorization": f"Bearer {KEYS.secret_key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{town.stripe_url}/v1/webhook_endpoints", data=form, headers=headers
        ) as answer,
    ):
        town.webhook_secret = (await answer.json())["secret"]
    for name, secret in (
        ("splynx.secret", SPLYNX_SECRET),
        ("stripe.secret", KEYS.secret_key),
        ("platform.secret", PLATFORM_KEYS.secret_key),
        ("webhook.secret", town.webhook_secret),
        ("encryption.key", new_key_line("town")),
    ):
        _write_privately(town.folder / name, secret)


def _write_privately(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
        stream.write(text)
