"""The limits of top-ups: from amounts as people write them to exact money."""

from __future__ import annotations

from decimal import Decimal

from splynx_stripe.config.business import BusinessSettings
from splynx_stripe.domain.errors import MoneyError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.terms import TopUpTerms


def top_up_terms(business: BusinessSettings, currency: str) -> TopUpTerms | None:
    """Gives the limits; None where customers cannot top up, or where they make no sense."""
    if not business.top_up_amounts or problem_of_top_up(business, currency):
        return None
    return TopUpTerms(
        minimum=_money(business.top_up_minimum, currency),
        maximum=_money(business.top_up_maximum, currency),
        suggestions=tuple(_money(amount, currency) for amount in business.top_up_amounts),
    )


def problem_of_top_up(business: BusinessSettings, currency: str) -> str:
    """Says what is wrong with the amounts of top-ups, "" when nothing is."""
    try:
        minimum, maximum, *suggested = [
            _money(amount, currency)
            for amount in (
                business.top_up_minimum,
                business.top_up_maximum,
                *business.top_up_amounts,
            )
        ]
    except MoneyError as error:
        return str(error)
    if not minimum.is_chargeable or not maximum.is_chargeable or maximum < minimum:
        return f"nothing is between {minimum} and {maximum}."
    for amount in suggested:
        if not minimum <= amount <= maximum:
            return f"{amount} is suggested, but a top-up is between {minimum} and {maximum}."
    return ""


def _money(amount: str, currency: str) -> Money:
    return Money.from_decimal(Decimal(amount), currency)
