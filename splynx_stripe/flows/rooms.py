"""The rooms that the flows work with, handed over as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from splynx_stripe.domain.timing import Timing
from splynx_stripe.flows.ports import SplynxGateway, Store, StripeGateway, TermsSource
from splynx_stripe.kit.backoff import Dice
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource
from splynx_stripe.kit.keyed_lock import KeyedLock


@dataclass(frozen=True, slots=True)
class Rooms:
    """What `daemon.py` joins. `wake` tells the pump that there may be work now.

    `timezone` is the Splynx server's: it decides the day of a booking.
    `splynx_url` is its address, for links in what Stripe shows.
    """

    store: Store
    splynx: SplynxGateway
    stripe: StripeGateway
    terms: TermsSource
    timing: Timing
    timezone: ZoneInfo
    clock: Clock
    ids: IdSource
    dice: Dice
    locks: KeyedLock
    wake: Callable[[], None]
    splynx_url: str = ""
