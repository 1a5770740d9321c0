"""Rules of auto charge in the YAML: they become rules, or each mistake is told with its line."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from splynx_stripe.config import ConfigError
from splynx_stripe.domain.charge_rule import (
    ChargeRule,
    MissedPolicy,
    RuleCalendar,
    RuleTiming,
)
from splynx_stripe.domain.charge_selection import ChargeKind, Selection, TotalCondition
from tests.unit.config_folder import ConfigFolder

FULL = """\
auto_charge:
  - name: Invoices before they are due
    when: days_before_due
    days: 3
    at: "07:15"
    days_back: 2
    dry_run: true
    missed: skip
    late_hours: 12
    partners: [2, 1]
    locations: [4]
    payment_methods: [7]
    customers: [17, 18]
    customer_statuses: [active, blocked]
    total: "> 9.90"
  - name: Prepaid on the last day
    kind: prepaid
    when: day_of_month
    day: 31
    enabled: false
    use_balance: true
"""


def problems_of(folder: ConfigFolder, text: str) -> list[str]:
    folder.main.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        folder.load()
    return [str(problem) for problem in caught.value.problems]


def test_a_rule_means_what_it_says_and_knows_its_line(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    folder.main.write_text(FULL, encoding="utf-8")

    invoices, prepaid = folder.load().charge_rules()

    assert invoices == ChargeRule(
        id=invoices.id,
        name="Invoices before they are due",
        selection=Selection(
            ChargeKind.INVOICES,
            partner_ids=(1, 2),
            location_ids=(4,),
            payment_method_ids=(7,),
            customer_statuses=("active", "blocked"),
            total_condition=TotalCondition.MORE,
            total=Decimal("9.90"),
            customer_ids=(17, 18),
        ),
        calendar=RuleCalendar(RuleTiming.DAYS_BEFORE_DUE, time(7, 15), 3, 2),
        is_dry_run=True,
        missed=MissedPolicy.SKIP,
        late_hours=12,
        place="config.yaml:2",
    )
    assert prepaid.calendar == RuleCalendar(RuleTiming.DAY_OF_MONTH, time(6, 0), 31)
    assert prepaid.selection == Selection(ChargeKind.PREPAID, uses_balance=True)
    assert (prepaid.is_enabled, prepaid.place) == (False, "config.yaml:16")
    assert invoices.is_locked
    assert invoices.id != prepaid.id


def test_a_rule_is_known_by_its_name_wherever_it_stands(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    folder.main.write_text("auto_charge: [{name: A}, {name: B}]", encoding="utf-8")
    before = {rule.name: rule.id for rule in folder.load().charge_rules()}
    folder.main.write_text(
        'auto_charge: [{name: B, at: "09:00"}, {name: C}, {name: A}]', encoding="utf-8"
    )

    after = {rule.name: rule.id for rule in folder.load().charge_rules()}

    assert {name: after[name] for name in before} == before
    assert len(set(after.values())) == 3


@pytest.mark.parametrize(
    ("rule", "line", "sentence"),
    [
        ("kind: balances", 2, "charged on a day of the month"),
        ("when: day_of_month\n    day: 3", 2, "not on a day of the month"),
        ("when: days_after_issue", 2, "number of days is one from 1 to 90"),
        ("days: 3", 2, "needs no number of days"),
        ("day: 3", 2, "there is no `day`"),
        ("days: 91", 3, "this is too large"),
        ('at: "24:00"', 3, "right form"),
        ("at: 6", 3, "must be text"),
        ("when: due_day", 3, "due_date"),
        ("enable: true", 3, "Did you mean 'enabled'?"),
        ("partners: [0]", 3, "this is too small"),
        ("total: ten", 3, "right form"),
        ("use_balance: true", 2, "Only prepaid charges use the available balance"),
        ("customer_statuses: [gone]", 3, "not one of the possible values"),
        ("late_hours: 100", 3, "this is too large"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_told_with_its_line(
    tmp_path: Path, rule: str, line: int, sentence: str
) -> None:
    text = f"auto_charge:\n  - name: Rule\n    {rule}\n"

    (problem,) = problems_of(ConfigFolder(tmp_path), text)

    assert f"config.yaml:{line}:" in problem
    assert sentence in problem


def test_two_rules_of_one_name_and_one_without_are_told(tmp_path: Path) -> None:
    text = "auto_charge:\n  - name: A\n  - name: A\n  - kind: invoices\n"

    twice, nameless = problems_of(ConfigFolder(tmp_path), text)

    assert "config.yaml:3:" in twice
    assert "another rule is called 'A' too" in twice
    assert "config.yaml:4:" in nameless
    assert "has no name" in nameless


def test_the_time_zone_is_the_one_that_the_partners_share(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    folder.main.write_text(
        "splynx: {timezone: Europe/Prague}\n"
        "partners:\n"
        "  2: {timezone: America/New_York}\n"
        "  3: {timezone: America/New_York}\n"
        "  4: {timezone: Asia/Tokyo}\n",
        encoding="utf-8",
    )
    settings = folder.load()

    zones = {
        ids: settings.timezone_of_partners(ids).key
        for ids in ((), (1,), (2,), (2, 3), (2, 4), (4, 1))
    }

    assert zones == {
        (): "Europe/Prague",
        (1,): "Europe/Prague",
        (2,): "America/New_York",
        (2, 3): "America/New_York",
        (2, 4): "Europe/Prague",
        (4, 1): "Europe/Prague",
    }


def test_a_time_zone_that_does_not_exist_is_told(tmp_path: Path) -> None:
    (problem,) = problems_of(ConfigFolder(tmp_path), "settings:\n  timezone: Europe/Pragg\n")

    assert "config.yaml:2:" in problem
    assert "Europe/Prague" in problem
