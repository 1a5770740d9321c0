"""A charge run against a Stripe that takes its time and refuses what comes too fast: `make bench-charge`.

1,000 items by default, `ITEMS=10000` for more. Stripe answers after 250 ms and takes 25 requests a second;
a fifth of that is kept for people at pages, so a run may use 20. Meanwhile somebody opens pages.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import aiohttp
import uvloop

from bench.payments import Town, running_town
from bench.processes import CACHE, cpu_s, resident_mb
from bench.report import Budget, Line
from bench.subject import ACCOUNT
from splynx_stripe.domain.charge_run import BY_OFFICE, ChargeRun, RunState
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import Credential, CredentialOwner, CredentialState
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import CardFace
from splynx_stripe.flows.charge_run_rooms import RunDeskRooms
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.sandbox.splynx.seed_data import add_customer, add_invoice
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit

ITEMS, FEW_ITEMS = 1_000, 100
_LATENCY_S = 0.25
_STRIPE_TAKES_PER_S = 25
_A_RUN_MAY_PER_S = 20
"""What is left of Stripe's rate when the share of people at pages is kept free."""

_CUSTOMERS_AT_MOST = 2_000
_FIRST_CUSTOMER, _FIRST_INVOICE = 50_000, 500_000
_AT_ONCE = 8
_EDGE = 0.1
"""Of the first and the last tenth of a run the rate is not judged: it begins and runs out."""

_PAGE_EVERY_S, _PAGES_BEFORE = 0.4, 60
_TOO_MANY = 429
_CARD = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2034", "cvc": "123"}
CLOCK, IDS = SystemClock(), RandomIds()


@dataclass(slots=True)
class Seen:
    """What was seen of one run."""

    created_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)
    before_ms: list[float] = field(default_factory=list)
    during_ms: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    cpu_share: float = 0.0
    seconds: float = 0.0

    def watch(self, method: str, path: str, _params: object, status: int, _body: object) -> None:
        """Notes a request to Stripe, when it has been answered."""
        if status == _TOO_MANY:
            self.refused_s.append(time.perf_counter())
        elif method == "POST" and path == "/v1/payment_intents":
            self.created_s.append(time.perf_counter())

    @property
    def steady(self) -> tuple[float, float]:
        """Gives the moments between which the rate is judged."""
        cut = int(len(self.created_s) * _EDGE)
        return self.created_s[cut], self.created_s[-cut - 1]

    @property
    def rate_per_s(self) -> float:
        """Gives how many charges were issued in a second."""
        begin_s, end_s = self.steady
        return sum(begin_s < at_s <= end_s for at_s in self.created_s) / (end_s - begin_s)

    @property
    def refused(self) -> int:
        """Gives how often Stripe said 429 meanwhile."""
        begin_s, end_s = self.steady
        return sum(begin_s <= at_s <= end_s for at_s in self.refused_s)


def measure(folder: Path, items: int) -> Iterator[Line]:
    """Charges few items, and many, each with a daemon of its own."""
    few = uvloop.run(_measure(folder / "few", FEW_ITEMS))
    many = uvloop.run(_measure(folder / "many", items))
    return _lines(items, few, many)


async def _measure(folder: Path, items: int) -> Seen:
    seen = Seen()
    async with running_town(folder) as (town, process), AsyncExitStack() as stack:
        customers = await _move_in(town, items)
        visitor, number = await _somebody(town, stack)
        town.stripe.switches.latency_s = _LATENCY_S
        town.stripe.switches.global_rate_per_s = _STRIPE_TAKES_PER_S
        used_s = cpu_s(process.pid)
        for _ in range(_PAGES_BEFORE):
            seen.before_ms.append(await _opened(visitor, number))
        page_s = (cpu_s(process.pid) - used_s) / _PAGES_BEFORE
        town.stripe.observer = seen.watch
        store = open_store(town.subject.database_url, clock=CLOCK, ids=IDS)
        selection = Selection(ChargeKind.INVOICES, customer_ids=tuple(customers))
        async with Supervisor() as tasks:
            opening = tasks.start("pages", _keep_opening(visitor, number, seen.during_ms))
            run = await _confirmed(store, selection)
            began_s, used_s = time.perf_counter(), cpu_s(process.pid)
            while (await _run(store, run.id)).state is not RunState.DONE:
                seen.peak_mb = max(seen.peak_mb, resident_mb(process.pid))
                await asyncio.sleep(0.5)
            seen.seconds = time.perf_counter() - began_s
            opening.cancel()
            of_run_s = cpu_s(process.pid) - used_s - page_s * len(seen.during_ms)
            seen.cpu_share = 100 * of_run_s / seen.seconds
        await store.close()
    if len(seen.created_s) != items:
        raise RuntimeError(f"{len(seen.created_s)} charges were made of {items} items.")
    return seen


async def _move_in(town: Town, items: int) -> Sequence[int]:
    """People who have saved a card and owe invoices; some seconds for each thousand."""
    customers = [_FIRST_CUSTOMER + each for each in range(min(items, _CUSTOMERS_AT_MOST))]
    for customer in customers:
        add_customer(town.splynx.state, customer, name=f"C {customer}")
    for each in range(items):
        add_invoice(
            town.splynx.state,
            _FIRST_INVOICE + each,
            f"2026119{each:06d}",
            customer_id=customers[each % len(customers)],
            total="10.00",
        )
    headers = {"Authorization": "Bearer sk_test_sandbox_default"}
    room = asyncio.Semaphore(_AT_ONCE)
    async with aiohttp.ClientSession(f"{town.stripe_url}/", headers=headers) as session:

        async def save(customer: int) -> Credential:
            async with room:
                return await _saved_card(session, customer)

        saved = await asyncio.gather(*map(save, customers))
    store = open_store(town.subject.database_url, clock=CLOCK, ids=IDS)

    def keep(unit: SqlUnit) -> None:
        for each in saved:
            unit.add_credential(each)

    await store.run(keep)
    await store.close()
    return customers


async def _saved_card(session: aiohttp.ClientSession, customer: int) -> Credential:
    stripe_customer = await _made(session, "v1/customers", name=f"C {customer}")
    form = {f"card[{name}]": value for name, value in _CARD.items()}
    method = await _made(session, "v1/payment_methods", type="card", **form)
    await _made(session, f"v1/payment_methods/{method}/attach", customer=stripe_customer)
    return Credential(
        id=f"cred_{customer}",
        owner=CredentialOwner(ACCOUNT, 1, customer, stripe_customer),
        payment_method_id=method,
        kind=PaymentKind.CARD,
        state=CredentialState.USABLE,
        position=0,
        consent=Consent(CLOCK.now(), ConsentWay.ONLINE, f"customer:{customer}"),
        saved_at=CLOCK.now(),
        card=CardFace("visa", "4242", 2034, 12),
    )


async def _made(session: aiohttp.ClientSession, path: str, **form: str) -> str:
    async with session.post(path, data=form) as answer:
        answer.raise_for_status()
        return str((await answer.json())["id"])


async def _somebody(town: Town, stack: AsyncExitStack) -> tuple[Any, str]:
    """Somebody who is no customer of the run looks at a payment page."""
    customer, number = next(debt for debt in town.unpaid() if debt[0] < _FIRST_CUSTOMER)
    visitor = await stack.enter_async_context(town.visitor())
    await visitor.log_in(customer)
    return visitor, number


async def _opened(visitor: Any, number: str) -> float:
    """Opens a payment page; gives how many milliseconds that took."""
    began = time.perf_counter()
    page = await visitor.open(f"pay-invoice?item_id={number}")
    if not page.ticket:
        raise RuntimeError(f"The page of invoice {number} has nothing to pay ({page.status}).")
    return 1000 * (time.perf_counter() - began)


async def _keep_opening(visitor: Any, number: str, took_ms: list[float]) -> None:
    while True:
        took_ms.append(await _opened(visitor, number))
        await asyncio.sleep(_PAGE_EVERY_S)


class _NoTerms:
    """No guardrails: what a page would show of them is not looked at here."""

    def terms(self, _partner_id: int) -> None:
        return None


async def _confirmed(store: SqlStore, selection: Selection) -> ChargeRun:
    """The office plans a run, waits for its plan, and confirms it: by the same door as its page."""
    runs = ChargeRuns(RunDeskRooms(store=store, terms=_NoTerms(), clock=CLOCK, ids=IDS))
    begun = await runs.plan(selection, actor="admin:1", origin=BY_OFFICE)
    while (run := await _run(store, begun.id)).state is RunState.PLANNING:
        await CLOCK.sleep(0.2)
    return await runs.confirm(run.id, actor="admin:1")


async def _run(store: SqlStore, run_id: str) -> ChargeRun:
    run = await store.read(lambda unit: unit.charge_run(run_id))
    if run is None:
        raise RuntimeError("The run is gone.")
    return run


def _p99(milliseconds: Sequence[float]) -> float:
    return statistics.quantiles(milliseconds, n=100, method="inclusive")[98]


def _lines(items: int, few: Seen, many: Seen) -> Iterator[Line]:
    share = 100 * many.rate_per_s / _A_RUN_MAY_PER_S
    yield Line(
        f"charge run of {items:,} items, Stripe answers after {1000 * _LATENCY_S:.0f} ms: issue rate",
        f"{many.rate_per_s:.1f}/s, {many.seconds:.0f} s in all",
        f"{share:.1f} % of what a run may use",
        Budget(least=95, unit="%"),
        share,
    )
    yield Line(
        "refused by Stripe as too fast, meanwhile",
        str(many.refused),
        "",
        Budget(most=0),
        many.refused,
    )
    yield Line(
        "processor time of a charge run, with its bookings, without the pages",
        f"{many.cpu_share:.0f} % of a core",
        f"{10 * many.cpu_share * many.seconds / items:.1f} ms for each item",
        Budget(most=20, unit="%"),
        many.cpu_share,
    )
    grown = many.peak_mb - few.peak_mb
    yield Line(
        f"memory of a charge run, {FEW_ITEMS} → {items:,} items",
        f"{grown:+.1f} MB, {many.peak_mb:.0f} MB at most",
        "",
        Budget(most=30, unit="MB"),
        grown,
    )
    before, during = _p99(many.before_ms), _p99(many.during_ms)
    yield Line(
        "payment page opened during a run, p99",
        f"{during:.0f} ms, without a run {before:.0f} ms",
        f"{during - before:+.0f} ms",
        Budget(most=100, unit="ms"),
        during - before,
    )


def main() -> int:
    """Measures, prints the lines, and last whether all budgets are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS, help="how many items the run has")
    arguments = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="charges-", dir=CACHE))
    try:
        lines = list(measure(folder, arguments.items))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for line in lines:
        print(line)
    missed = [line for line in lines if line.verdict not in {"ok", ""}]
    figures = "; ".join(f"{line.what}: {line.measured}" for line in lines)
    print(f"bench-charge: {figures} {'missed' if missed else 'ok'}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
