"""The disk is full, breaks, or is read-only: nothing is acknowledged and nothing begun (fault 10; I7, I14)."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Adjust, remember_secrets
from tests.acceptance.disks import SmallDisk, let_files_grow, let_no_file_grow, small_disk
from tests.acceptance.ledgers import INVOICE, OTHERS_INVOICE
from tests.acceptance.person import GOOD_CARD, Person
from tests.acceptance.secrets_search import SecretsSearch
from tests.acceptance.town import PreparedStore, Town, running_town
from tests.acceptance.waiting import until

Deed = Callable[[], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


def short_claims(settings: dict[str, Any]) -> None:
    """What could not be written down is begun anew soon."""
    settings["timing"] |= {"verify_booking_after_s": 2, "effect_claim_s": 4, "event_claim_s": 4}


@pytest.fixture
def adjust() -> Adjust:
    return short_claims


@pytest.fixture
async def town_on_disk(
    disk: SmallDisk,
    sqlite_prepared: PreparedStore,
    tmp_path: Path,
    outputs: Path,
    secrets_search: SecretsSearch,
) -> AsyncIterator[Town]:
    """Gives a running town that keeps its database, and nothing else, on the small disk."""
    file = disk.folder / "store.db"
    shutil.copy(sqlite_prepared.url.removeprefix("sqlite:///"), file)
    store = PreparedStore(f"sqlite:///{file}", sqlite_prepared.installation)
    async with running_town(tmp_path, outputs, store, short_claims) as town:
        await town.start()
        yield town
        remember_secrets(secrets_search, town)


def answers_to_stripe(town: Town) -> list[int]:
    """Gives the statuses with which our webhook has answered."""
    events = town.stripe.state.book().events.values()
    return [
        status
        for event in events
        for delivery in event.deliveries.values()
        for status in delivery.statuses
    ]


async def pay_while_nothing_can_be_written(town: Town, begin: Deed, end: Deed, reason: str) -> None:
    """Lets one customer confirm and another one press Pay meanwhile, and looks what each is told."""
    async with town.visitor() as first, town.visitor() as second:
        payer, other = Person(town, first, INVOICE), Person(town, second, OTHERS_INVOICE)
        await payer.log_in()
        await other.log_in()
        page, others_page = await payer.open(), await other.open()
        state, secret = await first.press_pay(page)
        assert state == "payable"
        await until(lambda: all_taken(town), lambda: answers_to_stripe(town))
        taken = answers_to_stripe(town).count(200)

        begin()
        assert (await first.confirm(page, secret, GOOD_CARD)).status == "succeeded"
        await until(lambda: 503 in answers_to_stripe(town), lambda: town.daemon.output[-3000:])
        state, nothing = await second.press_pay(others_page)
        status, readiness = await town.daemon.get("/stripe/readyz")
        await until(lambda: says_that_work_waits(town), lambda: town.daemon.output[-3000:])

        assert (state, nothing) == ("unstored", "")
        assert town.foreign.intents(OTHERS_INVOICE) == [], (
            "no money call without a written intention"
        )
        assert town.foreign.payments() == []
        assert answers_to_stripe(town).count(200) == taken, "nothing is acknowledged unwritten"
        assert status == 503
        (said,) = json.loads(readiness)["reasons"]
        assert reason in said
        assert "neither full nor read-only" in said
        assert (await town.daemon.get("/stripe/healthz"))[0] == 200, (
            "it waits, and is not restarted"
        )
        assert reason in town.daemon.output

        end()
        await town.assert_agree(INVOICE)
        assert await other.pay() == "payable"
        await town.assert_agree(INVOICE, OTHERS_INVOICE)
        assert len(town.foreign.intents()) == 2
        assert (await town.daemon.get("/stripe/readyz"))[0] == 200


def says_that_work_waits(town: Town) -> bool:
    """Finds the journal's entry, whichever piece of work met the disk first."""
    events = ("pump.waits", "pump.interrupted", "schedule.waits")
    return any(event in town.daemon.output for event in events)


def all_taken(town: Town) -> bool:
    events = town.stripe.state.book().events.values()
    return all(delivery.delivered for event in events for delivery in event.deliveries.values())


async def test_on_a_full_disk_nothing_is_acknowledged_or_begun_and_all_goes_on_when_there_is_room(
    town_on_disk: Town, disk: SmallDisk
) -> None:
    await pay_while_nothing_can_be_written(
        town_on_disk, disk.fill, disk.make_room, "database or disk is full"
    )


async def test_on_a_disk_that_fails_to_write_nothing_is_acknowledged_or_begun_until_it_works_again(
    town: Town,
) -> None:
    log = Path(town.settings["database"]["url"].removeprefix("sqlite:///") + "-wal")

    def fail() -> None:
        let_no_file_grow(town.daemon.pid, log.stat().st_size)

    def work_again() -> None:
        let_files_grow(town.daemon.pid)

    await pay_while_nothing_can_be_written(town, fail, work_again, "disk I/O error")


async def test_on_a_read_only_disk_the_daemon_does_not_start_and_says_why_and_loses_nothing(
    town_on_disk: Town, disk: SmallDisk
) -> None:
    town = town_on_disk
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        page = await person.open()
        _, secret = await visitor.press_pay(page)
        await town.daemon.kill()
        disk.make_read_only()
        assert (await visitor.confirm(page, secret, GOOD_CARD)).status == "succeeded"

        await town.daemon.launch()

        assert await town.daemon.ended() == 3
        assert "Read-only file system" in town.daemon.output
        assert "No money was touched" in town.daemon.output
        assert "another daemon" not in town.daemon.output
        assert "Traceback" not in town.daemon.output
        assert 200 not in answers_to_stripe(town)[-1:]
        disk.make_writable()
        await town.start()
        await town.assert_agree(INVOICE)
