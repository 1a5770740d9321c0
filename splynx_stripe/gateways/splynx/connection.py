"""How to reach one Splynx, and as whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from splynx_stripe.kit.secret import Secret

NonceReserve = Callable[[int, int], Awaitable[int]]
"""`reserve(floor, count)` gives the first of `count` nonces that are ours alone.

It is at least `floor` and above every nonce reserved before, also before a restart or a clock
that stepped back; so it is remembered durably before it is given out.
"""

Authentication = Literal["token", "signature"]


@dataclass(frozen=True, slots=True)
class SplynxConnection:
    """One Splynx server and one of its API keys (Administration → API keys).

    `url` is Splynx's own address, without `/api`. `timezone` is the server's (IANA name): its
    dates carry no zone. `max_parallel` is the number of requests in flight; Splynx publishes no
    limit, five is what its peers bear (`reference/splynx-api.md` section 7, row 28).
    """

    url: str
    api_key: str
    api_secret: Secret
    timezone: str
    timeout_s: float = 30.0
    connect_timeout_s: float = 5.0
    max_parallel: int = 5
    authentication: Authentication = "token"
