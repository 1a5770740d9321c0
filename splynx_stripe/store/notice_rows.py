"""Notices in the database: the unique (key, channel) makes each be told once (I11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, select, text, update

from splynx_stripe.domain.credential import Credential, CredentialState
from splynx_stripe.domain.notice import Channel, Notice, NoticeKind, NoticeState
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.store.credential_rows import credential_of_row
from splynx_stripe.store.credential_tables import credentials
from splynx_stripe.store.recovery_tables import NOTICE_IS_SENDING, NOTICE_IS_WAITING, notices
from splynx_stripe.store.rows import UnitPart, insert_unless_there

_n, _c = notices.c, credentials.c
_PROGRESS = ("due_at", "state", "tries", "note", "changed_at")
_MONTHS_A_YEAR = 12
_ADD = insert_unless_there(notices, [_n.key, _n.channel])
_BY_ID = select(notices).where(_n.id == bindparam("id"))
_SAVE = (
    update(notices)
    .where(_n.id == bindparam("of_id"), _n.version == bindparam("of_version"))
    .values({name: bindparam(f"to_{name}", type_=_n[name].type) for name in _PROGRESS})
    .values(version=_n.version + 1)
)
_DUE = (
    select(notices)
    .where(text(f"notices.{NOTICE_IS_WAITING}"))
    .where(_n.due_at <= bindparam("now", type_=_n.due_at.type))
    .order_by(_n.due_at, _n.id)
    .limit(bindparam("limit"))
)
_SENDING = (
    select(notices)
    .where(text(f"notices.{NOTICE_IS_SENDING}"))
    .where(_n.changed_at < bindparam("before", type_=_n.changed_at.type))
    .order_by(_n.changed_at, _n.id)
    .limit(bindparam("limit"))
)
_OF_DEBT = (
    select(notices)
    .where(_n.payable_key == bindparam("payable_key"), text("notices.payable_key <> ''"))
    .order_by(_n.id.desc())
    .limit(bindparam("limit"))
)
_LAST_MONTH = _c.card_expires_year * _MONTHS_A_YEAR + _c.card_expires_month
_EXPIRING = (
    select(credentials)
    .where(_c.state == CredentialState.USABLE, _c.kind == PaymentKind.CARD)
    .where(bindparam("first") <= _LAST_MONTH, bindparam("last") >= _LAST_MONTH)
    .where(_c.id > bindparam("after"))
    .order_by(_c.id)
    .limit(bindparam("limit"))
)


class NoticeRows(UnitPart):
    """The part of a unit that knows notices."""

    def add_notice(self, notice: Notice) -> bool:
        values = {
            "id": notice.id,
            "key": notice.key,
            "channel": notice.channel,
            "kind": notice.kind,
            "partner_id": notice.partner_id,
            "splynx_customer_id": notice.customer_id,
            "payable_key": notice.payable_key,
            "collection_id": notice.collection_id,
            "facts": notice.facts,
            "made_at": notice.made_at,
            "due_at": notice.due_at,
            "state": notice.state,
            "tries": notice.tries,
            "note": notice.note,
            "changed_at": notice.changed_at,
            "version": notice.version,
        }
        return self._inserted(_ADD, values)

    def notice(self, notice_id: str) -> Notice | None:
        row = self._connection.execute(_BY_ID, {"id": notice_id}).mappings().first()
        return _notice(row) if row is not None else None

    def save_notice(self, notice: Notice) -> Notice:
        values = {f"to_{name}": getattr(notice, name) for name in _PROGRESS}
        guard = {"of_id": notice.id, "of_version": notice.version}
        result = self._connection.execute(_SAVE, values | guard)
        self._must_change_one(result, f"Notice {notice.id}")
        return replace(notice, version=notice.version + 1)

    def notices_due(self, now: datetime, limit: int) -> Sequence[Notice]:
        rows = self._connection.execute(_DUE, {"now": now, "limit": limit}).mappings()
        return [_notice(row) for row in rows]

    def notices_sending(self, before: datetime, limit: int) -> Sequence[Notice]:
        rows = self._connection.execute(_SENDING, {"before": before, "limit": limit}).mappings()
        return [_notice(row) for row in rows]

    def notices_of(self, payable_key: str, limit: int) -> Sequence[Notice]:
        values = {"payable_key": payable_key, "limit": limit}
        return [_notice(row) for row in self._connection.execute(_OF_DEBT, values).mappings()]

    def cards_expiring(
        self, first_month: tuple[int, int], last_month: tuple[int, int], *, after: str, limit: int
    ) -> Sequence[Credential]:
        values = {
            "first": _counted(first_month),
            "last": _counted(last_month),
            "after": after,
            "limit": limit,
        }
        rows = self._connection.execute(_EXPIRING, values).mappings()
        return [credential_of_row(row) for row in rows]


def _counted(month: tuple[int, int]) -> int:
    return month[0] * _MONTHS_A_YEAR + month[1]


def _notice(row: RowMapping) -> Notice:
    return Notice(
        id=row["id"],
        key=row["key"],
        kind=NoticeKind(row["kind"]),
        channel=Channel(row["channel"]),
        partner_id=row["partner_id"],
        customer_id=row["splynx_customer_id"],
        made_at=row["made_at"],
        due_at=row["due_at"],
        facts=row["facts"],
        payable_key=row["payable_key"],
        collection_id=row["collection_id"],
        state=NoticeState(row["state"]),
        tries=row["tries"],
        note=row["note"],
        changed_at=row["changed_at"],
        version=row["version"],
    )
