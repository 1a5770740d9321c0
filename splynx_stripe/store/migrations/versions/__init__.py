"""One module per revision; `store.schema.REVISIONS` lists them."""

from __future__ import annotations
