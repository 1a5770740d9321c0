"""In which order things happen: one module per business process."""

from __future__ import annotations
