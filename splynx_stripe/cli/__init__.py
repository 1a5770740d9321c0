"""Commands for people: they print and exit."""

from __future__ import annotations
