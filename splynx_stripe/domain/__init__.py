"""What is true about money and debts: pure values and decisions, no I/O."""

from __future__ import annotations
