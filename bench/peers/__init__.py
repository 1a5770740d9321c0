"""The same events stored by others, in environments of their own: `python -m bench.peers`."""

from __future__ import annotations
