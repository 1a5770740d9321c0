"""Joins charge runs with the gateways and settings, and shows their figures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client import CollectorRegistry, Gauge

from splynx_stripe.config import Settings
from splynx_stripe.daemon.failures_wing import SettingsFailureRules
from splynx_stripe.domain.charge_run import LIVE_RUN_STATES
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.charge import ChargeFlow
from splynx_stripe.flows.charge_last_look import PrepaidLook
from splynx_stripe.flows.charge_run_engine import TICK, ChargeRunEngine
from splynx_stripe.flows.charge_run_lane import LaneWorker, Tempo
from splynx_stripe.flows.charge_run_ports import ChargeSplynx
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms
from splynx_stripe.flows.charge_run_summary import RunSummary
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.flows.notices import Notices
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.flows.rooms import Rooms

_FIGURES_EVERY = timedelta(seconds=15)

Job = tuple[Callable[[], Awaitable[None]], timedelta]


def charge_run_rooms(settings: Settings, rooms: Rooms, splynx: ChargeSplynx) -> ChargeRunRooms:
    """Gives the rooms of charge runs; those of the engine are made of fenced ones."""
    return ChargeRunRooms(
        store=rooms.store,
        splynx=splynx,
        notices=Notices(SettingsFailureRules(settings), rooms.ids),
        terms=rooms.terms,
        clock=rooms.clock,
        ids=rooms.ids,
    )


def charge_engine(settings: Settings, rooms: Rooms, splynx: ChargeSplynx) -> ChargeRunEngine:
    """Makes the engine. `rooms` are fenced, and their gateways do background work.

    It has locks of its own: what people do at pages must not wait for a run's item.
    """
    of_runs = charge_run_rooms(settings, rooms, splynx)
    charging = settings.document.charging
    worker = LaneWorker(
        of_runs,
        ChargeFlow(rooms, StripeAsker(rooms)),
        PrepaidLook(of_runs),
        Tempo(at_once=charging.at_once, unbooked_at_most=charging.unbooked_at_most),
    )
    return ChargeRunEngine(of_runs, worker, RunSummary(of_runs), rooms.dice)


@dataclass(frozen=True, slots=True)
class ChargeWing:
    """What the house has of charge runs: the door for pages, and the jobs of the leader."""

    runs: ChargeRuns
    jobs: tuple[Job, ...]


def charge_wing(
    settings: Settings,
    rooms: Rooms,
    engine_rooms: Rooms,
    splynx: ChargeSplynx,
    registry: CollectorRegistry,
) -> ChargeWing:
    """Makes them. Figures are shown by the leader alone, like the engine's work."""
    engine = charge_engine(settings, engine_rooms, splynx)
    figures = ChargeFigures(registry, rooms.store)
    return ChargeWing(
        runs=ChargeRuns(charge_run_rooms(settings, rooms, splynx)),
        jobs=((engine.tick, TICK), (figures.tick, _FIGURES_EVERY)),
    )


class ChargeFigures:
    """The scheduled job that shows how charge runs stand."""

    def __init__(self, registry: CollectorRegistry, store: Store) -> None:
        self._store = store
        self._runs = Gauge(
            "splynx_stripe_charge_runs",
            "Charge runs that have not ended, by state.",
            ["state"],
            registry=registry,
        )
        self._waiting = Gauge(
            "splynx_stripe_charge_items_waiting",
            "Items of running charge runs whose turn has not come.",
            registry=registry,
        )
        self._stopped = Gauge(
            "splynx_stripe_charging_stopped",
            "1 while a person has stopped all unattended charging.",
            registry=registry,
        )

    async def tick(self) -> None:
        """Shows the figures as they are now."""
        states, waiting, is_stopped = await self._store.read(_figures)
        for state in LIVE_RUN_STATES:
            self._runs.labels(state.value).set(states.get(state.value, 0))
        self._waiting.set(waiting)
        self._stopped.set(int(is_stopped))


def _figures(unit: Unit) -> tuple[dict[str, int], int, bool]:
    states: dict[str, int] = {}
    waiting = 0
    for run in unit.live_charge_runs():
        states[run.state.value] = states.get(run.state.value, 0) + 1
        waiting += unit.open_item_count(run.id)
    return states, waiting, unit.charging_stop() is not None
