"""One run of the daemon in the simulated world: the product's flows, and workers that drive them."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from splynx_stripe.domain.effect import EffectKind
from splynx_stripe.domain.errors import (
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.guardrails import Guardrails
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.message_template import DEFAULT_MESSAGE_TEMPLATE
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_account import USUAL_WORDS, RowWord
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.statement import StatementGrouping
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.terms import Terms, TopUpTerms
from splynx_stripe.domain.timing import Timing
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.credential_events import CredentialEvents
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.credentials import Credentials
from splynx_stripe.flows.due_work import DueWorkFlow, Limits
from splynx_stripe.flows.effect_handlers import effect_handlers
from splynx_stripe.flows.effects import EffectHandler, Effects
from splynx_stripe.flows.failures import FollowUpFailure
from splynx_stripe.flows.inbox import Inbox, OtherEvents
from splynx_stripe.flows.late_returns import LateReturns
from splynx_stripe.flows.look_after import LookAfter
from splynx_stripe.flows.overview import CustomerOverview
from splynx_stripe.flows.pay import PayFlow
from splynx_stripe.flows.poll import Poll
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.save_credential import SaveCredential
from splynx_stripe.flows.setup_credential import SetupCredential
from splynx_stripe.flows.tend_credentials import TendCredentials
from splynx_stripe.gateways.stripe.webhook import BadSignatureError, parse_envelope, verify_webhook
from splynx_stripe.kit.sealing import Sealer
from splynx_stripe.kit.secret import Secret
from splynx_stripe.store.errors import StoreUnavailableError
from tests.simulation.charging import Charging, FailureRules
from tests.simulation.clockwork import Scheduler, SimClock, SimLocks, Stamp, until
from tests.simulation.connected import (
    CONNECTED,
    STRIPE_ACCOUNT,
    ConnectedAccount,
    is_connected,
)
from tests.simulation.disk import HAS_DUE_WORK, Disk, SimStore, moment_text
from tests.simulation.network import Network
from tests.simulation.office_plan import OfficePlan
from tests.simulation.plan import Plan
from tests.simulation.splynx_side import SimSplynxGateway, SplynxSide
from tests.simulation.stripe_gateway import SimStripeGateway
from tests.simulation.stripe_side import StripeSide

ACCOUNTS = {
    1: StripeAccount("default", livemode=False),
    2: CONNECTED,
}
"""Each partner has its own Stripe account."""

CURRENCIES = {1: "USD", 2: "JPY"}
GROUPINGS = {1: StatementGrouping.MONTH, 2: StatementGrouping.DAY}
TIMEZONE = ZoneInfo("Europe/Prague")
TIMING = Timing(look_every=timedelta(minutes=20))
_CLOCK_JUMPS = 15
"""The fault after which things may be planned a day too late: nothing more may delay them."""

SLOW_TIMING = Timing(look_every=timedelta(hours=2))
"""Where debits are on their way for days: hundreds of looks at each would show nothing more."""
_SHORTEST_IDLE_S, _LONGEST_IDLE_S, _NEVER = 1.0, 12 * 3600.0, 1e12
_ASKS_IN_VAIN, _ASKS_IN_VAIN_S = 0.1, 2700.0
"""How often, and until when, the workers claim or poll though there is nothing for them."""

_TENDS_EVERY_S = 240.0
_IS_NEW_S = 3600.0
"""How long after the last effect was added everything is tried again as soon as it is due."""

_PARALLEL = 4
_QUIET = (RetryableError, OutcomeUnknownError, NotPermittedError)


T = TypeVar("T")

log = logging.getLogger("splynx_stripe.simulation")


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
    rests_s: float
    is_shared: bool
    plan: Plan
    has_changed_pace: Stamp
    is_calm: bool
    is_over: bool
    ends_s: float
    story_ends_s: float
    secrets: list[Secret]


class SimIds:
    """Ids from the seed, unique over all processes of a history."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def new(self, prefix: str, now: datetime) -> str:
        return f"{prefix}_{int(now.timestamp() * 1000):012x}{self._rng.getrandbits(48):012x}"

    def token(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"


class SimTerms:
    """Two partners, each with its own account: dollars and yen, by month and by day."""

    def __init__(self, plan: Plan, may_charge: Callable[[int], bool]) -> None:
        self._may_charge = may_charge
        kinds, guardrails = plan.kinds, _guardrails(plan.office)
        self._terms = {
            1: replace(
                _terms(1, tuple(PaymentKind(kind) for kind in kinds)), guardrails=guardrails
            ),
            2: _terms(2, (PaymentKind.CARD,)),
        }

    def terms(self, partner_id: int) -> Terms | None:
        return self._terms.get(partner_id) if self._may_charge(partner_id) else None


def _terms(partner_id: int, kinds: tuple[PaymentKind, ...]) -> Terms:
    return Terms(
        partner_id=partner_id,
        account=ACCOUNTS[partner_id],
        publishable_key="pk_test_sim",
        currency=CURRENCIES[partner_id],
        country={1: "US", 2: "JP"}[partner_id],
        language="en",
        payment_account="Stripe",
        credit_card_payment_method="Credit card",
        bank_payment_account="Stripe Bank",
        bank_account_payment_method="Bank transfer",
        payment_kinds=kinds,
        offers_to_save=True,
        top_up=TopUpTerms(_money(partner_id, 1), _money(partner_id, 500), ()),
        statement_grouping=GROUPINGS[partner_id],
        message_template=DEFAULT_MESSAGE_TEMPLATE,
        grants_access_to_unauthorized=True,
    )


def _guardrails(office: OfficePlan | None) -> Guardrails:
    """Gives those of the first partner; the second one has none."""
    return Guardrails(
        run_maximum=_money(1, office.run_maximum) if office and office.run_maximum else None,
        second_above=_money(1, office.second_above) if office and office.second_above else None,
    )


def _money(partner_id: int, units: int) -> Money:
    return Money.from_decimal(Decimal(units), CURRENCIES[partner_id])


_SEALER = Sealer(Secret("sim:" + "5a" * 32))


class _Rules:
    """What the settings say about saved credentials."""

    def changes_payment_method(self, _partner_id: int) -> bool:
        return False

    def row_words(self) -> Sequence[RowWord]:
        return USUAL_WORDS


@dataclass(slots=True)
class Flows:
    """The product's flows of one process."""

    rooms: Rooms
    pay: PayFlow
    overview: CustomerOverview
    setup: SetupCredential
    saved: Credentials
    tend: TendCredentials
    inbox: Inbox
    effects: Effects
    look_after: LookAfter
    due_work: DueWorkFlow
    poll: Poll
    connected: ConnectedAccount
    charging: Charging | None = None


def may_charge(world: World, partner_id: int) -> bool:
    """Says whether a partner's account is not one that was taken back."""
    is_at_stake = world.plan.revokes and ACCOUNTS.get(partner_id) == CONNECTED
    return not is_at_stake or is_connected(world.disk)


def build_flows(world: World, wake: Callable[[], None]) -> Flows:
    """Joins the product's flows as `daemon/house.py` does."""
    splynx = SimSplynxGateway(world.splynx, world.network, world.clock)
    stripe = SimStripeGateway(world.stripe, world.network, world.clock)
    rooms = Rooms(
        store=SimStore(world.disk),
        splynx=splynx,
        stripe=stripe,
        terms=SimTerms(world.plan, lambda partner_id: may_charge(world, partner_id)),
        timing=_timing(world.plan),
        timezone=TIMEZONE,
        clock=world.clock,
        ids=SimIds(world.rng),
        dice=world.rng,
        locks=SimLocks(),  # type: ignore[arg-type]  # the same promise without an event loop
        wake=wake,
    )
    asker = StripeAsker(rooms)
    credentials = CredentialRooms(
        rooms=rooms,
        stripe=stripe.saved_methods,
        accounts=splynx.payment_accounts,
        rules=_Rules(),
        sealer=_SEALER,
        mark_key=Secret("5a" * 32),
    )
    others: list[OtherEvents] = [CredentialEvents(credentials), LateReturns(rooms, stripe.disputes)]
    inbox = Inbox(rooms, asker, others)
    further: dict[EffectKind, EffectHandler] = {
        EffectKind.SAVE_CREDENTIAL: SaveCredential(credentials),
        EffectKind.FOLLOW_UP_FAILURE: FollowUpFailure(rooms, FailureRules()),
    }
    effects = Effects(rooms, effect_handlers(rooms, asker) | further)
    look_after = LookAfter(rooms, asker)
    pay = PayFlow(rooms, asker)
    return Flows(
        rooms=rooms,
        pay=pay,
        overview=CustomerOverview(rooms, pay),
        setup=SetupCredential(credentials),
        saved=Credentials(credentials),
        tend=TendCredentials(credentials),
        inbox=inbox,
        effects=effects,
        look_after=look_after,
        due_work=DueWorkFlow(rooms.store, inbox=inbox, effects=effects, look_after=look_after),
        poll=Poll(rooms, inbox),
        connected=ConnectedAccount(rooms, inbox, world.disk),
        charging=_charging(world, rooms, splynx),
    )


def _charging(world: World, rooms: Rooms, splynx: SimSplynxGateway) -> Charging | None:
    office = world.plan.office
    if office is None:
        return None
    return Charging(world, replace(rooms, locks=SimLocks()), splynx, office)  # type: ignore[arg-type]  # the same promise


def _timing(plan: Plan) -> Timing:
    return SLOW_TIMING if plan.has_banks else TIMING


class Process:
    """A daemon: its name is what a crash kills."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self.name = name
        self.flows = build_flows(world, self.wake)
        self._busy: set[str] = set()
        self._is_woken = False
        self._bell = Stamp()
        self._sleeps_until = ""
        self._newest_effect, self._new_since_s = 0, world.clock.elapsed_s
        self._polled_at_s: dict[str, float] = {}

    def start(self) -> None:
        """Starts the workers: the pump, the poll and the release of idle leases."""
        self._world.scheduler.spawn(f"{self.name} pump", self._pump(), self.name)
        self._world.scheduler.spawn(f"{self.name} jobs", self._jobs(), self.name)
        if self._world.plan.saves:
            self._world.scheduler.spawn(f"{self.name} saved", self._tend(), self.name)
        charging = self.flows.charging
        if charging is not None:
            job = charging.work(self._quietly)
            self._world.scheduler.spawn(f"{self.name} charges", job, self.name)

    def wake(self) -> None:
        """Says that there may be work now."""
        self._is_woken = True
        self._bell.set()

    async def receive(self, account: str, body: bytes, signature: str) -> bool:
        """Takes a webhook at an account's endpoint, as `web/webhook.py` does: True is a 200."""
        world = self._world
        here = next(each for each in ACCOUNTS.values() if each.name == account)
        try:
            verify_webhook(body, signature, world.secrets, world.clock.now())
            event = parse_envelope(body)
            of_connected = event.account == STRIPE_ACCOUNT and here == CONNECTED
            if event.livemode != here.livemode or (event.account and not of_connected):
                return False
            await self.flows.connected.door.receive(event, here, InboxSource.WEBHOOK)
        except (BadSignatureError, RejectedError, StoreUnavailableError):
            return False
        return True

    async def _pump(self) -> None:
        if not self._world.is_shared:
            await self._quietly(self._release_claims)
        while True:
            self._is_woken = False
            try:
                started = await self._start_due()
            except StoreUnavailableError:
                started = False
            if not started:
                await self._idle()

    async def _release_claims(self) -> None:
        """Takes back what the last daemon held, as the start of a lone daemon does."""

        def release_claims(unit: Any) -> None:
            unit.release_effects()
            unit.release_inbox()

        await self.flows.rooms.store.run(release_claims)

    async def _idle(self) -> None:
        """Waits until something is due; the real pump looks every second."""
        clock = self._world.clock
        pause_s = _SHORTEST_IDLE_S
        while not self._is_woken:
            due = self._world.disk.due()
            seconds = min(
                max(self._seconds_to(due.effect), self._rests_s()),
                self._seconds_to(due.look),
                self._seconds_to(due.event),
            )
            self._bell, self._sleeps_until = Stamp(), due.first
            rest_s = max(pause_s, min(seconds, _LONGEST_IDLE_S))
            await until(clock.elapsed_s + rest_s, self._bell)
            if seconds <= rest_s and not self._bell.is_set:
                return
            pause_s = 0.0

    def _seconds_to(self, moment: str) -> float:
        if not moment:
            return _NEVER
        return (datetime.fromisoformat(moment) - self._world.clock.now()).total_seconds()

    def _rests_s(self) -> float:
        """Says how long old effects may wait: trying in vain is the same hundreds of times."""
        now_s, newest = self._world.clock.elapsed_s, self._world.disk.due().newest_effect
        if newest != self._newest_effect:
            self._newest_effect, self._new_since_s = newest, now_s
        is_new = now_s - self._new_since_s <= _IS_NEW_S
        return 0.0 if is_new or _CLOCK_JUMPS in self._world.plan.faults else self._world.rests_s

    def committed(self, changed: frozenset[str]) -> None:
        """Hears that something was committed: the next thing may be due earlier now."""
        if self.flows.charging is not None:
            self.flows.charging.committed(changed)
        if self._bell.is_set or changed.isdisjoint(HAS_DUE_WORK):
            return
        if self._world.disk.due().first != self._sleeps_until:
            self._bell.set()

    async def _start_due(self) -> bool:
        """Claims as the real pump does, but mostly asks only for what is due."""
        flows, started = self.flows, False
        wanted = self._wanted()
        if wanted is None:
            return False
        due = await flows.due_work.claim_due(wanted)
        for received in due.events:
            started |= self._begin(f"inbox {received.id}", flows.inbox.handle, received)
        for stored in due.effects:
            started |= self._begin(f"effect {stored.key}", flows.effects.carry_out, stored)
        for attempt in due.attempts:
            name = f"look {attempt.id}"
            if name not in self._busy:
                started |= self._begin(name, flows.look_after.look_at, attempt)
        return started

    def _wanted(self) -> Limits | None:
        world, room = self._world, _PARALLEL - len(self._busy)
        if room <= 0:
            return None
        is_early = world.clock.elapsed_s < _ASKS_IN_VAIN_S
        if is_early and world.rng.random() < _ASKS_IN_VAIN:
            return Limits(room, room, room)
        due, now = world.disk.due(), moment_text(world.clock.now())
        if not "" < due.first <= now:
            return None
        return Limits(
            events=room if "" < due.event <= now else 0,
            effects=room if "" < due.effect <= now else 0,
            attempts=room if "" < due.look <= now else 0,
        )

    def _begin(self, name: str, work: Callable[[T], Awaitable[None]], item: T) -> bool:
        self._busy.add(name)
        task = self._finish(name, work, item)
        self._world.scheduler.spawn(f"{self.name} {name}", task, self.name)
        return True

    async def _finish(self, name: str, work: Callable[[T], Awaitable[None]], item: T) -> None:
        try:
            await work(item)
        except StoreUnavailableError:
            return
        finally:
            self._busy.discard(name)
            self.wake()

    async def _jobs(self) -> None:
        world = self._world
        while True:
            for partner_id, account in ACCOUNTS.items():
                if self._is_worth_polling(account.name) and may_charge(world, partner_id):
                    began_s = world.clock.elapsed_s
                    if await self._quietly(partial(self.flows.poll.run, account)):
                        self._polled_at_s[account.name] = began_s
                    elif world.plan.revokes and account == CONNECTED:
                        await self._quietly(partial(self.flows.connected.watch.check, account))
            if world.disk.due().has_open_collection:
                await self._quietly(self.flows.look_after.release_idle_leases)
            await until(world.clock.elapsed_s + world.poll_every_s, world.has_changed_pace)

    async def _tend(self) -> None:
        """Looks after saved cards, as `schedule/credential_round.py` does, less often."""
        world = self._world
        while True:
            try:
                await self._quietly(self.flows.tend.run_once)
            except (RejectedError, StaleWriteError) as error:
                log.info("saved.waits", extra={"error": str(error)})
            is_early = world.clock.elapsed_s < _ASKS_IN_VAIN_S
            pace_s = _TENDS_EVERY_S if is_early else world.poll_every_s
            await until(world.clock.elapsed_s + pace_s, world.has_changed_pace)

    def _is_worth_polling(self, account: str) -> bool:
        """A poll that can find nothing new is the same every time: now and then is enough."""
        world = self._world
        if world.stripe.lists_news_since(account, self._polled_at_s.get(account, 0.0)):
            return True
        is_early = world.clock.elapsed_s < _ASKS_IN_VAIN_S
        return is_early and (bool(world.network.rules) or world.rng.random() < _ASKS_IN_VAIN)

    async def _quietly(self, job: Callable[[], Awaitable[object]]) -> bool:
        try:
            await job()
        except (*_QUIET, StoreUnavailableError) as error:
            log.info("job.waits", extra={"error": str(error)})
            return False
        return True
