"""The document changes, or belongs to somebody else, while it is being paid (fault 53; I1, I8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from splynx_stripe.sandbox.splynx import books
from splynx_stripe.sandbox.splynx.rows import Invoice, Payment
from splynx_stripe.sandbox.visitor import SeenPage, Visitor
from tests.acceptance.conftest import Adjust
from tests.acceptance.daemon_process import command
from tests.acceptance.ledgers import INVOICE, OTHERS_INVOICE, SECOND_INVOICE
from tests.acceptance.person import GOOD_CARD, Person
from tests.acceptance.town import Town
from tests.acceptance.waiting import until

AMOUNT = Decimal("172.5000")


@pytest.fixture
def adjust() -> Adjust:
    """Keeps the daemon from looking by itself while a person is between two clicks."""

    def patient(settings: dict[str, Any]) -> None:
        settings["timing"] |= {"look_after_first_s": 600, "look_every_s": 600}

    return patient


@pytest.fixture
def invoice(quiet_town: Town) -> Invoice:
    document = quiet_town.foreign.document(INVOICE)
    assert isinstance(document, Invoice)
    return document


async def pressed(town: Town, visitor: Visitor) -> tuple[SeenPage, str]:
    """Comes as far as the card form: the last look at Splynx is over."""
    person = Person(town, visitor, INVOICE)
    await person.log_in()
    page = await person.open()
    state, secret = await visitor.press_pay(page)
    assert state == "payable"
    return page, secret


async def test_money_goes_to_the_balance_with_a_case_when_cash_was_faster(
    town: Town, invoice: Invoice
) -> None:
    async with town.visitor() as visitor:
        page, secret = await pressed(town, visitor)
        cash = Payment(
            customer_id=invoice.customer_id,
            invoice_id=invoice.id,
            amount=AMOUNT,
            date=town.splynx.state.today(),
            receipt_number="cash-1",
        )
        books.add_payment(town.splynx.state, cash)
        before = town.foreign.deposit(INVOICE)

        await visitor.confirm(page, secret, GOOD_CARD)
        await town.assert_agree(INVOICE, cases=["paid_meanwhile"])

    assert town.foreign.deposit(INVOICE) == before + AMOUNT
    code, printed = await command("cases", "--config", str(town.config_path))
    assert code == 1
    assert "paid_meanwhile" in printed
    assert INVOICE.number in printed


async def test_money_goes_to_the_balance_with_a_case_when_the_invoice_was_deleted(
    town: Town, invoice: Invoice
) -> None:
    async with town.visitor() as visitor:
        page, secret = await pressed(town, visitor)
        books.set_invoice_status(town.splynx.state, invoice, "deleted")
        before = town.foreign.deposit(INVOICE)

        await visitor.confirm(page, secret, GOOD_CARD)
        await town.assert_agree(INVOICE, cases=["document_gone"], documents_paid=False)

    assert invoice.status == "deleted"
    assert town.foreign.deposit(INVOICE) == before + AMOUNT


async def test_a_new_price_is_shown_before_it_is_charged_and_the_old_one_can_not_be_charged(
    town: Town, invoice: Invoice
) -> None:
    async with town.visitor() as visitor:
        page, secret = await pressed(town, visitor)
        invoice.total = invoice.due = Decimal("100.0000")
        person = Person(town, visitor, INVOICE)

        assert await person.try_to_pay(page) == "amount_changed"
        late = await visitor.confirm(page, secret, GOOD_CARD)
        assert (late.status, late.code) == ("error", "payment_intent_unexpected_state")
        assert await person.pay() == "payable"

    await town.assert_agree(INVOICE)
    states = {one.status: str(one.money) for one in town.foreign.intents(INVOICE)}
    assert states == {"canceled": "172.50 EUR", "succeeded": "100.00 EUR"}


async def test_an_abandoned_payment_is_canceled_at_stripe_and_the_invoice_can_be_paid_afterwards(
    quiet_town: Town,
) -> None:
    town = quiet_town
    town.settings["timing"] |= {
        "look_after_first_s": 1,
        "look_every_s": 1,
        "abandoned_after_s": 3,
    }
    town.write_settings()
    await town.start()
    async with town.visitor() as visitor:
        await pressed(town, visitor)
        await until(
            lambda: [one.status for one in town.foreign.intents(INVOICE)] == ["canceled"],
            lambda: town.foreign.intents(INVOICE),
        )

        assert await Person(town, visitor, INVOICE).pay() == "payable"

    await town.assert_agree(INVOICE)


@pytest.mark.parametrize("filters", ["kept", "ignored"])
async def test_nobody_sees_or_pays_another_ones_invoice_by_its_number(
    town: Town, filters: str
) -> None:
    if filters == "ignored":
        town.splynx.options.ignored_filters = {("admin/finance/invoices", "number")}
    async with town.visitor() as john:
        await john.log_in(17)
        for number in (OTHERS_INVOICE.number, "202699999999"):
            page = await john.open(f"pay-invoice?item_id={number}")

            assert page.ticket == "", "there is nothing to press"
            assert "89.90" not in page.html
            assert (await john.press_pay(page))[1] == ""

        own = Person(town, john, SECOND_INVOICE)
        assert await own.pay() == "payable"

    await town.assert_agree(SECOND_INVOICE)
    assert town.foreign.intents(OTHERS_INVOICE) == []


async def test_the_ticket_of_another_customer_pays_nothing(town: Town) -> None:
    async with town.visitor() as jana, town.visitor() as john:
        await jana.log_in(18)
        await john.log_in(17)
        page = await jana.open(OTHERS_INVOICE.page)
        assert page.ticket

        state, secret = await john.press_pay(page)

    assert state != "payable"
    assert secret == ""
    assert town.foreign.intents() == []
