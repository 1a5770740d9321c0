"""The words of charge runs: what is charged, verdicts, outcomes, and why something is refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_progress import ItemFilter, RunFilter
from splynx_stripe.domain.charge_run import (
    ChargeRun,
    ItemOutcome,
    RunRefusal,
    RunState,
    Starter,
)
from splynx_stripe.domain.charge_selection import PeriodOf, Selection
from splynx_stripe.domain.guardrails import GuardrailFinding, GuardrailKind, RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.splynx import DocumentStatus
from splynx_stripe.web.admin.rules_words import KINDS, filter_words
from splynx_stripe.web.i18n import Language, later

STATES = {
    RunState.PLANNING: (later("Being planned"), ""),
    RunState.READY: (later("Ready to be confirmed"), "state-care"),
    RunState.AWAITING_SECOND: (later("Waits for a second administrator"), "state-care"),
    RunState.RUNNING: (later("Charging"), ""),
    RunState.PAUSED: (later("Paused"), "state-care"),
    RunState.CANCELED: (later("Canceled"), "state-plain"),
    RunState.DONE: (later("Finished"), "state-good"),
}
_DRY_RUN = (later("Dry run"), "state-plain")
STARTERS = {
    Starter.OFFICE: later("A person"),
    Starter.RULE: later("An auto charge rule"),
}
RUN_FILTERS = {
    RunFilter.ALL: later("All but dry runs"),
    RunFilter.GOING_ON: later("Not ended yet"),
    RunFilter.DONE: later("Finished"),
    RunFilter.CANCELED: later("Canceled"),
    RunFilter.DRY_RUNS: later("Dry runs"),
}
ITEM_FILTERS = {
    ItemFilter.ALL: later("All"),
    ItemFilter.CHARGED: later("Will be charged, or was"),
    ItemFilter.LIKELY_TO_FAIL: later("Likely to fail"),
    ItemFilter.LINKS: later("Link by e-mail"),
    ItemFilter.SKIPPED: later("Skipped"),
    ItemFilter.WAITING: later("Waiting"),
    ItemFilter.SUCCEEDED: later("Charged"),
    ItemFilter.FAILED: later("Not charged"),
    ItemFilter.UNDECIDED: later("Not decided yet"),
}
VERDICTS = {
    Verdict.CHARGE: (later("Will be charged"), "state-good"),
    Verdict.LIKELY_TO_FAIL: (later("Likely to fail"), "state-care"),
    Verdict.LINK: (later("Gets a link by e-mail"), ""),
    Verdict.SKIP: (later("Skipped"), "state-plain"),
}
REASONS = {
    Reason.NONE: "",
    Reason.PAID: later("It is paid already."),
    Reason.PENDING: later("A bank debit for it is on its way."),
    Reason.NOTHING_DUE: later("Nothing is due."),
    Reason.NO_CREDENTIAL: later("The customer has no saved card or bank account."),
    Reason.CREDENTIAL_NOT_ACCEPTED: later(
        "The customer has saved only what the settings do not accept."
    ),
    Reason.LIVE_COLLECTION: later("It is being paid or charged in another way just now."),
    Reason.RECOVERY: later("It failed before, and is tried again by itself."),
    Reason.BELOW_MINIMUM: later("Stripe does not take so small an amount."),
    Reason.TOO_LARGE: later("Stripe does not take so large an amount."),
    Reason.NOT_EXACT: later("The amount in Splynx cannot be charged exactly in this currency."),
    Reason.WRONG_CURRENCY: later("The saved bank account cannot be debited in this currency."),
    Reason.OTHER_PARTNER: later("What the customer has saved belongs to another Stripe account."),
    Reason.NOT_SET_UP: later("The customer's partner is not set up."),
    Reason.OVER_CUSTOMER_MAXIMUM: later("It is more than a run may charge one customer."),
    Reason.CHARGED_RECENTLY: later("Another run has charged this customer a short time ago."),
    Reason.LINK_SENT_BEFORE: later("The customer has got a link for it before."),
    Reason.NO_ADDRESS: later("The customer has no saved card, and no e-mail address for a link."),
    Reason.CARD_EXPIRED: later("The card has expired. It is tried: many banks renew cards."),
    Reason.MANDATE_NOT_ACTIVE: later("The permission to debit the bank account is not active."),
    Reason.LAST_DECLINED: later("The last charge of it failed."),
}
OUTCOMES = {
    ItemOutcome.SUCCEEDED: (later("Charged"), "state-good"),
    ItemOutcome.PROCESSING: (later("On its way by bank debit"), ""),
    ItemOutcome.UNKNOWN: (later("Stripe has not answered yet"), "state-care"),
    ItemOutcome.FAILED: (later("Failed, no money was taken"), "state-bad"),
    ItemOutcome.NOT_CHARGED: (later("Not charged when its turn came"), "state-care"),
    ItemOutcome.RETURNED: (later("Taken back by the bank"), "state-bad"),
    ItemOutcome.LINK_SENT: (later("Link sent by e-mail"), ""),
    ItemOutcome.WAITING: (later("Waits for its turn"), "state-plain"),
    ItemOutcome.LEFT: (later("Left out"), "state-plain"),
    ItemOutcome.SKIPPED: (later("Skipped by the plan"), "state-plain"),
}
"""In the order in which pages show them."""

NOTES = {
    "paid": later("It was paid meanwhile."),
    "pending": later("A bank debit for it is on its way."),
    "busy": later("It is being paid or charged in another way just now."),
    "no_credential": later("The saved payment method was removed, or cannot be charged any more."),
    "changed": later("More is due than was planned."),
    "not_chargeable": later("The amount or the settings do not allow a charge."),
    "gone": later("The document was removed, or belongs to somebody else now."),
    "charged_recently": later("Another run has charged this customer a short time ago."),
    "link_sent_before": later("The customer has got a link for it before."),
}
"""Why nothing was charged when the turn of an item came."""

REFUSALS = {
    RunRefusal.NOT_FOUND: later("There is no such charge run."),
    RunRefusal.NOT_READY: later(
        "This page was out of date: the run has gone on meanwhile. Nothing was changed. You see it as"
        " it is now."
    ),
    RunRefusal.TOO_OLD: later(
        "The plan was made more than a day ago, so it tells of yesterday. Nothing was charged. Plan"
        " it anew."
    ),
    RunRefusal.REHEARSAL: later("This run is a dry run: it is never charged. Plan it anew."),
    RunRefusal.NOTHING_TO_CHARGE: later("There is nothing to charge in this run."),
    RunRefusal.GUARDRAIL: later("A limit of the settings forbids this run. Nothing was charged."),
    RunRefusal.SAME_PERSON: later(
        "You have confirmed this run already; another administrator has to. Nothing was charged."
    ),
    RunRefusal.STOPPED: later(
        "Nothing was charged, because charging is stopped. Confirm the run when it is allowed again."
    ),
}
WHO_IS_NOT_KNOWN = later(
    "Splynx does not tell which administrator you are, so a second person cannot be told from the"
    " first. Nothing was charged. Let the second person confirm with the command line."
)
_FINDINGS = {
    GuardrailKind.RUN_MAXIMUM: later(
        "Partner %(partner)s: the run would charge %(found)s, and the most that one run may charge is"
        " %(allowed)s. Choose fewer debts, or raise the limit in the settings."
    ),
    GuardrailKind.DEVIATION: later(
        "Partner %(partner)s: the run would charge %(found)s. That is %(percent)s %% away from the"
        " %(allowed)s that past runs came to. A second administrator has to confirm."
    ),
    GuardrailKind.SECOND_ABOVE: later(
        "Partner %(partner)s: the run would charge %(found)s, which is above %(allowed)s. A second"
        " administrator has to confirm."
    ),
}
OUTDATED = later(
    "The run was confirmed more than a week ago, so what is left of it is not charged any more. Plan it"
    " anew."
)
KNOWN_REASONS = (
    OUTDATED,
    later("The plan was made more than a day ago and nobody confirmed it."),
    later("There is nothing to charge: every debt is skipped, or there is none."),
    later("This was a dry run: nothing is charged by it."),
)
"""The sentences that runs are given by the program itself; other reasons come from outside."""


def run_title(run: ChargeRun, language: Language) -> str:
    """Names a run by what it charges."""
    return language.say(later("Charge run: %(kind)s"), kind=kind_words(run, language))


def kind_words(run: ChargeRun, language: Language) -> str:
    """Says what a run charges."""
    return language.say(KINDS[run.selection.kind])


def state_words(run: ChargeRun, language: Language) -> tuple[str, str]:
    """Gives the state of a run and how it is shown."""
    is_rehearsed = run.is_rehearsal and run.state is RunState.DONE
    text, shown_as = _DRY_RUN if is_rehearsed else STATES[run.state]
    return language.say(text), shown_as


def reason_of_run(run: ChargeRun, language: Language) -> str:
    """Gives the sentence of a run; what comes from outside is as it was told."""
    return language.say(run.reason) if run.reason in KNOWN_REASONS else run.reason


def selection_words(selection: Selection, language: Language) -> list[str]:
    """Says what a selection takes, one sentence for each filter."""
    found = [_period_words(selection, language)]
    if DocumentStatus.PENDING in selection.statuses:
        found.append(language.say(later("Also pending invoices")))
    if selection.document_numbers:
        numbers = _shortened(selection.document_numbers)
        found.append(language.say(later("Numbers: %(which)s"), which=numbers))
    found += filter_words(selection, language)
    return [text for text in found if text]


def _period_words(selection: Selection, language: Language) -> str:
    first, last = selection.first_day, selection.last_day
    is_due = selection.period_of is PeriodOf.DUE
    of = language.say(later("Due date") if is_due else later("Day of issue"))
    if first and last:
        text = later("%(first)s to %(last)s")
        days = language.say(text, first=language.date(first), last=language.date(last))
    elif first:
        days = language.say(later("from %(day)s"), day=language.date(first))
    elif last:
        days = language.say(later("until %(day)s"), day=language.date(last))
    else:
        return ""
    return f"{of}: {days}"


def _shortened(words: Sequence[str], most: int = 5) -> str:
    return ", ".join(words[:most]) + (f", … (+{len(words) - most})" if len(words) > most else "")


def sums_words(sums: Iterable[Money], language: Language) -> str:
    """Writes sums of several currencies, one after the other; "" for none."""
    return " + ".join(language.money(amount) for amount in sums)


def compared(total: RunTotal, language: Language) -> str:
    """Compares a total with what past runs came to."""
    percent = total.deviation_percent
    if total.median is None or percent is None:
        return language.say(later("There are too few past runs like this one to compare with."))
    median = language.money(total.median)
    if percent == 0:
        text = later("About as much as past runs: %(median)s.")
    elif total.median < total.amount:
        text = later("%(percent)s %% more than past runs came to (%(median)s).")
    else:
        text = later("%(percent)s %% less than past runs came to (%(median)s).")
    return language.say(text, percent=str(percent), median=median)


def finding_words(finding: GuardrailFinding, language: Language) -> str:
    """Says which guardrail stands in the way of a run."""
    return language.say(
        _FINDINGS[finding.kind],
        partner=str(finding.partner_id),
        found=language.money(finding.found),
        allowed=language.money(finding.allowed),
        percent=str(finding.percent),
    )
