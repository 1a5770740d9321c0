"""Events about saved things: believed only as far as Stripe repeats them when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from splynx_stripe.domain.credential import Credential, DeadReason
from splynx_stripe.domain.errors import NotFoundError, RejectedError, RetryableError
from splynx_stripe.domain.inbox import InboxEvent
from splynx_stripe.domain.payment_method import (
    Mandate,
    MandateStatus,
    PaymentMethod,
    SavedThing,
    SavedThingEvent,
)
from splynx_stripe.flows.ask_setup import SetupAsker
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.save_credential import By, end_credential, record_credential

NOT_OURS = "It is about nothing that is saved here."


class CredentialEvents:
    """Handles the events of SetupIntents, PaymentMethods, mandates and Stripe customers."""

    def __init__(self, rooms: CredentialRooms) -> None:
        self._rooms = rooms
        self._asker = SetupAsker(rooms)

    async def handle(self, event: InboxEvent) -> str | None:
        """Handles an event. Gives "" when done, a note when it is nothing to us.

        None: it is about nothing that can be saved, so it is somebody else's to handle.

        Raises:
            RetryableError, OutcomeUnknownError, NotPermittedError: handle it later.
            RejectedError, BrokenInvariantError: a person has to look.
        """
        about = self._rooms.stripe.saved_thing_event(event.body)
        if about is None:
            return None
        match about.thing:
            case SavedThing.SETUP_INTENT:
                return await self._setup(event, about)
            case SavedThing.PAYMENT_METHOD:
                return await self._method(event, about.object_id)
            case SavedThing.MANDATE:
                return await self._mandate(event, about.object_id)
            case SavedThing.STRIPE_CUSTOMER:
                return await self._customer(event, about)

    async def _setup(self, event: InboxEvent, about: SavedThingEvent) -> str:
        installation, setup = await self._rooms.rooms.store.read(
            lambda unit: (unit.installation(), unit.setup(about.setup_id))
        )
        if about.installation_id != installation.id:
            return "It is not from this installation."
        if setup is None:
            raise RetryableError(f"There is no setup {about.setup_id!r} yet.")
        if setup.account != event.account:
            raise RejectedError("It came through another Stripe account or mode than its setup.")
        if not setup.intent_id:  # its creation is being answered right now
            raise RetryableError(f"Setup {setup.id} has no SetupIntent yet.")
        await self._asker.ask(setup, _actor(event))
        return ""

    async def _method(self, event: InboxEvent, method_id: str) -> str:
        known = await self._rooms.rooms.store.read(
            lambda unit: unit.credential_of_method(event.account, method_id)
        )
        if known is None:
            return NOT_OURS
        try:
            seen = await self._rooms.stripe.retrieve_payment_method(event.account, method_id)
        except NotFoundError:
            seen = None
        by = self._by(event)

        def work(unit: Unit) -> None:
            current = unit.credential_of_method(event.account, method_id)
            if current is None:
                return
            if seen is None or seen.customer != current.owner.stripe_customer_id:
                if current.is_usable:
                    end_credential(unit, current, DeadReason.DETACHED, by)
                return
            self._refresh(unit, current, seen, by)

        await self._rooms.rooms.store.run(work)
        self._rooms.rooms.wake()
        return ""

    def _refresh(self, unit: Unit, current: Credential, seen: PaymentMethod, by: By) -> None:
        """Takes up what changed: banks renew cards and tell Stripe, which tells us."""
        sealed = current.bank_sealed
        if seen.bank is not None and seen.bank != self._rooms.bank_of(current):
            sealed = self._rooms.seal(seen.bank, current.place)
        mark = self._rooms.mark(current.owner.account, seen.fingerprint) or current.mark
        taken = [
            one.mark
            for one in unit.credentials_of(current.owner.account, current.owner.splynx_customer_id)
            if one.id != current.id and one.is_usable
        ]
        after = replace(
            current,
            card=seen.card or current.card,
            bank_sealed=sealed,
            mark=current.mark if mark in taken else mark,
        )
        if after == current:
            return
        unit.save_credential(after)
        record_credential(unit, "credential.updated", after, by)
        unit.want_mirror(
            after.owner.splynx_customer_id,
            after.slot,
            partner_id=after.owner.partner_id,
            now=by.now,
        )

    async def _mandate(self, event: InboxEvent, mandate_id: str) -> str:
        seen = await self._rooms.stripe.retrieve_mandate(event.account, mandate_id)
        by = self._by(event)

        def work(unit: Unit) -> bool:
            found = _resting_on(unit, event, seen)
            for one in found:
                after = replace(one, mandate_id=seen.id, mandate_status=seen.status)
                if after != one:
                    unit.save_credential(after)
                current = unit.credential(one.id)
                if seen.status is MandateStatus.INACTIVE and current is not None:
                    end_credential(unit, current, DeadReason.MANDATE_INACTIVE, by)
            return bool(found)

        known = await self._rooms.rooms.store.run(work)
        self._rooms.rooms.wake()
        return "" if known else NOT_OURS

    async def _customer(self, event: InboxEvent, about: SavedThingEvent) -> str | None:
        if about.happened != "deleted":
            return None
        if await self._rooms.stripe.stripe_customer_exists(event.account, about.object_id):
            return "The Stripe customer is there again."
        by = self._by(event)

        def work(unit: Unit) -> int:
            found = unit.credentials_of_stripe_customer(event.account, about.object_id)
            for one in found:
                end_credential(unit, one, DeadReason.STRIPE_CUSTOMER_DELETED, by)
            return len(found)

        ended = await self._rooms.rooms.store.run(work)
        self._rooms.rooms.wake()
        return "" if ended else NOT_OURS

    def _by(self, event: InboxEvent) -> By:
        return By(self._rooms.rooms.clock.now(), _actor(event))


def _actor(event: InboxEvent) -> str:
    return f"stripe:{event.event_id}"


def _resting_on(unit: Unit, event: InboxEvent, seen: Mandate) -> Sequence[Credential]:
    found = list(unit.credentials_of_mandate(event.account, seen.id))
    if found or not seen.payment_method_id:
        return found
    of_method = unit.credential_of_method(event.account, seen.payment_method_id)
    return [of_method] if of_method is not None and not of_method.mandate_id else []
