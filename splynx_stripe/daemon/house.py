"""One set of settings at work: gateways, flows, pump, jobs and pages, joined."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from splynx_stripe.config import Settings
from splynx_stripe.daemon.accounts_wing import AccountsGround, AccountsWing
from splynx_stripe.daemon.audit_journal import AuditJournal
from splynx_stripe.daemon.charge_wing import ChargeWing, charge_wing
from splynx_stripe.daemon.credentials import CredentialWing, credential_rooms, not_connected
from splynx_stripe.daemon.customers_wing import CustomerFigures, Doors, customer_sync
from splynx_stripe.daemon.failures_wing import FailureDoors, SettingsFailureRules, failure_jobs
from splynx_stripe.daemon.filter_names import SplynxFilterNames
from splynx_stripe.daemon.gateways import client_session, splynx_gateway, stripe_gateway
from splynx_stripe.daemon.listener import BACKLOG
from splynx_stripe.daemon.not_connected import NotConnected
from splynx_stripe.daemon.remembered_terms import RememberedTerms
from splynx_stripe.daemon.rules_wing import RulesWing, rules_wing
from splynx_stripe.daemon.settings_trials import OutsideTrials
from splynx_stripe.domain.effect import EffectKind
from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.charge import ChargeFlow
from splynx_stripe.flows.customer_sync import TICK
from splynx_stripe.flows.due_work import DueWorkFlow
from splynx_stripe.flows.effect_handlers import effect_handlers
from splynx_stripe.flows.effects import EffectHandler, Effects
from splynx_stripe.flows.failures import FollowUpFailure
from splynx_stripe.flows.inbox import Inbox
from splynx_stripe.flows.late_returns import LateReturns
from splynx_stripe.flows.links import Links, LinkSplynx
from splynx_stripe.flows.look_after import LookAfter
from splynx_stripe.flows.operations import Operations
from splynx_stripe.flows.overview import CustomerOverview
from splynx_stripe.flows.page_settings import PageSettings
from splynx_stripe.flows.pay import PayFlow
from splynx_stripe.flows.poll import Poll
from splynx_stripe.flows.ports import Store
from splynx_stripe.flows.recoveries import Recoveries
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.safe_stop import charging_stop, money_stop, told_of_stop
from splynx_stripe.gateways.splynx.gateway import SplynxHttpGateway
from splynx_stripe.gateways.stripe.gateway import StripeSdkGateway
from splynx_stripe.kit.backoff import system_dice
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource
from splynx_stripe.kit.keyed_lock import KeyedLock
from splynx_stripe.kit.rate_limit import Priority
from splynx_stripe.kit.secret import Secret
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.schedule.clock_watch import ClockWatch
from splynx_stripe.schedule.jobs import Jobs
from splynx_stripe.schedule.leader import FencedStore, Leader
from splynx_stripe.schedule.pump import Flows, Pump
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.store import SqlStore
from splynx_stripe.web.access_log import QuerylessAccessLogger
from splynx_stripe.web.app import create_app
from splynx_stripe.web.charge_desk import ChargeDesk
from splynx_stripe.web.deps import (
    CustomerPages,
    EventInbox,
    Payments,
    Site,
    ViewerSource,
    WebDeps,
    WebhookEndpoint,
    origin_of,
)
from splynx_stripe.web.notice_words import WrittenNotices
from splynx_stripe.web.settings_desk import SettingsDesk

SHUTDOWN_S = 25.0
"""How long work in hand may take after SIGTERM; systemd's own limit is longer."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """What outlives a reload."""

    store: SqlStore
    installation: Installation
    clock: Clock
    ids: IdSource
    settings_changed: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Answering:
    """The flows that pages ask, or what stands in for them."""

    pay: Payments
    overview: CustomerPages
    inbox: EventInbox
    viewers: ViewerSource
    documents: LinkSplynx


class House:
    """One set of settings at work: gateways, flows, pump, jobs and pages."""

    def __init__(self, settings: Settings, foundation: Foundation, written: Settings) -> None:
        self._settings = settings
        self._written = written
        self._foundation = foundation
        self._stack = AsyncExitStack()
        self._pump: Pump | None = None
        self._jobs: Jobs | None = None
        self._splynx: SplynxHttpGateway | None = None
        self._accounts: AccountsWing | None = None
        self._credentials: CredentialWing | None = None
        self._registry = _registry()
        self._leader: Leader | None = None
        self._stand_for_leader: Callable[[], None] = _nobody
        self._charging_rooms: Rooms | None = None
        self._charging: ChargeWing | None = None
        self._filter_names: SplynxFilterNames | None = None
        self._rules: RulesWing | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, sockets: list[socket.socket]) -> None:
        """Builds everything and listens on the given sockets."""
        if self._settings.knows_splynx:
            session = await self._stack.enter_async_context(client_session())
            pages = await self._connect(session)
        else:
            refusing = NotConnected(self._settings)
            pages = self._pages(_Answering(refusing, refusing, refusing, refusing, refusing))
        self._runner = web.AppRunner(
            create_app(pages),
            access_log_class=QuerylessAccessLogger,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_S,
        )
        await self._runner.setup()
        for listening in sockets:
            await web.SockSite(self._runner, listening.dup(), backlog=BACKLOG).start()
        # Last: a house that fails to start must not take the lead from the one in force.
        self._stand_for_leader()

    async def stop(self) -> None:
        """Finishes requests and work in hand, then lets go of everything."""
        if self._jobs is not None:
            self._jobs.stop()
        if self._leader is not None:
            await self._leader.resign()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._pump is not None:
            await self._pump.stop(SHUTDOWN_S)
        await self._stack.aclose()

    async def _connect(self, session: aiohttp.ClientSession) -> WebDeps:
        settings, foundation = self._settings, self._foundation
        tasks = await self._stack.enter_async_context(Supervisor())
        splynx = splynx_gateway(settings, session, foundation.store, foundation.clock)
        self._splynx = splynx
        self._filter_names = SplynxFilterNames(splynx, foundation.clock)
        woken = _Bell()
        stripe = stripe_gateway(settings, session, foundation.clock)
        rooms = Rooms(
            store=AuditJournal(foundation.store),
            splynx=splynx,
            stripe=stripe,
            terms=RememberedTerms(settings),
            timing=settings.timing(),
            timezone=ZoneInfo(settings.splynx.timezone),
            clock=foundation.clock,
            ids=foundation.ids,
            dice=system_dice(),
            locks=KeyedLock(),
            wake=woken.ring,
            splynx_url=settings.splynx.url,
        )
        self._credentials = CredentialWing(
            credential_rooms(
                settings,
                foundation.installation,
                rooms,
                stripe=stripe.saved_methods,
                accounts=splynx.payment_accounts,
            )
        )
        asker = StripeAsker(rooms)
        late_returns = LateReturns(rooms, stripe.disputes)
        inbox = Inbox(rooms, asker, [self._credentials.events, late_returns])
        look_after = LookAfter(rooms, asker)
        rules = SettingsFailureRules(settings)
        following: dict[EffectKind, EffectHandler] = {
            EffectKind.FOLLOW_UP_FAILURE: FollowUpFailure(rooms, rules)
        }
        # People at pages go before bookings and charge runs.
        patient_splynx = splynx.with_priority(Priority.BACKGROUND)
        handlers = effect_handlers(replace(rooms, splynx=patient_splynx), asker)
        handlers = handlers | self._credentials.handlers | following
        effects = Effects(rooms, handlers)
        due_work = DueWorkFlow(rooms.store, inbox=inbox, effects=effects, look_after=look_after)
        self._pump = Pump(
            Flows(due_work, inbox, effects, look_after),
            tasks=tasks,
            clock=foundation.clock,
            is_pressed=inbox.is_pressed,
        )
        woken.answer = self._pump.wake
        tasks.keep("pump", self._pump.run)
        tasks.keep("credentials", self._credentials.round.run)
        self._accounts = self._accounts_wing(stripe)
        customers = Doors(splynx.customers, splynx, stripe.customers)
        self._charging_rooms = replace(
            rooms,
            splynx=patient_splynx,
            stripe=stripe.with_priority(Priority.BACKGROUND),
        )
        self._begin_schedule(rooms, asker, tasks, customers, splynx)
        door = self._accounts.door(inbox)
        pay = PayFlow(rooms, asker)
        overview = CustomerOverview(rooms, pay)
        return self._pages(_Answering(pay, overview, door, splynx, splynx))

    def _begin_schedule(
        self,
        rooms: Rooms,
        asker: StripeAsker,
        tasks: Supervisor,
        customers: Doors,
        splynx: SplynxHttpGateway,
    ) -> None:
        """Starts the periodic jobs; of several daemons only the leader's do anything."""
        foundation = self._foundation
        leader = Leader(
            foundation.store,
            foundation.clock,
            name=_name_of_this_daemon(foundation),
            is_shared=foundation.store.is_shared,
        )
        fenced = replace(rooms, store=FencedStore(rooms.store, leader))
        jobs = Jobs(
            poll=Poll(fenced, Inbox(fenced, asker)),
            look_after=LookAfter(fenced, asker),
            accounts=self._settings.accounts,
            polling_interval=self._settings.polling_interval,
            clock=foundation.clock,
            leads=lambda: leader.leads,
        )
        jobs.also(self._customer_sync(fenced.store, customers).tick, TICK)
        words = WrittenNotices(self._site())
        patient = splynx.with_priority(Priority.BACKGROUND)
        retrying = replace(self._charging_rooms or rooms, store=fenced.store)
        retry = ChargeFlow(retrying, StripeAsker(retrying))
        doors = FailureDoors(retry, patient, patient, patient.charge_listings, words)
        rules = SettingsFailureRules(self._settings)
        for job, every in failure_jobs(retrying, doors, rules, self._registry):
            jobs.also(job, every)
        self._charging = self._charge_wing(rooms, fenced.store, splynx)
        for job, every in self._charging.jobs:
            jobs.also(job, every)
        listings = splynx.with_priority(Priority.BACKGROUND).charge_listings
        self._rules = rules_wing(self._settings, rooms, fenced.store, listings)
        for job, every in self._rules.jobs:
            jobs.also(job, every)
        leader.on_lead = jobs.hurry
        self._jobs, self._leader = jobs, leader
        jobs.start()
        tasks.keep("clock-watch", ClockWatch(foundation.clock, jobs.hurry).run)
        if self._accounts is not None:
            keeper = self._accounts.keeper(
                registry=self._registry, troubled=jobs.troubled, leads=lambda: leader.leads
            )
            tasks.keep("accounts", keeper.run)
        self._stand_for_leader = lambda: tasks.keep("leader", leader.run)

    def _charge_wing(self, rooms: Rooms, fenced: Store, splynx: SplynxHttpGateway) -> ChargeWing:
        """Joins charge runs; a run's item may be charged by the engine while a page looks at it."""
        patient = self._charging_rooms or rooms
        return charge_wing(
            self._settings,
            rooms,
            replace(patient, store=fenced),
            splynx.with_priority(Priority.BACKGROUND).charge_listings,
            self._registry,
        )

    def _customer_sync(self, store: Store, doors: Doors) -> CustomerFigures:
        foundation = self._foundation
        sync = customer_sync(
            self._settings,
            doors,
            store,
            foundation.clock,
            installation_id=foundation.installation.id,
        )
        return CustomerFigures(self._registry, sync, foundation.clock)

    def _accounts_wing(self, stripe: StripeSdkGateway) -> AccountsWing:
        foundation = self._foundation
        return AccountsWing(
            AccountsGround(
                settings=self._settings,
                store=AuditJournal(foundation.store),
                installation=foundation.installation,
                gateway=stripe,
                clock=foundation.clock,
                ids=foundation.ids,
                changed=foundation.settings_changed,
            )
        )

    def _pages(self, flows: _Answering) -> WebDeps:
        settings, foundation = self._settings, self._foundation
        return WebDeps(
            pay=flows.pay,
            overview=flows.overview,
            inbox=flows.inbox,
            operations=Operations(foundation.store),
            recoveries=Recoveries(AuditJournal(foundation.store), foundation.clock),
            links=Links(
                AuditJournal(foundation.store), flows.documents, foundation.clock, foundation.ids
            ),
            viewers=flows.viewers,
            clock=foundation.clock,
            ids=foundation.ids,
            signing_key=Secret(foundation.installation.signing_key.hex()),
            site=self._site(),
            webhook_endpoint=self._webhook_endpoints().get,
            readiness=self._reasons_not_ready,
            notes=self._notes,
            stripe_account_id=self._stripe_account_id,
            registry=self._registry,
            settings=self._settings_desk(),
            credentials=self._credentials.desk if self._credentials else not_connected(settings),
            accounts=lambda: self._accounts.desk if self._accounts else None,
            charging=self._charge_desk,
            rules=lambda: self._rules.desk if self._rules else None,
        )

    def _charge_desk(self) -> ChargeDesk | None:
        if self._charging is None or self._filter_names is None:
            return None
        return ChargeDesk(self._charging.runs, self._filter_names)

    def _site(self) -> Site:
        settings = self._settings
        return Site(
            public_url=settings.public_url or "http://127.0.0.1/stripe",
            splynx_url=settings.splynx.url or "http://127.0.0.1/",
            session_cookie=settings.splynx.session_cookie,
            stripe_js_url=settings.stripe.js_url,
            stripe_api_origin=origin_of(settings.stripe.api_base),
            language=settings.business(None).language,
            timezone=ZoneInfo(settings.splynx.timezone),
        )

    def _settings_desk(self) -> SettingsDesk:
        foundation = self._foundation
        page = PageSettings(
            store=AuditJournal(foundation.store),
            written=self._written,
            sealer=self._written.key_file.sealer(),
            clock=foundation.clock,
            changed=foundation.settings_changed,
        )
        return SettingsDesk(page, OutsideTrials(self._splynx, foundation.clock))

    def _stripe_account_id(self, account: StripeAccount) -> str:
        keys = self._settings.accounts().get(account)
        return keys.stripe_account if keys else ""

    def _webhook_endpoints(self) -> dict[str, WebhookEndpoint]:
        return self._accounts.webhook_endpoints() if self._accounts else {}

    async def _notes(self) -> list[str]:
        try:
            stop = await self._foundation.store.read(charging_stop)
        except StoreUnavailableError:
            return []  # it is a reason not to be ready
        return [] if stop is None else [told_of_stop(stop)]

    async def _reasons_not_ready(self) -> list[str]:
        reasons = [f"Not connected yet: {sentence}" for sentence in self._settings.missing]
        try:
            await self._foundation.store.try_to_write()
            stop = await self._foundation.store.read(money_stop)
            if stop is not None:
                reasons.append(f"Nothing is charged until case {stop.id} is closed: {stop.summary}")
        except StoreUnavailableError as error:
            reasons.append(f"The database does not take anything: {error}")
        if self._jobs is not None:
            reasons += self._jobs.troubles()
        return reasons


def _name_of_this_daemon(foundation: Foundation) -> str:
    """Makes a name that no other house has, and that tells people where it stands."""
    unique = foundation.ids.new("led", foundation.clock.now())
    return f"{socket.gethostname()}/{os.getpid()}/{unique}"


class _Bell:
    """Connects the flows, which ring, with the pump, which is built after them."""

    def __init__(self) -> None:
        self.answer: Callable[[], None] = _nobody

    def ring(self) -> None:
        self.answer()


def _nobody() -> None:
    """Answers before there is a pump."""


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
