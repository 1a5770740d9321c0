"""Takes over what customers saved with the add-on that was in use before.

It wrote a Stripe customer and a card into each customer's row of Splynx's payment accounts. Such a
row is believed only as far as Stripe confirms it: the card has to belong to that Stripe customer of
the partner's account. A customer is never found by e-mail. Looking changes nothing; applying twice,
or again after an interruption, does no more than applying once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import CredentialOwner, Slot
from splynx_stripe.domain.errors import BrokenInvariantError, NotFoundError, RejectedError
from splynx_stripe.domain.payment_account import PaymentAccountRow, RowWord, ours, word_in
from splynx_stripe.domain.payment_method import PaymentMethod
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.save_credential import By, Saving, keep_credential

ACTOR = "migration"
_STRIPE_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}")
_PAYMENT_METHOD = re.compile(r"(pm|card|ba|src)_[A-Za-z0-9_]{1,250}")


class Finding(StrEnum):
    """What Stripe says about a row, and so what is done with it."""

    GOOD = "good"
    EXPIRED = "expired"
    ALREADY = "already"
    NO_TOKENS = "no_tokens"
    NO_CUSTOMER = "no_customer"
    NO_ACCOUNT = "no_account"
    SHARED = "shared"
    STRIPE_CUSTOMER_MISSING = "stripe_customer_missing"
    METHOD_MISSING = "method_missing"
    NOT_OFFERED = "not_offered"
    REMOVED = "removed"
    FAILED = "failed"


TAKEN_OVER = frozenset({Finding.GOOD, Finding.EXPIRED})
"""The findings whose row becomes a credential. An expired card too: banks often renew silently."""

SENTENCES = {
    Finding.GOOD: "Stripe has it, and it belongs to this Stripe customer",
    Finding.EXPIRED: "Stripe has it, but the card has expired",
    Finding.ALREADY: "it is saved here already",
    Finding.NO_TOKENS: "the row holds no Stripe customer (cus_…) and card (pm_…, card_…)",
    Finding.NO_CUSTOMER: "Splynx has no such customer any more",
    Finding.NO_ACCOUNT: "this partner has no Stripe account in the settings",
    Finding.SHARED: "several customers of Splynx have this Stripe customer; decide by hand",
    Finding.STRIPE_CUSTOMER_MISSING: "this Stripe account does not have that customer",
    Finding.METHOD_MISSING: "that Stripe customer does not have this card or account (any more)",
    Finding.NOT_OFFERED: "it is of a type that cannot be charged here",
    Finding.REMOVED: "the customer has removed it here",
    Finding.FAILED: "it could not be found out",
}


@dataclass(frozen=True, slots=True)
class MigrationRow:
    """One row of Splynx and what is to be done about it. `problem` explains FAILED."""

    customer_id: int
    slot: Slot
    stripe_customer_id: str
    payment_method_id: str
    finding: Finding
    is_applied: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A row, where it was found, and the tokens in it."""

    row: PaymentAccountRow
    slot: Slot
    title: str
    stripe_customer_id: str
    payment_method_id: str


class MigrateCredentials:
    """Looks through Splynx's payment accounts, and takes over what is good."""

    def __init__(self, rooms: CredentialRooms) -> None:
        self._rooms = rooms

    async def run(
        self, partner_terms: Iterable[Terms], *, apply: bool
    ) -> AsyncIterator[MigrationRow]:
        """Gives row after row as it is looked at and, with `apply`, taken over.

        Raises:
            RetryableError, OutcomeUnknownError, NotPermittedError: Splynx or Stripe cannot be asked
                now. What was applied stays; run it again, it goes on where it stopped.
        """
        candidates = await self._candidates(partner_terms)
        owners = Counter(
            token
            for token, _ in {
                (one.stripe_customer_id, one.row.customer_id)
                for one in candidates
                if one.stripe_customer_id
            }
        )
        for one in candidates:
            yield await self._look(one, apply=apply, is_shared=owners[one.stripe_customer_id] > 1)

    async def _candidates(self, partner_terms: Iterable[Terms]) -> Sequence[_Candidate]:
        titles = {
            (title.strip(), slot)
            for terms in partner_terms
            for title, slot in (
                (terms.payment_account, Slot.CARD),
                (terms.bank_payment_account, Slot.BANK),
            )
        }
        found = []
        for account in await self._rooms.accounts.payment_accounts():
            slots = [slot for title, slot in sorted(titles) if title == account.title]
            if slots:
                rows = await self._rooms.accounts.all_payment_account_rows(account.id)
                found += [self._candidate(row, slots[0], account.title) for row in rows]
        return sorted(found, key=lambda one: (one.row.customer_id, one.slot))

    def _candidate(self, row: PaymentAccountRow, slot: Slot, title: str) -> _Candidate:
        words = self._rooms.rules.row_words()
        customer = word_in(row.fields, RowWord.CUSTOMER, words)
        method = word_in(row.fields, RowWord.PAYMENT_METHOD, words)
        return _Candidate(
            row=row,
            slot=slot,
            title=title,
            stripe_customer_id=customer if _STRIPE_CUSTOMER.fullmatch(customer) else "",
            payment_method_id=method if _PAYMENT_METHOD.fullmatch(method) else "",
        )

    async def _look(self, one: _Candidate, *, apply: bool, is_shared: bool) -> MigrationRow:
        shown = MigrationRow(
            customer_id=one.row.customer_id,
            slot=one.slot,
            stripe_customer_id=one.stripe_customer_id,
            payment_method_id=one.payment_method_id,
            finding=Finding.SHARED,
        )
        if not one.stripe_customer_id or not one.payment_method_id:
            return replace(shown, finding=Finding.NO_TOKENS)
        if is_shared:
            return shown
        try:
            return await self._judge(one, shown, apply=apply)
        except NotFoundError:
            return replace(shown, finding=Finding.METHOD_MISSING)
        except BrokenInvariantError as error:
            return replace(shown, finding=Finding.FAILED, problem=str(error))

    async def _judge(self, one: _Candidate, shown: MigrationRow, *, apply: bool) -> MigrationRow:
        customer = await self._rooms.rooms.splynx.customer(one.row.customer_id)
        if customer is None:
            return replace(shown, finding=Finding.NO_CUSTOMER)
        terms = self._rooms.rooms.terms.terms(customer.partner_id)
        if terms is None or _title(terms, one.slot) != one.title:
            return replace(shown, finding=Finding.NO_ACCOUNT)
        known = await self._known(terms, one)
        if known is not None:
            return replace(shown, finding=known)
        method = await self._method(terms, one)
        if method is None or method.kind is None or method.kind.is_bank != (one.slot is Slot.BANK):
            return replace(shown, finding=Finding.NOT_OFFERED)
        if apply:
            owner = CredentialOwner(
                account=terms.account,
                partner_id=customer.partner_id,
                splynx_customer_id=customer.id,
                stripe_customer_id=one.stripe_customer_id,
            )
            await self._take_over(owner, method, one)
        return replace(shown, finding=self._finding(method), is_applied=apply)

    async def _known(self, terms: Terms, one: _Candidate) -> Finding | None:
        """Gives what is known without the card itself; None where the card has to be looked at."""
        known = await self._rooms.rooms.store.read(
            lambda unit: unit.last_credential_of_method(terms.account, one.payment_method_id)
        )
        if known is not None and known.owner.splynx_customer_id != one.row.customer_id:
            return Finding.SHARED
        if known is not None:
            return Finding.ALREADY if known.is_present else Finding.REMOVED
        exists = await self._rooms.stripe.stripe_customer_exists(
            terms.account, one.stripe_customer_id
        )
        return None if exists else Finding.STRIPE_CUSTOMER_MISSING

    async def _method(self, terms: Terms, one: _Candidate) -> PaymentMethod | None:
        try:
            return await self._rooms.stripe.retrieve_payment_method(
                terms.account, one.payment_method_id, customer=one.stripe_customer_id
            )
        except NotFoundError:
            raise
        except RejectedError as error:
            if error.code:  # a source or bank account of an older API, which is no PaymentMethod
                return None
            raise

    def _finding(self, method: PaymentMethod) -> Finding:
        if method.card is None:
            return Finding.GOOD
        is_over = method.card.months_left(self._rooms.rooms.clock.now()) < 0
        return Finding.EXPIRED if is_over else Finding.GOOD

    async def _take_over(
        self, owner: CredentialOwner, method: PaymentMethod, one: _Candidate
    ) -> None:
        rooms = self._rooms.rooms
        by = By(rooms.clock.now(), ACTOR)
        consent = Consent(
            given_at=by.now,
            way=ConsentWay.IMPORTED,
            actor=ACTOR,
            wording_version="",
            wording="Given to the add-on that was in use before; its record is there.",
        )
        saving = Saving(owner, method, consent, is_verified=True)
        row = ours(one.row.fields, self._rooms.rules.row_words())

        def work(unit: Unit) -> None:
            keep_credential(unit, saving, self._rooms, by)
            if not unit.stripe_customer(owner.account, owner.splynx_customer_id):
                unit.save_stripe_customer(
                    owner.account, owner.splynx_customer_id, owner.stripe_customer_id
                )
            # What stands there is known now, so it is no longer taken for somebody's change.
            unit.adopt_mirror(owner.splynx_customer_id, one.slot, row)

        await rooms.store.run(work)


def _title(terms: Terms, slot: Slot) -> str:
    title = terms.bank_payment_account if slot is Slot.BANK else terms.payment_account
    return title.strip()
