"""Splynx's JSON of customers' money to our values (`reference/splynx-api.md` 3.1)."""

from __future__ import annotations

from splynx_stripe.domain.mail import first_address
from splynx_stripe.domain.splynx_billing import CustomerBilling, ListedCustomer, PrepaidPrice
from splynx_stripe.gateways.splynx.wire import (
    Row,
    WireError,
    identifier,
    money,
    optional_identifier,
    text,
)

_PRICES = ("paymentPerMonth", "paymentPerPeriod")


def listed_customer(source: Row) -> ListedCustomer:
    """Reads a customer of a list."""
    return ListedCustomer(
        id=identifier(source, "id"),
        partner_id=identifier(source, "partner_id"),
        location_id=optional_identifier(source, "location_id"),
        name=text(source, "name"),
        email=first_address(text(source, "email")) or first_address(text(source, "billing_email")),
        status=text(source, "status"),
        billing_type=text(source, "billing_type"),
    )


def customer_billing(customer_id: int, source: Row) -> CustomerBilling:
    """Reads a customer's billing. Raises `WireError` when it is another customer's."""
    if optional_identifier(source, "customer_id") not in {0, customer_id}:
        raise WireError("it is another customer than the one asked for")
    return CustomerBilling(
        customer_id=customer_id,
        deposit=money(source, "deposit"),
        payment_method_id=optional_identifier(source, "payment_method"),
    )


def prepaid_price(customer_id: int, source: Row) -> PrepaidPrice | None:
    """Reads what the next period costs; None when Splynx names no price (recurring customers)."""
    named = [name for name in _PRICES if source.get(name) not in {None, ""}]
    if not named:
        return None
    return PrepaidPrice(
        customer_id=customer_id,
        price=money(source, named[0]),
        deposit=money(source, "deposit"),
    )
