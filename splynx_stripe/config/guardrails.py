"""The guardrails of charge runs: from amounts as people write them to exact money."""

from __future__ import annotations

from decimal import Decimal

from splynx_stripe.config.business import BusinessSettings
from splynx_stripe.domain.errors import MoneyError
from splynx_stripe.domain.guardrails import Guardrails
from splynx_stripe.domain.money import Money

GUARDRAIL_KEYS = frozenset(
    {"charge_run_maximum", "charge_customer_maximum", "charge_second_confirmation_above"}
)
"""The settings that are amounts of the partner's currency."""


def guardrails_of(business: BusinessSettings, currency: str) -> Guardrails:
    """Gives the guardrails in a partner's currency. An amount of 0 limits nothing.

    An amount that cannot be said in the currency is a problem of the settings (`checks`); should
    one get here, nothing at all may be charged by a run.
    """
    return Guardrails(
        run_maximum=_limit(business.charge_run_maximum, currency),
        customer_maximum=_limit(business.charge_customer_maximum, currency),
        second_above=_limit(business.charge_second_confirmation_above, currency),
        deviation_percent=int(business.charge_deviation_percent),
        not_twice_within_days=int(business.charge_not_twice_within_days),
    )


def problem_of_guardrails(business: BusinessSettings, currency: str) -> tuple[str, str]:
    """Gives the setting and what is wrong with it, two times "" when nothing is."""
    for key in sorted(GUARDRAIL_KEYS):
        try:
            _money(getattr(business, key), currency)
        except MoneyError as error:
            return key, str(error)
    return "", ""


def _limit(written: str, currency: str) -> Money | None:
    try:
        limit = _money(written, currency)
    except MoneyError:
        return Money(0, currency)
    return limit if limit.minor_units else None


def _money(amount: str, currency: str) -> Money:
    return Money.from_decimal(Decimal(amount), currency)
