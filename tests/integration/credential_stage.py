"""Saved credentials for tests of the pages: a list in memory, and what saving answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import (
    Credential,
    CredentialOwner,
    CredentialState,
    DeadReason,
    Move,
)
from splynx_stripe.domain.link import PaymentLink
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import BankFace, CardFace, Microdeposits
from splynx_stripe.domain.splynx import Company, SplynxCustomer
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.credentials import CredentialItem, CredentialsView
from splynx_stripe.flows.saving_by_link import LinkView
from splynx_stripe.flows.setup_credential import (
    Proof,
    SetupOutcome,
    SetupStanding,
    SetupStart,
)
from splynx_stripe.web.credential_desk import CredentialDesk

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANNA_ID, BEN_ID = 17, 18
SETUP_SECRET = "seti_3abc_secret_9f8e7d"
COMPANY = Company("Nordic Fibre", "help@nordicfibre.example", "+420 555 123 456", "CZ")
OWNER = CredentialOwner(StripeAccount("default", livemode=False), 1, ANNA_ID, "cus_1")


def credential(
    credential_id: str, kind: PaymentKind = PaymentKind.CARD, **changes: object
) -> Credential:
    made = Credential(
        id=credential_id,
        owner=OWNER,
        payment_method_id=f"pm_{credential_id}",
        kind=kind,
        state=CredentialState.USABLE,
        position=0,
        consent=Consent(NOW, ConsentWay.ONLINE, "customer:17"),
        saved_at=NOW,
        card=CardFace("visa", "4242", 2034, 12) if kind is PaymentKind.CARD else None,
        setup_id=f"set_{credential_id}",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a builder names only what matters


def usual_items() -> list[CredentialItem]:
    """A good card, one that expires, a bank account that waits, and one that is dead."""
    waiting = credential("cred_3", PaymentKind.ACH, state=CredentialState.VERIFYING)
    dead = credential("cred_4", state=CredentialState.DEAD, dead_reason=DeadReason.MANDATE_INACTIVE)
    bank = BankFace("First Bank", "6789", "Anna <b>Nováková</b>")
    soon = credential("cred_2", card=CardFace("mastercard", "4444", 2026, 12))
    return [
        CredentialItem(credential("cred_1"), is_default=True, months_left=97),
        CredentialItem(soon, is_default=False, months_left=1),
        CredentialItem(waiting, is_default=False, bank=bank, microdeposits=Microdeposits.AMOUNTS),
        CredentialItem(dead, is_default=False, months_left=97),
    ]


@dataclass
class FakeByLink:
    """What a link can save, and what was asked of the flow."""

    seen: LinkView | None = None
    start_answer: SetupStart = field(
        default_factory=lambda: SetupStart(SetupStanding.READY, "set_9", SETUP_SECRET)
    )
    outcome_answer: SetupOutcome = field(
        default_factory=lambda: SetupOutcome(SetupStanding.SAVED, PaymentKind.CARD)
    )
    proof: Proof = Proof.PROVEN
    started: list[tuple[str, PaymentKind, Consent]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    proofs: list[tuple[str, str, tuple[int, ...], str]] = field(default_factory=list)

    async def view(self, link: PaymentLink) -> LinkView | None:
        del link
        return self.seen

    async def start(self, link: PaymentLink, kind: PaymentKind, consent: Consent) -> SetupStart:
        self.started.append((link.id, kind, consent))
        return self.start_answer

    async def outcome(self, link: PaymentLink, setup_id: str) -> SetupOutcome:
        self.asked.append((link.id, setup_id))
        return self.outcome_answer

    async def prove(
        self, link: PaymentLink, setup_id: str, *, amounts: Sequence[int], code: str
    ) -> Proof:
        self.proofs.append((link.id, setup_id, tuple(amounts), code))
        return self.proof


@dataclass
class FakeCredentials:
    """What customers have saved, and what was asked of the flows."""

    terms: Terms | None = None
    items: list[CredentialItem] = field(default_factory=usual_items)
    offered: tuple[PaymentKind, ...] = (PaymentKind.CARD, PaymentKind.ACH)
    start_answer: SetupStart = field(
        default_factory=lambda: SetupStart(SetupStanding.READY, "set_9", SETUP_SECRET)
    )
    outcome_answer: SetupOutcome = field(
        default_factory=lambda: SetupOutcome(SetupStanding.SAVED, PaymentKind.CARD)
    )
    proof: Proof = Proof.PROVEN
    partner_of: dict[int, int] = field(default_factory=lambda: {ANNA_ID: 1, BEN_ID: 2})
    moves: list[tuple[int, str, Move, str]] = field(default_factory=list)
    removed: list[tuple[int, str, str]] = field(default_factory=list)
    started: list[tuple[int, PaymentKind, Consent]] = field(default_factory=list)
    proofs: list[tuple[str, int, tuple[int, ...], str]] = field(default_factory=list)
    by_link: FakeByLink = field(default_factory=FakeByLink)

    def desk(self) -> CredentialDesk:
        return CredentialDesk(self, self, self.by_link)

    async def view(self, customer_id: int) -> CredentialsView | None:
        partner = self.partner_of.get(customer_id)
        if partner is None:
            return None
        name = "Anna <b>Nováková</b>" if customer_id == ANNA_ID else "Ben"
        customer = SplynxCustomer(customer_id, partner, name, "a@example.net", "", "active")
        items = tuple(self.items) if customer_id == ANNA_ID else ()
        return CredentialsView(customer, COMPANY, self.terms, items, self.offered)

    async def move(self, customer_id: int, credential_id: str, move: Move, actor: str) -> bool:
        if not self._is_own(customer_id, credential_id):
            return False
        self.moves.append((customer_id, credential_id, move, actor))
        return True

    async def remove(self, customer_id: int, credential_id: str, actor: str) -> bool:
        if not self._is_own(customer_id, credential_id):
            return False
        self.removed.append((customer_id, credential_id, actor))
        return True

    async def start(self, customer_id: int, kind: PaymentKind, consent: Consent) -> SetupStart:
        self.started.append((customer_id, kind, consent))
        return self.start_answer

    async def outcome(self, setup_id: str, customer_id: int, actor: str) -> SetupOutcome:
        del actor
        if setup_id != "set_9" or customer_id != ANNA_ID:
            return SetupOutcome(SetupStanding.NOT_FOUND)
        return self.outcome_answer

    async def prove(
        self, setup_id: str, customer_id: int, *, amounts: Sequence[int], code: str, actor: str
    ) -> Proof:
        del actor
        self.proofs.append((setup_id, customer_id, tuple(amounts), code))
        return self.proof

    def _is_own(self, customer_id: int, credential_id: str) -> bool:
        return customer_id == ANNA_ID and any(
            item.credential.id == credential_id for item in self.items
        )
