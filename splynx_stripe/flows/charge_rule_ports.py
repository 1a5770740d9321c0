"""What auto charge needs from the store and from the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol
from zoneinfo import ZoneInfo

from splynx_stripe.domain.charge_rule import ChargeRule, RuleWatch
from splynx_stripe.domain.charge_rule_day import RuleDay


class ChargeRuleUnit(Protocol):
    """The part of a unit of work that knows the rules of auto charge."""

    def charge_rules(self) -> Sequence[ChargeRule]:
        """Lists the rules of the page, oldest first; those of the files are in the settings."""
        ...

    def charge_rule(self, rule_id: str) -> ChargeRule | None:
        """Finds a rule of the page."""
        ...

    def add_charge_rule(self, rule: ChargeRule) -> None:
        """Adds a rule of the page."""
        ...

    def save_charge_rule(self, rule: ChargeRule) -> None:
        """Writes a rule over the version before; `StaleWriteError` when that is not there any more."""
        ...

    def delete_charge_rule(self, rule: ChargeRule) -> None:
        """Deletes exactly this version; its days stay. `StaleWriteError` when it has changed."""
        ...

    def rule_watches(self) -> Mapping[str, RuleWatch]:
        """Gives from when on each rule acts, by the rule's id."""
        ...

    def watch_rule(self, watch: RuleWatch) -> None:
        """Remembers from when on a rule acts."""
        ...

    def unwatch_rule(self, rule_id: str) -> None:
        """Forgets it: the rule does not act."""
        ...

    def add_rule_day(self, rule_day: RuleDay) -> bool:
        """Notes that a rule has acted on a day. False (and nothing) when it has already."""
        ...

    def rule_day(self, rule_id: str, day: date) -> RuleDay | None:
        """Finds what became of a rule on a day."""
        ...

    def save_rule_day(self, rule_day: RuleDay) -> None:
        """Writes state and note and raises the version by one."""
        ...

    def rule_days_in_planning(self, limit: int) -> Sequence[RuleDay]:
        """Lists the days whose run is still being planned, oldest first."""
        ...

    def newest_rule_days(self, *, partner_id: int, limit: int) -> Sequence[RuleDay]:
        """Lists days, newest first; with a partner only those of rules for that partner alone."""
        ...


class RuleSettings(Protocol):
    """What the settings say about auto charge (`config.Settings`)."""

    def charge_rules(self) -> Sequence[ChargeRule]:
        """Gives the rules that the files set, in their order."""
        ...

    def timezone_of_partners(self, partner_ids: Sequence[int]) -> ZoneInfo:
        """Gives the time zone that the partners have in common, else the Default partner's."""
        ...
