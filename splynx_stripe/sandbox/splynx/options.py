"""The switches of the sandbox: each one is something nobody outside knows of a real Splynx."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_type_hints

ValidationForm = Literal["A", "B", "C"]


@dataclass(slots=True, kw_only=True)
class SplynxSandboxOptions:
    """How this Splynx behaves where servers differ (reference `splynx-api.md`, section 7).

    Everything can be changed while the sandbox runs.
    """

    check_nonce: bool = True
    """The nonce of `sandbox-key` must increase strictly (1.2)."""
    unsecure_auth: bool = False
    """`sandbox-key` may also use HTTP Basic (1.1)."""
    lower_case_signature: bool = False
    """A signature in lower-case hex is accepted too (1.2)."""
    timezone: str = "Europe/Prague"
    """Zone of the naive dates and times."""
    session_cookie: str = "PHPSESSID"
    """Name of the browser's session cookie (7, row 1)."""
    addon_url: str | None = None
    """Where `/stripe/` is proxied to; without it `/stripe/` answers 502."""
    default_page_size: int = 100
    """Rows when `limit` is missing; 0 means all. Not documented (2.2)."""
    max_page_size: int = 0
    """Cap on `limit`; 0 means none. Not documented (2.2)."""
    ignored_filters: set[tuple[str, str]] = field(default_factory=set)
    """(resource path such as `admin/finance/invoices`, attribute) whose filter does nothing (6)."""
    like_adds_percent: bool = False
    """`LIKE` with bare text finds it anywhere (2.2)."""
    named_invoice_becomes_paid: bool = True
    """A payment that covers the invoice it names makes it `paid` (7, row 5)."""
    named_proforma_becomes_paid: bool = False
    """A payment that covers the proforma it names makes it `paid` (7, row 6)."""
    ids_as_strings: bool = False
    """Ids as older servers write them (1.5)."""
    money_as_numbers: bool = False
    """Money as JSON numbers (2.4)."""
    validation_form: ValidationForm = "B"
    """Body of a 422: A list, B list inside the error object, C list of field and message (2.3)."""
    put_ignored: bool = False
    """PUT answers 202 and changes nothing (6)."""
    put_needs_all_fields: bool = False
    """PUT without the required fields answers 202 and changes nothing (7, row 7)."""
    long_receipt_number: Literal["refuse", "cut"] = "refuse"
    """What happens to a receipt number over 32 characters (3.6)."""
    negative_payment_reopens: bool = True
    """A payment below zero that names a document opens it again; what a server does is unknown."""
    negative_payments: bool = True
    """Payments below zero, which are refunds, are accepted (7, row 11)."""
    knows_refund_payment_id: bool = True
    """Payments have `refund_payment_id`, as only the newest releases do (7, row 10)."""
    put_creates_payment_account: bool = True
    """PUT of a payment account row that does not exist makes it; otherwise 404 (7, row 17)."""
    payment_account_path_ids: bool = True
    """`…/customer-payment-accounts/17--1` works beside `?id=17--1` (7, row 18)."""
    customer_may_write_others_accounts: bool = False
    """A customer's token may write payment accounts of others (7, row 33)."""
    bad_id_status: Literal[404, 500] = 404
    """Answer to an id that is not a number; some servers were seen to answer 500 (2.3)."""

    def change(self, changes: dict[str, Any]) -> None:
        """Sets switches from JSON.

        Raises:
            ValueError: when a switch does not exist or cannot have that value; nothing is changed.
        """
        hints = get_type_hints(type(self))
        checked = {name: _checked(name, hints.get(name), value) for name, value in changes.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, Any]:
        """Gives the present switches, sets as sorted lists."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**values, "ignored_filters": sorted(map(list, self.ignored_filters))}


def _checked(name: str, hint: object, value: Any) -> Any:
    if hint is None:
        raise ValueError(f"There is no switch {name!r}.")
    if name == "ignored_filters":
        return {(str(resource), str(attribute)) for resource, attribute in value}
    if allowed := get_args(hint):
        suits = value in allowed or (type(value) in allowed)
    else:
        suits = type(value) is hint
    if not suits:
        raise ValueError(f"The switch {name!r} cannot be {value!r}.")
    return value
