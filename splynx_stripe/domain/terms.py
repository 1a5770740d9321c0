"""The terms of one partner: with which account, in which currency and under which names we charge."""

from __future__ import annotations

from dataclasses import dataclass

from splynx_stripe.domain.statement import StatementGrouping
from splynx_stripe.domain.stripe import StripeAccount


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say for one partner, resolved (YAML over page over default)."""

    partner_id: int
    account: StripeAccount
    publishable_key: str
    currency: str
    country: str
    language: str
    payment_account: str
    credit_card_payment_method: str
    statement_grouping: StatementGrouping
    message_template: str
    grants_access_to_unauthorized: bool
