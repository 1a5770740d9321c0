"""Customers are told of a debit that a rule is going to make: in time, once, and only what is so (I11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from splynx_stripe.domain.charge_rule import RuleCalendar, RuleTiming
from splynx_stripe.domain.credential import CredentialState, DeadReason
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.notice import Notice, NoticeKind, NoticeRules
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import DocumentStatus
from splynx_stripe.flows.charge_announcements import ChargeAnnouncements
from splynx_stripe.flows.emergency_stop import EmergencyStop
from splynx_stripe.flows.notices import Notices
from splynx_stripe.store.store import SqlStore
from tests.fixed_failure_rules import FixedFailureRules
from tests.integration.credential_stage import OWNER, credential
from tests.integration.rule_house import (
    INVOICES,
    OFFICE,
    RuleHouse,
    SteeredTerms,
    new_rule,
    open_invoice,
)
from tests.integration.web_stage import CountingIds

DAY = date(2026, 11, 24)
DUE = RuleCalendar(RuleTiming.DUE_DATE, time(6, 30))
IN_THREE_DAYS = DAY + timedelta(days=3)


class Announcing:
    """A house with rules, and the job that tells customers three days ahead."""

    def __init__(self, store: SqlStore) -> None:
        self.house = RuleHouse(store)
        self.wanted = FixedFailureRules(
            notices=NoticeRules(language="en", tells_failures=True, debit_days=3)
        )
        self.job = ChargeAnnouncements(
            store,
            self.house.settings,
            self.house.splynx,
            SteeredTerms(),
            Notices(self.wanted, CountingIds()),
            self.house.clock,
            partner_ids=lambda: [0],
        )
        self.house.splynx.invoices = [open_invoice(1, due_on=IN_THREE_DAYS)]

    async def saves(self, kind: PaymentKind = PaymentKind.BECS, **changes: object) -> None:
        """The customer, by default Anna, has saved a payment method."""
        owner = replace(OWNER, partner_id=1)
        saved = credential(f"cred_{kind}", kind, **({"owner": owner} | changes))
        await self.house.store.run(lambda unit: unit.add_credential(saved))

    async def told(self) -> list[Notice]:
        due = self.house.clock.now() + timedelta(days=1)
        return list(await self.house.store.run(lambda unit: unit.notices_due(due, 100)))


@pytest.fixture
def announcing(store: SqlStore) -> Announcing:
    return Announcing(store)


async def test_a_debit_is_told_once_with_amount_and_day(announcing: Announcing) -> None:
    await announcing.saves()
    await announcing.house.rules.save(new_rule(calendar=DUE), OFFICE)

    await announcing.job.tick()
    announcing.house.clock.advance(timedelta(hours=20))
    await announcing.job.tick()

    (notice,) = await announcing.told()
    assert (notice.kind, notice.customer_id) == (NoticeKind.DEBIT_AHEAD, 17)
    assert notice.payable_key == "invoice/1"
    assert notice.facts["day"] == IN_THREE_DAYS.isoformat()
    assert (notice.facts["amount"], notice.facts["currency"]) == ("1250", "EUR")


async def test_a_debit_further_away_is_told_when_its_time_has_come(announcing: Announcing) -> None:
    await announcing.saves()
    await announcing.house.rules.save(new_rule(calendar=DUE), OFFICE)
    announcing.house.splynx.invoices = [open_invoice(1, due_on=IN_THREE_DAYS + timedelta(days=1))]

    await announcing.job.tick()
    before = await announcing.told()
    announcing.house.clock.advance(timedelta(days=1))
    await announcing.job.tick()

    assert before == []
    assert len(await announcing.told()) == 1


@pytest.mark.parametrize(
    "saved",
    [
        {"kind": PaymentKind.CARD},
        {"kind": PaymentKind.ACH},
        {
            "kind": PaymentKind.BECS,
            "state": CredentialState.DEAD,
            "dead_reason": DeadReason.MANDATE_INACTIVE,
        },
        {"kind": PaymentKind.PAD},  # which this partner does not take
        None,
    ],
)
async def test_nobody_is_told_whose_bank_account_is_not_debited(
    announcing: Announcing, saved: dict[str, object] | None
) -> None:
    if saved is not None:
        await announcing.saves(**saved)  # type: ignore[arg-type]  # a builder names only what matters
    await announcing.house.rules.save(new_rule(calendar=DUE), OFFICE)

    await announcing.job.tick()

    assert await announcing.told() == []


async def test_who_pays_by_card_first_is_not_told_of_the_bank_account_behind_it(
    announcing: Announcing,
) -> None:
    await announcing.saves(PaymentKind.CARD, position=0)
    await announcing.saves(PaymentKind.BECS, position=1)
    await announcing.house.rules.save(new_rule(calendar=DUE), OFFICE)

    await announcing.job.tick()

    assert await announcing.told() == []


@pytest.mark.parametrize("what", ["off", "dry", "paid", "another customer", "stopped"])
async def test_what_is_not_going_to_be_charged_is_not_told(
    announcing: Announcing, what: str
) -> None:
    await announcing.saves()
    rule = new_rule(calendar=DUE)
    match what:
        case "off":
            rule = replace(rule, is_enabled=False)
        case "dry":
            rule = replace(rule, is_dry_run=True)
        case "paid":
            (invoice,) = announcing.house.splynx.invoices
            announcing.house.splynx.invoices = [replace(invoice, status=DocumentStatus.PAID)]
        case "another customer":
            rule = replace(rule, selection=replace(INVOICES, customer_ids=(18,)))
        case _:
            stop = EmergencyStop(announcing.house.store, announcing.house.clock)
            await stop.stop_charging(actor="admin:1", reason="wrong prices")
    await announcing.house.rules.save(rule, OFFICE)

    await announcing.job.tick()

    assert await announcing.told() == []


async def test_the_customer_payment_type_of_the_rule_is_asked_for(announcing: Announcing) -> None:
    await announcing.saves()
    selection = replace(INVOICES, payment_method_ids=(7,))
    await announcing.house.rules.save(replace(new_rule(calendar=DUE), selection=selection), OFFICE)

    await announcing.job.tick()
    before = await announcing.told()
    announcing.house.splynx.payment_methods = {17: 7}
    await announcing.job.tick()

    assert before == []
    assert len(await announcing.told()) == 1


async def test_splynx_is_not_asked_where_nobody_wants_notices(announcing: Announcing) -> None:
    announcing.wanted.notices = replace(announcing.wanted.notices, debit_days=0)
    await announcing.house.rules.save(new_rule(calendar=DUE), OFFICE)

    await announcing.job.tick()

    assert announcing.house.splynx.asked == []


async def test_what_splynx_did_not_answer_is_told_the_next_time(announcing: Announcing) -> None:
    await announcing.saves()
    await announcing.house.rules.save(new_rule(calendar=DUE), OFFICE)
    announcing.house.splynx.trouble = RetryableError("Splynx is away.")
    await announcing.job.tick()
    assert await announcing.told() == []

    announcing.house.splynx.trouble = None
    await announcing.job.tick()

    assert len(await announcing.told()) == 1
