"""Tells Stripe what changed about customers: each mapping by itself, only what was not sent yet.

A customer who is paying is left alone until that is over: Stripe locks what is being changed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.customer_sync import (
    BAD_EMAIL,
    CustomerDetails,
    MappedCustomer,
    PartnerFacts,
    Standing,
    customer_order,
    digest,
)
from splynx_stripe.domain.errors import (
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.stripe import StripeAccount, StripeCustomerOrder
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.customer_sync_rooms import CustomerSyncRooms
from splynx_stripe.flows.ports import Unit

log = logging.getLogger(__name__)

_TROUBLES_IN_A_ROW = 3
"""When so many cannot be told one after the other, it is not about them: Stripe is away."""


@dataclass(frozen=True, slots=True)
class Told:
    """How far a batch came. `trouble` is what ended it early; those after `last` are to be done."""

    counts: Counter[str]
    last: MappedCustomer
    trouble: Exception | None = None


class Telling:
    """Works on mappings. Companies are asked for once per object; make a new one per run."""

    def __init__(self, rooms: CustomerSyncRooms) -> None:
        self._rooms = rooms
        self._partners: dict[int, PartnerFacts] = {}
        self._closed: set[StripeAccount] = set()

    async def tell(self, batch: Sequence[MappedCustomer]) -> Told:
        """Does a batch of at least one. Who cannot be told now waits and is found again later.

        Raises:
            RetryableError, OutcomeUnknownError: Splynx cannot be asked now; nothing was done.
            RejectedError, BrokenInvariantError: a person has to look.
        """
        found = await self._rooms.splynx.customers_by_id([it.splynx_customer_id for it in batch])
        counts: Counter[str] = Counter()
        troubles = 0
        for mapped in batch:
            counts["checked"] += 1
            try:
                counts[await self._tell_one(mapped, found)] += 1
                troubles = 0
            except (RetryableError, OutcomeUnknownError) as error:
                counts[await self._wait(mapped, str(error))] += 1
                troubles += 1
                if troubles >= _TROUBLES_IN_A_ROW:
                    return Told(counts, mapped, error)
            except NotPermittedError as error:
                self._close(mapped.account, error)
                counts[await self._wait(mapped, str(error))] += 1
        return Told(counts, batch[-1])

    async def _tell_one(
        self, mapped: MappedCustomer, found: Mapping[int, CustomerDetails | None]
    ) -> str:
        """Does one and says in a word what was done."""
        details = found[mapped.splynx_customer_id]
        if details is None:
            return await self._stand(mapped, Standing.GONE)
        terms = self._rooms.terms.terms(details.customer.partner_id)
        if terms is None or terms.account != mapped.account:  # never mixed (I8)
            return await self._stand(mapped, Standing.MOVED)
        order = customer_order(details, await self._partner(terms), self._rooms.origin)
        told = digest(mapped.stripe_customer_id, order)
        if mapped.digest == told and mapped.standing is Standing.IN_STEP:
            return "unchanged"
        if mapped.account in self._closed:
            return await self._wait(mapped, "The key of this Stripe account does not permit it.")
        if await self._is_paying(mapped):
            return await self._wait(mapped, "The customer is paying just now.")
        return await self._send(replace(mapped, digest=told), order)

    async def _send(self, mapped: MappedCustomer, order: StripeCustomerOrder) -> str:
        try:
            note = await self._update(mapped, order)
        except NotFoundError:
            return await self.forget(mapped)
        except NotPermittedError:
            raise
        except RejectedError as error:
            await self._save(replace(mapped, standing=Standing.REFUSED, note=str(error)))
            log.warning(
                "sync.refused",
                extra={
                    "customer": mapped.splynx_customer_id,
                    "account": mapped.account.key,
                    "error": str(error),
                },
            )
            return "refused"
        told = replace(mapped, standing=Standing.IN_STEP, note=note)
        now = self._rooms.clock.now()
        facts = _facts(mapped)

        def work(unit: Unit) -> None:
            unit.save_customer_sync(told, now)
            unit.record(AuditEntry(now, "customer.told", self._rooms.actor, facts=facts))

        await self._rooms.store.run(work)
        return "sent"

    async def _update(self, mapped: MappedCustomer, order: StripeCustomerOrder) -> str:
        """Updates; an e-mail address that Stripe does not take must not hold up the rest."""
        stripe, at = self._rooms.stripe, (mapped.account, mapped.stripe_customer_id)
        try:
            await stripe.update_customer(*at, order)
        except RejectedError as error:
            if error.code != BAD_EMAIL or not order.email:
                raise
            await stripe.update_customer(*at, replace(order, email=""))
            return "Stripe does not take the e-mail address; it was left out."
        return ""

    async def forget(self, mapped: MappedCustomer) -> str:
        """Forgets a mapping to what was deleted in Stripe; the next use makes a new customer."""
        now = self._rooms.clock.now()
        facts = _facts(mapped)

        def work(unit: Unit) -> bool:
            if not unit.forget_stripe_customer(mapped):
                return False  # a payment has made a new one meanwhile
            unit.record(AuditEntry(now, "customer.forgotten", self._rooms.actor, facts=facts))
            return True

        return "forgotten" if await self._rooms.store.run(work) else "unchanged"

    async def _wait(self, mapped: MappedCustomer, why: str) -> str:
        await self._save(replace(mapped, standing=Standing.WAITING, note=why))
        return Standing.WAITING.value

    def _close(self, account: StripeAccount, error: NotPermittedError) -> None:
        if account not in self._closed:
            self._closed.add(account)
            skipped = {"account": account.key, "error": str(error)}
            log.warning("sync.account_skipped", extra=skipped)

    async def _stand(self, mapped: MappedCustomer, standing: Standing) -> str:
        if mapped.standing is standing:
            return "unchanged"
        # The digest goes: who comes back is told anew.
        await self._save(replace(mapped, standing=standing, digest="", note=""))
        return standing.value

    async def _save(self, mapped: MappedCustomer) -> None:
        now = self._rooms.clock.now()
        await self._rooms.store.run(lambda unit: unit.save_customer_sync(mapped, now))

    async def _is_paying(self, mapped: MappedCustomer) -> bool:
        return await self._rooms.store.read(
            lambda unit: unit.is_being_charged(mapped.account, mapped.stripe_customer_id)
        )

    async def _partner(self, terms: Terms) -> PartnerFacts:
        known = self._partners.get(terms.partner_id)
        if known is None:
            country = await self._country(terms.partner_id)
            known = PartnerFacts(country or terms.country, terms.language)
            self._partners[terms.partner_id] = known
        return known

    async def _country(self, partner_id: int) -> str:
        try:
            return (await self._rooms.companies.company(partner_id)).country_code
        except NotFoundError:
            return ""


def _facts(mapped: MappedCustomer) -> Mapping[str, str]:
    return {
        "customer": str(mapped.splynx_customer_id),
        "account": mapped.account.key,
        "stripe_customer": mapped.stripe_customer_id,
    }
