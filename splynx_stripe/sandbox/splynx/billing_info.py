"""What the portal tells a customer of the account: balance, days left, price of the next period (3.1).

The shape depends on the billing type. Amounts are JSON numbers here, and strings with four decimals
in the customer's billing: the real one mixes them, too.
"""

from __future__ import annotations

from decimal import Decimal

from splynx_stripe.sandbox.splynx.call import ApiAnswer, ApiCall, Principal
from splynx_stripe.sandbox.splynx.errors import forbidden, method_disabled, not_found, not_own
from splynx_stripe.sandbox.splynx.permissions import allows
from splynx_stripe.sandbox.splynx.rows import ZERO, Customer, JsonObject
from splynx_stripe.sandbox.splynx.state import SplynxState

CONTROLLER = "admin\\customers\\BillingInfo"
_DAYS = 30
_NEVER = "0000-00-00"


class BillingInfoEndpoints:
    """`admin/customers/billing-info/{customer}`, which can only be read."""

    def __init__(self, state: SplynxState) -> None:
        self._state = state

    def answer(self, call: ApiCall, principal: Principal, row_id: str | None) -> ApiAnswer:
        """Gives what the customer's billing type has to say."""
        if call.method != "GET" or row_id is None:
            raise method_disabled()
        if not allows(principal.permissions, CONTROLLER, "view"):
            raise forbidden()
        customer = self._state.customers.get(int(row_id)) if row_id.isdigit() else None
        if customer is None:
            raise not_found()
        if principal.customer_id is not None and principal.customer_id != customer.id:
            raise not_own()
        return ApiAnswer(200, self._info(customer))

    def _info(self, customer: Customer) -> JsonObject:
        billing = self._state.billings.get(customer.id)
        deposit = billing.deposit if billing else ZERO
        price, per_day = customer.mrr_total, customer.mrr_total / _DAYS
        days_left = int(deposit / per_day) if per_day > 0 and deposit > 0 else 0
        common: JsonObject = {"deposit": _number(deposit), "blocking_date": _NEVER}
        match customer.billing_type:
            case "prepaid":
                prices = {"paymentPerPeriod": _number(price), "paymentPerDay": _number(per_day)}
                return {"howManyDaysLeft": days_left, **prices, **common}
            case "prepaid_monthly":
                prices = {"paymentPerMonth": _number(price), "paymentPerDay": _number(per_day)}
                months_left = int(deposit / price) if price > 0 and deposit > 0 else 0
                left = {"howManyMonthsLeft": months_left, "howManyDaysLeft": days_left}
                return {**left, **prices, **common}
            case _:
                return {
                    "blockingEnabled": True,
                    "status": customer.status,
                    "lowBalance": deposit < 0,
                    "howManyDaysLeft": days_left,
                    "is_already_blocked": customer.status == "blocked",
                    **common,
                }


def _number(amount: Decimal) -> float:
    return float(round(amount, 4))
