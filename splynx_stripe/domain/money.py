"""Exact money: an integer count of the minor units that Stripe counts in, and its currency.

Splynx keeps amounts as decimals with four places; Stripe takes integers of a currency's minor
unit, and its table of minor units is not ISO 4217's (docs.stripe.com/currencies, "Zero-decimal
currencies" and "Special cases"; `reference/faults.md` P13). The only way from one to the other
is `Money.from_decimal`, which refuses an amount that Stripe cannot take exactly. Nothing in
this project rounds money.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from typing_extensions import override

from splynx_stripe.domain.errors import MoneyError

ZERO_DECIMAL_CURRENCIES = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
"""Stripe's minor unit is the whole unit."""

THREE_DECIMAL_CURRENCIES = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
"""Stripe counts thousandths and wants the last digit to be 0."""

WHOLE_UNIT_CURRENCIES = frozenset(["ISK", "UGX"])
"""Stripe counts hundredths and wants them to be divisible by 100: these have no cents."""

_DEFAULT_EXPONENT = 2
_MAX_MINOR_UNITS = 99_999_999
_CURRENCY_CODE = re.compile(r"[A-Z]{3}")


def currency_exponent(currency: str) -> int:
    """Says how many decimal places Stripe's minor unit of `currency` stands for (0, 2 or 3)."""
    if currency in ZERO_DECIMAL_CURRENCIES:
        return 0
    if currency in THREE_DECIMAL_CURRENCIES:
        return 3
    return _DEFAULT_EXPONENT


def smallest_step(currency: str) -> int:
    """Says by how many minor units two chargeable amounts of `currency` differ at least."""
    if currency in THREE_DECIMAL_CURRENCIES:
        return 10
    if currency in WHOLE_UNIT_CURRENCIES:
        return 100
    return 1


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in Stripe's minor units (`minor_units=17250, currency="EUR"` is 172.50 EUR).

    Raises:
        MoneyError: when the currency is not three capital letters.
    """

    minor_units: int
    currency: str

    def __post_init__(self) -> None:
        if not _CURRENCY_CODE.fullmatch(self.currency):
            raise MoneyError(f"{self.currency!r} is not a currency code of three capital letters.")

    @classmethod
    def from_decimal(cls, amount: Decimal, currency: str) -> Money:
        """Converts an amount of Splynx, in major units, without rounding.

        Raises:
            MoneyError: when Stripe cannot take exactly this amount. Nothing was charged; the
                document has to be corrected in Splynx.
        """
        try:
            scaled = amount.scaleb(currency_exponent(currency))
            minor_units = int(scaled)
        except (InvalidOperation, ValueError, OverflowError) as error:
            raise MoneyError(f"{amount} is not an amount of money.") from error
        money = cls(minor_units, currency)
        if scaled != minor_units or minor_units % smallest_step(currency):
            raise MoneyError(
                f"{amount} {currency} cannot be charged exactly: Stripe takes {currency} in steps"
                f" of {cls(smallest_step(currency), currency).to_decimal()}."
            )
        return money

    def to_decimal(self) -> Decimal:
        """Gives the amount in major units, with the currency's own number of places."""
        return Decimal(self.minor_units).scaleb(-currency_exponent(self.currency))

    @property
    def is_chargeable(self) -> bool:
        """Says whether Stripe's API takes this amount at all (positive, at most eight digits)."""
        return 0 < self.minor_units <= _MAX_MINOR_UNITS

    def __add__(self, other: Money) -> Money:
        return Money(self.minor_units + self._same_currency(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor_units - self._same_currency(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor_units < self._same_currency(other)

    def __le__(self, other: Money) -> bool:
        return self.minor_units <= self._same_currency(other)

    @override
    def __str__(self) -> str:
        return f"{self.to_decimal()} {self.currency}"

    def _same_currency(self, other: Money) -> int:
        if other.currency != self.currency:
            raise MoneyError(f"{self} and {other} are in different currencies.")
        return other.minor_units
