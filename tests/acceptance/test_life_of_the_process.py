"""The life of the process: killed at any moment, stopped, told new settings (fault 1-7; I1, I2)."""

from __future__ import annotations

import asyncio
import random
import signal

import aiohttp
import pytest

from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.splynx.seed_data import add_invoice
from tests.acceptance.ledgers import INVOICE, Debt
from tests.acceptance.person import Person
from tests.acceptance.town import Town
from tests.acceptance.waiting import until

_ROUNDS = 5
_SEED = 20261124
_LONGEST_S = 0.6
"""A whole payment takes about a third of a second, so some kills come after everything."""


async def test_every_invoice_is_charged_and_booked_once_however_often_the_daemon_is_killed(
    any_town: Town,
) -> None:
    dice = random.Random(_SEED)  # noqa: S311 - the same moments at each run
    debts = [Debt(17, f"2026117000{number:02d}") for number in range(_ROUNDS)]
    for number, debt in enumerate(debts):
        add_invoice(
            any_town.splynx.state, 7000 + number, debt.number, customer_id=17, total="10.00"
        )

    for debt in debts:
        await _pay_while_killed(any_town, debt, after_s=dice.uniform(0, _LONGEST_S))

    await any_town.assert_agree(*debts)


async def _pay_while_killed(town: Town, debt: Debt, *, after_s: float) -> None:
    async def kill() -> None:
        await SystemClock().sleep(after_s)
        await town.daemon.kill()

    async with town.visitor() as visitor:
        person = Person(town, visitor, debt)
        await person.log_in()
        page = await person.open()
        await asyncio.gather(person.try_to_pay(page), kill())
        await town.let_claims_expire()
        await town.restart()
        await person.go_on_until_paid()


async def test_sigterm_finishes_the_booking_in_hand(town: Town) -> None:
    slow = FaultRule(
        "POST", r"/api/2\.0/admin/finance/payments", "delay", "before", delay_s=1.0, times=-1
    )
    town.splynx.faults.add(slow)
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        await person.pay()
    await until(lambda: town.splynx.faults.struck == 1, lambda: town.daemon.output)

    assert await town.daemon.stop() == 0

    (payment,) = town.foreign.payments()
    (attempt,) = (await town.ours(INVOICE)).attempts
    assert attempt.splynx_payment_id == payment.id, "what was done is also remembered"
    await town.restart()
    await town.assert_agree(INVOICE)


async def test_sighup_takes_new_settings_without_failing_a_request(town: Town) -> None:
    direct_link = f"direct-pay-invoice?item_id={INVOICE.number}"
    async with town.visitor() as passer_by:
        assert (await passer_by.open(direct_link)).ticket
        town.settings["settings"]["grant_access_to_unauthorized_customers"] = False
        town.write_settings()

        statuses = await _asked_during_a_reload(town)

        assert len(statuses) >= 100
        assert set(statuses) == {200}
        assert (await passer_by.open(direct_link)).ticket == "", "the new setting is in force"


async def _asked_during_a_reload(town: Town) -> list[int]:
    """Asks all the time, on ten connections at once, while the settings are loaded anew."""
    statuses: list[int] = []

    async def ask(session: aiohttp.ClientSession) -> None:
        while len(statuses) < 100 or "daemon.reloaded" not in town.daemon.output:
            async with session.get(f"{town.daemon.url}/stripe/") as answer:
                statuses.append(answer.status)
            if len(statuses) == 30:
                town.daemon.signal(signal.SIGHUP)

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        asyncio.timeout(30),
    ):
        await asyncio.gather(*(ask(session) for _ in range(10)))
    return statuses


async def test_a_broken_file_at_sighup_keeps_the_old_settings_and_is_logged(town: Town) -> None:
    good = town.config_path.read_text()
    town.config_path.write_text(good.replace("currency: EUR", "currencies: EUR"))

    town.daemon.signal(signal.SIGHUP)
    await until(lambda: "reload.refused" in town.daemon.output, lambda: town.daemon.output)

    assert f"{town.config_path}:" in town.daemon.output
    assert "currencies" in town.daemon.output
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        assert await person.pay() == "payable"
    await town.assert_agree(INVOICE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_an_idle_daemon_ends_at_once_with_exit_code_0(
    town: Town, number: signal.Signals
) -> None:
    town.daemon.signal(number)

    assert await town.daemon.ended() == 0
    assert "daemon.stopped" in town.daemon.output
