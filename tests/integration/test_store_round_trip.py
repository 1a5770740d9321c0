"""Every value comes back from the database as it went in, on both databases (I9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import Engine

from splynx_stripe.domain.attempt import LIVE_STATES, Attempt, AttemptState, NewsKind
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import Collection, CollectionState, Route
from splynx_stripe.domain.inbox import InboxSource, NewInboxEvent
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import (
    Payable,
    PayableKind,
    balance,
    prepaid,
    several,
    top_up,
)
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.store.engine import parse_url, writer_engine
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit

# What a database keeps exactly: no U+0000 and no half surrogate pairs.
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
some_words = words.filter(bool)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
names = st.text("abcdefgh_0123456789:/-", min_size=1, max_size=30)
# Offsets, not places: where a clock is set forward, Python calls no two spellings equal (PEP 495).
offsets = st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis wants its bounds naive
    datetime(2999, 1, 1),  # noqa: DTZ001 - hypothesis wants its bounds naive
    timezones=st.just(UTC) | offsets,
)
numbers = st.integers(1, 2**53)
accounts = st.builds(StripeAccount, name=names, livemode=st.booleans())
currencies = st.from_regex(r"[A-Z]{3}", fullmatch=True)
maps = st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=4)
payables = st.builds(
    Payable,
    partner_id=numbers,
    customer_id=numbers,
    kind=st.sampled_from((PayableKind.INVOICE, PayableKind.PROFORMA)),
    document_id=numbers,
    document_number=words,
    currency=currencies,
) | st.builds(
    top_up,
    partner_id=numbers,
    customer_id=numbers,
    amount=st.builds(Money, numbers, currencies),
    token=names,
)
accounts_owing = st.tuples(numbers, numbers, st.builds(Money, numbers, currencies))
payables |= accounts_owing.map(lambda owed: balance(*owed))
payables |= accounts_owing.map(lambda owed: prepaid(*owed))
collections = st.builds(
    Collection,
    id=names,
    payable=payables,
    route=st.sampled_from(Route),
    state=st.sampled_from(CollectionState),
    opened_at=moments,
    version=numbers,
    whole_id=names,
    part=numbers,
    splynx_payment_id=numbers,
    origin=words,
)
failures = st.builds(PaymentFailure, code=words, decline_code=words, message=words)


@st.composite
def attempts(draw: st.DrawFn, collection_id: str) -> Attempt:
    state = draw(st.sampled_from(AttemptState))
    is_seen = draw(st.booleans())
    off_session = draw(st.booleans())
    return Attempt(
        id=draw(names),
        collection_id=collection_id,
        account=draw(accounts),
        stripe_customer_id=draw(words),
        amount=Money(draw(numbers), draw(currencies)),
        description=draw(words),
        metadata=draw(maps),
        prepared_at=draw(moments),
        next_look_at=draw(st.none() | moments),
        kinds=draw(st.sampled_from((tuple(PaymentKind), (PaymentKind.CARD,), (PaymentKind.ACH,)))),
        saves_method=draw(st.booleans()),
        payment_method_id=draw(words),
        method_kind=draw(st.none() | st.sampled_from(PaymentKind)),
        state=state,
        intent_id=draw(names),
        charge_id=draw(words),
        seen_as_of=draw(moments) if is_seen else None,
        seen_kind=draw(st.sampled_from(NewsKind)) if is_seen else None,
        failure=draw(st.none() | failures),
        splynx_payment_id=draw(numbers) if state is AttemptState.SUCCEEDED else 0,
        version=draw(numbers),
        off_session=off_session,
        credential_id=draw(words),
        charged_method_id=draw(names) if off_session else "",
        mandate_id=draw(words),
    )


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    made = writer_engine(parse_url(store_url))
    yield made
    made.dispose()


round_trips = settings(
    max_examples=30,
    deadline=None,
    # Each example undoes its own transaction, so they may share the database.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@round_trips
@given(data=st.data(), collection=collections)
def test_a_collection_and_its_attempt_come_back_as_they_were(
    engine: Engine, data: st.DataObject, collection: Collection
) -> None:
    attempt = data.draw(attempts(collection.id))
    with engine.connect() as connection, connection.begin() as transaction:
        unit = SqlUnit(connection)
        unit.add_collection(collection)
        unit.add_attempt(attempt)

        found = unit.collection(collection.id)
        found_attempt = unit.attempt(attempt.id)
        of_intent = unit.attempt_of_intent(attempt.account, attempt.intent_id)
        live = unit.live_collection(collection.payable)
        transaction.rollback()
    assert found == collection
    assert found_attempt == of_intent == attempt
    assert (live == collection) is collection.is_live
    assert attempt.is_live is (attempt.state in LIVE_STATES)


def test_a_collection_of_several_documents_comes_back_with_its_parts(engine: Engine) -> None:
    documents = [
        Payable(1, 17, PayableKind.INVOICE, number, f"A-{number}", "EUR", Money(number, "EUR"))
        for number in (42, 43)
    ]
    whole = Collection("col_1", several(tuple(documents)), Route.PORTAL, CollectionState.OPEN, NOW)
    parts = [
        replace(whole, id=f"col_1_{part}", payable=payable, whole_id=whole.id, part=part)
        for part, payable in enumerate(whole.payable.parts, 1)
    ]
    with engine.connect() as connection, connection.begin() as transaction:
        unit = SqlUnit(connection)
        for collection in [whole, *parts]:
            unit.add_collection(collection)

        found = [unit.collection(whole.id), unit.live_collection(whole.payable)]
        found_parts = unit.parts_of(whole.id)
        idle = unit.idle_collections(NOW + timedelta(days=1), timedelta(hours=1), 10)
        lease = unit.live_collection(replace(documents[0], set_amount=None))
        transaction.rollback()
    assert found == [whole, whole]
    assert found_parts == parts
    assert idle == [whole]
    assert lease == parts[0]


@round_trips
@given(data=st.data(), collection=collections)
def test_what_is_saved_about_an_attempt_comes_back_one_version_later(
    engine: Engine, data: st.DataObject, collection: Collection
) -> None:
    before = data.draw(attempts(collection.id))
    other = data.draw(attempts(collection.id))
    after = replace(
        other,
        id=before.id,
        account=before.account,
        stripe_customer_id=before.stripe_customer_id,
        amount=before.amount,
        description=before.description,
        metadata=before.metadata,
        prepared_at=before.prepared_at,
        kinds=before.kinds,
        saves_method=before.saves_method,
        off_session=before.off_session,
        credential_id=before.credential_id,
        charged_method_id=before.charged_method_id,
        mandate_id=before.mandate_id,
        version=before.version,
    )
    with engine.connect() as connection, connection.begin() as transaction:
        unit = SqlUnit(connection)
        unit.add_collection(collection)
        unit.add_attempt(before)

        unit.save_attempt(after)

        found = unit.attempt(before.id)
        transaction.rollback()
    assert found == replace(after, version=before.version + 1)


@round_trips
@given(
    event=st.builds(
        NewInboxEvent,
        account=accounts,
        event_id=names,
        type=words,
        created=moments,
        received_at=moments,
        source=st.sampled_from(InboxSource),
        body=st.binary(max_size=200),
    )
)
def test_an_event_comes_back_byte_for_byte(engine: Engine, event: NewInboxEvent) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        unit = SqlUnit(connection)
        unit.receive_event(event)
        (found,) = unit.claim_inbox(event.received_at, event.received_at, 10)
        transaction.rollback()
    assert event == NewInboxEvent(
        account=found.account,
        event_id=found.event_id,
        type=found.type,
        created=found.created,
        received_at=found.received_at,
        source=found.source,
        body=found.body,
    )


@round_trips
@given(
    case=st.builds(
        Case,
        kind=st.sampled_from(CaseKind),
        subject=some_words,
        summary=words,
        opened_at=moments,
        collection_id=words,
        closed_at=st.none() | moments,
        note=words,
    ),
    entry=st.builds(
        AuditEntry,
        at=moments,
        event=some_words,
        actor=some_words,
        collection_id=words,
        attempt_id=words,
        facts=maps,
    ),
)
def test_a_case_and_an_audit_entry_come_back_as_they_were(
    engine: Engine, case: Case, entry: AuditEntry
) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        unit = SqlUnit(connection)
        unit.open_case(case)
        unit.record(entry)
        (found,) = unit.cases(only_open=False, limit=10)
        (found_entry,) = unit.recent_audit(limit=10)
        transaction.rollback()
    assert replace(found, id=0) == case
    assert found_entry == entry


@round_trips
@given(pair=st.tuples(moments, moments))
def test_moments_sort_in_the_database_as_they_do_in_time(
    engine: Engine, pair: tuple[datetime, datetime]
) -> None:
    account = StripeAccount("default", livemode=True)
    with engine.connect() as connection, connection.begin() as transaction:
        unit = SqlUnit(connection)
        for moment in pair:
            unit.set_poll_cursor(account, moment)
        found = unit.poll_cursor(account)
        transaction.rollback()
    assert found == max(pair)


def as_the_flows_see_it(store: SqlStore, unit: SqlUnit) -> tuple[Store, Unit]:
    """Lets mypy prove that the store is what the flows ask for."""
    return store, unit
