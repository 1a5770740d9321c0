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
from splynx_stripe.daemon.audit_journal import AuditJournal
from splynx_stripe.daemon.gateways import client_session, splynx_gateway, stripe_gateway
from splynx_stripe.daemon.listener import BACKLOG
from splynx_stripe.daemon.not_connected import NotConnected
from splynx_stripe.domain.effect import EffectKind
from splynx_stripe.domain.installation import Installation
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.book import BookPayment
from splynx_stripe.flows.cancel import CancelPaymentIntent
from splynx_stripe.flows.effects import Effects
from splynx_stripe.flows.inbox import Inbox
from splynx_stripe.flows.look_after import LookAfter
from splynx_stripe.flows.pay import PayFlow
from splynx_stripe.flows.poll import Poll
from splynx_stripe.flows.record_statement import RecordStatement
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.safe_stop import money_stop
from splynx_stripe.kit.backoff import system_dice
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource
from splynx_stripe.kit.keyed_lock import KeyedLock
from splynx_stripe.kit.secret import Secret
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.schedule.jobs import Jobs
from splynx_stripe.schedule.leader import FencedStore, Leader
from splynx_stripe.schedule.pump import Pump
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.store.store import SqlStore
from splynx_stripe.web.access_log import QuerylessAccessLogger
from splynx_stripe.web.app import create_app
from splynx_stripe.web.deps import (
    EventInbox,
    Payments,
    Site,
    ViewerSource,
    WebDeps,
    WebhookEndpoint,
    origin_of,
)

SHUTDOWN_S = 25.0
"""How long work in hand may take after SIGTERM; systemd's own limit is longer."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """What outlives a reload."""

    store: SqlStore
    installation: Installation
    clock: Clock
    ids: IdSource


class House:
    """One set of settings at work: gateways, flows, pump, jobs and pages."""

    def __init__(self, settings: Settings, foundation: Foundation) -> None:
        self._settings = settings
        self._foundation = foundation
        self._stack = AsyncExitStack()
        self._pump: Pump | None = None
        self._jobs: Jobs | None = None
        self._leader: Leader | None = None
        self._stand_for_leader: Callable[[], None] = _nobody
        self._runner: web.AppRunner | None = None

    async def start(self, sockets: list[socket.socket]) -> None:
        """Builds everything and listens on the given sockets."""
        if self._settings.connected:
            session = await self._stack.enter_async_context(client_session())
            pages = await self._connect(session)
        else:
            refusing = NotConnected(self._settings)
            pages = self._pages(refusing, refusing, refusing)
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
        woken = _Bell()
        rooms = Rooms(
            store=AuditJournal(foundation.store),
            splynx=splynx,
            stripe=stripe_gateway(settings, session, foundation.clock),
            terms=settings,
            timing=settings.timing(),
            timezone=ZoneInfo(settings.splynx.timezone),
            clock=foundation.clock,
            ids=foundation.ids,
            dice=system_dice(),
            locks=KeyedLock(),
            wake=woken.ring,
        )
        asker = StripeAsker(rooms)
        inbox = Inbox(rooms, asker)
        look_after = LookAfter(rooms, asker)
        self._pump = Pump(
            effects=_effects(rooms, asker),
            inbox=inbox,
            look_after=look_after,
            tasks=tasks,
            is_pressed=inbox.is_pressed,
        )
        woken.answer = self._pump.wake
        tasks.keep("pump", self._pump.run)
        self._begin_schedule(rooms, asker, tasks)
        return self._pages(PayFlow(rooms, asker), inbox, splynx)

    def _begin_schedule(self, rooms: Rooms, asker: StripeAsker, tasks: Supervisor) -> None:
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
        leader.on_lead = jobs.hurry
        self._jobs, self._leader = jobs, leader
        jobs.start()
        self._stand_for_leader = lambda: tasks.keep("leader", leader.run)

    def _pages(self, pay: Payments, inbox: EventInbox, viewers: ViewerSource) -> WebDeps:
        settings, foundation = self._settings, self._foundation
        return WebDeps(
            pay=pay,
            inbox=inbox,
            viewers=viewers,
            clock=foundation.clock,
            ids=foundation.ids,
            signing_key=Secret(foundation.installation.signing_key.hex()),
            site=Site(
                public_url=settings.public_url or "http://127.0.0.1/stripe",
                splynx_url=settings.splynx.url or "http://127.0.0.1/",
                session_cookie=settings.splynx.session_cookie,
                stripe_js_url=settings.stripe.js_url,
                stripe_api_origin=origin_of(settings.stripe.api_base),
                language=settings.document.settings.language,
            ),
            webhook_endpoint=self._webhook_endpoints().get,
            readiness=self._reasons_not_ready,
            registry=_registry(),
        )

    def _webhook_endpoints(self) -> dict[str, WebhookEndpoint]:
        return {
            self._foundation.installation.endpoint_name(account): WebhookEndpoint(
                account, keys.webhook_secrets
            )
            for account, keys in self._settings.accounts().items()
        }

    async def _reasons_not_ready(self) -> list[str]:
        reasons = [f"Not connected yet: {sentence}" for sentence in self._settings.missing]
        try:
            await self._foundation.store.ping()
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


def _effects(rooms: Rooms, asker: StripeAsker) -> Effects:
    return Effects(
        rooms,
        {
            EffectKind.BOOK_PAYMENT: BookPayment(rooms),
            EffectKind.RECORD_STATEMENT: RecordStatement(rooms),
            EffectKind.CANCEL_PAYMENT_INTENT: CancelPaymentIntent(rooms, asker),
        },
    )


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
