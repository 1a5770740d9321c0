"""What the pages of charge runs work with: the flow behind them, and Splynx's names of its filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from splynx_stripe.flows.charge_runs import ChargeRuns


@dataclass(frozen=True, slots=True)
class FilterNames:
    """What Splynx calls what a run can be limited to, by id; None where Splynx does not tell."""

    partners: Mapping[int, str] | None = None
    locations: Mapping[int, str] | None = None
    payment_methods: Mapping[int, str] | None = None


class NamesSource(Protocol):
    """Asks Splynx for the names."""

    async def names(self) -> FilterNames:
        """Gives them. Nothing raises: people can enter ids where there are no names."""
        ...


@dataclass(frozen=True, slots=True)
class ChargeDesk:
    """What the daemon hands over for the pages of charge runs."""

    runs: ChargeRuns
    filters: NamesSource
