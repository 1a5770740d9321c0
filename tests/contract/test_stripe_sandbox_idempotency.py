"""Idempotency keys, rate limits and faults of the Stripe sandbox are those of the real Stripe."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
import stripe

from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.stripe import StripeSandboxOptions
from splynx_stripe.sandbox.stripe.errors import lock_timeout
from tests.contract.stripe_sandbox_running import (
    RETURN_URL,
    SECOND_KEY,
    HandClock,
    Running,
    running,
)

INTENTS = "/v1/payment_intents"
FORM = {"amount": "1000", "currency": "eur"}


async def created(stage: Running, key: str, **changes: str) -> tuple[int, dict[str, Any], Any]:
    return await stage.raw("POST", INTENTS, {**FORM, **changes}, headers={"Idempotency-Key": key})


async def test_the_same_key_replays_the_first_answer_word_for_word() -> None:
    async with running() as stage:
        _, first, headers = await created(stage, "attempt-1")
        assert "Idempotent-Replayed" not in headers

        status, again, headers = await created(stage, "attempt-1")

        assert (status, again) == (200, first)
        assert headers["Idempotent-Replayed"] == "true"
        assert len(stage.sandbox.state.book().payment_intents) == 1


async def test_a_decline_is_replayed_and_does_not_charge_again() -> None:
    async with running() as stage:
        card = {"payment_method": "pm_card_chargeDeclined", "confirm": "true"}
        for replayed in (None, "true"):
            status, body, headers = await created(stage, "attempt-1", **card, return_url=RETURN_URL)

            assert (status, body["error"]["code"]) == (402, "card_declined")
            assert headers.get("Idempotent-Replayed") == replayed
        assert len(stage.sandbox.state.book().charges) == 1


async def test_the_same_key_with_other_parameters_is_refused() -> None:
    async with running() as stage:
        options: stripe.RequestOptions = {"idempotency_key": "attempt-1"}
        v1 = stage.client().v1
        await v1.payment_intents.create_async({"amount": 1000, "currency": "eur"}, options)

        with pytest.raises(stripe.IdempotencyError, match="same parameters"):
            await v1.payment_intents.create_async({"amount": 1001, "currency": "eur"}, options)
        with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
            await v1.customers.create_async({}, options)


async def test_a_key_belongs_to_its_account() -> None:
    async with running() as stage:
        headers = {"Idempotency-Key": "attempt-1"}
        _, mine, _ = await stage.raw("POST", INTENTS, FORM, headers=headers)

        _, theirs, _ = await stage.raw("POST", INTENTS, FORM, key=SECOND_KEY, headers=headers)

        assert mine["id"] != theirs["id"]


async def test_a_key_in_use_is_a_conflict_until_the_first_request_is_done() -> None:
    clock = HandClock()
    async with running(StripeSandboxOptions(latency_s=2), clock=clock) as stage:
        first = asyncio.ensure_future(created(stage, "attempt-1"))
        await clock.until_sleeping()

        status, body, headers = await created(stage, "attempt-1")
        assert (status, body["error"]["code"]) == (409, "idempotency_key_in_use")
        assert headers["Stripe-Should-Retry"] == "true"
        clock.advance(2)
        _, made, _ = await first

        assert (await created(stage, "attempt-1"))[1] == made


async def test_an_expired_key_makes_a_new_object() -> None:
    clock = HandClock()
    async with running(clock=clock) as stage:
        _, first, _ = await created(stage, "attempt-1")
        clock.advance(24 * 3600 - 1)
        assert (await created(stage, "attempt-1"))[1]["id"] == first["id"]

        clock.advance(2)

        assert (await created(stage, "attempt-1"))[1]["id"] != first["id"]


async def test_what_was_refused_before_execution_leaves_the_key_free() -> None:
    async with running() as stage:
        status, _, _ = await created(stage, "attempt-1", amount="10.99")
        assert status == 400

        status, _, headers = await created(stage, "attempt-1")

        assert status == 200
        assert "Idempotent-Replayed" not in headers


async def test_a_server_error_after_execution_is_what_the_key_replays_if_so_switched() -> None:
    async with running(StripeSandboxOptions(cache_faulted_answers=True)) as stage:
        stage.sandbox.faults.add(FaultRule("POST", INTENTS, "status", "after"))

        answers = [await created(stage, "attempt-1") for _ in range(2)]

        assert [status for status, _, _ in answers] == [500, 500]
        assert answers[1][1]["error"]["type"] == "api_error"
        assert len(stage.sandbox.state.book().payment_intents) == 1


async def test_a_server_error_after_execution_is_otherwise_followed_by_the_true_answer() -> None:
    async with running() as stage:
        stage.sandbox.faults.add(FaultRule("POST", INTENTS, "status", "after"))
        assert (await created(stage, "attempt-1"))[0] == 500

        status, body, _ = await created(stage, "attempt-1")

        assert status == 200
        assert list(stage.sandbox.state.book().payment_intents) == [body["id"]]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_dropped_connection_may_or_may_not_have_done_it(when: Any) -> None:
    async with running() as stage:
        stage.sandbox.faults.add(FaultRule("*", INTENTS, "drop", when))

        with pytest.raises(stripe.APIConnectionError):
            await stage.client().v1.payment_intents.create_async(
                {"amount": 1000, "currency": "eur"}
            )

        assert len(stage.sandbox.state.book().payment_intents) == (when == "after")


async def test_half_an_answer_is_no_answer() -> None:
    async with running() as stage:
        stage.sandbox.faults.add(FaultRule("POST", INTENTS, "truncate", "after"))

        with pytest.raises(aiohttp.ClientPayloadError):
            await stage.client().v1.payment_intents.create_async(
                {"amount": 1000, "currency": "eur"}
            )

        assert len(stage.sandbox.state.book().payment_intents) == 1


async def test_faults_can_be_set_listed_and_taken_back_over_http() -> None:
    async with running() as stage:
        rule = {"method": "GET", "path": INTENTS, "action": "status", "when": "before"}
        told = await stage.control("faults", {**rule, "status": 503, "skip": 1, "times": -1})
        assert told["rules"][0]["status"] == 503

        statuses = [(await stage.raw("GET", INTENTS))[0] for _ in range(3)]
        async with stage.session.delete(f"{stage.base}/_sandbox/faults") as answer:
            assert (await answer.json()) == {"rules": [], "struck": 0}

        assert statuses == [200, 503, 503]
        assert (await stage.raw("GET", INTENTS))[0] == 200


async def test_a_late_answer_is_the_true_answer() -> None:
    clock = HandClock()
    async with running(clock=clock) as stage:
        stage.sandbox.faults.add(FaultRule("POST", INTENTS, "delay", "after", delay_s=30))
        late = asyncio.ensure_future(created(stage, "attempt-1"))
        await clock.until_sleeping()
        assert len(stage.sandbox.state.book().payment_intents) == 1

        clock.advance(30)

        assert (await late)[0] == 200


async def test_a_lock_timeout_says_that_repeating_helps_and_the_sdk_does() -> None:
    async with running() as stage:
        stage.sandbox.faults.add(lock_timeout(INTENTS, times=-1))
        with pytest.raises(stripe.RateLimitError) as caught:
            await stage.client().v1.payment_intents.create_async(
                {"amount": 1000, "currency": "eur"}
            )

        assert caught.value.error is not None
        assert caught.value.error.code == "lock_timeout"
        assert caught.value.headers is not None
        assert caught.value.headers["Stripe-Should-Retry"] == "true"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (StripeSandboxOptions(global_rate_per_s=3), "global-rate"),
        (StripeSandboxOptions(endpoint_rate_per_s=3), "endpoint-rate"),
    ],
)
async def test_too_many_requests_in_a_second_are_refused_with_the_reason(
    options: StripeSandboxOptions, reason: str
) -> None:
    clock = HandClock()
    async with running(options, clock=clock) as stage:
        for _ in range(3):
            assert (await created(stage, "attempt-1"))[0] == 200

        status, body, headers = await created(stage, "attempt-2")

        assert (status, body["error"]["code"]) == (429, "rate_limit")
        assert headers["Stripe-Rate-Limited-Reason"] == reason
        other_endpoint, _, _ = await stage.raw("GET", INTENTS)
        assert other_endpoint == (429 if reason == "global-rate" else 200)
        clock.advance(1)
        _, _, headers = await created(stage, "attempt-2")
        assert "Idempotent-Replayed" not in headers
