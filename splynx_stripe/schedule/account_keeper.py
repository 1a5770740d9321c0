"""Looks after Stripe accounts: asks how they stand, removes old webhooks, refreshes the figures."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_watch import AccountWatch
from splynx_stripe.flows.webhook_endpoints import WebhookEndpointsFlow
from splynx_stripe.kit.clock import Clock
from splynx_stripe.store.errors import StoreUnavailableError

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""How often it looks whether anything is to be done."""

_UNTIL_LEADER_S = 2.0
"""How often one that does not lead looks whether it does now."""

_ROUNDS_BETWEEN_CHECKS = 10
"""An account is asked every ten minutes, one whose last reading was refused every minute."""


@dataclass(frozen=True, slots=True)
class AccountKeeper:
    """One round a minute, on the leader only: two daemons would tell the same figures twice."""

    watch: AccountWatch
    endpoints: WebhookEndpointsFlow
    figures: Callable[[], Awaitable[None]]
    troubled: Callable[[], Iterable[StripeAccount]]
    leads: Callable[[], bool]
    clock: Clock

    async def run(self) -> None:
        """Goes its rounds for ever."""
        number = 0
        while True:
            leads = self.leads()
            try:
                if leads:
                    await self.round(checks_all=number % _ROUNDS_BETWEEN_CHECKS == 0)
                    number += 1
                    await self.figures()
            except (StoreUnavailableError, StaleWriteError) as error:
                log.warning("schedule.waits", extra={"job": "accounts", "error": str(error)})
            await self.clock.sleep(EVERY_S if leads else _UNTIL_LEADER_S)

    async def round(self, *, checks_all: bool) -> None:
        """Does once what is due."""
        if checks_all:
            await self.watch.check_all()
        else:
            for account in list(self.troubled()):
                await self.watch.check(account)
        await self.endpoints.tend()
