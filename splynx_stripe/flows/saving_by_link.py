"""Whoever has a link saves one card or bank account for a customer, without signing in.

A link proves nothing about who opens it, so nothing that is saved is shown, moved or removed by
it, and only what it has begun itself can be asked about. One success uses it up. Before something
new is begun, what it has begun before is canceled at Stripe, so that two tabs do not save two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from splynx_stripe.domain.consent import Consent
from splynx_stripe.domain.errors import NotFoundError, OutcomeUnknownError, RetryableError
from splynx_stripe.domain.link import LinkScope, LinkState, PaymentLink
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.setup import JOINABLE_SETUP_STATES, Setup, SetupState
from splynx_stripe.domain.splynx import Company
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.ask_setup import SetupAsker
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.setup_credential import (
    Proof,
    SetupCredential,
    SetupOutcome,
    SetupStanding,
    SetupStart,
)

_AT_WORK = frozenset({SetupState.VERIFYING, SetupState.PROCESSING})
"""The customer has done everything; the bank has not."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """What a link can save. Without `terms` nothing; `waiting` is a bank account to be proven."""

    company: Company
    terms: Terms | None
    offered: tuple[PaymentKind, ...] = ()
    waiting: Setup | None = None


class SavingByLink:
    """Starts, tells and proves what is saved by a link, and nothing else of the customer."""

    def __init__(self, rooms: CredentialRooms) -> None:
        self._rooms = rooms
        self._saving = SetupCredential(rooms)
        self._asker = SetupAsker(rooms)

    async def view(self, link: PaymentLink) -> LinkView | None:
        """Shows what can be saved; None where the link opens nothing (any more).

        That is also so when the customer is gone or has another partner by now: the link was made
        by somebody who may not see that partner.
        """
        rooms = self._rooms.rooms
        if not await self._is_good(link):
            return None
        customer = await rooms.splynx.customer(link.customer_id)
        if customer is None or customer.partner_id != link.partner_id:
            return None
        company = await rooms.splynx.company(customer.partner_id)
        terms = rooms.terms.terms(customer.partner_id)
        if terms is None:
            return LinkView(company, None)
        waiting = [one for one in await self._begun(link, terms) if one.state in _AT_WORK]
        return LinkView(
            company, terms, self._rooms.offered(terms), waiting[-1] if waiting else None
        )

    async def start(self, link: PaymentLink, kind: PaymentKind, consent: Consent) -> SetupStart:
        """Makes sure that there is one SetupIntent, and no other of this link.

        The permission is recorded as given by whoever has the link.
        """
        consent = replace(consent, actor=link.actor)
        async with self._rooms.rooms.locks.hold(link.actor):
            view = await self.view(link)
            if view is None:
                return SetupStart(SetupStanding.NOT_FOUND)
            if view.terms is None or view.waiting is not None:
                return SetupStart(SetupStanding.NOT_OFFERED)
            try:
                await self._cancel_others(link, view.terms, kind, consent)
            except (RetryableError, OutcomeUnknownError):
                return SetupStart(SetupStanding.TRY_AGAIN)
            if not await self._is_good(link):  # one of them had succeeded meanwhile
                return SetupStart(SetupStanding.NOT_OFFERED)
            return await self._saving.start(link.customer_id, kind, consent)

    async def outcome(self, link: PaymentLink, setup_id: str) -> SetupOutcome:
        """Tells how a setup of this link stands, also when it has used the link up."""
        if not await self._is_own(link, setup_id):
            return SetupOutcome(SetupStanding.NOT_FOUND)
        return await self._saving.outcome(setup_id, link.customer_id, link.actor)

    async def prove(
        self, link: PaymentLink, setup_id: str, *, amounts: Sequence[int], code: str
    ) -> Proof:
        """Proves a bank account of this link by two amounts in minor units, or by a code."""
        if not (await self._is_good(link) and await self._is_own(link, setup_id)):
            return Proof.NOT_FOUND
        return await self._saving.prove(
            setup_id, link.customer_id, amounts=amounts, code=code, actor=link.actor
        )

    async def _cancel_others(
        self, link: PaymentLink, terms: Terms, kind: PaymentKind, consent: Consent
    ) -> None:
        for setup in await self._begun(link, terms):
            is_joined = (
                setup.kind is kind
                and setup.state in JOINABLE_SETUP_STATES
                and replace(setup.consent, given_at=consent.given_at) == consent
            )
            # Without an intent nobody has its client secret, so nobody can confirm it.
            if is_joined or not setup.intent_id:
                continue
            try:
                await self._asker.cancel(setup, link.actor)
            except NotFoundError:
                continue  # Stripe has forgotten it, with its customer

    async def _is_good(self, link: PaymentLink) -> bool:
        """Looks again: it may have been revoked or used up since the page was opened."""
        now = self._rooms.rooms.clock.now()
        known = await self._rooms.rooms.store.read(lambda unit: unit.link(link.id))
        return (
            known is not None
            and known.scope is LinkScope.CREDENTIAL
            and known.state(now) is LinkState.VALID
        )

    async def _begun(self, link: PaymentLink, terms: Terms) -> Sequence[Setup]:
        return await self._rooms.rooms.store.read(
            lambda unit: unit.live_setups_of(terms.account, link.customer_id, actor=link.actor)
        )

    async def _is_own(self, link: PaymentLink, setup_id: str) -> bool:
        setup = await self._rooms.rooms.store.read(lambda unit: unit.setup(setup_id))
        return setup is not None and setup.consent.actor == link.actor
