"""Stripe accounts for tests: a real store, the real flows and gateway, and the sandbox's Stripe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp.test_utils import TestServer

from splynx_stripe.config import Settings, load_settings
from splynx_stripe.daemon.accounts_wing import AccountsGround, AccountsWing
from splynx_stripe.daemon.gateways import stripe_gateway
from splynx_stripe.daemon.settings_in_force import read_settings_in_force
from splynx_stripe.flows.connections import Returned
from splynx_stripe.flows.page_settings import PageSettings
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.sandbox.stripe import StripeSandbox, StripeSandboxOptions
from splynx_stripe.sandbox.stripe.state import DEFAULT_KEYS, SandboxKey
from splynx_stripe.store.store import SqlStore, open_store
from tests.integration.settings_stage import written_settings

SECOND_ID = "acct_1SandboxSecond00"
DEFAULT_ID = "acct_1SandboxDefault"
LIMITED = SandboxKey(
    "rk_test_sandbox_limited",
    "pk_test_sandbox_limited",
    DEFAULT_ID,
    permissions=frozenset({"rak_payment_intent_write", "rak_event_read"}),
)
CONFIG = """
public_url: {public_url}
stripe:
  api_base: {stripe_url}
  connect_base: {stripe_url}
  connect_client_id: ca_SandboxPlatform
  platform_secret_key_file: platform.secret
partners:
  default: {{currency: EUR, country: CZ, publishable_key: pk_test_sandbox_default,
             secret_key_file: stripe.secret}}
  2: {{currency: USD, country: US}}
"""


class MovingClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.move(timedelta(seconds=seconds))
        await asyncio.sleep(0)

    def move(self, period: timedelta) -> None:
        self.moment += period


@dataclass
class AccountsStage:
    """What a test works with. `take_up` does what the daemon does after a change."""

    written: Settings
    store: SqlStore
    stripe: StripeSandbox
    stripe_url: str
    session: aiohttp.ClientSession
    clock: MovingClock
    settings: Settings
    wing: AccountsWing
    changes: int = 0

    async def take_up(self) -> Settings:
        """Reads the settings in force and builds everything anew."""
        self.settings, _ = await read_settings_in_force(self.store, self.written)
        self.wing = await _wing(self)
        return self.settings

    def reload(self, folder: Path) -> None:
        """Reads the files again, as on SIGHUP."""
        self.written = load_settings(folder / "config.yaml", credentials_dir=None)

    def changed(self) -> None:
        self.changes += 1

    def settings_page(self) -> PageSettings:
        """Gives the flow of the settings page, on the same store."""
        sealer = self.written.key_file.sealer()
        return PageSettings(self.store, self.written, sealer, self.clock, self.changed)

    def consent(self, address: str, account_id: str = SECOND_ID) -> tuple[str, str]:
        """Does what a person does on the consent page; gives the state and the code."""
        query = parse_qs(urlsplit(address).query)
        platform = next(key for key in self.stripe.options.keys if key.client_id)
        return query["state"][0], self.stripe.connect.code_for(platform, account_id)

    async def begin(self, section: str = "2", session_id: str = "session-1") -> str:
        """Presses Connect."""
        return await self.wing.desk.connections.begin(
            section, livemode=False, actor="admin:1", session_id=session_id
        )

    async def connect(self, section: str = "2", account_id: str = SECOND_ID) -> None:
        """Goes all the way, and lets the daemon take it up."""
        state, code = self.consent(await self.begin(section), account_id)
        await self.wing.desk.connections.finish(Returned(state, code, "session-1"), "admin:1")
        await self.take_up()

    async def actions(self) -> list[str]:
        """Names what the audit log has, the oldest first."""
        entries = await self.store.read(lambda unit: unit.recent_audit(limit=100))
        return [entry.event for entry in reversed(entries)]

    async def cases(self) -> list[tuple[str, str]]:
        """Gives the open cases."""
        found = await self.store.read(lambda unit: unit.cases(only_open=True, limit=100))
        return [(case.kind.value, case.summary) for case in found]


async def _wing(stage: AccountsStage) -> AccountsWing:
    installation = await stage.store.read(lambda unit: unit.installation())
    gateway = stripe_gateway(stage.settings, stage.session, stage.clock)
    ids = RandomIds()
    return AccountsWing(
        AccountsGround(
            stage.settings, stage.store, installation, gateway, stage.clock, ids, stage.changed
        )
    )


@asynccontextmanager
async def accounts_stage(
    folder: Path,
    url: str,
    *,
    config: str = CONFIG,
    with_key: bool = True,
    public_url: str = "http://127.0.0.1:1/stripe",
) -> AsyncIterator[AccountsStage]:
    """Starts the sandbox and opens the store."""
    clock = MovingClock()
    options = StripeSandboxOptions(keys=(*DEFAULT_KEYS, LIMITED), webhook_retries_s=())
    stripe = StripeSandbox(clock=clock, options=options)
    for name, secret in (
        ("stripe", "sk_test_sandbox_default"),
        ("platform", "sk_test_sandbox_platform"),
    ):
        file = folder / f"{name}.secret"
        file.touch(mode=0o600)
        file.write_text(secret, encoding="utf-8")
    store = open_store(url, clock=clock, ids=RandomIds())
    async with TestServer(stripe.app()) as server, aiohttp.ClientSession() as session:
        stripe_url = f"http://127.0.0.1:{server.port}"
        text = config.format(stripe_url=stripe_url, public_url=public_url)
        written = written_settings(folder, text, with_key=with_key)
        stage = AccountsStage(
            written, store, stripe, stripe_url, session, clock, written, _nothing()
        )
        await stage.take_up()
        try:
            yield stage
        finally:
            await store.close()


def _nothing() -> AccountsWing:
    return object.__new__(AccountsWing)
