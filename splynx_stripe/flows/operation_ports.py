"""What the office's log needs from the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from splynx_stripe.domain.operation import Operation, OperationPlace, OperationQuery


class OperationUnit(Protocol):
    """The part of a unit of work that knows the office's log."""

    def operations(
        self, query: OperationQuery, *, before: OperationPlace | None, limit: int
    ) -> Sequence[Operation]:
        """Lists the operations that are asked for, newest first, from `before` on (not included)."""
        ...
