"""What the Stripe gateway promises the flows, against our sandbox."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    NotPermittedError,
    RejectedError,
)
from splynx_stripe.domain.metadata import ATTEMPT
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import (
    PaymentIntentStatus,
    StripeAccount,
    StripeCustomerOrder,
    StripeEvent,
)
from splynx_stripe.gateways.stripe import API_VERSION, HANDLED_EVENT_TYPES, RateLimits
from splynx_stripe.kit.rate_limit import Priority
from tests.contract.stripe_gateway_rig import (
    CREATE_PATH,
    ELSEWHERE,
    HERE,
    LIVE,
    ORDER,
    Rig,
    order_of,
    rig,
)
from tests.contract.stripe_sandbox_running import SECRET_KEY

EVA = StripeCustomerOrder("Eva Malá", "eva@example.net", "+420 601 1", {"splynx_customer_id": "7"})


async def all_events(here: Rig, account: StripeAccount = HERE) -> list[StripeEvent]:
    start = here.clock.now() - timedelta(days=1)
    pages = here.gateway.event_pages(account, created_from=start)
    return [event async for page in pages for event in page]


async def many_intents(here: Rig, count: int) -> list[str]:
    background = here.gateway.with_priority(Priority.BACKGROUND)
    made = [
        await background.create_payment_intent(
            HERE, order_of(f"att_{number}"), idempotency_key=f"key-{number}"
        )
        for number in range(count)
    ]
    return [each.intent.id for each in made]


async def everything(here: Rig, account: StripeAccount = HERE, customer: str = "") -> Sequence[str]:
    found = await here.gateway.find_payment_intents(
        account,
        customer=customer,
        created_from=here.clock.now() - timedelta(days=1),
        created_to=here.clock.now(),
    )
    return [each.intent.id for each in found]


async def test_many_calls_at_once_each_get_their_own_answer() -> None:
    async with rig(limits=RateLimits(1000, 1000, 1000)) as here:
        ids = await many_intents(here, 12)
        seen = await asyncio.gather(
            *(here.gateway.retrieve_payment_intent(HERE, each) for each in ids * 3)
        )

    assert [each.intent.id for each in seen] == ids * 3
    assert {each.intent.metadata[ATTEMPT] for each in seen} == {f"att_{n}" for n in range(12)}


async def test_what_is_ordered_is_created_and_what_is_paid_is_seen() -> None:
    async with rig() as here:
        created = await here.create()
        assert await here.pay(created.intent.id) == 200
        seen = await here.gateway.retrieve_payment_intent(HERE, created.intent.id)

    assert created.intent.status is PaymentIntentStatus.REQUIRES_PAYMENT_METHOD
    assert created.intent.amount == Money(17250, "EUR")
    assert created.intent.received == Money(0, "EUR")
    assert created.intent.client_secret.startswith(created.intent.id)
    assert created.intent.metadata == ORDER.metadata
    assert seen.intent.status is PaymentIntentStatus.SUCCEEDED
    assert seen.intent.received == Money(17250, "EUR")
    assert seen.intent.latest_charge.startswith(("ch_", "py_"))
    assert seen.as_of == here.clock.now()


async def test_the_same_key_gives_the_same_payment_intent_as_it_was_then() -> None:
    async with rig() as here:
        first = await here.create()
        await here.clock.sleep(3600)
        again = await here.create()

        assert again.intent.id == first.intent.id
        assert here.intents == [first.intent.id]
    assert again.as_of == first.intent.created
    assert again.as_of <= first.as_of


async def test_a_decline_is_a_value_with_stripes_reason() -> None:
    async with rig() as here:
        created = await here.create()
        assert await here.pay(created.intent.id, "pm_card_visa_chargeDeclined") == 402
        seen = await here.gateway.retrieve_payment_intent(HERE, created.intent.id)

    assert seen.intent.status is PaymentIntentStatus.REQUIRES_PAYMENT_METHOD
    assert seen.intent.failure is not None
    assert seen.intent.failure.code == "card_declined"


async def test_a_customer_is_created_once_per_key_and_can_be_ordered_for() -> None:
    async with rig() as here:
        first = await here.gateway.create_customer(HERE, EVA, idempotency_key="cus-1")
        again = await here.gateway.create_customer(HERE, EVA, idempotency_key="cus-1")
        paid_by = await here.create(order_of("att_2", first))
        stored = here.stripe.sandbox.state.book().customers[first]

    assert first == again
    assert (stored["name"], stored["email"], stored["phone"]) == (EVA.name, EVA.email, EVA.phone)
    assert stored["metadata"] == EVA.metadata
    assert paid_by.intent.customer == first


async def test_an_open_payment_intent_is_canceled() -> None:
    async with rig() as here:
        created = await here.create()

        canceled = await here.gateway.cancel_payment_intent(HERE, created.intent.id)

    assert canceled.intent.status is PaymentIntentStatus.CANCELED


async def test_canceling_a_paid_one_tells_that_it_is_paid() -> None:
    async with rig() as here:
        created = await here.create()
        await here.pay(created.intent.id)

        instead = await here.gateway.cancel_payment_intent(HERE, created.intent.id)

    assert instead.intent.status is PaymentIntentStatus.SUCCEEDED
    assert instead.intent.received == ORDER.amount


async def test_canceling_twice_does_no_harm() -> None:
    async with rig() as here:
        created = await here.create()
        await here.gateway.cancel_payment_intent(HERE, created.intent.id)

        again = await here.gateway.cancel_payment_intent(HERE, created.intent.id)

    assert again.intent.status is PaymentIntentStatus.CANCELED


async def test_a_payment_intent_that_stripe_does_not_know_is_not_found() -> None:
    async with rig() as here:
        with pytest.raises(NotFoundError, match="No such payment_intent") as missing:
            await here.gateway.retrieve_payment_intent(HERE, "pi_3Nowhere")

    assert missing.value.code == "resource_missing"


async def test_an_order_for_an_unknown_customer_is_refused_with_nothing_made() -> None:
    async with rig() as here:
        with pytest.raises(RejectedError, match="No money was taken") as refused:
            await here.create(order_of("att_1", "cus_Nobody"))

        assert here.intents == []
    assert refused.value.code == "resource_missing"
    assert not isinstance(refused.value, NotFoundError)


async def test_an_amount_that_stripe_does_not_take_is_refused_with_its_code() -> None:
    async with rig() as here:
        with pytest.raises(RejectedError) as refused:
            await here.create(replace(ORDER, amount=Money(1, "EUR")))

    assert refused.value.code == "amount_too_small"


async def test_a_key_with_other_parameters_stops_the_payment() -> None:
    async with rig() as here:
        first = await here.create()

        with pytest.raises(BrokenInvariantError, match="idempotency key"):
            await here.create(replace(ORDER, amount=Money(999, "EUR")))

        assert here.intents == [first.intent.id]


@pytest.mark.parametrize(
    "change",
    [{"amount": 999}, {"currency": "usd"}, {"metadata": {ATTEMPT: "att_other"}}, {"metadata": {}}],
)
async def test_an_answer_about_another_payment_stops_everything(change: dict[str, object]) -> None:
    async with rig() as here:
        first = await here.create()
        kept = here.stripe.sandbox.keys.known("acct_1SandboxDefault False", "key-1")
        assert kept is not None
        book = here.stripe.sandbox.state.book()
        status, changed, _ = await here.stripe.raw("GET", f"{CREATE_PATH}/{first.intent.id}")
        assert (status, list(book.payment_intents)) == (200, [first.intent.id])
        kept.body = json.dumps({**changed, **change}).encode()

        with pytest.raises(BrokenInvariantError, match="stopped"):
            await here.create()


async def test_nothing_crosses_between_accounts_and_modes() -> None:
    async with rig() as here:
        mine = await here.create()
        for account in (LIVE, ELSEWHERE):
            with pytest.raises(NotFoundError):
                await here.gateway.retrieve_payment_intent(account, mine.intent.id)
            assert await everything(here, account) == []
            assert await all_events(here, account) == []
        live = await here.gateway.create_payment_intent(LIVE, ORDER, idempotency_key="key-1")
        other = await here.gateway.create_payment_intent(ELSEWHERE, ORDER, idempotency_key="key-1")

    assert live.intent.livemode
    assert len({mine.intent.id, live.intent.id, other.intent.id}) == 3


async def test_a_wrong_key_is_named_by_its_section() -> None:
    async with rig(keys={HERE: "sk_test_revoked_long_ago"}) as here:
        with pytest.raises(NotPermittedError, match="wrong or revoked") as refused:
            await here.create()

    assert "partner section 'default' (test mode)" in str(refused.value)
    assert "revoked_long_ago" not in str(refused.value)


async def test_a_key_of_the_other_mode_is_never_sent() -> None:
    swapped = {HERE: "sk_live_sandbox_default", LIVE: "rk_test_sandbox_default"}
    async with rig(keys=swapped) as here:
        for account in swapped:
            with pytest.raises(NotPermittedError, match="of the other mode"):
                await here.gateway.create_payment_intent(account, ORDER, idempotency_key="k")

        assert here.stripe.checker.exchanges == 0


async def test_an_account_without_a_key_says_so() -> None:
    async with rig(keys={HERE: SECRET_KEY}) as here:
        with pytest.raises(NotPermittedError, match="no secret key is configured"):
            await everything(here, ELSEWHERE)


async def test_more_than_a_page_of_payment_intents_is_listed_completely_oldest_first() -> None:
    async with rig() as here:
        made = await many_intents(here, 230)

        assert await everything(here) == made


async def test_only_this_customers_payment_intents_of_the_period_are_listed() -> None:
    async with rig() as here:
        eva = await here.gateway.create_customer(HERE, EVA, idempotency_key="cus-1")
        await here.create()
        early = await here.create(order_of("att_1", eva), key="key-2")
        await here.clock.sleep(7200)
        late = await here.create(order_of("att_2", eva), key="key-3")
        both = await everything(here, customer=eva)
        only_late = await here.gateway.find_payment_intents(
            HERE,
            customer=eva,
            created_from=here.clock.now() - timedelta(hours=1),
            created_to=here.clock.now(),
        )

    assert both == [early.intent.id, late.intent.id]
    assert [each.intent.id for each in only_late] == [late.intent.id]


async def test_events_come_page_by_page_and_completely() -> None:
    async with rig() as here:
        made = await many_intents(here, 130)
        start = here.clock.now() - timedelta(days=1)
        pages = [page async for page in here.gateway.event_pages(HERE, created_from=start)]

    events = [event for page in pages for event in page]
    assert [len(page) for page in pages] == [100, 30]
    assert [event.payment_intent.id for event in events if event.payment_intent] == made[::-1]


async def test_only_events_that_we_handle_are_listed_and_their_bodies_can_be_read_again() -> None:
    async with rig() as here:
        created = await here.create()
        await here.pay(created.intent.id)

        events = await all_events(here)

        assert len(here.stripe.sandbox.state.book().events) > len(events)
    assert {event.type for event in events} == {
        "payment_intent.created",
        "payment_intent.succeeded",
    }
    assert {event.type for event in events} <= set(HANDLED_EVENT_TYPES)
    for event in events:
        assert event.api_version == API_VERSION
        assert here.gateway.parse_event(event.body) == event


async def test_an_event_that_is_not_understood_does_not_hold_up_the_others() -> None:
    async with rig() as here:
        await many_intents(here, 3)
        events = list(here.stripe.sandbox.state.book().events.values())
        events[1].body["data"]["object"]["status"] = "requires_patience"

        listed = await all_events(here)
        here.stripe.checker.problems.clear()

    assert [event.payment_intent is None for event in listed] == [False, True, False]
    with pytest.raises(RejectedError):
        here.gateway.parse_event(listed[1].body)


async def test_doctor_learns_who_the_key_belongs_to_and_how_wrong_our_clock_is() -> None:
    async with rig() as here:
        status = await here.gateway.account_status(HERE)

    assert status.id == "acct_1SandboxDefault"
    assert (status.country, status.default_currency) == ("US", "USD")
    assert status.charges_enabled
    assert not status.livemode
    assert status.clock_skew_s == pytest.approx(0.25)


async def test_no_secret_reaches_the_log_even_when_everything_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with rig() as here:
        created = await here.create()
        await here.pay(created.intent.id)
        await here.gateway.retrieve_payment_intent(HERE, created.intent.id)

    assert created.intent.client_secret not in caplog.text
    assert SECRET_KEY not in caplog.text
    assert created.intent.client_secret not in repr(created)
