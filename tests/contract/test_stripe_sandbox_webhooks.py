"""The Stripe sandbox signs, delivers, repeats and loses webhooks, and lists its events."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe
from stripe.params import WebhookEndpointCreateParams

from splynx_stripe.sandbox.stripe import StripeSandboxOptions
from splynx_stripe.sandbox.stripe.state import API_VERSION
from tests.contract.sdk_schema import SdkSchema
from tests.contract.stripe_sandbox_running import (
    SECOND_KEY,
    HandClock,
    Receiver,
    Running,
    running,
    served,
)


async def endpoint(
    stage: Running, hook: str, *, events: Any = "payment_intent.created"
) -> stripe.WebhookEndpoint:
    params: WebhookEndpointCreateParams = {
        "url": f"{hook}/hook",
        "enabled_events": [events],
        "api_version": "2026-10-28.endive",
    }
    return await stage.client().v1.webhook_endpoints.create_async(params)


async def intent(stage: Running, key: str | None = None) -> stripe.PaymentIntent:
    client = stage.client(key) if key else stage.client()
    return await client.v1.payment_intents.create_async({"amount": 100, "currency": "eur"})


async def test_an_event_arrives_signed_so_that_the_sdk_accepts_it() -> None:
    receiver = Receiver()
    async with running() as stage, served(receiver.app()) as hook:
        made = await endpoint(stage, hook)
        assert made.secret is not None
        assert made.secret.startswith("whsec_")
        payment = await intent(stage)

        body, signature = await receiver.arrived.get()

        event = stage.client().construct_event(body, signature, made.secret)
        assert (event.type, event.api_version) == ("payment_intent.created", API_VERSION)
        assert event.data.object["id"] == payment.id
        assert SdkSchema.load().check_event(json.loads(body)) == []
        with pytest.raises(stripe.SignatureVerificationError):
            stage.client().construct_event(body, signature, "whsec_other")


async def test_the_secret_is_shown_once_and_never_again() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        made = await endpoint(stage, "http://127.0.0.1:9")

        again = await v1.webhook_endpoints.retrieve_async(made.id)
        listed = await v1.webhook_endpoints.list_async()

        assert "secret" not in again
        assert "secret" not in listed.data[0]


async def test_a_failed_delivery_is_repeated_by_the_schedule() -> None:
    clock = HandClock()
    receiver = Receiver(statuses=[500, 302, 200])
    options = StripeSandboxOptions(webhook_retries_s=(10, 100, 1000))
    async with running(options, clock=clock) as stage, served(receiver.app()) as hook:
        await endpoint(stage, hook)
        await intent(stage)
        bodies = []
        for wait_s in (10, 100):
            bodies.append((await receiver.arrived.get())[0])
            await clock.until_sleeping()
            pending = (await stage.client().v1.events.list_async()).data[0].pending_webhooks
            assert pending == 1
            clock.advance(wait_s)
        bodies.append((await receiver.arrived.get())[0])

        assert len(set(bodies)) == 1


async def test_a_lost_webhook_is_only_in_the_list() -> None:
    receiver = Receiver()
    async with running() as stage, served(receiver.app()) as hook:
        await endpoint(stage, hook)
        await stage.control("switches", {"webhooks_lost": True})
        lost = await intent(stage)
        await stage.control("switches", {"webhooks_lost": False})
        heard = await intent(stage)

        body, _ = await receiver.arrived.get()

        assert json.loads(body)["data"]["object"]["id"] == heard.id
        listed = await stage.client().v1.events.list_async({"delivery_success": False})
        assert [one.data.object["id"] for one in listed.data] == [lost.id]


async def test_an_event_can_be_delivered_many_times_at_once() -> None:
    receiver = Receiver()
    async with running() as stage, served(receiver.app()) as hook:
        await endpoint(stage, hook)
        await intent(stage)
        first, _ = await receiver.arrived.get()
        event = json.loads(first)["id"]

        told = await stage.control("redeliver", {"event": event, "times": 50, "parallel": True})

        assert told["statuses"] == [200] * 50
        assert {(await receiver.arrived.get())[0] for _ in range(50)} == {first}


async def test_an_endpoint_hears_its_own_account_and_only_what_it_asked_for() -> None:
    receiver = Receiver()
    async with running() as stage, served(receiver.app()) as hook:
        await endpoint(stage, hook, events="charge.failed")
        whole = await endpoint(stage, hook, events="*")
        await intent(stage, SECOND_KEY)
        await intent(stage)

        body, signature = await receiver.arrived.get()

        assert stage.client().construct_event(body, signature, str(whole.secret)).livemode is False
        assert receiver.arrived.empty()


async def test_a_deleted_endpoint_hears_nothing_more_and_sixteen_is_the_limit() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        made = [await endpoint(stage, "http://127.0.0.1:9") for _ in range(16)]
        with pytest.raises(stripe.InvalidRequestError, match="maximum of 16"):
            await endpoint(stage, "http://127.0.0.1:9")

        gone = await v1.webhook_endpoints.delete_async(made[0].id)
        disabled = await v1.webhook_endpoints.update_async(made[1].id, {"disabled": True})

        assert gone.deleted
        assert disabled.status == "disabled"
        assert len((await v1.webhook_endpoints.list_async({"limit": 100})).data) == 15


async def test_events_are_listed_newest_first_by_type_and_time() -> None:
    clock = HandClock()
    async with running(clock=clock) as stage:
        v1 = stage.client().v1
        first = await intent(stage)
        clock.advance(60)
        await v1.payment_intents.cancel_async(first.id)
        second = await intent(stage)

        both = await v1.events.list_async(
            {"types": ["payment_intent.created", "payment_intent.canceled"]}
        )
        late = await v1.events.list_async({"created": {"gt": first.created}, "limit": 1})
        one = await v1.events.retrieve_async(both.data[-1].id)

        assert [event.data.object["id"] for event in both.data] == [second.id, first.id, first.id]
        assert (late.data[0].id, late.has_more) == (both.data[0].id, True)
        # The event is frozen: the intent has been canceled since.
        assert one.data.object["status"] == "requires_payment_method"
