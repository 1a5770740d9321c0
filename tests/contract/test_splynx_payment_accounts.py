"""The door to Splynx's payment accounts: rows are made, read back and cleared, in either form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from splynx_stripe.domain.errors import NotFoundError, OutcomeUnknownError, RetryableError
from splynx_stripe.domain.payment_account import PaymentAccount, PaymentAccountRow
from splynx_stripe.sandbox.splynx import SplynxSandboxOptions
from tests.contract.splynx_gateway_rig import SplynxRig, splynx_rig

ANNA, BEN, STRIPE, BANK = 17, 18, 1, 2
PATH = "admin/customers/customer-payment-accounts"
ROW = {"field_1": "cus_1", "field_2": "pm_1", "field_4": "4242"}
DIALECTS: list[dict[str, Any]] = [
    {},
    {"ids_as_strings": True},
    {"payment_account_path_ids": False},
]


@pytest.fixture(params=DIALECTS, ids=str)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[SplynxRig]:
    async with splynx_rig(options=SplynxSandboxOptions(**request.param)) as running:
        yield running


async def test_the_accounts_are_found_by_title(rig: SplynxRig) -> None:
    found = await rig.gateway.payment_accounts.payment_accounts()

    assert found == [PaymentAccount(STRIPE, "Stripe"), PaymentAccount(BANK, "Stripe Bank")]


async def test_a_row_is_made_changed_and_cleared(rig: SplynxRig) -> None:
    accounts = rig.gateway.payment_accounts
    assert await accounts.payment_account_row(ANNA, STRIPE) == {}

    await accounts.set_payment_account_row(ANNA, STRIPE, ROW)
    assert await accounts.payment_account_row(ANNA, STRIPE) == ROW
    assert await accounts.payment_account_row(ANNA, BANK) == {}

    await accounts.set_payment_account_row(ANNA, STRIPE, {"field_2": "pm_2", "field_4": ""})
    changed = {"field_1": "cus_1", "field_2": "pm_2"}
    assert await accounts.payment_account_row(ANNA, STRIPE) == changed

    await accounts.clear_payment_account_row(ANNA, STRIPE)
    await accounts.clear_payment_account_row(ANNA, STRIPE)
    assert await accounts.payment_account_row(ANNA, STRIPE) == {}


async def test_the_balance_of_a_customer_is_read_exactly_and_below_zero_is_debt(
    rig: SplynxRig,
) -> None:
    rig.sandbox.state.billings[ANNA].deposit = Decimal("-49.9000")

    assert await rig.gateway.deposit(ANNA) == Decimal("-49.90")
    assert await rig.gateway.deposit(BEN) is not None
    assert await rig.gateway.deposit(4711) is None


async def test_all_rows_of_one_account_come_by_customer(rig: SplynxRig) -> None:
    accounts = rig.gateway.payment_accounts
    await accounts.set_payment_account_row(BEN, STRIPE, {"field_1": "cus_2"})
    await accounts.set_payment_account_row(ANNA, STRIPE, ROW)
    await accounts.set_payment_account_row(ANNA, BANK, {"field_1": "cus_1"})

    rows = await accounts.all_payment_account_rows(STRIPE)

    assert rows == [
        PaymentAccountRow(STRIPE, ANNA, ROW),
        PaymentAccountRow(STRIPE, BEN, {"field_1": "cus_2"}),
    ]
    assert "cus_1" not in repr(rows)


async def test_the_payment_method_of_a_customer_is_changed(rig: SplynxRig) -> None:
    accounts = rig.gateway.payment_accounts
    card = await rig.gateway.payment_method_id("Credit card")

    await accounts.set_customer_payment_method(ANNA, card)

    assert await accounts.customer_payment_method_id(ANNA) == card


async def test_a_customer_or_account_that_does_not_exist_is_not_found(rig: SplynxRig) -> None:
    accounts = rig.gateway.payment_accounts

    assert await accounts.payment_account_row(99_999, STRIPE) == {}
    with pytest.raises(NotFoundError):
        await accounts.set_payment_account_row(ANNA, 77, ROW)
    await accounts.clear_payment_account_row(99_999, STRIPE)


async def test_a_lost_answer_to_a_write_is_unknown_and_to_a_reading_can_be_repeated(
    rig: SplynxRig,
) -> None:
    accounts = rig.gateway.payment_accounts
    rig.spoil("PUT", PATH, action="drop", when="after", times=-1)
    with pytest.raises(OutcomeUnknownError):
        await accounts.set_payment_account_row(ANNA, STRIPE, ROW)
    rig.sandbox.faults.clear()
    assert await accounts.payment_account_row(ANNA, STRIPE) == ROW

    rig.spoil("GET", PATH, action="truncate", when="after")
    with pytest.raises(RetryableError):
        await accounts.payment_account_row(ANNA, STRIPE)


async def test_a_server_that_knows_the_path_form_only_gets_that(rig: SplynxRig) -> None:
    if not rig.sandbox.state.options.payment_account_path_ids:
        return
    rig.spoil("PUT", PATH, action="status", status=405, when="before", body="{}")

    await rig.gateway.payment_accounts.set_payment_account_row(ANNA, STRIPE, ROW)

    assert rig.count("PUT", f"{PATH}/{ANNA}--{STRIPE}") == 1
    assert await rig.gateway.payment_accounts.payment_account_row(ANNA, STRIPE) == ROW
