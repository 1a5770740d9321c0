"""Technical building blocks without business: clock, ids, back-off, logging, tasks, secrets."""

from __future__ import annotations
