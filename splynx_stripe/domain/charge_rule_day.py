"""What became of a rule on one of its days. The row exists once per rule and day.

The charges themselves are told by the run: nothing of its outcome is repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class RuleDayState(StrEnum):
    """How a rule day stands.

    PLANNING: its run is being planned and will be confirmed. CONFIRMED: it charges, or has charged.
    PLANNED_ONLY: a dry run, as the rule wants. STOPPED: something did not let it charge, and a person
    decides. MISSED: its moment passed and nothing was planned.
    """

    PLANNING = "planning"
    CONFIRMED = "confirmed"
    PLANNED_ONLY = "planned_only"
    STOPPED = "stopped"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class RuleDay:
    """One rule on one day. `run_id` is "" only where it was missed; `note` is a sentence or "".

    `partner_id` is the rule's only partner, 0 where it concerns several: whose administrators may
    see it. The name is that of then.
    """

    rule_id: str
    day: date
    rule_name: str
    partner_id: int
    moment: datetime
    acted_at: datetime
    state: RuleDayState
    run_id: str = ""
    is_dry_run: bool = False
    note: str = ""
    version: int = 0
