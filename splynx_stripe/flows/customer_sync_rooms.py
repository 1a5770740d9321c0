"""The rooms that the comparison of customers works with, handed over as one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

from splynx_stripe.domain.customer_sync import Origin
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.customer_sync_ports import SyncCompanies, SyncSplynx, SyncStripe
from splynx_stripe.flows.ports import Store, TermsSource
from splynx_stripe.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class CustomerSyncRooms:
    """What the daemon joins. A round begins by itself at the time `at` of `timezone`, None: never.

    `actor` is who did what is done.
    """

    store: Store
    splynx: SyncSplynx
    companies: SyncCompanies
    stripe: SyncStripe
    terms: TermsSource
    accounts: Callable[[], Sequence[StripeAccount]]
    origin: Origin
    at: time | None
    timezone: ZoneInfo
    clock: Clock
    actor: str = "daemon"
