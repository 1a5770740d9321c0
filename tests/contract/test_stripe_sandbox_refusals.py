"""What Stripe refuses, the sandbox refuses in the same words: a wrong call shows before it goes live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.contract.stripe_sandbox_running import PUBLISHABLE_KEY, RETURN_URL, Running, running

CARD = {"card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "30"}
BANK = {
    "us_bank_account[account_number]": "000123456789",
    "us_bank_account[routing_number]": "110000000",
    "us_bank_account[account_holder_type]": "individual",
}
LONG = "x" * 501


@dataclass(frozen=True)
class Refusal:
    """A request, and how it is refused. Names in braces are objects that exist."""

    path: str
    form: Mapping[str, str]
    says: str
    param: str = ""
    status: int = 400
    method: str = "POST"
    key: str = ""


def card(**changed: str) -> dict[str, str]:
    return {"type": "card", **CARD, **{f"card[{name}]": value for name, value in changed.items()}}


def bank(**changed: str) -> dict[str, str]:
    parts = {f"us_bank_account[{name}]": value for name, value in changed.items()}
    return {"type": "us_bank_account", **BANK, **parts}


METHODS = "/v1/payment_methods"
INTENTS = "/v1/payment_intents"
SETUPS = "/v1/setup_intents"
MONEY = {"amount": "17250", "currency": "eur"}

REFUSALS = {
    "a card without its number": Refusal(METHODS, {"type": "card"}, "Missing required param: card"),
    "a bank account without its numbers": Refusal(
        METHODS, {"type": "us_bank_account"}, "Missing required param: us_bank_account"
    ),
    "an Australian account without its numbers": Refusal(
        METHODS, {"type": "au_becs_debit"}, "Missing required param: au_becs_debit"
    ),
    "a method of no type": Refusal(METHODS, {}, "Missing required param: type", "type"),
    "a card number with a typing mistake": Refusal(
        METHODS, card(number="4242424242424241"), "number is incorrect", "number", 402
    ),
    "a real card in test mode": Refusal(
        METHODS, card(number="4539578763621486"), "used a non test card", "number", 402
    ),
    "a thirteenth month": Refusal(
        METHODS, card(exp_month="13"), "expiration month is invalid", "exp_month", 402
    ),
    "a card of last year": Refusal(
        METHODS, card(exp_year="2020"), "expiration year is invalid", "exp_year", 402
    ),
    "a security code of letters": Refusal(
        METHODS, card(cvc="abc"), "security code is invalid", "cvc", 402
    ),
    "a bank account that is none of the test's": Refusal(
        METHODS, bank(account_number="123"), "test bank account number", "us_bank_account"
    ),
    "a wrong routing number": Refusal(
        METHODS, bank(routing_number="111111111"), "Invalid routing number", "us_bank_account"
    ),
    "a method for nobody": Refusal(
        METHODS + "/pm_card_visa/attach", {}, "Missing required param: customer", "customer"
    ),
    "a method of somebody else": Refusal(
        METHODS + "/{saved}/attach", {"customer": "{other}"}, "already been attached"
    ),
    "a card that the bank refuses to save": Refusal(
        METHODS + "/pm_card_visa_chargeDeclined/attach",
        {"customer": "{customer}"},
        "Your card was declined",
        status=402,
    ),
    "a method that is attached to nobody": Refusal(METHODS + "/{loose}/detach", {}, "not attached"),
    "an address that is no e-mail address": Refusal(
        "/v1/customers", {"email": "nobody"}, "Invalid email address", "email"
    ),
    "a customer whose default method does not exist": Refusal(
        "/v1/customers/{customer}",
        {"invoice_settings[default_payment_method]": "pm_none"},
        "No such PaymentMethod",
        "invoice_settings[default_payment_method]",
    ),
    "an unknown parameter": Refusal(
        INTENTS, {**MONEY, "colour": "red"}, "Received unknown parameter: colour", "colour"
    ),
    "two unknown parameters": Refusal(
        INTENTS,
        {**MONEY, "colour": "red", "size": "1"},
        "Received unknown parameters: colour, size",
    ),
    "a missing amount": Refusal(INTENTS, {"currency": "eur"}, "Missing required param: amount"),
    "an empty amount": Refusal(
        INTENTS, {"amount": "", "currency": "eur"}, "You passed an empty string for 'amount'"
    ),
    "an amount with a point": Refusal(
        INTENTS, {**MONEY, "amount": "172.50"}, "Invalid integer: 172.50", "amount"
    ),
    "an amount that is an object": Refusal(
        INTENTS, {"amount[eur]": "1", "currency": "eur"}, "Invalid integer", "amount"
    ),
    "a boolean that is none": Refusal(
        INTENTS, {**MONEY, "confirm": "yes"}, "Invalid boolean: yes", "confirm"
    ),
    "a choice that is none": Refusal(
        INTENTS, {**MONEY, "capture_method": "never"}, "must be one of", "capture_method"
    ),
    "a list that is none": Refusal(
        INTENTS,
        {**MONEY, "allowed_payment_method_types": "card"},
        "Invalid array",
        "allowed_payment_method_types",
    ),
    "an object that is none": Refusal(
        METHODS, {"type": "card", "card": "4242"}, "Invalid object", "card"
    ),
    "a text that is an object": Refusal(
        INTENTS, {**MONEY, "description[a]": "x"}, "Invalid string", "description"
    ),
    "metadata that is a text": Refusal(
        INTENTS, {**MONEY, "metadata": "x"}, "Invalid object", "metadata"
    ),
    "metadata within metadata": Refusal(
        INTENTS, {**MONEY, "metadata[a][b]": "x"}, "can only be strings", "metadata[a]"
    ),
    "a long metadata key": Refusal(
        INTENTS, {**MONEY, f"metadata[{LONG[:41]}]": "x"}, "keys can have up to 40 characters"
    ),
    "a long metadata value": Refusal(
        INTENTS, {**MONEY, "metadata[a]": LONG}, "values can have up to 500 characters"
    ),
    "too many metadata keys": Refusal(
        INTENTS, {**MONEY, **{f"metadata[k{n}]": "x" for n in range(51)}}, "can have up to 50 keys"
    ),
    "off-session without confirming": Refusal(
        INTENTS, {**MONEY, "off_session": "true"}, "without `confirm`", "off_session"
    ),
    "confirming without a return address": Refusal(
        INTENTS, {**MONEY, "confirm": "true", "payment_method": "pm_card_visa"}, "return_url"
    ),
    "confirming without a method": Refusal(
        INTENTS, {**MONEY, "confirm": "true", "return_url": RETURN_URL}, "missing a payment method"
    ),
    "a statement descriptor that is too long": Refusal(
        INTENTS,
        {**MONEY, "statement_descriptor_suffix": LONG[:23]},
        "at most 22 characters",
        "statement_descriptor_suffix",
    ),
    "a statement descriptor of digits": Refusal(
        INTENTS,
        {**MONEY, "statement_descriptor_suffix": "1234"},
        "at least one alphabetic character",
    ),
    "another amount for money that was taken": Refusal(
        INTENTS + "/{paid}", {"amount": "100"}, "could not be updated because it has a status"
    ),
    "confirming what was paid": Refusal(
        INTENTS + "/{paid}/confirm", {"return_url": RETURN_URL}, "has already succeeded"
    ),
    "confirming what was canceled": Refusal(
        INTENTS + "/{canceled}/confirm", {"return_url": RETURN_URL}, "has a status of canceled"
    ),
    "confirming an open one without a method": Refusal(
        INTENTS + "/{open}/confirm", {"return_url": RETURN_URL}, "missing a payment method"
    ),
    "canceling what was paid": Refusal(
        INTENTS + "/{paid}/cancel", {}, "You cannot cancel this PaymentIntent"
    ),
    "capturing what was not reserved": Refusal(
        INTENTS + "/{open}/capture", {}, "could not be captured"
    ),
    "capturing more than was reserved": Refusal(
        INTENTS + "/{reserved}/capture", {"amount_to_capture": "17251"}, "greater than the amount"
    ),
    "a set-up without a method": Refusal(
        SETUPS, {"confirm": "true", "return_url": RETURN_URL}, "missing a payment method"
    ),
    "a set-up confirmed without a return address": Refusal(
        SETUPS, {"confirm": "true", "payment_method": "pm_card_visa"}, "return_url"
    ),
    "confirming a set-up without a method": Refusal(
        SETUPS + "/{setup}/confirm", {"return_url": RETURN_URL}, "missing a payment method"
    ),
    "another method for a set-up that is over": Refusal(
        SETUPS + "/{done}", {"payment_method": "pm_card_visa"}, "status"
    ),
    "confirming a set-up that is over": Refusal(
        SETUPS + "/{done}/confirm", {"return_url": RETURN_URL}, "status"
    ),
    "canceling a set-up that is over": Refusal(SETUPS + "/{done}/cancel", {}, "status"),
    "saving a card that the bank refuses": Refusal(
        SETUPS,
        {
            "confirm": "true",
            "payment_method": "pm_card_visa_chargeDeclined",
            "return_url": RETURN_URL,
        },
        "Your card was declined",
        status=402,
    ),
    "an endpoint without an address": Refusal(
        "/v1/webhook_endpoints", {"enabled_events[]": "*"}, "Missing required param: url", "url"
    ),
    "an endpoint that does not exist": Refusal(
        "/v1/webhook_endpoints/we_none", {}, "No such", status=404, method="GET"
    ),
    "an event that does not exist": Refusal(
        "/v1/events/evt_none", {}, "No such", status=404, method="GET"
    ),
}


async def existing(stage: Running) -> dict[str, str]:
    """Makes the objects of which the refusals speak."""
    made: dict[str, str] = {}

    async def make(name: str, path: str, form: Mapping[str, str]) -> None:
        filled = {key: value.format(**made) for key, value in form.items()}
        status, body, _ = await stage.raw("POST", path.format(**made), filled)
        assert status == 200, body
        made[name] = body["id"]

    paying = {**MONEY, "confirm": "true", "return_url": RETURN_URL}
    await make("customer", "/v1/customers", {"email": "john@example.com"})
    await make("other", "/v1/customers", {"email": "jana@example.com"})
    await make("saved", METHODS + "/pm_card_visa/attach", {"customer": "{customer}"})
    await make("loose", METHODS, card())
    await make("open", INTENTS, MONEY)
    await make("paid", INTENTS, {**paying, "payment_method": "pm_card_visa"})
    await make("canceled", INTENTS, MONEY)
    await make("canceled", INTENTS + "/{canceled}/cancel", {})
    await make(
        "reserved",
        INTENTS,
        {**paying, "payment_method": "pm_card_visa", "capture_method": "manual"},
    )
    await make("setup", SETUPS, {"customer": "{customer}"})
    await make(
        "done",
        SETUPS,
        {"confirm": "true", "return_url": RETURN_URL, "payment_method": "pm_card_visa"},
    )
    return made


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_request_that_stripe_refuses_is_refused(name: str) -> None:
    refusal = REFUSALS[name]
    async with running() as stage:
        made = await existing(stage)
        ledger = stage.sandbox.control.totals()
        form = {
            key: value.format(**made) if "{" in value else value
            for key, value in refusal.form.items()
        }

        status, body, _ = await stage.raw(refusal.method, refusal.path.format(**made), form)

        assert status == refusal.status, body
        assert refusal.says in body["error"]["message"]
        assert refusal.param in body["error"].get("param", "")
        assert stage.sandbox.control.totals()["charges"] == ledger["charges"], "no money moved"


async def test_a_browser_may_not_do_what_takes_the_secret_key() -> None:
    async with running() as stage:
        made = await existing(stage)

        for path in (INTENTS, f"{INTENTS}/{made['open']}/cancel", "/v1/customers"):
            status, body, _ = await stage.raw("POST", path, MONEY, key=PUBLISHABLE_KEY)

            assert status in {401, 403}, (path, body)
