"""What the flows of saved credentials need from the store, Stripe, Splynx and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from splynx_stripe.domain.credential import Credential, Slot
from splynx_stripe.domain.payment_account import (
    Detachment,
    Mirror,
    PaymentAccount,
    PaymentAccountRow,
    Row,
    RowWord,
)
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import (
    Mandate,
    ObservedSetup,
    PaymentMethod,
    SavedThingEvent,
    SetupIntentOrder,
)
from splynx_stripe.domain.setup import Setup
from splynx_stripe.domain.stripe import StripeAccount


class SetupUnit(Protocol):
    """The part of a unit of work that knows setups."""

    def setup(self, setup_id: str) -> Setup | None:
        """Finds a setup by id."""
        ...

    def joinable_setup(
        self, account: StripeAccount, customer_id: int, kind: PaymentKind, since: datetime
    ) -> Setup | None:
        """Finds the newest setup that a second press of the button goes on with."""
        ...

    def live_setups_of(
        self, account: StripeAccount, customer_id: int, *, actor: str
    ) -> Sequence[Setup]:
        """Finds what somebody has begun to save for a customer and is not at an end, oldest first."""
        ...

    def setups_to_look_at(self, now: datetime, limit: int) -> Sequence[Setup]:
        """Finds setups whose `next_look_at` has come, the most overdue first."""
        ...

    def add_setup(self, setup: Setup) -> None:
        """Adds it, before Stripe hears of it."""
        ...

    def save_setup(self, setup: Setup) -> None:
        """Writes what is known and raises the version by one."""
        ...


class CredentialUnit(Protocol):
    """The part of a unit of work that knows credentials."""

    def credential(self, credential_id: str) -> Credential | None:
        """Finds a credential by id, removed ones too."""
        ...

    def credentials_of(self, account: StripeAccount, customer_id: int) -> Sequence[Credential]:
        """Lists what a Splynx customer has saved and not removed, in its order."""
        ...

    def credential_of_method(self, account: StripeAccount, method_id: str) -> Credential | None:
        """Finds the present credential of a PaymentMethod."""
        ...

    def last_credential_of_method(
        self, account: StripeAccount, method_id: str
    ) -> Credential | None:
        """Finds the newest credential that a PaymentMethod ever had, removed ones too."""
        ...

    def credentials_of_stripe_customer(
        self, account: StripeAccount, stripe_customer_id: str
    ) -> Sequence[Credential]:
        """Lists the present credentials of a Stripe customer."""
        ...

    def credentials_of_mandate(
        self, account: StripeAccount, mandate_id: str
    ) -> Sequence[Credential]:
        """Lists the present credentials that rest on a mandate."""
        ...

    def add_credential(self, credential: Credential) -> None:
        """Adds it."""
        ...

    def save_credential(self, credential: Credential) -> None:
        """Writes everything but its id and owner, and raises the version by one."""
        ...


class MirrorUnit(Protocol):
    """The part of a unit of work that knows what is to be done outside about credentials."""

    def want_mirror(
        self,
        customer_id: int,
        slot: Slot,
        *,
        partner_id: int,
        now: datetime,
        sets_payment_method: bool = False,
    ) -> None:
        """Asks for Splynx's row of a customer to be brought up to date from `now` on."""
        ...

    def mirror(self, customer_id: int, slot: Slot) -> Mirror | None:
        """Gives how far that row is."""
        ...

    def has_due_mirrors(self, now: datetime) -> bool:
        """Says whether `claim_mirrors` would find any; reading costs no commit."""
        ...

    def claim_mirrors(self, now: datetime, until: datetime, limit: int) -> Sequence[Mirror]:
        """Claims due rows that nobody works on; each gets a new, higher `claim`."""
        ...

    def keep_mirror(self, mirror: Mirror) -> None:
        """Writes the progress, guarded by `claim`; the claim goes on."""
        ...

    def release_mirror(self, mirror: Mirror, *, due_at: datetime | None) -> None:
        """Ends the claim; `due_at` holds unless somebody has asked anew meanwhile."""
        ...

    def adopt_mirror(self, customer_id: int, slot: Slot, row: Row) -> None:
        """Takes what stands in Splynx for our own; the customer's payment method is left alone."""
        ...

    def want_detached(self, account: StripeAccount, method_id: str, *, now: datetime) -> None:
        """Asks for a PaymentMethod to be detached at Stripe, once however often it is asked."""
        ...

    def detachments_due(self, now: datetime, limit: int) -> Sequence[Detachment]:
        """Lists what is to be detached now."""
        ...

    def detached(self, detachment_id: int) -> None:
        """Forgets what was detached."""
        ...

    def detach_later(self, detachment_id: int, *, due_at: datetime) -> None:
        """Counts a try that failed."""
        ...


class StripeSavedMethods(Protocol):
    """The door to Stripe, as far as saved things go. Errors are the four families."""

    async def create_setup_intent(
        self, account: StripeAccount, order: SetupIntentOrder, *, idempotency_key: str
    ) -> ObservedSetup:
        """Creates a SetupIntent, or gives the one that this key created before."""
        ...

    async def retrieve_setup_intent(self, account: StripeAccount, intent_id: str) -> ObservedSetup:
        """Reads a SetupIntent with its PaymentMethod and mandate."""
        ...

    async def cancel_setup_intent(self, account: StripeAccount, intent_id: str) -> ObservedSetup:
        """Cancels it, or gives what it is when it cannot be canceled any more."""
        ...

    async def verify_microdeposits(
        self, account: StripeAccount, intent_id: str, *, amounts: Sequence[int], code: str
    ) -> ObservedSetup:
        """Proves a bank account by two amounts in minor units, or by a code of six characters.

        Raises:
            RejectedError: they are wrong; `code` is Stripe's reason.
        """
        ...

    async def retrieve_payment_method(
        self, account: StripeAccount, method_id: str, *, customer: str = ""
    ) -> PaymentMethod:
        """Reads a PaymentMethod; `card_…` of older integrations are read through `customer`."""
        ...

    async def detach_payment_method(self, account: StripeAccount, method_id: str) -> None:
        """Detaches it for ever. One that is detached or gone already counts as done."""
        ...

    async def retrieve_mandate(self, account: StripeAccount, mandate_id: str) -> Mandate:
        """Reads a mandate."""
        ...

    async def stripe_customer_exists(self, account: StripeAccount, customer_id: str) -> bool:
        """Says whether this account has that customer, and it is not deleted."""
        ...

    def saved_thing_event(self, body: bytes) -> SavedThingEvent | None:
        """Reads a stored event; None when it is about nothing that can be saved."""
        ...


class SplynxPaymentAccounts(Protocol):
    """The door to Splynx, as far as its payment accounts and billing settings go."""

    async def payment_accounts(self) -> Sequence[PaymentAccount]:
        """Lists the payment accounts that are defined."""
        ...

    async def payment_account_row(self, customer_id: int, account_id: int) -> Row:
        """Reads a customer's row; empty where there is none."""
        ...

    async def all_payment_account_rows(self, account_id: int) -> Sequence[PaymentAccountRow]:
        """Lists the rows of all customers in one payment account."""
        ...

    async def set_payment_account_row(self, customer_id: int, account_id: int, row: Row) -> None:
        """Writes the given fields; `""` empties one. The caller reads back."""
        ...

    async def clear_payment_account_row(self, customer_id: int, account_id: int) -> None:
        """Deletes the row; one that is gone already counts as done."""
        ...

    async def customer_payment_method_id(self, customer_id: int) -> int:
        """Gives the id of the payment method in a customer's billing settings."""
        ...

    async def set_customer_payment_method(self, customer_id: int, method_id: int) -> None:
        """Changes it. The caller reads back."""
        ...


class CredentialRules(Protocol):
    """What the settings say about saved credentials."""

    def changes_payment_method(self, partner_id: int) -> bool:
        """Says whether saving changes the customer's payment method in Splynx."""
        ...

    def row_words(self) -> Sequence[RowWord]:
        """Gives what `field_1`, `field_2`, … of Splynx's payment accounts hold."""
        ...
