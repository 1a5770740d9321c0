"""Disputes, which of bank debits are late returns: final, with the money withdrawn at once."""

from __future__ import annotations

from splynx_stripe.sandbox.stripe import objects
from splynx_stripe.sandbox.stripe.call import Call, Operation, page
from splynx_stripe.sandbox.stripe.forms import EXPAND, PAGING, moment, string
from splynx_stripe.sandbox.stripe.state import Json


def open_dispute(call: Call, charge: Json, reason: str, amount: int | None = None) -> Json:
    """Lets a bank take money of a charge back, as a person or their bank would."""
    is_bank = charge["payment_method_details"]["type"] != "card"
    made = _dispute(call, charge, reason, amount or charge["amount_captured"])
    made["status"] = "lost" if is_bank else "needs_response"
    call.book.disputes[made["id"]] = made
    charge["disputed"] = True
    entry = objects.balance_transaction(call, made, "adjustment", -made["amount"], 0)
    made["balance_transactions"] = [entry]
    call.emit("charge.dispute.created", made)
    call.emit("charge.dispute.funds_withdrawn", made)
    return made


def _dispute(call: Call, charge: Json, reason: str, amount: int) -> Json:
    return {
        "id": call.state.new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.created,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": None,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "enhanced_eligibility": {},
        },
        "is_charge_refundable": False,
        "livemode": charge["livemode"],
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }


def retrieve(call: Call) -> Json:
    return call.the("dispute", param="dispute")


def list_all(call: Call) -> Json:
    chosen = list(call.book.disputes.values())
    for name in ("charge", "payment_intent"):
        if (wanted := call.referred(name, name)) is not None:
            chosen = [dispute for dispute in chosen if dispute[name] == wanted["id"]]
    return page(call, chosen, "dispute")


OPERATIONS = (
    Operation("GET", "/v1/disputes/{id}", retrieve, EXPAND),
    Operation(
        "GET",
        "/v1/disputes",
        list_all,
        {**PAGING, **EXPAND, "charge": string(), "payment_intent": string(), "created": moment},
    ),
)
