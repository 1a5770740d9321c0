"""The office's log in the store: filters, pages that nothing falls between, and who may see what."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.operation import (
    Operation,
    OperationOutcome,
    OperationPlace,
    OperationQuery,
    OperationSource,
    PaymentMeans,
    place_of_cursor,
)
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.store.engine import parse_url, reader_engine
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import MINUTE, NOW, attempt, case, collection, payable

INVOICE = "202611000042"
PROFORMA = "202611000007"


def _entry(event: str, minute: int, of: str = "col_1", **facts: str) -> AuditEntry:
    attempt_id = of.replace("col", "att") if of and not event.startswith("collection") else ""
    actor = "stripe:evt_9" if event == "attempt.succeeded" else "customer:17"
    return AuditEntry(NOW + minute * MINUTE, event, actor, of, attempt_id, facts)


def _fill(unit: SqlUnit) -> None:
    proforma = replace(
        payable(PROFORMA), kind=PayableKind.PROFORMA, partner_id=2, customer_id=18, document_id=7
    )
    unit.add_collection(collection("col_1", state=CollectionState.BOOKED))
    unit.add_collection(collection("col_2", of=proforma))
    succeeded = attempt("att_1", state=AttemptState.SUCCEEDED, intent_id="pi_1")
    unit.add_attempt(replace(succeeded, charge_id="ch_1", splynx_payment_id=501))
    bank = attempt("att_2", collection_id="col_2", state=AttemptState.PROCESSING, intent_id="pi_2")
    unit.add_attempt(replace(bank, kinds=(PaymentKind.CARD, PaymentKind.ACH)))
    unit.save_attempt(replace(bank, kinds=bank.kinds, method_kind=PaymentKind.ACH))
    unit.record(_entry("collection.open", 0))
    unit.record(_entry("attempt.succeeded", 1))
    unit.record(_entry("payment.booked", 2))
    unit.record(_entry("collection.open", 3, "col_2"))
    unit.record(_entry("attempt.processing", 4, "col_2"))
    unit.record(_entry("link.made", 5, "", customer="17", partner="1", document=INVOICE))
    unit.record(_entry("link.made", 6, "", customer="170", partner="2", note='"customer":"17"'))


def _opens(opened: Case) -> Callable[[SqlUnit], bool]:
    return lambda unit: unit.open_case(opened)


@pytest.fixture
async def filled(store: SqlStore) -> SqlStore:
    await store.run(_fill)
    return store


async def _page(
    store: SqlStore,
    query: OperationQuery,
    *,
    before: OperationPlace | None = None,
    limit: int = 100,
) -> Sequence[Operation]:
    return await store.read(lambda unit: unit.operations(query, before=before, limit=limit))


async def _minutes(store: SqlStore, query: OperationQuery) -> list[int]:
    """Gives which of the entries above were found, newest first."""
    return [(each.place.at - NOW) // MINUTE for each in await _page(store, query)]


async def test_an_operation_comes_with_its_debt_its_ids_and_its_booking(filled: SqlStore) -> None:
    (found,) = await _page(filled, OperationQuery(since=NOW + 2 * MINUTE, until=NOW + 3 * MINUTE))

    assert found.entry.event == "payment.booked"
    assert (found.customer_id, found.document_number) == (17, INVOICE)
    assert (found.amount_text, found.payment_type) == ("172.50 EUR", "invoice")
    assert (found.intent_id, found.charge_id, found.splynx_payment_id) == ("pi_1", "ch_1", 501)
    assert found.means is PaymentKind.CARD
    assert found.outcome is OperationOutcome.DONE


@pytest.mark.parametrize(
    ("query", "minutes"),
    [
        (OperationQuery(), [6, 5, 4, 3, 2, 1, 0]),
        (OperationQuery(since=NOW + MINUTE, until=NOW + 3 * MINUTE), [2, 1]),
        (OperationQuery(payment_type="invoice"), [2, 1, 0]),
        (OperationQuery(payment_type="proforma"), [4, 3]),
        (OperationQuery(payment_type="other"), [6, 5]),
        (OperationQuery(means=PaymentMeans.CARD), [2, 1, 0]),
        (OperationQuery(means=PaymentMeans.BANK), [4, 3]),
        (OperationQuery(outcome=OperationOutcome.DONE), [2, 1]),
        (OperationQuery(outcome=OperationOutcome.WAITING), [4, 3, 0]),
        (OperationQuery(outcome=OperationOutcome.FAILED), []),
        (OperationQuery(outcome=OperationOutcome.NOTED), [6, 5]),
        (OperationQuery(text=INVOICE), [5, 2, 1, 0]),
        (OperationQuery(text="17"), [5, 2, 1, 0]),
        (OperationQuery(text="18"), [4, 3]),
        (OperationQuery(text="pi_2"), [4, 3]),
        (OperationQuery(text="ch_1"), [2, 1, 0]),
        (OperationQuery(text="col_2"), [4, 3]),
        (OperationQuery(text="att_1"), [2, 1, 0]),
        (OperationQuery(text="evt_9"), [1]),
        (OperationQuery(text="%"), []),
        (OperationQuery(text="9" * 30), []),
        (OperationQuery(partner_id=1), [5, 2, 1, 0]),
        (OperationQuery(partner_id=2), [6, 4, 3]),
        (OperationQuery(partner_id=3), []),
        (OperationQuery(partner_id=2, text="17"), []),
    ],
)
async def test_each_filter_finds_what_it_says_and_nothing_else(
    filled: SqlStore, query: OperationQuery, minutes: list[int]
) -> None:
    assert await _minutes(filled, query) == minutes


async def test_a_case_stands_among_the_operations_with_its_debt(filled: SqlStore) -> None:
    opened = replace(case("att_1", opened_at=NOW + 2 * MINUTE), summary="Paid twice.")
    await filled.run(lambda unit: unit.open_case(opened))

    failed = await _page(filled, OperationQuery(outcome=OperationOutcome.FAILED))
    everything = await _page(filled, OperationQuery(text=INVOICE))
    of_partner_2 = await _page(filled, OperationQuery(partner_id=2))
    of_cards = await _page(filled, OperationQuery(means=PaymentMeans.CARD, payment_type="invoice"))

    assert [each.summary for each in failed] == ["Paid twice."]
    assert (failed[0].customer_id, failed[0].intent_id) == (17, "pi_1")
    assert [each.entry.event for each in everything][1:3] == ["case.opened", "payment.booked"]
    assert not [each for each in of_partner_2 if each.summary]
    assert [each for each in of_cards if each.summary]


async def test_pages_follow_each_other_without_gap_or_repetition_while_rows_come(
    filled: SqlStore,
) -> None:
    for number in range(3):  # cases and entries of the very same moment
        opened = Case(CaseKind.PAID_MEANWHILE, f"att_{number}", "Look.", NOW + 2 * MINUTE, "col_1")
        await filled.run(_opens(opened))
        await filled.run(lambda unit: unit.record(_entry("payment.booked", 2)))
    wanted = [each.place for each in await _page(filled, OperationQuery())]

    places: list[OperationPlace] = []
    before: OperationPlace | None = None
    while True:
        page = await _page(filled, OperationQuery(), before=before, limit=2)
        places += [each.place for each in page]
        if not page:
            break
        before = place_of_cursor(page[-1].place.as_cursor())
        await filled.run(lambda unit: unit.record(_entry("collection.open", 60)))

    assert places == wanted
    assert len(places) == 13


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "MjAyNg", "AAAA", "é", "eCBhdWRpdCAx"])
def test_a_cursor_that_is_none_of_ours_is_no_place(cursor: str) -> None:
    assert place_of_cursor(cursor) is None


async def test_settings_are_of_the_partner_whose_section_they_are_in(filled: SqlStore) -> None:
    await filled.run(lambda unit: unit.record(_entry("settings.changed", 9, "", section="2")))
    await filled.run(lambda unit: unit.record(_entry("settings.changed", 10, "", section="20")))

    assert await _minutes(filled, OperationQuery(partner_id=2)) == [9, 6, 4, 3]


async def test_several_documents_paid_at_once_are_found_by_each_number(store: SqlStore) -> None:
    whole = replace(
        payable(),
        kind=PayableKind.SEVERAL,
        document_id=0,
        document_number=f"{INVOICE}, {PROFORMA}",
        token="x",
    )

    def fill(unit: SqlUnit) -> None:
        unit.add_collection(collection("col_9", of=whole))
        part = collection("col_8", of=payable(PROFORMA), state=CollectionState.BOOKED)
        unit.add_collection(replace(part, whole_id="col_9", part=1, splynx_payment_id=77))
        unit.add_attempt(attempt("att_9", collection_id="col_9", intent_id="pi_9"))
        unit.record(_entry("attempt.prepared", 1, "col_9"))
        unit.record(_entry("collection.booked", 2, "col_8"))

    await store.run(fill)

    found = await _page(store, OperationQuery(text=PROFORMA))

    assert [each.entry.collection_id for each in found] == ["col_8", "col_9"]
    assert [each.intent_id for each in found] == ["pi_9", "pi_9"]
    assert found[0].splynx_payment_id == 77


PLANS = [
    (OperationQuery(since=NOW), None),
    (OperationQuery(since=NOW), "before"),
    (OperationQuery(since=NOW, partner_id=2), None),
    (OperationQuery(since=NOW, text="17"), None),
    (OperationQuery(text=INVOICE), None),
]


@pytest.mark.parametrize(("query", "before"), PLANS)
def test_no_view_that_people_open_reads_a_whole_table(
    sqlite_url: str, query: OperationQuery, before: str | None
) -> None:
    later = OperationPlace(NOW + timedelta(days=1), OperationSource.AUDIT, 5)
    place = later if before else None
    statements = _statements(sqlite_url, query, place)

    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        plans = [
            str(row[3])
            for statement, values in statements
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    connection.close()

    scans = [plan for plan in plans if plan.startswith("SCAN") and "(subquery" not in plan]
    assert [plan for plan in scans if "audit_log" in plan or "collections" in plan] == []
    assert [plan for plan in plans if "ix_audit_log" in plan or "INTEGER PRIMARY KEY" in plan]


def _statements(
    url: str, query: OperationQuery, before: OperationPlace | None
) -> list[tuple[str, Sequence[object]]]:
    """Collects what is asked of the database for a page."""
    engine = reader_engine(parse_url(url))
    seen: list[tuple[str, Sequence[object]]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(*arguments: object) -> None:
        _, _, statement, values, *_ = arguments
        if str(statement).startswith("SELECT"):
            assert isinstance(values, tuple)
            seen.append((str(statement), values))

    with engine.connect() as connection, connection.begin():
        SqlUnit(connection).operations(query, before=before, limit=51)
    engine.dispose()
    return seen
