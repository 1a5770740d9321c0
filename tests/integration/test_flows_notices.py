"""Notices: each fact is told once, while it is true, in plain words, and to whom it concerns (I11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.notice import Channel, NoticeKind, NoticeState
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.charge import ChargeStanding
from tests.integration.charge_house import POOR_CARD
from tests.integration.credential_house import ANNA
from tests.integration.failure_house import DAY, FailureHouse, open_failures
from tests.integration.flow_town import HOUR, MINUTE, Town, open_town

MAIL = "/api/2.0/admin/config/mail"
AMOUNT = Money(17250, "EUR")
_S = NoticeState


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as opened:
        yield opened


@pytest.fixture
async def home(town: Town, sqlite_url: str) -> AsyncIterator[FailureHouse]:
    async with open_failures(town, sqlite_url) as opened:
        yield opened


async def fail(home: FailureHouse) -> None:
    """A run charges Anna's invoice with a saved card that declines."""
    await home.charges.credentials.save_card(POOR_CARD)
    result = await home.charges.charge()
    assert result.standing is ChargeStanding.FAILED
    await home.house.pump.drain()


async def states(home: FailureHouse) -> list[NoticeState]:
    return [notice.state for notice in await home.written()]


async def test_the_customer_reads_why_when_it_is_tried_again_and_where_to_pay(
    home: FailureHouse,
) -> None:
    await fail(home)
    await home.sender.tick()

    [mail] = home.mails()
    assert (mail.recipient, mail.customer_id) == (
        home.town.splynx.state.customers[ANNA].email,
        ANNA,
    )
    assert mail.subject == "Your payment for invoice 202611000042 did not succeed"
    for said in ("€172.50", "not enough money", "No money was taken", "November 25, 2026", "/pay/"):
        assert said in mail.message
    assert await states(home) == [_S.SENT]


async def test_the_link_of_the_e_mail_opens_the_invoice(home: FailureHouse) -> None:
    await fail(home)
    await home.sender.tick()

    token = home.mails()[0].message.partition("/stripe/pay/")[2][:26]
    [link] = await home.house.store.read(
        lambda unit: unit.links(partner_id=0, customer_id=ANNA, limit=9)
    )
    assert (link.document_number, link.made_by) == ("202611000042", "daemon")
    assert len(token) == 26


async def test_a_partner_without_notifications_tells_nobody(home: FailureHouse) -> None:
    home.rules.notices = replace(home.rules.notices, tells_failures=False)
    await fail(home)
    await home.go_on()

    assert home.mails() == []
    assert await home.kinds() == []


async def test_a_setting_that_was_switched_off_meanwhile_is_respected(home: FailureHouse) -> None:
    await fail(home)
    home.rules.notices = replace(home.rules.notices, tells_failures=False)
    await home.sender.tick()

    assert await states(home) == [_S.DROPPED]
    assert home.mails() == []


async def test_each_way_of_telling_is_used_once(home: FailureHouse) -> None:
    ways = (Channel.MAIL, Channel.SMS, Channel.PORTAL)
    home.rules.notices = replace(home.rules.notices, channels=ways)
    await fail(home)
    for _ in range(3):
        await home.sender.tick()

    assert len(home.mails()) == len(home.text_messages()) == len(home.portal_messages()) == 1
    assert "https://isp.example.net/stripe/pay/" in home.text_messages()[0].message
    assert home.portal_messages()[0].document_id == ANNA


async def test_own_words_stand_in_the_e_mail_and_cannot_break_it(home: FailureHouse) -> None:
    home.rules.notices = replace(
        home.rules.notices, subject="Nordic Fibre: please look", intro="Dear <customer>,"
    )
    await fail(home)
    await home.sender.tick()

    [mail] = home.mails()
    assert mail.subject == "Nordic Fibre: please look"
    assert mail.message.startswith("<p>Dear &lt;customer&gt;,</p>")


async def test_nobody_is_told_of_a_debt_that_was_paid_meanwhile(
    town: Town, home: FailureHouse
) -> None:
    await fail(home)
    town.pay_by_cash(1042)
    await home.sender.tick()

    assert await states(home) == [_S.DROPPED]
    assert home.mails() == []


async def test_nobody_is_told_while_a_payment_is_on_its_way(town: Town, home: FailureHouse) -> None:
    home.use_dollars()
    await home.charges.credentials.save_card(POOR_CARD)
    await home.charges.charge()
    await home.house.pump.drain()
    start = await home.house.press_pay()
    await town.enter_bank(start.client_secret)
    await home.house.deliver_webhooks()

    await home.sender.tick()

    assert home.mails() == []
    assert NoticeState.SENT not in await states(home)


async def test_an_answer_that_is_lost_is_not_asked_for_again(
    town: Town, home: FailureHouse
) -> None:
    """At most once beats at least once: Splynx may have the e-mail, and has no key for it."""
    await fail(home)
    town.spoil_splynx(MAIL, "POST", when="after", action="drop", times=1)

    for _ in range(4):
        await home.sender.tick()
        town.clock.advance(HOUR)

    assert len(home.mails()) == 1
    assert await states(home) == [_S.UNKNOWN]
    assert "notice.unknown" in await home.audited()


async def test_a_crash_while_sending_does_not_send_again(home: FailureHouse) -> None:
    await fail(home)
    [notice] = await home.written()
    now = home.town.clock.now()
    await home.house.store.run(
        lambda unit: unit.save_notice(replace(notice, state=_S.SENDING, changed_at=now))
    )
    home.town.clock.advance(10 * MINUTE)

    await home.sender.tick()

    assert home.mails() == []
    assert await states(home) == [_S.UNKNOWN]


async def test_where_surely_nothing_happened_it_is_sent_later(
    town: Town, home: FailureHouse
) -> None:
    await fail(home)
    town.spoil_splynx(MAIL, "POST", when="before", action="status", status=429, times=1)
    await home.sender.tick()
    assert home.mails() == []

    town.clock.advance(HOUR)
    await home.sender.tick()

    assert len(home.mails()) == 1


async def test_a_missing_permission_is_told_and_not_hammered(
    town: Town, home: FailureHouse
) -> None:
    await fail(home)
    town.spoil_splynx(MAIL, "POST", when="before", action="status", status=403, times=99)

    for _ in range(3):
        await home.sender.tick()

    [notice] = await home.written()
    assert notice.state is _S.REFUSED
    assert "Mail" in notice.note


async def test_what_could_not_be_said_for_days_is_not_news_any_more(
    town: Town, home: FailureHouse
) -> None:
    await fail(home)
    town.clock.advance(4 * DAY)

    await home.sender.tick()

    assert await states(home) == [_S.DROPPED]


async def test_a_notice_is_not_tried_for_ever_while_splynx_does_not_answer_and_ever_less_often(
    town: Town, home: FailureHouse
) -> None:
    """I10."""
    home.rules.policy = replace(home.rules.policy, days=())
    await fail(home)
    town.spoil_splynx("/api/2.0/admin/customers/customer/17", "GET", times=9_999)
    waits: list[timedelta] = []
    [notice] = await home.written()
    for _ in range(200):
        await home.sender.tick()
        [notice] = await home.written()
        if notice.state is not _S.WAITING:
            break
        waits.append(notice.due_at - town.clock.now())
        town.clock.advance(waits[-1])

    assert notice.state is _S.DROPPED
    assert max(waits) >= HOUR / 2
    assert waits[0] <= 3 * MINUTE


async def test_a_planned_debit_is_announced_once_where_the_scheme_wants_it(
    home: FailureHouse,
) -> None:
    home.rules.notices = replace(home.rules.notices, debit_days=5)
    payable, now = await home.charges.payable(), home.town.clock.now()
    answers = [
        await home.house.store.run(
            lambda unit, kind=kind: home.notices.announce_debit(  # type: ignore[misc]  # a default binds the loop's value
                unit, payable, AMOUNT, kind, on=date(2026, 11, 29), now=now
            )
        )
        for kind in (PaymentKind.BECS, PaymentKind.BECS, PaymentKind.CARD, PaymentKind.ACH)
    ]

    await home.sender.tick()

    [mail] = home.mails()
    assert answers == [True, False, False, False]
    assert "November 29, 2026" in mail.subject
    assert "€172.50" in mail.message


async def test_a_customer_without_a_card_gets_a_link_once_per_document(home: FailureHouse) -> None:
    payable, now = await home.charges.payable(), home.town.clock.now()
    for _ in range(2):
        await home.house.store.run(
            lambda unit: home.notices.send_link(unit, payable, AMOUNT, now=now)
        )

    await home.sender.tick()

    [mail] = home.mails()
    assert mail.subject == "Please pay invoice 202611000042"
    assert "/stripe/pay/" in mail.message


async def test_the_office_is_told_by_one_e_mail_to_the_company(home: FailureHouse) -> None:
    now = home.town.clock.now()
    await home.house.store.run(
        lambda unit: home.notices.tell_office(
            unit,
            "run:run_1",
            partner_id=1,
            subject="Charge run ended",
            lines=["2 charged.", "1 failed <b>."],
            now=now,
        )
    )

    await home.sender.tick()

    [mail] = home.mails()
    company = await home.house.rooms.splynx.company(1)
    assert (mail.recipient, mail.customer_id) == (company.email, 0)
    assert mail.subject == "Charge run ended"
    assert "<p>1 failed &lt;b&gt;.</p>" in mail.message


async def test_a_digest_comes_on_the_morning_after_and_once(home: FailureHouse) -> None:
    home.rules.notices = replace(home.rules.notices, tells_failures=False)
    await fail(home)
    home.rules.policy = replace(home.rules.policy, days=(5,))
    await home.digest.tick()
    await home.sender.tick()
    assert home.mails() == []

    home.town.clock.advance(timedelta(hours=22))
    for _ in range(3):
        await home.digest.tick()
        await home.sender.tick()

    [mail] = home.mails()
    assert "November 24, 2026" in mail.subject
    assert "Invoice 202611000042" in mail.message
    assert "It is tried again." in mail.message


async def test_a_day_without_failures_has_no_digest(home: FailureHouse) -> None:
    home.town.clock.advance(DAY)
    await home.digest.tick()
    await home.sender.tick()

    assert home.mails() == []


@pytest.mark.parametrize(("now", "mails"), [(24, 0), (27, 1)])
async def test_a_card_that_expires_is_told_in_time_and_once(
    home: FailureHouse, now: int, mails: int
) -> None:
    saved = await home.charges.credentials.save_card()
    assert saved.card is not None
    soon = replace(saved, card=replace(saved.card, expires_year=2026, expires_month=11))
    await home.house.store.run(lambda unit: unit.save_credential(soon))
    home.rules.notices = replace(home.rules.notices, card_expiry_days=4)
    at = datetime(2026, 11, now, 10, 0, tzinfo=UTC)
    home.town.clock.advance(at - home.town.clock.now())

    for _ in range(3):
        await home.reminders.tick()
        await home.sender.tick()

    assert len(home.mails()) == mails
    if mails:
        assert "4242" in home.mails()[0].message
        assert "/stripe/pay/" in home.mails()[0].message


async def test_a_card_that_was_removed_meanwhile_is_not_told(home: FailureHouse) -> None:
    saved = await home.charges.credentials.save_card()
    assert saved.card is not None
    soon = replace(saved, card=replace(saved.card, expires_year=2026, expires_month=11))
    await home.house.store.run(lambda unit: unit.save_credential(soon))
    home.rules.notices = replace(home.rules.notices, card_expiry_days=30)
    await home.reminders.tick()
    await home.charges.credentials.saved.remove(ANNA, saved.id, f"customer:{ANNA}")

    await home.sender.tick()

    assert home.mails() == []


def test_kinds_are_for_the_office_or_for_customers_and_know_what_they_are_about() -> None:
    office = {kind for kind in NoticeKind if kind.is_for_office}

    assert office == {NoticeKind.DIGEST, NoticeKind.OFFICE}
    assert not any(kind.is_about_debt for kind in office)
