"""Remembers: tables, migrations, units of work, the inbox."""

from __future__ import annotations
