"""The words of the pages of saved cards and bank accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from splynx_stripe.domain.credential import (
    EXPIRES_SOON_MONTHS,
    CredentialState,
    DeadReason,
)
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import Microdeposits
from splynx_stripe.flows.credentials import CredentialItem
from splynx_stripe.flows.setup_credential import Proof, SetupStanding
from splynx_stripe.web.i18n import Language, later

_BRANDS = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "Eftpos Australia",
    "jcb": "JCB",
    "link": "Link",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
_BANK_NAMES = {
    PaymentKind.CARD: later("Card"),
    PaymentKind.ACH: later("Bank account (ACH Direct Debit)"),
    PaymentKind.BECS: later("Bank account (BECS Direct Debit)"),
    PaymentKind.PAD: later("Bank account (pre-authorized debit)"),
}
ADD_TITLES = {
    PaymentKind.CARD: later("Add a card"),
    PaymentKind.ACH: later("Add a bank account (ACH Direct Debit)"),
    PaymentKind.BECS: later("Add a bank account (BECS Direct Debit)"),
    PaymentKind.PAD: later("Add a bank account (pre-authorized debit)"),
}
_DEAD = {
    DeadReason.NONE: "",
    DeadReason.MANDATE_INACTIVE: later(
        "The permission to debit this account has ended at the bank. Please add it again."
    ),
    DeadReason.DETACHED: later("Stripe does not keep it any more. Please add it again."),
    DeadReason.STRIPE_CUSTOMER_DELETED: later(
        "Stripe does not keep it any more. Please add it again."
    ),
    DeadReason.ACCOUNT_CLOSED: later(
        "The bank says that there is no such account. Please add another."
    ),
    DeadReason.LOST_OR_STOLEN: later("It was reported lost or stolen. Please add another one."),
    DeadReason.NOT_VERIFIED: later(
        "The bank account was not confirmed in time. Please add it again."
    ),
}
PROOFS: Mapping[Proof, tuple[str, str]] = {
    Proof.PROVEN: ("good", later("The bank account is confirmed.")),
    Proof.WRONG: (
        "bad",
        later("That is not what the bank shows. Please look again; no money was taken."),
    ),
    Proof.TOO_OFTEN: (
        "bad",
        later("The bank account cannot be confirmed this way any more. Please add it again."),
    ),
    Proof.NOT_FOUND: ("bad", later("There is nothing to confirm here any more.")),
    Proof.LATER: (
        "care",
        later("Stripe could not be asked just now. Please try again in a few minutes."),
    ),
}
DONE: Mapping[str, tuple[str, str]] = {
    "moved": ("good", later("The order was changed.")),
    "removed": ("good", later("It was removed and will not be charged any more.")),
    **{f"proof-{proof}": words for proof, words in PROOFS.items()},
}
"""What a page says after something was done; the keys stand in its address."""


@dataclass(frozen=True, slots=True)
class ResultWords:
    """What the result page says; `way` is the link that leads on from it, "" for none."""

    icon: str
    title: str
    sentence: str
    may_change: bool = False
    way: str = later("Back to the list")


RESULTS: Mapping[SetupStanding, ResultWords] = {
    SetupStanding.SAVED: ResultWords(
        "success", later("Saved"), later("It can be used for your payments from now on.")
    ),
    SetupStanding.VERIFYING: ResultWords(
        "clock",
        later("One more step: confirm your bank account"),
        later(
            "Within one or two working days a very small deposit arrives on your account. Come back"
            " to the list then and tell us what you see."
        ),
    ),
    SetupStanding.PROCESSING: ResultWords(
        "clock",
        later("Being saved"),
        later("Stripe is still working on it. No money is taken."),
        may_change=True,
    ),
    SetupStanding.WAITING: ResultWords(
        "warning",
        later("Not saved yet"),
        later("The last step was not finished. Nothing was saved and no money was taken."),
        may_change=True,
    ),
    SetupStanding.FAILED: ResultWords(
        "warning",
        later("Not saved"),
        later("It was not accepted. Nothing was saved and no money was taken."),
    ),
    SetupStanding.NOT_FOUND: ResultWords(
        "warning", later("Nothing to see here"), later("We do not know this page.")
    ),
}
RESULTS_BY_LINK: Mapping[SetupStanding, ResultWords] = {
    **{
        standing: replace(words, way=later("Try again"))
        if standing in {SetupStanding.WAITING, SetupStanding.FAILED}
        else replace(words, way="")
        for standing, words in RESULTS.items()
    },
    SetupStanding.VERIFYING: ResultWords(
        "clock",
        RESULTS[SetupStanding.VERIFYING].title,
        later(
            "Within one or two working days a very small deposit arrives on your account. Open the"
            " link that you were sent again then and tell us what you see."
        ),
        way=later("Enter it now"),
    ),
}
"""The same where somebody has come by a link and there is no list."""
STARTS: Mapping[SetupStanding, str] = {
    SetupStanding.NOT_OFFERED: later("This cannot be saved here any more. Please go back."),
    SetupStanding.NOT_FOUND: later("This cannot be saved here any more. Please go back."),
    SetupStanding.TRY_AGAIN: later(
        "Stripe could not be reached. Nothing was saved. Please try again."
    ),
    SetupStanding.REFUSED: later(
        "Stripe does not accept this just now. Nothing was saved. Please contact us."
    ),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One saved thing as the pages show it. `mood` is the look of `state`: good, care or bad."""

    id: str
    name: str
    ending: str
    detail: str
    state: str
    mood: str
    explanation: str
    is_default: bool
    can_move_up: bool
    can_move_down: bool
    is_usable: bool
    proof: Microdeposits
    setup_id: str


def shown(items: tuple[CredentialItem, ...], language: Language) -> list[Shown]:
    """Puts the list into words."""
    return [_one(item, place, len(items), language) for place, item in enumerate(items)]


def _one(item: CredentialItem, place: int, count: int, language: Language) -> Shown:
    credential = item.credential
    state, mood, explanation = _state(item, language)
    is_waiting = credential.state is CredentialState.VERIFYING
    return Shown(
        id=credential.id,
        name=_name(item, language),
        ending=item.last4,
        detail=_detail(item, language),
        state=state,
        mood=mood,
        explanation=explanation,
        is_default=item.is_default,
        can_move_up=place > 0,
        can_move_down=place < count - 1,
        is_usable=credential.is_usable,
        proof=item.microdeposits if is_waiting else Microdeposits.NONE,
        setup_id=credential.setup_id if is_waiting else "",
    )


def _name(item: CredentialItem, language: Language) -> str:
    if item.credential.card is not None:
        return brand_words(item.credential.card.brand) or language.say("Card")
    if item.bank is not None and item.bank.bank_name:
        return item.bank.bank_name
    return language.say(_BANK_NAMES[item.credential.kind])


def brand_words(brand: str) -> str:
    """Names the brand of a card as it names itself; "" for none."""
    return _BRANDS.get(brand, brand.replace("_", " ").title())


def _detail(item: CredentialItem, language: Language) -> str:
    card = item.credential.card
    if card is not None and card.last4:
        return language.say(
            later("Expires %(month)s/%(year)s"),
            month=f"{card.expires_month:02}",
            year=str(card.expires_year),
        )
    return item.bank.holder if item.bank else ""


def _state(item: CredentialItem, language: Language) -> tuple[str, str, str]:
    credential = item.credential
    if credential.state is CredentialState.DEAD:
        reason = _DEAD[credential.dead_reason]
        return language.say(later("Cannot be used")), "bad", language.say(reason) if reason else ""
    if credential.state is CredentialState.VERIFYING:
        text = later("Waits for confirmation")
        return language.say(text), "care", how_to_prove(item.microdeposits, language)
    if item.months_left is not None and item.months_left < 0:
        why = later("Many banks renew cards by themselves; if yours does not, add the new one.")
        return language.say(later("Expired")), "bad", language.say(why)
    if item.months_left is not None and item.months_left <= EXPIRES_SOON_MONTHS:
        return language.say(later("Expires soon")), "care", ""
    return "", "", ""


def how_to_prove(kind: Microdeposits, language: Language) -> str:
    """Says what the customer will find on the bank statement."""
    if kind is Microdeposits.DESCRIPTOR_CODE:
        text = later(
            "Within one or two working days a deposit of 0.01 arrives on your account. Its"
            " description contains a code of six characters that begins with SM."
        )
    else:
        text = later(
            "Within one or two working days two very small deposits arrive on your account."
        )
    return language.say(text)
