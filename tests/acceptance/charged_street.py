"""A street whose people have saved a card and owe invoices, and an office that charges all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

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
from splynx_stripe.sandbox.splynx.seed_data import add_customer, add_invoice
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from tests.acceptance.ledgers import Debt
from tests.acceptance.town import ACCOUNT, KEYS, Town

CLOCK, IDS = SystemClock(), RandomIds()
_FIRST_CUSTOMER, _FIRST_INVOICE = 600, 9000
_AT_ONCE = 8
_CARD = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2034", "cvc": "123"}


class _NoTerms:
    """No guardrails: what a page would show of them is not looked at here."""

    def terms(self, _partner_id: int) -> None:
        return None


async def move_in(town: Town, people: int, invoices: int) -> list[Debt]:
    """People become customers, save a card each, and get so many invoices between them."""
    customers = [_FIRST_CUSTOMER + number for number in range(people)]
    for customer in customers:
        add_customer(town.splynx.state, customer, name=f"C {customer}")
    room = asyncio.Semaphore(_AT_ONCE)
    headers = {"Authorization": f"Bearer {KEYS.secret_key}"}
    async with aiohttp.ClientSession(f"{town.stripe_url}/", headers=headers) as session:

        async def save(customer: int) -> Credential:
            async with room:
                return await _save_card(session, customer)

        saved = await asyncio.gather(*map(save, customers))
    store = opened(town)

    def keep(unit: SqlUnit) -> None:
        for each in saved:
            unit.add_credential(each)

    await store.run(keep)
    await store.close()
    return issue(town, customers, invoices)


def issue(town: Town, customers: Sequence[int], invoices: int) -> list[Debt]:
    """The office issues invoices, one after the other to each of some customers."""
    debts = [
        Debt(customers[number % len(customers)], f"2026119{number:05d}")
        for number in range(invoices)
    ]
    for number, debt in enumerate(debts):
        add_invoice(
            town.splynx.state,
            _FIRST_INVOICE + number,
            debt.number,
            customer_id=debt.customer_id,
            total=f"{10 + number % 90}.00",
        )
    return debts


async def _save_card(session: aiohttp.ClientSession, customer: int) -> Credential:
    stripe_customer = await _made(session, "v1/customers", name=f"C {customer}")
    form = {f"card[{name}]": value for name, value in _CARD.items()}
    method = await _made(session, "v1/payment_methods", type="card", **form)
    await _made(session, f"v1/payment_methods/{method}/attach", customer=stripe_customer)
    now = CLOCK.now()
    return Credential(
        id=f"cred_{customer}",
        owner=CredentialOwner(ACCOUNT, 1, customer, stripe_customer),
        payment_method_id=method,
        kind=PaymentKind.CARD,
        state=CredentialState.USABLE,
        position=0,
        consent=Consent(now, ConsentWay.ONLINE, f"customer:{customer}"),
        saved_at=now,
        card=CardFace("visa", "4242", 2034, 12),
    )


async def _made(session: aiohttp.ClientSession, path: str, **form: str) -> str:
    async with session.post(path, data=form) as answer:
        answer.raise_for_status()
        return str((await answer.json())["id"])


def opened(town: Town) -> SqlStore:
    """Opens the town's store beside the daemons."""
    return open_store(town.settings["database"]["url"], clock=CLOCK, ids=IDS)


def selection_of(debts: Sequence[Debt]) -> Selection:
    """Gives the selection of the invoices of the people of the street."""
    customers = tuple(sorted({debt.customer_id for debt in debts}))
    return Selection(ChargeKind.INVOICES, customer_ids=customers)


async def charge(store: SqlStore, selection: Selection) -> ChargeRun:
    """The office plans a run, waits for its plan, and confirms it: by the same door as its page."""
    runs = ChargeRuns(RunDeskRooms(store=store, terms=_NoTerms(), clock=CLOCK, ids=IDS))
    begun = await runs.plan(selection, actor="admin:1", origin=BY_OFFICE)
    while (run := await _run(store, begun.id)).state is RunState.PLANNING:
        await CLOCK.sleep(0.1)
    if run.state is RunState.READY:
        await runs.confirm(run.id, actor="admin:1")
    return run


async def is_done(store: SqlStore, run_id: str) -> bool:
    """Says whether a run has come to its end."""
    return (await _run(store, run_id)).state is RunState.DONE


async def _run(store: SqlStore, run_id: str) -> ChargeRun:
    run = await store.read(lambda unit: unit.charge_run(run_id))
    assert run is not None
    return run
