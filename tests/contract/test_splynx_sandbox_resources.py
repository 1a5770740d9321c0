"""The rest of the API answers as reference section 3 says, each exchange by the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.splynx_sandbox_run import RunningSplynx, running_splynx

CUSTOMERS, FINANCE, CONFIG = "admin/customers", "admin/finance", "admin/config"
ITEM = {
    "description": "Router",
    "quantity": 2,
    "unit": "piece",
    "price": "50.0000",
    "tax": "20.0000",
}


@pytest.fixture
async def splynx() -> AsyncIterator[RunningSplynx]:
    async with running_splynx() as running:
        yield running


async def add(splynx: RunningSplynx, path: str, **body: Any) -> int:
    answer = await splynx.office("POST", path, body=body)
    assert answer.status == 201, answer.body
    return int(answer.body["id"])


async def view(splynx: RunningSplynx, path: str) -> dict[str, Any]:
    answer = await splynx.office("GET", path)
    assert answer.status == 200, answer.body
    row: dict[str, Any] = answer.body
    return row


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("admin/customers/customer", 8),
        ("admin/administration/partners", 2),
        ("admin/administration/locations", 2),
        ("admin/administration/administrators", 2),
        ("admin/finance/transactions", 13),
        ("admin/finance/transaction-categories", 5),
        ("admin/finance/payment-methods", 5),
        ("admin/finance/proforma-invoices", 3),
        ("admin/finance/credit-notes", 0),
        ("admin/config/taxes", 1),
        ("admin/config/company-info", 2),
        ("admin/config/entry-points", 8),
        ("admin/config/modules", 1),
        ("admin/config/mail", 0),
    ],
)
async def test_every_collection_lists_its_rows(
    splynx: RunningSplynx, path: str, count: int
) -> None:
    answer = await splynx.office("GET", path)

    assert answer.status == 200
    assert len(answer.body) == count


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("admin/customers/customer/17", "name", "John Doe"),
        ("admin/customers/customer-info/17", "vat_id", ""),
        ("admin/customers/customer-billing/17", "payment_method", "3"),
        ("admin/config/company-info/2", "iso_country_code", "JP"),
        ("admin/config/entry-points/11", "url", "/stripe/"),
        ("admin/config/modules/splynx_stripe_addon", "path", "/stripe"),
        ("admin/finance/proforma-invoices/63", "total", "5800.0000"),
    ],
)
async def test_single_rows_are_viewed(
    splynx: RunningSplynx, path: str, field: str, value: str
) -> None:
    assert (await view(splynx, path))[field] == value


async def test_a_new_customer_has_billing_and_a_login(splynx: RunningSplynx) -> None:
    row_id = await add(
        splynx,
        f"{CUSTOMERS}/customer",
        name="New Person",
        partner_id=1,
        location_id=1,
        category="person",
    )
    await splynx.office("PUT", f"{CUSTOMERS}/customer/{row_id}", body={"email": "new@example.com"})

    customer = await view(splynx, f"{CUSTOMERS}/customer/{row_id}")
    assert (customer["login"], customer["email"]) == (f"{row_id:06d}", "new@example.com")
    assert (await view(splynx, f"{CUSTOMERS}/customer-billing/{row_id}"))["deposit"] == "0.0000"


async def test_the_default_payment_method_can_be_changed_and_the_balance_cannot() -> None:
    async with running_splynx(check_requests=False) as splynx:
        body = {"payment_method": 2, "deposit": "1000000.0000"}
        await splynx.call("PUT", f"{CUSTOMERS}/customer-billing/17", body=body)

        row = await view(splynx, f"{CUSTOMERS}/customer-billing/17")
        assert (row["payment_method"], row["deposit"]) == ("2", "-292.4000")


async def test_a_note_is_left_on_a_customer(splynx: RunningSplynx) -> None:
    row_id = await add(
        splynx,
        f"{CUSTOMERS}/customer-notes",
        customer_id=17,
        type="finance",
        **{"class": "danger"},
        title="Stripe",
        comment="Dispute opened",
    )

    note = await view(splynx, f"{CUSTOMERS}/customer-notes/17--{row_id}")
    assert (note["class"], note["comment"]) == ("danger", "Dispute opened")


async def test_a_portal_message_by_mail_reaches_the_outbox(splynx: RunningSplynx) -> None:
    await add(
        splynx,
        f"{CUSTOMERS}/send-documents",
        type="customer-portal_and_mail",
        document_type="empty",
        id=17,
        subject="Payment failed",
        message="Your card was declined.",
    )

    mails = (await splynx.office("GET", f"{CONFIG}/mail")).body
    assert [(row["subject"], row["status"]) for row in mails] == [("Payment failed", "sent")]


async def test_totals_of_new_documents_come_from_their_items(splynx: RunningSplynx) -> None:
    invoice_id = await add(
        splynx,
        f"{FINANCE}/invoices",
        customer_id=24,
        number="202611000099",
        status="not_paid",
        items=[ITEM],
    )
    proforma_id = await add(
        splynx,
        f"{FINANCE}/proforma-invoices",
        customer_id=24,
        number="202611000098",
        status="not_paid",
        items=[ITEM],
    )

    invoice = await view(splynx, f"{FINANCE}/invoices/{invoice_id}")
    proforma = await view(splynx, f"{FINANCE}/proforma-invoices/{proforma_id}")
    assert (invoice["due"], proforma["total"]) == ("120.0000", "120.0000")
    assert (invoice["added_by"], invoice["date_created"]) == ("api", "2026-11-25")
    assert splynx.sandbox.state.billings[24].deposit == -120


async def test_deleted_documents_leave_the_balance(splynx: RunningSplynx) -> None:
    await splynx.office("DELETE", f"{FINANCE}/invoices/1042")
    await splynx.office("DELETE", f"{FINANCE}/proforma-invoices/61")

    assert (await view(splynx, f"{FINANCE}/invoices/1042"))["status"] == "deleted"
    assert (await splynx.office("GET", f"{FINANCE}/proforma-invoices/61")).status == 404
    assert splynx.sandbox.state.billings[17].deposit.quantize(1) == -120


async def test_a_fee_is_a_debit(splynx: RunningSplynx) -> None:
    fee = {
        "customer_id": 24,
        "type": "debit",
        "quantity": 1,
        "price": "5.2500",
        "tax_percent": "0.0000",
        "total": "5.2500",
        "date": "2026-11-24",
        "category": 5,
    }
    row_id = await add(splynx, f"{FINANCE}/transactions", **fee)

    assert (await view(splynx, f"{FINANCE}/transactions/{row_id}"))["total"] == "5.2500"
    assert str(splynx.sandbox.state.billings[24].deposit) == "-5.2500"


async def test_settings_of_a_partner_fall_back_to_the_default_partners(
    splynx: RunningSplynx,
) -> None:
    query = {"module": "add-on", "path": "splynx_stripe_addon"}
    for_two = {**query, "partner_id": "2"}
    put = await splynx.office("PUT", f"{CONFIG}/config", query=for_two, body={"language": "ja"})

    default = await splynx.office("GET", f"{CONFIG}/config", query=query)
    second = await splynx.office("GET", f"{CONFIG}/config", query=for_two)
    one_key = await splynx.office("GET", f"{CONFIG}/config", query={**query, "key": "language"})

    assert put.status == 202
    assert default.body == {"language": "en", "bank_statements_group": "month"}
    assert second.body == {"language": "ja", "bank_statements_group": "month"}
    assert one_key.body == {"language": "en"}


async def test_a_customer_reads_portal_settings_only(splynx: RunningSplynx) -> None:
    token = await splynx.customer(17)

    async def read(module: str, path: str) -> int:
        query = {"module": module, "path": path}
        answer = await splynx.call("GET", f"{CONFIG}/config", query=query, authorization=token)
        return answer.status

    assert await read("main", "portal") == 200
    assert await read("add-on", "splynx_stripe_addon") == 403


async def test_a_token_becomes_a_browser_session(splynx: RunningSplynx) -> None:
    token = await splynx.customer(17)

    made = await splynx.call("POST", "admin/auth/sessions", authorization=token)

    assert made.status == 201
    assert splynx.sandbox.state.sessions[made.body["session_id"]].user_id == 17


async def test_an_api_key_gets_no_browser_session(splynx: RunningSplynx) -> None:
    assert (await splynx.call("POST", "admin/auth/sessions")).status == 403


async def test_a_switch_decides_whether_put_makes_a_payment_account(
    splynx: RunningSplynx,
) -> None:
    splynx.sandbox.options.put_creates_payment_account = False

    answer = await splynx.call(
        "PUT",
        f"{CUSTOMERS}/customer-payment-accounts",
        query={"id": "17--1"},
        body={"field_1": "cus_Example"},
    )

    assert (answer.status, answer.internal_code) == (404, "NOT_FOUND")


async def test_a_put_may_want_all_fields(splynx: RunningSplynx) -> None:
    splynx.sandbox.options.put_needs_all_fields = True
    path = f"{FINANCE}/proforma-invoices/61"

    answer = await splynx.call("PUT", path, body={"status": "paid"})

    assert answer.status == 202
    assert (await view(splynx, path))["status"] == "not_paid"


async def test_an_unknown_status_is_refused(splynx: RunningSplynx) -> None:
    for path in ("invoices/1042", "proforma-invoices/61"):
        answer = await splynx.call("PUT", f"{FINANCE}/{path}", body={"status": "payed"})
        assert answer.status == 422
