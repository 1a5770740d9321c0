"""The smallest amount that Stripe charges, per currency.

docs.stripe.com/currencies, "Minimum and maximum charge amounts". Where Stripe names none, nothing is
below it here, and Stripe itself decides by the value in the account's own currency.
"""

from __future__ import annotations

from splynx_stripe.domain.money import Money, smallest_step

_SMALLEST_MINOR_UNITS = {
    "AED": 200,
    "AUD": 50,
    "BGN": 100,
    "BRL": 50,
    "CAD": 50,
    "CHF": 50,
    "CZK": 1500,
    "DKK": 250,
    "EUR": 50,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17500,
    "INR": 50,
    "JPY": 50,
    "MXN": 1000,
    "MYR": 200,
    "NOK": 300,
    "NZD": 50,
    "PLN": 200,
    "RON": 200,
    "SEK": 300,
    "SGD": 50,
    "THB": 1000,
    "USD": 50,
}


def smallest_charge(currency: str) -> Money:
    """Gives the least that can be charged in `currency`."""
    return Money(_SMALLEST_MINOR_UNITS.get(currency, smallest_step(currency)), currency)
