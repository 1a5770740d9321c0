"""The history of the schema, run by Alembic through `store.migrate`."""

from __future__ import annotations
