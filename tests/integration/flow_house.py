"""The flows with the real store and the real gateways, joined as the daemon joins them.

Time belongs to the town's fake clock, the pump runs when a test says so: an hour passes in a
millisecond. A second house on the same database is what a restart, or a second daemon, is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import aiohttp

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.case import Case
from splynx_stripe.domain.collection import Collection, CollectionState, Route
from splynx_stripe.domain.effect import EffectKind, StoredEffect
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.domain.statement import StatementGrouping
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.terms import Terms
from splynx_stripe.domain.timeline import tell
from splynx_stripe.domain.timing import Timing
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.due_work import DueWorkFlow
from splynx_stripe.flows.effect_handlers import effect_handlers
from splynx_stripe.flows.effects import EffectHandler, Effects
from splynx_stripe.flows.failure_ports import FailureRules
from splynx_stripe.flows.failures import FollowUpFailure
from splynx_stripe.flows.inbox import Inbox, OtherEvents
from splynx_stripe.flows.late_returns import LateReturns
from splynx_stripe.flows.look_after import LookAfter
from splynx_stripe.flows.pay import (
    DocumentQuery,
    PayFlow,
    PaymentStart,
    PaymentView,
)
from splynx_stripe.flows.poll import Poll
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.transition import Occasion, end_effect
from splynx_stripe.gateways.splynx import SplynxConnection, SplynxHttpGateway
from splynx_stripe.gateways.stripe import (
    RateLimits,
    StripeCredentials,
    StripeEndpoints,
    StripeSdkGateway,
)
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.keyed_lock import KeyedLock
from splynx_stripe.kit.secret import Secret
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.schedule.pump import Flows, Pump
from splynx_stripe.store.store import SqlStore, open_store
from tests.fake_clock import ImpatientClock
from tests.integration.flow_town import (
    EUR_ACCOUNT,
    JPY_ACCOUNT,
    SECRET_KEYS,
    MiddlingDice,
    Town,
)

_NO_LIMITS = RateLimits(
    per_endpoint_per_s=10_000, total_per_s=10_000, sandbox_total_per_s=10_000, reserved_share=0.0
)
_EUR_TERMS = Terms(
    partner_id=1,
    account=EUR_ACCOUNT,
    publishable_key="pk_test_sandbox_default",
    currency="EUR",
    country="CZ",
    language="en",
    payment_account="Stripe",
    credit_card_payment_method="Credit card",
    bank_payment_account="Stripe Bank",
    bank_account_payment_method="Bank transfer",
    payment_kinds=(PaymentKind.CARD,),
    offers_to_save=False,
    top_up=None,
    statement_grouping=StatementGrouping.MONTH,
    message_template="Charge for {{ customer.email }} pay {{ type }} {{ id }}, dated {{ date }}",
    grants_access_to_unauthorized=True,
)
_JPY_TERMS = replace(
    _EUR_TERMS,
    partner_id=2,
    account=JPY_ACCOUNT,
    publishable_key="pk_test_sandbox_second",
    currency="JPY",
    country="JP",
    grants_access_to_unauthorized=False,
)
_CUSTOMER_OF_NUMBER = {"202611000042": 17, "202611000043": 17, "202611000044": 18}
INVOICE, PROFORMA = DocumentKind.INVOICE, DocumentKind.PROFORMA


@dataclass
class TermsBook:
    """The settings of the partners; a test may change them."""

    by_partner: dict[int, Terms] = field(
        default_factory=lambda: {0: _EUR_TERMS, 1: _EUR_TERMS, 2: _JPY_TERMS}
    )

    def terms(self, partner_id: int) -> Terms | None:
        return self.by_partner.get(partner_id)


@dataclass
class NotedFailures:
    """Carries `follow_up_failure` out by noting the attempts that failed, in order."""

    rooms: Rooms
    attempt_ids: list[str] = field(default_factory=list)

    async def carry_out(self, effect: StoredEffect) -> None:
        occasion = Occasion(self.rooms.clock.now(), "daemon", self.rooms.timing)
        await self.rooms.store.run(lambda unit: end_effect(unit, effect, occasion))
        self.attempt_ids.append(effect.attempt_id)


@dataclass
class FlowHouse:
    """One daemon without its HTTP edge and its timers."""

    town: Town
    store: SqlStore
    rooms: Rooms
    asker: StripeAsker
    pay: PayFlow
    inbox: Inbox
    effects: Effects
    look_after: LookAfter
    poll: Poll
    pump: Pump
    terms: TermsBook
    failures: NotedFailures

    async def view(
        self, number: str = "202611000042", kind: DocumentKind = INVOICE, customer: int = 17
    ) -> PaymentView:
        """A portal customer opens the page of a document."""
        return await self.pay.view_for_customer(DocumentQuery(kind, number), customer)

    async def press_pay(
        self,
        number: str = "202611000042",
        kind: DocumentKind = INVOICE,
        *,
        customer: int | None = None,
        route: Route = Route.PORTAL,
    ) -> PaymentStart:
        """A customer opens the page and presses Pay."""
        customer = customer or _CUSTOMER_OF_NUMBER.get(number, 17)
        view = await self.view(number, kind, customer)
        if view.payable is None:
            return PaymentStart(view.standing)
        return await self.pay.start(view.payable, route, f"customer:{customer}")

    async def receive(
        self, *bodies: bytes, account: StripeAccount = EUR_ACCOUNT, times: int = 1
    ) -> None:
        """Stripe delivers events to the webhook, whose signature was right."""
        for body in bodies * times:
            event = self.rooms.stripe.parse_event(body)
            await self.inbox.receive(event, account, InboxSource.WEBHOOK)

    async def deliver_webhooks(self, account: StripeAccount = EUR_ACCOUNT) -> None:
        """Stripe delivers what it has not delivered yet; then everything due is done."""
        for body in self.town.event_bodies(account):
            event = self.rooms.stripe.parse_event(body)
            if event.id not in self.town.delivered:
                self.town.delivered.add(event.id)
                await self.inbox.receive(event, account, InboxSource.WEBHOOK)
        await self.pump.drain()

    async def pass_time(self, period: timedelta, *, step: timedelta | None = None) -> None:
        """Lets time pass, step by step, and does after each step what is due."""
        step = step or period
        left = period
        while left > timedelta(0):
            self.town.clock.advance(min(step, left))
            left -= step
            await self.pump.drain()

    async def collections(self, reference: str = "202611000042") -> Sequence[Collection]:
        """Gives the collections of a document, oldest first."""
        return await self.store.read(lambda unit: unit.find_collections(reference))

    async def collection_states(self, reference: str = "202611000042") -> list[CollectionState]:
        return [collection.state for collection in await self.collections(reference)]

    async def attempts(self, reference: str = "202611000042") -> list[Attempt]:
        """Gives all attempts to pay a document, oldest first."""
        collections = await self.collections(reference)
        return await self.store.read(
            lambda unit: [
                attempt for collection in collections for attempt in unit.attempts_of(collection.id)
            ]
        )

    async def cases(self, *, only_open: bool = True) -> Sequence[Case]:
        return await self.store.read(lambda unit: unit.cases(only_open=only_open, limit=1000))

    async def case_kinds(self) -> list[str]:
        """Gives the kinds of the open cases, the oldest first."""
        return [case.kind.value for case in await self.cases()]

    async def timeline(self, reference: str = "202611000042") -> str:
        """Tells the story of a document as `payments show` does."""
        stories = []
        for collection in await self.collections(reference):
            attempts = await self.store.read(
                lambda unit, of=collection.id: unit.attempts_of(of)  # type: ignore[misc]  # a default binds the loop's value
            )
            entries = await self.store.read(
                lambda unit, of=collection.id: unit.audit_of(of)  # type: ignore[misc]  # as above
            )
            cases = [case for case in await self.cases() if case.collection_id == collection.id]
            stories.append(tell(collection, attempts, entries, cases))
        return "\n\n".join(stories)


@asynccontextmanager
async def open_house(
    town: Town,
    store_url: str,
    *,
    stripe_timeout_s: float = 30.0,
    failure_rules: FailureRules | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[FlowHouse]:
    """Opens a house on a migrated database; leaving is a stop that finishes nothing.

    `clock` is what the daemon goes by where that is not the town's time.
    With `failure_rules` failures are followed up; without them they are only noted.
    """
    store = open_store(store_url, clock=town.clock, ids=town.ids)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        tasks = await stack.enter_async_context(Supervisor())
        terms = TermsBook()
        stripe = _stripe_gateway(town, session, stripe_timeout_s)
        rooms = Rooms(
            store=store,
            splynx=_splynx_gateway(town, session, store),
            stripe=stripe,
            terms=terms,
            timing=Timing(),
            timezone=ZoneInfo("Europe/Prague"),
            clock=clock or town.clock,
            ids=town.ids,
            dice=MiddlingDice(),
            locks=KeyedLock(),
            wake=lambda: None,
        )
        others = [LateReturns(rooms, stripe.disputes)]
        yield _joined(town, store, rooms, tasks, others, failure_rules)


def _joined(
    town: Town,
    store: SqlStore,
    rooms: Rooms,
    tasks: Supervisor,
    others: Sequence[OtherEvents],
    failure_rules: FailureRules | None,
) -> FlowHouse:
    terms = rooms.terms
    assert isinstance(terms, TermsBook)
    asker = StripeAsker(rooms)
    inbox = Inbox(rooms, asker, others)
    look_after = LookAfter(rooms, asker)
    failures = NotedFailures(rooms)
    following = FollowUpFailure(rooms, failure_rules) if failure_rules else failures
    of_failures: dict[EffectKind, EffectHandler] = {EffectKind.FOLLOW_UP_FAILURE: following}
    effects = Effects(rooms, effect_handlers(rooms, asker) | of_failures)
    return FlowHouse(
        town=town,
        store=store,
        rooms=rooms,
        asker=asker,
        pay=PayFlow(rooms, asker),
        inbox=inbox,
        effects=effects,
        look_after=look_after,
        poll=Poll(rooms, inbox),
        pump=Pump(
            Flows(
                DueWorkFlow(store, inbox=inbox, effects=effects, look_after=look_after),
                inbox,
                effects,
                look_after,
            ),
            tasks=tasks,
            clock=town.clock,
        ),
        terms=terms,
        failures=failures,
    )


def _splynx_gateway(
    town: Town, session: aiohttp.ClientSession, store: SqlStore
) -> SplynxHttpGateway:
    async def reserve(floor: int, count: int) -> int:
        return await store.run(lambda unit: unit.reserve_nonces("sandbox-key", floor, count))

    connection = SplynxConnection(
        url=town.splynx_url,
        api_key="sandbox-key",
        api_secret=Secret("sandbox-secret"),
        timezone="Europe/Prague",
    )
    return SplynxHttpGateway(
        connection=connection, session=session, clock=town.clock, nonces=reserve
    )


def _stripe_gateway(
    town: Town, session: aiohttp.ClientSession, timeout_s: float
) -> StripeSdkGateway:
    return StripeSdkGateway(
        endpoints=StripeEndpoints(api_base=town.stripe_url, connect_base=town.stripe_url),
        credentials={
            account: StripeCredentials(Secret(key)) for account, key in SECRET_KEYS.items()
        },
        session=session,
        clock=ImpatientClock(town.clock),  # readings are repeated by the SDK after a pause
        limits=_NO_LIMITS,
        timeout_s=timeout_s,
    )
