"""Asks Stripe about a setup, writes down what it says, and saves the credential in the same commit."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.credential import CredentialOwner, DeadReason
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    StaleWriteError,
)
from splynx_stripe.domain.link import link_id_of
from splynx_stripe.domain.payment_method import MandateStatus, SetupIntent
from splynx_stripe.domain.setup import (
    LIVE_SETUP_STATES,
    UNSURE_SETUP_STATES,
    Setup,
    SetupNews,
    SetupNewsKind,
    SetupState,
    setup_step,
)
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.save_credential import By, Saving, end_credential, keep_credential

log = logging.getLogger(__name__)

_VERIFYING_LOOK = timedelta(hours=6)
"""Micro-deposits take one or two days, and events tell when they are proven."""


class SetupAsker:
    """One question about one setup at a time."""

    def __init__(self, rooms: CredentialRooms) -> None:
        self._rooms = rooms

    async def ask(self, setup: Setup, actor: str) -> tuple[Setup, SetupIntent | None]:
        """Asks and records. Gives the setup afterwards and what Stripe showed, if anything.

        Raises:
            RejectedError: Stripe refused to create it; recorded, nothing was saved.
            RetryableError: Stripe could not be asked; nothing changed.
            OutcomeUnknownError: recorded as UNKNOWN; it is asked again.
        """
        if setup.intent_id:
            observed = await self._rooms.stripe.retrieve_setup_intent(
                setup.account, setup.intent_id
            )
        elif self._key_protects(setup):
            try:
                observed = await self._rooms.stripe.create_setup_intent(
                    setup.account, setup.order, idempotency_key=setup.idempotency_key
                )
            except NotPermittedError:
                raise
            except RejectedError as error:
                reason = PaymentFailure(code=error.code, decline_code="", message=str(error))
                await self.tell(setup.id, SetupNews(SetupNewsKind.REFUSED, reason=reason), actor)
                raise
            except OutcomeUnknownError:
                await self.tell(setup.id, SetupNews(SetupNewsKind.OUTCOME_UNKNOWN), actor)
                raise
        else:
            forgotten = SetupNews(SetupNewsKind.FORGOTTEN)
            return await self.tell(setup.id, forgotten, actor), None
        news = SetupNews.observed(observed.intent, observed.as_of)
        return await self.tell(setup.id, news, actor), observed.intent

    async def cancel(self, setup: Setup, actor: str) -> Setup:
        """Cancels a SetupIntent that nobody confirmed, or learns what became of it instead."""
        observed = await self._rooms.stripe.cancel_setup_intent(setup.account, setup.intent_id)
        return await self.tell(setup.id, SetupNews.observed(observed.intent, observed.as_of), actor)

    async def tell(self, setup_id: str, news: SetupNews, actor: str) -> Setup:
        """Records news in one commit, with the credential that they bring."""
        rooms = self._rooms

        def work(unit: Unit) -> Setup:
            return _apply(unit, setup_id, news, rooms, By(rooms.rooms.clock.now(), actor))

        try:
            after = await rooms.rooms.store.run(work)
        except StaleWriteError:  # another daemon wrote between our read and our write
            after = await rooms.rooms.store.run(work)
        rooms.rooms.wake()
        return after

    def _key_protects(self, setup: Setup) -> bool:
        age = self._rooms.rooms.clock.now() - setup.prepared_at
        return age < self._rooms.rooms.timing.key_protects_for


def require_setup(unit: Unit, setup_id: str) -> Setup:
    """Finds a setup that has to exist."""
    setup = unit.setup(setup_id)
    if setup is None:
        raise BrokenInvariantError(f"There is no setup {setup_id}.")
    return setup


def _apply(unit: Unit, setup_id: str, news: SetupNews, rooms: CredentialRooms, by: By) -> Setup:
    before = require_setup(unit, setup_id)
    after = setup_step(before, news)
    if after.state is not before.state:
        after = replace(after, next_look_at=_next_look(after, rooms, by))
    if after == before:
        return before
    unit.save_setup(after)
    if after.state is not before.state:
        _save(unit, after, news, rooms, by)
        if before.state is SetupState.VERIFYING and after.state is not SetupState.SUCCEEDED:
            _give_up(unit, before, by)
    return require_setup(unit, setup_id)


def _next_look(setup: Setup, rooms: CredentialRooms, by: By) -> datetime | None:
    timing = rooms.rooms.timing
    if setup.state not in LIVE_SETUP_STATES:
        return None
    if setup.state in UNSURE_SETUP_STATES:
        return by.now + timing.look_every
    if setup.state is SetupState.VERIFYING:
        return by.now + _VERIFYING_LOOK
    if setup.state is SetupState.PROCESSING:
        return by.now + timing.look_every
    return by.now + timing.abandoned_after


def _save(unit: Unit, setup: Setup, news: SetupNews, rooms: CredentialRooms, by: By) -> None:
    if setup.state not in {SetupState.SUCCEEDED, SetupState.VERIFYING} or news.intent is None:
        return
    method, mandate = news.intent.payment_method, news.intent.mandate
    if method is None:
        raise OutcomeUnknownError(
            f"Stripe saved something for {setup.intent_id} and did not show what. It is asked again."
        )
    if mandate is not None and mandate.status is MandateStatus.INACTIVE:
        return
    saving = Saving(
        owner=CredentialOwner(
            account=setup.account,
            partner_id=setup.partner_id,
            splynx_customer_id=setup.splynx_customer_id,
            stripe_customer_id=setup.stripe_customer_id,
        ),
        method=method,
        consent=setup.consent,
        is_verified=setup.state is SetupState.SUCCEEDED,
        mandate=mandate,
        setup_id=setup.id,
    )
    keep_credential(unit, saving, rooms, by)
    if saving.is_verified:
        _use_up_link(unit, setup, by)


def _use_up_link(unit: Unit, setup: Setup, by: By) -> None:
    """A link by which something was saved saves nothing else; in the commit that saves."""
    link_id = link_id_of(setup.consent.actor)
    if not link_id or not unit.use_up_link(link_id, now=by.now):
        return
    facts = {
        "link": link_id,
        "customer": str(setup.splynx_customer_id),
        "partner": str(setup.partner_id),
        "setup": setup.id,
    }
    unit.record(AuditEntry(by.now, "link.used_up", by.actor, facts=facts))


def _give_up(unit: Unit, setup: Setup, by: By) -> None:
    """Notes that a bank account was not proven: too many wrong answers, or too late."""
    found = unit.credential_of_method(setup.account, setup.payment_method_id)
    if found is not None:
        end_credential(unit, found, DeadReason.NOT_VERIFIED, by)
