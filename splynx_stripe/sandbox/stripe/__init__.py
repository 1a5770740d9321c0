"""A small, stateful Stripe of API version 2026-10-28.endive, in memory, for demo and tests."""

from __future__ import annotations

from splynx_stripe.sandbox.stripe.server import StripeSandbox
from splynx_stripe.sandbox.stripe.state import DEFAULT_KEYS, SandboxKey, StripeSandboxOptions

__all__ = ["DEFAULT_KEYS", "SandboxKey", "StripeSandbox", "StripeSandboxOptions"]
