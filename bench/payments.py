"""Payments from page to booking, on sandboxes without latency that run in this process."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler

from bench.processes import cpu_s, free_port
from bench.report import Budget, Line
from bench.subject import Subject
from splynx_stripe.gateways.stripe import API_VERSION, HANDLED_EVENT_TYPES
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.sandbox.splynx import SplynxSandbox
from splynx_stripe.sandbox.stripe import StripeSandbox
from splynx_stripe.sandbox.visitor import SeenPage, Visitor

_CARD = "4242424242424242"
_PER_S = 25
_IDLE_S = 3.0
_PATIENCE_S = 30.0


@dataclass(slots=True)
class Busy:
    """When Splynx was at work: the time in which at least one request was with it."""

    now: int = 0
    since: float = 0.0
    total_s: float = 0.0

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Counts the time of a request, once where several overlap."""
        if self.now == 0:
            self.since = time.perf_counter()
        self.now += 1
        try:
            return await handler(request)
        finally:
            self.now -= 1
            if self.now == 0:
                self.total_s += time.perf_counter() - self.since


@dataclass(slots=True)
class Town:
    """The sandboxes, the daemon beside them, and what was measured."""

    splynx: SplynxSandbox
    stripe: StripeSandbox
    splynx_url: str
    stripe_url: str
    subject: Subject
    busy: Busy
    pages_ms: list[float] = field(default_factory=list)
    whole_pages_ms: list[float] = field(default_factory=list)
    booked_ms: list[float] = field(default_factory=list)

    def visitor(self) -> Visitor:
        """Brings a customer who comes to our door directly, as nginx would bring them."""
        return Visitor(
            splynx_url=self.splynx_url,
            addon_url=f"http://127.0.0.1:{self.subject.port}/stripe",
            stripe_url=self.stripe_url,
        )

    def unpaid(self) -> list[tuple[int, str]]:
        """Gives customers of the first partner, one unpaid invoice of each."""
        partner = {row.id: row.partner_id for row in self.splynx.state.customers}
        found = {
            row.customer_id: row.number
            for row in self.splynx.state.invoices
            if row.status == "not_paid" and row.due > 0 and partner[row.customer_id] == 1
        }
        return list(found.items())


def measure(folder: Path, payments: int) -> Iterator[Line]:
    """Opens payment pages, one customer after the other, then lets them pay, so many a second."""
    return iter(uvloop.run(_measure(folder, payments)))


async def _measure(folder: Path, payments: int) -> list[Line]:
    async with running_town(folder) as (town, process), AsyncExitStack() as stack:
        debts = town.unpaid()[:payments]
        visitors = []
        for customer, _ in debts:
            visitor = await stack.enter_async_context(town.visitor())
            await visitor.log_in(customer)
            visitors.append(visitor)
        idle_share = await _idle(process)
        before = cpu_s(process.pid)
        pages = [await _page(town, who, debt) for who, debt in zip(visitors, debts, strict=True)]
        after_pages = cpu_s(process.pid)
        began = time.perf_counter()
        paying = zip(visitors, pages, strict=True)
        await asyncio.gather(
            *(_pay(town, *who, after_s=number / _PER_S) for number, who in enumerate(paying))
        )
        await asyncio.sleep(1)
        seconds = time.perf_counter() - began
        collecting = cpu_s(process.pid) - after_pages - idle_share * seconds
        return list(_lines(town, collecting / len(debts), (after_pages - before) / len(debts)))


@asynccontextmanager
async def running_town(folder: Path) -> AsyncIterator[tuple[Town, subprocess.Popen[bytes]]]:
    """Runs the sandboxes in this process and the daemon beside them."""
    async with AsyncExitStack() as stack:
        splynx = SplynxSandbox(clock=SystemClock(), data="medium")
        stripe = StripeSandbox(clock=SystemClock())
        busy = Busy()
        splynx_app = splynx.app()
        splynx_app.middlewares.insert(0, busy.watch)
        splynx_url, stripe_url = [await _served(stack, app) for app in (splynx_app, stripe.app())]
        subject = Subject(
            folder / "payments", f"sqlite:///{folder}/payments.db", splynx_url, stripe_url
        )
        await asyncio.to_thread(subject.prepare)
        path = await asyncio.to_thread(lambda: subject.webhook_path)
        subject.webhook_secret = await _webhook(subject, path)
        subject.prepare(with_store=False)
        process, _ = stack.enter_context(subject.running())
        yield Town(splynx, stripe, splynx_url, stripe_url, subject, busy), process


async def _served(stack: AsyncExitStack, app: web.Application) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return f"http://127.0.0.1:{port}"


async def _webhook(subject: Subject, path: str) -> str:
    """Makes the webhook in the small Stripe and gives its secret."""
    form = [("url", f"http://127.0.0.1:{subject.port}{path}"), ("api_version", API_VERSION)]
    form += [("enabled_events[]", name) for name in HANDLED_EVENT_TYPES]
    headers = {"Authorization": "Bearer sk_test_sandbox_default"}
    url = f"{subject.stripe_url}/v1/webhook_endpoints"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=form, headers=headers) as answer,
    ):
        return str((await answer.json())["secret"])


async def _idle(process: subprocess.Popen[bytes]) -> float:
    """Gives the share of a core that the daemon uses while nothing happens."""
    before = cpu_s(process.pid)
    await asyncio.sleep(_IDLE_S)
    return (cpu_s(process.pid) - before) / _IDLE_S


async def _page(town: Town, visitor: Visitor, debt: tuple[int, str]) -> SeenPage:
    at_splynx, began = town.busy.total_s, time.perf_counter()
    page = await visitor.open(f"pay-invoice?item_id={debt[1]}")
    whole_s = time.perf_counter() - began
    if not page.ticket:
        raise RuntimeError(f"The page of invoice {debt[1]} has nothing to pay ({page.status}).")
    town.whole_pages_ms.append(1000 * whole_s)
    town.pages_ms.append(1000 * (whole_s - (town.busy.total_s - at_splynx)))
    return page


async def _pay(town: Town, visitor: Visitor, page: SeenPage, *, after_s: float) -> None:
    await asyncio.sleep(after_s)
    state, secret = await visitor.press_pay(page)
    if state != "payable":
        raise RuntimeError(f"Pressing Pay gave {state!r}.")
    intent = secret.partition("_secret_")[0]
    answer = await visitor.confirm(page, secret, _CARD)
    charged_at = time.perf_counter()
    if answer.status != "succeeded":
        raise RuntimeError(f"The card was answered with {answer}.")
    async with asyncio.timeout(_PATIENCE_S):
        while all(row.receipt_number != intent for row in town.splynx.state.payments):  # noqa: ASYNC110 - the sandbox has no event for this
            await asyncio.sleep(0.002)
    town.booked_ms.append(1000 * (time.perf_counter() - charged_at))


def _lines(town: Town, cpu_per_payment_s: float, cpu_per_page_s: float) -> Iterator[Line]:
    pages, whole = (statistics.median(each) for each in (town.pages_ms, town.whole_pages_ms))
    booked = sorted(town.booked_ms)
    share = 100 * _PER_S * cpu_per_payment_s
    yield Line(
        "payment page, server time without Splynx's, median",
        f"{pages:.1f} ms (with Splynx's {whole:.1f} ms; {1000 * cpu_per_page_s:.1f} ms CPU)",
        "",
        Budget(most=15, unit="ms"),
        pages,
    )
    yield Line(
        f"from charged to booked in Splynx, no latency, {_PER_S} payments/s",
        f"median {statistics.median(booked):.0f} ms, slowest of {len(booked)}: {booked[-1]:.0f} ms",
    )
    yield Line(
        "CPU per collection: Pay pressed, charged, webhook, booked, statement recorded",
        f"{1000 * cpu_per_payment_s:.1f} ms",
        f"{share:.0f} % of a core at {_PER_S}/s",
        Budget(most=20, unit="%"),
        share,
    )
