"""The only doors to the outside: Stripe and Splynx."""

from __future__ import annotations
