"""The database itself refuses what must not be, whatever the code above it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import IntegrityError

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.effect import Effect, EffectKind
from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.money import Money
from splynx_stripe.store import tables
from splynx_stripe.store.engine import parse_url, writer_engine
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import MINUTE, NOW, attempt, case, collection, event


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    """Gives a transaction in which every table has one good row."""
    engine = writer_engine(parse_url(store_url))
    with engine.connect() as opened, opened.begin():
        unit = SqlUnit(opened)
        unit.settle_installation(new_id="ins_1", signing_key_hex="0" * 64, now=NOW)
        unit.add_collection(collection())
        unit.add_attempt(attempt())
        book = Effect(EffectKind.BOOK_PAYMENT, key="book:att_1")
        unit.add_effect(book, attempt_id="att_1", now=NOW, deadline_at=NOW + MINUTE)
        unit.receive_event(event())
        unit.open_case(case())
        unit.save_stripe_customer(attempt().account, 17, "cus_1")
        yield opened
        opened.rollback()
    engine.dispose()


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("collections", {"state": "paid"}),
        ("collections", {"currency": "eur"}),
        ("collections", {"currency": "EURO"}),
        ("collections", {"currency": "E1R"}),
        ("collections", {"version": -1}),
        ("collections", {"payable_key": ""}),
        ("attempts", {"state": "paid"}),
        ("attempts", {"amount_minor": 0}),
        ("attempts", {"amount_minor": -1}),
        ("attempts", {"currency": "ÉUR"}),
        ("attempts", {"state": "succeeded"}),
        ("attempts", {"state": "processing", "intent_id": ""}),
        ("attempts", {"splynx_payment_id": 7}),
        ("attempts", {"splynx_payment_id": -7}),
        ("attempts", {"seen_as_of": NOW}),
        ("attempts", {"seen_kind": "seen_canceled"}),
        ("attempts", {"seen_as_of": NOW, "seen_kind": "rumour"}),
        ("attempts", {"version": -1}),
        ("attempts", {"off_session": 1}),
        ("attempts", {"charged_method_id": "pm_1"}),
        ("attempts", {"collection_id": "col_unknown"}),
        ("effects", {"state": "started"}),
        ("effects", {"tries": -1}),
        ("effects", {"claim": -1}),
        ("effects", {"claimed_until": NOW}),
        ("effects", {"posting_at": NOW}),
        ("effects", {"key": ""}),
        ("effects", {"attempt_id": "att_unknown"}),
        ("inbox", {"state": "done"}),
        ("inbox", {"source": "pigeon"}),
        ("inbox", {"event_id": ""}),
        ("inbox", {"claimed_until": NOW}),
        ("inbox", {"claimed_until": NOW, "claim": 1, "state": "handled"}),
        ("cases", {"subject": ""}),
        ("stripe_customers", {"stripe_customer_id": ""}),
        ("installation", {"singleton": 2}),
        ("installation", {"signing_key": "short"}),
    ],
)
def test_the_database_refuses_an_impossible_row(
    connection: Connection, table: str, values: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), connection.begin_nested():
        connection.execute(update(tables.metadata.tables[table]).values(values))


def test_there_is_one_installation_per_database(connection: Connection) -> None:
    second = {"singleton": 1, "id": "ins_2", "signing_key": "1" * 64, "created_at": NOW}

    with pytest.raises(IntegrityError), connection.begin_nested():
        connection.execute(insert(tables.installation).values(second))
    assert SqlUnit(connection).installation().id == "ins_1"


async def test_a_refused_row_is_a_broken_invariant_that_names_the_rule_and_shows_no_values(
    store: SqlStore,
) -> None:
    await store.run(lambda unit: unit.add_collection(collection()))
    free = replace(attempt(), amount=Money(0, "EUR"), description="4242424242424242")

    with pytest.raises(BrokenInvariantError) as caught:
        await store.run(lambda unit: unit.add_attempt(free))

    assert "ck_attempts_amount" in str(caught.value)
    assert "4242" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_naive_moment_is_refused(store: SqlStore) -> None:
    naive = NOW.replace(tzinfo=None)

    with pytest.raises(ValueError, match="no time zone"):
        await store.run(lambda unit: unit.add_collection(collection(opened_at=naive)))
    with pytest.raises(ValueError, match="no time zone"):
        await store.read(lambda unit: unit.attempts_to_look_at(naive, 1))


async def test_success_without_its_payment_intent_cannot_be_saved(store: SqlStore) -> None:
    await store.run(lambda unit: unit.add_collection(collection()))
    await store.run(lambda unit: unit.add_attempt(attempt()))

    with pytest.raises(BrokenInvariantError, match="ck_attempts_intent"):
        await store.run(lambda unit: unit.save_attempt(attempt(state=AttemptState.SUCCEEDED)))
