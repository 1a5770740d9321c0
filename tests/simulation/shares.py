"""Who owns which part of a charge: the oracle's own knowledge of debts, shares and receipt numbers.

A charge is for one document, for several (each has a share and a receipt number of its own), or for
a top-up. What the product wrote down before it asked Stripe is read once and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from splynx_stripe.domain.metadata import ATTEMPT, INSTALLATION, PARTNER
from tests.simulation.disk import Disk
from tests.simulation.process import ACCOUNTS
from tests.simulation.stripe_raw import Json
from tests.simulation.stripe_side import StripeSide

_PLACES = {"USD": 2, "JPY": 0}
_DEBT = """
SELECT c.id, c.kind, c.payable_key, c.document_number, a.amount_minor, a.currency
FROM attempts a JOIN collections c ON c.id = a.collection_id WHERE a.id = ?
"""
_PARTS = """
SELECT id, document_number, set_amount_minor, part FROM collections WHERE whole_id = ? ORDER BY part
"""


def in_units(minor: int, currency: str) -> Decimal:
    """Gives an amount of Stripe in whole dollars or yen."""
    return Decimal(minor).scaleb(-_PLACES[currency.upper()])


def ours(stripe: StripeSide) -> list[Json]:
    """Gives the PaymentIntents that this installation made; not those that copy our metadata."""
    return [intent for intent in stripe.intents.values() if is_ours(stripe, intent)]


def is_ours(stripe: StripeSide, intent: Json) -> bool:
    """Says whether this installation made a PaymentIntent."""
    metadata = intent["metadata"]
    if metadata.get(INSTALLATION) != "ins_sim":
        return False
    return ACCOUNTS[int(metadata[PARTNER])].name == stripe.account_of[intent["id"]]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a charge. `part` is 0 for all of it.

    `name` is a document's number, or the key of a debt without one, such as `top_up/...`.
    """

    name: str
    amount: Decimal
    part: int
    collection_id: str

    @property
    def has_no_document(self) -> bool:
        """Says whether it is for no document."""
        return "/" in self.name

    @property
    def is_of_account(self) -> bool:
        """Says whether it is for what a customer owes in all, or pays ahead."""
        return self.name.startswith(("balance/", "prepaid/"))

    def marker(self, thing_id: str) -> str:
        """Gives the receipt number of its booking, or of the reversal of that."""
        return f"{thing_id}-{self.part}" if self.part else thing_id


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt number stands for: a share of a charge, or its return by a dispute."""

    intent: Json
    share: Share
    dispute: Json | None = None


class Shares:
    """Knows the shares of every attempt."""

    def __init__(self, disk: Disk, stripe: StripeSide) -> None:
        self._disk = disk
        self._stripe = stripe
        self._known: dict[str, Sequence[Share]] = {}
        self._receipts: dict[str, Receipt | None] = {}

    def of_attempt(self, attempt_id: str) -> Sequence[Share]:
        """Gives the shares of an attempt, whose row exists before Stripe hears of it."""
        known = self._known.get(attempt_id)
        if known is None:
            known = self._read(attempt_id)
            if known:
                self._known[attempt_id] = known
        return known

    def of(self, intent: Json) -> Sequence[Share]:
        """Gives the shares of one of our PaymentIntents."""
        return self.of_attempt(intent["metadata"][ATTEMPT])

    def _read(self, attempt_id: str) -> Sequence[Share]:
        raw = self._disk.raw
        row = raw.execute(_DEBT, (attempt_id,)).fetchone()
        if row is None:
            return ()
        whole_id, kind, key, number, minor, currency = row
        if kind != "several":
            name = number or key
            return (Share(name, in_units(minor, currency), 0, whole_id),)
        return tuple(
            Share(number, in_units(minor, currency), part, part_id)
            for part_id, number, minor, part in raw.execute(_PARTS, (whole_id,))
        )

    def taken(self, intent: Json, share: Share) -> Decimal:
        """Gives how much Stripe has taken for a share."""
        received = in_units(intent["amount_received"], intent["currency"])
        if not share.part or not received:
            return received
        everything = sum((each.amount for each in self.of(intent)), Decimal(0))
        return share.amount if received == everything else Decimal(-1)

    def receipt(self, number: str) -> Receipt | None:
        """Reads a receipt number; None where it stands for nothing of ours."""
        if number not in self._receipts:
            self._receipts[number] = self._understand(number)
        return self._receipts[number]

    def _understand(self, number: str) -> Receipt | None:
        thing_id, _, part = number.partition("-")
        dispute = self._stripe.disputes.get(thing_id)
        intent_id = thing_id if dispute is None else dispute["payment_intent"]
        intent = self._stripe.intents.get(intent_id)
        if intent is None or not is_ours(self._stripe, intent):
            return None
        if dispute and self._stripe.account_of[thing_id] != self._stripe.account_of[intent_id]:
            return None
        wanted = int(part) if part else 0
        found = [share for share in self.of(intent) if share.part == wanted]
        return Receipt(intent, found[0], dispute) if found else None

    def returned(self, intent: Json) -> Json | None:
        """Gives the dispute by which the bank took all of a debit back."""
        method = self._stripe.methods.get(intent["payment_method"] or "")
        if method is None or method["type"] == "card":
            return None
        account = self._stripe.account_of[intent["id"]]
        for dispute in self._stripe.disputes.values():
            is_here = self._stripe.account_of[dispute["id"]] == account
            if is_here and dispute["payment_intent"] == intent["id"]:
                return dispute if dispute["amount"] == intent["amount_received"] else None
        return None
