"""The rooms that the flows of saved credentials work with, and what they share."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from dataclasses import dataclass, field

from splynx_stripe.domain.credential import Credential
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import BankFace
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.credential_ports import (
    CredentialRules,
    SplynxPaymentAccounts,
    StripeSavedMethods,
)
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.kit.sealing import SealedValueError, Sealer, SealingKeyError
from splynx_stripe.kit.secret import Secret

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CredentialRooms:
    """What the daemon joins for saved credentials. `mark_key` never changes within an installation."""

    rooms: Rooms
    stripe: StripeSavedMethods
    accounts: SplynxPaymentAccounts
    rules: CredentialRules
    sealer: Sealer
    mark_key: Secret = field(repr=False)

    def offered(self, terms: Terms) -> tuple[PaymentKind, ...]:
        """Gives the kinds that can be saved now: bank accounts only where they can be encrypted."""
        can_seal = self.sealer.has_key
        return tuple(kind for kind in terms.payment_kinds if can_seal or not kind.is_bank)

    def mark(self, account: StripeAccount, fingerprint: str) -> str:
        """Gives what tells two saves of one card or bank account, without showing which it is."""
        if not fingerprint:
            return ""
        key = hmac.digest(
            self.mark_key.reveal().encode(), b"splynx-stripe:fingerprint", hashlib.sha256
        )
        return hmac.digest(key, f"{account.key}:{fingerprint}".encode(), hashlib.sha256).hex()

    def seal(self, bank: BankFace | None, place: str) -> str:
        """Seals a bank's details. Without a key they are left out, and Stripe still has them."""
        if bank is None:
            return ""
        text = json.dumps([bank.bank_name, bank.last4, bank.holder])
        try:
            return self.sealer.seal(text, place)
        except SealingKeyError as error:
            log.warning("credential.details_not_kept", extra={"place": place, "error": str(error)})
            return ""

    def bank_of(self, credential: Credential) -> BankFace | None:
        """Opens a bank's details; None where there are none, or they cannot be opened now."""
        if not credential.bank_sealed:
            return None
        try:
            name, last4, holder = json.loads(
                self.sealer.open(credential.bank_sealed, credential.place)
            )
        except (SealedValueError, SealingKeyError) as error:
            log.warning(
                "credential.details_not_opened",
                extra={"credential": credential.id, "error": str(error)},
            )
            return None
        return BankFace(bank_name=str(name), last4=str(last4), holder=str(holder))
