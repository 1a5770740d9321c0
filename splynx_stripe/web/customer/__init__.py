"""Pages for the ISP's customers: the payment page, its start, and the result."""

from __future__ import annotations
