"""Joins auto charge with the settings, charge runs and Splynx."""

from __future__ import annotations

from dataclasses import dataclass, replace

from splynx_stripe.config import Settings
from splynx_stripe.daemon.charge_wing import Job, charge_run_rooms
from splynx_stripe.daemon.failures_wing import SettingsFailureRules
from splynx_stripe.flows.charge_announcements import EVERY, ChargeAnnouncements
from splynx_stripe.flows.charge_forecast import ChargeForecast
from splynx_stripe.flows.charge_rule_days import TICK, ChargeRuleDays
from splynx_stripe.flows.charge_rules import ChargeRules
from splynx_stripe.flows.charge_run_ports import ChargeSplynx
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.flows.notices import Notices
from splynx_stripe.flows.ports import Store
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.web.rules_desk import RulesDesk


@dataclass(frozen=True, slots=True)
class RulesWing:
    """What the house has of auto charge: the desk of the pages, and the jobs of the leader."""

    desk: RulesDesk
    jobs: tuple[Job, ...]


def rules_wing(settings: Settings, rooms: Rooms, fenced: Store, splynx: ChargeSplynx) -> RulesWing:
    """Makes them. The store of the jobs is fenced; pages use that of `rooms`."""
    runs = ChargeRuns(charge_run_rooms(settings, replace(rooms, store=fenced), splynx))
    notices = Notices(SettingsFailureRules(settings), rooms.ids)
    days = ChargeRuleDays(fenced, settings, runs, notices, rooms.clock)
    announcements = ChargeAnnouncements(
        fenced,
        settings,
        splynx,
        rooms.terms,
        notices,
        rooms.clock,
        partner_ids=lambda: [0, *(int(one) for one in settings.partner_sections()[1:])],
    )
    desk = RulesDesk(
        rules=ChargeRules(rooms.store, settings, rooms.clock, rooms.ids),
        forecast=ChargeForecast(rooms.store, settings, splynx, rooms.terms, rooms.clock),
    )
    return RulesWing(desk, ((days.tick, TICK), (announcements.tick, EVERY)))
