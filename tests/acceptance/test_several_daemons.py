"""Several daemons on one PostgreSQL database: killed, paused, cut off (faults 8, 9; I1, I2, I7)."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.sandbox.splynx.seed_data import add_invoice
from tests.acceptance.conftest import remember_secrets
from tests.acceptance.daemon_process import UNMEASURED, DaemonProcess
from tests.acceptance.ledgers import INVOICE, Debt
from tests.acceptance.pausing_daemon import PAUSE_AT
from tests.acceptance.person import Person
from tests.acceptance.secrets_search import SecretsSearch
from tests.acceptance.several_daemons import pay_whatever_happens, several
from tests.acceptance.town import PreparedStore, Town, running_town
from tests.acceptance.waiting import until
from tests.integration.postgres_cluster import PostgresCluster, _run

pytestmark = [pytest.mark.xdist_group("acceptance-postgres"), pytest.mark.timeout(180)]

CLOCK = SystemClock()
CUSTOMERS = (17, 18)
SEED = 20261124
DEBTS, AT_ONCE = 60, 6
PAUSING_PROGRAM = ("-m", "tests.acceptance.pausing_daemon")


def short_claims(settings: dict[str, Any]) -> None:
    """What a dead daemon had begun is taken over soon, but not before a slow answer comes."""
    settings["timing"] |= {
        "verify_booking_after_s": 4,
        "effect_claim_s": 8,
        "event_claim_s": 4,
        "look_after_first_s": 2,
    }


@pytest.fixture
async def street(
    postgres_store: PreparedStore, tmp_path: Path, outputs: Path, secrets_search: SecretsSearch
) -> AsyncIterator[Town]:
    """Gives a town on PostgreSQL; its daemons come from `several`."""
    async with running_town(tmp_path, outputs, postgres_store, short_claims) as town:
        yield town
        remember_secrets(secrets_search, town)


def issue_invoices(town: Town, number: int) -> list[Debt]:
    debts = [Debt(CUSTOMERS[n % len(CUSTOMERS)], f"2026118{n:05d}") for n in range(number)]
    for n, debt in enumerate(debts):
        add_invoice(
            town.splynx.state, 8000 + n, debt.number, customer_id=debt.customer_id, total="10.00"
        )
    return debts


def printed(daemons: Sequence[DaemonProcess]) -> str:
    return "\n\n".join(daemon.output[-2000:] for daemon in daemons)


async def pay_all(town: Town, debts: Sequence[Debt]) -> None:
    """Pays some debts at once, each by a person who never gives up."""
    room = asyncio.Semaphore(AT_ONCE)

    async def pay(debt: Debt) -> None:
        async with room, town.visitor() as visitor:
            await pay_whatever_happens(Person(town, visitor, debt))

    async with asyncio.TaskGroup() as people:
        for debt in debts:
            people.create_task(pay(debt))


async def test_nothing_is_lost_or_doubled_when_any_of_three_daemons_is_killed_under_load(
    street: Town, outputs: Path
) -> None:
    dice = random.Random(SEED)  # noqa: S311 - about the same moments at each run
    debts = issue_invoices(street, DEBTS)
    async with several(street, outputs, number=3) as daemons:
        await asyncio.gather(*(daemon.start(environment=UNMEASURED) for daemon in daemons))
        paying = asyncio.ensure_future(pay_all(street, debts))
        kills = await asyncio.gather(*(kill_while(paying, one, dice) for one in daemons))
        await paying

        await street.assert_agree(*debts, within_s=60)

        assert all(kills), "each of the three was killed while people paid"
        titles = [row.title for row in street.splynx.state.statements]
        assert len(titles) == len(set(titles)), "no payment statement exists twice"


async def kill_while(
    paying: asyncio.Future[None], victim: DaemonProcess, dice: random.Random
) -> int:
    """Kills a daemon at random moments and starts it again, as long as people pay."""
    killed = 0
    while not paying.done():
        await CLOCK.sleep(dice.uniform(0.3, 2.5))
        await victim.kill()
        killed += 1
        await victim.start(environment=UNMEASURED)
    return killed


def leads(daemon: DaemonProcess) -> bool:
    return daemon.runs and "leader.leads" in daemon.output


async def test_when_the_leader_is_killed_another_one_polls_within_ten_seconds(
    street: Town, outputs: Path
) -> None:
    street.settings["timing"] |= {"look_after_first_s": 600, "look_every_s": 600}
    street.write_settings()
    street.stripe.switches.webhooks_lost = True
    async with several(street, outputs, number=2) as daemons:
        await asyncio.gather(*(daemon.start(environment=UNMEASURED) for daemon in daemons))
        await until(lambda: any(map(leads, daemons)), lambda: printed(daemons))
        (leader,) = [one for one in daemons if leads(one)]
        (other,) = [one for one in daemons if not leads(one)]

        await leader.kill()
        died_s = CLOCK.monotonic()
        async with street.visitor() as visitor:
            person = Person(street, visitor, INVOICE)
            await person.log_in()
            await person.pay()
        await until(lambda: leads(other), lambda: printed(daemons))

        assert CLOCK.monotonic() - died_s < 10
        await street.assert_agree(INVOICE)


def is_paused(daemon: DaemonProcess) -> bool:
    status = Path(f"/proc/{daemon.pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize(
    ("point", "is_paid_before"),
    [
        ("http:POST /v1/payment_intents:before", False),
        ("commit:BookPayment._mark_posting:after", True),
        ("http:POST /api/2.0/admin/finance/payments:after", True),
        ("commit:RecordStatement._take_lease:after", True),
    ],
)
async def test_a_daemon_that_sleeps_past_its_claims_and_wakes_neither_charges_nor_books_again(
    street: Town, outputs: Path, point: str, is_paid_before: bool
) -> None:
    street.settings["timing"] |= {"verify_booking_after_s": 2, "effect_claim_s": 4}
    street.write_settings()
    async with several(street, outputs, number=2) as daemons, street.visitor() as visitor:
        sleeper, other = daemons
        await sleeper.start(program=PAUSING_PROGRAM, environment={PAUSE_AT: point, **UNMEASURED})
        person = Person(street, visitor, INVOICE)
        await person.log_in()
        paying = asyncio.ensure_future(person.pay())
        await until(lambda: is_paused(sleeper), lambda: sleeper.output)
        daemons.remove(sleeper)  # the front notices that it does not answer
        try:
            if is_paid_before:
                await paying
            await other.start(environment=UNMEASURED)
            async with street.visitor() as same_person_again:
                await pay_whatever_happens(Person(street, same_person_again, INVOICE))
            await street.assert_agree(INVOICE)

            sleeper.signal(signal.SIGCONT)
            await paying
            await until(lambda: _has_gone_on(sleeper, point), lambda: sleeper.output[-3000:])
            await sleeper.stop()
        finally:
            await sleeper.kill()
            await asyncio.gather(paying, return_exceptions=True)

        await street.assert_agree(INVOICE)
        assert len(street.foreign.intents(INVOICE)) == 1
        assert len(street.foreign.payments()) == 1
        if "_mark_posting" in point:
            assert "held up too long before the payment was posted" in sleeper.output


def _has_gone_on(sleeper: DaemonProcess, point: str) -> bool:
    """Says whether the sleeper has noticed how things stand now."""
    if "payment_intents" in point:
        return "route=pay-start status=200" in sleeper.output
    return "effect.claim_lost" in sleeper.output


async def test_daemons_recover_by_themselves_when_postgresql_is_restarted(
    street: Town, outputs: Path, cluster: PostgresCluster
) -> None:
    async with several(street, outputs, number=2) as daemons, street.visitor() as visitor:
        await asyncio.gather(*(daemon.start(environment=UNMEASURED) for daemon in daemons))
        person = Person(street, visitor, INVOICE)
        await person.log_in()
        page = await person.open()
        state, secret = await visitor.press_pay(page)
        assert state == "payable"

        with_what = stop_server(cluster)
        try:
            await visitor.confirm(page, secret, "4242424242424242")
            await until(lambda: 503 in delivery_statuses(street), lambda: printed(daemons))
        finally:
            start_server(cluster, with_what)

        await street.assert_agree(INVOICE, within_s=40)
        assert all(daemon.runs for daemon in daemons)
        for daemon in daemons:
            assert (await daemon.get("/stripe/readyz"))[0] == 200


def delivery_statuses(town: Town) -> list[int]:
    """Gives what our webhook has answered to Stripe so far."""
    events = town.stripe.state.book().events
    return [
        status
        for event in events.values()
        for delivery in event.deliveries.values()
        for status in delivery.statuses
    ]


def stop_server(cluster: PostgresCluster) -> str:
    """Stops PostgreSQL as a crash would, and gives the options it was started with."""
    data = cluster.socket_dir / "data"
    options = (data / "postmaster.opts").read_text()
    _run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    return options.partition(" ")[2]


def start_server(cluster: PostgresCluster, options: str) -> None:
    """Starts PostgreSQL again and waits until it answers."""
    _run("pg_ctl", "-D", str(cluster.socket_dir / "data"), "-o", options, "-w", "start")
