"""The Stripe sandbox lets a bank take money back, as Stripe tells it: as a dispute."""

from __future__ import annotations

import pytest
import stripe

from tests.contract.stripe_sandbox_running import RETURN_URL, Running, running


async def paid(stage: Running, method: str) -> stripe.PaymentIntent:
    return await stage.client().v1.payment_intents.create_async(
        {
            "amount": 1000,
            "currency": "usd",
            "payment_method": method,
            "confirm": True,
            "return_url": RETURN_URL,
        }
    )


async def test_a_disputed_card_payment_needs_a_response_and_is_told_once() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        intent = await paid(stage, "pm_card_visa")

        made = stage.sandbox.control.take_back(intent.id, "fraudulent")

        assert made is not None
        seen = await v1.disputes.retrieve_async(made["id"])
        assert (seen.amount, seen.status, seen.payment_intent) == (
            1000,
            "needs_response",
            intent.id,
        )
        charge = await v1.charges.retrieve_async(str(intent.latest_charge))
        assert charge.disputed is True
        listed = await v1.disputes.list_async({"payment_intent": intent.id})
        assert [one.id for one in listed.data] == [seen.id]
        events = await v1.events.list_async({"types": ["charge.dispute.created"]})
        assert [event.data.object["id"] for event in events.data] == [seen.id]


async def test_what_was_never_paid_cannot_come_back() -> None:
    async with running() as stage:
        intent = await stage.client().v1.payment_intents.create_async(
            {"amount": 1000, "currency": "usd"}
        )

        assert stage.sandbox.control.take_back(intent.id, "general") is None
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await stage.client().v1.disputes.retrieve_async("du_none")
        assert caught.value.code == "resource_missing"
