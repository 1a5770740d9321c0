"""The clock jumps: a day ahead, an hour back, over the night of 25 hours (fault 15; I1, I2, I7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from splynx_stripe.sandbox.splynx.seed_data import add_invoice
from splynx_stripe.sandbox.visitor import Visitor
from tests.acceptance.conftest import Adjust, remember_secrets
from tests.acceptance.daemon_process import UNMEASURED
from tests.acceptance.ledgers import INVOICE, SECOND_INVOICE, Debt
from tests.acceptance.person import GOOD_CARD, Person
from tests.acceptance.secrets_search import SecretsSearch
from tests.acceptance.steered_clock import SteeredClock
from tests.acceptance.steered_daemon import CLOCK_FILE
from tests.acceptance.town import PreparedStore, Town, running_town
from tests.acceptance.waiting import until

STEERED_PROGRAM = ("-m", "tests.acceptance.steered_daemon")


def patient(settings: dict[str, Any]) -> None:
    """Lets nothing but webhooks and polling bring news, as in the first half minute of a payment."""
    settings["timing"] |= {"look_after_first_s": 600, "look_every_s": 600}


@pytest.fixture
def adjust() -> Adjust:
    return patient


@pytest.fixture
def daemons_clock(tmp_path: Path) -> SteeredClock:
    return SteeredClock(tmp_path / "clock")


@pytest.fixture
async def steered_town(
    any_store: PreparedStore,
    tmp_path: Path,
    outputs: Path,
    secrets_search: SecretsSearch,
    daemons_clock: SteeredClock,
) -> AsyncIterator[Town]:
    """Gives a town with a running daemon whose clock alone is steered."""
    async with running_town(tmp_path, outputs, any_store, patient) as town:
        await start_steered(town)
        yield town
        remember_secrets(secrets_search, town)


async def start_steered(town: Town) -> None:
    environment = {CLOCK_FILE: str(town.folder / "clock"), **UNMEASURED}
    await town.start(program=STEERED_PROGRAM, environment=environment)


def refusals(town: Town) -> set[int]:
    """Gives what our webhook has answered to Stripe, other than "stored"."""
    events = town.stripe.state.book().events.values()
    statuses = {
        status
        for event in events
        for delivery in event.deliveries.values()
        for status in delivery.statuses
    }
    return statuses - {200}


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [(timedelta(days=1), "too_old"), (timedelta(hours=-1), "in_the_future")],
    ids=["a-day-ahead", "an-hour-back"],
)
async def test_a_payment_is_booked_once_when_the_clock_jumps_while_the_customer_enters_the_card(
    steered_town: Town, daemons_clock: SteeredClock, ahead: timedelta, reason: str
) -> None:
    town = steered_town
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        page = await person.open()
        state, secret = await visitor.press_pay(page)
        assert state == "payable"
        daemons_clock.set_ahead(ahead)
        await until(lambda: "clock.jumped" in town.daemon.output, lambda: town.daemon.output)

        await visitor.confirm(page, secret, GOOD_CARD)
        # After "a day" the page is abandoned and its PaymentIntent canceled: then they pay anew.
        await person.go_on_until_paid()

        await town.assert_agree(INVOICE)
        assert refusals(town) == {400}, "a webhook of another time could be a replay"
        assert f"reason={reason}" in town.daemon.output
        assert (await town.daemon.get("/stripe/readyz"))[0] == 200


async def test_a_clock_that_was_wrong_at_the_start_and_is_set_right_delays_no_payment(
    quiet_town: Town, daemons_clock: SteeredClock
) -> None:
    """Webhooks are lost here, so it is polling that has to go on: not after an hour, but at once."""
    town = quiet_town
    daemons_clock.set_ahead(timedelta(hours=1))
    await start_steered(town)
    town.stripe.switches.webhooks_lost = True
    async with town.visitor() as visitor:
        await pay(town, visitor, INVOICE)
        await town.assert_agree(INVOICE)

        daemons_clock.set_ahead(timedelta())
        await pay(town, visitor, SECOND_INVOICE)

        await town.assert_agree(INVOICE, SECOND_INVOICE)


async def pay(town: Town, visitor: Visitor, debt: Debt) -> None:
    person = Person(town, visitor, debt)
    await person.log_in()
    await person.pay()


NIGHT = (
    (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), "2026-10-25"),
    (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25"),
    (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25"),
    (datetime(2026, 10, 25, 22, 30, tzinfo=UTC), "2026-10-25"),
    (datetime(2026, 10, 25, 23, 30, tzinfo=UTC), "2026-10-26"),
)
"""In Prague that day has 25 hours: half past two comes twice, and the last hour still belongs to it."""


async def test_each_payment_of_the_night_of_25_hours_is_booked_once_and_on_its_day(
    sqlite_store: PreparedStore, tmp_path: Path, outputs: Path, daemons_clock: SteeredClock
) -> None:
    """All three systems go by the same clock here; at half past two it is set back, by the wall."""
    debts = [Debt(17, f"2026119000{number:02d}") for number in range(len(NIGHT))]
    daemons_clock.set_to(NIGHT[0][0])
    async with running_town(tmp_path, outputs, sqlite_store, by_day, clock=daemons_clock) as town:
        await start_steered(town)
        for number, (debt, (moment, _)) in enumerate(zip(debts, NIGHT, strict=True)):
            add_invoice(
                town.splynx.state, 9000 + number, debt.number, customer_id=17, total="10.00"
            )
            daemons_clock.set_to(moment)
            async with town.visitor() as visitor:
                await pay(town, visitor, debt)
            await town.assert_agree(*debts[: number + 1])

        days = [payment_day(town, debt) for debt in debts]
        assert days == [day for _, day in NIGHT]
        titles = [row.title for row in town.splynx.state.statements]
        assert titles.count("Stripe 25/10/2026") == titles.count("Stripe 26/10/2026") == 1
        assert refusals(town) == set()


def by_day(settings: dict[str, Any]) -> None:
    settings["settings"]["statement_grouping"] = "day"


def payment_day(town: Town, debt: Debt) -> str:
    (intent,) = town.foreign.intents(debt)
    (payment,) = [row for row in town.foreign.payments() if row.receipt_number == intent.id]
    return str(payment.date)
