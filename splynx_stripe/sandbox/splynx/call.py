"""One request to the API and its answer, without HTTP's machinery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from splynx_stripe.sandbox.splynx.permissions import EVERYTHING, Permission
from splynx_stripe.sandbox.splynx.rows import JsonObject
from splynx_stripe.sandbox.splynx.state import ApiKey, Session


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. `partner_id` 0 is any; `customer_id` is set for a portal customer."""

    user: ApiKey | Session
    permissions: frozenset[Permission] = EVERYTHING
    partner_id: int = 0
    customer_id: int | None = None
    by_token: bool = False

    @property
    def added_by(self) -> tuple[str, int]:
        """What `added_by` and `added_by_id` of a row made by this caller say."""
        if isinstance(self.user, ApiKey):
            return "api", self.user.id
        return "admin", self.user.user_id


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from."""

    authorization: str
    user_agent: str
    ip: str


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request below `/api/2.0/`."""

    method: str
    path: str
    """Without the prefix and without slashes at its ends, such as `admin/finance/payments/3`."""
    query: Mapping[str, Any]
    """Nested as PHP reads it."""
    body: JsonObject
    caller: Caller


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """An answer; a body of None is an empty body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
