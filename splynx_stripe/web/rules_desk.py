"""What the pages of auto charge work with: the flows behind them."""

from __future__ import annotations

from dataclasses import dataclass

from splynx_stripe.flows.charge_forecast import ChargeForecast
from splynx_stripe.flows.charge_rules import ChargeRules


@dataclass(frozen=True, slots=True)
class RulesDesk:
    """What the daemon hands over for the pages of auto charge."""

    rules: ChargeRules
    forecast: ChargeForecast
