"""Events in the database: stored once per (account, event id), before they are acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, func, or_, select, text, update
from sqlalchemy.dialects import sqlite

from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.inbox import InboxEnd, InboxEvent, InboxSource, InboxState, NewInboxEvent
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store import inbox_arrays
from splynx_stripe.store.prepared import PreparedConnection
from splynx_stripe.store.rows import UnitPart, claim_of, claimed, insert_unless_there
from splynx_stripe.store.tables import EVENT_IS_RECEIVED, inbox

_Identity = tuple[str, str]
_i = inbox.c
_RECEIVE = insert_unless_there(inbox, [_i.account, _i.event_id])
_RECEIVE_MANY = sqlite.insert(inbox).on_conflict_do_nothing(
    index_elements=[_i.account, _i.event_id]
)
_AFTER = select(_i.account, _i.event_id).where(_i.id > bindparam("after"))
_DUE = (
    select(_i.id)
    .where(text(EVENT_IS_RECEIVED))
    .where(_i.next_at <= bindparam("now", type_=_i.next_at.type))
    .where(
        or_(
            _i.claimed_until.is_(None),
            _i.claimed_until <= bindparam("now", type_=_i.next_at.type),
        )
    )
    .order_by(_i.received_at, _i.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_CLAIM = claim_of(inbox)
_FINISH = (
    update(inbox)
    .where(
        _i.id == bindparam("of_id"),
        _i.claim == bindparam("of_claim"),
        _i.claimed_until.is_not(None),
    )
    .values(
        state=bindparam("to_state"),
        note=bindparam("to_note", type_=_i.note.type),
        next_at=bindparam("to_next_at", type_=_i.next_at.type),
        tries=_i.tries + 1,
        claimed_until=None,
    )
)
_NEWEST = select(func.max(_i.received_at)).where(
    _i.account == bindparam("account"), _i.source == bindparam("source")
)

_RELEASE = update(inbox).where(_i.claimed_until.is_not(None)).values(claimed_until=None)


class InboxRows(UnitPart):
    """The part of a unit that knows received events."""

    def receive_event(self, event: NewInboxEvent) -> bool:
        return self._inserted(_RECEIVE, _received(event))

    def receive_events(self, events: Sequence[NewInboxEvent]) -> Sequence[bool]:
        rows: dict[_Identity, dict[str, object]] = {}
        for event in events:
            rows.setdefault(_identity(event), _received(event))
        new = self._new_of(rows)
        answers = []
        for event in events:  # of the same event twice, the first is the new one
            answers.append(_identity(event) in new)
            new.discard(_identity(event))
        return answers

    def _new_of(self, rows: dict[_Identity, dict[str, object]]) -> set[_Identity]:
        """Inserts rows and gives the identities of those that were not there."""
        if self._dialect == "postgresql":
            values = inbox_arrays.received(list(rows.values()), self._connection.dialect)
            result = self._connection.execute(inbox_arrays.RECEIVE, values)
            return {(account, event_id) for account, event_id in result}
        connection: object = self._connection
        if isinstance(connection, PreparedConnection):
            inserted = connection.insert_all(_RECEIVE_MANY, list(rows.values()))
            if inserted is not None and inserted.count == len(rows):
                return set(rows)
            if inserted is not None:
                after = {"after": inserted.last_row - inserted.count}
                found = self._connection.execute(_AFTER, after) if inserted.count else ()
                return {(account, event_id) for account, event_id in found}
        result = self._connection.execute(_RECEIVE[self._dialect], list(rows.values()))
        return {(account, event_id) for account, event_id in result}

    def release_inbox(self) -> int:
        """Takes all claims back; right only when nobody else can be at work (a lone daemon's start)."""
        return self._connection.execute(_RELEASE).rowcount

    def claim_inbox(self, now: datetime, until: datetime, limit: int) -> Sequence[InboxEvent]:
        # Two statements: an UPDATE with a locking subquery may lock more rows than its LIMIT.
        due = self._connection.execute(_DUE, {"now": now, "limit": limit}).scalars().all()
        if not due:
            return []
        rows = self._connection.execute(_CLAIM(len(due)), claimed(due) | {"until": until})
        taken = [_event(row) for row in rows.mappings()]
        return sorted(taken, key=lambda event: (event.received_at, event.id))

    def finish_inbox(
        self,
        event: InboxEvent,
        *,
        state: InboxState,
        note: str,
        next_at: datetime | None = None,
    ) -> None:
        values = {
            "of_id": event.id,
            "of_claim": event.claim,
            "to_state": state,
            "to_note": note,
            "to_next_at": next_at or event.next_at,
        }
        result = self._connection.execute(_FINISH, values)
        self._must_change_one(result, f"Event {event.event_id}")

    def finish_inbox_events(self, ends: Sequence[InboxEnd]) -> None:
        if self._dialect != "postgresql" or len(ends) == 1:
            for end in ends:
                self.finish_inbox(end.event, state=end.state, note=end.note)
            return
        values = inbox_arrays.finished(ends, self._connection.dialect)
        result = self._connection.execute(inbox_arrays.FINISH, values)
        if result.rowcount != len(ends):
            raise StaleWriteError(
                f"Of {len(ends)} events only {result.rowcount} were as they had been read."
                " Nothing was written; end them one by one."
            )

    def last_event_at(self, account: StripeAccount, source: str) -> datetime | None:
        values = {"account": account.key, "source": source}
        newest: datetime | None = self._connection.execute(_NEWEST, values).scalar()
        return newest


def _identity(event: NewInboxEvent) -> _Identity:
    return event.account.key, event.event_id


def _received(event: NewInboxEvent) -> dict[str, object]:
    return {
        "account": event.account.key,
        "event_id": event.event_id,
        "type": event.type,
        "created": event.created,
        "received_at": event.received_at,
        "source": event.source,
        "state": InboxState.RECEIVED,
        "tries": 0,
        "next_at": event.received_at,
        "claim": 0,
        "note": "",
        "body": event.body,
    }


def _event(row: RowMapping) -> InboxEvent:
    return InboxEvent(
        id=row["id"],
        account=StripeAccount.from_key(row["account"]),
        event_id=row["event_id"],
        type=row["type"],
        created=row["created"],
        received_at=row["received_at"],
        source=InboxSource(row["source"]),
        state=InboxState(row["state"]),
        tries=row["tries"],
        next_at=row["next_at"],
        claim=row["claim"],
        note=row["note"],
        body=bytes(row["body"]),
    )
