"""The contract file is well formed, agrees with itself, and finds what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.contract.splynx_schema import CONTRACT_FILE, SplynxContract

PAYMENT = {
    "customer_id": 17,
    "invoice_id": 1042,
    "payment_type": 3,
    "receipt_number": "pi_3ExampleExampleExample00",
    "date": "2026-11-24",
    "amount": "172.5000",
}


def test_every_schema_of_the_contract_is_a_schema() -> None:
    document = json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))

    Draft202012Validator.check_schema({"$defs": document["$defs"]})
    for operation in document["operations"].values():
        Draft202012Validator.check_schema(operation["request"])
        for schema in operation["responses"].values():
            Draft202012Validator.check_schema(schema)


def test_a_payment_as_clients_send_it_is_right() -> None:
    contract = SplynxContract.load()

    assert contract.check_request("POST", "admin/finance/payments", PAYMENT) == []
    assert contract.check_request("POST", "/api/2.0/admin/finance/payments", PAYMENT) == []
    assert contract.check_response("POST", "admin/finance/payments", 201, {"id": 330}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "0.0000"},
        {"amount": 172.5},
        {"amount": "172.50001"},
        {"receipt_number": "x" * 33},
        {"date": "24.11.2026"},
        {"idempotency_key": "1"},
        {"customer_id": None},
    ],
)
def test_a_wrong_payment_is_found(change: dict[str, Any]) -> None:
    problems = SplynxContract.load().check_request(
        "POST", "admin/finance/payments", {**PAYMENT, **change}
    )

    assert problems


def test_a_plain_parameter_that_filters_nothing_is_found() -> None:
    contract = SplynxContract.load()

    assert contract.check_request("GET", "admin/finance/invoices", {"customer_id": "17"})
    assert not contract.check_request(
        "GET", "admin/finance/invoices", {"main_attributes[customer_id]": "17", "limit": "100"}
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "admin/finance/refunds"),
        ("POST", "admin/customers/customer-payment-accounts"),
        ("POST", "admin/config/entry-points"),
        ("PUT", "admin/finance/payments"),
    ],
)
def test_an_operation_splynx_does_not_have_is_a_problem(method: str, path: str) -> None:
    contract = SplynxContract.load()

    assert contract.check_request(method, path, {})
    assert contract.check_response(method, path, 200, {})


def test_an_answer_of_another_shape_is_a_problem() -> None:
    contract = SplynxContract.load()
    path = "admin/finance/invoices/1042"

    assert contract.check_response("GET", path, 200, {"id": 1042})
    assert contract.check_response("GET", path, 200, None)
    assert contract.check_response("GET", path, 302, None)
    assert contract.check_response("GET", path, 404, {"message": "Not found"})
