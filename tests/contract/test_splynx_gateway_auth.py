"""The gateway proves who it is, renews that in time, and locks no key out."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest
from aiohttp import web

from splynx_stripe.domain.errors import NotPermittedError, RetryableError
from splynx_stripe.kit.secret import Secret
from tests.contract.splynx_gateway_rig import (
    HALF_AN_HOUR,
    PAYMENTS_PATH,
    TOKENS_PATH,
    gateway_before,
    payment_order,
    splynx_rig,
)

CUSTOMER_PATH = "admin/customers/customer/17"


async def test_requests_in_parallel_share_one_login() -> None:
    async with splynx_rig() as rig:
        await asyncio.gather(*(rig.gateway.customer(17) for _ in range(20)))

        assert rig.count("POST", TOKENS_PATH) == 1
        assert rig.nonces.reserved == 1


async def test_a_token_is_renewed_before_it_expires_without_a_new_login() -> None:
    async with splynx_rig() as rig:
        await rig.gateway.customer(17)
        rig.clock.moment += HALF_AN_HOUR - timedelta(seconds=5)

        await asyncio.gather(*(rig.gateway.customer(17) for _ in range(5)))

        assert rig.count("POST", TOKENS_PATH) == 1
        renewals = [path for _, path, _ in rig.exchanges if path.startswith(f"{TOKENS_PATH}/")]
        assert len(renewals) == 1
        assert all(status < 400 for _, _, status in rig.exchanges)


async def test_a_login_follows_when_the_token_cannot_be_renewed_any_more() -> None:
    async with splynx_rig() as rig:
        await rig.gateway.customer(17)
        rig.sandbox.state.tokens.clear()
        rig.clock.moment += HALF_AN_HOUR

        assert await rig.gateway.customer(17) is not None

        assert rig.count("POST", TOKENS_PATH) == 2


async def test_a_banned_token_is_replaced_and_the_payment_is_added_once_i1() -> None:
    async with splynx_rig() as rig:
        await rig.gateway.customer(17)
        for token in rig.sandbox.state.tokens.values():
            token.banned = True

        await rig.gateway.add_payment(payment_order())

        assert rig.count("POST", PAYMENTS_PATH) == 2
        assert [row.receipt_number for row in rig.sandbox.state.payments].count(
            payment_order().receipt_number
        ) == 1


async def test_a_request_that_stays_unauthorized_is_sent_twice_and_never_more() -> None:
    async with splynx_rig() as rig:
        body = '{"error":{"message":"x","code":401,"internal_code":"EXPIRED_ACCESS_TOKEN"}}'
        rig.spoil(
            "GET", CUSTOMER_PATH, action="status", when="before", status=401, body=body, times=-1
        )

        with pytest.raises(NotPermittedError, match=r"splynx\.api_key"):
            await rig.gateway.customer(17)

        assert rig.sandbox.faults.struck == 2


async def test_a_wrong_secret_is_named_and_not_tried_again_at_once() -> None:
    async with splynx_rig(api_secret=Secret("wrong")) as rig:
        for _ in range(5):
            with pytest.raises(NotPermittedError, match="its secret"):
                await rig.gateway.customer(17)

        assert rig.count("POST", TOKENS_PATH) == 2
        rig.sandbox.state.api_keys["sandbox-key"].secret = "wrong"
        rig.clock.moment += timedelta(seconds=31)
        assert await rig.gateway.customer(17) is not None


async def test_too_many_attempts_are_not_followed_by_another_one() -> None:
    async with splynx_rig() as rig:
        body = '{"error":{"message":"x","code":401,"internal_code":"EXCEEDED_MAX_ATTEMPTS"}}'
        rig.spoil("POST", TOKENS_PATH, action="status", when="before", status=401, body=body)

        with pytest.raises(NotPermittedError) as caught:
            await rig.gateway.customer(17)

        assert caught.value.code == "EXCEEDED_MAX_ATTEMPTS"
        assert rig.exchanges == []


@pytest.mark.parametrize(
    "spoilt", [{"action": "drop"}, {"action": "truncate"}, {"action": "status", "status": 502}]
)
async def test_a_lost_login_means_that_the_payment_was_surely_not_sent(
    spoilt: dict[str, object],
) -> None:
    async with splynx_rig() as rig:
        rig.spoil("POST", TOKENS_PATH, when="after", **spoilt)

        with pytest.raises(RetryableError):
            await rig.gateway.add_payment(payment_order())

        assert rig.count("POST", PAYMENTS_PATH) == 0
        await rig.gateway.add_payment(payment_order())


async def test_without_token_login_requests_are_signed() -> None:
    async with splynx_rig() as rig:
        body = '{"error":{"message":"x","code":405,"internal_code":"METHOD_DISABLED"}}'
        rig.spoil(
            "POST", TOKENS_PATH, action="status", when="before", status=405, body=body, times=-1
        )

        await asyncio.gather(*(rig.gateway.customer(17) for _ in range(5)))

        assert rig.sandbox.faults.struck == 1
        assert [status for _, _, status in rig.exchanges] == [200] * 5


async def test_signed_requests_in_parallel_never_overtake_each_other() -> None:
    async with splynx_rig(authentication="signature") as rig:
        await asyncio.gather(*(rig.gateway.customer(17) for _ in range(150)))

        assert [status for _, _, status in rig.exchanges] == [200] * 150
        assert rig.nonces.reserved == 2


async def test_nonces_rise_over_a_restart_even_if_the_clock_steps_back() -> None:
    async with splynx_rig(authentication="signature") as rig:
        await rig.gateway.customer(17)
        rig.clock.moment -= timedelta(hours=1)

        await rig.another_gateway().customer(17)

        assert [status for _, _, status in rig.exchanges] == [200, 200]


async def test_a_nonce_that_another_program_overtook_is_replaced_once() -> None:
    async with splynx_rig(authentication="signature") as rig:
        await rig.gateway.customer(17)
        rig.clock.moment += timedelta(minutes=1)
        key = rig.sandbox.state.api_keys["sandbox-key"]
        key.last_nonce = round(rig.clock.now().timestamp() * 100) - 1

        await rig.gateway.add_payment(payment_order())

        assert [status for _, _, status in rig.exchanges] == [200, 401, 201]


async def test_neither_secret_nor_token_appears_in_errors_and_logs_i12(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def echo(request: web.Request) -> web.Response:
        raw = (await request.read()).decode()
        echoed = f"{request.headers.get('Authorization')} {raw} sandbox-secret {'long ' * 200}"
        return web.json_response({"error": {"message": echoed, "code": 403}}, status=403)

    caplog.set_level(logging.DEBUG)
    errors = []
    for authentication in ("token", "signature"):
        async with gateway_before(echo, authentication=authentication) as gateway:
            with pytest.raises(NotPermittedError) as caught:
                await gateway.customer(17)
            errors.append(str(caught.value))

    said = caplog.text + "".join(str(vars(record)) for record in caplog.records) + str(errors)
    assert "sandbox-secret" not in said
    assert "sandbox-key" not in said
    assert "signature=" not in said
    assert all(len(error) < 600 for error in errors)


async def test_a_token_that_an_answer_echoes_is_masked_i12() -> None:
    async with splynx_rig() as rig:
        await rig.gateway.customer(17)
        (token,) = rig.sandbox.state.tokens.values()
        body = f'{{"error":{{"message":"bad {token.access_token} {token.refresh_token}"}}}}'
        rig.spoil("GET", CUSTOMER_PATH, action="status", when="before", status=400, body=body)

        with pytest.raises(Exception, match=r"bad \*\*\* \*\*\*"):
            await rig.gateway.customer(17)


async def test_cookies_that_splynx_sets_are_never_sent_back_i8() -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        response = web.json_response({"status": "ok"})
        response.set_cookie("PHPSESSID", "somebody")
        return response

    async with gateway_before(answer) as gateway:
        gateway._api._client._session._cookie_jar.update_cookies({"PHPSESSID": "earlier"})
        await gateway.check()
        await gateway.check()

    assert seen == [None, None]
