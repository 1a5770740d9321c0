"""Rate limits and client addresses."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from splynx_stripe.web.limits import Allowance, RateLimiter, client_address
from tests.integration.web_stage import FakeClock


class Connection:
    """What is known of the other end of a connection."""

    def __init__(self, peer: object) -> None:
        self.peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.peer if name == "peername" else default


def address(peer: object, forwarded: str = "") -> str:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers, transport=Connection(peer))
    return client_address(request)


def test_the_burst_is_free_and_then_one_more_per_refill() -> None:
    clock = FakeClock()
    limiter = RateLimiter(clock, Allowance(burst=3, period_s=60))

    assert [limiter.wait_s("a") for _ in range(3)] == [0, 0, 0]
    assert limiter.wait_s("a") == pytest.approx(20)
    assert limiter.wait_s("b") == 0

    clock.move(20)
    assert limiter.wait_s("a") == 0
    assert limiter.wait_s("a") > 0


def test_a_flood_of_askers_does_not_grow_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splynx_stripe.web.limits._BUCKETS_AT_MOST", 10)
    limiter = RateLimiter(FakeClock(), Allowance(burst=3, period_s=60))

    for number in range(100):
        limiter.wait_s(str(number))

    assert len(limiter._buckets) == 10


def test_only_the_last_hop_that_our_own_proxy_wrote_is_believed() -> None:
    assert address(("127.0.0.1", 1), "6.6.6.6, 203.0.113.9") == "203.0.113.9"
    assert address("", "6.6.6.6, 203.0.113.9") == "203.0.113.9"  # a unix socket
    assert address(("198.51.100.7", 1), "6.6.6.6") == "198.51.100.7"
    assert address(("127.0.0.1", 1), "nonsense") == "127.0.0.1"
    assert address(("::ffff:198.51.100.7", 1, 0, 0)) == "198.51.100.7"


def test_one_subscriber_is_one_ipv6_network() -> None:
    assert address(("2001:db8:1:2:3::4", 1, 0, 0)) == address(("2001:db8:1:2:9::9", 1, 0, 0))
