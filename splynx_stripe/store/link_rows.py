"""Signed payment links in the database, and the keys of programs that make them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, insert, or_, select, update

from splynx_stripe.domain.link import LinkKey, LinkScope, PaymentLink
from splynx_stripe.store.link_tables import link_keys, payment_links
from splynx_stripe.store.rows import UnitPart

_l, _k = payment_links.c, link_keys.c
_ADD = insert(payment_links)
_BY_DIGEST = select(payment_links).where(_l.digest == bindparam("digest"))
_BY_ID = select(payment_links).where(_l.id == bindparam("id"))
_USE = (
    update(payment_links)
    .where(_l.id == bindparam("of_id"))
    .values(uses=_l.uses + 1, last_used_at=bindparam("now", type_=_l.last_used_at.type))
)
_USE_UP = (
    update(payment_links)
    .where(
        _l.id == bindparam("of_id"),
        _l.scope == LinkScope.CREDENTIAL.value,
        _l.used_up_at.is_(None),
    )
    .values(used_up_at=bindparam("now", type_=_l.used_up_at.type))
)
_REVOKE = (
    update(payment_links)
    .where(_l.id == bindparam("of_id"), _l.revoked_at.is_(None))
    .values(revoked_at=bindparam("now", type_=_l.revoked_at.type))
)
_REVOKE_ALL = (
    update(payment_links)
    .where(
        or_(bindparam("of_partner") == 0, _l.partner_id == bindparam("of_partner")),
        _l.splynx_customer_id == bindparam("of_customer"),
        _l.revoked_at.is_(None),
        _l.used_up_at.is_(None),
        _l.expires_at > bindparam("now", type_=_l.expires_at.type),
    )
    .values(revoked_at=bindparam("now", type_=_l.revoked_at.type))
)
# Ids sort by time.
_LIST = (
    select(payment_links)
    .where(
        or_(bindparam("partner") == 0, _l.partner_id == bindparam("partner")),
        or_(bindparam("customer") == 0, _l.splynx_customer_id == bindparam("customer")),
    )
    .order_by(_l.id.desc())
    .limit(bindparam("limit"))
)
_ADD_KEY = insert(link_keys)
_KEY_BY_DIGEST = select(link_keys).where(_k.digest == bindparam("digest"))
_KEYS = select(link_keys).order_by(_k.id).limit(bindparam("limit"))
_USE_KEY = (
    update(link_keys)
    .where(_k.id == bindparam("of_id"))
    .values(last_used_at=bindparam("now", type_=_k.last_used_at.type))
)
_REVOKE_KEY = (
    update(link_keys)
    .where(_k.id == bindparam("of_id"), _k.revoked_at.is_(None))
    .values(revoked_at=bindparam("now", type_=_k.revoked_at.type))
)


class LinkRows(UnitPart):
    """The part of a unit that knows payment links."""

    def add_link(self, link: PaymentLink, *, digest: str) -> None:
        values = {
            "id": link.id,
            "digest": digest,
            "scope": link.scope,
            "partner_id": link.partner_id,
            "splynx_customer_id": link.customer_id,
            "document_id": link.document_id,
            "document_number": link.document_number,
            "made_at": link.made_at,
            "made_by": link.made_by,
            "expires_at": link.expires_at,
            "uses": link.uses,
        }
        self._connection.execute(_ADD, values)

    def link_of_digest(self, digest: str) -> PaymentLink | None:
        row = self._connection.execute(_BY_DIGEST, {"digest": digest}).mappings().first()
        return _link(row) if row is not None else None

    def link(self, link_id: str) -> PaymentLink | None:
        row = self._connection.execute(_BY_ID, {"id": link_id}).mappings().first()
        return _link(row) if row is not None else None

    def links(self, *, partner_id: int, customer_id: int, limit: int) -> Sequence[PaymentLink]:
        values = {"partner": partner_id, "customer": customer_id, "limit": limit}
        return [_link(row) for row in self._connection.execute(_LIST, values).mappings()]

    def use_link(self, link_id: str, *, now: datetime) -> None:
        self._connection.execute(_USE, {"of_id": link_id, "now": now})

    def use_up_link(self, link_id: str, *, now: datetime) -> bool:
        return self._connection.execute(_USE_UP, {"of_id": link_id, "now": now}).rowcount > 0

    def revoke_link(self, link_id: str, *, now: datetime) -> bool:
        return self._connection.execute(_REVOKE, {"of_id": link_id, "now": now}).rowcount > 0

    def revoke_links_of(self, customer_id: int, *, partner_id: int, now: datetime) -> int:
        values = {"of_customer": customer_id, "of_partner": partner_id, "now": now}
        return self._connection.execute(_REVOKE_ALL, values).rowcount

    def add_link_key(self, key: LinkKey, *, digest: str) -> None:
        values = {
            "id": key.id,
            "digest": digest,
            "name": key.name,
            "partner_id": key.partner_id,
            "made_at": key.made_at,
            "made_by": key.made_by,
        }
        self._connection.execute(_ADD_KEY, values)

    def link_key_of_digest(self, digest: str) -> LinkKey | None:
        row = self._connection.execute(_KEY_BY_DIGEST, {"digest": digest}).mappings().first()
        return _key(row) if row is not None else None

    def link_keys(self, *, limit: int) -> Sequence[LinkKey]:
        rows = self._connection.execute(_KEYS, {"limit": limit})
        return [_key(row) for row in rows.mappings()]

    def use_link_key(self, key_id: str, *, now: datetime) -> None:
        self._connection.execute(_USE_KEY, {"of_id": key_id, "now": now})

    def revoke_link_key(self, key_id: str, *, now: datetime) -> bool:
        return self._connection.execute(_REVOKE_KEY, {"of_id": key_id, "now": now}).rowcount > 0


def _link(row: RowMapping) -> PaymentLink:
    return PaymentLink(
        id=row["id"],
        scope=LinkScope(row["scope"]),
        partner_id=row["partner_id"],
        customer_id=row["splynx_customer_id"],
        document_id=row["document_id"],
        document_number=row["document_number"],
        made_at=row["made_at"],
        made_by=row["made_by"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        uses=row["uses"],
        last_used_at=row["last_used_at"],
        used_up_at=row["used_up_at"],
    )


def _key(row: RowMapping) -> LinkKey:
    return LinkKey(
        id=row["id"],
        name=row["name"],
        partner_id=row["partner_id"],
        made_at=row["made_at"],
        made_by=row["made_by"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )
