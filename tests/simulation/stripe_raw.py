"""What goes over the wire to the simulated Stripe and back, in the words of Stripe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BANK = "us_bank_account"
OPEN = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})

Json = dict[str, Any]


@dataclass(slots=True)
class Raw:
    """A status and a body, as they come over the wire."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrives: of which account, what, with which idempotency key."""

    account: str
    endpoint: str
    params: Json
    key: str


def error(status: int, kind: str, message: str, code: str = "") -> Raw:
    return Raw(status, {"error": {"type": kind, "message": message, "code": code or None}})
