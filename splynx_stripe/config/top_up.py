"""The limits of top-ups: from amounts as people write them to exact money."""

from __future__ import annotations

from decimal import Decimal

from splynx_stripe.config.business import BusinessSettings
from splynx_stripe.domain.errors import MoneyError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.terms import TopUpTerms
from splynx_stripe.kit.sentence import sentence


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
    written = (business.top_up_minimum, business.top_up_maximum, *business.top_up_amounts)
    try:
        minimum, maximum, *suggested = [_money(amount, currency) for amount in written]
    except MoneyError:
        inexact = [amount for amount in written if not _is_exact(amount, currency)]
        return sentence(
            "%(amount)s %(currency)s cannot be charged exactly.",
            amount=", ".join(inexact),
            currency=currency,
        )
    if not minimum.is_chargeable or not maximum.is_chargeable or maximum < minimum:
        return sentence(
            "nothing is between %(least)s and %(most)s.", least=str(minimum), most=str(maximum)
        )
    for amount in suggested:
        if not minimum <= amount <= maximum:
            return sentence(
                "%(amount)s is suggested, but a top-up is between %(least)s and %(most)s.",
                amount=str(amount),
                least=str(minimum),
                most=str(maximum),
            )
    return ""


def _is_exact(amount: str, currency: str) -> bool:
    try:
        _money(amount, currency)
    except MoneyError:
        return False
    return True


def _money(amount: str, currency: str) -> Money:
    return Money.from_decimal(Decimal(amount), currency)
