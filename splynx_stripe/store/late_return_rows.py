"""Late returns in the database: the unique rows make each reverse its booking once."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from splynx_stripe.domain.late_return import LateReturn
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.late_return_tables import late_returns
from splynx_stripe.store.rows import UnitPart, insert_unless_there

_r = late_returns.c
_ADD = insert_unless_there(late_returns, [_r.attempt_id])
_OF_ATTEMPT = select(late_returns).where(_r.attempt_id == bindparam("attempt_id"))


class LateReturnRows(UnitPart):
    """The part of a unit that knows late returns."""

    def add_late_return(self, late: LateReturn) -> bool:
        values = {
            "account": late.account.key,
            "dispute_id": late.dispute_id,
            "attempt_id": late.attempt_id,
            "amount_minor": late.amount.minor_units,
            "currency": late.amount.currency,
            "reason": late.reason,
            "returned_at": late.returned_at,
        }
        return self._inserted(_ADD, values)

    def late_return_of(self, attempt_id: str) -> LateReturn | None:
        values = {"attempt_id": attempt_id}
        row = self._connection.execute(_OF_ATTEMPT, values).mappings().first()
        if row is None:
            return None
        return LateReturn(
            dispute_id=row["dispute_id"],
            account=StripeAccount.from_key(row["account"]),
            attempt_id=row["attempt_id"],
            amount=Money(row["amount_minor"], row["currency"]),
            reason=row["reason"],
            returned_at=row["returned_at"],
        )
