"""The gateway reads and writes Splynx's resources as the flows expect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
)
from splynx_stripe.domain.splynx import (
    Company,
    Document,
    DocumentKind,
    DocumentStatus,
    NewStatementRecord,
    SplynxPayment,
    StatementRecord,
)
from splynx_stripe.flows.ports import SplynxGateway
from splynx_stripe.gateways.splynx import api
from splynx_stripe.sandbox.splynx import SplynxSandboxOptions
from splynx_stripe.sandbox.splynx.rows import Payment, PaymentMethod
from splynx_stripe.sandbox.splynx.seed_data import add_invoice
from tests.contract.splynx_gateway_rig import (
    MARKER,
    PAYMENTS_PATH,
    SplynxRig,
    payment_order,
    splynx_rig,
)

INVOICES_PATH = "admin/finance/invoices"
DIALECTS: list[dict[str, Any]] = [
    {},
    {"ids_as_strings": True},
    {"money_as_numbers": True},
    {"max_page_size": 20},
]


@pytest.fixture(params=DIALECTS, ids=str)
async def dialect(request: pytest.FixtureRequest) -> AsyncIterator[SplynxRig]:
    """Each of the ways in which Splynx servers differ."""
    async with splynx_rig(options=SplynxSandboxOptions(**request.param)) as running:
        yield running


@pytest.fixture
async def rig() -> AsyncIterator[SplynxRig]:
    async with splynx_rig() as running:
        yield running


def ignore(rig: SplynxRig, *filters: tuple[str, str]) -> None:
    rig.sandbox.options.ignored_filters.update(filters)


def add_other_payments(rig: SplynxRig, count: int, customer_id: int = 18) -> None:
    for number in range(count):
        rig.sandbox.state.payments.add(
            Payment(
                customer_id=customer_id,
                payment_type=1,
                amount=Decimal("1.0000"),
                receipt_number=f"cash-{number}",
                date="2026-11-20",
                real_create_datetime="2026-11-20 10:00:00",
                updated_at="2026-11-20 10:00:00",
            )
        )


async def test_it_is_what_the_flows_ask_for(rig: SplynxRig) -> None:
    gateway: SplynxGateway = rig.gateway

    assert await gateway.customer(17) is not None


async def test_an_invoice_is_found_by_its_number_with_what_is_still_due(dialect: SplynxRig) -> None:
    document = await dialect.gateway.find_document(DocumentKind.INVOICE, "202609000039")

    assert document == Document(
        kind=DocumentKind.INVOICE,
        id=1039,
        number="202609000039",
        customer_id=17,
        status=DocumentStatus.NOT_PAID,
        total=Decimal(120),
        due=Decimal(70),
        payment_id=0,
        date_created=date(2026, 9, 1),
        date_till=date(2026, 9, 15),
    )


async def test_a_proforma_invoice_is_due_in_full_until_it_is_paid(dialect: SplynxRig) -> None:
    dialect.sandbox.state.proformas[62].status = "paid"

    open_one = await dialect.gateway.find_document(DocumentKind.PROFORMA, "202611000001")
    paid_one = await dialect.gateway.find_document(DocumentKind.PROFORMA, "202611000002")

    assert open_one is not None
    assert (open_one.id, open_one.due, open_one.is_open) == (61, Decimal("172.5"), True)
    assert paid_one is not None
    assert (paid_one.id, paid_one.due, paid_one.is_open) == (62, Decimal(0), False)


async def test_an_unknown_number_finds_nothing(dialect: SplynxRig) -> None:
    find = dialect.gateway.find_document

    assert await find(DocumentKind.INVOICE, "202611999999") is None
    assert await find(DocumentKind.INVOICE, "") is None
    assert await find(DocumentKind.INVOICE, "9" * 65) is None


async def test_an_ignored_filter_never_shows_another_document_i8(dialect: SplynxRig) -> None:
    ignore(dialect, (INVOICES_PATH, "number"))

    found = await dialect.gateway.find_document(DocumentKind.INVOICE, "202611000042")
    unknown = await dialect.gateway.find_document(DocumentKind.INVOICE, "202611999999")

    assert found is not None
    assert found.id == 1042
    assert unknown is None


async def test_a_number_that_two_live_invoices_share_finds_neither(rig: SplynxRig) -> None:
    add_invoice(rig.sandbox.state, 5001, "202611000042", customer_id=21, total="5")

    assert await rig.gateway.find_document(DocumentKind.INVOICE, "202611000042") is None


async def test_a_deleted_namesake_does_not_hide_the_live_invoice(rig: SplynxRig) -> None:
    add_invoice(rig.sandbox.state, 5001, "202611000042", customer_id=17, total="5")
    rig.sandbox.state.invoices[5001].status = "deleted"

    found = await rig.gateway.find_document(DocumentKind.INVOICE, "202611000042")

    assert found is not None
    assert found.id == 1042


async def test_documents_and_customers_are_fetched_by_id(dialect: SplynxRig) -> None:
    invoice = await dialect.gateway.document(DocumentKind.INVOICE, 1040)
    customer = await dialect.gateway.customer(21)

    assert invoice is not None
    assert (invoice.number, invoice.status) == ("202610000040", DocumentStatus.DELETED)
    assert customer is not None
    assert (customer.name, customer.partner_id, customer.email) == (
        "Yuki Tanaka",
        2,
        "yuki.tanaka.21@example.com",
    )


async def test_what_splynx_does_not_have_is_none(rig: SplynxRig) -> None:
    assert await rig.gateway.document(DocumentKind.INVOICE, 999999) is None
    assert await rig.gateway.document(DocumentKind.PROFORMA, 0) is None
    assert await rig.gateway.customer(999999) is None
    assert await rig.gateway.payment(999999) is None


async def test_the_company_is_the_one_of_the_partner(rig: SplynxRig) -> None:
    assert await rig.gateway.company(2) == Company(
        name="Kaze Net", email="billing@kaze-net.example", phone="+420555010100", country_code="JP"
    )
    with pytest.raises(NotFoundError):
        await rig.gateway.company(99)


async def test_a_payment_method_is_known_by_its_name(dialect: SplynxRig) -> None:
    assert await dialect.gateway.payment_method_id("Credit card") == 3
    with pytest.raises(NotFoundError, match="Bank transfer, Cash, Credit card"):
        await dialect.gateway.payment_method_id("Visa")


async def test_company_and_payment_methods_are_asked_for_once_a_minute(rig: SplynxRig) -> None:
    company, methods = "admin/config/company-info/2", "admin/finance/payment-methods"
    for _ in range(3):
        await rig.gateway.company(2)
        await rig.gateway.payment_method_id("Credit card")
    assert (rig.count("GET", company), rig.count("GET", methods)) == (1, 1)

    rig.clock.moment += timedelta(seconds=61)
    await rig.gateway.company(2)
    await rig.gateway.payment_method_id("Credit card")

    assert (rig.count("GET", company), rig.count("GET", methods)) == (2, 2)


async def test_a_payment_method_that_was_just_added_is_found(rig: SplynxRig) -> None:
    with pytest.raises(NotFoundError):
        await rig.gateway.payment_method_id("Visa")
    rig.sandbox.state.payment_methods.add(PaymentMethod(id=77, name="Visa"))

    assert await rig.gateway.payment_method_id("Visa") == 77


async def test_after_a_refused_payment_the_methods_are_asked_for_again(rig: SplynxRig) -> None:
    methods = "admin/finance/payment-methods"
    await rig.gateway.payment_method_id("Credit card")
    body = '[{"field": "payment_type", "message": "Payment type is invalid."}]'
    rig.spoil("POST", PAYMENTS_PATH, action="status", when="before", status=422, body=body)
    with pytest.raises(RejectedError):
        await rig.gateway.add_payment(payment_order())
    await rig.gateway.payment_method_id("Credit card")

    assert rig.count("GET", methods) == 2


async def test_an_added_payment_reads_back_and_is_found_by_its_marker(dialect: SplynxRig) -> None:
    payment_id = await dialect.gateway.add_payment(payment_order())

    expected = SplynxPayment(
        id=payment_id,
        customer_id=17,
        invoice_id=1042,
        request_id=0,
        amount=Decimal("172.5"),
        receipt_number=MARKER,
        date=date(2026, 11, 24),
    )
    assert await dialect.gateway.payment(payment_id) == expected
    assert await dialect.gateway.find_payments(MARKER, 17) == [expected]
    paid = await dialect.gateway.document(DocumentKind.INVOICE, 1042)
    assert paid is not None
    assert (paid.status, paid.due, paid.payment_id) == (DocumentStatus.PAID, Decimal(0), payment_id)


async def test_money_for_no_document_goes_to_the_balance(rig: SplynxRig) -> None:
    order = payment_order(document_kind=None, document_id=0, customer_id=24)

    payment_id = await rig.gateway.add_payment(order)

    row = rig.sandbox.state.payments[payment_id]
    assert (row.invoice_id, row.request_id) == (None, None)
    assert rig.sandbox.state.billings[24].deposit == Decimal("172.5")


async def test_a_receipt_number_that_splynx_would_cut_is_not_sent(rig: SplynxRig) -> None:
    with pytest.raises(BrokenInvariantError, match="32 characters"):
        await rig.gateway.add_payment(payment_order(receipt_number="x" * 33))

    assert rig.exchanges == []


@pytest.mark.parametrize("form", ["A", "B", "C"])
async def test_a_refused_payment_says_which_fields_are_wrong(form: Literal["A", "B", "C"]) -> None:
    async with splynx_rig(options=SplynxSandboxOptions(validation_form=form)) as rig:
        with pytest.raises(RejectedError, match="customer_id: Customer not found"):
            await rig.gateway.add_payment(
                payment_order(customer_id=9999, document_kind=None, document_id=0)
            )


async def test_duplicates_of_one_marker_are_all_found_oldest_first(dialect: SplynxRig) -> None:
    ids = [await dialect.gateway.add_payment(payment_order()) for _ in range(3)]

    found = await dialect.gateway.find_payments(MARKER, 17)

    assert [each.id for each in found] == ids


@pytest.mark.parametrize("customer_filter_works", [True, False])
async def test_payments_are_found_and_disproven_when_filters_are_ignored_i3(
    dialect: SplynxRig, *, customer_filter_works: bool
) -> None:
    ignore(dialect, (PAYMENTS_PATH, "receipt_number"))
    if not customer_filter_works:
        ignore(dialect, (PAYMENTS_PATH, "customer_id"))
    add_other_payments(dialect, 25, customer_id=17)
    payment_id = await dialect.gateway.add_payment(payment_order())
    add_other_payments(dialect, 25, customer_id=17)

    found = await dialect.gateway.find_payments(MARKER, 17)
    absent = await dialect.gateway.find_payments("pi_never", 17)

    assert [each.id for each in found] == [payment_id]
    assert absent == []


async def test_absence_is_never_claimed_without_proof_i3(
    rig: SplynxRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "SCANNED_ROWS", 200)
    ignore(rig, (PAYMENTS_PATH, "receipt_number"), (PAYMENTS_PATH, "customer_id"))
    payment_id = await rig.gateway.add_payment(payment_order())
    add_other_payments(rig, 150)

    found = await rig.gateway.find_payments(MARKER, 17)
    add_other_payments(rig, 150)

    assert [each.id for each in found] == [payment_id]
    with pytest.raises(OutcomeUnknownError, match="Cannot verify"):
        await rig.gateway.find_payments(MARKER, 17)


async def test_a_marker_that_differs_only_in_case_is_another_payment(rig: SplynxRig) -> None:
    await rig.gateway.add_payment(payment_order(receipt_number=MARKER.upper()))

    assert await rig.gateway.find_payments(MARKER, 17) == []


async def test_a_document_is_marked_paid(rig: SplynxRig) -> None:
    rig.sandbox.options.named_proforma_becomes_paid = False
    order = payment_order(document_kind=DocumentKind.PROFORMA, document_id=61)
    payment_id = await rig.gateway.add_payment(order)

    await rig.gateway.mark_document_paid(
        DocumentKind.PROFORMA, 61, payment_id=payment_id, paid_on=date(2026, 11, 24)
    )

    row = rig.sandbox.state.proformas[61]
    assert (row.status, row.payment_id, row.date_payment) == ("paid", payment_id, "2026-11-24")


async def test_a_statement_and_its_record_are_found_again(dialect: SplynxRig) -> None:
    gateway = dialect.gateway
    assert await gateway.find_statements("Stripe 11/2026") == []
    statement_id = await gateway.add_statement("Stripe 11/2026")
    await gateway.add_statement("Stripe 12/2026")
    assert await gateway.find_statement_records(statement_id, MARKER) == []
    record = NewStatementRecord(
        statement_id=statement_id,
        customer_id=17,
        document_kind=DocumentKind.INVOICE,
        document_id=1042,
        document_number="202611000042",
        amount=Decimal("172.5"),
        date=date(2026, 11, 24),
        marker=MARKER,
        payment_id=330,
        comment="Stripe",
    )

    record_id = await gateway.add_statement_record(record)

    assert await gateway.find_statements("Stripe 11/2026") == [statement_id]
    assert await gateway.find_statement_records(statement_id, MARKER) == [
        StatementRecord(
            id=record_id,
            statement_id=statement_id,
            customer_id=17,
            amount=Decimal("172.5"),
            status="processed",
            marker=MARKER,
            payment_id=330,
        )
    ]
    row = dialect.sandbox.state.records[record_id]
    assert (row.pairing_1, row.pairing_2, row.invoice_id) == ("17", "202611000042", 1042)
    assert await gateway.find_statement_records(statement_id, "pi_other") == []


async def test_the_check_and_a_fully_permitted_key_have_nothing_to_say(rig: SplynxRig) -> None:
    await rig.gateway.check()

    assert await rig.gateway.probe_permissions() == []


async def test_each_missing_permission_is_named(rig: SplynxRig) -> None:
    key = rig.sandbox.state.api_keys["sandbox-key"]
    key.permissions -= {
        ("admin\\finance\\Payments", "index"),
        ("admin\\finance\\Requests", "view"),
        ("admin\\customers\\CustomerBilling", "view"),
    }

    assert await rig.gateway.probe_permissions() == [
        r"api\admin\customers\CustomerBilling view",
        r"api\admin\finance\Requests view",
        r"api\admin\finance\Payments index",
    ]
