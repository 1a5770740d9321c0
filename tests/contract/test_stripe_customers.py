"""The door to Stripe's customers: made, changed, listed, and gone."""

from __future__ import annotations

import pytest

from splynx_stripe.domain.errors import NotFoundError, OutcomeUnknownError, RetryableError
from splynx_stripe.domain.stripe import StripeAddress, StripeCustomerOrder
from splynx_stripe.gateways.stripe.customers import create_params, update_params
from splynx_stripe.sandbox.faults import FaultRule
from tests.contract.stripe_gateway_rig import ELSEWHERE, HERE, Rig, rig

EVA = StripeCustomerOrder(
    "Eva Malá",
    "eva@example.net",
    "+420 601 1",
    {"splynx_customer_id": "7"},
    StripeAddress("Dlouhá 1", "Praha", "110 00", "CZ"),
    "cs",
)
NOBODY_KNOWS = StripeCustomerOrder("Eva Malá", "", "", {"splynx_customer_id": "7"})


async def made(running: Rig, order: StripeCustomerOrder = EVA, key: str = "key-1") -> str:
    return await running.gateway.customers.create_customer(HERE, order, idempotency_key=key)


async def test_a_customer_is_made_with_everything_that_is_known() -> None:
    async with rig() as running:
        found = running.stripe.sandbox.state.book().customers[await made(running)]

    address = {name: text for name, text in found["address"].items() if text}
    assert (found["name"], found["phone"]) == ("Eva Malá", "+420 601 1")
    assert found["preferred_locales"] == ["cs"]
    assert address == {
        "line1": "Dlouhá 1",
        "city": "Praha",
        "postal_code": "110 00",
        "country": "CZ",
    }


async def test_an_update_empties_what_splynx_does_not_have_and_leaves_others_metadata() -> None:
    async with rig() as running:
        customer = await made(running)
        path = f"/v1/customers/{customer}"
        await running.stripe.raw("POST", path, {"metadata[crm]": "A-1"})

        await running.gateway.customers.update_customer(HERE, customer, NOBODY_KNOWS)

        found = running.stripe.sandbox.state.book().customers[customer]
    assert (found["name"], found["email"], found["phone"]) == ("Eva Malá", None, None)
    assert found["address"] is None
    assert found["metadata"] == {"splynx_customer_id": "7", "crm": "A-1"}


async def test_a_deleted_customer_and_one_of_another_account_are_not_found() -> None:
    """I8."""
    async with rig() as running:
        customer = await made(running)
        customers = running.gateway.customers
        with pytest.raises(NotFoundError):
            await customers.update_customer(ELSEWHERE, customer, EVA)
        assert await customers.find_customer(ELSEWHERE, customer) is None
        there = await customers.find_customer(HERE, customer)

        await running.stripe.raw("DELETE", f"/v1/customers/{customer}")

        with pytest.raises(NotFoundError):
            await customers.update_customer(HERE, customer, EVA)
        assert await customers.find_customer(HERE, customer) is None
    assert there is not None
    assert (there.id, there.metadata) == (customer, {"splynx_customer_id": "7"})


async def test_all_customers_are_listed_newest_first_page_by_page() -> None:
    async with rig() as running:
        ids = [await made(running, key=f"key-{number}") for number in range(130)]
        customers = running.gateway.customers

        first = await customers.customer_page(HERE, after="")
        second = await customers.customer_page(HERE, after=first.next_after)
        elsewhere = await customers.customer_page(ELSEWHERE, after="")

    listed = [seen.id for seen in (*first.customers, *second.customers)]
    assert listed == ids[::-1]
    assert (len(first.customers), second.next_after) == (100, "")
    assert elsewhere.customers == []


async def test_a_list_cannot_go_on_behind_a_customer_that_is_not_there() -> None:
    async with rig() as running:
        with pytest.raises(NotFoundError):
            await running.gateway.customers.customer_page(HERE, after="cus_Nobody0000000")


async def test_a_limit_and_a_lost_answer_are_named_as_what_they_are() -> None:
    async with rig() as running:
        customer = await made(running)
        path = f"/v1/customers/{customer}"
        customers = running.gateway.customers

        running.fault(
            FaultRule(method="POST", path=path, when="before", action="status", status=429)
        )
        with pytest.raises(RetryableError):
            await customers.update_customer(HERE, customer, NOBODY_KNOWS)
        running.fault(FaultRule(method="POST", path=path, when="after", action="status"))
        with pytest.raises(OutcomeUnknownError):
            await customers.update_customer(HERE, customer, NOBODY_KNOWS)


def test_a_new_customer_is_written_without_the_fields_that_are_empty() -> None:
    order = StripeCustomerOrder("", "", "", {}, StripeAddress("", "Praha", "", "CZ"), "")

    assert create_params(order) == {"metadata": {}, "address": {"city": "Praha", "country": "CZ"}}
    assert create_params(StripeCustomerOrder("", "", "", {})) == {"metadata": {}}


def test_an_update_says_every_field() -> None:
    assert update_params(NOBODY_KNOWS) == {
        "name": "Eva Malá",
        "email": "",
        "phone": "",
        "address": "",
        "preferred_locales": [],
        "metadata": {"splynx_customer_id": "7"},
    }
