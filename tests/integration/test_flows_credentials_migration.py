"""Taking over what was saved with the closed add-on: shown first, believed only by Stripe, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from splynx_stripe.domain.consent import ConsentWay
from splynx_stripe.domain.credential import CredentialState
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.flows.migrate_credentials import Finding, MigrationRow
from splynx_stripe.sandbox.stripe import objects
from splynx_stripe.sandbox.stripe.call import Call
from splynx_stripe.sandbox.stripe.cards import CARDS_BY_NUMBER
from tests.integration.credential_house import ANNA, CredentialHouse, open_credentials
from tests.integration.flow_town import EUR_ACCOUNT, Town, open_town

BEN = 18


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as town:
        yield town


@pytest.fixture
async def home(town: Town, sqlite_url: str) -> AsyncIterator[CredentialHouse]:
    async with open_credentials(town, sqlite_url) as home:
        yield home


def old_card(home: CredentialHouse, card_id: str = "card_1Old", year: int = 2034) -> str:
    """Stripe keeps a card that the closed add-on saved; gives its Stripe customer."""
    book = home.town.stripe_book()
    call = Call(home.town.stripe.state, book)
    customer = objects.customer(call)
    book.customers[customer["id"]] = customer
    details = objects.card_details(call, CARDS_BY_NUMBER["4242424242424242"], 5, year)
    method = objects.payment_method(call, "card", details)
    method.update(id=card_id, customer=customer["id"])
    book.payment_methods[card_id] = method
    book.numbers[card_id] = "4242424242424242"
    return str(customer["id"])


async def migrate(home: CredentialHouse, *, apply: bool = False) -> list[MigrationRow]:
    terms = home.house.terms.by_partner.values()
    return [row async for row in home.migration.run(terms, apply=apply)]


async def findings(home: CredentialHouse, *, apply: bool = False) -> Counter[Finding]:
    return Counter(row.finding for row in await migrate(home, apply=apply))


async def test_looking_shows_what_would_be_done_and_changes_nothing(
    home: CredentialHouse,
) -> None:
    home.fill_row(field_1=old_card(home), field_2="card_1Old", field_3="Visa")

    (row,) = await migrate(home)

    assert (row.customer_id, row.finding, row.is_applied) == (ANNA, Finding.GOOD, False)
    assert await home.present() == []


async def test_applying_makes_the_card_usable_once_and_splynx_is_ours_from_then_on(
    home: CredentialHouse,
) -> None:
    customer = old_card(home)
    home.fill_row(field_1=customer, field_2="card_1Old", field_3="Visa")

    first = await findings(home, apply=True)
    second = await findings(home, apply=True)
    await home.settle()

    assert (first, second) == (Counter({Finding.GOOD: 1}), Counter({Finding.ALREADY: 1}))
    (saved,) = await home.present()
    assert (saved.state, saved.payment_method_id) == (CredentialState.USABLE, "card_1Old")
    assert saved.owner.stripe_customer_id == customer
    assert saved.consent.way is ConsentWay.IMPORTED
    known = await home.house.store.read(lambda unit: unit.stripe_customer(EUR_ACCOUNT, ANNA))
    assert known == customer
    assert home.row()["field_4"] == "4242"
    assert await home.house.case_kinds() == []

    newer = await home.save_card("5555555555554444")
    await home.saved.remove(ANNA, saved.id, "customer:17")
    await home.settle()
    assert home.row()["field_2"] == newer.payment_method_id


async def test_what_the_customer_has_removed_here_is_not_taken_over_again(
    home: CredentialHouse,
) -> None:
    home.fill_row(field_1=old_card(home), field_2="card_1Old")
    await migrate(home, apply=True)
    (saved,) = await home.present()
    await home.saved.remove(ANNA, saved.id, "customer:17")

    assert await findings(home, apply=True) == Counter({Finding.REMOVED: 1})
    assert await home.present() == []


async def test_an_expired_card_is_taken_over_and_told(home: CredentialHouse) -> None:
    home.fill_row(field_1=old_card(home, year=2020), field_2="card_1Old")

    assert await findings(home, apply=True) == Counter({Finding.EXPIRED: 1})
    assert len(await home.present()) == 1


@pytest.mark.parametrize(
    ("customer", "method", "finding"),
    [
        ("", "", Finding.NO_TOKENS),
        ("anna@example.net", "card_1Old", Finding.NO_TOKENS),
        ("cus_unknown", "card_1Old", Finding.STRIPE_CUSTOMER_MISSING),
        ("", "card_1Old", Finding.NO_TOKENS),
    ],
)
async def test_what_stripe_does_not_confirm_is_left_as_it_is(
    home: CredentialHouse, customer: str, method: str, finding: Finding
) -> None:
    old_card(home)
    home.fill_row(field_1=customer, field_2=method, field_3="Visa")

    assert await findings(home, apply=True) == Counter({finding: 1})
    assert await home.present() == []


async def test_a_card_of_another_stripe_customer_is_not_taken_over(home: CredentialHouse) -> None:
    old_card(home)
    other = old_card(home, "card_2Old")
    home.fill_row(field_1=other, field_2="card_1Old")

    assert await findings(home, apply=True) == Counter({Finding.METHOD_MISSING: 1})
    assert await home.present() == []


async def test_a_stripe_customer_that_two_customers_have_is_decided_by_hand(
    home: CredentialHouse,
) -> None:
    customer = old_card(home)
    home.fill_row(ANNA, field_1=customer, field_2="card_1Old")
    home.fill_row(BEN, field_1=customer, field_2="card_1Old")

    assert await findings(home, apply=True) == Counter({Finding.SHARED: 2})
    assert await home.present() == []


async def test_an_interruption_keeps_what_was_done_and_goes_on_there(
    home: CredentialHouse,
) -> None:
    home.fill_row(ANNA, field_1=old_card(home), field_2="card_1Old")
    home.fill_row(BEN, field_1=old_card(home, "card_2Old"), field_2="card_2Old")
    home.town.spoil_stripe("/v1/customers/.*/payment_methods/card_2Old", times=2)

    with pytest.raises(RetryableError):
        await migrate(home, apply=True)
    again = await findings(home, apply=True)

    assert again == Counter({Finding.ALREADY: 1, Finding.GOOD: 1})
    assert len(await home.present(BEN)) == 1
