"""Stops money when an assertion about money has failed (I14); everything else goes on."""

from __future__ import annotations

from splynx_stripe.domain.case import STOPS_MONEY, Case
from splynx_stripe.flows.ports import Unit

_MANY = 1000


def money_stop(unit: Unit) -> Case | None:
    """Gives the open case that forbids to charge anything new, or None."""
    return next(
        (case for case in unit.cases(only_open=True, limit=_MANY) if case.kind in STOPS_MONEY), None
    )
