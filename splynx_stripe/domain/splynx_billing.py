"""What Splynx says of a customer's money: balance, payment method, price of the next prepaid period.

Field meanings are in `reference/splynx-api.md` 3.1. Amounts are `Decimal` in major units, because
Splynx knows no currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ListedCustomer:
    """A customer as Splynx's list shows one. `billing_type` is recurring, prepaid or prepaid_monthly."""

    id: int
    partner_id: int
    location_id: int
    name: str
    email: str
    status: str
    billing_type: str

    @property
    def is_prepaid(self) -> bool:
        """Says whether the customer pays a period before it begins."""
        return self.billing_type in {"prepaid", "prepaid_monthly"}


@dataclass(frozen=True, slots=True)
class CustomerBilling:
    """A customer's account: a negative `deposit` is debt, a positive one is credit.

    `payment_method_id` is Splynx's payment method of the customer, 0 when there is none.
    """

    customer_id: int
    deposit: Decimal
    payment_method_id: int

    @property
    def debt(self) -> Decimal:
        """Gives what the customer owes, zero when there is credit."""
        return max(-self.deposit, Decimal(0))


@dataclass(frozen=True, slots=True)
class PrepaidPrice:
    """What the next period of a prepaid customer costs, and the balance that Splynx shows beside it."""

    customer_id: int
    price: Decimal
    deposit: Decimal

    def to_pay(self, *, uses_balance: bool) -> Decimal:
        """Gives what is to be charged; never below zero.

        With "Use available balance" credit lowers the price and debt raises it.
        """
        return max(self.price - self.deposit, Decimal(0)) if uses_balance else self.price
