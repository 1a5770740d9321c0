"""The story of one debt in plain words, from its audit entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case
from splynx_stripe.domain.collection import Collection, CollectionState

_SENTENCES: Mapping[str, str] = {
    "collection.open": "Somebody began to pay ({route}).",
    "charge.open": "A charge without the customer was begun ({route}, {origin}).",
    "charge.skipped": "Nothing was charged by {origin} ({standing}); the debt can be collected again.",
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
    "recovery.planned": "It will be tried again ({next}).",
    "recovery.try_began": "It is being tried again now.",
    "recovery.put_off": "The new try could not be made now and was put off ({next}).",
    "recovery.try_wanted": "A new try at once was ordered.",
    "recovery.exhausted": "It is not tried again by itself ({reason_code}).",
    "recovery.stopped": "The new tries were stopped.",
    "recovery.taken_over": "A charge run charges the debt now; it is not tried again besides.",
    "recovery.recovered": "The debt is paid, so it is not tried again.",
    "notice.sent": "A message was handed to Splynx ({kind}, {channel}).",
    "notice.unknown": "A message was handed to Splynx and its answer was lost ({kind}, {channel}); it is not sent again.",
    "notice.refused": "A message could not be sent ({kind}, {channel}): {note}",
    "notice.dropped": "A message was not sent ({kind}, {channel}): {note}",
    "statement.recorded": 'It was entered into the payment statement "{statement}".',
    "link.mailed": "The link {link} was handed to Splynx to be sent by e-mail ({outcome}).",
    "link.used_up": "A payment method was saved with the link {link}; it saves no other.",
    "link.made": "A payment link was made ({link}), good until {expires}.",
    "link.revoked": "The payment link {link} was revoked; it opens nothing any more.",
    "link.all_revoked": "All payment links of the customer were revoked ({count}).",
    "link_key.made": 'A key for programs that make payment links was made: "{name}" ({key}).',
    "link_key.revoked": "The key {key} for programs that make payment links was revoked.",
    "setup.prepared": "Somebody began to save a payment method ({kind}).",
    "credential.saved": "A payment method was saved ({kind}, {payment_method}).",
    "credential.verifying": "A bank account waits for its proof by small deposits ({payment_method}).",
    "credential.updated": "Stripe has new details of a saved payment method ({payment_method}).",
    "credential.moved": "A saved payment method got place {position} in the order ({payment_method}).",
    "credential.removed": "A saved payment method was removed ({payment_method}).",
    "credential.died": "A saved payment method can no longer be charged ({payment_method}).",
    "customer.told": "Stripe was told what has changed about customer {customer} ({stripe_customer}).",
    "customer.adopted": "A customer that stood at Stripe was found again ({stripe_customer}).",
    "customer.forgotten": "A customer that was deleted at Stripe was forgotten ({stripe_customer}).",
    "webhook.made": "A webhook was made at Stripe for {account} ({endpoint}).",
    "webhook.strays_removed": "Webhooks that were left over at Stripe were removed for {account} ({count}).",
    "account.connected": "The Stripe account {stripe_account} was connected for {account}.",
    "account.disconnected": "The Stripe account {stripe_account} was disconnected ({account}).",
    "account.ended": "Stripe ended the connection of {stripe_account} ({why}).",
    "account.released": "Partner section {partner} may use other keys again.",
    "account.accepted": "The keys of {account} belong to {stripe_account} now, and an administrator accepted it.",
    "settings.changed": 'The setting "{key}" was changed ({section}).',
    "charge_run.begun": "A charge run was begun ({kind}, {run}).",
    "charge_run.planned": "The charge run {run} is planned: {to_charge} to be charged, {total}.",
    "charge_run.confirmed": "The charge run {run} was confirmed and charges.",
    "charge_run.second_wanted": "The charge run {run} was confirmed once; a second administrator has to.",
    "charge_run.paused": "The charge run {run} was paused.",
    "charge_run.resumed": "The charge run {run} goes on.",
    "charge_run.canceled": "The charge run {run} was canceled; {left} debts were left as they are.",
    "charge_run.finished": "The charge run {run} is finished; it took {took}.",
    "charging.stopped": "All unattended charging was stopped: {reason}",
    "charging.resumed": "Unattended charging goes on: {note}",
    "rule.saved": 'The auto charge rule "{rule_name}" was saved.',
    "rule.enabled": 'The auto charge rule "{rule_name}" was switched on.',
    "rule.disabled": 'The auto charge rule "{rule_name}" was switched off.',
    "rule.deleted": 'The auto charge rule "{rule_name}" was deleted.',
    "rule.acted": 'The auto charge rule "{rule_name}" acts for {day} (run {run}).',
    "rule.confirmed": 'The run of the auto charge rule "{rule_name}" for {day} charges (run {run}).',
    "rule.planned_only": 'The auto charge rule "{rule_name}" made a dry run for {day} (run {run}).',
    "rule.stopped": 'The run of the auto charge rule "{rule_name}" for {day} waits for a person (run {run}).',
    "rule.missed": 'The auto charge rule "{rule_name}" missed {day}; nothing was charged.',
    "case.closed": "Case {case} ({kind}) was closed: {note}",
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
        f"{payable.name}{amount}",
        f"Customer {payable.customer_id}, partner {payable.partner_id}.",
        f"Now: {standing_of(collection.state)}.  [{collection.id}]",
        "",
        *(f"  {entry.at:%Y-%m-%d %H:%M:%S}Z  {sentence_of(entry)}" for entry in entries),
    ]
    for case in cases:
        lines += ["", f"Needs a person ({case.kind}): {case.summary}"]
    return "\n".join(lines)
