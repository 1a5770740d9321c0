"""What is remembered per Stripe account: the poll cursor and who is which Stripe customer."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.rows import PerDialect, UnitPart
from splynx_stripe.store.tables import poll_cursors, stripe_customers

_p, _s = poll_cursors.c, stripe_customers.c
_CURSOR = select(_p.read_up_to).where(_p.account == bindparam("account"))
_CUSTOMER = select(_s.stripe_customer_id).where(
    _s.account == bindparam("account"), _s.splynx_customer_id == bindparam("splynx_customer_id")
)


def _forward_cursor() -> PerDialect:
    lite, postgres = sqlite.insert(poll_cursors), postgresql.insert(poll_cursors)
    return MappingProxyType(
        {
            "sqlite": lite.on_conflict_do_update(
                index_elements=[_p.account],
                set_={"read_up_to": lite.excluded.read_up_to},
                where=lite.excluded.read_up_to > _p.read_up_to,
            ),
            "postgresql": postgres.on_conflict_do_update(
                index_elements=[_p.account],
                set_={"read_up_to": postgres.excluded.read_up_to},
                where=postgres.excluded.read_up_to > _p.read_up_to,
            ),
        }
    )


def _newest_customer() -> PerDialect:
    lite, postgres = sqlite.insert(stripe_customers), postgresql.insert(stripe_customers)
    identity = [_s.account, _s.splynx_customer_id]
    return MappingProxyType(
        {
            "sqlite": lite.on_conflict_do_update(
                index_elements=identity,
                set_={"stripe_customer_id": lite.excluded.stripe_customer_id},
            ),
            "postgresql": postgres.on_conflict_do_update(
                index_elements=identity,
                set_={"stripe_customer_id": postgres.excluded.stripe_customer_id},
            ),
        }
    )


_SET_CURSOR = _forward_cursor()
_SAVE_CUSTOMER = _newest_customer()


class AccountRows(UnitPart):
    """The part of a unit that knows Stripe accounts."""

    def poll_cursor(self, account: StripeAccount) -> datetime | None:
        cursor: datetime | None = self._connection.execute(
            _CURSOR, {"account": account.key}
        ).scalar()
        return cursor

    def set_poll_cursor(self, account: StripeAccount, cursor: datetime) -> None:
        values = {"account": account.key, "read_up_to": cursor}
        self._connection.execute(_SET_CURSOR[self._dialect], values)

    def stripe_customer(self, account: StripeAccount, splynx_customer_id: int) -> str:
        values = {"account": account.key, "splynx_customer_id": splynx_customer_id}
        return str(self._connection.execute(_CUSTOMER, values).scalar() or "")

    def save_stripe_customer(
        self, account: StripeAccount, splynx_customer_id: int, stripe_customer_id: str
    ) -> None:
        values = {
            "account": account.key,
            "splynx_customer_id": splynx_customer_id,
            "stripe_customer_id": stripe_customer_id,
        }
        self._connection.execute(_SAVE_CUSTOMER[self._dialect], values)
