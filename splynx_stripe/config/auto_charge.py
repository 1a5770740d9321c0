"""The rules of auto charge in config.yaml, and how they become the rules that the daemon keeps.

A rule of the files is known by its name: with another name it is another rule. Whatever its keys
say together is judged by `domain.charge_rule`, whose sentence is told with the line of the rule.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from splynx_stripe.config.business import Name, Section
from splynx_stripe.config.findings import Findings
from splynx_stripe.config.yaml_files import KeyPath, Place
from splynx_stripe.domain.charge_rule import (
    LATEST_HOURS,
    MOST_DAYS,
    MOST_DAYS_BACK,
    USUAL_LATE_HOURS,
    ChargeRule,
    MissedPolicy,
    RuleCalendar,
    RuleError,
    RuleTiming,
)
from splynx_stripe.domain.charge_selection import (
    ChargeKind,
    Selection,
    SelectionError,
    TotalCondition,
)

AUTO_CHARGE = "auto_charge"
"""The key of the list of rules."""

_TOTAL = re.compile(r"([<=>]) ?([0-9]{1,9}(?:\.[0-9]{1,4})?)")

Ids = Annotated[tuple[Annotated[int, Field(ge=1, le=2**31 - 1)], ...], Field(max_length=2000)]


class AutoChargeRule(Section):
    """One rule of auto charge: which debts are charged by themselves, and when.

    Beside these, rules can be made at `/stripe/admin/auto-charge`; those of the files are shown
    there and cannot be changed there. How rules work: [Charge by themselves](../how-to/auto-charge.md).
    """

    name: Name = Field(
        default="",
        validate_default=False,
        description="What people call it; no two rules have the same. It is needed.",
    )
    kind: Literal["invoices", "balances", "prepaid"] = Field(
        default="invoices",
        description="What is charged: `invoices`, `balances` (debts of customers), or `prepaid`"
        " (the next period of prepaid customers).",
    )
    when: Literal[
        "issue_day",
        "day_after_issue",
        "days_after_issue",
        "days_before_due",
        "due_date",
        "day_of_month",
    ] = Field(
        default="issue_day",
        description="The day: for invoices their `issue_day`, the `day_after_issue`, some"
        " `days_after_issue`, some `days_before_due`, or their `due_date`; for balances and prepaid"
        " a `day_of_month`.",
    )
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = Field(
        default=0,
        validate_default=False,
        description="The number of days, with `days_after_issue` and `days_before_due`.",
    )
    day: Annotated[int, Field(ge=1, le=31)] = Field(
        default=0,
        validate_default=False,
        description="The day of the month, with `day_of_month`. A shorter month has its last day"
        " instead.",
    )
    at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = Field(
        default="06:00",
        description="The time of day, such as `06:30` in quotes, by the clocks of the partner"
        " (`timezone`).",
    )
    days_back: Annotated[int, Field(ge=0, le=MOST_DAYS_BACK)] = Field(
        default=0,
        description="So many earlier days are taken along, where their invoices are still open.",
    )
    enabled: bool = Field(default=True, description="Whether it acts.")
    dry_run: bool = Field(
        default=False, description="Whether it only plans, so that people see what it would do."
    )
    missed: Literal["late", "skip"] = Field(
        default="late",
        description="What becomes of a day that was missed because the daemon did not run or charging"
        " was stopped: `late` makes up for it within `late_hours`, `skip` only says so.",
    )
    late_hours: Annotated[int, Field(ge=1, le=LATEST_HOURS)] = Field(
        default=USUAL_LATE_HOURS, description="How late a missed day is made up for, in hours."
    )
    partners: Ids = Field(default=(), description="Partners by their ids; without any, all.")
    locations: Ids = Field(default=(), description="Locations by their ids; without any, all.")
    payment_methods: Ids = Field(
        default=(),
        description="Customer payment type: ids of Splynx's payment methods; without any, all.",
    )
    customers: Ids = Field(default=(), description="Customers by their ids; without any, all.")
    customer_statuses: tuple[Literal["active", "blocked", "disabled", "new"], ...] = Field(
        default=(), description="Status of the customers in Splynx; without any, all."
    )
    total: Annotated[str, Field(pattern=f"^{_TOTAL.pattern}$", max_length=20)] = Field(
        default="",
        validate_default=False,
        description='Only totals less than, equal to or more than an amount, such as `"> 10"`.',
    )
    use_balance: bool = Field(
        default=False,
        description="Use available balance, with `prepaid`: a positive balance lowers the charge, a"
        " negative one raises it.",
    )


def charge_rules_of(
    written: Sequence[AutoChargeRule], places: Mapping[KeyPath, Place]
) -> tuple[ChargeRule, ...]:
    """Gives the rules of the files. Those that cannot be meant were told when the files were read."""
    found = []
    for index, section in enumerate(written):
        path = (AUTO_CHARGE, str(index))
        try:
            found.append(_rule(section, str(places.get(path, "config.yaml"))))
        except (RuleError, SelectionError):
            continue
    return tuple(found)


def check_auto_charge(written: Sequence[AutoChargeRule], findings: Findings) -> None:
    """Tells which rules cannot be meant, and which have the name of another."""
    names: set[str] = set()
    for index, section in enumerate(written):
        path = (AUTO_CHARGE, str(index))
        if not section.name:
            findings.problem(path, "this rule has no name.", "Add `name:`; no other rule has it.")
            continue
        if section.name in names:
            findings.problem(
                (*path, "name"),
                f"another rule is called {section.name!r} too.",
                "Give each rule its own name: it is known by it.",
            )
        names.add(section.name)
        try:
            _rule(section, AUTO_CHARGE)
        except (RuleError, SelectionError) as error:
            findings.problem(path, "this rule cannot be meant.", str(error))


def _rule(section: AutoChargeRule, place: str) -> ChargeRule:
    """Makes the rule. Raises what is wrong with it as a whole."""
    timing = RuleTiming(section.when)
    is_by_month = timing is RuleTiming.DAY_OF_MONTH
    unfit = "days" if is_by_month else "day"
    if getattr(section, unfit):
        raise RuleError(f"With `when: {section.when}` there is no `{unfit}`. Remove it.")
    return ChargeRule(
        id=f"file_{hashlib.sha256(section.name.encode()).hexdigest()[:16]}",
        name=section.name,
        selection=_selection(section),
        calendar=RuleCalendar(
            timing=timing,
            at=time.fromisoformat(section.at),
            days=section.day if is_by_month else section.days,
            days_back=section.days_back,
        ),
        is_enabled=section.enabled,
        is_dry_run=section.dry_run,
        missed=MissedPolicy(section.missed),
        late_hours=section.late_hours,
        place=place,
    )


def _selection(section: AutoChargeRule) -> Selection:
    total = _TOTAL.fullmatch(section.total)
    return Selection(
        kind=ChargeKind(section.kind),
        partner_ids=section.partners,
        location_ids=section.locations,
        payment_method_ids=section.payment_methods,
        customer_statuses=section.customer_statuses,
        total_condition=TotalCondition(total.group(1)) if total else None,
        total=Decimal(total.group(2)) if total else None,
        customer_ids=section.customers,
        uses_balance=section.use_balance,
    )
