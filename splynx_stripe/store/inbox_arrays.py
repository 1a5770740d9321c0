"""Many events in one statement on PostgreSQL: a column is an array, whatever the number of events.

A `VALUES` list of 64 events has 768 parameters; the driver writes them out, and the server reads
and plans a statement that it has never seen. With arrays the text is always the same, so it is prepared
once per connection (psycopg does that by itself), and a burst costs one round trip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    LargeBinary,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from splynx_stripe.domain.inbox import InboxEnd, InboxState
from splynx_stripe.store.tables import inbox

_i = inbox.c


def _each_of(name: str, kind: TypeEngine[Any] | None = None) -> ColumnElement[Any]:
    """Gives the elements of the array `name`; those of one SELECT go side by side, row by row."""
    return func.unnest(bindparam(name, type_=ARRAY(kind or Text())))


_RECEIVED = {
    "account": _each_of("account"),
    "event_id": _each_of("event_id"),
    "type": _each_of("type"),
    "created": _each_of("created"),
    "received_at": _each_of("received_at"),
    "next_at": _each_of("received_at"),
    "source": _each_of("source"),
    "body": _each_of("body", LargeBinary()),
    "state": literal_column(f"'{InboxState.RECEIVED}'"),
    "tries": literal_column("0"),
    "claim": literal_column("0"),
    "note": literal_column("''"),
}
RECEIVE = (
    insert(inbox)
    .from_select(list(_RECEIVED), select(*_RECEIVED.values()), include_defaults=False)
    .on_conflict_do_nothing(index_elements=[_i.account, _i.event_id])
    .returning(_i.account, _i.event_id)
)
"""Stores what `received` gives, in that order; gives the identities of those that were not there."""

_given = select(
    _each_of("of_id", BigInteger()).label("id"),
    _each_of("of_claim", BigInteger()).label("claim"),
    _each_of("to_state").label("state"),
    _each_of("to_note").label("note"),
).subquery("given")
FINISH = (
    update(inbox)
    .where(_i.id == _given.c.id, _i.claim == _given.c.claim, _i.claimed_until.is_not(None))
    .values(state=_given.c.state, note=_given.c.note, tries=_i.tries + 1, claimed_until=None)
)
"""Ends the claims that `finished` gives; its row count is that of the claims that still stood."""


def received(rows: Sequence[Mapping[str, Any]], dialect: Dialect) -> dict[str, Sequence[Any]]:
    """Gives the values of `RECEIVE` for rows as they would be inserted one by one."""
    return {
        "account": [row["account"] for row in rows],
        "event_id": [row["event_id"] for row in rows],
        "type": [row["type"] for row in rows],
        "created": _stored(_i.created, [row["created"] for row in rows], dialect),
        "received_at": _stored(_i.received_at, [row["received_at"] for row in rows], dialect),
        "source": [str(row["source"]) for row in rows],
        "body": [row["body"] for row in rows],
    }


def finished(ends: Sequence[InboxEnd], dialect: Dialect) -> dict[str, Sequence[Any]]:
    """Gives the values of `FINISH`."""
    return {
        "of_id": [end.event.id for end in ends],
        "of_claim": [end.event.claim for end in ends],
        "to_state": [str(end.state) for end in ends],
        "to_note": _stored(_i.note, [end.note for end in ends], dialect),
    }


def _stored(column: Column[Any], values: Sequence[Any], dialect: Dialect) -> Sequence[Any]:
    """Converts values as the column does; arrays are of what the database sees, which is text."""
    convert = column.type.dialect_impl(dialect).bind_processor(dialect)
    return list(values) if convert is None else [convert(value) for value in values]
