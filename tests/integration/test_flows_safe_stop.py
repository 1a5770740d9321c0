"""I14: when an assertion about money fails, nothing new is charged and everything else goes on."""

from __future__ import annotations

from splynx_stripe.domain.case import CaseKind
from splynx_stripe.flows.pay import Standing
from tests.integration.flow_house import open_house
from tests.integration.flow_town import MINUTE, open_town


async def test_another_amount_than_asked_stops_new_charges_until_a_person_has_looked(
    sqlite_url: str,
) -> None:
    async with open_town() as town, open_house(town, sqlite_url) as house:
        start = await house.press_pay()
        for intent in town.stripe.state.book().payment_intents.values():
            intent["amount"] = 17_249
        await town.enter_card(start.client_secret)
        await house.deliver_webhooks()
        await house.pass_time(MINUTE)
        assert await house.case_kinds() == [CaseKind.AMOUNT_DIFFERS]

        stopped = await house.press_pay("202611000043")

        assert stopped.standing is Standing.NOT_CHARGEABLE
        assert len(town.intents()) == 1
        await house.store.run(
            lambda unit: [
                unit.close_case(case.kind, case.subject, now=town.clock.now(), note="Looked at it.")
                for case in unit.cases(only_open=True, limit=10)
            ]
        )
        assert (await house.press_pay("202611000043")).standing is Standing.PAYABLE
