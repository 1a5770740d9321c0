"""Splynx's payment accounts: the one row per customer in which a saved card or bank account is shown.

Fields as the closed add-on wrote them (`reference/splynx-api.md` 3.2): customer, payment method, brand,
last four digits, month, year. The order is a setting, because the accounts of a Splynx may differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from splynx_stripe.domain.credential import Credential, Slot
from splynx_stripe.domain.stripe import StripeAccount

FIELDS = 10
"""A payment account of Splynx has `field_1` to `field_10`."""

Row = Mapping[str, str]
"""The fields of a row that are not empty, by name."""


class RowWord(StrEnum):
    """What a field of the row may hold. NOTHING leaves the field to Splynx."""

    CUSTOMER = "customer"
    PAYMENT_METHOD = "payment_method"
    BRAND = "brand"
    LAST4 = "last4"
    EXPIRES_MONTH = "exp_month"
    EXPIRES_YEAR = "exp_year"
    EXPIRES = "expires"
    NOTHING = "-"


USUAL_WORDS = (
    RowWord.CUSTOMER,
    RowWord.PAYMENT_METHOD,
    RowWord.BRAND,
    RowWord.LAST4,
    RowWord.EXPIRES_MONTH,
    RowWord.EXPIRES_YEAR,
)
"""What the closed add-on wrote into field_1, field_2, …"""


@dataclass(frozen=True, slots=True)
class PaymentAccount:
    """A payment account as it is defined in Splynx."""

    id: int
    title: str


@dataclass(frozen=True, slots=True)
class PaymentAccountRow:
    """One customer's row of a payment account."""

    account_id: int
    customer_id: int
    fields: Row = field(repr=False)


def row_of(credential: Credential | None, last4: str, words: Sequence[RowWord]) -> Row:
    """Writes the row that shows a credential; no row (empty) where there is none.

    `last4` are the last digits of a bank account, opened by the caller; a card brings its own.
    """
    if credential is None:
        return {}
    card = credential.card
    values = {
        RowWord.CUSTOMER: credential.owner.stripe_customer_id,
        RowWord.PAYMENT_METHOD: credential.payment_method_id,
        RowWord.BRAND: card.brand if card else credential.kind.english_name,
        RowWord.LAST4: card.last4 if card else last4,
        RowWord.EXPIRES_MONTH: f"{card.expires_month:02}" if card else "",
        RowWord.EXPIRES_YEAR: str(card.expires_year) if card else "",
        RowWord.EXPIRES: f"{card.expires_year}-{card.expires_month:02}" if card else "",
    }
    named = {f"field_{number}": values.get(word, "") for number, word in enumerate(words, 1)}
    return {name: value for name, value in named.items() if value}


def word_in(row: Row, word: RowWord, words: Sequence[RowWord]) -> str:
    """Reads what a row says about one thing, "" where the setting has no field for it."""
    for number, here in enumerate(words, 1):
        if here is word:
            return row.get(f"field_{number}", "").strip()
    return ""


def ours(row: Row, words: Sequence[RowWord]) -> Row:
    """Gives the part of a row that is ours to write; other fields belong to the office."""
    names = {f"field_{number}" for number, word in enumerate(words, 1) if word != RowWord.NOTHING}
    return {name: value for name, value in row.items() if name in names and value}


class MirrorVerdict(StrEnum):
    """What is to be done about a row."""

    NOTHING = "nothing"
    WRITE = "write"
    HELD = "held"


def mirror_verdict(*, there: Row, wanted: Row, written: Row, announced: Row) -> MirrorVerdict:
    """Decides about a row, of which `written` was surely ours last and `announced` may be by now.

    Somebody's change by hand is respected: a row that is neither ours nor empty is not overwritten,
    and one that was emptied by hand is not filled again with the same.
    """
    if dict(there) == dict(wanted):
        return MirrorVerdict.NOTHING
    if not there:
        is_emptied_by_hand = dict(wanted) == dict(written) == dict(announced)
        return MirrorVerdict.HELD if is_emptied_by_hand else MirrorVerdict.WRITE
    is_ours = dict(there) in (dict(written), dict(announced))
    return MirrorVerdict.WRITE if is_ours else MirrorVerdict.HELD


@dataclass(frozen=True, slots=True)
class Mirror:
    """How far Splynx's row of a customer is from what it should show.

    `written` is what we wrote last and read back, `announced` what we are about to write; both are
    committed before the request, so that after a crash our own write is not taken for somebody
    else's. `due_at` is None when nothing is to be done. `sets_payment_method` asks to change the
    customer's payment method in Splynx too. `claim` is the fencing token of whoever works on it.
    """

    splynx_customer_id: int
    partner_id: int
    slot: Slot
    due_at: datetime | None
    written: Row = field(default_factory=dict, repr=False)
    announced: Row = field(default_factory=dict, repr=False)
    sets_payment_method: bool = False
    is_held: bool = False
    tries: int = 0
    last_error: str = ""
    claim: int = 0
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Detachment:
    """A PaymentMethod that is to be detached at Stripe."""

    id: int
    account: StripeAccount
    payment_method_id: str
    tries: int
