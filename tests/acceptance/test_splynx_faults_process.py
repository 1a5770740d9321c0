"""Splynx fails while money that was taken is booked (faults 6, 49, 50; I2, I3)."""

from __future__ import annotations

from typing import Any

import pytest

from splynx_stripe.sandbox.faults import FaultRule
from tests.acceptance.conftest import Adjust
from tests.acceptance.gate import Gate
from tests.acceptance.ledgers import INVOICE, Debt
from tests.acceptance.person import GOOD_CARD, Person
from tests.acceptance.town import Town
from tests.acceptance.waiting import until

BOOKING = r"/api/2\.0/admin/finance/payments"
ANYTHING = r"/api/2\.0/.*"


@pytest.fixture
def adjust() -> Adjust:
    """Gives a booking on its way enough time to arrive."""

    def patient(settings: dict[str, Any]) -> None:
        settings["timing"] |= {"look_after_first_s": 600, "verify_booking_after_s": 3}

    return patient


async def pay_while(town: Town, fault: FaultRule, debt: Debt = INVOICE) -> None:
    """Lets somebody pay; the fault begins when they confirm."""
    async with town.visitor() as visitor:
        person = Person(town, visitor, debt)
        await person.log_in()
        page = await person.open()
        state, secret = await visitor.press_pay(page)
        assert state == "payable"
        town.splynx.faults.add(fault)
        assert (await visitor.confirm(page, secret, GOOD_CARD)).status == "succeeded"


@pytest.mark.parametrize("action", ["status", "drop"])
async def test_an_invoice_is_booked_once_when_splynx_comes_back_after_it_was_down(
    town: Town, action: str
) -> None:
    down = FaultRule(
        "*", ANYTHING, "drop" if action == "drop" else "status", "before", status=502, times=-1
    )

    await pay_while(town, down)
    await until(lambda: town.splynx.faults.struck >= 2, lambda: town.daemon.output)
    assert town.foreign.payments() == []
    town.splynx.faults.clear()

    await town.assert_agree(INVOICE)


@pytest.mark.parametrize(
    "fault",
    [
        FaultRule("POST", BOOKING, "drop", "after"),
        FaultRule("POST", BOOKING, "status", "after", status=500),
        FaultRule("POST", BOOKING, "status", "after", status=504),
        FaultRule("POST", BOOKING, "truncate", "after"),
        FaultRule("POST", BOOKING, "drop", "before"),
    ],
    ids=["answer-lost", "500-after-insert", "gateway-timeout", "half-an-answer", "not-arrived"],
)
async def test_there_is_one_payment_when_it_is_unknown_whether_the_booking_arrived(
    town: Town, fault: FaultRule
) -> None:
    await pay_while(town, fault)

    await town.assert_agree(INVOICE)
    assert town.splynx.faults.struck == 1
    assert len(town.foreign.payments()) == 1


async def test_there_is_one_payment_when_the_booking_arrives_after_the_daemon_was_killed(
    quiet_town: Town,
) -> None:
    town, gate, searches = quiet_town, Gate(), []

    def note(method: str, path: str, *_: object) -> None:
        if (method, path) == ("GET", "admin/finance/payments"):
            searches.append(path)

    town.splynx.faults._clock = gate
    town.splynx.observer = note
    town.settings["timing"]["verify_booking_after_s"] = 7
    town.write_settings()
    await town.start()
    await pay_while(town, FaultRule("POST", BOOKING, "delay", "before", delay_s=1))
    await until(lambda: town.splynx.faults.struck == 1, lambda: town.daemon.output)
    searches.clear()

    await town.daemon.kill()
    await town.let_claims_expire()
    await town.restart()
    await until(lambda: len(searches) >= 1, lambda: town.daemon.output)
    assert town.foreign.payments() == [], "the new daemon has found nothing, and waits"
    gate.opened.set()

    await town.assert_agree(INVOICE)
    assert len(town.foreign.payments()) == 1
