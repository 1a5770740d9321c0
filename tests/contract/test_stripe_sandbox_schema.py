"""Every operation of the Stripe sandbox fits the installed SDK's types, and the check has teeth."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from splynx_stripe.sandbox.stripe.server import OPERATIONS
from tests.contract.sdk_schema import SdkSchema
from tests.contract.stripe_sandbox_running import RETURN_URL, Running, running

CARD: dict[str, Any] = {"type": "card", "card": {"number": "4242424242424242"}}
CARD["card"] |= {"exp_month": 12, "exp_year": 2030, "cvc": "123"}


async def payments_tour(v1: stripe._v1_services.V1Services) -> None:
    customer = await v1.customers.create_async({"name": "Jana", "email": "jana@example.com"})
    await v1.customers.update_async(customer.id, {"phone": "123", "metadata": {"a": "b"}})
    await v1.customers.retrieve_async(customer.id)
    await v1.customers.list_async({"limit": 3})
    method = await v1.payment_methods.create_async(CARD)  # type: ignore[arg-type]  # built in steps
    await v1.payment_methods.attach_async(method.id, {"customer": customer.id})
    await v1.payment_methods.update_async(method.id, {"billing_details": {"name": "Jana"}})
    await v1.payment_methods.retrieve_async(method.id)
    await v1.payment_methods.list_async({"customer": customer.id})
    await v1.customers.payment_methods.list_async(customer.id)
    await v1.customers.payment_methods.retrieve_async(customer.id, method.id)
    intent = await v1.payment_intents.create_async(
        {
            "amount": 999,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": method.id,
            "capture_method": "manual",
            "statement_descriptor_suffix": "INV 7",
        }
    )
    await v1.payment_intents.update_async(intent.id, {"description": "Invoice 7"})
    await v1.payment_intents.confirm_async(intent.id, {"return_url": RETURN_URL})
    await v1.payment_intents.capture_async(intent.id)
    expand = ["customer", "payment_method", "latest_charge.balance_transaction"]
    paid = await v1.payment_intents.retrieve_async(intent.id, {"expand": expand})
    assert isinstance(paid.latest_charge, stripe.Charge)
    await v1.payment_intents.list_async({"customer": customer.id, "expand": ["data.latest_charge"]})
    other = await v1.payment_intents.create_async({"amount": 999, "currency": "jpy"})
    await v1.payment_intents.cancel_async(other.id)
    await refunds_tour(v1, paid.latest_charge.id)
    await v1.payment_methods.detach_async(method.id)
    await v1.customers.delete_async(customer.id)


async def refunds_tour(v1: stripe._v1_services.V1Services, charge: str) -> None:
    await v1.charges.retrieve_async(charge, {"expand": ["refunds"]})
    await v1.charges.list_async({"limit": 1})
    refund = await v1.refunds.create_async({"charge": charge, "amount": 100})
    await v1.refunds.update_async(refund.id, {"metadata": {"a": "b"}})
    await v1.refunds.retrieve_async(refund.id, {"expand": ["charge", "payment_intent"]})
    await v1.refunds.list_async({"charge": charge})
    entries = await v1.balance_transactions.list_async({"expand": ["data.source"]})
    await v1.balance_transactions.retrieve_async(entries.data[0].id)


async def settings_tour(v1: stripe._v1_services.V1Services) -> None:
    setup = await v1.setup_intents.create_async({"usage": "off_session"})
    await v1.setup_intents.update_async(setup.id, {"payment_method": "pm_card_visa"})
    await v1.setup_intents.confirm_async(setup.id, {"return_url": RETURN_URL})
    await v1.setup_intents.retrieve_async(setup.id)
    await v1.setup_intents.list_async()
    await v1.setup_intents.cancel_async((await v1.setup_intents.create_async()).id)
    await bank_accounts_tour(v1)
    hook = await v1.webhook_endpoints.create_async(
        {"url": "https://isp.example.net/hook", "enabled_events": ["charge.dispute.created"]}
    )
    await v1.webhook_endpoints.update_async(hook.id, {"description": "ours"})
    await v1.webhook_endpoints.retrieve_async(hook.id)
    await v1.webhook_endpoints.list_async()
    await v1.webhook_endpoints.delete_async(hook.id)
    events = await v1.events.list_async({"limit": 100})
    await v1.events.retrieve_async(events.data[0].id)
    await v1.accounts.retrieve_current_async()


async def bank_accounts_tour(v1: stripe._v1_services.V1Services) -> None:
    customer = await v1.customers.create_async()
    american = {"routing_number": "110000000", "account_holder_type": "individual"}
    banks = {
        "us_bank_account": american | {"account_number": "000888888883"},
        "au_becs_debit": {"bsb_number": "000000", "account_number": "000123456789"},
        "acss_debit": {
            "institution_number": "000",
            "transit_number": "11000",
            "account_number": "000777777771",
        },
    }
    proofs = {"us_bank_account": {"amounts": [32, 45]}, "acss_debit": {"descriptor_code": "SM11AA"}}
    for kind, bank in banks.items():
        data = {"type": kind, kind: bank, "billing_details": {"name": "J", "email": "j@x.example"}}
        params: Any = {
            "customer": customer.id,
            "allowed_payment_method_types": [kind],
            "payment_method_data": data,
            "confirm": True,
            "expand": ["payment_method"],
        }
        setup = await v1.setup_intents.create_async(params)
        if kind in proofs:
            setup = await v1.setup_intents.verify_microdeposits_async(setup.id, proofs[kind])  # type: ignore[arg-type]  # built in steps
        assert setup.status == "succeeded"
        assert isinstance(setup.mandate, str)
        await v1.mandates.retrieve_async(setup.mandate, {"expand": ["payment_method"]})


async def cancel_a_refund(stage: Running, v1: stripe._v1_services.V1Services) -> None:
    intent = await v1.payment_intents.create_async(
        {
            "amount": 100,
            "currency": "eur",
            "payment_method": "pm_card_pendingRefund",
            "confirm": True,
            "off_session": True,
        }
    )
    refund = await v1.refunds.create_async({"payment_intent": intent.id})
    # Only refunds that wait for the customer can be canceled; no test card leads there.
    stage.sandbox.state.book().refunds[refund.id]["status"] = "requires_action"
    await v1.refunds.cancel_async(refund.id)


async def look_at_a_dispute(stage: Running, v1: stripe._v1_services.V1Services) -> None:
    intent = await v1.payment_intents.create_async(
        {
            "amount": 100,
            "currency": "eur",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "off_session": True,
        }
    )
    made = stage.sandbox.control.take_back(intent.id, "fraudulent")
    assert made is not None
    await v1.disputes.retrieve_async(made["id"])
    await v1.disputes.list_async()


async def test_every_operation_gives_answers_that_fit_the_sdk() -> None:
    async with running() as stage:
        v1 = stage.client().v1

        await payments_tour(v1)
        await settings_tour(v1)
        await cancel_a_refund(stage, v1)
        await look_at_a_dispute(stage, v1)

        named = {name.split("{")[0] + name.partition("}")[2] for name in stage.checker.seen}
        wanted = {one.name.split("{")[0] + one.name.partition("}")[2] for one in OPERATIONS}
        missed = {name for name in wanted - named if not name.endswith("/_authenticate")}
        assert missed == set()
        events = [one.as_listed() for one in stage.sandbox.state.book().events.values()]
        assert [SdkSchema.load().check_event(event) for event in events] == [[]] * len(events)


async def test_objects_carry_the_fields_that_the_sdk_declares() -> None:
    # Shown on demand only, or for features that this sandbox does not have.
    absent = {
        "payment_intent": {
            "hooks",
            "managed_payments",
            "payment_details",
            "payment_record",
            "presentment_details",
        },
        "charge": {"authorization_code", "level3", "refunds", "transfer"},
        "setup_intent": {"attach_to_self", "managed_payments"},
    }
    async with running() as stage:
        await payments_tour(stage.client().v1)
        await settings_tour(stage.client().v1)

        book = stage.sandbox.state.book()
        for kind, cls in (
            ("payment_intent", stripe.PaymentIntent),
            ("charge", stripe.Charge),
            ("setup_intent", stripe.SetupIntent),
        ):
            declared = {name for name in cls.__annotations__ if name.islower()} - {"_"}
            declared = {name for name in declared if not name.startswith("_")}
            shown = set(next(iter(book.shelf(kind).values())))
            assert declared - shown == absent[kind], kind


@pytest.mark.parametrize(
    ("path", "params", "problem"),
    [
        (
            "/v1/payment_intents",
            {"amount": 1, "currency": "eur", "bogus": "1"},
            "unknown parameter bogus",
        ),
        (
            "/v1/payment_intents",
            {"amount": 1, "currency": "eur", "automatic_payment_methods": {"on": True}},
            "unknown parameter automatic_payment_methods.on",
        ),
        (
            "/v1/payment_intents",
            {"amount": 10.99, "currency": "eur"},
            "10.99 is not int for amount",
        ),
        (
            "/v1/payment_intents",
            {"amount": "10.99", "currency": "eur"},
            "'10.99' is not int for amount",
        ),
        ("/v1/payment_intents", {"currency": "eur"}, "missing parameter amount"),
        (
            "/v1/payment_intents",
            {"amount": 1, "currency": "eur", "payment_method_types": ["card"]},
            "unknown parameter payment_method_types",
        ),
        (
            "/v1/refunds",
            {"payment_intent": "pi_3", "reason": "because"},
            "'because' is no choice for reason",
        ),
        (
            "/v1/webhook_endpoints",
            {"url": "https://isp.example.net", "enabled_events": ["payment.done"]},
            "'payment.done' is no choice for enabled_events.0",
        ),
        ("/v1/payments", {}, "no such operation: POST /v1/payments"),
    ],
)
def test_a_wrong_request_is_caught(path: str, params: dict[str, Any], problem: str) -> None:
    assert problem in SdkSchema.load().check_request("POST", path, params)


async def test_a_wrong_answer_is_caught() -> None:
    async with running() as stage:
        _, body, _ = await stage.raw(
            "POST", "/v1/payment_intents", {"amount": "99", "currency": "eur"}
        )
    schema = SdkSchema.load()
    assert schema.check_response("POST", "/v1/payment_intents", body) == []

    body |= {"amount": "99", "status": None, "paid_by": "cash", "amount_details": {"tips": {}}}

    assert schema.check_response("POST", "/v1/payment_intents", body) == [
        "amount is '99', not int",
        "unknown field amount_details.tips",
        "status must not be null",
        "unknown field paid_by",
    ]
