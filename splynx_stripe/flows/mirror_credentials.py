"""Shows the default card and bank account of a customer in Splynx's payment accounts.

Theory. A row is not written because something happened but because it differs from what it should
show, so doing it twice, late or after a crash ends the same. What is about to be written is
committed before (`announced`): a row that is neither that nor what we wrote last was changed by
somebody else. It is left alone, and a case tells the office.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.credential import Credential, Slot, default_of
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.payment_account import (
    Mirror,
    MirrorVerdict,
    PaymentAccount,
    Row,
    mirror_verdict,
    ours,
    row_of,
)
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.ports import Unit
from splynx_stripe.kit.backoff import Backoff

log = logging.getLogger(__name__)

_RETRIES = Backoff(first_s=5, ceiling_s=3600)
_TRIES_BEFORE_A_CASE = 8
_DEFINITIONS_FOR_S = 300.0
"""How long the list of payment accounts is believed: somebody adds one once in years."""


class MirrorCredentials:
    """Brings rows of Splynx's payment accounts up to date."""

    def __init__(self, rooms: CredentialRooms) -> None:
        self._rooms = rooms
        self._definitions: list[PaymentAccount] = []
        self._definitions_until = 0.0

    async def bring_up_to_date(self, mirror: Mirror) -> None:
        """Does one claimed row; whatever happens is written down for the next try."""
        try:
            await self._do(mirror)
        except StaleWriteError:
            log.warning("mirror.claim_lost", extra=_named(mirror))
        except (RetryableError, OutcomeUnknownError, NotPermittedError) as error:
            await self._later(mirror, str(error))
        except (RejectedError, BrokenInvariantError) as error:
            await self._hold(mirror, f"Splynx refused it: {error}")

    async def _do(self, mirror: Mirror) -> None:
        rooms = self._rooms.rooms
        customer = await rooms.splynx.customer(mirror.splynx_customer_id)
        terms = rooms.terms.terms(customer.partner_id) if customer else None
        if terms is None:  # gone, or nobody of this partner can be charged
            await self._release(mirror)
            return
        account = await self._account(terms, mirror.slot)
        credential, wanted = await self._wanted(mirror, terms)
        there = await self._rooms.accounts.payment_account_row(
            mirror.splynx_customer_id, account.id
        )
        verdict = mirror_verdict(
            there=ours(there, self._rooms.rules.row_words()),
            wanted=wanted,
            written=mirror.written,
            announced=mirror.announced,
        )
        if verdict is MirrorVerdict.HELD:
            await self._hold(mirror, _by_hand(account))
            return
        if verdict is MirrorVerdict.WRITE:
            mirror = await self._write(mirror, account, there, wanted)
        if mirror.sets_payment_method and credential is not None:
            await self._set_payment_method(mirror, terms, credential)
        await self._done(mirror, wanted)

    async def _account(self, terms: Terms, slot: Slot) -> PaymentAccount:
        """Finds the payment account by its title."""
        now = self._rooms.rooms.clock.monotonic()
        if now >= self._definitions_until:
            self._definitions = list(await self._rooms.accounts.payment_accounts())
            self._definitions_until = now + _DEFINITIONS_FOR_S
        title = terms.bank_payment_account if slot is Slot.BANK else terms.payment_account
        for one in self._definitions:
            if one.title == title.strip():
                return one
        self._definitions_until = 0.0
        known = ", ".join(repr(one.title) for one in self._definitions) or "none"
        raise NotFoundError(
            f"there is no payment account {title!r} (there are: {known}). Add it in Config →"
            " Finance → Payment accounts, or name another one in the settings."
        )

    async def _wanted(self, mirror: Mirror, terms: Terms) -> tuple[Credential | None, Row]:
        found = await self._rooms.rooms.store.read(
            lambda unit: unit.credentials_of(terms.account, mirror.splynx_customer_id)
        )
        credential = default_of(found, mirror.slot)
        bank = self._rooms.bank_of(credential) if credential else None
        row = row_of(credential, bank.last4 if bank else "", self._rooms.rules.row_words())
        return credential, row

    async def _write(
        self, mirror: Mirror, account: PaymentAccount, there: Row, wanted: Row
    ) -> Mirror:
        mirror = replace(mirror, announced=wanted)
        await self._rooms.rooms.store.run(lambda unit: unit.keep_mirror(mirror))
        words = self._rooms.rules.row_words()
        mine = ours(there, words)
        customer_id = mirror.splynx_customer_id
        if not wanted and mine == there:
            await self._rooms.accounts.clear_payment_account_row(customer_id, account.id)
        else:
            emptied = {name: "" for name in mine if name not in wanted}
            await self._rooms.accounts.set_payment_account_row(
                customer_id, account.id, {**wanted, **emptied}
            )
        read = await self._rooms.accounts.payment_account_row(customer_id, account.id)
        if ours(read, words) != wanted:
            raise RetryableError(
                f"Splynx accepted the row of payment account {account.title!r} and does not show it."
            )
        return mirror

    async def _set_payment_method(
        self, mirror: Mirror, terms: Terms, credential: Credential
    ) -> None:
        accounts, customer_id = self._rooms.accounts, mirror.splynx_customer_id
        name = terms.payment_method_for(credential.kind)
        method_id = await self._rooms.rooms.splynx.payment_method_id(name)
        if await accounts.customer_payment_method_id(customer_id) == method_id:
            return
        await accounts.set_customer_payment_method(customer_id, method_id)
        if await accounts.customer_payment_method_id(customer_id) != method_id:
            raise RetryableError(
                f"Splynx accepted {name!r} as the payment method of customer {customer_id} and does"
                " not show it."
            )

    async def _done(self, mirror: Mirror, wanted: Row) -> None:
        done = replace(
            mirror,
            written=wanted,
            announced=wanted,
            sets_payment_method=False,
            is_held=False,
            tries=0,
            last_error="",
        )
        now = self._rooms.rooms.clock.now()

        def work(unit: Unit) -> None:
            current = unit.mirror(mirror.splynx_customer_id, mirror.slot)
            asked_again = current is not None and current.changes != mirror.changes
            keeps = asked_again and current is not None and current.sets_payment_method
            unit.keep_mirror(replace(done, sets_payment_method=keeps))
            unit.release_mirror(mirror, due_at=None)
            unit.close_case(
                CaseKind.PAYMENT_ACCOUNT_DIFFERS,
                _subject(mirror),
                now=now,
                note="Splynx shows what is saved.",
            )

        await self._rooms.rooms.store.run(work)

    async def _release(self, mirror: Mirror) -> None:
        await self._rooms.rooms.store.run(lambda unit: unit.release_mirror(mirror, due_at=None))

    async def _later(self, mirror: Mirror, problem: str) -> None:
        rooms = self._rooms.rooms
        tries = mirror.tries + 1
        wait_s = _RETRIES.delay_s(tries, rooms.dice)
        log.warning("mirror.retry", extra={**_named(mirror), "tries": tries, "error": problem})
        due_at = rooms.clock.now() + timedelta(seconds=wait_s)
        case = self._case(mirror, f"{problem} It is tried again until it succeeds.")

        def work(unit: Unit) -> None:
            current = unit.mirror(mirror.splynx_customer_id, mirror.slot) or mirror
            unit.keep_mirror(replace(current, claim=mirror.claim, tries=tries, last_error=problem))
            unit.release_mirror(mirror, due_at=due_at)
            if tries >= _TRIES_BEFORE_A_CASE:
                unit.open_case(case)

        await self._written(mirror, work)

    async def _hold(self, mirror: Mirror, problem: str) -> None:
        log.warning("mirror.held", extra={**_named(mirror), "error": problem})
        case = self._case(mirror, problem)

        def work(unit: Unit) -> None:
            current = unit.mirror(mirror.splynx_customer_id, mirror.slot) or mirror
            unit.keep_mirror(replace(current, claim=mirror.claim, is_held=True, last_error=problem))
            unit.release_mirror(mirror, due_at=None)
            unit.open_case(case)

        await self._written(mirror, work)

    async def _written(self, mirror: Mirror, work: Callable[[Unit], None]) -> None:
        try:
            await self._rooms.rooms.store.run(work)
        except StaleWriteError:
            log.warning("mirror.claim_lost", extra=_named(mirror))

    def _case(self, mirror: Mirror, problem: str) -> Case:
        return Case(
            kind=CaseKind.PAYMENT_ACCOUNT_DIFFERS,
            subject=_subject(mirror),
            opened_at=self._rooms.rooms.clock.now(),
            summary=f"Splynx does not show the saved {mirror.slot} of customer"
            f" {mirror.splynx_customer_id}: {problem} No money is involved; charging works by what"
            " is saved here.",
        )


def _by_hand(account: PaymentAccount) -> str:
    return (
        f"the payment account {account.title!r} of this customer was filled or emptied by somebody"
        " else (by hand, or by the add-on that was in use before). It was left as it is. If it is of"
        " the old add-on, run `splynx-stripe credentials migrate`; else empty the fields in Splynx,"
        " under Customer → Billing → Payment accounts, and save or move a card here again."
    )


def _subject(mirror: Mirror) -> str:
    return f"payment-account/{mirror.splynx_customer_id}/{mirror.slot}"


def _named(mirror: Mirror) -> dict[str, object]:
    return {"customer": mirror.splynx_customer_id, "slot": mirror.slot.value}
