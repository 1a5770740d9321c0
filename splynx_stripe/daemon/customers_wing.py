"""Joins the comparison of customers with the gateways and settings, and shows its figures."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, Gauge

from splynx_stripe.config import Settings
from splynx_stripe.domain.customer_sync import Origin
from splynx_stripe.flows.customer_sync import CustomerSync
from splynx_stripe.flows.customer_sync_ports import SyncCompanies, SyncSplynx, SyncStripe
from splynx_stripe.flows.customer_sync_rooms import CustomerSyncRooms
from splynx_stripe.flows.ports import Store
from splynx_stripe.kit.clock import Clock

_FIGURES_EVERY_S = 300.0


@dataclass(frozen=True, slots=True)
class Doors:
    """The gateways, as far as customers are concerned."""

    splynx: SyncSplynx
    companies: SyncCompanies
    stripe: SyncStripe


def customer_sync(
    settings: Settings,
    doors: Doors,
    store: Store,
    clock: Clock,
    *,
    installation_id: str,
    actor: str = "daemon",
) -> CustomerSync:
    """Makes the flow; the commands use the same."""
    return CustomerSync(
        CustomerSyncRooms(
            store=store,
            splynx=doors.splynx,
            companies=doors.companies,
            stripe=doors.stripe,
            terms=settings,
            accounts=lambda: list(settings.accounts()),
            origin=Origin(installation_id, settings.splynx.url),
            at=settings.customer_sync_at,
            timezone=ZoneInfo(settings.splynx.timezone),
            clock=clock,
            actor=actor,
        )
    )


class CustomerFigures:
    """The scheduled job: a part of the comparison, and now and then its figures."""

    def __init__(self, registry: CollectorRegistry, sync: CustomerSync, clock: Clock) -> None:
        self._sync = sync
        self._clock = clock
        self._shown_at_s: float | None = None
        self._customers = Gauge(
            "splynx_stripe_sync_customers",
            "Customers that have a Stripe customer, by how the two compare.",
            ["standing"],
            registry=registry,
        )
        self._twice = Gauge(
            "splynx_stripe_sync_customers_twice",
            "Customers with several Stripe customers in one account.",
            registry=registry,
        )
        self._finished = Gauge(
            "splynx_stripe_sync_last_finished_timestamp_seconds",
            "When the last comparison of all customers came to its end.",
            registry=registry,
        )

    async def tick(self) -> None:
        """Does a part of what is due."""
        await self._sync.tick()
        await self._show()

    async def _show(self) -> None:
        now_s = self._clock.monotonic()
        if self._shown_at_s is not None and now_s - self._shown_at_s < _FIGURES_EVERY_S:
            return
        self._shown_at_s = now_s
        status = await self._sync.status()
        for standing, count in status.standings.items():
            self._customers.labels(standing.value).set(count)
        self._twice.set(len(status.twice))
        if status.last is not None and status.last.finished_at is not None:
            self._finished.set(status.last.finished_at.timestamp())
