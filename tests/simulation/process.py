"""One run of the daemon in the simulated world: the product's flows, and workers that drive them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from splynx_stripe.domain.errors import (
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.message_template import DEFAULT_MESSAGE_TEMPLATE
from splynx_stripe.domain.statement import StatementGrouping
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.terms import Terms
from splynx_stripe.domain.timing import Timing
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.book import BookPayment
from splynx_stripe.flows.cancel import CancelPaymentIntent
from splynx_stripe.flows.effects import Effects, EffectKind
from splynx_stripe.flows.inbox import Inbox
from splynx_stripe.flows.look_after import LookAfter
from splynx_stripe.flows.pay import PayFlow
from splynx_stripe.flows.poll import Poll
from splynx_stripe.flows.record_statement import RecordStatement
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.gateways.stripe.webhook import BadSignatureError, verify_webhook
from splynx_stripe.kit.secret import Secret
from splynx_stripe.store.errors import StoreUnavailableError
from tests.simulation.clockwork import Scheduler, SimClock, SimLocks, Stamp, until
from tests.simulation.disk import Disk, SimStore
from tests.simulation.network import Network
from tests.simulation.splynx_side import SimSplynxGateway, SplynxSide
from tests.simulation.stripe_side import SimStripeGateway, StripeSide

ACCOUNT = StripeAccount("default", livemode=False)
CURRENCIES = {1: "EUR", 2: "JPY"}
TIMING = Timing(look_every=timedelta(minutes=20))
_SHORTEST_IDLE_S, _LONGEST_IDLE_S = 1.0, 3600.0
_PARALLEL = 4
_QUIET = (RetryableError, OutcomeUnknownError, NotPermittedError)


class World(Protocol):
    """What a process needs of the world around it."""

    rng: random.Random
    clock: SimClock
    scheduler: Scheduler
    network: Network
    disk: Disk
    stripe: StripeSide
    splynx: SplynxSide
    poll_every_s: float
    secrets: list[Secret]


class SimIds:
    """Ids from the seed, unique over all processes of a history."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def new(self, prefix: str, now: Any) -> str:
        return f"{prefix}_{int(now.timestamp() * 1000):012x}{self._rng.getrandbits(48):012x}"

    def token(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"


class SimTerms:
    """Two partners on one account: euros and yen."""

    def terms(self, partner_id: int) -> Terms | None:
        if partner_id not in CURRENCIES:
            return None
        return Terms(
            partner_id=partner_id,
            account=ACCOUNT,
            publishable_key="pk_test_sim",
            currency=CURRENCIES[partner_id],
            country="CZ",
            language="en",
            payment_account="Stripe",
            credit_card_payment_method="Credit card",
            statement_grouping=StatementGrouping.MONTH,
            message_template=DEFAULT_MESSAGE_TEMPLATE,
            grants_access_to_unauthorized=True,
        )


@dataclass(slots=True)
class Flows:
    """The product's flows of one process."""

    rooms: Rooms
    pay: PayFlow
    inbox: Inbox
    effects: Effects
    look_after: LookAfter
    poll: Poll


def build_flows(world: World, wake: Callable[[], None]) -> Flows:
    """Joins the product's flows as `daemon/house.py` does."""
    rooms = Rooms(
        store=SimStore(world.disk),
        splynx=SimSplynxGateway(world.splynx, world.network),
        stripe=SimStripeGateway(world.stripe, world.network, world.clock),
        terms=SimTerms(),
        timing=TIMING,
        timezone=ZoneInfo("Europe/Prague"),
        clock=world.clock,
        ids=SimIds(world.rng),
        dice=world.rng,
        locks=SimLocks(),  # type: ignore[arg-type]  # the same promise without an event loop
        wake=wake,
    )
    asker = StripeAsker(rooms)
    inbox = Inbox(rooms, asker)
    handlers = {
        EffectKind.BOOK_PAYMENT: BookPayment(rooms),
        EffectKind.RECORD_STATEMENT: RecordStatement(rooms),
        EffectKind.CANCEL_PAYMENT_INTENT: CancelPaymentIntent(rooms, asker),
    }
    return Flows(
        rooms=rooms,
        pay=PayFlow(rooms, asker),
        inbox=inbox,
        effects=Effects(rooms, handlers),
        look_after=LookAfter(rooms, asker),
        poll=Poll(rooms, inbox),
    )


class Process:
    """A daemon: its name is what a crash kills."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self.name = name
        self.flows = build_flows(world, self._wake)
        self._busy: set[str] = set()
        self._woken = Stamp()

    def start(self) -> None:
        """Starts the workers: the pump, the poll and the release of idle leases."""
        self._world.scheduler.spawn(f"{self.name} pump", self._pump(), self.name)
        self._world.scheduler.spawn(f"{self.name} jobs", self._jobs(), self.name)

    def _wake(self) -> None:
        self._woken.is_set = True

    async def receive(self, body: bytes, signature: str) -> bool:
        """Takes a webhook, as `web/webhook.py` does. True when it is acknowledged."""
        try:
            verify_webhook(body, signature, self._world.secrets, self._world.clock.now())
            event = self.flows.rooms.stripe.parse_event(body)
            if event.livemode != ACCOUNT.livemode or event.account:
                return False
            await self.flows.inbox.receive(event, ACCOUNT, InboxSource.WEBHOOK)
        except (BadSignatureError, RejectedError, StoreUnavailableError):
            return False
        return True

    async def _pump(self) -> None:
        clock = self._world.clock
        while True:
            self._woken = Stamp()
            try:
                started = await self._start_due()
            except StoreUnavailableError:
                started = False
            if not started:
                await until(clock.elapsed_s + self._idle_s(), self._woken)

    def _idle_s(self) -> float:
        """Gives the seconds until the next thing is due; the real pump looks every second."""
        due = self._world.disk.look(_next_due)
        if due is None:
            return _LONGEST_IDLE_S
        seconds = (due - self._world.clock.now()).total_seconds()
        return max(_SHORTEST_IDLE_S, min(seconds, _LONGEST_IDLE_S))

    async def _start_due(self) -> bool:
        flows, started = self.flows, False
        room = _PARALLEL - len(self._busy)
        if room <= 0:
            return False
        for event in await flows.inbox.claim(room):
            started |= self._begin(f"inbox {event.id}", flows.inbox.handle(event))
        for effect in await flows.effects.claim(room):
            started |= self._begin(f"effect {effect.key}", flows.effects.carry_out(effect))
        for attempt in await flows.look_after.due(room):
            name = f"look {attempt.id}"
            if name not in self._busy:
                started |= self._begin(name, flows.look_after.look_at(attempt))
        return started

    def _begin(self, name: str, work: Any) -> bool:
        self._busy.add(name)
        self._world.scheduler.spawn(f"{self.name} {name}", self._finish(name, work), self.name)
        return True

    async def _finish(self, name: str, work: Any) -> None:
        try:
            await work
        except StoreUnavailableError:
            return
        finally:
            self._busy.discard(name)
            self._wake()

    async def _jobs(self) -> None:
        clock = self._world.clock
        while True:
            try:
                await self.flows.poll.run(ACCOUNT)
                await self.flows.look_after.release_idle_leases()
            except (*_QUIET, StoreUnavailableError):
                pass
            await until(clock.elapsed_s + self._world.poll_every_s)


def _next_due(unit: Any) -> Any:
    """Gives the next moment at which the database has something to do, or None."""
    row = unit._connection._raw.execute(  # noqa: SLF001 - the oracle may look anywhere
        "SELECT min(at) FROM (SELECT min(next_look_at) AS at FROM attempts UNION ALL"
        " SELECT min(max(next_at, coalesce(claimed_until, next_at))) FROM effects WHERE state = 'pending' UNION ALL"
        " SELECT min(max(next_at, coalesce(claimed_until, next_at))) FROM inbox WHERE state = 'received')"
    ).fetchone()
    return None if row[0] is None else datetime.fromisoformat(row[0])
