"""How a charge run stands, as pages, commands and the result file tell it: read, never stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.charge_run import (
    ChargeRun,
    ItemOutcome,
    ItemStanding,
    RunItem,
    Starter,
)
from splynx_stripe.domain.charge_selection import ChargeKind
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.credential import Credential
from splynx_stripe.domain.guardrails import GuardrailFinding, RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.stripe import PaymentFailure

_ID_DIGITS = 18
"""So long an id is at most, and fits into a column."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many items have one thing in common, and their sums, one for each currency."""

    count: int = 0
    sums: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """How many items of a plan have this verdict and reason."""

    verdict: str
    reason: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its plan in numbers, its progress, and what stands in its way.

    `totals` are what it charges, per partner and currency. `findings` are the guardrails that
    object, as the settings are now. `outcomes` leaves out what no item has.
    """

    run: ChargeRun
    totals: Sequence[RunTotal] = ()
    plan: Sequence[PlanGroup] = ()
    outcomes: Mapping[ItemOutcome, Tally] = field(default_factory=lambda: MappingProxyType({}))
    findings: Sequence[GuardrailFinding] = ()

    @property
    def items(self) -> int:
        """Gives how many items the plan has."""
        return sum(group.tally.count for group in self.plan)

    @property
    def to_charge(self) -> int:
        """Gives how many of them the run charges."""
        return sum(total.charged for total in self.totals)

    @property
    def percent_done(self) -> int:
        """Gives how much of the run had its turn, from 0 to 100; 100 only when nothing waits."""
        if not self.items:
            return 100
        waiting = self.outcomes.get(ItemOutcome.WAITING, Tally()).count
        return (self.items - waiting) * 100 // self.items


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item with what became of it. `credential` is the one that was planned, None without.

    `charged` is what was really asked for, which may be less than planned; None before that.
    """

    item: RunItem
    outcome: ItemOutcome
    charged: Money | None = None
    credential: Credential | None = None
    failure: PaymentFailure | None = None
    intent_id: str = ""
    charge_id: str = ""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """How many items of a run failed for the same reason, in the bank's and Stripe's words."""

    code: str
    decline_code: str
    tally: Tally


class ItemFilter(StrEnum):
    """Which items of a run somebody wants to see."""

    ALL = "all"
    CHARGED = "charged"
    SKIPPED = "skipped"
    LIKELY_TO_FAIL = "likely_to_fail"
    LINKS = "links"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class ItemSearch:
    """What items are searched for beside their filter; "" does not search.

    `reason` is a word of `Reason`. `text` is the id of a customer, or the number of a document.
    """

    reason: str = ""
    text: str = ""

    @property
    def customer_id(self) -> int:
        """Gives the text as an id, 0 when it is none."""
        is_id = self.text.isascii() and self.text.isdecimal() and len(self.text) <= _ID_DIGITS
        return int(self.text) if is_id else 0


ANY_ITEM = ItemSearch()
"""The search that finds every item."""


class RunFilter(StrEnum):
    """Which runs somebody wants to see. `ALL` are all but dry runs."""

    ALL = "all"
    GOING_ON = "going_on"
    DONE = "done"
    CANCELED = "canceled"
    DRY_RUNS = "dry_runs"


@dataclass(frozen=True, slots=True)
class RunSearch:
    """What runs are searched for; None does not search."""

    only: RunFilter = RunFilter.ALL
    kind: ChargeKind | None = None
    starter: Starter | None = None


@dataclass(frozen=True, slots=True)
class ChargingStop:
    """The emergency stop: while one is in force, nothing is charged without a person at a page."""

    id: int
    reason: str
    stopped_by: str
    stopped_at: datetime


_OF_STANDING = MappingProxyType(
    {
        ItemStanding.WAITING: ItemOutcome.WAITING,
        ItemStanding.NOT_CHARGED: ItemOutcome.NOT_CHARGED,
        ItemStanding.LINK_SENT: ItemOutcome.LINK_SENT,
        ItemStanding.SKIPPED: ItemOutcome.SKIPPED,
        ItemStanding.LEFT: ItemOutcome.LEFT,
    }
)
_OF_ATTEMPT = MappingProxyType(
    {
        AttemptState.SUCCEEDED: ItemOutcome.SUCCEEDED,
        AttemptState.PROCESSING: ItemOutcome.PROCESSING,
        AttemptState.CANCELED: ItemOutcome.FAILED,
        AttemptState.REFUSED: ItemOutcome.FAILED,
        AttemptState.AWAITING_CUSTOMER: ItemOutcome.FAILED,
        AttemptState.REQUIRES_ACTION: ItemOutcome.FAILED,
        AttemptState.CANCELING: ItemOutcome.FAILED,
        AttemptState.ABSENT: ItemOutcome.NOT_CHARGED,
    }
)


def outcome_of(
    standing: ItemStanding, collection: CollectionState | None, attempt: AttemptState | None
) -> ItemOutcome:
    """Says what became of an item; money that the bank took back is said before all else."""
    if standing in _OF_STANDING:
        return _OF_STANDING[standing]
    if collection is CollectionState.RETURNED:
        return ItemOutcome.RETURNED
    if attempt is None:
        return (
            ItemOutcome.NOT_CHARGED if collection is CollectionState.CLOSED else ItemOutcome.WAITING
        )
    return _OF_ATTEMPT.get(attempt, ItemOutcome.UNKNOWN)
