"""The sandbox keeps books as reference sections 3.4 to 3.11 say; it protects from nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.splynx_sandbox_run import RunningSplynx, running_splynx

PAYMENTS = "admin/finance/payments"


@pytest.fixture
async def splynx() -> AsyncIterator[RunningSplynx]:
    async with running_splynx() as running:
        yield running
        assert_balanced(running)


def assert_balanced(splynx: RunningSplynx) -> None:
    """A customer's balance is all credits minus all debits, deleted invoices apart."""
    state = splynx.sandbox.state
    for billing in state.billings:
        expected = sum(
            (
                row.total if row.type == "credit" else -row.total
                for row in state.transactions.of_customer(billing.customer_id)
                if not (row.invoice_id and state.invoices[row.invoice_id].status == "deleted")
            ),
            Decimal(0),
        )
        assert billing.deposit == expected, billing.customer_id


async def view(splynx: RunningSplynx, path: str) -> dict[str, Any]:
    answer = await splynx.office("GET", path)
    assert answer.status == 200, answer.body
    row: dict[str, Any] = answer.body
    return row


async def deposit(splynx: RunningSplynx, customer_id: int = 17) -> str:
    return str((await view(splynx, f"admin/customers/customer-billing/{customer_id}"))["deposit"])


async def invoice(splynx: RunningSplynx, row_id: int) -> tuple[str, str, int]:
    row = await view(splynx, f"admin/finance/invoices/{row_id}")
    return row["status"], row["due"], row["payment_id"]


async def test_a_payment_pays_the_invoice_it_names(splynx: RunningSplynx) -> None:
    before = await deposit(splynx)
    answer = await splynx.pay(invoice_id=1042)

    payment = await view(splynx, f"{PAYMENTS}/{answer.body['id']}")
    transaction = await view(splynx, f"admin/finance/transactions/{payment['transaction_id']}")
    relations = await splynx.office(
        "GET", "admin/finance/invoice-relations", query={"invoice_id": "1042"}
    )
    paid = await view(splynx, "admin/finance/invoices/1042")

    assert answer.status == 201
    assert (before, await deposit(splynx)) == ("-292.4000", "-119.9000")
    assert (paid["status"], paid["due"], paid["payment_id"]) == ("paid", "0.0000", payment["id"])
    assert paid["date_payment"] == "2026-11-24"
    assert (payment["remind_amount"], payment["added_by"]) == ("0.0000", "api")
    assert (transaction["type"], transaction["total"]) == ("credit", "172.5000")
    assert [(row["payer_id"], row["amount"]) for row in relations.body] == [(payment["id"], 172.5)]


async def test_the_same_payment_posted_twice_is_two_payments(splynx: RunningSplynx) -> None:
    first = await splynx.pay(invoice_id=1042)
    second = await splynx.pay(invoice_id=1042)

    found = await splynx.call(
        "GET",
        PAYMENTS,
        query={"main_attributes[receipt_number]": "pi_3ExampleExampleExample00"},
    )

    assert [row["id"] for row in found.body] == [first.body["id"], second.body["id"]]
    assert [row["remind_amount"] for row in found.body] == ["0.0000", "172.5000"]
    assert await deposit(splynx) == "52.6000"


async def test_a_part_of_an_invoice_leaves_it_open(splynx: RunningSplynx) -> None:
    await splynx.pay(invoice_id=1042, amount="100")

    assert await invoice(splynx, 1042) == ("not_paid", "72.5000", 0)


async def test_a_named_invoice_may_stay_open_although_covered(splynx: RunningSplynx) -> None:
    splynx.sandbox.options.named_invoice_becomes_paid = False
    payment = await splynx.pay(invoice_id=1042)
    assert await invoice(splynx, 1042) == ("not_paid", "0.0000", 0)

    answer = await splynx.call(
        "PUT",
        "admin/finance/invoices/1042",
        body={"status": "paid", "payment_id": payment.body["id"], "date_payment": "2026-11-24"},
    )

    assert (answer.status, answer.body) == (202, None)
    assert await invoice(splynx, 1042) == ("paid", "0.0000", payment.body["id"])


async def test_money_without_a_name_pays_the_oldest_invoices(splynx: RunningSplynx) -> None:
    await splynx.pay(amount="100.0000")

    assert (await invoice(splynx, 1039))[:2] == ("paid", "0.0000")
    assert (await invoice(splynx, 1042))[:2] == ("not_paid", "142.5000")
    assert (await invoice(splynx, 1043))[:2] == ("not_paid", "49.9000")


@pytest.mark.parametrize("becomes_paid", [False, True])
async def test_a_paid_proforma_is_balance_and_needs_its_own_put(
    splynx: RunningSplynx, becomes_paid: bool
) -> None:
    splynx.sandbox.options.named_proforma_becomes_paid = becomes_paid
    payment = await splynx.pay(request_id=61)
    path = "admin/finance/proforma-invoices/61"
    status = (await view(splynx, path))["status"]

    await splynx.call("PUT", path, body={"status": "paid", "payment_id": payment.body["id"]})

    assert status == ("paid" if becomes_paid else "not_paid")
    assert (await view(splynx, path))["payment_id"] == payment.body["id"]
    assert (await view(splynx, f"{PAYMENTS}/{payment.body['id']}"))["remind_amount"] == "172.5000"
    assert (await invoice(splynx, 1042))[0] == "not_paid"


async def test_money_for_a_paid_or_deleted_invoice_stays_on_the_balance(
    splynx: RunningSplynx,
) -> None:
    for row_id in (1040, 1041):
        payment = await splynx.pay(invoice_id=row_id)
        row = await view(splynx, f"{PAYMENTS}/{payment.body['id']}")
        assert row["remind_amount"] == "172.5000"


async def test_a_refund_is_a_negative_payment_and_settles_its_credit_note(
    splynx: RunningSplynx,
) -> None:
    payment = await splynx.pay(invoice_id=1042)
    after_payment = await deposit(splynx)
    item = {
        "description": "Refund",
        "quantity": 1,
        "unit": "",
        "price": "172.5000",
        "tax": "0.0000",
    }
    note = await splynx.office(
        "POST",
        "admin/finance/credit-notes",
        body={
            "customer_id": 17,
            "number": "202611000001",
            "status": "not_refunded",
            "items": [item],
        },
    )
    note_path = f"admin/finance/credit-notes/{note.body['id']}"
    assert (await view(splynx, note_path))["remind_amount"] == "172.5000"

    refund = await splynx.pay(
        amount="-172.5000",
        credit_note_id=note.body["id"],
        refund_payment_id=payment.body["id"],
        receipt_number="re_3ExampleExampleExample00",
    )

    transaction_id = (await view(splynx, f"{PAYMENTS}/{refund.body['id']}"))["transaction_id"]
    transaction = await view(splynx, f"admin/finance/transactions/{transaction_id}")
    assert (transaction["type"], transaction["category"]) == ("debit", 4)
    assert (await view(splynx, note_path))["status"] == "refunded"
    assert await deposit(splynx) == after_payment


async def test_deleting_a_payment_takes_all_of_it_back(splynx: RunningSplynx) -> None:
    before = await deposit(splynx)
    payment = await splynx.pay(invoice_id=1042)

    answer = await splynx.call("DELETE", f"{PAYMENTS}/{payment.body['id']}")

    assert answer.status == 204
    assert await deposit(splynx) == before
    assert await invoice(splynx, 1042) == ("not_paid", "172.5000", 0)


async def test_pending_comes_and_goes_without_touching_the_money(splynx: RunningSplynx) -> None:
    path = "admin/finance/invoices/1042"
    before = await deposit(splynx)

    await splynx.call("PUT", path, body={"status": "pending"})
    assert await invoice(splynx, 1042) == ("pending", "172.5000", 0)
    await splynx.call("PUT", path, body={"status": "not_paid"})

    assert await invoice(splynx, 1042) == ("not_paid", "172.5000", 0)
    assert await deposit(splynx) == before


async def test_a_put_may_be_accepted_and_ignored(splynx: RunningSplynx) -> None:
    splynx.sandbox.options.put_ignored = True

    answer = await splynx.call("PUT", "admin/finance/invoices/1042", body={"status": "pending"})

    assert answer.status == 202
    assert (await invoice(splynx, 1042))[0] == "not_paid"


async def test_somebody_else_deletes_or_pays_an_invoice_meanwhile(splynx: RunningSplynx) -> None:
    control = splynx.url.with_path("/_sandbox/invoices/1042")
    async with splynx.http.post(control, json={"status": "deleted"}) as response:
        assert response.status == 200
    assert await invoice(splynx, 1042) == ("deleted", "0.0000", 0)
    assert await deposit(splynx) == "-119.9000"
    async with splynx.http.post(control, json={"status": "not_paid", "due": "20"}) as response:
        assert (await response.json())["due"] == "20.0000"


async def test_an_invoice_can_be_issued_for_a_test(splynx: RunningSplynx) -> None:
    control = splynx.url.with_path("/_sandbox/invoices")
    async with splynx.http.post(control, json={"customer_id": 24, "total": "12.30"}) as response:
        made = await response.json()

    assert (made["status"], made["due"]) == ("not_paid", "12.3000")
    assert await deposit(splynx, 24) == "-12.3000"


async def test_a_statement_counts_its_records(splynx: RunningSplynx) -> None:
    statements, records = "admin/finance/bank-statements", "admin/finance/bank-statements-records"
    made = await splynx.call(
        "POST", statements, body={"title": "Stripe 11/2026", "status": "success"}
    )
    record = await splynx.call(
        "POST",
        records,
        body={
            "bank_statements_process_id": made.body["id"],
            "amount": "172.5000",
            "status": "new",
            "customer_id": 17,
            "payment_date": "2026-11-24",
            "comment": "Stripe",
        },
    )
    payments = len(splynx.sandbox.state.payments)

    path = f"{records}/{record.body['id']}"
    await splynx.call("PUT", path, body={"status": "processed", "payment_id": 330})

    found = await splynx.call("GET", statements, query={"main_attributes[title]": "Stripe 11/2026"})
    assert [(row["records"], row["processed"], row["new"]) for row in found.body] == [(1, 1, 0)]
    assert (await splynx.call("GET", path)).body["payment_id"] == 330
    assert len(splynx.sandbox.state.payments) == payments


async def test_a_statement_without_a_title_is_accepted_as_the_real_one_does() -> None:
    async with running_splynx(check_requests=False) as splynx:
        made = await splynx.call("POST", "admin/finance/bank-statements", body={})

        assert made.status == 201
        row = (await splynx.call("GET", f"admin/finance/bank-statements/{made.body['id']}")).body
        assert (row["title"], row["status"], row["payment_type"]) == ("", "new", 2)


async def test_a_mail_is_queued_and_sent(splynx: RunningSplynx) -> None:
    mail = {
        "type": "add-on",
        "subject": "Payment failed",
        "recipient": "john@example.com",
        "message": "<p>Your card was declined.</p>",
        "customer_id": 17,
    }
    made = await splynx.call("POST", "admin/config/mail", body=mail)
    assert [row.status for row in splynx.sandbox.state.mails] == ["new"]

    sent = await splynx.call("GET", f"admin/config/mail/{made.body['id']}--send")

    assert sent.status == 200
    assert [row.status for row in splynx.sandbox.state.mails] == ["sent"]


async def test_a_stored_card_is_written_read_and_removed(splynx: RunningSplynx) -> None:
    path, query = "admin/customers/customer-payment-accounts", {"id": "17--1"}
    definitions = await splynx.call("GET", path)
    assert [row["title"] for row in definitions.body] == ["Stripe", "Stripe Bank"]

    put = await splynx.call("PUT", path, query=query, body={"field_1": "cus_Example"})
    read = await splynx.call("GET", path, query=query)
    by_path = await splynx.call("GET", f"{path}/17--1")
    everybody = await splynx.call("GET", "admin/customers/customer-payment-account-data")
    removed = await splynx.call("DELETE", path, query=query)

    assert (put.status, removed.status) == (202, 204)
    assert [row["field_1"] for row in read.body] == ["cus_Example"]
    assert read.body == by_path.body == everybody.body
    assert (await splynx.call("GET", path, query=query)).body == []


async def test_the_ledger_shows_the_books(splynx: RunningSplynx) -> None:
    await splynx.pay(invoice_id=1042)

    async with splynx.http.get(splynx.url.with_path("/_sandbox/ledger")) as response:
        ledger = await response.json()

    customers = {row["id"]: row for row in ledger["customers"]}
    invoices = {row["id"]: row for row in ledger["invoices"]}
    assert customers[17] == {"id": 17, "partner_id": 1, "deposit": "-119.9000"}
    assert invoices[1042]["status"] == "paid"
    assert ledger["payments"][-1]["receipt_number"] == "pi_3ExampleExampleExample00"
    assert {row["number"]: row["total"] for row in ledger["proformas"]}[
        "202611000003"
    ] == "5800.0000"
