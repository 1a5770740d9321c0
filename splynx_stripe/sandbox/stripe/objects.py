"""New objects with all the fields that the real ones of API 2026-10-28.endive have."""

from __future__ import annotations

from typing import Any

from splynx_stripe.sandbox.stripe.call import Call
from splynx_stripe.sandbox.stripe.cards import TestBankAccount, TestCard
from splynx_stripe.sandbox.stripe.state import Json

FEE_PER_MILLE = 14
FEE_FIXED = 25
"""Minor units per charge; with 1.4 % Stripe's old price for European cards."""

SETTLEMENT_DELAY_S = 2 * 86_400


def customer(call: Call) -> Json:
    return {
        "id": call.state.new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": call.state.letters(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": call.book.livemode,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def billing_details(given: Json | None = None) -> Json:
    given = given or {}
    address = given.get("address") or {}
    parts = ("city", "country", "line1", "line2", "postal_code", "state")
    return {
        "address": {part: address.get(part) or None for part in parts},
        "email": given.get("email") or None,
        "name": given.get("name") or None,
        "phone": given.get("phone") or None,
        "tax_id": given.get("tax_id") or None,
    }


def payment_method(call: Call, kind: str, details: Json) -> Json:
    return {
        "id": call.state.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(),
        kind: details,
        "created": call.created,
        "customer": None,
        "customer_account": None,
        "livemode": call.book.livemode,
        "metadata": {},
        "type": kind,
    }


def card_details(call: Call, card: TestCard, exp_month: int, exp_year: int) -> Json:
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "unchecked",
        },
        "country": call.book.key.country,
        "display_brand": card.brand,
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": fingerprint(call, card.number),
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def bank_details(call: Call, bank: TestBankAccount, given: Json) -> Json:
    return {
        "account_holder_type": given.get("account_holder_type", "individual"),
        "account_type": given.get("account_type", "checking"),
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "fingerprint": fingerprint(call, bank.number),
        "last4": bank.last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": given["routing_number"],
        "status_details": {},
    }


def fingerprint(call: Call, number: str) -> str:
    """Gives the same 16 letters for the same number in the same account."""
    for pm_id, known in call.book.numbers.items():
        if known == number and (there := call.book.payment_methods.get(pm_id)) is not None:
            return str(there[there["type"]]["fingerprint"])
    return call.state.letters(16)


def payment_intent(call: Call, amount: int, currency: str) -> Json:
    made = call.state.new_id("pi")
    return {
        "id": made,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{made}_secret_{call.state.letters(25)}",
        "confirmation_method": "automatic",
        "created": call.created,
        "currency": currency,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": call.book.livemode,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": [],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def setup_intent(call: Call) -> Json:
    made = call.state.new_id("seti")
    return {
        "id": made,
        "object": "setup_intent",
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{made}_secret_{call.state.letters(25)}",
        "created": call.created,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": call.book.livemode,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": [],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }


def charge(call: Call, intent: Json, method: Json) -> Json:
    """Makes a charge of the whole intent, not yet decided."""
    kind = method["type"]
    made = call.state.new_id("ch" if kind == "card" else "py")
    return {
        "id": made,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX ISP",
        "captured": False,
        "created": call.created,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": call.book.livemode,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _charged_details(intent, method, call.params.get("mandate")),
        "presentment_details": None,
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "pending",
        "transfer_data": None,
        "transfer_group": None,
    }


_BANK_NAMES = (
    "account_holder_type",
    "account_type",
    "bank_name",
    "bsb_number",
    "fingerprint",
    "institution_number",
    "last4",
    "routing_number",
    "transit_number",
)


def _charged_details(intent: Json, method: Json, mandate: str | None) -> Json:
    kind = method["type"]
    shown = method[kind]
    if kind != "card":
        bank: Json = {name: shown[name] for name in _BANK_NAMES if name in shown}
        bank["mandate"] = mandate
        if kind == "us_bank_account":
            bank["payment_reference"] = None
        return {kind: bank, "type": kind}
    card_names = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    card: Json = {name: shown[name] for name in card_names}
    card.update(
        amount_authorized=intent["amount"],
        authorization_code=None,
        checks={**shown["checks"], "cvc_check": "pass"},
        extended_authorization={"status": "disabled"},
        incremental_authorization={"status": "unavailable"},
        installments=None,
        mandate=None,
        multicapture={"status": "unavailable"},
        network=shown["brand"],
        network_token={"used": False},
        network_transaction_id=None,
        overcapture={"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        regulated_status="unregulated",
        three_d_secure=None,
        wallet=None,
    )
    return {"card": card, "type": "card"}


def outcome(*, paid: bool, reason: str | None = None, message: str = "") -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network" if paid else "declined_by_network",
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "Payment complete." if paid else message,
        "type": "authorized" if paid else "issuer_declined",
    }


def refund(call: Call, charged: Json, amount: int) -> Json:
    kind = charged["payment_method_details"]["type"]
    card_destination: Json = {
        "reference_status": "pending",
        "reference_type": "acquirer_reference_number",
        "type": "refund",
    }
    return {
        "id": call.state.new_id("re" if kind == "card" else "pyr"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charged["id"],
        "created": call.created,
        "currency": charged["currency"],
        "customer": charged["customer"],
        "destination_details": {
            "type": kind,
            **({"card": card_destination} if kind == "card" else {}),
        },
        "metadata": {},
        "payment_intent": charged["payment_intent"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }


def fee_of(amount: int) -> int:
    """Gives Stripe's fee for a charge in minor units: 1.4 % rounded half up, and 25."""
    return (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED


def balance_transaction(call: Call, source: Json, kind: str, amount: int, fee: int) -> Json:
    """Enters a movement into the book. `amount` is negative when money leaves the balance."""
    fee_details: list[Any] = []
    if fee:
        fee_details.append(
            {
                "amount": fee,
                "application": None,
                "currency": source["currency"],
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        )
    made: Json = {
        "id": call.state.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": call.created + SETTLEMENT_DELAY_S,
        "balance_type": "payments",
        "created": call.created,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fee_details,
        "net": amount - fee,
        "reporting_category": {"payment": "charge", "payment_refund": "refund"}.get(kind, kind),
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }
    call.book.balance_transactions[made["id"]] = made
    return made
