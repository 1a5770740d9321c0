"""How often somebody may ask: token buckets in memory, and who somebody is on the network."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from aiohttp import web

from splynx_stripe.kit.clock import Clock

_BUCKETS_AT_MOST = 20_000
"""Remembered askers per limiter; the one that has been quiet for longest is forgotten first."""

_IPV6_PREFIX = 64
"""One subscriber usually has a whole /64, so single addresses in it mean nothing."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` askings at once, refilled evenly over `period_s` seconds."""

    burst: int
    period_s: float


class RateLimiter:
    """Counts askings per key. Bounded: a flood of new keys cannot eat the memory."""

    def __init__(self, clock: Clock, allowance: Allowance) -> None:
        self._clock = clock
        self._allowance = allowance
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def has_token(self, key: str) -> bool:
        """Says whether somebody could go on now, without taking anything."""
        return self._tokens(key, self._clock.monotonic()) >= 1

    def wait_s(self, key: str) -> float:
        """Takes one token. 0 means: go on; otherwise the seconds until the next one is there."""
        now = self._clock.monotonic()
        per_token_s = self._allowance.period_s / self._allowance.burst
        tokens = self._tokens(key, now)
        self._buckets.pop(key, None)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > _BUCKETS_AT_MOST:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) * per_token_s

    def _tokens(self, key: str, now: float) -> float:
        burst = float(self._allowance.burst)
        tokens, since = self._buckets.get(key, (burst, now))
        return min(burst, tokens + (now - since) * burst / self._allowance.period_s)


def is_local(request: web.Request) -> bool:
    """Says whether the other end of the connection is this machine (loopback or a unix socket)."""
    peer = _peer(request)
    if peer is None:
        return True
    address = _parsed(peer)
    return address is not None and address.is_loopback


def is_forwarded(request: web.Request) -> bool:
    """Says whether a proxy has passed the request on, so that the peer is not the asker."""
    return any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))


def client_address(request: web.Request) -> str:
    """Names the asker: the peer, or what a proxy on this machine says is the last hop.

    Only the last entry of X-Forwarded-For was written by our own proxy; all others can be
    invented by the asker.
    """
    peer = _peer(request)
    if is_local(request):
        last_hop = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2]
        address = _parsed(last_hop.strip())
        if address is not None:
            return _subscriber(address)
    address = _parsed(peer or "")
    return "local" if address is None else _subscriber(address)


def _peer(request: web.Request) -> str | None:
    """Gives the peer's address, None for a unix socket."""
    transport = request.transport
    name = transport.get_extra_info("peername") if transport is not None else ("unknown", 0)
    return str(name[0]) if isinstance(name, tuple) else None


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _subscriber(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((int(address), _IPV6_PREFIX), strict=False))
