"""The rooms that charge runs work with, handed over as one value."""

from __future__ import annotations

from dataclasses import dataclass

from splynx_stripe.flows.charge_run_ports import ChargeNotices, ChargeSplynx
from splynx_stripe.flows.ports import Store, TermsSource
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDeskRooms:
    """What looking at runs and deciding about them needs: nothing outside of this machine."""

    store: Store
    terms: TermsSource
    clock: Clock
    ids: IdSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRunRooms(RunDeskRooms):
    """What the engine needs besides. Its `store` is fenced, that of pages is not."""

    splynx: ChargeSplynx
    notices: ChargeNotices
