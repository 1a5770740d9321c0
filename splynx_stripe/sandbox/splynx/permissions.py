"""Who may do what: controllers and actions (reference 1.4 and 2.5)."""

from __future__ import annotations

Permission = tuple[str, str]
r"""A controller without its leading `api\` and an action: index, view, add, update or delete."""

ANYTHING: Permission = ("*", "*")
"""What a super-administrator has."""


def _allowed(table: dict[str, str]) -> frozenset[Permission]:
    return frozenset(
        (controller, action) for controller, actions in table.items() for action in actions.split()
    )


ADDON_PERMISSIONS = _allowed(
    {
        "admin\\finance\\BankStatements": "index view add",
        "admin\\finance\\BankStatementsRecords": "index view add update",
        "admin\\finance\\Payments": "index add view update delete",
        "admin\\finance\\Transactions": "index add",
        "admin\\finance\\Invoices": "index view update",
        "admin\\finance\\Requests": "index view update",
        "admin\\finance\\PaymentMethods": "index",
        "admin\\finance\\CreditNotes": "index view update",
        "admin\\customers\\Customer": "index view",
        "admin\\customers\\CustomerBilling": "view update",
        "admin\\customers\\BillingInfo": "view",
        "admin\\customers\\CustomerPaymentAccounts": "index view update delete",
        "admin\\administration\\Partners": "index view",
        "admin\\administration\\Locations": "index",
        "admin\\config\\EntryPoints": "index",
        "admin\\config\\Mail": "add",
        "admin\\config\\Sms": "add",
        "admin\\customers\\SendDocuments": "add",
        "admin\\config\\CompanyInfo": "index view",
    }
)
"""What a payment add-on asks for when it is installed, refunds included (2.5)."""

CUSTOMER_PERMISSIONS = _allowed(
    {
        "admin\\customers\\Customer": "index view update",
        "admin\\customers\\CustomerInfo": "index view update",
        "admin\\customers\\CustomerBilling": "view",
        "admin\\customers\\CustomerPaymentAccounts": "index view update",
        "admin\\customers\\BillingInfo": "view",
        "admin\\finance\\Transactions": "index view",
        "admin\\finance\\Invoices": "index view",
        "admin\\finance\\Requests": "index view",
        "admin\\finance\\Payments": "index view",
        "admin\\finance\\PaymentMethods": "index view",
        "admin\\finance\\RefillCards": "update",
        "admin\\config\\Config": "index",
        "admin\\config\\CompanyInfo": "index view",
        "admin\\config\\EntryPoints": "index view",
        "portal\\Dashboard": "index",
    }
)
"""What the token of a portal customer may do, and only with own rows (1.4)."""

EVERYTHING = frozenset({ANYTHING})


def allows(permissions: frozenset[Permission], controller: str, action: str) -> bool:
    """Says whether the permissions contain this one."""
    return ANYTHING in permissions or (controller, action) in permissions


def as_json(permissions: frozenset[Permission]) -> dict[str, dict[str, str]]:
    """Gives the permissions as the answer of a token login shows them."""
    shown: dict[str, dict[str, str]] = {}
    for controller, action in sorted(permissions):
        shown.setdefault(controller, {})[action] = "allow"
    return shown
