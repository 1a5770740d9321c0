"""The fault catalogue of `reference/faults.md`, section 3.3: how each is injected, by its number.

A fault whose room is not built yet is listed with the room that will bring it, and is never
silently passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.simulation.deeds import (
    allow_key,
    already_there,
    another_installation,
    any_order,
    bad_signatures,
    break_disk,
    clock_jumps,
    conflict,
    crash_anywhere,
    customer_deleted,
    customer_moves,
    declines,
    endpoint_gone,
    frozen,
    kept_500,
    killed_while_posting,
    long_absence,
    many_foreign,
    odd_event,
    odd_splynx,
    office_interferes,
    old_key,
    other_amount,
    other_mode_or_account,
    same_event_often,
    search_is_stale,
    secret_rolled,
    small_pages,
    succeeds_by_itself,
    too_small,
    two_daemons,
)
from tests.simulation.deeds_of_banks import banks_take_back
from tests.simulation.deeds_of_charging import (
    bank_wants_the_customer,
    button_and_rule_at_once,
    down_at_the_moment,
    hour_comes_twice,
    killed_in_a_run,
    restarted_in_a_run,
    somebody_else_charges,
    two_rules_at_once,
)
from tests.simulation.injection import (
    CREATE,
    POST_PAYMENT,
    Install,
    crash,
    for_a_while,
    outage,
    spoil,
)
from tests.simulation.network import Spoil


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that can be injected."""

    number: int
    name: str
    install: Install


_LOST = (Spoil.LOST_REQUEST, Spoil.LOST_ANSWER, Spoil.SLOW)
_UNSURE_POST = (Spoil.LOST_ANSWER, Spoil.ERROR_AFTER, Spoil.HALF_ANSWER, Spoil.SLOW)
_STRANGE = (Spoil.NOT_JSON, Spoil.HALF_ANSWER)
_AFTER_THE_PAYMENT = (
    "commit BookPayment._finish",
    "→ Splynx PUT",
    "wire Splynx PUT",
    "→ Splynx POST admin/finance/bank-statements",
    "wire Splynx POST admin/finance/bank-statements",
    "commit RecordStatement._finish",
)

FAULTS: Mapping[int, Fault] = {
    fault.number: fault
    for fault in (
        Fault(1, "kill before the attempt is committed", crash("commit PayFlow._commit_attempt")),
        Fault(2, "kill after the commit, before the request", crash(f"→ {CREATE}")),
        Fault(3, "kill after the request, before the answer", crash(f"wire {CREATE}")),
        Fault(4, "kill after the answer, before our commit", crash("commit StripeAsker.tell")),
        Fault(5, "kill before the payment is posted", crash(f"→ {POST_PAYMENT}", skips=1)),
        Fault(6, "kill while the payment is posted", killed_while_posting),
        Fault(7, "kill between payment and the rest", crash(*_AFTER_THE_PAYMENT, skips=1)),
        Fault(8, "two daemons on one store", two_daemons),
        Fault(9, "a worker stands still past its claim", frozen),
        Fault(10, "the disk is full or read-only", for_a_while("disk", break_disk, 400, 600)),
        Fault(12, "kill at any commit", crash_anywhere),
        Fault(13, "killed again and again in a charge run", killed_in_a_run),
        Fault(14, "stopped for an upgrade in a charge run", restarted_in_a_run),
        Fault(15, "the clock jumps", clock_jumps),
        Fault(16, "down at the moment of a rule", down_at_the_moment),
        Fault(17, "two rules take the same debts", two_rules_at_once),
        Fault(18, "a button and a rule in the same second", button_and_rule_at_once),
        Fault(19, "a rule in the hour that comes twice", hour_comes_twice),
        Fault(20, "no connection to Stripe", spoil("Stripe", Spoil.REFUSED, times=4)),
        Fault(21, "timeouts at Stripe", spoil("Stripe", *_LOST, times=3)),
        Fault(22, "half an answer", spoil("Stripe payment", Spoil.HALF_ANSWER, times=3)),
        Fault(23, "a 500 that the key replays", kept_500),
        Fault(
            24,
            "rate limit, lock timeout",
            spoil("Stripe", Spoil.RATE_LIMIT, Spoil.LOCK_TIMEOUT, times=4),
        ),
        Fault(25, "the key is in use", spoil(CREATE, Spoil.KEY_IN_USE, skips=2)),
        Fault(26, "the key was used with other parameters", conflict),
        Fault(27, "a key older than 24 hours", old_key),
        Fault(
            28,
            "a Stripe key is revoked for a while",
            outage(("default", "two", "Stripe"), Spoil.UNAUTHORIZED),
        ),
        Fault(29, "declined, with the PaymentIntent in the event", declines),
        Fault(30, "the bank wants the customer", bank_wants_the_customer),
        Fault(31, "3-D Secure completed later from a mail", succeeds_by_itself),
        Fault(32, "amount too small", too_small),
        Fault(33, "the Stripe customer is deleted", customer_deleted),
        Fault(34, "Stripe takes another amount", other_amount),
        Fault(35, "answers of an unknown shape", spoil("Stripe payment", *_STRANGE, times=4)),
        Fault(36, "lists of many pages that change", small_pages),
        Fault(37, "the search API is stale", search_is_stale),
        Fault(38, "the same event many times at once", same_event_often),
        Fault(39, "events in any order", any_order),
        Fault(40, "events before our answer", spoil(CREATE, Spoil.SLOW_ANSWER, skips=2)),
        Fault(41, "events of others", another_installation),
        Fault(42, "events of the other mode or account", other_mode_or_account),
        Fault(43, "forged webhooks", bad_signatures),
        Fault(44, "the signing secret is rolled", secret_rolled),
        Fault(45, "the endpoint is gone", endpoint_gone),
        Fault(46, "the daemon is down for hours or weeks", long_absence),
        Fault(47, "an event that cannot be handled", odd_event),
        Fault(48, "a flood of events", many_foreign(60)),
        Fault(
            49,
            "Splynx is down for a while",
            outage(("Splynx", POST_PAYMENT), Spoil.ERROR_BEFORE, Spoil.REFUSED, Spoil.SLOW),
        ),
        Fault(
            50,
            "Splynx takes the POST, its answer is lost",
            spoil(POST_PAYMENT, *_UNSURE_POST, skips=1),
        ),
        Fault(51, "the payment is there already", already_there),
        Fault(52, "Splynx ignores filters and caps pages", odd_splynx),
        Fault(53, "the document changes meanwhile", office_interferes),
        Fault(55, "the customer moves to another partner", customer_moves),
        Fault(
            56, "Splynx's permission is gone", for_a_while("permission", allow_key, longest_s=6000)
        ),
        Fault(58, "the bank takes a debit back", banks_take_back),
        Fault(61, "another program charges the same debt", somebody_else_charges),
    )
}

NOT_YET: Mapping[int, str] = {
    11: "rebuild from Stripe and Splynx (step 6)",
    54: "proforma chains (step 6)",
    57: "refunds (step 6)",
    59: "refunds (step 6)",
    60: "payouts (step 6)",
}
