"""A booking that Splynx refused for good is carried out again when a person says so, once."""

from __future__ import annotations

from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.collection import CollectionState
from tests.integration.flow_house import open_house
from tests.integration.flow_town import MINUTE, PAYMENTS, open_town

REFUSED = '{"error": {"code": 422, "message": "Validation failed", "internal_code": "VALIDATION"}}'


async def test_a_refused_booking_is_carried_out_again_and_books_once(sqlite_url: str) -> None:
    async with open_town() as town, open_house(town, sqlite_url) as house:
        town.spoil_splynx(PAYMENTS, "POST", status=422, body=REFUSED)
        start = await house.press_pay()
        await town.enter_card(start.client_secret)
        await house.deliver_webhooks()
        await house.pass_time(MINUTE)
        assert await house.case_kinds() == [CaseKind.EFFECT_REFUSED]
        (case,) = await house.cases()

        now = town.clock.now()
        retried = await house.store.run(
            lambda unit: unit.retry_effect(case.subject, now=now, deadline_at=now + MINUTE)
        )
        again = await house.store.run(
            lambda unit: unit.retry_effect(case.subject, now=now, deadline_at=now + MINUTE)
        )
        await house.pass_time(3 * MINUTE)

        assert (retried, again) == (True, False)
        assert len(town.bookings()) == 1
        assert [c.state for c in await house.collections()] == [CollectionState.BOOKED]
