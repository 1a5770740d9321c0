"""The one message at the end of a charge run: audit, log, and an e-mail to the office."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.charge_progress import Tally
from splynx_stripe.domain.charge_run import ChargeRun, ItemOutcome
from splynx_stripe.flows.charge_run_plan import PLANNER
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms
from splynx_stripe.flows.ports import Unit

_LINES = {
    ItemOutcome.SUCCEEDED: "charged",
    ItemOutcome.PROCESSING: "on the way by bank debit; their outcome comes in days",
    ItemOutcome.UNKNOWN: "not known yet: Stripe's answer was lost and is being found out",
    ItemOutcome.FAILED: "failed; no money was taken",
    ItemOutcome.RETURNED: "charged, and taken back by the bank",
    ItemOutcome.NOT_CHARGED: "could not be charged when their turn came",
    ItemOutcome.LINK_SENT: "got a link by e-mail, because they have saved no payment method",
    ItemOutcome.SKIPPED: "skipped by the plan",
}


class RunSummary:
    """Tells the office how a run went, in the commit that ends it."""

    def __init__(self, rooms: ChargeRunRooms) -> None:
        self._rooms = rooms

    def tell(self, unit: Unit, run: ChargeRun, now: datetime) -> None:
        """Records the end of a run and writes the e-mail to the office, once."""
        outcomes = unit.run_outcomes(run.id)
        facts = {"run": run.id} | {
            outcome.value: str(outcomes[outcome].count) for outcome in _LINES if outcome in outcomes
        }
        took = outcomes.get(ItemOutcome.SUCCEEDED, Tally()).sums
        facts["took"] = _money(took) or "0"
        unit.record(AuditEntry(now, "charge_run.finished", PLANNER, facts=facts))
        self._rooms.notices.tell_office(
            unit,
            f"charge_run:{run.id}",
            partner_id=run.partner_id,
            subject=f"Charge run finished: {_money(took) or 'nothing was charged'}",
            lines=[
                f"The charge run {run.id} ({run.selection.kind.value}) is finished.",
                *(
                    _line(outcomes[outcome], words)
                    for outcome, words in _LINES.items()
                    if outcome in outcomes
                ),
                f"Details: the page of the run, or `splynx-stripe charge show {run.id}`.",
            ],
            now=now,
        )


def _line(tally: Tally, words: str) -> str:
    sums = _money(tally.sums)
    return f"{tally.count} {words}{f' ({sums})' if sums else ''}."


def _money(sums: Sequence[object]) -> str:
    return ", ".join(str(money) for money in sums)
