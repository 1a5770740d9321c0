"""Stops money when an assertion about money has failed (I14); everything else goes on."""

from __future__ import annotations

from splynx_stripe.domain.case import Case
from splynx_stripe.domain.charge_progress import ChargingStop
from splynx_stripe.flows.ports import Unit


def money_stop(unit: Unit) -> Case | None:
    """Gives the open case that forbids to charge anything new, or None."""
    return unit.case_that_stops_money()


def unattended_stop(unit: Unit) -> str:
    """Says in a sentence why no saved credential may be charged now; "" when it may."""
    case = money_stop(unit)
    if case is not None:
        return told_of_case(case)
    stop = charging_stop(unit)
    return "" if stop is None else told_of_stop(stop)


def told_of_case(case: Case) -> str:
    """Says that nothing is charged because of a case."""
    return f"Nothing is charged until case {case.id} is closed: {case.summary}"


def told_of_stop(stop: ChargingStop) -> str:
    """Says that a person has stopped all unattended charging."""
    return (
        f"Unattended charging was stopped by {stop.stopped_by} ({stop.reason}). Nothing was charged."
        " `splynx-stripe resume-charging --note …` ends the stop."
    )


def charging_stop(unit: Unit) -> ChargingStop | None:
    """Gives the emergency stop of a person, or None; people who pay at a page are not stopped.

    Ask in the very unit that commits an attempt, so that nothing is charged after it was stopped.
    """
    return unit.charging_stop()
