"""A customer, or the office for one, saves a card or bank account: from the button to the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.consent import Consent
from splynx_stripe.domain.credential import Credential
from splynx_stripe.domain.errors import (
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.metadata import CUSTOMER, INSTALLATION, PARTNER
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import Microdeposits, SetupIntent
from splynx_stripe.domain.setup import Setup, SetupState
from splynx_stripe.domain.splynx import SplynxCustomer
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.ask_setup import SetupAsker, require_setup
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.look import Look, Verdict
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.stripe_customer import StripeCustomers

SETUP_METADATA = "splynx_stripe_setup"
"""The key of our own id in a SetupIntent's metadata (`gateways/stripe/saved_wire.py` reads it)."""

_JOINED_FOR = timedelta(hours=1)
_MISSING = "resource_missing"
_MICRODEPOSIT_CODES = "payment_method_microdeposit_"


class SetupStanding(StrEnum):
    """How it stands with saving something, for people."""

    READY = "ready"
    NOT_OFFERED = "not_offered"
    NOT_FOUND = "not_found"
    TRY_AGAIN = "try_again"
    REFUSED = "refused"
    WAITING = "waiting"
    VERIFYING = "verifying"
    PROCESSING = "processing"
    SAVED = "saved"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SetupStart:
    """The answer to the button. `client_secret` is set when READY."""

    standing: SetupStanding
    setup_id: str = ""
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SetupOutcome:
    """How a setup stands. `credential` is what it has saved, as far as it is present."""

    standing: SetupStanding
    kind: PaymentKind | None = None
    credential: Credential | None = None
    microdeposits: Microdeposits = Microdeposits.NONE
    failure: PaymentFailure | None = None


class Proof(StrEnum):
    """What came of the amounts or the code of micro-deposits."""

    PROVEN = "proven"
    WRONG = "wrong"
    TOO_OFTEN = "too_often"
    NOT_FOUND = "not_found"
    LATER = "later"


class SetupCredential:
    """Starts setups, tells how they stand, and proves bank accounts by micro-deposits."""

    def __init__(self, rooms: CredentialRooms) -> None:
        self._rooms = rooms
        self._asker = SetupAsker(rooms)
        self._stripe_customers = StripeCustomers(rooms.rooms)

    async def start(self, customer_id: int, kind: PaymentKind, consent: Consent) -> SetupStart:
        """Makes sure that there is one SetupIntent for what the person wants to save."""
        rooms = self._rooms.rooms
        customer = await rooms.splynx.customer(customer_id)
        terms = rooms.terms.terms(customer.partner_id) if customer else None
        if customer is None:
            return SetupStart(SetupStanding.NOT_FOUND)
        if terms is None or kind not in self._rooms.offered(terms):
            return SetupStart(SetupStanding.NOT_OFFERED)
        look = Look(Verdict.NOT_CHARGEABLE, customer=customer, terms=terms)
        try:
            stripe_customer = await self._stripe_customers.ensure(look)
        except (RetryableError, OutcomeUnknownError):
            return SetupStart(SetupStanding.TRY_AGAIN)
        async with rooms.locks.hold(f"setup:{terms.account.key}:{customer_id}:{kind}"):
            setup = await self._prepared(customer, terms, stripe_customer, kind, consent)
            started = await self._asked(setup, consent.actor)
            if started is not None:
                return started
            stripe_customer = await self._stripe_customers.begin_anew(look)
            setup = await self._prepared(customer, terms, stripe_customer, kind, consent)
            started = await self._asked(setup, consent.actor)
            return started or SetupStart(SetupStanding.REFUSED, setup.id)

    async def outcome(self, setup_id: str, customer_id: int, actor: str) -> SetupOutcome:
        """Tells how a setup of this customer stands, asking Stripe while it is open."""
        setup = await self._own(setup_id, customer_id)
        if setup is None:
            return SetupOutcome(SetupStanding.NOT_FOUND)
        intent: SetupIntent | None = None
        if setup.is_live:
            try:
                setup, intent = await self._asker.ask(setup, actor)
            except (RetryableError, OutcomeUnknownError, NotPermittedError):
                return SetupOutcome(SetupStanding.PROCESSING, setup.kind)
            except RejectedError:
                return SetupOutcome(SetupStanding.FAILED, setup.kind, failure=setup.failure)
        return await self._shown(setup, intent)

    async def prove(
        self,
        setup_id: str,
        customer_id: int,
        *,
        amounts: Sequence[int],
        code: str,
        actor: str,
    ) -> Proof:
        """Proves a bank account by two amounts in minor units, or by the code of a deposit."""
        setup = await self._own(setup_id, customer_id)
        if setup is None or setup.state is not SetupState.VERIFYING:
            return Proof.NOT_FOUND
        problem = Proof.PROVEN
        try:
            await self._rooms.stripe.verify_microdeposits(
                setup.account, setup.intent_id, amounts=amounts, code=code
            )
        except (RetryableError, OutcomeUnknownError, NotPermittedError):
            return Proof.LATER
        except RejectedError as error:
            if not error.code.startswith(_MICRODEPOSIT_CODES):
                raise
            wrong = error.code.endswith(("_mismatch", "_invalid"))
            problem = Proof.WRONG if wrong else Proof.TOO_OFTEN
        try:
            await self._asker.ask(setup, actor)
        except (RetryableError, OutcomeUnknownError, NotPermittedError):
            return problem  # an event, or the next look, brings it
        return problem

    async def _own(self, setup_id: str, customer_id: int) -> Setup | None:
        setup = await self._rooms.rooms.store.read(lambda unit: unit.setup(setup_id))
        return setup if setup is not None and setup.splynx_customer_id == customer_id else None

    async def _prepared(
        self,
        customer: SplynxCustomer,
        terms: Terms,
        stripe_customer: str,
        kind: PaymentKind,
        consent: Consent,
    ) -> Setup:
        """Commits the setup before Stripe hears of it, or joins the one of a double click."""
        rooms = self._rooms.rooms
        setup_id = rooms.ids.new("set", consent.given_at)

        def work(unit: Unit) -> Setup:
            since = consent.given_at - _JOINED_FOR
            known = unit.joinable_setup(terms.account, customer.id, kind, since)
            if (
                known is not None
                and known.stripe_customer_id == stripe_customer
                and replace(known.consent, given_at=consent.given_at) == consent
            ):
                return known
            made = Setup(
                id=setup_id,
                account=terms.account,
                partner_id=customer.partner_id,
                splynx_customer_id=customer.id,
                stripe_customer_id=stripe_customer,
                kind=kind,
                currency=terms.currency,
                description="",
                metadata={
                    INSTALLATION: unit.installation().id,
                    PARTNER: str(customer.partner_id),
                    CUSTOMER: str(customer.id),
                    SETUP_METADATA: setup_id,
                },
                consent=consent,
                prepared_at=consent.given_at,
                next_look_at=consent.given_at + rooms.timing.look_every,
            )
            unit.add_setup(made)
            unit.record(_prepared_entry(made))
            return require_setup(unit, setup_id)

        return await rooms.store.run(work)

    async def _asked(self, setup: Setup, actor: str) -> SetupStart | None:
        """Asks Stripe; None when it does not know the Stripe customer any more (fault 33)."""
        try:
            after, intent = await self._asker.ask(setup, actor)
        except (RetryableError, OutcomeUnknownError):
            return SetupStart(SetupStanding.TRY_AGAIN, setup.id)
        except NotPermittedError:
            raise
        except RejectedError as error:
            is_gone = error.code == _MISSING and not setup.intent_id
            return None if is_gone else SetupStart(SetupStanding.REFUSED, setup.id)
        if intent is None or not intent.client_secret or not after.is_live:
            return SetupStart(SetupStanding.TRY_AGAIN, setup.id)
        return SetupStart(SetupStanding.READY, setup.id, intent.client_secret)

    async def _shown(self, setup: Setup, intent: SetupIntent | None) -> SetupOutcome:
        credential = await self._rooms.rooms.store.read(
            lambda unit: (
                unit.credential_of_method(setup.account, setup.payment_method_id)
                if setup.payment_method_id
                else None
            )
        )
        standing = _STANDINGS[setup.state]
        failure = intent.failure if intent else setup.failure
        if standing is SetupStanding.WAITING and failure is not None:
            standing = SetupStanding.FAILED
        return SetupOutcome(standing, setup.kind, credential, setup.microdeposits, failure)


_STANDINGS = {
    SetupState.PREPARED: SetupStanding.WAITING,
    SetupState.UNKNOWN: SetupStanding.WAITING,
    SetupState.AWAITING_CUSTOMER: SetupStanding.WAITING,
    SetupState.REQUIRES_ACTION: SetupStanding.WAITING,
    SetupState.VERIFYING: SetupStanding.VERIFYING,
    SetupState.PROCESSING: SetupStanding.PROCESSING,
    SetupState.SUCCEEDED: SetupStanding.SAVED,
    SetupState.CANCELED: SetupStanding.FAILED,
    SetupState.REFUSED: SetupStanding.FAILED,
    SetupState.FORGOTTEN: SetupStanding.FAILED,
}


def _prepared_entry(setup: Setup) -> AuditEntry:
    return AuditEntry(
        at=setup.prepared_at,
        event="setup.prepared",
        actor=setup.consent.actor,
        facts={
            "customer": str(setup.splynx_customer_id),
            "partner": str(setup.partner_id),
            "account": setup.account.key,
            "setup": setup.id,
            "kind": setup.kind.value,
            "consent": f"{setup.consent.way.value} {setup.consent.wording_version}",
        },
    )
