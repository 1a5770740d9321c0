"""The HTTP edge: customer pages, webhook, health and metrics."""

from __future__ import annotations
