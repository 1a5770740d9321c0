"""The benchmarks behind the figures in `docs/performance.md`: `python -m bench` (`make bench`)."""

from __future__ import annotations
