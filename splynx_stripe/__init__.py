"""Connects the ISP billing system Splynx with Stripe."""

from __future__ import annotations

__version__ = "0.1.0"
