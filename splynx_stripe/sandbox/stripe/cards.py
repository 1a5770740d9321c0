"""The public test cards and test bank accounts, and what each of them does when charged."""

from __future__ import annotations

from dataclasses import dataclass

AUTHENTICATION_MESSAGE = "Your card was declined. This transaction requires authentication."


@dataclass(frozen=True, slots=True)
class Decline:
    """How a refused charge is worded. `decline_code` is "" where Stripe gives none."""

    code: str
    decline_code: str
    message: str


GENERIC_DECLINE = Decline("card_declined", "generic_decline", "Your card was declined.")
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required", "authentication_required", AUTHENTICATION_MESSAGE
)


@dataclass(frozen=True, slots=True)
class TestCard:
    """One card.

    `always_3ds`: authentication on every on-session payment and refusal off session;
    `setup_3ds`: the same until a SetupIntent or on-session payment has authenticated it.
    `decline_on_attach`: Stripe checks the card when it is saved and refuses it then already.
    `decline_off_session`: it can be saved and pays at a page, and is refused while nobody is there.
    """

    number: str
    brand: str = "visa"
    decline: Decline | None = None
    decline_on_attach: bool = True
    decline_off_session: Decline | None = None
    always_3ds: bool = False
    setup_3ds: bool = False
    refund_fails: bool = False
    refund_pending: bool = False

    __test__ = False

    @property
    def last4(self) -> str:
        return self.number[-4:]


@dataclass(frozen=True, slots=True)
class TestBankAccount:
    """One bank account. `failure` is the reason the debit fails with, after a while.

    `microdeposits` is how it has to be proven before it can be saved: by "amounts", by a
    "descriptor_code", or, with "", not at all, because its owner has logged in to the bank.
    """

    number: str
    failure: Decline | None = None
    microdeposits: str = ""

    __test__ = False

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _insufficient() -> Decline:
    return Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")


_CARDS = (
    ("pm_card_visa", TestCard("4242424242424242")),
    ("pm_card_mastercard", TestCard("5555555555554444", brand="mastercard")),
    ("pm_card_chargeDeclined", TestCard("4000000000000002", decline=GENERIC_DECLINE)),
    (
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        TestCard("4000000000009995", decline=_insufficient()),
    ),
    (
        "pm_card_visa_chargeDeclinedLostCard",
        TestCard(
            "4000000000009987",
            decline=Decline("card_declined", "lost_card", "Your card was declined."),
        ),
    ),
    (
        "pm_card_visa_chargeDeclinedStolenCard",
        TestCard(
            "4000000000009979",
            decline=Decline("card_declined", "stolen_card", "Your card was declined."),
        ),
    ),
    (
        "pm_card_chargeDeclinedExpiredCard",
        TestCard("4000000000000069", decline=Decline("expired_card", "", "Your card has expired.")),
    ),
    (
        "pm_card_chargeDeclinedIncorrectCvc",
        TestCard(
            "4000000000000127",
            decline=Decline("incorrect_cvc", "", "Your card's security code is incorrect."),
        ),
    ),
    (
        "pm_card_chargeDeclinedProcessingError",
        TestCard(
            "4000000000000119",
            decline=Decline(
                "processing_error",
                "",
                "An error occurred while processing your card. Try again in a little bit.",
            ),
        ),
    ),
    ("pm_card_authenticationRequiredOnSetup", TestCard("4000002500003155", setup_3ds=True)),
    ("pm_card_authenticationRequired", TestCard("4000002760003184", always_3ds=True)),
    (
        "pm_card_chargeCustomerFail",
        TestCard("4000000000000341", decline=GENERIC_DECLINE, decline_on_attach=False),
    ),
    ("pm_card_refundFail", TestCard("4000000000005126", refund_fails=True)),
    ("pm_card_pendingRefund", TestCard("4000000000007726", refund_pending=True)),
)
_SAVED_AND_DECLINED = (
    ("4000000000019994", _insufficient()),
    ("4000000000029993", Decline("expired_card", "expired_card", "Your card has expired.")),
    ("4000000000039992", Decline("card_declined", "lost_card", "Your card was declined.")),
    ("4000000000049991", Decline("card_declined", "do_not_honor", "Your card was declined.")),
    ("4000000000059990", AUTHENTICATION_REQUIRED),
    (
        "4000000000069999",
        Decline(
            "processing_error",
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
)
"""The sandbox's own: Stripe's test cards with these reasons cannot be saved, so that nothing with them
can be charged later; real cards get into such a state between two charges."""
_BANKS = (
    ("pm_usBankAccount_success", TestBankAccount("000123456789")),
    (
        "pm_usBankAccount_accountClosed",
        TestBankAccount(
            "000111111113",
            Decline("account_closed", "", "The customer's bank account has been closed."),
        ),
    ),
    (
        "pm_usBankAccount_noAccount",
        TestBankAccount(
            "000111111116",
            Decline("no_account", "", "The customer's bank account could not be located."),
        ),
    ),
    (
        "pm_usBankAccount_insufficientFunds",
        TestBankAccount(
            "000222222227",
            Decline(
                "insufficient_funds",
                "",
                "The customer's account has insufficient funds to cover this payment.",
            ),
        ),
    ),
    (
        "pm_usBankAccount_debitNotAuthorized",
        TestBankAccount(
            "000333333335",
            Decline(
                "debit_not_authorized",
                "",
                "The customer has notified their bank that this payment was unauthorized.",
            ),
        ),
    ),
)
MICRODEPOSIT_BANKS = (
    TestBankAccount("000777777771", microdeposits="descriptor_code"),
    TestBankAccount("000888888883", microdeposits="amounts"),
)
"""The sandbox's own: at the real Stripe every number that is typed in has to be proven."""
CARDS_BY_NUMBER = {card.number: card for _, card in _CARDS} | {
    number: TestCard(number, decline_off_session=decline) for number, decline in _SAVED_AND_DECLINED
}
CARDS_BY_ID = {
    **dict(_CARDS),
    "pm_card_visa_chargeDeclined": dict(_CARDS)["pm_card_chargeDeclined"],
}
BANKS_BY_NUMBER = {bank.number: bank for bank in (*(it for _, it in _BANKS), *MICRODEPOSIT_BANKS)}
BANKS_BY_ID = dict(_BANKS)
TEST_ROUTING_NUMBER = "110000000"


def passes_luhn(number: str) -> bool:
    """Says whether the check digit of a card number is right."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(digit * 2, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
