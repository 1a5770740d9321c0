"""Answers of Stripe that are lost, late, halved or refusals: what is known, and what is done then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.flows.pay import Standing
from splynx_stripe.sandbox.stripe import StripeSandboxOptions
from tests.fake_clock import SkewedClock
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import CREATE, HOUR, MINUTE, SECOND, Town, open_town

CONFLICT = (
    '{"error": {"type": "idempotency_error", "message": "Keys for idempotent requests can only be'
    ' used with the same parameters they were first used with."}}'
)
WRONG_KEY = '{"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}'
BUSY = '{"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "x"}}'
SLOW_DOWN = '{"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "x"}}'


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[FlowHouse]:
    async with open_house(town, sqlite_url) as opened:
        yield opened


async def make_known_and_pay(town: Town, house: FlowHouse) -> None:
    """Half a minute later the same key is used again; then the customer pays."""
    await house.pass_time(MINUTE)
    start = await house.press_pay()
    assert start.standing is Standing.PAYABLE
    assert await town.enter_card(start.client_secret) == "succeeded"
    await house.deliver_webhooks()
    assert await house.collection_states() == [CollectionState.BOOKED]
    assert len(town.bookings()) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", [{"status": 500}, {"action": "drop"}, {"action": "truncate"}])
async def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_one_payment_intent_exists(
    town: Town, house: FlowHouse, when: Any, fault: dict[str, Any]
) -> None:
    """I1, I2, faults 21 and 22: nobody can tell whether it was executed, so nobody guesses."""
    town.spoil_stripe(CREATE, "POST", when=when, **fault)

    start = await house.press_pay()

    assert (start.standing, start.client_secret) == (Standing.TRY_AGAIN, "")
    assert [attempt.state for attempt in await house.attempts()] == [AttemptState.UNKNOWN]
    await make_known_and_pay(town, house)
    assert len(town.intents()) == 1


async def test_a_timeout_is_a_lost_answer(town: Town, sqlite_url: str) -> None:
    async with open_house(town, sqlite_url, stripe_timeout_s=0.5) as house:
        await house.press_pay("202611000043")
        town.spoil_stripe(CREATE, "POST", action="delay", when="after", delay_s=3600)

        start = await house.press_pay()

        assert start.standing is Standing.TRY_AGAIN
        assert [attempt.state for attempt in await house.attempts()] == [AttemptState.UNKNOWN]
        await make_known_and_pay(town, house)


@pytest.mark.parametrize(
    "fault",
    [{"status": 429, "body": SLOW_DOWN}, {"status": 409, "body": BUSY}],
    ids=["too many requests", "another request with this key is running"],
)
async def test_a_refusal_for_the_moment_leaves_the_attempt_as_it_was(
    town: Town, house: FlowHouse, fault: dict[str, Any]
) -> None:
    """Faults 24 and 25: wait and repeat."""
    town.spoil_stripe(CREATE, "POST", **fault)

    start = await house.press_pay()

    assert start.standing is Standing.TRY_AGAIN
    assert [attempt.state for attempt in await house.attempts()] == [AttemptState.PREPARED]
    await make_known_and_pay(town, house)


async def test_a_stripe_that_cannot_be_reached_opens_a_case_in_time_and_closes_it_when_known(
    town: Town, house: FlowHouse
) -> None:
    """I10, fault 20: also when nothing was ever sent."""
    town.spoil_stripe(CREATE, "POST", status=429, body=SLOW_DOWN, times=-1)
    await house.press_pay()

    await house.pass_time(20 * MINUTE, step=MINUTE)
    assert await house.case_kinds() == ["unknown_too_long"]

    town.mend()
    await house.pass_time(MINUTE)
    assert await house.case_kinds() == []
    assert len(town.intents()) == 1


async def test_a_key_that_was_used_with_other_parameters_stops_the_payment_for_good(
    town: Town, house: FlowHouse
) -> None:
    """I14, fault 26: a case for a person, and not one more request."""
    town.spoil_stripe(CREATE, "POST", status=400, body=CONFLICT, times=-1)

    start = await house.press_pay()
    again = await house.press_pay()
    await house.pass_time(2 * HOUR, step=10 * MINUTE)

    assert (start.standing, again.standing) == (Standing.TRY_AGAIN, Standing.TRY_AGAIN)
    assert await house.case_kinds() == ["request_conflict"]
    assert town.stripe.faults.struck == 1


async def test_a_revoked_key_while_the_outcome_is_unknown_never_means_absent(
    town: Town, house: FlowHouse
) -> None:
    """I1, fault 28: the first request may have gone through before the key was revoked."""
    town.spoil_stripe(CREATE, "POST", action="drop", when="after")
    await house.press_pay()
    town.spoil_stripe("/v1/.*", status=401, body=WRONG_KEY, times=-1)

    await house.pass_time(30 * HOUR, step=HOUR)
    start = await house.press_pay()

    assert start.client_secret == ""
    assert [attempt.state for attempt in await house.attempts()] == [AttemptState.UNKNOWN]
    assert "unknown_too_long" in await house.case_kinds()
    town.mend()
    await house.pass_time(6 * MINUTE)
    assert len(town.intents()) == 1
    assert [attempt.state for attempt in await house.attempts()] == [AttemptState.CANCELED]
    assert await house.case_kinds() == []


async def test_a_saved_500_is_seen_through_by_the_list_of_payment_intents(sqlite_url: str) -> None:
    """Fault 23: the key repeats the 500 for a day, but the PaymentIntent exists."""
    options = StripeSandboxOptions(cache_faulted_answers=True)
    async with open_town(stripe=options) as town, open_house(town, sqlite_url) as house:
        town.spoil_stripe(CREATE, "POST", when="after")
        await house.press_pay()
        await make_known_and_pay(town, house)

        assert len(town.intents()) == 1


async def test_after_23_hours_the_list_finds_the_payment_intent(
    town: Town, house: FlowHouse
) -> None:
    """Fault 27: the key protects no longer, so it is not used any more."""
    town.spoil_stripe(CREATE, "POST", action="drop", when="after")
    await house.press_pay()
    town.spoil_stripe(CREATE, "POST", times=-1)
    town.clock.advance(23 * HOUR + MINUTE)

    await house.pump.drain()

    [attempt] = await house.attempts()
    assert attempt.intent_id == town.intents()[0]["id"]
    assert town.stripe.faults.struck == 1
    await house.pass_time(10 * MINUTE, step=5 * MINUTE)
    assert town.statuses() == ["canceled"]


async def test_a_clock_that_was_a_day_ahead_does_not_make_an_expired_key_look_young(
    town: Town, sqlite_url: str
) -> None:
    """I1, faults 15 and 27: Stripe has forgotten the key by then, and would make a second one.

    Found by the simulation: the daemon was down for 25 hours, in which its clock was set right.
    """
    async with open_house(town, sqlite_url, clock=SkewedClock(town.clock, 24 * HOUR)) as house:
        town.spoil_stripe(CREATE, "POST", action="drop", when="after")
        await house.press_pay()
    town.clock.advance(25 * HOUR)

    async with open_house(town, sqlite_url) as house:
        await house.pump.drain()

        [attempt] = await house.attempts()
        assert [intent["id"] for intent in town.intents()] == [attempt.intent_id]


async def test_a_clock_that_was_a_day_behind_does_not_make_a_young_request_look_lost(
    town: Town, sqlite_url: str
) -> None:
    """I1, fault 15: it may still be on its way, so its absence proves nothing yet."""
    clock = SkewedClock(town.clock, -24 * HOUR)
    async with open_house(town, sqlite_url, clock=clock) as house:
        town.spoil_stripe(CREATE, "POST", action="drop")
        await house.press_pay()
        clock.off = timedelta(0)

        await house.pass_time(MINUTE)
        assert [attempt.state for attempt in await house.attempts()] == [AttemptState.UNKNOWN]

        await house.pass_time(10 * MINUTE, step=MINUTE)
        assert [attempt.state for attempt in await house.attempts()] == [AttemptState.ABSENT]


async def test_after_23_hours_a_full_list_proves_absence_and_a_new_attempt_may_start(
    town: Town, house: FlowHouse
) -> None:
    """I1: only a proof of absence lets a second PaymentIntent be made; more than one page is read."""
    await house.press_pay("202611000043")
    _add_strangers(town, 150)
    town.spoil_stripe(CREATE, "POST", action="drop")
    await house.press_pay()
    town.clock.advance(23 * HOUR + MINUTE)

    await house.pump.drain()
    assert [attempt.state for attempt in await house.attempts()] == [AttemptState.UNKNOWN]
    await house.pass_time(6 * MINUTE)

    assert [attempt.state for attempt in await house.attempts()] == [AttemptState.ABSENT]
    assert await house.collection_states() == [CollectionState.CLOSED]
    town.mend()
    start = await house.press_pay()
    assert start.standing is Standing.PAYABLE
    assert await town.enter_card(start.client_secret) == "succeeded"


async def test_the_list_is_read_to_its_end_before_absence_is_believed(
    town: Town, house: FlowHouse
) -> None:
    """Fault 36: the one that is looked for stands on the second page."""
    town.spoil_stripe(CREATE, "POST", action="drop", when="after")
    await house.press_pay()
    town.clock.advance(SECOND)
    _add_strangers(town, 150)
    town.clock.advance(23 * HOUR + MINUTE)

    await house.pump.drain()

    [attempt] = await house.attempts()
    assert attempt.state is not AttemptState.ABSENT
    assert attempt.intent_id == town.intents()[0]["id"]


async def test_two_payment_intents_of_one_attempt_stop_it_and_open_a_case(
    town: Town, house: FlowHouse
) -> None:
    """I14: whatever made the second one, a person has to look."""
    town.spoil_stripe(CREATE, "POST", action="drop", when="after")
    await house.press_pay()
    _add_strangers(town, 1, metadata=town.intents()[0]["metadata"])
    town.clock.advance(23 * HOUR + MINUTE)

    await house.pump.drain()
    await house.pass_time(HOUR)

    assert await house.case_kinds() == ["request_conflict"]


async def test_a_payment_intent_that_stripe_does_not_know_any_more_gets_a_case(
    town: Town, house: FlowHouse
) -> None:
    """I10: the keys of a section were changed to another Stripe account; nobody waits for ever."""
    await house.press_pay()
    forgotten = dict(town.stripe_book().payment_intents)
    town.stripe_book().payment_intents.clear()

    await house.pass_time(10 * MINUTE, step=5 * MINUTE)
    assert await house.case_kinds() == ["unknown_too_long"]
    assert (await house.press_pay("202611000044")).standing is Standing.PAYABLE

    town.stripe_book().payment_intents |= forgotten
    await house.pass_time(2 * HOUR, step=5 * MINUTE)
    assert await house.case_kinds() == []


async def test_a_restart_before_anything_was_sent_sends_once_with_the_committed_key(
    town: Town, store_url: str
) -> None:
    """I1, I5, faults 2 and 3: the attempt was committed, the process was killed."""
    town.spoil_stripe(CREATE, "POST", action="delay", delay_s=10)
    async with open_house(town, store_url) as house:
        pressing = asyncio.ensure_future(house.press_pay())
        await town.clock.until_sleeping()
        pressing.cancel()
        await asyncio.gather(pressing, return_exceptions=True)
    town.mend()

    async with open_house(town, store_url) as house:
        assert [attempt.state for attempt in await house.attempts()] == [AttemptState.PREPARED]
        await make_known_and_pay(town, house)

    assert len(town.intents()) == 1


def _add_strangers(town: Town, how_many: int, metadata: dict[str, str] | None = None) -> None:
    """Puts further PaymentIntents of the same Stripe customer into the list."""
    book = town.stripe_book()
    pattern = next(iter(book.payment_intents.values()))
    for _ in range(how_many):
        stranger = deepcopy(pattern)
        stranger |= {
            "id": town.stripe.state.new_id("pi"),
            "created": town.stripe.state.seconds(),
            "metadata": metadata or {},
        }
        book.payment_intents[stranger["id"]] = stranger
