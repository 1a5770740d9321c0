"""The entries of the audit log: what happened to a debt, when, and who caused it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One fact. `event` is a dotted past-tense name (`attempt.succeeded`), `facts` are its details.

    `actor` is who caused it: `customer:17`, `link`, `stripe`, `daemon`, `admin:1`.
    """

    at: datetime
    event: str
    actor: str
    collection_id: str = ""
    attempt_id: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
