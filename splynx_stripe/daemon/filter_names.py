"""Splynx's names of partners, locations and payment methods, for the form that plans charge runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.gateways.splynx.gateway import SplynxHttpGateway
from splynx_stripe.gateways.splynx.remembered import Remembered
from splynx_stripe.kit.clock import Clock
from splynx_stripe.web.charge_desk import FilterNames

_NO_ANSWER = (
    RejectedError,
    RetryableError,
    OutcomeUnknownError,
    BrokenInvariantError,
    TimeoutError,
)
_PATIENCE_S = 5.0
"""Somebody waits at the page, and can enter ids instead."""

Names = Mapping[int, str]


class SplynxFilterNames:
    """Implements `web.charge_desk.NamesSource`. What Splynx has told is believed for a minute."""

    def __init__(self, splynx: SplynxHttpGateway, clock: Clock) -> None:
        self._splynx = splynx
        self._remembered: Remembered[str, Names] = Remembered(clock)

    async def names(self) -> FilterNames:
        """Gives the names; None for those that Splynx does not tell, as without permission."""
        partners, locations, payment_methods = await asyncio.gather(
            self._asked("partners", self._splynx.partners),
            self._asked("locations", self._splynx.locations),
            self._asked("payment methods", self._splynx.payment_methods),
        )
        return FilterNames(partners, locations, payment_methods)

    async def _asked(self, what: str, ask: Callable[[], Awaitable[Names]]) -> Names | None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._remembered.answer(what, ask)
        except _NO_ANSWER:
            return None
