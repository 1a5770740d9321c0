"""Finds out which permissions the API key lacks, by reading with it (reference 2.5)."""

from __future__ import annotations

from splynx_stripe.domain.errors import NotPermittedError, RejectedError
from splynx_stripe.gateways.splynx import wire
from splynx_stripe.gateways.splynx.api import SplynxApi
from splynx_stripe.gateways.splynx.resources import (
    BILLING_INFO,
    COMPANY_INFO,
    CUSTOMER_BILLING,
    CUSTOMER_PAYMENT_ACCOUNTS,
    CUSTOMERS,
    INVOICES,
    LOCATIONS,
    PARTNERS,
    PAYMENT_METHODS,
    PAYMENTS,
    PROFORMA_INVOICES,
    STATEMENT_RECORDS,
    STATEMENTS,
    TRANSACTIONS,
    Action,
    Call,
    Resource,
)

_FORBIDDEN = 403

_ANY_ITEM = "1"
"""Splynx looks at the permission before it looks for the item, so it need not exist."""

READ_PERMISSIONS: tuple[tuple[Resource, Action], ...] = (
    (CUSTOMERS, "index"),
    (CUSTOMERS, "view"),
    (CUSTOMER_BILLING, "view"),
    (BILLING_INFO, "view"),
    (CUSTOMER_PAYMENT_ACCOUNTS, "index"),
    (INVOICES, "index"),
    (INVOICES, "view"),
    (PROFORMA_INVOICES, "index"),
    (PROFORMA_INVOICES, "view"),
    (PAYMENTS, "index"),
    (PAYMENTS, "view"),
    (TRANSACTIONS, "index"),
    (PAYMENT_METHODS, "index"),
    (STATEMENTS, "index"),
    (STATEMENT_RECORDS, "index"),
    (PARTNERS, "index"),
    (LOCATIONS, "index"),
    (COMPANY_INFO, "view"),
)
"""What can be tried without changing anything; "add" and "update" cannot."""


async def missing_permissions(api: SplynxApi) -> list[str]:
    """Names each missing permission as "controller action", in a fixed order.

    Raises:
        NotPermittedError: The API key itself is not accepted.
        RetryableError: Splynx could not be asked.
    """
    missing = []
    for resource, action in READ_PERMISSIONS:
        call = _trial(resource, action)
        answer = await api.answer(call)
        if answer.status == _FORBIDDEN:
            missing.append(call.permission)
        elif not answer.is_success:
            _tolerate(api.refusal(call, answer))
    return missing


def _tolerate(error: Exception) -> None:
    """Passes over "no such item" and "method disabled", which say nothing about permissions."""
    if isinstance(error, NotPermittedError) or not isinstance(error, RejectedError):
        raise error


def _trial(resource: Resource, action: Action) -> Call:
    if resource is CUSTOMER_PAYMENT_ACCOUNTS:
        return Call(resource, action)  # it gives the few definitions and knows no paging
    if action == "index":
        return Call(resource, action, query=wire.page_query({}, limit=1, offset=0))
    return Call(resource, action, item=_ANY_ITEM)
