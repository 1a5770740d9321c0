"""The machine of a charge run: nothing is charged before two eyes, or four, have looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.charge_progress import PlanGroup, RunView, Tally, outcome_of
from splynx_stripe.domain.charge_run import (
    BY_OFFICE,
    LIVE_RUN_STATES,
    RUN_TRANSITIONS,
    ChargeRun,
    ItemOutcome,
    ItemStanding,
    RunNews,
    RunOrigin,
    RunState,
    Starter,
    run_step,
)
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.collection import CollectionState, Route

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
S, N, O = RunState, RunNews, ItemOutcome  # noqa: E741 - read beside each other, they are plain


def run(state: RunState = S.PLANNING, **changes: object) -> ChargeRun:
    return ChargeRun(
        id="run_1",
        selection=Selection(ChargeKind.INVOICES),
        origin=BY_OFFICE,
        state=state,
        made_by="admin:1",
        made_at=NOW,
        **changes,  # type: ignore[arg-type]  # a test's builder
    )


def test_the_table_answers_every_news_in_every_state() -> None:
    assert set(RUN_TRANSITIONS) == set(product(RunState, RunNews))


@given(news=st.lists(st.sampled_from(RunNews), max_size=12))
def test_a_run_charges_only_after_it_was_planned_and_confirmed(news: list[RunNews]) -> None:
    present, heard = run(), set[RunNews]()
    for each in news:
        before = present.state
        try:
            present = run_step(present, each)
        except ValueError:
            continue
        heard.add(each)
        if present.state is S.RUNNING:
            assert {N.PLANNED, N.CONFIRMED} <= heard
            assert before in {S.READY, S.AWAITING_SECOND, S.PAUSED}


@pytest.mark.parametrize("state", [S.CANCELED, S.DONE])
@pytest.mark.parametrize("news", RunNews)
def test_a_run_that_has_ended_stays_as_it_is(state: RunState, news: RunNews) -> None:
    with pytest.raises(ValueError, match="cannot become"):
        run_step(run(state), news)


@pytest.mark.parametrize("state", sorted(LIVE_RUN_STATES))
def test_every_live_run_can_be_canceled(state: RunState) -> None:
    assert run_step(run(state), N.CANCELED).state is S.CANCELED


def test_a_plan_is_good_for_a_day() -> None:
    planned = run(S.READY, planned_at=NOW)

    assert not planned.is_stale(NOW + timedelta(hours=24))
    assert planned.is_stale(NOW + timedelta(hours=24, seconds=1))
    assert not run(S.RUNNING, planned_at=NOW).is_stale(NOW + timedelta(days=9))


def test_a_rules_charges_can_be_told_from_those_of_the_office() -> None:
    assert BY_OFFICE.route is Route.CHARGE_RUN
    assert RunOrigin(Starter.RULE, "rule_1").route is Route.AUTO_CHARGE


@pytest.mark.parametrize(
    ("standing", "collection", "attempt", "outcome"),
    [
        (ItemStanding.WAITING, None, None, O.WAITING),
        (ItemStanding.CHARGING, CollectionState.OPEN, None, O.WAITING),
        (ItemStanding.CHARGING, CollectionState.CLOSED, None, O.NOT_CHARGED),
        (ItemStanding.CHARGED, CollectionState.BOOKED, AttemptState.SUCCEEDED, O.SUCCEEDED),
        (ItemStanding.CHARGED, CollectionState.RETURNED, AttemptState.SUCCEEDED, O.RETURNED),
        (ItemStanding.CHARGED, CollectionState.OPEN, AttemptState.PROCESSING, O.PROCESSING),
        (ItemStanding.CHARGED, CollectionState.CLOSED, AttemptState.CANCELED, O.FAILED),
        (ItemStanding.CHARGED, CollectionState.OPEN, AttemptState.UNKNOWN, O.UNKNOWN),
        (ItemStanding.CHARGED, CollectionState.CLOSED, AttemptState.ABSENT, O.NOT_CHARGED),
        (ItemStanding.SKIPPED, None, None, O.SKIPPED),
        (ItemStanding.LEFT, None, None, O.LEFT),
    ],
)
def test_what_became_of_an_item_is_told_by_its_collection(
    standing: ItemStanding,
    collection: CollectionState | None,
    attempt: AttemptState | None,
    outcome: ItemOutcome,
) -> None:
    assert outcome_of(standing, collection, attempt) is outcome


def test_a_hundred_percent_means_that_nothing_waits() -> None:
    plan = [PlanGroup("charge", "", Tally(1000))]
    nearly = RunView(run(), plan=plan, outcomes={O.WAITING: Tally(1), O.SUCCEEDED: Tally(999)})
    done = RunView(run(), plan=plan, outcomes={O.SUCCEEDED: Tally(1000)})

    assert (nearly.percent_done, done.percent_done) == (99, 100)


def test_what_is_left_of_a_run_is_not_charged_more_than_a_week_after_it_was_confirmed() -> None:
    week, second = timedelta(days=7), timedelta(seconds=1)

    for state in (S.RUNNING, S.PAUSED):
        confirmed = run(state, planned_at=NOW, confirmed_by="admin:1", confirmed_at=NOW)
        assert not confirmed.is_outdated(NOW + week)
        assert confirmed.is_outdated(NOW + week + second)
    assert not run(S.READY, planned_at=NOW).is_outdated(NOW + 2 * week)
