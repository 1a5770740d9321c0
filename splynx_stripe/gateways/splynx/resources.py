r"""Splynx's resources, the permission each needs, and a question to one of them.

Paths are those of `reference/splynx-api.md` section 3, controllers those of section 2.5. The
permission controller of proforma invoices is still called `Requests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

Action = Literal["index", "view", "add", "update", "delete"]

_METHODS: Mapping[Action, str] = {
    "index": "GET",
    "view": "GET",
    "add": "POST",
    "update": "PUT",
    "delete": "DELETE",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A collection of the API. `items_are_secret`: what follows the path is a token."""

    path: str
    controller: str
    items_are_secret: bool = False


CUSTOMERS = Resource("admin/customers/customer", r"api\admin\customers\Customer")
CUSTOMER_BILLING = Resource(
    "admin/customers/customer-billing", r"api\admin\customers\CustomerBilling"
)
BILLING_INFO = Resource("admin/customers/billing-info", r"api\admin\customers\BillingInfo")
CUSTOMER_PAYMENT_ACCOUNTS = Resource(
    "admin/customers/customer-payment-accounts", r"api\admin\customers\CustomerPaymentAccounts"
)
INVOICES = Resource("admin/finance/invoices", r"api\admin\finance\Invoices")
PROFORMA_INVOICES = Resource("admin/finance/proforma-invoices", r"api\admin\finance\Requests")
PAYMENTS = Resource("admin/finance/payments", r"api\admin\finance\Payments")
TRANSACTIONS = Resource("admin/finance/transactions", r"api\admin\finance\Transactions")
PAYMENT_METHODS = Resource("admin/finance/payment-methods", r"api\admin\finance\PaymentMethods")
STATEMENTS = Resource("admin/finance/bank-statements", r"api\admin\finance\BankStatements")
STATEMENT_RECORDS = Resource(
    "admin/finance/bank-statements-records", r"api\admin\finance\BankStatementsRecords"
)
PARTNERS = Resource("admin/administration/partners", r"api\admin\administration\Partners")
LOCATIONS = Resource("admin/administration/locations", r"api\admin\administration\Locations")
ADMINISTRATORS = Resource(
    "admin/administration/administrators", r"api\admin\administration\Administrators"
)
COMPANY_INFO = Resource("admin/config/company-info", r"api\admin\config\CompanyInfo")
MAIL = Resource("admin/config/mail", r"api\admin\config\Mail")
SMS = Resource("admin/config/sms", r"api\admin\config\Sms")
SEND_DOCUMENTS = Resource("admin/customers/send-documents", r"api\admin\customers\SendDocuments")
DOWNLOADS = Resource("admin/config/download", r"api\admin\config\Download")
API_CHECK = Resource("admin/api/check", r"api\admin\api\Check")
TOKENS = Resource("admin/auth/tokens", r"api\admin\auth\Tokens", items_are_secret=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One question to Splynx: what, about which item, and for a write with what content."""

    resource: Resource
    action: Action
    item: str = ""
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None

    @property
    def method(self) -> str:
        return _METHODS[self.action]

    @property
    def writes(self) -> bool:
        """Says whether something may have changed in Splynx when the answer gets lost."""
        return self.action in {"add", "update", "delete"}

    @property
    def path(self) -> str:
        return f"{self.resource.path}/{self.item}" if self.item else self.resource.path

    @property
    def permission(self) -> str:
        """Names the permission as Splynx's page of an API key does: controller and action."""
        return f"{self.resource.controller} {self.action}"

    @override
    def __str__(self) -> str:
        shown = self.resource.path if self.resource.items_are_secret else self.path
        return f"{self.method} {shown}"
