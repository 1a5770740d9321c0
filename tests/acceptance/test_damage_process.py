"""The database loses its end or breaks: nothing is charged twice for it (faults 11 and 12; I1, I2, I7)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Adjust
from tests.acceptance.crashing_daemon import CRASH_AT
from tests.acceptance.daemon_process import UNMEASURED
from tests.acceptance.ledgers import INVOICE, OTHERS_INVOICE
from tests.acceptance.person import GOOD_CARD, Person
from tests.acceptance.town import Town
from tests.acceptance.waiting import until
from tests.acceptance.write_ahead_log import WriteAheadLog

CRASHING_PROGRAM = ("-m", "tests.acceptance.crashing_daemon")


@pytest.fixture
def adjust() -> Adjust:
    def soon(settings: dict[str, Any]) -> None:
        settings["timing"] |= {"verify_booking_after_s": 2, "effect_claim_s": 4, "event_claim_s": 4}

    return soon


def database_of(town: Town) -> Path:
    return Path(town.settings["database"]["url"].removeprefix("sqlite:///"))


def stored_events(town: Town) -> set[str]:
    """Gives the ids of the events in our inbox, as committed."""
    with closing(sqlite3.connect(database_of(town))) as connection:
        return {row[0] for row in connection.execute("SELECT event_id FROM inbox")}


def acknowledged_events(town: Town) -> set[str]:
    events = town.stripe.state.book().events
    return {
        event.body["id"]
        for event in events.values()
        for delivery in event.deliveries.values()
        if delivery.delivered
    }


TORN: dict[str, Callable[[bytes], bytes]] = {
    "half-a-frame-header": lambda frame: frame[:11],
    "half-a-page": lambda frame: frame[:1500],
    "a-page-of-zeros": lambda frame: frame[:24] + bytes(len(frame) - 24),
    "a-frame-of-an-older-log": lambda frame: frame[:8] + bytes(8) + frame[16:],
}
"""What a transaction that was being written when the power went may leave, made of a good frame."""


@pytest.mark.parametrize("torn", TORN)
async def test_a_torn_end_of_the_log_loses_nothing_that_was_acknowledged(
    quiet_town: Town, torn: str
) -> None:
    town, log = quiet_town, WriteAheadLog(database_of(quiet_town))
    point = "commit:BookPayment._mark_posting:after"
    await town.start(program=CRASHING_PROGRAM, environment={CRASH_AT: point, **UNMEASURED})
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        await person.pay()
    assert await town.daemon.ended() == -9
    acknowledged = acknowledged_events(town)
    assert acknowledged

    log.cut(log.ends()[-1], torn=TORN[torn](log.last_frame()))

    assert acknowledged <= stored_events(town), "what Stripe was told is stored is stored"
    await town.start(environment=UNMEASURED)
    await town.assert_agree(INVOICE)
    assert len(town.foreign.intents(INVOICE)) == 1


@pytest.mark.parametrize(
    ("lost", "damage"),
    [(1.0, "cut"), (0.75, "spoilt"), (0.5, "cut"), (0.25, "spoilt")],
    ids=["all-cut", "most-spoilt", "half-cut", "the-end-spoilt"],
)
async def test_a_disk_that_lied_about_what_it_kept_leads_to_one_charge_and_one_booking(
    quiet_town: Town, lost: float, damage: str
) -> None:
    """Between pressing Pay and "Paid" so much of the log is lost; Stripe and Splynx are asked again."""
    town, log = quiet_town, WriteAheadLog(database_of(quiet_town))
    await town.start(environment=UNMEASURED)
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        page = await person.open()
        state, secret = await visitor.press_pay(page)
        assert state == "payable"
        pressed = len(log.ends())
        assert (await visitor.confirm(page, secret, GOOD_CARD)).status == "succeeded"
        await town.assert_agree(INVOICE)
    await town.daemon.kill()

    later = log.ends()[pressed - 1 :]
    kept_until = later[round((len(later) - 1) * (1 - lost))]
    if damage == "spoilt":
        log.spoil(kept_until + 100)
    else:
        log.cut(kept_until)

    await town.start(environment=UNMEASURED)
    await town.assert_agree(INVOICE)
    assert len(town.foreign.intents(INVOICE)) == 1
    assert len(town.foreign.payments()) == 1


def zero_the_header(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.write(bytes(100))


def spoil_the_middle(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(file.stat().st_size // 2 // 4096 * 4096)
        stream.write(b"\xee" * 4096)


def cut_in_half(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (zero_the_header, "file is not a database"),
        (spoil_the_middle, "is damaged ("),
        (cut_in_half, "is damaged ("),
    ],
)
async def test_a_damaged_file_is_refused_with_the_way_back_and_its_backup_charges_nothing_again(
    quiet_town: Town, damage: Callable[[Path], None], reason: str
) -> None:
    town, file = quiet_town, database_of(quiet_town)
    backup = file.with_name(f"{file.name}.before-0007")
    shutil.copy(file, backup)
    await town.start(environment=UNMEASURED)
    async with town.visitor() as visitor:
        person = Person(town, visitor, INVOICE)
        await person.log_in()
        await person.pay()
        await town.assert_agree(INVOICE)
    assert await town.daemon.stop() == 0
    damage(file)
    broken = file.read_bytes()

    await town.daemon.launch()

    assert await town.daemon.ended() == 3
    assert reason in town.daemon.output
    assert f"The database file {file} is damaged" in town.daemon.output
    assert f"or {backup}" in town.daemon.output
    assert "no money was touched" in town.daemon.output
    assert "Traceback" not in town.daemon.output
    assert file.read_bytes() == broken, "whoever repairs it finds it as it was"
    await put_back(town, backup)


async def put_back(town: Town, backup: Path) -> None:
    """Does what the sentence says, and lets people go on: one has paid, which the backup does not know."""
    file = database_of(town)
    for leftover in file.parent.glob(f"{file.name}-*"):
        leftover.unlink()
    shutil.copy(backup, file)
    await town.start(environment=UNMEASURED)
    async with town.visitor() as first, town.visitor() as second:
        paid, other = Person(town, first, INVOICE), Person(town, second, OTHERS_INVOICE)
        await paid.log_in()
        await other.log_in()

        assert (await paid.open()).ticket == "", "what Splynx shows as paid cannot be paid"
        assert await other.pay() == "payable"

        await town.assert_agree(OTHERS_INVOICE)
        assert town.foreign.problems_of(INVOICE) == []
        assert len(town.foreign.intents(INVOICE)) == 1
    # It becomes a case after half an hour of tries; until then the journal tells of it.
    await until(lambda: "There is no attempt" in town.daemon.output, lambda: town.daemon.output)
