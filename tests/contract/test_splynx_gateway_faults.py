"""What goes wrong between us and Splynx gets its right name (faults.md 3.3 E)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.gateways.splynx import client
from splynx_stripe.gateways.splynx.resources import PAYMENTS, Call
from tests.contract.splynx_gateway_rig import (
    MARKER,
    PAYMENTS_PATH,
    SplynxRig,
    gateway_before,
    payment_order,
    splynx_rig,
)

CUSTOMER_PATH = "admin/customers/customer/17"
LOST_ANSWERS: list[dict[str, Any]] = [
    {"action": "drop"},
    {"action": "truncate"},
    {"action": "status", "status": 500},
    {"action": "status", "status": 502, "body": "<html>Bad Gateway</html>"},
    {"action": "status", "status": 201, "body": "<html>Welcome</html>"},
    {"action": "status", "status": 201, "body": "{}"},
    {"action": "status", "status": 302, "headers": {"Location": "/admin/login/"}},
]


@pytest.fixture
async def rig() -> AsyncIterator[SplynxRig]:
    async with splynx_rig(timeout_s=5) as running:
        yield running


@pytest.mark.parametrize("spoilt", LOST_ANSWERS, ids=str)
async def test_a_payment_whose_answer_got_lost_is_unknown_and_found_by_its_marker_i2(
    rig: SplynxRig, spoilt: dict[str, Any]
) -> None:
    rig.spoil("POST", PAYMENTS_PATH, when="after", **spoilt)

    with pytest.raises(OutcomeUnknownError, match="look in Splynx"):
        await rig.gateway.add_payment(payment_order())

    assert len(await rig.gateway.find_payments(MARKER, 17)) == 1
    assert rig.count("POST", PAYMENTS_PATH) == 1


async def test_a_payment_that_never_arrived_is_unknown_and_proven_absent_i3(rig: SplynxRig) -> None:
    rig.spoil("POST", PAYMENTS_PATH, action="status", when="before", status=503)

    with pytest.raises(OutcomeUnknownError):
        await rig.gateway.add_payment(payment_order())

    assert await rig.gateway.find_payments(MARKER, 17) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"action": "drop", "times": 2},
        {"action": "truncate"},
        {"action": "status", "status": 500},
        {"action": "status", "status": 200, "body": "<html>Maintenance</html>"},
        {"action": "status", "status": 404, "body": "<html>nginx</html>"},
    ],
    ids=str,
)
async def test_a_reading_that_failed_can_be_repeated(
    rig: SplynxRig, spoilt: dict[str, Any]
) -> None:
    rig.spoil("GET", CUSTOMER_PATH, when="after", **spoilt)

    with pytest.raises(RetryableError):
        await rig.gateway.customer(17)

    assert await rig.gateway.customer(17) is not None


async def test_silence_is_unknown_for_a_payment_and_harmless_for_a_reading() -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with gateway_before(never, timeout_s=0.1) as gateway:
        with pytest.raises(OutcomeUnknownError, match="no answer in time"):
            await gateway.add_payment(payment_order())
        with pytest.raises(RetryableError, match="no answer in time"):
            await gateway.customer(17)


async def test_without_a_connection_surely_nothing_was_sent(
    rig: SplynxRig, unused_tcp_port: int
) -> None:
    nobody = f"http://127.0.0.1:{unused_tcp_port}/"
    gateway = rig.another_gateway(url=nobody, authentication="signature")

    with pytest.raises(RetryableError, match="Nothing was written"):
        await gateway.add_payment(payment_order())


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ConnectionTimeoutError("Connection timeout to host http://x/"),
        aiohttp.InvalidURL("http://"),
    ],
)
def test_what_failed_before_the_first_byte_may_be_repeated(error: Exception) -> None:
    assert isinstance(client._meaning(Call(PAYMENTS, "add", body={}), error), RetryableError)


async def test_too_many_requests_say_when_to_come_back(rig: SplynxRig) -> None:
    rig.spoil(
        "POST",
        PAYMENTS_PATH,
        action="status",
        when="before",
        status=429,
        headers={"Retry-After": "17"},
    )

    with pytest.raises(RetryableError) as caught:
        await rig.gateway.add_payment(payment_order())

    assert caught.value.retry_after_s == 17


async def test_a_missing_permission_is_named_with_controller_and_action(rig: SplynxRig) -> None:
    key = rig.sandbox.state.api_keys["sandbox-key"]
    key.permissions -= {("admin\\finance\\Payments", "add")}

    with pytest.raises(NotPermittedError, match=r"api\\admin\\finance\\Payments add") as caught:
        await rig.gateway.add_payment(payment_order())

    assert caught.value.code == "FORBIDDEN"


async def test_an_object_of_another_partner_is_refused_with_splynx_own_word(rig: SplynxRig) -> None:
    rig.sandbox.state.api_keys["sandbox-key"].partner_id = 1

    with pytest.raises(RejectedError) as caught:
        await rig.gateway.document(DocumentKind.INVOICE, 1050)

    assert caught.value.code == "NOT_ALLOWED_BY_PARTNER_RESTRICTION"
    assert not isinstance(caught.value, NotPermittedError)


@pytest.mark.parametrize(
    "body",
    [
        '{"id":18,"partner_id":1,"name":"Jana"}',
        '{"id":17}',
        '[{"id":17,"partner_id":1}]',
        '{"id":true,"partner_id":1}',
    ],
)
async def test_an_answer_that_the_api_does_not_promise_stops_us(rig: SplynxRig, body: str) -> None:
    rig.spoil("GET", CUSTOMER_PATH, action="status", when="before", status=200, body=body)

    with pytest.raises(BrokenInvariantError):
        await rig.gateway.customer(17)


async def test_a_server_that_ignores_the_offset_proves_no_absence_i3() -> None:
    async def same_page(_request: web.Request) -> web.Response:
        row = {"id": 1, "customer_id": 17, "amount": "1.0000", "receipt_number": "other"}
        return web.json_response([row])

    async with gateway_before(same_page) as gateway:
        with pytest.raises(OutcomeUnknownError, match="Cannot verify"):
            await gateway.find_payments(MARKER, 17)


async def test_an_endless_answer_is_cut_off() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(client.MAX_ANSWER_BYTES // 2**20 + 2):
            await response.write(b" " * 2**20)
        return response

    async with gateway_before(endless) as gateway:
        with pytest.raises(RetryableError, match="broke off or is too long"):
            await gateway.customer(17)


async def test_a_reading_follows_redirects_on_the_same_host_only() -> None:
    seen: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        seen.append(request.path)
        if request.path.endswith("/17"):
            return web.Response(status=301, headers={"Location": "/moved/17x"})
        if request.path.endswith("/18"):
            return web.Response(status=302, headers={"Location": "http://elsewhere.test/"})
        if request.path.endswith("/19"):
            return web.Response(status=302, headers={"Location": request.path})
        return web.json_response({"id": 17, "partner_id": 1})

    async with gateway_before(redirect) as gateway:
        assert await gateway.customer(17) is not None
        assert seen[-1] == "/moved/17x"
        with pytest.raises(RetryableError, match="another host"):
            await gateway.customer(18)
        seen.clear()
        with pytest.raises(RetryableError):
            await gateway.customer(19)
        assert len(seen) == 3


async def test_no_more_requests_are_in_flight_than_allowed() -> None:
    in_flight, most, go_on = 0, 0, asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        if in_flight == 3:
            go_on.set()
        await go_on.wait()
        in_flight -= 1
        return web.json_response(
            {
                "id": 17,
                "partner_id": 1,
                "access_token": "token",
                "access_token_expiration": 4102444800,
            }
        )

    async with gateway_before(slow, authentication="token", max_parallel=3) as gateway:
        go_on.set()
        await gateway.customer(17)
        go_on.clear()
        await asyncio.gather(*(gateway.customer(17) for _ in range(12)))

    assert most == 3
