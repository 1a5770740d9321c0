"""A small Splynx in memory: its API, and stand-ins for its portal and its administration."""

from __future__ import annotations

from splynx_stripe.sandbox.splynx.options import SplynxSandboxOptions
from splynx_stripe.sandbox.splynx.server import SplynxSandbox

__all__ = ["SplynxSandbox", "SplynxSandboxOptions"]
