"""What the pages of saved credentials work with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from splynx_stripe.domain.consent import Consent
from splynx_stripe.domain.credential import Move
from splynx_stripe.domain.link import PaymentLink
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.credentials import CredentialsView
from splynx_stripe.flows.saving_by_link import LinkView
from splynx_stripe.flows.setup_credential import Proof, SetupOutcome, SetupStart


class SavedList(Protocol):
    """What a customer has saved (`flows.credentials.Credentials`)."""

    async def view(self, customer_id: int) -> CredentialsView | None:
        """Shows the credentials of a customer; None when there is no such customer."""
        ...

    async def move(self, customer_id: int, credential_id: str, move: Move, actor: str) -> bool:
        """Changes the order. False when it is not this customer's."""
        ...

    async def remove(self, customer_id: int, credential_id: str, actor: str) -> bool:
        """Removes one. False when it is not this customer's."""
        ...


class Saving(Protocol):
    """Saving something new (`flows.setup_credential.SetupCredential`)."""

    async def start(self, customer_id: int, kind: PaymentKind, consent: Consent) -> SetupStart:
        """Makes sure that there is one SetupIntent."""
        ...

    async def outcome(self, setup_id: str, customer_id: int, actor: str) -> SetupOutcome:
        """Tells how a setup of this customer stands."""
        ...

    async def prove(
        self, setup_id: str, customer_id: int, *, amounts: Sequence[int], code: str, actor: str
    ) -> Proof:
        """Proves a bank account by micro-deposits."""
        ...


class ByLink(Protocol):
    """Saving without signing in (`flows.saving_by_link.SavingByLink`)."""

    async def view(self, link: PaymentLink) -> LinkView | None:
        """Shows what can be saved; None where the link opens nothing any more."""
        ...

    async def start(self, link: PaymentLink, kind: PaymentKind, consent: Consent) -> SetupStart:
        """Makes sure that there is one SetupIntent, and no other of this link."""
        ...

    async def outcome(self, link: PaymentLink, setup_id: str) -> SetupOutcome:
        """Tells how a setup of this link stands."""
        ...

    async def prove(
        self, link: PaymentLink, setup_id: str, *, amounts: Sequence[int], code: str
    ) -> Proof:
        """Proves a bank account of this link by micro-deposits."""
        ...


@dataclass(frozen=True, slots=True)
class CredentialDesk:
    """What the daemon hands over for the pages of saved credentials."""

    saved: SavedList
    saving: Saving
    by_link: ByLink
