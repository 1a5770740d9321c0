"""A credential: a saved card or bank account of a customer, with its life and its place in the order.

Theory. Saving the same card again gives the same credential (found by `mark`, an HMAC of Stripe's
fingerprint), because a list with one card twice helps nobody and a charge run would try it twice. A
credential that cannot be charged any more is DEAD, not gone: the customer sees it with the reason
and may save it again. REMOVED absorbs everything: whoever removed a card must never be charged by it,
whatever Stripe tells later.

`position` is the order in which credentials are tried: 0 is the default. Only USABLE ones are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from splynx_stripe.domain.consent import Consent
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import CardFace, MandateStatus
from splynx_stripe.domain.stripe import StripeAccount

EXPIRES_SOON_MONTHS = 2
"""A card that can be used for this many months more, or fewer, is marked."""


class CredentialState(StrEnum):
    """Where a credential is. VERIFYING: the bank account is not proven yet."""

    VERIFYING = "verifying"
    USABLE = "usable"
    DEAD = "dead"
    REMOVED = "removed"


class CredentialNews(StrEnum):
    """What can become known about a credential."""

    SAVED = "saved"
    VERIFICATION_FAILED = "verification_failed"
    DIED = "died"
    REMOVED = "removed"


class DeadReason(StrEnum):
    """Why a credential cannot be charged any more."""

    NONE = ""
    MANDATE_INACTIVE = "mandate_inactive"
    DETACHED = "detached"
    STRIPE_CUSTOMER_DELETED = "stripe_customer_deleted"
    LOST_OR_STOLEN = "lost_or_stolen"
    NOT_VERIFIED = "not_verified"
    ACCOUNT_CLOSED = "account_closed"


_S, _N = CredentialState, CredentialNews

CREDENTIAL_TRANSITIONS: Mapping[tuple[CredentialState, CredentialNews], CredentialState] = (
    MappingProxyType(
        {(state, news): state for state in CredentialState for news in CredentialNews}
        | {
            (_S.VERIFYING, _N.SAVED): _S.USABLE,
            (_S.DEAD, _N.SAVED): _S.USABLE,
            (_S.VERIFYING, _N.VERIFICATION_FAILED): _S.DEAD,
            (_S.VERIFYING, _N.DIED): _S.DEAD,
            (_S.USABLE, _N.DIED): _S.DEAD,
            (_S.VERIFYING, _N.REMOVED): _S.REMOVED,
            (_S.USABLE, _N.REMOVED): _S.REMOVED,
            (_S.DEAD, _N.REMOVED): _S.REMOVED,
        }
    )
)
"""The changes; every other pair leaves the state as it is."""


class Slot(StrEnum):
    """Splynx keeps one card and one bank account of a customer, each in a payment account."""

    CARD = "card"
    BANK = "bank"


def slot_of(kind: PaymentKind) -> Slot:
    """Says which of Splynx's payment accounts a kind belongs to."""
    return Slot.BANK if kind.is_bank else Slot.CARD


@dataclass(frozen=True, slots=True)
class CredentialOwner:
    """Whose a credential is: nothing may cross from one owner to another."""

    account: StripeAccount
    partner_id: int
    splynx_customer_id: int
    stripe_customer_id: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A saved card or bank account. `version` guards against lost updates.

    `bank_sealed` is the bank's name, last four digits and holder, encrypted for the place
    `credentials/<id>`; "" for cards. `setup_id` is the setup that saved it last, "" for others.
    """

    id: str
    owner: CredentialOwner
    payment_method_id: str
    kind: PaymentKind
    state: CredentialState
    position: int
    consent: Consent
    saved_at: datetime
    card: CardFace | None = None
    bank_sealed: str = field(default="", repr=False)
    mark: str = field(default="", repr=False)
    mandate_id: str = ""
    mandate_status: MandateStatus = MandateStatus.NONE
    dead_reason: DeadReason = DeadReason.NONE
    setup_id: str = ""
    version: int = 0

    @property
    def slot(self) -> Slot:
        """Says which of Splynx's payment accounts it belongs to."""
        return slot_of(self.kind)

    @property
    def is_present(self) -> bool:
        """Says whether the customer still has it."""
        return self.state is not CredentialState.REMOVED

    @property
    def is_usable(self) -> bool:
        """Says whether it may be charged; an expired card may, banks often renew it silently."""
        return self.state is CredentialState.USABLE

    @property
    def place(self) -> str:
        """Names the place that its sealed details are bound to."""
        return place_of(self.id)


def place_of(credential_id: str) -> str:
    """Names the place that the sealed details of a credential are bound to."""
    return f"credentials/{credential_id}"


def credential_step(
    credential: Credential, news: CredentialNews, reason: DeadReason = DeadReason.NONE
) -> Credential:
    """Applies news to a credential. `reason` says why it died."""
    state = CREDENTIAL_TRANSITIONS[credential.state, news]
    if state is credential.state:
        return credential
    return replace(
        credential,
        state=state,
        dead_reason=reason if state is CredentialState.DEAD else DeadReason.NONE,
    )


class Move(StrEnum):
    """How a customer changes the order."""

    FIRST = "first"
    UP = "up"
    DOWN = "down"


def in_order(credentials: Sequence[Credential]) -> list[Credential]:
    """Gives the present ones in the order in which they are tried, numbered from 0 without gaps."""
    present = [one for one in credentials if one.is_present]
    present.sort(key=lambda one: (one.position, one.saved_at, one.id))
    return [replace(one, position=place) for place, one in enumerate(present)]


def moved(credentials: Sequence[Credential], credential_id: str, move: Move) -> list[Credential]:
    """Gives the order after a move; one that leads out of the list, or nobody's, changes nothing."""
    ordered = in_order(credentials)
    here = next((one.position for one in ordered if one.id == credential_id), None)
    if here is None:
        return ordered
    target = {Move.FIRST: 0, Move.UP: here - 1, Move.DOWN: here + 1}[move]
    if 0 <= target < len(ordered):
        ordered.insert(target, ordered.pop(here))
    return [replace(one, position=place) for place, one in enumerate(ordered)]


def default_of(credentials: Sequence[Credential], slot: Slot) -> Credential | None:
    """Gives the first usable card or bank account, the one that Splynx shows."""
    return next((one for one in in_order(credentials) if one.is_usable and one.slot is slot), None)
