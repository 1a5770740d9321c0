"""The rounds of the account keeper: on the leader, every ten minutes, at once after a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_watch import AccountWatch
from splynx_stripe.flows.webhook_endpoints import WebhookEndpointsFlow
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.schedule.account_keeper import EVERY_S, AccountKeeper
from splynx_stripe.store.errors import StoreUnavailableError
from tests.fake_clock import FakeClock

DEFAULT = StripeAccount("default", livemode=False)


@dataclass
class Deeds:
    """Stands in for both flows and the figures; remembers what was done."""

    done: list[str] = field(default_factory=list)
    troubled: list[StripeAccount] = field(default_factory=list)
    leads: bool = True
    broken: bool = False

    async def check_all(self) -> None:
        if self.broken:
            self.broken = False
            raise StoreUnavailableError("no disk")
        self.done.append("check all")

    async def check(self, account: StripeAccount) -> None:
        self.done.append(f"check {account.key}")

    async def tend(self) -> None:
        self.done.append("tend")

    async def figures(self) -> None:
        self.done.append("figures")


def keeper(deeds: Deeds, clock: FakeClock) -> AccountKeeper:
    return AccountKeeper(
        watch=cast("AccountWatch", deeds),
        endpoints=cast("WebhookEndpointsFlow", deeds),
        figures=deeds.figures,
        troubled=lambda: deeds.troubled,
        leads=lambda: deeds.leads,
        clock=clock,
    )


async def after(deeds: Deeds, rounds: int) -> list[str]:
    """Lets the keeper go so many rounds."""
    clock = FakeClock()
    async with Supervisor() as tasks:
        tasks.keep("keeper", keeper(deeds, clock).run)
        for _ in range(rounds - 1):
            await clock.until_sleeping()
            clock.advance(timedelta(seconds=EVERY_S))
        await clock.until_sleeping()
    return deeds.done


async def test_every_account_is_asked_at_once_and_every_ten_minutes() -> None:
    assert (await after(Deeds(), 11)).count("check all") == 2


async def test_an_account_that_was_refused_is_asked_every_minute() -> None:
    done = await after(Deeds(troubled=[DEFAULT]), 4)

    assert done.count("check default:test") == 3
    assert done.count("tend") == 4


async def test_one_that_does_not_lead_does_nothing() -> None:
    assert await after(Deeds(leads=False), 3) == []


async def test_a_database_that_is_away_does_not_end_the_rounds() -> None:
    deeds = Deeds(broken=True)

    assert await after(deeds, 2) == ["check all", "tend", "figures"]
