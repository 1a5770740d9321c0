"""Money is exact: what Splynx shows is what Stripe takes, or nothing is charged."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.domain.errors import MoneyError
from splynx_stripe.domain.money import (
    THREE_DECIMAL_CURRENCIES,
    WHOLE_UNIT_CURRENCIES,
    ZERO_DECIMAL_CURRENCIES,
    Money,
    currency_exponent,
    smallest_step,
)

CURRENCIES = sorted(
    ZERO_DECIMAL_CURRENCIES
    | THREE_DECIMAL_CURRENCIES
    | WHOLE_UNIT_CURRENCIES
    | {"EUR", "USD", "CZK", "HUF", "TWD", "AUD", "CAD"}
)

currencies = st.sampled_from(CURRENCIES)


@given(currency=currencies, steps=st.integers(-(10**9), 10**9))
def test_each_chargeable_amount_survives_the_way_to_splynx_and_back(
    currency: str, steps: int
) -> None:
    money = Money(steps * smallest_step(currency), currency)

    assert Money.from_decimal(money.to_decimal(), currency) == money


@given(currency=currencies, ten_thousandths=st.integers(-(10**12), 10**12))
def test_an_amount_of_splynx_is_converted_exactly_or_refused(
    currency: str, ten_thousandths: int
) -> None:
    amount = Decimal(ten_thousandths).scaleb(-4)
    try:
        money = Money.from_decimal(amount, currency)
    except MoneyError:
        step = Decimal(smallest_step(currency)).scaleb(-currency_exponent(currency))
        assert amount % step != 0
    else:
        assert money.to_decimal() == amount


@pytest.mark.parametrize(
    ("amount", "currency", "minor_units"),
    [
        ("172.5000", "EUR", 17250),
        ("5800.0000", "JPY", 5800),
        ("5.1200", "KWD", 5120),
        ("5", "ISK", 500),
        ("12", "UGX", 1200),
        ("10.45", "HUF", 1045),
        ("-3.10", "USD", -310),
        ("0", "EUR", 0),
    ],
)
def test_stripes_own_table_of_minor_units_is_followed(
    amount: str, currency: str, minor_units: int
) -> None:
    assert Money.from_decimal(Decimal(amount), currency).minor_units == minor_units


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("172.505", "EUR"),
        ("5800.5", "JPY"),
        ("5.123", "KWD"),
        ("5.50", "ISK"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("1e40", "EUR"),
    ],
)
def test_an_amount_that_stripe_cannot_take_exactly_is_refused_instead_of_rounded(
    amount: str, currency: str
) -> None:
    if amount == "1e40":
        assert not Money.from_decimal(Decimal(amount), currency).is_chargeable
        return
    with pytest.raises(MoneyError, match=r"cannot be charged exactly|not an amount"):
        Money.from_decimal(Decimal(amount), currency)


def test_the_refusal_names_the_step_that_stripe_takes() -> None:
    with pytest.raises(MoneyError, match=r"Stripe takes KWD in steps of 0\.010"):
        Money.from_decimal(Decimal("5.123"), "KWD")


@pytest.mark.parametrize("code", ["eur", "EU", "EURO", "", "E1R"])
def test_a_currency_is_three_capital_letters(code: str) -> None:
    with pytest.raises(MoneyError):
        Money(1, code)


def test_amounts_of_different_currencies_never_mix() -> None:
    euros, dollars = Money(1, "EUR"), Money(1, "USD")

    for mix in (
        lambda: euros + dollars,
        lambda: euros - dollars,
        lambda: euros < dollars,
        lambda: euros <= dollars,
    ):
        with pytest.raises(MoneyError, match="different currencies"):
            mix()


def test_amounts_of_one_currency_add_subtract_and_compare() -> None:
    one, two = Money(1, "EUR"), Money(2, "EUR")

    assert one + one == two
    assert two - one == one
    assert one < two
    assert one <= one  # noqa: PLR0124 - that is the question
    assert not two <= one
    assert str(two) == "0.02 EUR"


@pytest.mark.parametrize(
    ("minor_units", "chargeable"),
    [(-1, False), (0, False), (1, True), (99_999_999, True), (100_000_000, False)],
)
def test_only_positive_amounts_of_at_most_eight_digits_are_chargeable(
    minor_units: int, chargeable: bool
) -> None:
    assert Money(minor_units, "EUR").is_chargeable is chargeable
