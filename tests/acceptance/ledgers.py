"""The three ledgers side by side, and the sentences about where they do not agree."""

from __future__ import annotations

from collections.abc import Collection as Group, Iterable
from dataclasses import dataclass
from decimal import Decimal

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.case import Case
from splynx_stripe.domain.collection import Collection, CollectionState
from splynx_stripe.domain.effect import EffectState, StoredEffect
from splynx_stripe.domain.metadata import ATTEMPT, DOCUMENT_NUMBER
from splynx_stripe.domain.money import Money
from splynx_stripe.sandbox.splynx import SplynxSandbox
from splynx_stripe.sandbox.splynx.rows import Invoice, Payment, Proforma
from splynx_stripe.sandbox.stripe import StripeSandbox
from splynx_stripe.store.unit import SqlUnit

_DEAD = "canceled"
_MONEY_MOVED = "succeeded"


@dataclass(frozen=True, slots=True)
class Debt:
    """A document that somebody pays in a test."""

    customer_id: int
    number: str
    is_proforma: bool = False

    @property
    def page(self) -> str:
        """Gives the portal's payment page of it."""
        return f"{'pay-request' if self.is_proforma else 'pay-invoice'}?item_id={self.number}"


INVOICE = Debt(17, "202611000042")
"""172.50 EUR of John Doe."""

SECOND_INVOICE = Debt(17, "202611000043")
"""49.90 EUR of John Doe."""

OTHERS_INVOICE = Debt(18, "202611000044")
"""89.90 EUR of Jana Novakova."""

PROFORMA = Debt(21, "202611000003", is_proforma=True)
"""5800 JPY of Yuki Tanaka."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent of ours as Stripe has it."""

    id: str
    status: str
    money: Money
    document_number: str
    attempt_id: str


@dataclass(frozen=True, slots=True)
class OurBooks:
    """What our own store says."""

    collections: tuple[Collection, ...]
    attempts: tuple[Attempt, ...]
    effects: tuple[StoredEffect, ...]
    cases: tuple[Case, ...]


def our_books(unit: SqlUnit, debts: Iterable[Debt]) -> OurBooks:
    """Reads everything that the store knows about the debts."""
    collections = [each for debt in debts for each in unit.find_collections(debt.number)]
    attempts = [each for one in collections for each in unit.attempts_of(one.id)]
    keys = [f"{kind}:{attempt.id}" for attempt in attempts for kind in ("book", "record")]
    effects = [found for key in keys if (found := unit.effect(key)) is not None]
    cases = unit.cases(only_open=True, limit=1000)
    return OurBooks(tuple(collections), tuple(attempts), tuple(effects), tuple(cases))


class ForeignBooks:
    """What Stripe and Splynx say; always fresh."""

    def __init__(self, splynx: SplynxSandbox, stripe: StripeSandbox) -> None:
        self._splynx = splynx.state
        self._stripe = stripe.state

    def intents(self, debt: Debt | None = None) -> list[Intent]:
        """Gives our PaymentIntents, of one debt or of all."""
        all_of_them = [
            Intent(
                id=row["id"],
                status=row["status"],
                money=Money(row["amount"], row["currency"].upper()),
                document_number=row["metadata"].get(DOCUMENT_NUMBER, ""),
                attempt_id=row["metadata"].get(ATTEMPT, ""),
            )
            for row in self._stripe.book().payment_intents.values()
        ]
        return [one for one in all_of_them if debt is None or one.document_number == debt.number]

    def payments(self) -> list[Payment]:
        """Gives the Splynx payments that say they stand for a PaymentIntent."""
        return [row for row in self._splynx.payments if row.receipt_number.startswith("pi_")]

    def document(self, debt: Debt) -> Invoice | Proforma:
        """Gives the document as Splynx has it."""
        table: Iterable[Invoice | Proforma] = (
            self._splynx.proformas if debt.is_proforma else self._splynx.invoices
        )
        return next(row for row in table if row.number == debt.number)

    def deposit(self, debt: Debt) -> Decimal:
        """Gives the balance of the debt's customer."""
        return self._splynx.billings[debt.customer_id].deposit

    def problems_of(self, debt: Debt) -> list[str]:
        """Says what is missing or too much until a debt counts as collected once (I1, I2, I3)."""
        intents = self.intents(debt)
        paid = [intent for intent in intents if intent.status == _MONEY_MOVED]
        if len(paid) != 1:
            return [f"{debt.number}: {len(paid)} charges in {intents}"]
        alive = [one for one in intents if one.status not in {_MONEY_MOVED, _DEAD}]
        problems = [f"{debt.number}: {one.id} could still take money" for one in alive]
        bookings = [row for row in self.payments() if row.receipt_number == paid[0].id]
        if len(bookings) != 1:
            return [*problems, f"{debt.number}: {len(bookings)} payments for {paid[0].id}"]
        booking = bookings[0]
        if booking.amount != paid[0].money.to_decimal():
            problems.append(f"{debt.number}: {booking.amount} booked for {paid[0].money}")
        if booking.customer_id != debt.customer_id:
            problems.append(f"{debt.number}: booked for customer {booking.customer_id}")
        return problems + self._problems_of_statement(debt, booking)

    def problems_of_document(self, debt: Debt) -> list[str]:
        """Says whether a document does not show "Paid"."""
        status = self.document(debt).status
        return [] if status == "paid" else [f"{debt.number} is {status}"]

    def inventions(self) -> list[str]:
        """Finds payments in Splynx that no charge at Stripe stands behind (I3)."""
        moved = {one.id for one in self.intents() if one.status == _MONEY_MOVED}
        # Several documents paid at once have a payment each: `pi_…-1`, `pi_…-2`.
        return [
            f"payment {row.id} for {row.receipt_number} is invented"
            for row in self.payments()
            if row.receipt_number.partition("-")[0] not in moved
        ]

    def _problems_of_statement(self, debt: Debt, booking: Payment) -> list[str]:
        records = [row for row in self._splynx.records if row.payment_id == booking.id]
        if [row.status for row in records] != ["processed"]:
            return [f"{debt.number}: statement records {[row.status for row in records]}"]
        if records[0].amount != booking.amount:
            return [f"{debt.number}: the statement says {records[0].amount}"]
        return []


def problems_of_ours(ours: OurBooks, expected_cases: Group[str]) -> list[str]:
    """Says what our store still has to do, or believes otherwise than expected."""
    found = sorted(case.kind.value for case in ours.cases)
    problems = [
        f"cases {found} ({[case.summary for case in ours.cases]})"
        for _ in (1,)
        if found != sorted(expected_cases)
    ]
    problems += [f"effect {one.key} is {one.state}" for one in ours.effects if _is_open(one)]
    live = [one for one in ours.attempts if one.is_live]
    problems += [f"attempt {one.id} is {one.state}" for one in live]
    booked = [one for one in ours.collections if one.state is CollectionState.BOOKED]
    if len(booked) != len({one.payable.key for one in ours.collections}):
        problems.append(f"collections {[str(one.state) for one in ours.collections]}")
    return problems


def _is_open(effect: StoredEffect) -> bool:
    return effect.state is not EffectState.DONE
