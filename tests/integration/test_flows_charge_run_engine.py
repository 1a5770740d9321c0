"""The engine of charge runs under duress: crashes, two daemons, silence, too much at once (I1, I2).

Faults 13, 14, 18, 24 and 49 of the catalogue.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from splynx_stripe.domain.charge_run import (
    ItemOutcome,
    ItemStanding,
    RunOrigin,
    RunState,
    Starter,
)
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.money import Money
from splynx_stripe.flows.charge import ChargeOrder, ChargeResult
from splynx_stripe.flows.charge_run_lane import PUT_OFF_ALONE_AT_MOST, Charger, Tempo
from splynx_stripe.flows.ports import Unit
from tests.integration.charge_run_house import (
    OFFICE,
    OTHER_OFFICE,
    ChargeRunHouse,
    open_runs,
)
from tests.integration.flow_town import (
    CREATE,
    EUR_ACCOUNT,
    JPY_ACCOUNT,
    PAYMENTS,
    Town,
    open_town,
)

O = ItemOutcome  # noqa: E741 - read beside each other, it is plain
OnLease = Callable[[Unit, Collection], None]
ANNAS = Selection(ChargeKind.INVOICES, customer_ids=(17,))
NUMBERS = tuple(f"E{number:02}" for number in range(6))


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[ChargeRunHouse]:
    async with open_runs(town, sqlite_url) as opened:
        yield opened


class _PowerCutError(Exception):
    """The process ends here."""


@dataclass
class CrashingCharger:
    """Charges, until the power fails: `before`, `within` the lease's commit, or `after` a charge."""

    charger: Charger
    moment: str
    at_call: int
    calls: int = 0

    async def charge(self, order: ChargeOrder, *, on_lease: OnLease) -> ChargeResult:
        self.calls += 1
        is_now = self.calls == self.at_call
        if is_now and self.moment == "before":
            raise _PowerCutError

        def leased(unit: Unit, collection: Collection) -> None:
            on_lease(unit, collection)
            if is_now and self.moment == "within":
                raise _PowerCutError

        result = await self.charger.charge(order, on_lease=leased)
        if is_now and self.moment == "after":
            raise _PowerCutError
        return result


@dataclass
class WatchingCharger:
    """Notes how many charges are on their way at once, in all and per customer."""

    charger: Charger
    now: Counter[int] = field(default_factory=Counter)
    most: int = 0
    most_of_one: int = 0

    async def charge(self, order: ChargeOrder, *, on_lease: OnLease) -> ChargeResult:
        customer = order.payable.customer_id
        self.now[customer] += 1
        self.most = max(self.most, sum(self.now.values()))
        self.most_of_one = max(self.most_of_one, self.now[customer])
        try:
            await asyncio.sleep(0)
            return await self.charger.charge(order, on_lease=on_lease)
        finally:
            self.now[customer] -= 1


async def some_invoices(house: ChargeRunHouse) -> Selection:
    """Three customers with a saved card have two invoices each."""
    for place, number in enumerate(NUMBERS):
        customer = 100 + place % 3
        if place < 3:
            house.customer(customer)
            await house.save_card(customer=customer)
        house.issue(number, customer=customer, total=f"{10 + place}.0000")
    return Selection(ChargeKind.INVOICES, document_numbers=NUMBERS)


def require_each_paid_once(town: Town) -> None:
    taken = Counter(
        str(intent["metadata"]["splynx_stripe_origin"])
        for intent in town.intents()
        if intent["status"] == "succeeded"
    )
    assert set(taken.values()) == {1}
    assert len(taken) == len(NUMBERS) == len(town.bookings())
    invoices = [row for row in town.splynx.state.invoices if row.number in NUMBERS]
    assert {invoice.status for invoice in invoices} == {"paid"}


@pytest.mark.parametrize("moment", ["before", "within", "after"])
@pytest.mark.parametrize("at_call", [1, 3, 6])
async def test_a_run_that_was_cut_off_ends_like_one_that_was_not(
    town: Town, house: ChargeRunHouse, moment: str, at_call: int
) -> None:
    run = await house.plan(await some_invoices(house))
    await house.runs.confirm(run.id, actor=OFFICE)
    crashing = CrashingCharger(house.charges.flow, moment, at_call)

    with pytest.raises(_PowerCutError):
        await house.engine_with(crashing, Tempo(at_once=2)).tick()
    await house.engine.tick()
    await house.charges.house.pump.drain()

    require_each_paid_once(town)
    view = await house.view(run.id)
    assert view.run.state is RunState.DONE
    assert view.outcomes[O.SUCCEEDED].count == len(NUMBERS)


async def test_two_engines_on_one_database_charge_each_debt_once(
    town: Town, store_url: str
) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(open_runs(town, store_url))
        selection = await some_invoices(one)
        run = await one.plan(selection)
        await one.runs.confirm(run.id, actor=OFFICE)
        if store_url.startswith("sqlite"):
            engines = [one.engine, one.engine_with(one.charges.flow)]
        else:
            other = await stack.enter_async_context(open_runs(town, store_url))
            engines = [one.engine, other.engine]

        await asyncio.gather(*(engine.tick() for engine in engines))
        town.clock.advance(timedelta(minutes=10))
        await one.engine.tick()
        await one.charges.house.pump.drain()

        require_each_paid_once(town)
        assert (await one.view(run.id)).run.state is RunState.DONE


async def test_a_button_and_a_schedule_in_the_same_second_charge_each_debt_once(
    town: Town, house: ChargeRunHouse
) -> None:
    selection = await some_invoices(house)
    by_hand, by_rule = await asyncio.gather(
        house.runs.plan(selection, actor=OFFICE, origin=RunOrigin(Starter.OFFICE)),
        house.runs.plan(selection, actor="rule:1", origin=RunOrigin(Starter.RULE, "rule_1")),
    )
    await house.engine.tick()

    await asyncio.gather(
        house.runs.confirm(by_hand.id, actor=OFFICE),
        house.runs.confirm(by_rule.id, actor="rule:1"),
    )
    await house.engine.tick()
    await house.charges.house.pump.drain()

    assert by_hand.id == by_rule.id
    require_each_paid_once(town)


async def test_two_runs_that_overlap_collect_each_debt_once(
    town: Town, house: ChargeRunHouse
) -> None:
    selection = await some_invoices(house)
    first = await house.plan(selection)
    second = await house.plan(Selection(ChargeKind.INVOICES, customer_ids=(100, 101, 102)))
    for run, actor in ((first, OFFICE), (second, OTHER_OFFICE)):
        await house.runs.confirm(run.id, actor=actor)

    await house.engine.tick()
    await house.charges.house.pump.drain()

    require_each_paid_once(town)
    outcomes = await house.outcomes(first.id) + await house.outcomes(second.id)
    assert outcomes[O.SUCCEEDED] == len(NUMBERS)
    assert outcomes[O.NOT_CHARGED] == len(NUMBERS)


async def test_the_charges_of_a_customer_come_one_after_the_other_and_not_too_many_at_once(
    house: ChargeRunHouse,
) -> None:
    run = await house.plan(await some_invoices(house))
    await house.runs.confirm(run.id, actor=OFFICE)
    watching = WatchingCharger(house.charges.flow)

    await house.engine_with(watching, Tempo(at_once=2)).tick()

    assert watching.most == 2
    assert watching.most_of_one == 1


async def test_while_splynx_is_silent_nothing_new_is_charged_and_then_the_run_goes_on(
    town: Town, house: ChargeRunHouse
) -> None:
    run = await house.plan(await some_invoices(house))
    await house.runs.confirm(run.id, actor=OFFICE)
    town.spoil_splynx("/api/2.0/.*", "GET", times=None)

    await house.engine.tick()
    view = await house.view(run.id)
    assert (view.run.state, view.outcomes[O.WAITING].count) == (RunState.RUNNING, len(NUMBERS))
    assert view.run.reason != ""
    assert town.intents() == []

    town.mend()
    town.clock.advance(timedelta(minutes=10))
    await house.engine.tick()
    await house.charges.house.pump.drain()
    require_each_paid_once(town)
    assert (await house.view(run.id)).run.reason == ""


async def test_one_document_that_splynx_cannot_show_does_not_hold_up_the_others_for_ever(
    town: Town, house: ChargeRunHouse
) -> None:
    run = await house.plan(await some_invoices(house))
    await house.runs.confirm(run.id, actor=OFFICE)
    broken = next(row.id for row in town.splynx.state.invoices if row.number == NUMBERS[0])
    town.spoil_splynx(f"/api/2.0/admin/finance/invoices/{broken}", "GET", times=None)

    await house.engine.tick()
    first = await house.view(run.id)
    for _ in range(PUT_OFF_ALONE_AT_MOST):
        town.clock.advance(timedelta(minutes=10))
        await house.engine.tick()

    assert first.run.state is RunState.RUNNING
    assert first.outcomes[O.SUCCEEDED].count == len(NUMBERS) - 1
    done = await house.view(run.id)
    assert done.run.state is RunState.DONE
    assert done.outcomes[O.NOT_CHARGED].count == 1
    [left] = [view for view in await house.items(run.id) if view.outcome is O.NOT_CHARGED]
    assert (left.item.payable.document_number, left.item.note) == (NUMBERS[0], "try_later")


async def test_a_lost_answer_of_stripe_is_found_out_and_charged_once(
    town: Town, house: ChargeRunHouse
) -> None:
    run = await house.plan(await some_invoices(house))
    await house.runs.confirm(run.id, actor=OFFICE)
    town.spoil_stripe(CREATE, "POST", when="after", times=2)

    await house.engine.tick()
    for _ in range(4):
        await house.charges.house.pass_time(timedelta(minutes=5))
        await house.engine.tick()

    require_each_paid_once(town)
    assert (await house.view(run.id)).outcomes[O.SUCCEEDED].count == len(NUMBERS)


async def test_while_splynx_takes_no_payments_no_more_than_the_limit_is_charged(
    town: Town, house: ChargeRunHouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="splynx_stripe")
    run = await house.plan(await some_invoices(house))
    await house.runs.confirm(run.id, actor=OFFICE)
    town.spoil_splynx(PAYMENTS, "POST", times=None)
    engine = house.engine_with(house.charges.flow, Tempo(at_once=1, unbooked_at_most=2))
    house_of = house.charges.house

    working = asyncio.get_running_loop().create_task(engine.tick())
    while "charge_run.waits" not in caplog.messages:  # noqa: ASYNC110 - the engine's own task is next
        await asyncio.sleep(0)
    assert len(town.intents()) == 3  # the third brings it above the limit

    town.mend()
    while not working.done():
        await house_of.pass_time(timedelta(minutes=2))
    await working
    await house_of.pump.drain()

    require_each_paid_once(town)


async def test_partners_with_accounts_of_their_own_are_charged_by_one_run_in_their_currencies(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    await house.save_yen_card(21)
    euros, yen = house.issue("E", total="20.0000"), house.issue("Y", customer=21, total="900.0000")

    view = await house.charge(Selection(ChargeKind.INVOICES, document_numbers=("E", "Y")))

    assert [total.amount for total in view.totals] == [Money(20_00, "EUR"), Money(900, "JPY")]
    assert town.statuses(EUR_ACCOUNT) == town.statuses(JPY_ACCOUNT) == ["succeeded"]
    assert {euros.status, yen.status} == {"paid"}


async def test_a_run_canceled_while_it_charges_leaves_the_rest(
    town: Town, house: ChargeRunHouse
) -> None:
    run = await house.plan(await some_invoices(house))
    await house.runs.confirm(run.id, actor=OFFICE)

    @dataclass
    class Canceling:
        done: int = 0

        async def charge(self, order: ChargeOrder, *, on_lease: OnLease) -> ChargeResult:
            result = await house.charges.flow.charge(order, on_lease=on_lease)
            self.done += 1
            if self.done == 2:
                await house.runs.cancel(run.id, actor=OFFICE)
            return result

    await house.engine_with(Canceling(), Tempo(at_once=1)).tick()
    await house.charges.house.pump.drain()

    outcomes = await house.outcomes(run.id)
    assert outcomes == {O.SUCCEEDED: 2, O.LEFT: 4}
    assert len(town.bookings()) == 2
    standings = {view.item.standing for view in await house.items(run.id)}
    assert standings == {ItemStanding.CHARGED, ItemStanding.LEFT}


async def test_what_a_run_took_is_what_stripe_took(town: Town, house: ChargeRunHouse) -> None:
    view = await house.charge(await some_invoices(house))

    taken = sum(int(intent["amount_received"]) for intent in town.intents())
    assert view.outcomes[O.SUCCEEDED].sums == (Money(taken, "EUR"),)
