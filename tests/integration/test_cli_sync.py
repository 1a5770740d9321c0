"""The commands `sync …`: what they print, and with which code they exit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.ports import Unit
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import open_store
from tests.integration.test_cli_accounts import Terminal
from tests.integration.test_cli_commands import OtherSide

ANNA = 17
ACCOUNT = StripeAccount("default", livemode=False)
T = TypeVar("T")


@pytest.fixture
def side() -> Iterator[OtherSide]:
    side = OtherSide()
    thread = threading.Thread(target=lambda: asyncio.run(side.serve()), name="other-side")
    thread.start()
    assert side.ready.wait(timeout=20)
    yield side
    assert side.loop is not None
    assert side.stop is not None
    side.loop.call_soon_threadsafe(side.stop.set)
    thread.join(timeout=20)


class SyncTerminal(Terminal):
    """A terminal with a real Splynx behind it, and customers who have paid."""

    def __init__(self, folder: Path, side: OtherSide) -> None:
        super().__init__(folder, side)
        config = folder / "config.yaml"
        kept = [
            line
            for line in config.read_text(encoding="utf-8").splitlines()
            if not line.startswith("splynx:")
        ]
        secret = folder / "splynx-api.secret"
        secret.touch(mode=0o600)
        secret.write_text("sandbox-secret", encoding="utf-8")
        splynx = f"{{url: {side.urls[0]}/, api_key: sandbox-key, api_secret_file: {secret.name}}}"
        config.write_text("\n".join([*kept, f"splynx: {splynx}", ""]), encoding="utf-8")
        migrate(self.url, clock=SystemClock())

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/store.db"

    def in_store(self, work: Callable[[Unit], T]) -> T:
        async def run() -> T:
            store = open_store(self.url, clock=SystemClock(), ids=RandomIds())
            try:
                return await store.run(work)
            finally:
                await store.close()

        return asyncio.run(run())

    def make_customer(self, customer_id: int, *, is_mapped: bool) -> str:
        """Makes a customer in Stripe as this installation does."""
        installation = self.in_store(lambda unit: unit.installation().id)
        metadata = {
            "splynx_stripe_installation": installation,
            "splynx_customer_id": str(customer_id),
        }
        made = self.side.stripe_customer(metadata)
        if is_mapped:
            self.in_store(lambda unit: unit.save_stripe_customer(ACCOUNT, customer_id, made))
        return made


@pytest.fixture
def terminal(tmp_path: Path, side: OtherSide) -> SyncTerminal:
    return SyncTerminal(tmp_path, side)
