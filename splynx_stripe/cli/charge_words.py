"""How the command line tells of charge runs."""

from __future__ import annotations

from collections.abc import Sequence

from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_progress import ItemView, RunView, Tally
from splynx_stripe.domain.guardrails import RunTotal
from splynx_stripe.domain.money import Money

VERDICTS = {
    Verdict.CHARGE: "to be charged",
    Verdict.LIKELY_TO_FAIL: "to be charged, and likely to fail",
    Verdict.LINK: "to get a link by e-mail",
    Verdict.SKIP: "skipped",
}
REASONS = {
    Reason.PAID: "paid already",
    Reason.PENDING: "a debit is on its way",
    Reason.NOTHING_DUE: "nothing is due",
    Reason.NO_CREDENTIAL: "no saved payment method",
    Reason.CREDENTIAL_NOT_ACCEPTED: "the saved payment method is of a type that is not accepted now",
    Reason.LIVE_COLLECTION: "somebody is paying it, or another run charges it",
    Reason.RECOVERY: "it failed before and is being tried again by itself",
    Reason.BELOW_MINIMUM: "less than Stripe charges at least",
    Reason.TOO_LARGE: "more than Stripe charges at once",
    Reason.NOT_EXACT: "the amount cannot be charged exactly; correct it in Splynx",
    Reason.WRONG_CURRENCY: "the saved bank account cannot pay in this currency",
    Reason.OTHER_PARTNER: "saved with the Stripe account of another partner only",
    Reason.NOT_SET_UP: "the customer's partner has no Stripe account or no currency",
    Reason.OVER_CUSTOMER_MAXIMUM: "over the largest charge of one customer",
    Reason.CHARGED_RECENTLY: "another run has charged the customer lately",
    Reason.LINK_SENT_BEFORE: "a link was sent before",
    Reason.NO_ADDRESS: "no saved payment method, and no e-mail address for a link",
    Reason.CARD_EXPIRED: "the card has expired; the bank may have renewed it",
    Reason.MANDATE_NOT_ACTIVE: "the mandate of the bank account is not active",
    Reason.LAST_DECLINED: "the last charge of this payment method failed",
}


def told(view: RunView) -> str:
    """Tells all of a run."""
    run = view.run
    lines = [run_line(view), *(f"  {_total(total)}" for total in view.totals)]
    for group in view.plan:
        reason = REASONS.get(Reason(group.reason), "")
        why = f": {reason}" if reason else ""
        lines.append(f"  {_tally(group.tally)} {VERDICTS[Verdict(group.verdict)]}{why}")
    if run.confirmed_by:
        lines.append(f"Progress: {view.percent_done} %")
        lines += [
            f"  {_tally(tally)} {outcome.value.replace('_', ' ')}"
            for outcome, tally in view.outcomes.items()
        ]
    lines += [f"! {finding.sentence}" for finding in view.findings]
    return "\n".join(lines + ([f"! {run.reason}"] if run.reason else []))


def run_line(view: RunView) -> str:
    """Tells a run in a line: id, kind, state, when, by whom, totals."""
    run = view.run
    sums = ", ".join(str(total.amount) for total in view.totals)
    dry = " dry run" if run.is_rehearsal else ""
    return (
        f"{run.id}  {run.made_at:%Y-%m-%d %H:%M}Z  {run.selection.kind.value}{dry}"
        f"  {run.state.value.replace('_', ' ')}  {run.made_by}  {sums}".rstrip()
    )


def item_line(view: ItemView) -> str:
    """Tells an item in a line."""
    item = view.item
    what = item.payable.document_number or item.payable.name
    reason = REASONS.get(item.reason, "")
    code = (view.failure.decline_code or view.failure.code) if view.failure else item.note
    outcome = f"{view.outcome.value.replace('_', ' ')}{f' ({code})' if code else ''}"
    return (
        f"{item.number:>6}  customer {item.payable.customer_id:<8} {what:<20} {item.amount!s:>14}"
        f"  {VERDICTS[item.verdict]}{f': {reason}' if reason else ''}  [{outcome}]"
    )


def _total(total: RunTotal) -> str:
    compared = ""
    if total.median is not None:
        compared = f"; past runs: {total.median}, {total.deviation_percent} % away"
    return f"partner {total.partner_id}: {total.charged} charges, {total.amount}{compared}"


def _tally(tally: Tally) -> str:
    return f"{tally.count:>6} ({_sums(tally.sums)})"


def _sums(sums: Sequence[Money]) -> str:
    return ", ".join(str(money) for money in sums if money.currency != "XXX") or "-"
