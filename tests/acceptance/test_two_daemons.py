"""Two daemons share one PostgreSQL: whoever was asleep does nothing twice (faults 8 and 9; I1, I6)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from splynx_stripe.sandbox.faults import FaultRule
from tests.acceptance.conftest import remember_secrets
from tests.acceptance.daemon_process import DaemonProcess
from tests.acceptance.gate import Gate
from tests.acceptance.ledgers import INVOICE
from tests.acceptance.person import Person
from tests.acceptance.secrets_search import SecretsSearch
from tests.acceptance.town import PreparedStore, Town, running_town
from tests.acceptance.waiting import until

pytestmark = pytest.mark.xdist_group("acceptance-postgres")

BOOKING = r"/api/2\.0/admin/finance/payments"


@pytest.fixture
async def shared_town(
    postgres_store: PreparedStore, tmp_path: Path, outputs: Path, secrets_search: SecretsSearch
) -> AsyncIterator[Town]:
    """Gives a town with a running daemon to which a second one can be added."""
    async with running_town(tmp_path, outputs, postgres_store) as town:
        await town.start()
        yield town
        remember_secrets(secrets_search, town)


@pytest.fixture
async def second(shared_town: Town, outputs: Path) -> AsyncIterator[DaemonProcess]:
    """Gives a second daemon with the same settings and the same database."""
    daemon = DaemonProcess(shared_town.config_path, outputs)
    await daemon.start()
    yield daemon
    await daemon.kill()


async def test_a_daemon_that_sleeps_through_its_claim_cannot_finish_what_another_has_done(
    shared_town: Town, outputs: Path
) -> None:
    town, gate, first = shared_town, Gate(), shared_town.daemon
    town.splynx.faults._clock = gate
    town.splynx.faults.add(FaultRule("POST", BOOKING, "delay", "before", delay_s=1))
    await _pay(town)
    await until(lambda: town.splynx.faults.struck == 1, lambda: first.output)
    first.signal(signal.SIGSTOP)
    await town.let_claims_expire()
    second = DaemonProcess(town.config_path, outputs)
    try:
        gate.opened.set()
        await second.start()
        town.splynx.options.addon_url = second.url
        await town.assert_agree(INVOICE)

        first.signal(signal.SIGCONT)

        await until(lambda: "effect.claim_lost" in first.output, lambda: first.output)
        await town.assert_agree(INVOICE)
        assert len(town.foreign.payments()) == 1
    finally:
        await second.kill()


async def test_one_debt_that_is_paid_through_two_daemons_at_once_is_charged_and_booked_once(
    shared_town: Town, second: DaemonProcess
) -> None:
    town = shared_town
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        page = await person.open()

        presses = [visitor.press_pay(page)]
        town.splynx.options.addon_url = second.url
        presses += [visitor.press_pay(page)]
        answers = await asyncio.gather(*presses)
        await person.go_on_until_paid()

    assert {state for state, _ in answers} <= {"payable", "try_again"}
    assert len({secret for _, secret in answers if secret}) == 1
    await town.assert_agree(INVOICE)
    assert len(town.foreign.intents(INVOICE)) == 1


async def _pay(town: Town) -> None:
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        await person.pay()
