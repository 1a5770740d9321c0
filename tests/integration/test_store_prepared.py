"""The prepared connection gives what SQLAlchemy gives: rows, values, counts and errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, bindparam, insert, literal_column, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from splynx_stripe.store.engine import parse_url, writer_engine
from splynx_stripe.store.prepared import PreparedConnection
from splynx_stripe.store.tables import audit_log, inbox, nonces
from tests.integration.store_builders import NOW

_APPEND = insert(audit_log).inline()
_ALL = select(audit_log).order_by(audit_log.c.id)
_ADD_NONCE = insert(nonces)
_BY_KEY = select(nonces.c.high_water).where(nonces.c.key == bindparam("key"))
_RAISE = (
    update(nonces)
    .where(nonces.c.key == bindparam("of_key"))
    .values(high_water=nonces.c.high_water + bindparam("by"))
    .returning(nonces.c.high_water)
)
_AMONG = select(nonces.c.key).where(nonces.c.key.in_(bindparam("keys", expanding=True)))
_ENTRY = {
    "at": NOW,
    "event": "attempt.prepared",
    "actor": "daemon",
    "collection_id": "col_1",
    "attempt_id": "",
    "facts": {"amount": "1.00 EUR", "note": "žluťoučký"},
}
_TIMES = range(3)
"""The first use of a statement is SQLAlchemy's, the later ones are ours."""


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    engine = writer_engine(parse_url(store_url))
    with engine.connect() as opened:
        opened.begin()
        yield opened
        opened.rollback()
    engine.dispose()


def test_rows_are_the_same_by_both_ways(connection: Connection) -> None:
    prepared = PreparedConnection(connection)
    for _ in _TIMES:
        prepared.execute(_APPEND, _ENTRY)

    ours = [prepared.execute(_ALL).mappings().all() for _ in _TIMES]
    theirs = connection.execute(_ALL).mappings().all()

    assert [[dict(row) for row in rows] for rows in ours] == [[dict(row) for row in theirs]] * 3
    assert [row["at"] for row in theirs] == [NOW] * 3


def test_a_guarded_write_tells_how_many_rows_it_changed(connection: Connection) -> None:
    prepared = PreparedConnection(connection)
    for number in _TIMES:
        prepared.execute(_ADD_NONCE, {"key": f"k{number}", "high_water": 5})

    raised = [prepared.execute(_RAISE, {"of_key": "k1", "by": 1}).scalar_one() for _ in _TIMES]
    missed = [prepared.execute(_RAISE, {"of_key": "nobody", "by": 1}) for _ in _TIMES]

    assert raised == [6, 7, 8]
    assert [result.rowcount for result in missed] == [0, 0, 0]
    assert prepared.execute(_BY_KEY, {"key": "k1"}).scalar() == 8


def test_what_cannot_be_said_in_advance_goes_the_other_way(connection: Connection) -> None:
    prepared = PreparedConnection(connection)
    for number in _TIMES:
        prepared.execute(_ADD_NONCE, {"key": f"k{number}", "high_water": 5})

    among = [prepared.execute(_AMONG, {"keys": ["k0", "k2"]}).scalars().all() for _ in _TIMES]
    plain = [prepared.execute(text("SELECT 1")).scalar() for _ in _TIMES]
    once = [prepared.execute(select(literal_column("2"))).scalar() for _ in _TIMES]

    assert [sorted(keys) for keys in among] == [["k0", "k2"]] * 3
    assert (plain, once) == ([1] * 3, [2] * 3)


def test_a_value_that_has_to_be_said_is_never_taken_as_nothing(connection: Connection) -> None:
    prepared = PreparedConnection(connection)
    for _ in _TIMES:
        prepared.execute(_BY_KEY, {"key": "k"})

    with pytest.raises(Exception, match="key"):
        prepared.execute(_BY_KEY, {})
    with pytest.raises(Exception, match="key"):
        prepared.execute(_BY_KEY, {})


@pytest.mark.parametrize("uses_before", [1, 2, 3])
def test_errors_are_the_same_by_both_ways(connection: Connection, uses_before: int) -> None:
    prepared = PreparedConnection(connection)
    for number in range(uses_before):
        prepared.execute(_ADD_NONCE, {"key": f"k{number}", "high_water": 5})

    with pytest.raises(IntegrityError) as caught:
        prepared.execute(_ADD_NONCE, {"key": "k0", "high_water": 5})

    assert isinstance(caught.value, DBAPIError)
    assert not caught.value.connection_invalidated
    assert "k0" not in str(caught.value.statement)


def test_bytes_come_back_as_bytes(connection: Connection) -> None:
    prepared = PreparedConnection(connection)
    add, read = insert(inbox), select(inbox.c.body).order_by(inbox.c.id)
    for number in _TIMES:
        values = {
            "account": "default:test",
            "event_id": f"evt_{number}",
            "type": "payment_intent.succeeded",
            "created": NOW,
            "received_at": NOW,
            "source": "webhook",
            "state": "received",
            "tries": 0,
            "next_at": NOW,
            "claim": 0,
            "note": "",
            "body": bytes(range(256)),
        }
        prepared.execute(add, values)

    bodies = [prepared.execute(read).scalars().all() for _ in _TIMES]

    assert [[bytes(body) for body in found] for found in bodies] == [[bytes(range(256))] * 3] * 3
