"""Goes through the customers that Stripe has: finds ours, ours twice, and ours that are gone.

What is found twice is only reported. A customer without a mapping is adopted when its metadata
carries our installation, as after an answer that was lost; e-mail addresses prove nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.customer_sync import Phase, SeenPage, SyncRound
from splynx_stripe.domain.errors import NotFoundError, NotPermittedError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.customer_sync_rooms import CustomerSyncRooms
from splynx_stripe.flows.customer_sync_telling import Telling
from splynx_stripe.flows.ports import Unit

log = logging.getLogger(__name__)

_UNSEEN = "?"
"""The cursor of an account whose list was read to its end; no id of Stripe is like that."""

_UNSEEN_AT_ONCE = 20


class Sighting:
    """Does the second phase of a round, one step at a time."""

    def __init__(self, rooms: CustomerSyncRooms, telling: Telling) -> None:
        self._rooms = rooms
        self._telling = telling

    async def step(self, sync_round: SyncRound) -> SyncRound:
        """Reads a page, or looks after those that were on none; gives the round as it was saved.

        Raises:
            RetryableError, OutcomeUnknownError: Stripe cannot be asked now; call again later.
            RejectedError, BrokenInvariantError: a person has to look.
        """
        account, after = self._place(sync_round)
        if account is None:
            now = self._rooms.clock.now()
            done = replace(sync_round, phase=Phase.DONE, cursor="", finished_at=now, note="")
            return await self._save(done)
        try:
            if after == _UNSEEN:
                return await self._look_after_unseen(account, sync_round)
            return await self._read_page(account, after, sync_round)
        except NotPermittedError as error:
            skipped = {"account": account.key, "error": str(error)}
            log.warning("sync.account_skipped", extra=skipped)
            return await self._save(self._behind(account, sync_round))

    def _place(self, sync_round: SyncRound) -> tuple[StripeAccount | None, str]:
        """Gives the account that is next, and from behind which customer; None when all are done."""
        key, _, after = sync_round.cursor.partition("|")
        for account in sorted(self._rooms.accounts(), key=lambda one: one.key):
            if account.key == key and after:
                return account, after
            if account.key > key:
                return account, ""
        return None, ""

    async def _read_page(
        self, account: StripeAccount, after: str, sync_round: SyncRound
    ) -> SyncRound:
        try:
            page = await self._rooms.stripe.customer_page(account, after=after)
        except NotFoundError:  # the customer at which we stopped was deleted: from the beginning
            page = await self._rooms.stripe.customer_page(account, after="")
        moved = replace(sync_round, cursor=f"{account.key}|{page.next_after or _UNSEEN}")
        return await self._rooms.store.run(lambda unit: self._note(unit, account, page, moved))

    def _note(
        self, unit: Unit, account: StripeAccount, page: SeenPage, sync_round: SyncRound
    ) -> SyncRound:
        """Notes a page in one unit, with the cursor."""
        now = self._rooms.clock.now()
        adopted = 0
        for seen in page.customers:
            customer = seen.splynx_customer_of(self._rooms.origin.installation_id)
            if not customer:
                continue
            unit.save_sighting(account, seen, customer, sync_round)
            if unit.adopt_stripe_customer(account, customer, seen.id):
                adopted += 1
                facts = {
                    "customer": str(customer),
                    "account": account.key,
                    "stripe_customer": seen.id,
                }
                unit.record(AuditEntry(now, "customer.adopted", self._rooms.actor, facts=facts))
        return unit.save_sync_round(_counted(sync_round, Counter(adopted=adopted)))

    async def _look_after_unseen(self, account: StripeAccount, sync_round: SyncRound) -> SyncRound:
        """Asks for those that no page had: deleted ones are forgotten, new ones are noted."""
        unseen = await self._rooms.store.read(
            lambda unit: unit.unseen_customers(account, sync_round, _UNSEEN_AT_ONCE)
        )
        counts: Counter[str] = Counter()
        for mapped in unseen:
            seen = await self._rooms.stripe.find_customer(account, mapped.stripe_customer_id)
            if seen is None:
                counts[await self._telling.forget(mapped)] += 1
                continue
            customer = mapped.splynx_customer_id
            await self._rooms.store.run(
                lambda unit, seen=seen, customer=customer: unit.save_sighting(  # type: ignore[misc]  # defaults bind the loop's values
                    account, seen, customer, sync_round
                )
            )
        if unseen:
            return await self._save(_counted(sync_round, counts))
        moved = self._behind(account, sync_round)

        def work(unit: Unit) -> SyncRound:
            unit.forget_sightings_before(account, sync_round)
            return unit.save_sync_round(moved)

        return await self._rooms.store.run(work)

    def _behind(self, account: StripeAccount, sync_round: SyncRound) -> SyncRound:
        return replace(sync_round, cursor=f"{account.key}|")

    async def _save(self, sync_round: SyncRound) -> SyncRound:
        return await self._rooms.store.run(lambda unit: unit.save_sync_round(sync_round))


def _counted(sync_round: SyncRound, counts: Counter[str]) -> SyncRound:
    total = Counter(sync_round.counts) + counts
    return replace(sync_round, counts=dict(total))
