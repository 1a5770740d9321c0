"""The kinds of payment that customers can choose, and where each of them exists."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class PaymentKind(StrEnum):
    """A kind of payment, under the words of the setting "Available payment types"."""

    CARD = "card"
    ACH = "ach"
    BECS = "becs"
    PAD = "pad"

    @property
    def stripe_type(self) -> str:
        """Gives Stripe's `PaymentMethod.type`."""
        return _STRIPE_TYPES[self]

    @property
    def is_bank(self) -> bool:
        """Says whether it is a bank debit, whose outcome is known after days."""
        return self is not PaymentKind.CARD

    @property
    def english_name(self) -> str:
        """Gives its name in English, for people."""
        return _TITLES[self]


_STRIPE_TYPES = {
    PaymentKind.CARD: "card",
    PaymentKind.ACH: "us_bank_account",
    PaymentKind.BECS: "au_becs_debit",
    PaymentKind.PAD: "acss_debit",
}
_TITLES = {
    PaymentKind.CARD: "Card",
    PaymentKind.ACH: "ACH Direct Debit",
    PaymentKind.BECS: "BECS Direct Debit",
    PaymentKind.PAD: "Pre-authorized debit",
}
_KINDS_OF_STRIPE = {stripe_type: kind for kind, stripe_type in _STRIPE_TYPES.items()} | {
    "link": PaymentKind.CARD
}
"""Link pays with a card behind it; we asked for a card and book it as one."""

_BANK_REGIONS = {
    PaymentKind.ACH: ({"USD"}, {"US"}),
    PaymentKind.BECS: ({"AUD"}, {"AU"}),
    PaymentKind.PAD: ({"CAD", "USD"}, {"CA", "US"}),
}
"""Currencies that a scheme moves, and countries of Stripe accounts that may use it
(`reference/stripe-api.md`, section 4)."""


def kind_of_stripe_type(stripe_type: str) -> PaymentKind | None:
    """Gives the kind of a Stripe `PaymentMethod.type`, None for one that we never offer."""
    return _KINDS_OF_STRIPE.get(stripe_type)


def currencies_of(kind: PaymentKind) -> frozenset[str]:
    """Gives the currencies that a bank debit moves; for cards it is empty, which means any."""
    return frozenset(_BANK_REGIONS[kind][0]) if kind in _BANK_REGIONS else frozenset()


def is_offered(kind: PaymentKind, currency: str, country: str) -> bool:
    """Says whether a Stripe account of `country` can take `currency` by this kind.

    An unknown country ("") rules nothing out: Stripe drops what it cannot do by itself.
    """
    if kind not in _BANK_REGIONS:
        return True
    currencies, countries = _BANK_REGIONS[kind]
    return currency in currencies and (not country or country in countries)


def offered(kinds: Sequence[PaymentKind], currency: str, country: str) -> tuple[PaymentKind, ...]:
    """Gives those of the wanted kinds that exist for a currency and country, in their order."""
    return tuple(kind for kind in kinds if is_offered(kind, currency, country))
