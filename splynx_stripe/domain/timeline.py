"""The story of one debt in plain words, from its audit entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case
from splynx_stripe.domain.collection import Collection, CollectionState

_SENTENCES: Mapping[str, str] = {
    "collection.open": "Somebody began to pay ({route}).",
    "collection.settled": "The debt is settled; no other way can collect it now.",
    "collection.booked": "The debt is paid and booked.",
    "collection.closed": "The effort ended without money; the debt can be paid again.",
    "collection.late": "Money arrived although the effort had been closed.",
    "attempt.prepared": "A charge of {amount} on Stripe account {account} was written down.",
    "attempt.unknown": "Stripe's answer was lost; it is not known yet whether it has the payment.",
    "attempt.awaiting_customer": "Stripe waits for the customer's payment details ({payment_intent}).{why}",
    "attempt.declined": "A try to pay was declined: {reason}. No money was taken by it.",
    "attempt.requires_action": "The customer's bank asks for a confirmation (3-D Secure).",
    "attempt.processing": "The bank is working on it; the money is not certain yet.",
    "attempt.canceling": "The payment is being withdrawn at Stripe.",
    "attempt.canceled": "Stripe confirmed that it will take no money with {payment_intent}.",
    "attempt.succeeded": "Stripe took {amount} ({payment_intent}).",
    "attempt.refused": "Stripe refused to start the payment.{why} No money was taken.",
    "attempt.absent": "Stripe has no such payment: it was proven that no money was taken.",
    "attempt.orphaned": "A payment that was thought absent turned up at Stripe and is being withdrawn.",
    "payment.booked": "Splynx payment {splynx_payment} of {amount} was booked.",
    "document.pending": "Splynx shows the document as pending while the bank works on the debit.",
    "document.not_paid": "The debit failed: Splynx shows the document as unpaid again.",
    "payment.returned": "The bank took {amount} back after days ({dispute}, {reason}).",
    "payment.disputed": "A dispute was opened for {amount} ({dispute}, {reason}); a person has to answer it.",
    "payment.reversed": "Splynx payment {splynx_payment} takes {amount} off again.",
    "collection.returned": "The money came back to the customer; the debt is open again.",
    "statement.recorded": 'It was entered into the payment statement "{statement}".',
    "link.mailed": "The link {link} was handed to Splynx to be sent by e-mail ({outcome}).",
    "link.used_up": "A payment method was saved with the link {link}; it saves no other.",
    "link.made": "A payment link was made ({link}), good until {expires}.",
    "link.revoked": "The payment link {link} was revoked; it opens nothing any more.",
    "link.all_revoked": "All payment links of the customer were revoked ({count}).",
    "link_key.made": 'A key for programs that make payment links was made: "{name}" ({key}).',
    "link_key.revoked": "The key {key} for programs that make payment links was revoked.",
}

_NOW: Mapping[CollectionState, str] = {
    CollectionState.OPEN: "open: it can be paid, and no money has arrived",
    CollectionState.SETTLED: "the money has arrived at Stripe and is being booked in Splynx",
    CollectionState.BOOKED: "paid and booked",
    CollectionState.CLOSED: "ended without money",
    CollectionState.RETURNED: "returned by the bank; the debt is open again",
    CollectionState.LATE: "the money arrived late and is being booked in Splynx",
}


_NO_REASON = "no reason was given"
_LAST_TRY = "The last try failed: {code}."


class _Facts(dict[str, str]):
    """Facts in which a missing one is an ellipsis and not a crash."""

    def __missing__(self, key: str) -> str:
        return "…"


def standing_of(state: CollectionState, translated: Callable[[str], str] = str) -> str:
    """Says how a collection stands."""
    return translated(_NOW[state])


def sentence_of(entry: AuditEntry, translated: Callable[[str], str] = str) -> str:
    """Says in plain words what an entry means; an unknown event is shown as it is."""
    facts = _Facts(entry.facts)
    code = (entry.facts.get("decline_code") or entry.facts.get("code", "")).replace("_", " ")
    facts["reason"] = code or translated(_NO_REASON)
    facts["why"] = f" {translated(_LAST_TRY).format(code=code)}" if code else ""
    template = _SENTENCES.get(entry.event)
    if template is None:
        return " ".join([entry.event, *(f"{k}={v}" for k, v in entry.facts.items())])
    return translated(template).format_map(facts)


def tell(
    collection: Collection,
    attempts: Sequence[Attempt],
    entries: Sequence[AuditEntry],
    cases: Sequence[Case],
) -> str:
    """Tells the story of one collection: what, how it stands, what happened, what needs a person.

    Times are UTC.
    """
    payable = collection.payable
    amount = f", {attempts[-1].amount}" if attempts else ""
    lines = [
        f"{payable.kind.capitalize()} {payable.document_number}{amount}",
        f"Customer {payable.customer_id}, partner {payable.partner_id}.",
        f"Now: {standing_of(collection.state)}.  [{collection.id}]",
        "",
        *(f"  {entry.at:%Y-%m-%d %H:%M:%S}Z  {sentence_of(entry)}" for entry in entries),
    ]
    for case in cases:
        lines += ["", f"Needs a person ({case.kind}): {case.summary}"]
    return "\n".join(lines)
