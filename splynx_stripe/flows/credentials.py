"""What a customer has saved: shown, put in order, removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from splynx_stripe.domain.credential import (
    Credential,
    CredentialNews,
    Move,
    credential_step,
    default_of,
    in_order,
    moved,
)
from splynx_stripe.domain.errors import StaleWriteError
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import BankFace, Microdeposits
from splynx_stripe.domain.setup import Setup
from splynx_stripe.domain.splynx import Company, SplynxCustomer
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.save_credential import By, record_credential


@dataclass(frozen=True, slots=True)
class CredentialItem:
    """One saved card or bank account as its owner sees it. `bank` is None for cards."""

    credential: Credential
    is_default: bool
    bank: BankFace | None = field(default=None, repr=False)
    microdeposits: Microdeposits = Microdeposits.NONE
    months_left: int | None = None

    @property
    def last4(self) -> str:
        """Gives the last digits, "" where they are not known."""
        if self.credential.card is not None:
            return self.credential.card.last4
        return self.bank.last4 if self.bank else ""


@dataclass(frozen=True, slots=True)
class CredentialsView:
    """What a customer has saved and can save. Without `terms` nothing can be done."""

    customer: SplynxCustomer
    company: Company
    terms: Terms | None
    items: tuple[CredentialItem, ...] = ()
    offered: tuple[PaymentKind, ...] = ()


class Credentials:
    """The list of what a customer has saved."""

    def __init__(self, rooms: CredentialRooms) -> None:
        self._rooms = rooms

    async def view(self, customer_id: int) -> CredentialsView | None:
        """Shows the credentials of a customer of Splynx; None when there is no such customer."""
        rooms = self._rooms.rooms
        customer = await rooms.splynx.customer(customer_id)
        if customer is None:
            return None
        company = await rooms.splynx.company(customer.partner_id)
        terms = rooms.terms.terms(customer.partner_id)
        if terms is None:
            return CredentialsView(customer, company, None)
        account = terms.account

        def work(unit: Unit) -> tuple[list[Credential], dict[str, Setup | None]]:
            found = in_order(unit.credentials_of(account, customer_id))
            return found, {one.id: unit.setup(one.setup_id) for one in found if one.setup_id}

        found, setups = await rooms.store.read(work)
        items = [self._item(one, found, setups.get(one.id)) for one in found]
        return CredentialsView(customer, company, terms, tuple(items), self._rooms.offered(terms))

    async def move(self, customer_id: int, credential_id: str, move: Move, actor: str) -> bool:
        """Changes the order. False (and nothing) when it is not this customer's."""
        by = By(self._rooms.rooms.clock.now(), actor)

        def work(unit: Unit) -> bool:
            known = _own(unit, customer_id, credential_id)
            if known is None:
                return False
            account = known.owner.account
            before = unit.credentials_of(account, customer_id)
            places = {one.id: one.position for one in moved(before, credential_id, move)}
            if all(places[one.id] == one.position for one in before):
                return True
            for one in before:
                if places[one.id] != one.position:
                    unit.save_credential(replace(one, position=places[one.id]))
            record_credential(unit, "credential.moved", known, by, position=str(places[known.id]))
            unit.want_mirror(customer_id, known.slot, partner_id=known.owner.partner_id, now=by.now)
            return True

        return await self._changed(work)

    async def remove(self, customer_id: int, credential_id: str, actor: str) -> bool:
        """Removes it here and now, in Stripe and Splynx soon. False when it is not theirs."""
        by = By(self._rooms.rooms.clock.now(), actor)

        def work(unit: Unit) -> bool:
            known = _own(unit, customer_id, credential_id)
            if known is None:
                return False
            gone = replace(credential_step(known, CredentialNews.REMOVED), bank_sealed="")
            unit.save_credential(gone)
            record_credential(unit, "credential.removed", gone, by)
            owner = gone.owner
            unit.want_detached(owner.account, gone.payment_method_id, now=by.now)
            unit.want_mirror(customer_id, gone.slot, partner_id=owner.partner_id, now=by.now)
            return True

        return await self._changed(work)

    async def _changed(self, work: Callable[[Unit], bool]) -> bool:
        rooms = self._rooms.rooms
        try:
            done = await rooms.store.run(work)
        except StaleWriteError:  # another daemon wrote between our read and our write
            done = await rooms.store.run(work)
        rooms.wake()
        return done

    def _item(
        self, one: Credential, found: list[Credential], setup: Setup | None
    ) -> CredentialItem:
        first = default_of(found, one.slot)
        return CredentialItem(
            credential=one,
            is_default=first is not None and first.id == one.id,
            bank=self._rooms.bank_of(one),
            microdeposits=setup.microdeposits if setup else Microdeposits.NONE,
            months_left=one.card.months_left(self._rooms.rooms.clock.now()) if one.card else None,
        )


def _own(unit: Unit, customer_id: int, credential_id: str) -> Credential | None:
    """Finds a present credential of this customer, and nobody else's."""
    known = unit.credential(credential_id)
    if known is None or not known.is_present:
        return None
    return known if known.owner.splynx_customer_id == customer_id else None
