"""The door to Stripe: the only package that knows Stripe's SDK."""

from __future__ import annotations

from splynx_stripe.gateways.stripe.client import (
    RateLimits,
    StripeCredentials,
    StripeEndpoints,
)
from splynx_stripe.gateways.stripe.gateway import StripeSdkGateway
from splynx_stripe.gateways.stripe.webhook import BadSignatureError, parse_event, verify_webhook
from splynx_stripe.gateways.stripe.wire import API_VERSION, HANDLED_EVENT_TYPES

__all__ = [
    "API_VERSION",
    "HANDLED_EVENT_TYPES",
    "BadSignatureError",
    "RateLimits",
    "StripeCredentials",
    "StripeEndpoints",
    "StripeSdkGateway",
    "parse_event",
    "verify_webhook",
]
