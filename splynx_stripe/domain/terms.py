"""The terms of one partner: with which account, in which currency and under which names we charge."""

from __future__ import annotations

from dataclasses import dataclass

from splynx_stripe.domain.guardrails import NO_GUARDRAILS, Guardrails
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.statement import StatementGrouping
from splynx_stripe.domain.stripe import StripeAccount


@dataclass(frozen=True, slots=True)
class TopUpTerms:
    """How much a customer may add to the balance at once, and the amounts that are suggested."""

    minimum: Money
    maximum: Money
    suggestions: tuple[Money, ...]

    def allows(self, amount: Money) -> bool:
        """Says whether an amount is within the limits."""
        return self.minimum <= amount <= self.maximum


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say for one partner, resolved (YAML over page over default).

    `top_up` is None where customers cannot top up. `payment_kinds` are those that exist for the currency and country; without any, nothing can be
    paid. `sends_payment_links` is the setting "Charge invoices without cards".
    """

    partner_id: int
    account: StripeAccount
    publishable_key: str
    currency: str
    country: str
    language: str
    payment_account: str
    credit_card_payment_method: str
    bank_payment_account: str
    bank_account_payment_method: str
    payment_kinds: tuple[PaymentKind, ...]
    offers_to_save: bool
    top_up: TopUpTerms | None
    statement_grouping: StatementGrouping
    message_template: str
    grants_access_to_unauthorized: bool
    sends_payment_links: bool = False
    guardrails: Guardrails = NO_GUARDRAILS

    def payment_method_for(self, kind: PaymentKind) -> str:
        """Names Splynx's payment method that a payment of this kind is booked with."""
        return self.bank_account_payment_method if kind.is_bank else self.credit_card_payment_method

    def payment_account_for(self, kind: PaymentKind) -> str:
        """Names Splynx's payment account that a payment of this kind belongs to."""
        return self.bank_payment_account if kind.is_bank else self.payment_account
