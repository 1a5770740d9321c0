"""Rules of auto charge are changed by whom they concern, whole, and no change is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from splynx_stripe.domain.charge_rule import RuleError
from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.flows.charge_rules import Editor, RuleNotFoundError
from splynx_stripe.store.store import SqlStore
from tests.integration.rule_house import BEFORE, INVOICES, OFFICE, RuleHouse, new_rule

MOMENT = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
DAY = date(2026, 11, 24)


@pytest.fixture
def house(store: SqlStore) -> RuleHouse:
    return RuleHouse(store)


async def test_a_change_on_an_old_version_is_refused(house: RuleHouse) -> None:
    seen = await house.rules.save(new_rule(), OFFICE)
    await house.rules.save(replace(seen, name="Theirs"), OFFICE)

    with pytest.raises(StaleWriteError):
        await house.rules.save(replace(seen, name="Mine"), OFFICE)

    (standing,) = await house.rules.standings(OFFICE)
    assert (standing.rule.name, standing.rule.version) == ("Theirs", 2)


async def test_every_change_says_who_did_it(house: RuleHouse) -> None:
    rule = await house.rules.save(new_rule(), Editor("admin:7"))
    await house.rules.set_enabled(rule.id, Editor("admin:8"), is_enabled=False)
    await house.rules.set_enabled(rule.id, Editor("admin:8"), is_enabled=False)
    await house.rules.set_enabled(rule.id, Editor("admin:9"), is_enabled=True)
    await house.rules.delete(rule.id, Editor("admin:10"))

    assert [(entry.event, entry.actor) for entry in await house.audit()] == [
        ("rule.saved", "admin:7"),
        ("rule.disabled", "admin:8"),
        ("rule.enabled", "admin:9"),
        ("rule.deleted", "admin:10"),
    ]


async def test_a_rule_of_the_files_cannot_be_changed(house: RuleHouse) -> None:
    locked = replace(new_rule(), id="file_1", place="config.yaml:3", version=0)
    house.settings.rules = [locked]

    with pytest.raises(RuleError, match=r"config\.yaml:3"):
        await house.rules.set_enabled("file_1", OFFICE, is_enabled=False)
    with pytest.raises(RuleError, match=r"config\.yaml:3"):
        await house.rules.delete("file_1", OFFICE)
    with pytest.raises(RuleError, match=r"config\.yaml:3"):
        await house.rules.save(replace(locked, place=""), OFFICE)


async def test_two_rules_do_not_have_the_same_name(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)

    with pytest.raises(RuleError, match="another name"):
        await house.rules.save(new_rule(), OFFICE)

    assert len(await house.rules.standings(OFFICE)) == 1


async def test_an_administrator_of_one_partner_touches_only_its_rules(house: RuleHouse) -> None:
    everybody = await house.rules.save(new_rule(), OFFICE)
    theirs = replace(new_rule("Of 2"), selection=replace(INVOICES, partner_ids=(2,)))
    paul = Editor("admin:2", partner_id=2)
    saved = await house.rules.save(theirs, paul)

    for attempt in (
        house.rules.delete(everybody.id, paul),
        house.rules.set_enabled(everybody.id, paul, is_enabled=False),
        house.rules.save(replace(everybody, selection=theirs.selection), paul),
        house.rules.save(new_rule("For all"), paul),
        house.rules.standing(everybody.id, paul),
    ):
        with pytest.raises(RuleNotFoundError):
            await attempt

    assert [one.rule for one in await house.rules.standings(paul)] == [saved]
    assert len(await house.rules.standings(OFFICE)) == 2


async def test_the_next_moment_is_shown_by_the_clocks_of_the_rule(house: RuleHouse) -> None:
    await house.rules.save(new_rule(), OFFICE)
    await house.rules.save(replace(new_rule("Off"), is_enabled=False), OFFICE)

    on, off = await house.rules.standings(OFFICE)

    assert (on.next_day, on.next_moment) == (DAY, MOMENT)
    assert (off.next_day, off.next_moment) == (None, None)
    assert BEFORE < MOMENT
