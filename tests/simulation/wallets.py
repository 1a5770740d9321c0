"""Cards and bank accounts that were saved before the story begins, at Stripe and in our database."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import Credential, CredentialOwner, CredentialState
from splynx_stripe.domain.metadata import CUSTOMER, INSTALLATION, PARTNER
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import CardFace, MandateStatus
from tests.simulation.clockwork import SimClock
from tests.simulation.disk import Disk
from tests.simulation.office_plan import OfficePlan, Saved
from tests.simulation.plan import Debt, Plan
from tests.simulation.process import ACCOUNTS
from tests.simulation.stripe_raw import BANK, Json
from tests.simulation.stripe_side import StripeSide


class Country(Protocol):
    """Where the wallets are."""

    plan: Plan
    clock: SimClock
    stripe: StripeSide
    disk: Disk


class Wallets:
    """What customers have saved, and what their banks say when it is charged."""

    def __init__(self, country: Country, office: OfficePlan) -> None:
        self._country = country
        self._words: dict[str, list[str]] = {}
        self._positions: Counter[int] = Counter()
        for saved in office.saved:
            self._save(saved, country.plan.debts[saved.debt])

    def answer(self, method: Json) -> str:
        """Gives what the bank says now; the last word stays."""
        words = self._words.get(method["id"], ["good" if method["type"] == "card" else "bank"])
        return words.pop(0) if len(words) > 1 else words[0]

    def _save(self, saved: Saved, debt: Debt) -> None:
        is_bank = saved.kind == "bank" and debt.partner_id == 1
        setup = self._at_stripe(debt, is_bank=is_bank)
        method = self._country.stripe.methods[setup["payment_method"]]
        words = [word for word in saved.words if word.startswith("bank") == is_bank]
        self._words[method["id"]] = words or ["bank" if is_bank else "good"]
        number = self._positions[debt.customer_id]
        self._positions[debt.customer_id] += 1
        method[method["type"]]["fingerprint"] = f"saved {number} of {debt.customer_id}"
        credential = self._credential(saved, debt, setup, number)
        self._country.disk.execute(lambda unit: unit.add_credential(credential))

    def _at_stripe(self, debt: Debt, *, is_bank: bool) -> Json:
        """The customer has agreed, by a SetupIntent of ours that is long over."""
        stripe = self._country.stripe
        account = ACCOUNTS[debt.partner_id].name
        metadata = {
            INSTALLATION: "ins_sim",
            PARTNER: str(debt.partner_id),
            CUSTOMER: str(debt.customer_id),
        }
        return stripe.saved_before(account, metadata, BANK if is_bank else "card")

    def _credential(self, saved: Saved, debt: Debt, setup: Json, number: int) -> Credential:
        now, account = self._country.clock.now(), ACCOUNTS[debt.partner_id]
        is_bank = bool(setup["mandate"])
        way = ConsentWay.IMPORTED if saved.is_imported else ConsentWay.ONLINE
        details: dict[str, Any] = (
            {"mandate_id": setup["mandate"], "mandate_status": MandateStatus.ACTIVE}
            if is_bank
            else {"card": CardFace("visa", "4242", 2031, 4)}
        )
        return Credential(
            id=f"cred_{debt.customer_id}_{number}",
            owner=CredentialOwner(account, debt.partner_id, debt.customer_id, setup["customer"]),
            payment_method_id=setup["payment_method"],
            kind=PaymentKind.ACH if is_bank else PaymentKind.CARD,
            state=CredentialState.USABLE,
            position=number,
            consent=Consent(now, way, f"customer:{debt.customer_id}"),
            saved_at=now,
            **details,
        )
