"""The journal echoes what was committed, with the fields by which people search."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest

from splynx_stripe.daemon.audit_journal import AuditJournal
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import CaseKind
from splynx_stripe.flows.inbox import ReceiveEvent
from splynx_stripe.flows.ports import Unit
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from tests.integration.store_builders import NOW, attempt, case, collection, event

ROOM = "splynx_stripe.daemon.audit_journal"
BOOKED = AuditEntry(
    NOW,
    "payment.booked",
    "daemon",
    "col_1",
    "att_1",
    {"splynx_payment": "334", "amount": "1.00 EUR"},
)


@pytest.fixture
async def journal(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[AuditJournal]:
    caplog.set_level(logging.INFO, ROOM)
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())
    yield AuditJournal(store)
    await store.close()


@dataclass(frozen=True)
class Said:
    """A line of the log, as its fields."""

    level: str
    event: str
    fields: dict[str, object]


def said(caplog: pytest.LogCaptureFixture) -> Sequence[Said]:
    known = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    return [
        Said(
            record.levelname,
            record.msg,
            {name: value for name, value in vars(record).items() if name not in known},
        )
        for record in caplog.records
        if record.name == ROOM
    ]


def a_debt(unit: Unit) -> None:
    unit.add_collection(collection())
    unit.add_attempt(attempt(intent_id="pi_1"))


async def test_an_entry_is_said_with_customer_document_and_payment(
    journal: AuditJournal, caplog: pytest.LogCaptureFixture
) -> None:
    await journal.run(a_debt)

    await journal.run(lambda unit: unit.record(BOOKED))

    [line] = said(caplog)
    assert (line.level, line.event) == ("INFO", "payment.booked")
    assert line.fields == {
        "actor": "daemon",
        "collection": "col_1",
        "customer": 17,
        "partner": 1,
        "document": "202611000042",
        "payment": "pi_1",
        "attempt": "att_1",
        "splynx_payment": "334",
        "amount": "1.00 EUR",
    }


async def test_what_is_not_committed_is_not_said(
    journal: AuditJournal, caplog: pytest.LogCaptureFixture
) -> None:
    def work(unit: Unit) -> None:
        a_debt(unit)
        unit.record(BOOKED)
        raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await journal.run(work)

    assert said(caplog) == []


async def test_a_case_is_an_error_that_is_said_once(
    journal: AuditJournal, caplog: pytest.LogCaptureFixture
) -> None:
    """I11."""
    opened = case()

    await journal.run(lambda unit: unit.open_case(opened))
    await journal.run(lambda unit: unit.open_case(opened))

    [line] = said(caplog)
    assert (line.level, line.event) == ("ERROR", "case.opened")
    assert line.fields["case"] in set(CaseKind)
    assert line.fields["summary"] == opened.summary


async def test_a_unit_gets_its_result_and_all_else_of_the_store(journal: AuditJournal) -> None:
    await journal.run(a_debt)

    found = await journal.run(lambda unit: unit.collection("col_1"))
    read = await journal.read(lambda unit: unit.attempts_of("col_1"))

    assert found is not None
    assert [each.intent_id for each in read] == ["pi_1"]


async def test_events_in_bulk_stay_in_bulk(journal: AuditJournal) -> None:
    is_new = await journal.run(ReceiveEvent(event()))

    assert is_new
