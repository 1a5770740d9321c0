"""The Stripe sandbox refunds no more than was paid, and may fail to refund later."""

from __future__ import annotations

import pytest
import stripe

from splynx_stripe.sandbox.stripe import StripeSandboxOptions
from tests.contract.stripe_sandbox_running import RETURN_URL, HandClock, Running, running


async def paid(stage: Running, method: str = "pm_card_visa") -> stripe.PaymentIntent:
    return await stage.client().v1.payment_intents.create_async(
        {
            "amount": 1000,
            "currency": "usd",
            "payment_method": method,
            "confirm": True,
            "return_url": RETURN_URL,
        }
    )


async def test_a_refund_takes_the_rest_and_then_nothing_is_left() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        intent = await paid(stage)

        part = await v1.refunds.create_async({"payment_intent": intent.id, "amount": 300})
        rest = await v1.refunds.create_async(
            {"charge": str(intent.latest_charge), "reason": "requested_by_customer"}
        )

        assert [(one.amount, one.status) for one in (part, rest)] == [
            (300, "succeeded"),
            (700, "succeeded"),
        ]
        charge = await v1.charges.retrieve_async(
            str(intent.latest_charge), {"expand": ["refunds", "balance_transaction"]}
        )
        assert (charge.refunded, charge.amount_refunded) == (True, 1000)
        assert charge.refunds is not None
        assert [one.id for one in charge.refunds.data] == [rest.id, part.id]
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await v1.refunds.create_async({"payment_intent": intent.id})
        assert caught.value.code == "charge_already_refunded"


async def test_more_than_what_is_left_is_not_refunded() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        intent = await paid(stage)
        await v1.refunds.create_async({"payment_intent": intent.id, "amount": 700})

        with pytest.raises(stripe.InvalidRequestError, match=r"4\.00 USD\) is greater than"):
            await v1.refunds.create_async({"payment_intent": intent.id, "amount": 400})

        listed = await v1.refunds.list_async({"payment_intent": intent.id})
        assert [one.amount for one in listed.data] == [700]


async def test_a_payment_that_did_not_succeed_has_nothing_to_refund() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        intent = await v1.payment_intents.create_async({"amount": 100, "currency": "eur"})

        with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
            await v1.refunds.create_async({"payment_intent": intent.id})


async def test_a_refund_of_a_finished_state_cannot_be_canceled() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        refund = await v1.refunds.create_async({"payment_intent": (await paid(stage)).id})

        with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
            await v1.refunds.cancel_async(refund.id)


@pytest.mark.parametrize(
    ("method", "first", "last", "left"),
    [
        ("pm_card_refundFail", "succeeded", "failed", 0),
        ("pm_card_pendingRefund", "pending", "succeeded", 1000),
    ],
)
async def test_a_refund_may_change_its_mind_later(
    method: str, first: str, last: str, left: int
) -> None:
    clock = HandClock()
    async with running(StripeSandboxOptions(refund_delay_s=30), clock=clock) as stage:
        v1 = stage.client().v1
        intent = await paid(stage, method)
        refund = await v1.refunds.create_async({"payment_intent": intent.id})
        assert refund.status == first

        clock.advance(30)

        after = await v1.refunds.retrieve_async(refund.id)
        assert after.status == last
        charge = await v1.charges.retrieve_async(str(intent.latest_charge))
        assert charge.amount_refunded == left
        balance = await v1.balance_transactions.list_async({"limit": 10})
        # Money that came back is in the balance again: fees are all that is missing.
        gross = sum(one.amount for one in balance.data)
        assert gross == 1000 - left


async def test_the_balance_transaction_may_appear_after_the_payment() -> None:
    clock = HandClock()
    options = StripeSandboxOptions(balance_transaction_delay_s=5)
    async with running(options, clock=clock) as stage:
        v1 = stage.client().v1
        intent = await paid(stage)
        charge = await v1.charges.retrieve_async(str(intent.latest_charge))
        assert charge.balance_transaction is None

        clock.advance(5)

        charge = await v1.charges.retrieve_async(charge.id)
        entry = await v1.balance_transactions.retrieve_async(str(charge.balance_transaction))
        assert (entry.amount, entry.fee) == (1000, 39)
        latest = (await v1.events.list_async({"limit": 1})).data[0]
        assert latest.type == "charge.updated"
