"""The only door to Splynx."""

from __future__ import annotations

from splynx_stripe.gateways.splynx.connection import NonceReserve, SplynxConnection
from splynx_stripe.gateways.splynx.gateway import SplynxHttpGateway

__all__ = ["NonceReserve", "SplynxConnection", "SplynxHttpGateway"]
