"""One town and one browser for all browser tests of a process, and a customer for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import open_store
from tests.acceptance.secrets_search import SecretsSearch
from tests.acceptance.town import KEYS, SPLYNX_SECRET, PreparedStore, Town, running_town
from tests.browser.customer import DESKTOP, PHONE, SIZES, Customer
from tests.browser.watch import Watch

ARGUMENTS = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PATIENCE_MS = 30_000
"""Longer than anything takes on a busy machine."""

expect.set_options(timeout=_PATIENCE_MS)

NewCustomer = Callable[..., Awaitable[Customer]]


def _adjust(settings: dict[str, Any]) -> None:
    """Partner 1 grants the plain links, partner 2 does not."""
    settings["partners"]["2"]["grant_access_to_unauthorized_customers"] = False


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Gives a running town; each test brings its own invoice."""
    folder, outputs = tmp_path_factory.mktemp("browser"), tmp_path_factory.mktemp("outputs")
    url = f"sqlite:///{folder / 'store.db'}"
    await asyncio.to_thread(migrate, url, clock=SystemClock())
    store = open_store(url, clock=SystemClock(), ids=RandomIds())
    installation = await store.read(lambda unit: unit.installation())
    await store.close()
    prepared = PreparedStore(url, installation)
    async with running_town(folder, outputs, prepared, _adjust) as running:
        await running.start()
        yield running
        await running.daemon.stop()
        secrets = {SPLYNX_SECRET, KEYS.secret_key, running.webhook_secret}
        search = SecretsSearch(secrets | set(running.splynx.state.sessions))
        assert search.found_in(sorted(outputs.iterdir())) == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as tool:
        browser = await tool.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def new_customer(town: Town, browser: Browser) -> AsyncIterator[NewCustomer]:
    """Brings people with windows of their own; what their browsers complain about fails the test."""
    async with AsyncExitStack() as stack:
        people: list[Customer] = []

        async def make(size: str = PHONE, **options: Any) -> Customer:
            usual = {
                "viewport": SIZES[size],
                "is_mobile": size == PHONE,
                "locale": "en-GB",
                "reduced_motion": "reduce",  # nothing is seen halfway through a transition
            }
            context = await browser.new_context(**{**usual, **options})
            stack.push_async_callback(context.close)
            context.set_default_timeout(_PATIENCE_MS)
            watch = Watch()
            await watch.follow(context)
            page: Page = await context.new_page()
            people.append(Customer(town, context, page, watch, size))
            return people[-1]

        yield make
        assert [one for person in people for one in person.watch.surprises] == []


@pytest.fixture(params=[PHONE, DESKTOP])
def size(request: pytest.FixtureRequest) -> str:
    """Gives each of the two windows: 360x740 and 1280x800."""
    return str(request.param)


@pytest_asyncio.fixture(loop_scope="session")
async def customer(new_customer: NewCustomer) -> Customer:
    """Gives somebody on a phone."""
    return await new_customer()


@pytest_asyncio.fixture(loop_scope="session")
async def sized_customer(new_customer: NewCustomer, size: str) -> Customer:
    """Gives somebody at each of the two windows in turn."""
    return await new_customer(size)
