"""kill -9 at each step between "Pay" and "Paid": one charge, one booking (I1, I2, I5; faults 1-7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.conftest import Adjust
from tests.acceptance.crash_points import BY_THE_CLOCK, INVOICE_POINTS, PROFORMA_POINTS
from tests.acceptance.crashing_daemon import CRASH_AT, CRASH_RECORD
from tests.acceptance.daemon_process import UNMEASURED
from tests.acceptance.ledgers import INVOICE, PROFORMA, Debt
from tests.acceptance.person import Person
from tests.acceptance.town import Town
from tests.acceptance.waiting import until

CRASHING_PROGRAM = ("-m", "tests.acceptance.crashing_daemon")


@pytest.fixture
def adjust() -> Adjust:
    """Keeps what happens by the clock out of the way, so that each run passes the same points."""

    def quiet(settings: dict[str, Any]) -> None:
        settings["timing"] |= {"polling_interval_s": 60, "look_after_first_s": 3}

    return quiet


async def passed_points(town: Town, debt: Debt) -> list[str]:
    """Lets somebody pay undisturbed and gives the points that the daemon passed, sorted."""
    record = town.folder / "points.txt"
    await town.start(program=CRASHING_PROGRAM, environment={CRASH_RECORD: str(record)})
    async with town.visitor() as visitor:
        person = Person(town, visitor, debt)
        await person.log_in()
        page = await person.open()
        state, secret = await visitor.press_pay(page)
        assert state == "payable"
        # The news that it was created is handled before there is more news.
        created = "commit:Inbox._end:after"
        await until(lambda: created in record.read_text(), record.read_text)
        await visitor.confirm(page, secret, "4242424242424242")
        await town.assert_agree(debt)
    await town.daemon.stop()
    points = record.read_text().splitlines()
    return sorted(point for point in points if not point.startswith(BY_THE_CLOCK))


async def test_the_list_of_steps_of_an_invoice_is_complete(quiet_town: Town) -> None:
    assert await passed_points(quiet_town, INVOICE) == sorted(INVOICE_POINTS)


async def test_the_list_of_steps_of_a_proforma_invoice_is_complete(quiet_town: Town) -> None:
    points = await passed_points(quiet_town, PROFORMA)

    assert sorted(set(points) - set(INVOICE_POINTS)) == sorted(PROFORMA_POINTS)


@pytest.mark.parametrize("point", INVOICE_POINTS)
async def test_an_invoice_is_charged_and_booked_once_when_the_daemon_is_killed_at(
    quiet_town: Town, point: str
) -> None:
    await crash_and_go_on(quiet_town, INVOICE, point)


@pytest.mark.parametrize("point", PROFORMA_POINTS)
async def test_a_proforma_invoice_is_charged_and_booked_once_when_the_daemon_is_killed_at(
    quiet_town: Town, point: str
) -> None:
    await crash_and_go_on(quiet_town, PROFORMA, point)


async def crash_and_go_on(town: Town, debt: Debt, point: str) -> None:
    """Dies at the point, comes back, and lets the person go on until the invoice is paid."""
    await town.start(program=CRASHING_PROGRAM, environment={CRASH_AT: point, **UNMEASURED})
    async with town.visitor() as visitor:
        person = Person(town, visitor, debt)
        await person.log_in()
        await person.pay()
        died = await town.daemon.ended()
        assert died == -9, town.daemon.output
        await town.let_claims_expire()
        await town.restart(environment=UNMEASURED)
        await person.go_on()
        await person.go_on_until_paid()
        await town.assert_agree(debt)
        assert person.confirmations.count("succeeded") == 1
        assert len(town.foreign.intents(debt)) == 1, "one attempt was enough for everything"
