"""When things happen: the due-work pump and periodic jobs."""

from __future__ import annotations
