"""The figures of charge runs that Prometheus gets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from splynx_stripe.daemon.charge_wing import ChargeFigures
from splynx_stripe.domain.charge_run import RunState
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from tests.integration.store_builders import NOW
from tests.integration.test_store_charge_runs import item, run


async def test_live_runs_what_waits_and_a_stop_are_shown_and_go_away_again(store: SqlStore) -> None:
    registry = CollectorRegistry()
    figures = ChargeFigures(registry, store)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"splynx_stripe_{name}", labels)

    def work(unit: SqlUnit) -> None:
        unit.add_charge_run(run(state=RunState.RUNNING, confirmed_at=NOW))
        unit.add_run_item(item(1))
        unit.add_run_item(item(2))
        unit.add_charging_stop(reason="wrong prices", by="admin:1", now=NOW)

    await figures.tick()
    assert value("charging_stopped") == value("charge_items_waiting") == 0

    await store.run(work)
    await figures.tick()
    assert value("charge_runs", state="running") == 1
    assert (value("charge_items_waiting"), value("charging_stopped")) == (2, 1)

    await store.run(lambda unit: unit.end_charging_stop(by="admin:1", note="well", now=NOW))
    await figures.tick()
    assert value("charging_stopped") == 0
