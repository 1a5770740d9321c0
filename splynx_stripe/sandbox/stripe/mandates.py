"""Mandates of bank debits, and micro-deposits: how an account is proven that nobody logs in to."""

from __future__ import annotations

from typing import Any

from splynx_stripe.sandbox.stripe.call import Call, Operation
from splynx_stripe.sandbox.stripe.errors import StripeError, invalid
from splynx_stripe.sandbox.stripe.forms import EXPAND
from splynx_stripe.sandbox.stripe.state import Json

ARRIVAL_S = 2 * 86_400
RIGHT_AMOUNTS = [32, 45]
RIGHT_CODE = "SM11AA"
"""What Stripe's own test mode wants (docs.stripe.com/payments/ach-direct-debit, "Test")."""
MOST_TRIES = 10


def made_for(call: Call, method: Json) -> Json:
    """Makes an active mandate for a bank account."""
    kind = method["type"]
    details: Json = {
        "us_bank_account": {},
        "au_becs_debit": {"url": f"{call.origin}/_sandbox/mandate"},
        "acss_debit": {
            "interval_description": None,
            "payment_schedule": "sporadic",
            "transaction_type": "personal",
        },
    }
    made: Json = {
        "id": call.state.new_id("mandate"),
        "object": "mandate",
        "customer_acceptance": {
            "accepted_at": call.created,
            "online": {"ip_address": "127.0.0.1", "user_agent": "sandbox"},
            "type": "online",
        },
        "livemode": call.book.livemode,
        "multi_use": {},
        "payment_method": method["id"],
        "payment_method_details": {kind: details[kind], "type": kind},
        "status": "active",
        "type": "multi_use",
    }
    call.book.mandates[made["id"]] = made
    return made


def withdrawn(call: Call, mandate: Json) -> None:
    """The customer has told the bank that there is no permission any more."""
    mandate["status"] = "inactive"
    call.emit("mandate.updated", mandate, {"status": "active"})


def wants_proof(call: Call, intent: Json, kind: str) -> Json:
    """Gives the next action of an intent whose bank account has to be proven."""
    return {
        "type": "verify_with_microdeposits",
        "verify_with_microdeposits": {
            "arrival_date": call.created + ARRIVAL_S,
            "hosted_verification_url": f"{call.origin}/_sandbox/microdeposits/{intent['id']}",
            "microdeposit_type": kind,
        },
    }


def check_proof(call: Call, intent: Json) -> None:
    """Refuses wrong amounts or a wrong code, and more than so many tries."""
    action = intent["next_action"] or {}
    wanted = action.get("verify_with_microdeposits")
    if wanted is None:
        raise invalid(
            "This intent has no micro-deposits to verify.",
            code="payment_method_microdeposit_verification_attempts_exceeded",
        )
    tries = call.book.proofs.get(intent["id"], 0)
    call.book.proofs[intent["id"]] = tries + 1
    if tries >= MOST_TRIES:
        raise _wrong(
            "attempts_exceeded", "You have exceeded the number of allowed verification attempts."
        )
    if wanted["microdeposit_type"] == "amounts":
        if call.params.get("amounts") is None:
            raise _wrong("amounts_invalid", "You must provide exactly two amounts.")
        if sorted(call.params["amounts"]) != RIGHT_AMOUNTS:
            raise _wrong("amounts_mismatch", "The amounts provided do not match the amounts sent.")
    elif str(call.params.get("descriptor_code", "")).upper() != RIGHT_CODE:
        raise _wrong(
            "descriptor_code_mismatch", "The descriptor code provided does not match the one sent."
        )


def _wrong(reason: str, message: str) -> StripeError:
    return invalid(message, code=f"payment_method_microdeposit_verification_{reason}")


def retrieve(call: Call) -> Any:
    return call.the("mandate", param="mandate")


OPERATIONS = (Operation("GET", "/v1/mandates/{id}", retrieve, EXPAND),)
