"""The sandbox refuses in the words and shapes of reference section 2.3."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.splynx.options import ValidationForm
from tests.contract.splynx_sandbox_run import RunningSplynx, running_splynx, signed

BOTH_PROBLEMS = [
    {"attribute": "customer_id", "error": "Customer ID is required"},
    {
        "attribute": "amount",
        "error": "Invalid sum, only a value greater or less than 0 is allowed!",
    },
]


@pytest.fixture
async def splynx() -> AsyncIterator[RunningSplynx]:
    async with running_splynx() as running:
        yield running


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("A", BOTH_PROBLEMS),
        (
            "B",
            {
                "error": {
                    "message": BOTH_PROBLEMS,
                    "code": 422,
                    "internal_code": "INVALID_INPUT_DATA",
                }
            },
        ),
        (
            "C",
            [{"field": item["attribute"], "message": item["error"]} for item in BOTH_PROBLEMS],
        ),
    ],
)
async def test_a_failed_validation_has_the_form_of_the_switch(
    splynx: RunningSplynx, form: ValidationForm, expected: Any
) -> None:
    splynx.sandbox.options.validation_form = form
    before = len(splynx.sandbox.state.payments)

    answer = await splynx.call("POST", "admin/finance/payments", body={"amount": "0"})

    assert (answer.status, answer.body) == (422, expected)
    assert len(splynx.sandbox.state.payments) == before


@pytest.mark.parametrize(
    ("fields", "attribute"),
    [
        ({"receipt_number": "x" * 33}, "receipt_number"),
        ({"amount": "much"}, "amount"),
        ({"invoice_id": 1044}, "invoice_id"),
        ({"invoice_id": 99}, "invoice_id"),
        ({"customer_id": 99}, "customer_id"),
        ({"date": "tomorrow"}, "date"),
    ],
)
async def test_a_wrong_payment_names_its_attribute(
    splynx: RunningSplynx, fields: dict[str, Any], attribute: str
) -> None:
    answer = await splynx.pay(**fields)

    assert answer.status == 422
    assert attribute in [item["attribute"] for item in answer.body["error"]["message"]]


async def test_a_long_receipt_number_may_be_cut_instead() -> None:
    async with running_splynx(check_requests=False) as splynx:
        splynx.sandbox.options.long_receipt_number = "cut"

        answer = await splynx.pay(receipt_number="x" * 40)

        assert splynx.sandbox.state.payments[answer.body["id"]].receipt_number == "x" * 32


async def test_negative_payments_may_be_refused(splynx: RunningSplynx) -> None:
    splynx.sandbox.options.negative_payments = False

    assert (await splynx.pay(amount="-1.0000")).status == 422


@pytest.mark.parametrize(
    ("method", "path", "length"),
    [
        ("GET", "admin/finance/refunds", 88),
        ("POST", "admin/config/entry-points", 88),
        ("DELETE", "admin/config/taxes/1", 88),
        ("PUT", "admin/finance/invoices", 97),
    ],
)
async def test_bodies_are_as_long_as_recorded_on_a_real_server(
    splynx: RunningSplynx, method: str, path: str, length: int
) -> None:
    headers = {"Authorization": signed(1)}
    url = splynx.url.with_path(f"/api/2.0/{path}")
    async with splynx.http.request(method, url, headers=headers) as response:
        raw = await response.read()

    assert (response.status, len(raw)) == (json.loads(raw)["error"]["code"], length)


async def test_other_refusals_have_their_codes(splynx: RunningSplynx) -> None:
    missing = await splynx.call("GET", "admin/finance/invoices/99")
    no_permission = await splynx.call("GET", "admin/customers/customer-notes")
    not_a_number = await splynx.call("GET", "admin/finance/invoices/abc")

    assert (missing.status, missing.internal_code) == (404, "NOT_FOUND")
    assert no_permission.body == {
        "error": {
            "message": "You don't have permission to do this action",
            "code": 403,
            "internal_code": "FORBIDDEN",
        }
    }
    assert not_a_number.status == 404
    splynx.sandbox.options.bad_id_status = 500
    assert (await splynx.call("GET", "admin/finance/invoices/abc")).status == 500


async def test_half_a_json_body_is_a_bad_request(splynx: RunningSplynx) -> None:
    url = splynx.url.with_path("/api/2.0/admin/finance/payments")
    async with splynx.http.post(url, data=b'{"amount":') as response:
        assert response.status == 400


async def test_switches_are_set_over_http_and_bad_ones_change_nothing(
    splynx: RunningSplynx,
) -> None:
    url = splynx.url.with_path("/_sandbox/switches")
    good = {"put_ignored": True, "ignored_filters": [["admin/finance/invoices", "number"]]}
    async with splynx.http.post(url, json=good) as response:
        assert (await response.json())["put_ignored"] is True
    for bad in ({"put_ignored": "yes"}, {"no_such": 1}, {"validation_form": "D"}):
        async with splynx.http.post(url, json={"check_nonce": False, **bad}) as response:
            assert response.status == 400

    assert splynx.sandbox.options.check_nonce is True
    assert splynx.sandbox.options.ignored_filters == {("admin/finance/invoices", "number")}


async def test_a_lost_answer_leaves_the_payment_booked(splynx: RunningSplynx) -> None:
    splynx.sandbox.faults.add(
        FaultRule(method="POST", path=r".*/payments", action="status", when="after", status=502)
    )
    before = len(splynx.sandbox.state.payments)
    url = splynx.url.with_path("/api/2.0/admin/finance/payments")
    payment = {
        "customer_id": 17,
        "payment_type": 3,
        "receipt_number": "pi_3ExampleExampleExample00",
        "date": "2026-11-24",
        "amount": "1.0000",
    }

    async with splynx.http.post(url, json=payment, headers={"Authorization": signed(1)}) as lost:
        assert lost.status == 502

    assert len(splynx.sandbox.state.payments) == before + 1
