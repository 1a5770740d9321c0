"""A small Splynx and a small Stripe for the demo, the tests and trying before connecting."""

from __future__ import annotations
