"""The machine of a charge run: a plan that never changes, confirmed, carried out, finished.

Theory. A run is planned once: its items are written while Splynx is read, and from READY on the plan
is fixed, in the database too. Whoever joins later needs another run (pain P28). Nothing is charged
before RUNNING. PAUSED and CANCELED stop what has not begun; what has begun is a collection like any
other and comes to its end by itself. DONE says that every item had its turn, not that all money has
arrived: what became of an item is told by its collection, which is the one truth. A plan that nobody
may confirm, or in which there is nothing to do, is DONE when it is made.

At most one run per fingerprint of a selection is live, which is a partial unique index; a rehearsal
(`is_rehearsal`, a dry run that nobody can confirm) is never live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_selection import Selection
from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.stripe import StripeAccount

PLAN_IS_GOOD_FOR = timedelta(hours=24)
"""A plan that nobody has confirmed for that long is canceled: it tells of yesterday."""

PLAN_IS_CHARGED_FOR = timedelta(days=7)
"""A confirmed run that was paused, or had to rest, for longer is canceled: who has paid by other ways
meanwhile, or what a prepaid period is, is not what somebody has confirmed."""


class RunState(StrEnum):
    """Where a run is."""

    PLANNING = "planning"
    READY = "ready"
    AWAITING_SECOND = "awaiting_second"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELED = "canceled"
    DONE = "done"


LIVE_RUN_STATES = frozenset(RunState) - {RunState.CANCELED, RunState.DONE}
"""The states in which a run holds the place of its selection."""


class RunNews(StrEnum):
    """What can happen to a run."""

    PLANNED = "planned"
    PLANNED_ONLY = "planned_only"
    CONFIRMED = "confirmed"
    SECOND_WANTED = "second_wanted"
    PAUSED = "paused"
    RESUMED = "resumed"
    CANCELED = "canceled"
    FINISHED = "finished"


_S, _N = RunState, RunNews

RUN_TRANSITIONS: Mapping[tuple[RunState, RunNews], RunState] = MappingProxyType(
    {(state, news): state for state in RunState for news in RunNews}
    | {(state, _N.CANCELED): _S.CANCELED for state in LIVE_RUN_STATES}
    | {
        (_S.PLANNING, _N.PLANNED): _S.READY,
        (_S.PLANNING, _N.PLANNED_ONLY): _S.DONE,
        (_S.READY, _N.CONFIRMED): _S.RUNNING,
        (_S.READY, _N.SECOND_WANTED): _S.AWAITING_SECOND,
        (_S.AWAITING_SECOND, _N.CONFIRMED): _S.RUNNING,
        (_S.RUNNING, _N.PAUSED): _S.PAUSED,
        (_S.PAUSED, _N.RESUMED): _S.RUNNING,
        (_S.RUNNING, _N.FINISHED): _S.DONE,
    }
)
"""The changes; every other pair leaves the state as it is, and says so to whoever wanted it."""


class Starter(StrEnum):
    """What has started a run."""

    OFFICE = "office"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class RunOrigin:
    """Where a run comes from."""

    starter: Starter
    rule_id: str = ""

    @property
    def route(self) -> Route:
        """Gives the route of its collections."""
        return Route.AUTO_CHARGE if self.starter is Starter.RULE else Route.CHARGE_RUN


BY_OFFICE = RunOrigin(Starter.OFFICE)
"""The origin of runs that a person has started, by a page or a command."""


@dataclass(frozen=True, slots=True)
class ChargeRun:
    """One run. `version` guards against lost updates.

    `reason` is a sentence: why it was paused, canceled, or waits; "" when all goes its way.
    `cursor` is how far the plan has read Splynx. `made_by`, `confirmed_by` and `second_by` are
    actors, such as `admin:3`.
    """

    id: str
    selection: Selection
    origin: RunOrigin
    state: RunState
    made_by: str
    made_at: datetime
    is_rehearsal: bool = False
    reason: str = ""
    cursor: str = ""
    planned_at: datetime | None = None
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    second_by: str = ""
    second_at: datetime | None = None
    ended_at: datetime | None = None
    version: int = 0

    @property
    def partner_id(self) -> int:
        """Gives the only partner that was chosen, 0 when there are several or all."""
        return self.selection.partner_ids[0] if len(self.selection.partner_ids) == 1 else 0

    @property
    def is_live(self) -> bool:
        """Says whether it holds the place of its selection."""
        return self.state in LIVE_RUN_STATES

    def is_stale(self, now: datetime) -> bool:
        """Says whether its plan is too old to be confirmed."""
        waits = self.state in {RunState.READY, RunState.AWAITING_SECOND}
        return waits and self.planned_at is not None and now - self.planned_at > PLAN_IS_GOOD_FOR

    def is_outdated(self, now: datetime) -> bool:
        """Says whether it was confirmed so long ago that what is left of it must not be charged."""
        goes_on = self.state in {RunState.RUNNING, RunState.PAUSED}
        at = self.confirmed_at
        return goes_on and at is not None and now - at > PLAN_IS_CHARGED_FOR


class ItemStanding(StrEnum):
    """How far the run is with an item. What became of the money is told by the collection.

    WAITING: its turn has not come. CHARGING: it has a collection, and the run has not heard the
    answer yet. CHARGED: the collection has its attempt and goes on by itself. NOT_CHARGED: its turn
    came and nothing could be charged (`note` says why). LEFT: the run ended before its turn.
    """

    WAITING = "waiting"
    CHARGING = "charging"
    CHARGED = "charged"
    NOT_CHARGED = "not_charged"
    LINK_SENT = "link_sent"
    SKIPPED = "skipped"
    LEFT = "left"


OPEN_STANDINGS = frozenset({ItemStanding.WAITING, ItemStanding.CHARGING})
"""The standings of items that the run still has to deal with."""


@dataclass(frozen=True, slots=True)
class RunItem:
    """One debt of a run. Everything before `standing` is the plan and never changes.

    `number` counts the items of a run from 1. `account` is None where nothing is charged.
    `note` is a word of `ChargeStanding` or of `MailStanding`.
    """

    run_id: str
    number: int
    payable: Payable
    amount: Money
    account: StripeAccount | None
    credential_id: str
    verdict: Verdict
    reason: Reason
    standing: ItemStanding
    collection_id: str = ""
    note: str = ""
    ended_at: datetime | None = None

    @property
    def origin(self) -> str:
        """Names the item in audit entries and in Stripe's metadata."""
        return f"run/{self.run_id}/{self.number}"


class ItemOutcome(StrEnum):
    """What became of an item, as pages, counts and the result file tell it."""

    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    PROCESSING = "processing"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RETURNED = "returned"
    NOT_CHARGED = "not_charged"
    LINK_SENT = "link_sent"
    SKIPPED = "skipped"
    LEFT = "left"


def run_step(run: ChargeRun, news: RunNews) -> ChargeRun:
    """Applies news to a run. Pure.

    Raises:
        ValueError: the news changes nothing in this state.
    """
    state = RUN_TRANSITIONS[run.state, news]
    if state is run.state:
        raise ValueError(f"A run that is {run.state} cannot become {news}.")
    return replace(run, state=state)


class RunRefusal(StrEnum):
    """Why somebody's wish about a run is refused."""

    NOT_FOUND = "not_found"
    NOT_READY = "not_ready"
    TOO_OLD = "too_old"
    REHEARSAL = "rehearsal"
    NOTHING_TO_CHARGE = "nothing_to_charge"
    GUARDRAIL = "guardrail"
    SAME_PERSON = "same_person"
    STOPPED = "stopped"


class RunRefusedError(Exception):
    """A wish about a run that is refused. Nothing was changed; its text says what to do."""

    def __init__(self, refusal: RunRefusal, sentence: str) -> None:
        super().__init__(sentence)
        self.refusal = refusal
