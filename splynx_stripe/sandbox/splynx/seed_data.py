"""The little provider the sandbox starts with, in three sizes, the same for each run.

Northwind Fibre (partner 1, prices in EUR) and Kaze Net (partner 2, prices in JPY). Each
customer's portal login is `customer<ID>`, the administrator's is `admin`, all passwords are
`sandbox`. Two API keys: `sandbox-key` may what a payment add-on asks for, `office-key` may
everything and also uses HTTP Basic.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from splynx_stripe.sandbox.splynx import books
from splynx_stripe.sandbox.splynx.permissions import ADDON_PERMISSIONS, EVERYTHING
from splynx_stripe.sandbox.splynx.rows import (
    Administrator,
    Customer,
    CustomerBilling,
    CustomerInfo,
    EntryPoint,
    Invoice,
    JsonObject,
    Location,
    Partner,
    Payment,
    PaymentMethod,
    PlainRow,
    Proforma,
    TransactionCategory,
)
from splynx_stripe.sandbox.splynx.state import ApiKey, SplynxState

DataSet = Literal["small", "medium", "large"]

PASSWORD = "sandbox"  # noqa: S105  a sandbox has no secrets
BULK_CUSTOMERS: dict[DataSet, int] = {"small": 0, "medium": 492, "large": 19_992}
"""Customers made by counting, beside the eight with a story."""

FIRST_BULK_CUSTOMER = 1001
FIRST_BULK_INVOICE = 2001
NOVEMBER = ("2026-11-01", "2026-11-15")
"""Issued and due."""

_VAT = Decimal("1.2")
_FIRST_NAMES = "Anna Petr Eva Jan Lucie Karel Marie Pavel Hana Tomas".split()  # noqa: SIM905
_LAST_NAMES = "Novak Svoboda Dvorak Cerny Prochazka Kucera Vesely Horak Nemec".split()  # noqa: SIM905


def fill(state: SplynxState, data: DataSet) -> None:
    """Fills an empty state."""
    _configuration(state)
    _payment_settings(state)
    _people(state)
    _john_doe(state)
    _neighbours(state)
    for index in range(BULK_CUSTOMERS[data]):
        _bulk_customer(state, index)


def _configuration(state: SplynxState) -> None:
    for name, permissions, unsecure in (
        ("sandbox", ADDON_PERMISSIONS, None),
        ("office", EVERYTHING, True),
    ):
        key = ApiKey(
            id=len(state.api_keys) + 4,
            key=f"{name}-key",
            secret=f"{name}-secret",
            permissions=permissions,
            unsecure_auth=unsecure,
        )
        state.api_keys[key.key] = key
    state.partners.add(Partner(id=1, name="Main"))
    state.partners.add(Partner(id=2, name="Kaze Net"))
    state.locations.add(Location(id=1, name="Prague"))
    state.locations.add(Location(id=2, name="Osaka"))
    state.company_infos.add(_company(1, "Northwind Fibre", "Prague", "Czech Republic", "CZ"))
    state.company_infos.add(_company(2, "Kaze Net", "Osaka", "Japan", "JP"))
    tax = {"id": 1, "name": "VAT 20", "rate": 20, "type": "single", "archived": 0, "is_system": 0}
    state.taxes.add(PlainRow(id=1, values=tax))
    module = {
        "module": "splynx_stripe_addon",
        "title": "Splynx Stripe Add-On",
        "root": "",
        "type": "simple",
        "icon": "",
        "title_attribute_prefix": "",
        "title_attribute_suffix": "",
        "path": "/stripe",
        "status": 1,
    }
    state.modules.add(PlainRow(id=1, values=module))
    settings: JsonObject = {"language": "en", "bank_statements_group": "month"}
    state.config["add-on", "splynx_stripe_addon", 0] = settings
    state.config["main", "portal", 0] = {"title": "Customer portal"}


def _company(partner_id: int, name: str, city: str, country: str, code: str) -> PlainRow:
    domain = name.lower().replace(" ", "-")
    values = {
        "id": partner_id,
        "invoice_template_id": 5,
        "request_template_id": 6,
        "receipt_template_id": 9,
        "company_name": name,
        "street_1": "Harbour Street 1",
        "street_2": "",
        "zip": "12345",
        "city": city,
        "country": country,
        "iso_country_code": code,
        "email": f"billing@{domain}.example",
        "phone": "+420555010100",
        "company_id": "123456",
        "company_vat": "111111",
        "vat_percent": 20.0,
        "bank_account": "",
        "bank_name": "",
        "bank_address": "",
        "splynx_url": "https://splynx.example.com/",
        "partner_percent": 1.0,
        "file_logo": 1,
    }
    return PlainRow(id=partner_id, values=values)


def _payment_settings(state: SplynxState) -> None:
    names = {1: "Cash", 2: "Bank transfer", 3: "Credit card", 5: "Other", 6: "Refill card"}
    for row_id, name in names.items():
        state.payment_methods.add(PaymentMethod(id=row_id, name=name))
    state.payment_methods[1].name_1 = "Payer"
    for row_id, name in enumerate("Service Discount Payment Refund Correction".split(), start=1):  # noqa: SIM905
        state.categories.add(TransactionCategory(id=row_id, name=name))
    labels = ("customer account ID", "card id", "Card Brand name", "Card 4last digits")
    for row_id, title in ((1, "Stripe"), (2, "Stripe Bank")):
        fields = {f"field_{n}": "extra value" for n in range(1, 11)}
        fields |= {f"field_{n}": label for n, label in enumerate(labels, start=1)}
        fields |= {"field_1": "Stripe customer account ID", "field_5": "Card exp month"}
        state.payment_accounts.add(
            PlainRow(id=row_id, values={"id": row_id, "title": title, **fields})
        )
    _entry_points(state)


def _entry_points(state: SplynxState) -> None:
    for model, path in (("Invoices", "pay-invoice"), ("Requests", "pay-request")):
        name = f"stripe_{path.replace('-', '_')}_point"
        point = EntryPoint(title="Pay by card", model=model, url=f"/stripe/{path}", name=name)
        state.entry_points.add(point)
    for row_id, title, url, name in (
        (11, "Credit card via Stripe gateway", "/stripe/", "stripe_cards"),
        (13, "Saved cards and bank accounts", "/stripe/credentials", "stripe_credentials"),
        (14, "Open documents", "/stripe/widget", "stripe_widget"),
    ):
        _menu_link(state, "portal", row_id, title=title, url=url, name=name)
    for row_id, title, url, name in (
        (12, "Stripe", "/stripe/admin/", "stripe_admin"),
        (15, "Stripe logs", "/stripe/admin/logs", "stripe_logs"),
        (16, "Saved cards", "/stripe/admin/credentials", "stripe_admin_credentials"),
    ):
        _menu_link(state, "admin", row_id, title=title, url=url, name=name)


def _menu_link(
    state: SplynxState, place: str, row_id: int, *, title: str, url: str, name: str
) -> None:
    root = f"controllers\\{place}\\FinanceController"
    point = EntryPoint(
        id=row_id, place=place, type="menu_link", title=title, root=root, url=url, name=name
    )
    state.entry_points.add(point)


def _people(state: SplynxState) -> None:
    admin = Administrator(
        id=1, login="admin", password=PASSWORD, name="Main Admin", email="admin@northwind.example"
    )
    state.administrators.add(admin)
    partner_admin = Administrator(
        id=2, partner_id=2, role_name="manager", login="kaze", password=PASSWORD, name="Kaze Office"
    )
    state.administrators.add(partner_admin)
    for customer_id, name, partner_id, billing_type in (
        (17, "John Doe", 1, "recurring"),
        (18, "Jana Novakova", 1, "recurring"),
        (19, "Corner Bakery", 1, "prepaid"),
        (20, "Tom Blocked", 1, "recurring"),
        (21, "Yuki Tanaka", 2, "recurring"),
        (22, "Haruto Sato", 2, "recurring"),
        (23, "Maria Prepaid", 1, "prepaid_monthly"),
        (24, "Olga Paid-Up", 1, "recurring"),
    ):
        add_customer(
            state, customer_id, name=name, partner_id=partner_id, billing_type=billing_type
        )
    state.customers[19].category = "company"
    state.customers[19].mrr_total = Decimal("12.5000")
    state.customers[20].status = "blocked"
    state.customers[23].mrr_total = Decimal("29.9000")


def add_customer(
    state: SplynxState,
    customer_id: int,
    *,
    name: str,
    partner_id: int = 1,
    billing_type: str = "recurring",
) -> Customer:
    """Adds a customer with login, address, billing and info."""
    japan = partner_id == 2
    customer = Customer(
        id=customer_id,
        partner_id=partner_id,
        location_id=partner_id,
        billing_type=billing_type,
        login=f"customer{customer_id}",
        password=PASSWORD,
        name=name,
        email=f"{name.lower().replace(' ', '.')}.{customer_id}@example.com",
        phone=f"555-01{customer_id % 100:02d}",
        street_1=f"Paper Street {customer_id}",
        zip_code="530-0001" if japan else "11000",
        city="Osaka" if japan else "Prague",
        last_update="2026-11-01 03:00:12",
    )
    billing = CustomerBilling(id=customer_id, customer_id=customer_id, payment_method="3")
    state.billings.add(billing)
    state.customer_infos.add(CustomerInfo(id=customer_id, updated_at="2024-01-10 10:00:00"))
    return state.customers.add(customer)


def invoice_items(total: Decimal, row_id: int) -> list[JsonObject]:
    """Gives one item of this total, 20 % tax included."""
    item = {
        "id": row_id + 1000,
        "description": "Internet 100/20",
        "quantity": 1,
        "unit": "month",
        "price": f"{total / _VAT:.4f}",
        "tax": "20.0000",
        "tax_id": 1,
        "period_from": "2026-11-01",
        "period_to": "2026-11-30",
        "transaction_id": 0,
        "categoryIdForTransaction": 1,
        "sub_account_id": 0,
    }
    return [item]


def add_invoice(
    state: SplynxState,
    row_id: int,
    number: str,
    *,
    customer_id: int,
    total: str,
    dates: tuple[str, str] = NOVEMBER,
) -> Invoice:
    """Issues an unpaid invoice."""
    amount = Decimal(total).quantize(Decimal("0.0001"))
    invoice = Invoice(
        id=row_id,
        number=number,
        customer_id=customer_id,
        total=amount,
        date_created=dates[0],
        date_updated=dates[0],
        date_till=dates[1],
        real_create_datetime=f"{dates[0]} 03:00:12",
        items=invoice_items(amount, row_id),
    )
    return books.add_invoice(state, invoice)


def add_proforma(
    state: SplynxState, row_id: int, number: str, *, customer_id: int, total: str
) -> Proforma:
    """Issues an unpaid proforma invoice."""
    amount = Decimal(total).quantize(Decimal("0.0001"))
    proforma = Proforma(
        id=row_id,
        number=number,
        customer_id=customer_id,
        total=amount,
        date_created=NOVEMBER[0],
        date_updated=NOVEMBER[0],
        date_till=NOVEMBER[1],
        real_create_datetime=f"{NOVEMBER[0]} 03:00:12",
        items=invoice_items(amount, row_id),
    )
    return state.proformas.add(proforma)


def _pay(state: SplynxState, invoice: Invoice, amount: str, date: str) -> None:
    payment = Payment(
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        payment_type=1,
        amount=Decimal(amount).quantize(Decimal("0.0001")),
        date=date,
        receipt_number=f"2026-01-{invoice.id:05d}",
        comment="Cash at the counter",
        added_by="admin",
        added_by_id=1,
    )
    books.add_payment(state, payment)
    payment.real_create_datetime = payment.updated_at = f"{date} 10:00:00"
    if invoice.due == 0:
        invoice.status, invoice.payment_id, invoice.date_payment = "paid", payment.id, date
    invoice.date_updated = date


def _john_doe(state: SplynxState) -> None:
    september, october = ("2026-09-01", "2026-09-15"), ("2026-10-01", "2026-10-15")
    partly = add_invoice(
        state, 1039, "202609000039", customer_id=17, total="120.00", dates=september
    )
    _pay(state, partly, "50.00", "2026-09-20")
    deleted = add_invoice(state, 1040, "202610000040", customer_id=17, total="10.00", dates=october)
    books.set_invoice_status(state, deleted, "deleted")
    deleted.date_updated = "2026-10-02"
    paid = add_invoice(state, 1041, "202610000041", customer_id=17, total="172.50", dates=october)
    _pay(state, paid, "172.50", "2026-10-10")
    add_invoice(state, 1042, "202611000042", customer_id=17, total="172.50")
    add_invoice(state, 1043, "202611000043", customer_id=17, total="49.90")
    add_proforma(state, 61, "202611000001", customer_id=17, total="172.50")


def _neighbours(state: SplynxState) -> None:
    add_invoice(state, 1044, "202611000044", customer_id=18, total="89.90")
    add_proforma(state, 62, "202611000002", customer_id=18, total="89.90")
    add_invoice(state, 1046, "202611000046", customer_id=20, total="35.00")
    add_invoice(state, 1050, "202611000050", customer_id=21, total="6380")
    add_proforma(state, 63, "202611000003", customer_id=21, total="5800")
    add_invoice(state, 1051, "202611000051", customer_id=22, total="4980")
    settled = add_invoice(state, 1052, "202611000052", customer_id=24, total="25.00")
    _pay(state, settled, "25.00", "2026-11-03")


def _bulk_customer(state: SplynxState, index: int) -> None:
    customer_id, japan = FIRST_BULK_CUSTOMER + index, index % 10 == 9
    first, last = _FIRST_NAMES[index % 10], _LAST_NAMES[index // 10 % 9]
    add_customer(state, customer_id, name=f"{first} {last}", partner_id=2 if japan else 1)
    cents = 1990 + (index * 37) % 8000
    total = str(cents) if japan else f"{cents / 100:.2f}"
    invoice = add_invoice(
        state,
        FIRST_BULK_INVOICE + index,
        f"202611{100_000 + index}",
        customer_id=customer_id,
        total=total,
    )
    if index % 7 == 6:
        _pay(state, invoice, total, "2026-11-05")
