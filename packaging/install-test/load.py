"""Customers who look and pay while something happens to the daemon; every failure is counted."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp

from splynx_stripe.sandbox.visitor import Visitor

_PAUSE_S = 0.1
_PATIENCE_S = 60.0
_OK = 200


@dataclass
class Load:
    """What the customers met."""

    requests: int = 0
    payments: int = 0
    slowest_s: float = 0.0
    errors: list[str] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self, urls: Iterator[str], addresses: Iterator[str]) -> None:
        """Opens one direct link after the other, each time as somebody else."""
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        while not self.stop.is_set():
            connector = aiohttp.TCPConnector(local_addr=(next(addresses), 0))
            started = time.monotonic()
            try:
                async with (
                    aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                    session.get(next(urls)) as answer,
                ):
                    await answer.read()
                    if answer.status != _OK:
                        self.errors.append(f"GET answered {answer.status}")
            except (aiohttp.ClientError, TimeoutError) as error:
                self.errors.append(f"GET: {type(error).__name__} {error}")
            self.requests += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - started)
            await asyncio.sleep(_PAUSE_S)

    async def pay(self, site: str, stripe: str, numbers: Iterator[str]) -> None:
        """Pays one invoice after the other from the portal until told to stop."""
        async with Visitor(splynx_url=site, addon_url=f"{site}/stripe", stripe_url=stripe) as john:
            await john.log_in(17)
            while not self.stop.is_set() and (number := next(numbers, None)) is not None:
                try:
                    await self._pay_one(john, number)
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.errors.append(f"paying {number}: {type(error).__name__} {error}")

    async def _pay_one(self, john: Visitor, number: str) -> None:
        page = await john.open(f"pay-invoice?item_id={number}")
        if page.status != _OK or not page.ticket:
            self.errors.append(f"invoice {number}: the page answered {page.status}")
            return
        state, secret = await john.press_pay(page)
        if state != "payable":
            self.errors.append(f"invoice {number}: pressing Pay gave {state}")
            return
        confirmed = await john.confirm(page, secret, "4242424242424242")
        if confirmed.status != "succeeded":
            self.errors.append(f"invoice {number}: Stripe said {confirmed}")
            return
        self.payments += 1


def addresses() -> Iterator[str]:
    """Gives loopback addresses, each another customer to the limits per address."""
    return (
        f"127.{20 + n // 62500 % 200}.{n // 250 % 250 + 1}.{n % 250 + 1}" for n in itertools.count()
    )
