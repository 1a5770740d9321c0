"""Plans of charge runs: each debt with its verdict, and guardrails for the whole (P1, P28)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_run import (
    ChargeRun,
    ItemOutcome,
    RunRefusal,
    RunRefusedError,
    RunState,
)
from splynx_stripe.domain.charge_selection import (
    CHARGEABLE_STATUSES,
    ChargeKind,
    Selection,
    TotalCondition,
)
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.guardrails import GuardrailKind, Guardrails
from splynx_stripe.domain.money import Money
from splynx_stripe.flows.charge import ChargeFlow
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.store.unit import SqlUnit
from tests.integration.charge_run_house import (
    INVOICES,
    OFFICE,
    OTHER_OFFICE,
    ChargeRunHouse,
    open_runs,
)
from tests.integration.flow_town import ANY_SPLYNX_PATH, Town, open_town
from tests.integration.store_builders import attempt, collection
from tests.integration.test_store_failures import recovery

V, R, O = Verdict, Reason, ItemOutcome  # noqa: E741 - read beside each other, they are plain
ANNA, BAKERY, MONTHLY = 17, 19, 23
ANNAS = Selection(ChargeKind.INVOICES, customer_ids=(ANNA,))


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[ChargeRunHouse]:
    async with open_runs(town, sqlite_url) as opened:
        yield opened


def limit(house: ChargeRunHouse, **rails: object) -> None:
    """The partner has these guardrails."""
    terms = house.charges.house.terms
    made = Guardrails(**rails)  # type: ignore[arg-type]  # a test's builder
    terms.by_partner[1] = replace(terms.by_partner[1], guardrails=made)


async def test_what_is_charged_elsewhere_pending_or_too_small_is_skipped_with_its_reason(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    house.issue("TINY", total="0.4900")
    house.issue("INEXACT", total="10.0010")
    house.issue("PENDING").status = "pending"
    await house.charges.house.press_pay("202611000043")
    both = replace(ANNAS, statuses=CHARGEABLE_STATUSES)

    run = await house.plan(both)

    verdicts = await house.verdicts(run.id)
    assert verdicts["TINY"] == (V.SKIP, R.BELOW_MINIMUM)
    assert verdicts["INEXACT"] == (V.SKIP, R.NOT_EXACT)
    assert verdicts["PENDING"] == (V.SKIP, R.PENDING)
    assert verdicts["202611000043"] == (V.SKIP, R.LIVE_COLLECTION)
    assert verdicts["202611000042"] == (V.CHARGE, R.NONE)
    assert town.intents() != []  # that of the page, which nobody has paid


async def test_a_customer_whose_partner_is_not_set_up_is_listed_and_skipped(
    house: ChargeRunHouse,
) -> None:
    house.customer(50, partner_id=9)
    house.issue("NINE", customer=50)

    run = await house.plan(Selection(ChargeKind.INVOICES, partner_ids=(9,)))

    assert await house.verdicts(run.id) == {"NINE": (V.SKIP, R.NOT_SET_UP)}
    assert run.state is RunState.DONE


async def test_a_plan_adds_up_to_what_its_items_charge(house: ChargeRunHouse) -> None:
    await house.save_card()
    await house.save_card(customer=18)

    run = await house.plan()

    view = await house.view(run.id)
    charged = [
        each.item.amount for each in await house.items(run.id) if each.item.verdict.is_charged
    ]
    [total] = view.totals
    assert total.amount == Money(sum(amount.minor_units for amount in charged), "EUR")
    assert total.charged == len(charged) == view.to_charge
    assert sum(group.tally.count for group in view.plan) == len(await house.items(run.id))


async def test_who_joins_after_the_plan_is_not_charged_by_it(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    run = await house.plan(ANNAS)
    late = house.issue("LATE")

    await house.runs.confirm(run.id, actor=OFFICE)
    await house.engine.tick()
    await house.charges.house.pump.drain()

    assert town.invoice_status(late.id) == "not_paid"
    assert "LATE" not in await house.verdicts(run.id)


async def test_a_price_that_rose_after_the_plan_is_not_charged(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    run = await house.plan(replace(ANNAS, document_numbers=("202611000042",)))
    town.set_due(1042, "200.00")

    await house.runs.confirm(run.id, actor=OFFICE)
    await house.engine.tick()

    [view] = await house.items(run.id)
    assert (view.outcome, view.item.note) == (O.NOT_CHARGED, "changed")
    assert town.intents() == []


async def test_the_largest_total_of_a_run_stops_it(town: Town, house: ChargeRunHouse) -> None:
    await house.save_card()
    limit(house, run_maximum=Money(100_00, "EUR"))
    run = await house.plan(ANNAS)

    with pytest.raises(RunRefusedError, match=r"largest total of a run is 100\.00 EUR") as refused:
        await house.runs.confirm(run.id, actor=OFFICE)
    await house.engine.tick()

    assert refused.value.refusal is RunRefusal.GUARDRAIL
    assert [one.kind for one in (await house.view(run.id)).findings] == [GuardrailKind.RUN_MAXIMUM]
    assert town.intents() == []


async def test_above_a_limit_two_administrators_have_to_confirm(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    limit(house, second_above=Money(100_00, "EUR"))
    run = await house.plan(ANNAS)

    first = await house.runs.confirm(run.id, actor=OFFICE)
    await house.engine.tick()
    assert first.state is RunState.AWAITING_SECOND
    assert town.intents() == []
    with pytest.raises(RunRefusedError) as refused:
        await house.runs.confirm(run.id, actor=OFFICE)
    assert refused.value.refusal is RunRefusal.SAME_PERSON

    second = await house.runs.confirm(run.id, actor=OTHER_OFFICE)
    await house.engine.tick()
    assert (second.state, second.second_by) == (RunState.RUNNING, OTHER_OFFICE)
    assert len(town.intents()) == (await house.view(run.id)).to_charge


def _numbers(*numbers: str) -> Selection:
    return Selection(ChargeKind.INVOICES, document_numbers=numbers)


async def test_the_median_is_that_of_runs_with_the_same_filters_on_other_days(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card(customer=18)
    limit(house, deviation_percent=50)
    runs: list[ChargeRun] = []
    for day, total in ((1, "20.0000"), (2, "30.0000"), (3, "20.0000"), (4, "99.0000")):
        invoice = house.issue(f"D{day}", customer=18, total=total)
        invoice.date_created = f"2026-12-{day:02}"
        on_day = date(2026, 12, day)
        run = await house.plan(Selection(ChargeKind.INVOICES, first_day=on_day, last_day=on_day))
        runs.append(await house.runs.confirm(run.id, actor=OFFICE))
        await house.engine.tick()
        town.clock.advance(timedelta(hours=1))

    view = await house.view(runs[-1].id)
    assert [one.state for one in runs] == [RunState.RUNNING] * 3 + [RunState.AWAITING_SECOND]
    assert view.totals[0].median == Money(20_00, "EUR")
    assert view.totals[0].deviation_percent == 395
    assert [one.kind for one in view.findings] == [GuardrailKind.DEVIATION]


async def test_more_than_the_largest_charge_of_a_customer_is_skipped(house: ChargeRunHouse) -> None:
    await house.save_card()
    limit(house, customer_maximum=Money(200_00, "EUR"))

    run = await house.plan(ANNAS)

    planned = [each.item for each in await house.items(run.id) if each.item.verdict.is_charged]
    assert 0 < sum(item.amount.minor_units for item in planned) <= 200_00
    assert R.OVER_CUSTOMER_MAXIMUM in {
        reason for _, reason in (await house.verdicts(run.id)).values()
    }


async def test_a_customer_is_not_charged_twice_within_days_by_two_runs(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    limit(house, not_twice_within_days=7)
    early = await house.plan(_numbers("202611000043"))
    await house.charge(_numbers("202611000042"))

    planned_later = await house.plan(_numbers("202609000039"))
    await house.runs.confirm(early.id, actor=OFFICE)
    await house.engine.tick()

    assert (await house.verdicts(planned_later.id)) == {
        "202609000039": (V.SKIP, R.CHARGED_RECENTLY)
    }
    [of_early] = await house.items(early.id)
    assert (of_early.outcome, of_early.item.note) == (O.NOT_CHARGED, "charged_recently")
    assert len(town.intents()) == 1

    town.clock.advance(timedelta(days=8))
    after_a_week = await house.plan(_numbers("202609000039"))
    assert (await house.verdicts(after_a_week.id))["202609000039"] == (V.CHARGE, R.NONE)


async def test_balances_are_what_customers_owe_and_who_owes_nothing_is_left_out(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    for billing in town.splynx.state.billings:
        billing.deposit = Decimal(0)
    town.splynx.state.billings[ANNA].deposit = Decimal("-60.0000")
    town.splynx.state.billings[18].deposit = Decimal("15.0000")

    view = await house.charge(Selection(ChargeKind.BALANCES, partner_ids=(1,)))

    [item] = await house.items(view.run.id)
    assert (item.item.payable.customer_id, item.outcome) == (ANNA, O.SUCCEEDED)
    assert item.charged == Money(60_00, "EUR")
    assert [int(intent["amount"]) for intent in town.intents()] == [6000]
    assert town.splynx.state.billings[ANNA].deposit == 0


async def test_a_balance_above_a_total_is_chosen_by_what_is_owed(
    town: Town, house: ChargeRunHouse
) -> None:
    for billing in town.splynx.state.billings:
        billing.deposit = Decimal(-billing.id)

    run = await house.plan(
        Selection(
            ChargeKind.BALANCES,
            partner_ids=(1,),
            total_condition=TotalCondition.MORE,
            total=Decimal(20),
        )
    )

    assert set(await house.verdicts(run.id)) == {"23", "24"}


@pytest.mark.parametrize(
    ("uses_balance", "deposit", "charged"),
    [(False, "10.0000", 2990), (True, "10.0000", 1990), (True, "-10.0000", 3990)],
)
async def test_prepaid_customers_are_charged_the_next_period(
    town: Town,
    house: ChargeRunHouse,
    uses_balance: bool,
    deposit: str,
    charged: int,
) -> None:
    await house.save_card(customer=MONTHLY)
    town.splynx.state.billings[MONTHLY].deposit = Decimal(deposit)

    view = await house.charge(
        Selection(ChargeKind.PREPAID, customer_ids=(ANNA, MONTHLY), uses_balance=uses_balance)
    )

    [item] = await house.items(view.run.id)
    assert (item.outcome, item.charged) == (O.SUCCEEDED, Money(charged, "EUR"))


async def test_a_prepaid_amount_that_was_paid_since_the_plan_is_not_charged(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card(customer=MONTHLY)
    selection = Selection(ChargeKind.PREPAID, customer_ids=(MONTHLY,), uses_balance=True)
    run = await house.plan(selection)
    town.splynx.state.billings[MONTHLY].deposit = Decimal("100.0000")

    await house.runs.confirm(run.id, actor=OFFICE)
    await house.engine.tick()

    [view] = await house.items(run.id)
    assert (view.outcome, view.item.note) == (O.NOT_CHARGED, "paid")
    assert town.intents() == []


async def test_a_prepaid_amount_that_was_paid_while_the_daemon_was_dead_is_not_charged(
    town: Town, house: ChargeRunHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died between the lease and the attempt, so nothing was decided yet."""
    await house.save_card(customer=MONTHLY)
    selection = Selection(ChargeKind.PREPAID, customer_ids=(MONTHLY,), uses_balance=True)
    run = await house.plan(selection)
    await house.runs.confirm(run.id, actor=OFFICE)

    async def died(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(ChargeFlow, "_commit_attempt", died)
        with pytest.raises(MemoryError):
            await house.engine.tick()
    town.splynx.state.billings[MONTHLY].deposit = Decimal("100.0000")
    await house.engine.tick()

    [view] = await house.items(run.id)
    assert (view.outcome, view.item.note) == (O.NOT_CHARGED, "paid")
    assert town.intents() == []


async def test_a_plan_goes_on_where_splynx_stopped_answering(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    town.spoil_splynx(ANY_SPLYNX_PATH, "GET", times=1)

    run = await house.plan()
    assert run.state is RunState.PLANNING
    assert run.reason != ""

    town.clock.advance(timedelta(minutes=10))
    await house.engine.tick()
    planned = await house.view(run.id)
    assert planned.run.state is RunState.READY
    assert planned.run.reason == ""


async def test_a_refused_plan_is_canceled_with_the_reason(
    town: Town, house: ChargeRunHouse
) -> None:
    town.splynx.faults.add(
        FaultRule(
            method="GET",
            path="/api/2.0/admin/finance/invoices",
            when="before",
            action="status",
            status=403,
        )
    )

    run = await house.plan(INVOICES)

    assert run.state is RunState.CANCELED
    assert "The plan could not be made." in run.reason


async def test_a_debt_that_is_being_tried_again_by_itself_is_left_to_its_recovery(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    only = _numbers("202611000042")
    early = await house.plan(only)
    owned = await house.charges.payable("202611000042")

    def failed_before(unit: SqlUnit) -> None:
        unit.add_collection(collection(of=owned, state=CollectionState.CLOSED))
        for name in ("att_1", "att_2"):
            unit.add_attempt(attempt(name, state=AttemptState.CANCELED, intent_id=f"pi_{name}"))
        unit.add_recovery(recovery(of=owned))

    await house.charges.house.store.run(failed_before)

    await house.runs.confirm(early.id, actor=OFFICE)
    await house.engine.tick()
    late = await house.plan(only)

    [item] = await house.items(early.id)
    assert (item.outcome, item.item.note) == (O.NOT_CHARGED, "recovery")
    assert await house.verdicts(late.id) == {"202611000042": (V.SKIP, R.RECOVERY)}
    assert town.intents() == []


async def test_whoever_splynx_does_not_name_is_no_second_administrator(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    limit(house, second_above=Money(100_00, "EUR"))
    run = await house.plan(ANNAS)
    await house.runs.confirm(run.id, actor=OFFICE)

    with pytest.raises(RunRefusedError) as refused:
        await house.runs.confirm(run.id, actor="admin:0")
    await house.engine.tick()

    assert refused.value.refusal is RunRefusal.SAME_PERSON
    assert town.intents() == []
