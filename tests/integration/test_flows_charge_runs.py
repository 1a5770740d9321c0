"""Charge runs: planned once, confirmed by people, carried out once (I1, P1, P28)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_run import (
    ItemOutcome,
    RunOrigin,
    RunRefusal,
    RunRefusedError,
    RunState,
    Starter,
)
from splynx_stripe.domain.charge_selection import Selection
from splynx_stripe.domain.notice import NoticeKind
from tests.integration.charge_house import POOR_CARD
from tests.integration.charge_run_house import (
    INVOICES,
    OFFICE,
    ChargeRunHouse,
    open_runs,
)
from tests.integration.flow_town import Town, open_town

V, R, O = Verdict, Reason, ItemOutcome  # noqa: E741 - read beside each other, they are plain


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def house(town: Town, sqlite_url: str) -> AsyncIterator[ChargeRunHouse]:
    async with open_runs(town, sqlite_url) as opened:
        yield opened


async def test_a_run_charges_who_has_saved_a_card_and_tells_why_others_are_skipped(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()

    view = await house.charge()

    planned = {
        (view.item.payable.customer_id == 17, view.item.verdict, view.item.reason)
        for view in await house.items(view.run.id)
    }
    assert planned == {(True, V.CHARGE, R.NONE), (False, V.SKIP, R.NO_CREDENTIAL)}
    assert view.run.state is RunState.DONE
    assert view.outcomes[O.SUCCEEDED].count == len(town.intents()) == len(town.bookings())
    assert town.invoice_status(1042) == "paid"
    assert view.percent_done == 100


async def test_nothing_is_charged_before_a_person_confirms(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()

    run = await house.plan()
    await house.engine.tick()

    assert run.state is RunState.READY
    assert town.intents() == []


async def test_the_same_selection_is_the_same_run_while_it_is_live(house: ChargeRunHouse) -> None:
    await house.save_card()

    runs = await asyncio.gather(
        *(
            house.runs.plan(INVOICES, actor=actor, origin=origin)
            for actor, origin in (
                (OFFICE, RunOrigin(Starter.OFFICE)),
                ("rule:7", RunOrigin(Starter.RULE, "rule_7")),
                (OFFICE, RunOrigin(Starter.OFFICE)),
            )
        )
    )

    assert len({run.id for run in runs}) == 1


async def test_a_failed_charge_is_a_failed_item_and_the_run_goes_on(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card(POOR_CARD)
    await house.save_card(customer=18)

    view = await house.charge()

    outcomes = {
        view.item.payable.customer_id: view.outcome
        for view in await house.items(view.run.id)
        if view.item.verdict.is_charged
    }
    assert outcomes[17] is O.FAILED
    assert outcomes[18] is O.SUCCEEDED
    assert view.run.state is RunState.DONE
    assert "requires_payment_method" not in town.statuses()


async def test_a_rehearsal_is_planned_and_never_charged(town: Town, house: ChargeRunHouse) -> None:
    await house.save_card()

    run = await house.plan(dry_run=True)
    with pytest.raises(RunRefusedError) as refused:
        await house.runs.confirm(run.id, actor=OFFICE)
    await house.engine.tick()

    assert refused.value.refusal is RunRefusal.REHEARSAL
    assert run.state is RunState.DONE
    assert (await house.verdicts(run.id))["202611000042"] == (V.CHARGE, R.NONE)
    assert town.intents() == []


async def test_a_paused_run_charges_nothing_until_it_is_resumed(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    run = await house.plan()
    await house.runs.confirm(run.id, actor=OFFICE)
    await house.runs.pause(run.id, actor=OFFICE)

    await house.engine.tick()
    assert town.intents() == []

    await house.runs.resume(run.id, actor=OFFICE)
    await house.engine.tick()
    assert town.intents() != []
    assert (await house.view(run.id)).run.state is RunState.DONE


async def test_a_canceled_run_leaves_what_had_not_its_turn(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    run = await house.plan()
    await house.runs.confirm(run.id, actor=OFFICE)

    await house.runs.cancel(run.id, actor=OFFICE)
    await house.engine.tick()

    view = await house.view(run.id)
    assert view.run.state is RunState.CANCELED
    assert view.outcomes[O.LEFT].count == view.to_charge > 0
    assert town.intents() == []


async def test_a_plan_of_yesterday_cannot_be_confirmed_and_makes_room_for_a_new_one(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    old = await house.plan()
    town.clock.advance(timedelta(hours=25))

    with pytest.raises(RunRefusedError) as refused:
        await house.runs.confirm(old.id, actor=OFFICE)
    new = await house.plan()

    assert refused.value.refusal is RunRefusal.TOO_OLD
    assert (await house.view(old.id)).run.state is RunState.CANCELED
    assert (new.state, new.id != old.id) == (RunState.READY, True)


async def test_a_run_that_was_paused_for_more_than_a_week_charges_nothing_any_more(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    run = await house.plan()
    await house.runs.confirm(run.id, actor=OFFICE)
    await house.runs.pause(run.id, actor=OFFICE)
    town.clock.advance(timedelta(days=7, seconds=1))

    with pytest.raises(RunRefusedError) as refused:
        await house.runs.resume(run.id, actor=OFFICE)
    await house.engine.tick()

    assert refused.value.refusal is RunRefusal.TOO_OLD
    assert (await house.view(run.id)).run.state is RunState.CANCELED
    assert town.intents() == []


async def test_a_run_does_not_go_on_by_itself_after_a_stop_that_lasted_for_weeks(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    run = await house.plan()
    await house.runs.confirm(run.id, actor=OFFICE)
    await house.runs.stop_charging(actor=OFFICE, reason="Wrong prices.")
    await house.engine.tick()
    town.clock.advance(timedelta(days=14))
    await house.runs.resume_charging(actor=OFFICE, note="They are right now.")

    await house.engine.tick()

    assert (await house.view(run.id)).run.state is RunState.CANCELED
    assert town.intents() == []


async def test_the_emergency_stop_halts_a_run_at_once_and_it_goes_on_afterwards(
    town: Town, house: ChargeRunHouse
) -> None:
    await house.save_card()
    run = await house.plan()
    await house.runs.confirm(run.id, actor=OFFICE)
    stop = await house.runs.stop_charging(actor=OFFICE, reason="wrong prices")

    await house.engine.tick()

    assert (stop.reason, await house.runs.stop()) == ("wrong prices", stop)
    assert town.intents() == []
    assert "wrong prices" in (await house.view(run.id)).run.reason

    assert await house.runs.resume_charging(actor=OFFICE, note="corrected")
    town.clock.advance(timedelta(minutes=1))
    await house.engine.tick()
    assert (await house.view(run.id)).run.state is RunState.DONE
    assert len(town.intents()) == (await house.view(run.id)).to_charge


async def test_the_office_gets_one_message_at_the_end(house: ChargeRunHouse) -> None:
    await house.save_card()

    view = await house.charge()
    await house.engine.tick()

    notices = await house.charges.house.store.read(
        lambda unit: unit.notices_due(house.town.clock.now(), 100)
    )
    messages = [notice for notice in notices if notice.kind is NoticeKind.OFFICE]
    assert [message.key for message in messages] == [f"office:charge_run:{view.run.id}"]
    taken = view.outcomes[O.SUCCEEDED].sums[0]
    assert str(taken) in messages[0].facts["subject"]
    assert f"{view.to_charge} charged ({taken})." in messages[0].facts["text"]


async def test_the_result_file_has_a_line_for_each_item(house: ChargeRunHouse) -> None:
    await house.save_card()
    view = await house.charge()

    text = "".join([piece async for piece in house.runs.result_file(view.run.id)])

    lines = text.splitlines()
    assert len(lines) == view.items + 1
    paid = next(line for line in lines if "202611000042" in line)
    assert ",charge,,succeeded,172.50,pi_" in paid


async def test_customers_without_a_saved_method_get_a_link_once_where_the_partner_wants_it(
    house: ChargeRunHouse,
) -> None:
    terms = house.charges.house.terms
    terms.by_partner[1] = replace(terms.by_partner[1], sends_payment_links=True)
    only = Selection(INVOICES.kind, document_numbers=("202611000042",))

    first = await house.charge(only)
    second = await house.plan(only)

    assert first.outcomes[O.LINK_SENT].count == 1
    assert await house.verdicts(second.id) == {"202611000042": (V.SKIP, R.LINK_SENT_BEFORE)}
    assert second.state is RunState.DONE
